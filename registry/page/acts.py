"""What an operator can do with an agent from the page, each with a reason."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Mapping
from dataclasses import dataclass

from registry.agents import Agent
from registry.errors import BadRequestError
from registry.page.reasons import parse_why
from registry.page.words import isolated, name_of
from registry.records import Forced, Status
from registry.running import Registry
from wire import Kind, Order

FORCIBLE = (Status.RUNNING, Status.WARNING, Status.ERROR, Status.STOPPED, Status.OFFLINE)
"""What can be forced. The others say what nobody can know."""


class Act(enum.Enum):
    STOP = "stop"  # it ends now
    DRAIN = "drain"  # it takes no new work, and ends when it has none left
    LEAVE = "leave"  # a session leaves its room
    FORCE = "force"  # a status holds against its own beats
    UNLOCK = "unlock"  # its own beats count again
    REMOVE = "remove"  # it leaves the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An act, for people."""

    menu: str
    button: str
    explanation: str
    is_grave: bool = False
    """It ends something."""


WORDS = {
    Act.STOP: Words(
        menu="Stop…",
        button="Stop",
        explanation="It ends now: a call leaves its room, a worker ends its calls.",
        is_grave=True,
    ),
    Act.DRAIN: Words(
        menu="Drain…",
        button="Drain",
        explanation="It takes no new work, and ends when what it has is done.",
    ),
    Act.LEAVE: Words(
        menu="Leave the room…",
        button="Leave the room",
        explanation="It says goodbye to its room and ends. Humans in it stay behind without an agent.",
        is_grave=True,
    ),
    Act.FORCE: Words(
        menu="Force status…",
        button="Force status",
        explanation="The status that you set holds against the agent's own beats until somebody unlocks it.",
    ),
    Act.UNLOCK: Words(
        menu="Unlock status…",
        button="Unlock status",
        explanation="What the agent says of itself counts again.",
    ),
    Act.REMOVE: Words(
        menu="Remove…",
        button="Remove",
        explanation="It leaves the page; its history stays. If it still beats, it comes back.",
        is_grave=True,
    ),
}

_ORDERS = {Act.STOP: Order.STOP, Act.DRAIN: Order.DRAIN, Act.LEAVE: Order.LEAVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to be done, and why."""

    act: Act
    reason: str
    by: str
    status: Status | None = None
    """Of FORCE only."""

    health: int | None = None
    """Of FORCE only, 0 to 100; None = as computed."""

    even_alive: bool = False
    """Of REMOVE only: it may still live."""


def possible(agent: Agent) -> list[Act]:
    """What makes sense for an agent as it is, in the order of the menu."""
    acts = []
    if not agent.verdict.status.is_over or agent.line is not None or agent.facts.forced is not None:
        acts.append(Act.STOP)
        acts.append(Act.LEAVE if agent.beat.kind is Kind.SESSION else Act.DRAIN)
    acts.append(Act.FORCE)
    if agent.facts.forced is not None:
        acts.append(Act.UNLOCK)
    acts.append(Act.REMOVE)
    return acts


def parse_wish(act: Act, form: Mapping[str, str]) -> Wish:
    """What a form asks for.

    Raises:
        BadRequestError: Something is missing or wrong.
    """
    why = parse_why(form)
    if act is not Act.FORCE:
        return Wish(act=act, reason=why.reason, by=why.by, even_alive=form.get("alive") == "yes")
    status = next((each for each in FORCIBLE if each.value == form.get("status")), None)
    if status is None:
        raise BadRequestError("Choose the status that is to hold.")
    return Wish(act=act, reason=why.reason, by=why.by, status=status, health=_health(form.get("health", "")))


async def carry_out(registry: Registry, agent: Agent, wish: Wish) -> str:
    """Do it, and tell in one sentence what was done.

    Raises:
        RegistryError: It is not possible, or it cannot be made durable now.
    """
    name = isolated(name_of(agent.beat.name, agent.agent_id))
    order = _ORDERS.get(wish.act)
    if order is not None:
        sent = registry.orders.give(agent, order, reason=wish.reason, by=wish.by)
        way = "was sent to" if sent.is_on_line else "waits for the next beat of"
        return f"“{WORDS[wish.act].button}” {way} {name}."
    if wish.act is Act.UNLOCK and agent.facts.forced is None:
        return f"{name} was not forced."
    if wish.act is Act.REMOVE:
        durable = registry.fleet.remove(agent, by=wish.by, reason=wish.reason, even_alive=wish.even_alive)
        await asyncio.shield(durable)  # others wait for the same one
        return f"{name} was removed. Its history stays."
    forced = None
    if wish.status is not None:
        at = registry.fleet.clock.utc()
        forced = Forced(status=wish.status, health=wish.health, by=wish.by, reason=wish.reason, at=at)
    await asyncio.shield(registry.fleet.force(agent, forced, by=wish.by, reason=wish.reason))
    if wish.status is None:
        return f"{name} is unlocked: its own beats count again."
    return f"{name} is forced to {wish.status.value.upper()}."


def _health(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 3 or int(text) > 100:
        raise BadRequestError("Health is a whole number from 0 to 100, or nothing: then it is computed.")
    return int(text)
