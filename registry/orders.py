"""What operators ask of agents, and what became of it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass

from registry.agents import Agent
from registry.errors import NotRunningError
from registry.fleet import Fleet
from wire import Command, Down, Order, Outcome

logger = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds that an order waits for an agent that has no line. A later one would surprise people."""

_N_OPEN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An order on its way."""

    id: str
    is_on_line: bool
    """It was sent at once; else it rides in the reply to the agent's next beat."""


class Orders:
    """Sends orders and writes down in the agent's history who gave them, why, and what came of it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._open: dict[str, tuple[Order, str]] = {}  # command id → order, who gave it
        self._asked: dict[str, asyncio.Future[Outcome]] = {}

    def give(self, agent: Agent, order: Order, *, reason: str, by: str) -> Sent:
        """Send an order to an agent.

        Raises:
            NotRunningError: There is no process that could take it.
        """
        status = agent.verdict.status
        beat = agent.beat
        if agent.line is None and (
            status.is_over or beat.status.value == "stopped" or agent.facts.is_restored
        ):
            raise NotRunningError(
                f"agent {agent.agent_id[:80]!r} is {status.value} and has no line, so nobody would take the order"
            )
        command = Command(id=uuid.uuid4().hex, order=order.value, reason=reason)
        is_on_line = self.send(agent, command)
        if len(self._open) >= _N_OPEN:
            self._open.pop(next(iter(self._open)))
        self._open[command.id] = (order, by)
        way = "on its line" if is_on_line else "with the reply to its next beat"
        self._fleet.note(agent, f"{order.value} asked by {by} ({way}): {reason}", by=by)
        logger.info(
            "an order was given",
            extra={"action": "order.given", "order": order.value, "agent_id": agent.agent_id, "way": way},
        )
        return Sent(id=command.id, is_on_line=is_on_line)

    def send(self, agent: Agent, command: Command) -> bool:
        """Send a command that nobody has to account for. Returns whether it went on the line."""
        if agent.line is not None:
            agent.line.send(Down(command=command))
            return True
        agent.orders.append((self._fleet.clock.monotonic() + PATIENCE, command))
        return False

    async def ask(self, agent: Agent, command: Command, *, timeout: float) -> Outcome | None:
        """Send a question on an agent's line and wait for its answer; None = there was none in time, or no line."""
        if agent.line is None:
            return None
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._asked[command.id] = answer
        try:
            async with asyncio.timeout(timeout):
                agent.line.send(Down(command=command))
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._asked[command.id]

    def take_waiting(self, agent: Agent) -> tuple[Command, ...]:
        """The orders for the reply to this agent's beat. Each is told once."""
        now = self._fleet.clock.monotonic()
        commands = tuple(command for expires_at, command in agent.orders if now < expires_at)
        agent.orders.clear()
        return commands

    def outcome(self, agent: Agent, outcome: Outcome) -> None:
        """What an agent says became of an order. One that nobody gave is ignored."""
        asked = self._asked.get(outcome.id)
        if asked is not None:
            if not asked.done():
                asked.set_result(outcome)
            return
        given = self._open.pop(outcome.id, None)
        if given is None:
            return
        order, by = given
        word = "accepted" if outcome.ok else "refused"
        detail = f": {outcome.detail}" if outcome.detail else ""
        self._fleet.note(agent, f"{order.value} asked by {by} was {word}{detail}", by="agent")
