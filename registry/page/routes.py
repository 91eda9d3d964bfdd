"""The page's routes: all that people look at."""

from __future__ import annotations

from fastapi import APIRouter

from registry.page.act_page import act_router
from registry.page.agent_page import agent_router
from registry.page.list_page import list_router
from registry.page.login import login_router
from registry.page.models_page import models_router
from registry.page.process_act_page import process_act_router
from registry.page.processes_page import processes_router
from registry.page.profile_import_page import profile_import_router
from registry.page.profile_page import profile_router
from registry.page.profiles_page import profiles_router
from registry.page.room_act_page import room_act_router
from registry.page.room_page import room_router
from registry.page.rooms_page import rooms_router
from registry.page.session_page import session_router
from registry.page.sessions_page import sessions_router
from registry.page.talk_page import talk_router
from registry.running import Registry


def page_router(registry: Registry) -> APIRouter:
    """All pages for people."""
    router = APIRouter(include_in_schema=False)
    for part in (
        list_router,
        agent_router,
        act_router,
        rooms_router,
        room_router,
        room_act_router,
        sessions_router,
        session_router,
        models_router,
        profiles_router,
        profile_import_router,
        profile_router,  # last of the three: its path takes what the others do not
        processes_router,
        process_act_router,
        login_router,
        talk_router,
    ):
        router.routes += part(registry).routes
    return router
