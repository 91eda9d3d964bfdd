"""The page's routes: all that people look at."""

from __future__ import annotations

from fastapi import APIRouter

from registry.page.act_page import act_router
from registry.page.agent_page import agent_router
from registry.page.list_page import list_router
from registry.page.login import login_router
from registry.running import Registry


def page_router(registry: Registry) -> APIRouter:
    """All pages for people."""
    router = APIRouter(include_in_schema=False)
    for part in (list_router, agent_router, act_router, login_router):
        router.include_router(part(registry))
    return router
