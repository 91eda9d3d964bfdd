"""What runs in a job's process: prepare it, take a job, end it."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing.util
import os
from typing import Any

import aiohttp
from livekit.agents import JobContext, JobProcess

from config import load_settings, resolve_providers, state_folder
from heartbeat.texts import one_line
from lifecycle import CloseReason, Watchdog
from llm.models import Models
from llm.tools import tools_for
from session import abilities, journal, logs, profiles, voice
from session.beat_facts import call_facts, host_of, row_id
from session.beating import Beating
from session.call import GOODBYE_TIMEOUT, Call
from session.conversation import Conversation
from session.fallbacks import Fallbacks
from session.measuring import local_usage
from session.own_agent import OwnAgent, own_settings
from session.recalling import BREAK, recall
from session.registry_api import registry_api
from session.reporting import Reporting
from session.requests import wanted_agent
from session.server_api import ServerApi
from session.thinking import build_model, with_chosen
from wire import Command, Order, Profile, SessionReport, resumes_in

logger = logging.getLogger(__name__)

_CALL = "roomkeeper.call"
_PREPARED = "roomkeeper.prepared"


def prepare(process: JobProcess) -> None:
    """Load what every call needs, while the process waits for one. At most 10 s."""
    process.userdata[_PREPARED] = voice.prepare(load_settings())


async def run(ctx: JobContext, *, profile: Profile | None = None) -> None:
    """Take a job: returns when the agent is in the room; `end` waits for the call's end.

    Args:
        profile: Of a worker that is one agent only; None = the one that is stored for the job's agent.
    """
    logs.quiet()
    agent_id = wanted_agent(ctx.job)
    ctx.log_context_fields = {"room": ctx.job.room.name, "job_id": ctx.job.id, "agent_id": agent_id}
    settings = load_settings()
    if profile is not None:
        settings = own_settings(settings, OwnAgent(agent_id=agent_id, profile=profile))
    else:
        profile = profiles.load_profile(
            agent_id, folder=state_folder() / "profiles", has_registry=settings.web_ui_url is not None
        )
    diary = journal.Journal(
        state_folder() / "journal" if settings.journal_days else None,
        job_id=ctx.job.id,
        keeps_text=profile.transcript,
    )
    diary.write({"event": "started", "room": ctx.job.room.name, "agent_id": agent_id})
    login = settings.livekit_login()
    providers = resolve_providers(settings)
    prepared: voice.Prepared = ctx.proc.userdata[_PREPARED]

    def open_http(**options: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=prepared.tls), **options)

    http = open_http()
    models = Models(
        with_chosen(settings, profile), board_folder=state_folder() / "llm", tls=lambda: prepared.tls
    )
    tools = tools_for(settings)
    await models.start()
    registry = registry_api(settings, tls=prepared.tls)
    resumes = resumes_in(ctx.job.metadata)
    reporting = Reporting(
        registry,
        SessionReport(
            agent_id=agent_id,
            row_id=one_line(row_id(agent_id, ctx.job.room.name), 200).strip(),
            room=one_line(ctx.job.room.name, 256),
            room_sid=ctx.job.room.sid,
            job_id=ctx.job.id,
            host=one_line(host_of(settings), 200),
            resumes=resumes,
        ),
        keeps_text=profile.transcript and settings.journal_days > 0,
        local_usage=local_usage(profile, providers),
    )
    loop = asyncio.get_running_loop()

    def leave(_: Command) -> None:
        """An operator's wish, in the sender's thread."""
        loop.call_soon_threadsafe(call.close, CloseReason.OPERATOR)

    beating = Beating(
        settings,
        describe=lambda: call_facts(
            call.state(),
            agent_id=agent_id,
            profile=profile,
            providers=providers,
            settings=settings,
            models=models,
        ),
        on_orders={Order.STOP: leave, Order.LEAVE: leave},
        goodbye_timeout=GOODBYE_TIMEOUT,
    )
    fallbacks = Fallbacks()  # its texts are told in the room
    model = build_model(models, profile, settings=models.settings, fallbacks=fallbacks)
    pipeline = voice.build_session(
        providers, profile, prepared, model=model, http=http, settings=settings, fallbacks=fallbacks
    )
    notes = abilities.notes_of(profile)
    notes.on_news = reporting.story.noted
    fallbacks.on_change = lambda: notes.fall_back(fallbacks.texts)
    notes.fall_back(fallbacks.texts)
    agent, companions = abilities.agent_of(profile, tools=tools, model=model, notes=notes)
    conversation = Conversation(
        pipeline,
        agent,
        models=models,
        tools=tools,
        http=http,
        greeting=abilities.greeting_of(profile, after_break=BREAK if resumes else None),
        on_said=(diary.take, reporting.take),
        companions=(*companions, *abilities.face_of(profile, login=login, notes=notes)),
        speaks=abilities.speaks(profile),
        recall=(lambda: recall(registry, resumes)) if resumes else None,
    )
    model.on_whole = conversation.answered
    reporting.story.follow(pipeline, ctx.room, models=models, trouble=conversation.trouble)
    call = Call(
        ctx,
        agent_id=agent_id,
        settings=settings,
        conversation=conversation,
        journal=diary,
        login=login,
        server_api=ServerApi(login, http=lambda: open_http(proxy=ctx.proc.http_proxy)),
        watchdog=Watchdog(),
        beating=beating,
        reporting=reporting,
        notes=notes,
    )
    models.subscribe(beating.tell)
    ctx.proc.userdata[_CALL] = call
    await call.start()


async def end(ctx: JobContext) -> None:
    """Wait until the agent has left, however the job came to its end, and set the exit code."""
    call: Call | None = ctx.proc.userdata.get(_CALL)
    if call is None:
        _exit_with(1)
        return
    reason = await call.finish()
    if reason.is_error:
        _exit_with(1)


def _exit_with(code: int) -> None:
    """End the process with `code` when everything else is done. multiprocessing has no other way to say it."""
    multiprocessing.util.Finalize(None, os._exit, args=(code,), exitpriority=-100)
