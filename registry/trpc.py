"""tRPC for clients that have it: their heartbeats, and what they ask about agents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter
from starlette.datastructures import Headers, QueryParams
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from registry.beats import read_body
from registry.errors import BadRequestError, MethodError, NoProcedureError, RegistryError
from registry.replies import as_json, send_json
from registry.running import Registry
from registry.selection import Wanted, select
from registry.trpc_heartbeat import beat_of, parse_heartbeat
from registry.trpc_wire import (
    METHODS,
    TRPC_PATH,
    Kind,
    Request,
    body_of,
    check,
    failure,
    inputs,
    status_of,
    success,
)
from registry.views import AgentView, agent_view
from wire import Command, Deployment
from wire.errors import describe

MAX_BODY_BYTES = 262_144
"""Several heartbeats with prompts may come in one batch."""

_AT_ONCE = 200
"""Agents that are put into words before others may go on."""

_T = TypeVar("_T")

Act = Callable[[object, str], Awaitable[object]]
"""Takes the input and the address that it came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    kind: Kind
    act: Act


class Taken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a heartbeat."""

    success: bool
    ttl: float
    interval: float
    commands: tuple[Command, ...]


class ListedAgent(AgentView, frozen=True, kw_only=True, rename="camel"):
    """An agent, with the names that tRPC clients have for some of it."""

    id: str
    deployment_mode: str


class ListInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0


class RemoveInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    agent_id: str
    reason: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class CleanupInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    older_than: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Seconds since the last heartbeat."""


def trpc_router(registry: Registry) -> APIRouter:
    """`/api/trpc/…`. Plain ASGI, because it has its own forms of requests, answers and errors."""
    router = APIRouter()
    router.routes.append(Route(TRPC_PATH + "{path:path}", _Trpc(_procedures(registry))))
    return router


def _procedures(registry: Registry) -> dict[str, Procedure]:
    fleet = registry.fleet
    clock = fleet.clock

    async def heartbeat(value: object, source: str) -> Taken:
        heartbeat = parse_heartbeat(value)
        beat = beat_of(heartbeat, fleet.find(heartbeat.agent_id))
        reply = await registry.beats.take(beat, source=source) or registry.beats.usual()
        return Taken(success=True, ttl=reply.ttl, interval=reply.interval, commands=reply.commands)

    async def listed(value: object, deployment: Deployment) -> list[ListedAgent]:
        asked = _parse(value, ListInput)
        wanted = Wanted(deployment=deployment)
        agents, _ = await asyncio.to_thread(
            select, list(fleet), wanted, sort="name", limit=asked.limit, offset=asked.offset
        )
        found = []
        for index, agent in enumerate(agents):
            if index % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            view = msgspec.structs.asdict(agent_view(agent, clock))
            found.append(ListedAgent(**view, id=agent.agent_id, deployment_mode=agent.beat.deployment.value))
        return found

    async def remove(value: object, _: str) -> dict[str, object]:
        asked = _parse(value, RemoveInput)
        agent = fleet.find(asked.agent_id)
        if agent is None:
            return {"success": True, "removed": False}
        # Also a living one: clients do this when they end. One that goes on comes back with its next heartbeat.
        reason = asked.reason or "asked by a tRPC client"
        await asyncio.shield(fleet.remove(agent, by="trpc", reason=reason, even_alive=True))
        return {"success": True, "removed": True}

    async def clean_up(value: object, _: str) -> dict[str, object]:
        older_than = _parse(value, CleanupInput).older_than
        now = clock.utc()
        over = [
            agent
            for agent in fleet
            if agent.verdict.status.is_over
            and agent.facts.forced is None
            and (now - agent.heard_at(clock)).total_seconds() >= older_than
        ]
        durable = [
            fleet.remove(agent, by="trpc", reason="cleaned up by a tRPC client", even_alive=False)
            for agent in over
        ]
        for future in dict.fromkeys(durable):
            await asyncio.shield(future)
        return {"success": True, "removed": len(over)}

    return {
        "localAgents.heartbeat": Procedure(kind="mutation", act=heartbeat),
        "localAgents.getAll": Procedure(kind="query", act=lambda value, _: listed(value, Deployment.LOCAL)),
        "localAgents.remove": Procedure(kind="mutation", act=remove),
        "localAgents.cleanup": Procedure(kind="mutation", act=clean_up),
        "agents.getDeployed": Procedure(kind="query", act=lambda value, _: listed(value, Deployment.CLOUD)),
    }


class _Trpc:
    """As an ASGI application."""

    def __init__(self, procedures: dict[str, Procedure]) -> None:
        self._procedures = procedures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        client = scope.get("client")
        try:
            request = await _read(scope, receive)
            check(request)
            self._check_kinds(request)
        except RegistryError as error:
            await _answer(send, error.http_status, failure(error, None))
            return
        results = await self._call_all(request, client[0] if client else "")
        answers = [
            failure(result, path) if isinstance(result, RegistryError) else success(result)
            for path, result in zip(request.paths, results, strict=True)
        ]
        statuses = [result.http_status if isinstance(result, RegistryError) else 200 for result in results]
        allowed = {METHODS[self._procedures[path].kind] for path in request.paths if path in self._procedures}
        headers = ((b"allow", ", ".join(sorted(allowed)).encode()),) if 405 in statuses else ()
        await _answer(send, status_of(statuses, request), body_of(answers, request), headers)

    def _check_kinds(self, request: Request) -> None:
        kinds = {self._procedures[path].kind for path in request.paths if path in self._procedures}
        if len(kinds) > 1:
            raise BadRequestError(f"cannot mix procedure types in one call: {', '.join(sorted(kinds))}")

    async def _call_all(self, request: Request, source: str) -> list[object]:
        """What each call gives, or the error that it ends with. At once, so that they wait for one commit."""
        try:
            values = inputs(request)
        except RegistryError as error:
            values = [error] * len(request.paths)
        calls = [
            self._call(path, request.method, value, source)
            for path, value in zip(request.paths, values, strict=True)
        ]
        return list(await asyncio.gather(*calls))

    async def _call(self, path: str, method: str, value: object, source: str) -> object:
        try:
            procedure = self._procedures.get(path)
            if procedure is None:
                known = ", ".join(self._procedures)
                raise NoProcedureError(f'no procedure found on path "{path[:80]}"; there are {known}')
            if method != METHODS[procedure.kind]:
                raise MethodError(
                    f'unsupported {method}-request to {procedure.kind} procedure at path "{path}"; '
                    f"send {METHODS[procedure.kind]}"
                )
            if isinstance(value, RegistryError):
                raise value
            return await procedure.act(value, source)
        except RegistryError as error:
            return error


def _parse(value: object, kind: type[_T]) -> _T:
    """The input of a procedure; none at all counts as ``{}``."""
    value = {} if value is None else value
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadRequestError(describe(error, msgspec.json.encode(value))) from error


async def _read(scope: Scope, receive: Receive) -> Request:
    headers, query = Headers(scope=scope), QueryParams(scope["query_string"])
    method: str = scope["method"]
    given = (
        query.get("input", "").encode() if method == "GET" else await read_body(receive, limit=MAX_BODY_BYTES)
    )
    return Request(
        path=scope["path_params"]["path"],
        method=method,
        is_batch=query.get("batch") == "1",
        input=given,
        content_type=headers.get("content-type", ""),
        accept=headers.get("trpc-accept") or headers.get("accept", ""),
    )


async def _answer(
    send: Send, status: int, body: object, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    # A stream's lines must end; JSON alone may.
    await send_json(
        send, status, as_json(body) + b"\n", headers=((b"vary", b"trpc-accept, accept"), *headers)
    )
