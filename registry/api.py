"""What programs ask the registry about agents. What they may ask of agents stands in `api_orders`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from registry.api_answers import AgentList, History, LogTail, Pulses, json_response, pulse
from registry.api_latencies import add_latencies
from registry.api_livekit import add_livekit
from registry.api_models import add_models
from registry.api_orders import ORDERS, add_orders
from registry.api_processes import add_processes
from registry.api_profiles import add_profiles
from registry.api_rooms import add_rooms
from registry.api_sessions import add_sessions
from registry.errors import BadRequestError, NoAnswerError, UnknownAgentError
from registry.events_route import EventStream, changes, log_lines
from registry.hidden import hidden_agent
from registry.openapi import EVENT_STREAM, answers
from registry.quoted_ids import AgentKey
from registry.records import Status
from registry.running import Registry
from registry.selection import Sort, Wanted, select
from registry.views import AgentView, RegistryView, agent_view, change_view
from rooms.tokens import Tokens
from rooms.webhooks import Webhooks
from wire import Deployment, Kind

LOGS_TIMEOUT = 2.0
"""Seconds that an agent has to send its last log lines."""

MOST_PULSES = 200

MOST_HIDDEN = 1_000
"""Agents of the database that are looked through for those that left the page: the ones heard last."""
_MAX_ROW_ID = 2**53

_STATUS = "|".join(status.value for status in Status)
_STATUSES = f"^(({_STATUS})(,({_STATUS}))*)?$"
"""For the description; `_statuses` says it in words."""

_Text = Annotated[str | None, Query(max_length=300)]


def api_router(registry: Registry) -> APIRouter:
    """`/api/agents…`, `/api/models`, `/api/livekit…`, `/api/sessions…`, `/api/status`, `/api/pulse`, `/api/events`."""
    # One router: FastAPI prepares the routes of a router in a router twice.
    router = APIRouter(prefix="/api", default_response_class=Response)
    _add_fleet(router, registry)
    add_models(router, registry.fleet)
    add_orders(router, registry)
    _add_rooms(router, registry)
    _add_agent(router, registry)  # last: its path takes what no other does
    return router


def _add_rooms(router: APIRouter, registry: Registry) -> None:
    utc = registry.fleet.clock.utc
    add_profiles(router, profiles=registry.store.profiles, utc=utc)
    keeper, sessions, rooms = registry.keeper, registry.sessions, registry.rooms
    login = None if rooms.off else rooms.login
    tokens = None if login is None else Tokens(login, agent_name=rooms.agent_name)
    webhooks = None if login is None else Webhooks(login, now=lambda: utc().timestamp())
    add_rooms(router, keeper=keeper, history=registry.store.rooms, sessions=sessions, utc=utc)
    add_livekit(router, keeper=keeper, tokens=tokens, webhooks=webhooks)
    add_sessions(router, sessions=sessions, keeper=keeper, tokens=tokens, prices=registry.prices)
    add_latencies(router, sessions=sessions, utc=utc)
    if registry.children is not None:
        add_processes(router, registry.children, registry.fleet)


def _add_fleet(router: APIRouter, registry: Registry) -> None:
    @router.get("/agents", tags=["fleet"], responses=answers(AgentList))
    async def list_agents(
        *,
        status: Annotated[
            str,
            Query(
                description="One or several, with commas. Empty = any.",
                examples=["running,warning"],
                json_schema_extra={"pattern": _STATUSES},
            ),
        ] = "",
        kind: Kind | None = None,
        deployment: Deployment | None = None,
        host: _Text = None,
        room: _Text = None,
        search: Annotated[
            str | None,
            Query(max_length=300, description="Part of the id, name, room, host, description or model."),
        ] = None,
        sort: Sort = "name",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
        hidden: Annotated[
            bool, Query(description="Also agents that left the page: of the 1,000 heard last.")
        ] = False,
    ) -> Response:
        """Agents, by name unless another order is asked for."""
        wanted = Wanted(
            statuses=_statuses(status),
            kind=kind,
            deployment=deployment,
            host=host or None,
            room=room or None,
            search=search or None,
        )
        agents = list(registry.fleet)
        clock = registry.fleet.clock
        if hidden:
            shown = {agent.agent_id for agent in agents}
            rows = await asyncio.to_thread(registry.store.load, newest=MOST_HIDDEN)
            agents += [hidden_agent(row, clock) for row in rows if row.agent_id not in shown]
        page, total = await asyncio.to_thread(select, agents, wanted, sort=sort, limit=limit, offset=offset)
        return json_response(
            AgentList(
                agents=[agent_view(agent, clock, with_models=True) for agent in page],
                total=total,
                limit=limit,
                offset=offset,
                registry=registry.view(),
            )
        )

    @router.get("/status", tags=["fleet"], responses=answers(RegistryView))
    async def show_registry() -> Response:
        """The registry itself: how many agents there are, and what it cannot know or do at the moment."""
        return json_response(registry.view())

    @router.get("/pulse", tags=["fleet"], responses=answers(Pulses))
    async def show_pulses(
        id: Annotated[
            list[str],
            Query(max_length=MOST_PULSES, description="An agent's id; repeat the parameter for more."),
        ] = [],  # noqa: B006  # FastAPI copies it
        ids: Annotated[str, Query(description="Ids that have no commas in them, with commas.")] = "",
    ) -> Response:
        """What changes with each beat, of up to 200 agents. Unknown ids are left out."""
        wanted = dict.fromkeys([*id, *(ids.split(",") if ids else [])])
        if len(wanted) > MOST_PULSES:
            raise BadRequestError(f"{len(wanted)} ids are asked for; at most {MOST_PULSES} are answered")
        found = [registry.fleet.find(agent_id) for agent_id in wanted]
        clock = registry.fleet.clock
        return json_response(
            Pulses(agents={agent.agent_id: pulse(agent, clock) for agent in found if agent is not None})
        )

    @router.get("/events", tags=["fleet"], responses={200: EVENT_STREAM})
    async def follow_fleet() -> Response:
        """Server-sent events: `hello` {registry}, then `agents` {agents, removed, registry} and `sessions` {sessions},
        by their ids, whenever something has changed, ten times a second at most; `reload` {} to a client that fell
        behind and has to list anew."""
        return EventStream(changes(registry))


def _add_agent(router: APIRouter, registry: Registry) -> None:
    @router.get("/agents/{agent_id:path}/history", tags=["agent"], responses=answers(History, 404))
    async def show_history(
        agent_id: AgentKey,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[
            int | None,
            Query(ge=1, le=_MAX_ROW_ID, description="Only changes with a smaller id: the last one's so far."),
        ] = None,
    ) -> Response:
        """Changes of an agent's status and what was done to it, the newest first. Also of agents that are gone."""
        rows = await registry.history(agent_id, limit=limit, before=before)
        if not rows and registry.fleet.find(agent_id) is None:
            is_known = before is not None and await registry.history(agent_id, limit=1)
            if not is_known:
                raise UnknownAgentError(f"no agent {agent_id[:80]!r} is known here, and none was")
        return json_response(History(changes=[change_view(row) for row in rows]))

    @router.get(
        "/agents/{agent_id:path}/logs",
        tags=["agent"],
        responses={**answers(LogTail, 404, 409, 504), 200: _LOGS},
    )
    async def show_logs(
        agent_id: AgentKey, accept: Annotated[str, Header(include_in_schema=False)] = ""
    ) -> Response:
        """The last lines of the process's log, which it is asked for now.

        As server-sent events, if `Accept` asks for `text/event-stream`: `start` {lines}, then `lines` {lines} as
        they come.
        """
        try:
            if "text/event-stream" not in accept:
                lines = await registry.tails.last(agent_id, timeout=LOGS_TIMEOUT)
                return json_response(LogTail(lines=lines))
            news = registry.tails.follow(agent_id, timeout=LOGS_TIMEOUT)
            _, start = await anext(news)
        except TimeoutError as error:
            raise NoAnswerError(
                f"agent {agent_id[:80]!r} has not sent its log within {LOGS_TIMEOUT:g} s; it may be stuck",
                retry_after=LOGS_TIMEOUT,
            ) from error
        return EventStream(log_lines(start, news))

    @router.get("/agents/{agent_id:path}", tags=["agent"], responses=answers(AgentView, 404))
    async def show_agent(agent_id: AgentKey) -> Response:
        """One agent, with its prompt."""
        before, _, last = agent_id.rpartition("/")
        if before and last in ORDERS and registry.fleet.find(agent_id) is None:
            raise HTTPException(
                405, f"{last} is asked for by {ORDERS[last]}", headers={"Allow": ORDERS[last]}
            )
        agent = registry.fleet.get(agent_id)
        return json_response(agent_view(agent, registry.fleet.clock, with_prompt=True, with_models=True))


_LOGS = {
    "description": "The last lines.",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/LogTail"}},
        **EVENT_STREAM["content"],
    },
}


def _statuses(text: str) -> frozenset[Status]:
    if not text:
        return frozenset()
    names = text.split(",")
    try:
        return frozenset(Status(name) for name in names)
    except ValueError as error:
        known = [status.value for status in Status]
        strange = next(name for name in names if name not in known)
        raise BadRequestError(f"status: {strange[:40]!r} is none; there are {', '.join(known)}") from error
