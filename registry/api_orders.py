"""What programs and people may ask of agents and of what the registry believes of them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from registry.agents import Agent
from registry.api_answers import OrderGiven, Removed, json_response, order_given
from registry.api_requests import EvidenceBody, ForceBody, RemoveBody, UnlockBody, Words, read_words
from registry.errors import SupersededError
from registry.openapi import answers, takes
from registry.quoted_ids import AgentKey
from registry.records import Forced, Status
from registry.running import Registry
from registry.views import AgentView, agent_view
from wire import Order

ORDERS = {
    "stop": "POST",
    "drain": "POST",
    "leave": "POST",
    "remove": "POST",
    "evidence": "POST",
    "force-stop": "POST",
    "status": "PUT, DELETE",
}
"""Last parts of the paths here, and how they are asked for."""

_AGENT = "/agents/{agent_id:path}"


def add_orders(router: APIRouter, registry: Registry) -> None:
    """Add `/agents/{agent_id}/stop` and the like."""
    fleet = registry.fleet

    @router.post(_AGENT + "/stop", **_told(OrderGiven, Words, 409, status=202))
    async def stop(agent_id: AgentKey, request: Request) -> Response:
        """End now: a call leaves its room, a worker ends its calls."""
        return await _give(registry, agent_id, Order.STOP, request)

    @router.post(_AGENT + "/drain", **_told(OrderGiven, Words, 409, status=202))
    async def drain(agent_id: AgentKey, request: Request) -> Response:
        """Take no new work, and end when the work is done."""
        return await _give(registry, agent_id, Order.DRAIN, request)

    @router.post(_AGENT + "/leave", **_told(OrderGiven, Words, 409, status=202))
    async def leave(agent_id: AgentKey, request: Request) -> Response:
        """Leave the room."""
        return await _give(registry, agent_id, Order.LEAVE, request)

    @router.post(_AGENT + "/remove", **_told(Removed, RemoveBody, 409))
    async def remove(agent_id: AgentKey, request: Request) -> Response:
        """Forget an agent that is stopped, offline or unknown, but for its history."""
        body = await read_words(request, RemoveBody)
        durable = fleet.remove(fleet.get(agent_id), by=body.by, reason=body.reason, even_alive=body.force)
        await asyncio.shield(durable)
        return json_response(Removed(removed=True))

    @router.put(_AGENT + "/status", **_told(AgentView, ForceBody))
    async def force(agent_id: AgentKey, request: Request) -> Response:
        """Set an agent's status. It holds against the agent's own beats, until it is unlocked."""
        body = await read_words(request, ForceBody)
        agent = fleet.get(agent_id)
        forced = Forced(
            status=Status(body.status),
            health=body.health,
            by=body.by,
            reason=body.reason,
            at=fleet.clock.utc(),
        )
        return await _settled(registry, agent, fleet.force(agent, forced, by=body.by, reason=body.reason))

    @router.delete(_AGENT + "/status", **_told(AgentView, UnlockBody, may_be_empty=True))
    async def unlock(agent_id: AgentKey, request: Request) -> Response:
        """Let the agent's own status count again."""
        body = await read_words(request, UnlockBody, may_be_empty=True)
        agent = fleet.get(agent_id)
        if agent.facts.forced is None:
            return await _settled(registry, agent, None)
        return await _settled(registry, agent, fleet.force(agent, None, by=body.by, reason=body.reason))

    @router.post(_AGENT + "/evidence", **_told(AgentView, EvidenceBody, 409))
    async def testify(agent_id: AgentKey, request: Request) -> Response:
        """Tell what was seen of the agent's process, on its host."""
        body = await read_words(request, EvidenceBody)
        agent = fleet.get(agent_id)
        if body.incarnation != agent.beat.incarnation:
            raise SupersededError(
                f"incarnation: {body.incarnation!r} is not who has the id {agent_id[:80]!r} now "
                f"({agent.beat.incarnation!r}); look at that one's process"
            )
        return await _settled(registry, agent, _take_evidence(registry, agent, body))


def _told(
    answer: type, body: type, *errors: int, status: int = 200, may_be_empty: bool = False
) -> dict[str, Any]:
    """What FastAPI is told of a route here."""
    return {
        "tags": ["orders"],
        "status_code": status,
        "responses": answers(answer, 404, 413, *errors, status=status),
        "openapi_extra": takes(body, may_be_empty=may_be_empty),
    }


async def _give(registry: Registry, agent_id: str, order: Order, request: Request) -> Response:
    words = await read_words(request, Words)
    sent = registry.orders.give(registry.fleet.get(agent_id), order, reason=words.reason, by=words.by)
    return json_response(order_given(sent), status=202)


def _take_evidence(registry: Registry, agent: Agent, body: EvidenceBody) -> asyncio.Future[None]:
    match body.evidence:
        case "process_gone":
            return registry.fleet.tell_gone(agent, cause=body.reason, by=body.by)
        case "process_present":
            return registry.fleet.tell_present(agent, by=body.by)
        case "inactive":
            cause = f"{body.by} says that it does nothing: {body.reason}"
            return registry.fleet.tell_inactive(agent, cause=cause, by=body.by)


async def _settled(registry: Registry, agent: Agent, durable: asyncio.Future[None] | None) -> Response:
    """The agent, when what was said of it is durable."""
    if durable is not None:
        await asyncio.shield(durable)  # others wait for the same one
    return json_response(agent_view(agent, registry.fleet.clock, with_prompt=True))
