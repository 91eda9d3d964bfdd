"""A pretend agent: it beats as a real one does, obeys orders, says goodbye. For trying out and for demonstrations.

By plain requests only, and not on a line: so it is also what an agent in another language has to do at the least.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from cli.client import Client
from cli.errors import CommandError, RefusedError, UnreachableError
from cli.following import next_delay
from wire import Beat, CallFacts, Deployment, Guest, Hint, Kind, Order, Said

GOODBYE_TIMEOUT = 2.0
"""Seconds that the last beat may take."""

_ENDING = (Order.STOP.value, Order.DRAIN.value, Order.LEAVE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What an agent pretends to be."""

    agent_id: str
    name: str
    status: Said
    host: str
    deployment: Deployment = Deployment.LOCAL
    hints: tuple[Hint, ...] = ()
    room: str | None = None
    n_humans: int = 0
    interval: float | None = None
    """Seconds between two beats; None = as the registry's reply says."""

    process_started_at: float = 0.0
    """On the loop's clock."""


def beat_of(role: Role, *, incarnation: str, sequence: int, now: float, began_at: float) -> Beat:
    """One beat. Moments are on the loop's clock; `began_at` is when the pretending began."""
    call = None
    if role.room is not None:
        call = CallFacts(
            room=role.room,
            phase="active" if role.n_humans else "starting",
            humans=tuple(Guest(identity=f"guest-{n + 1}") for n in range(role.n_humans)),
            since=now - began_at,
            llm="pretend",
        )
    return Beat(
        agent_id=role.agent_id,
        incarnation=incarnation,
        sequence=sequence,
        status=role.status,
        kind=Kind.PROGRAM if call is None else Kind.SESSION,
        name=role.name,
        description="A pretend agent of `roomkeeper demo-agent`",
        process_id=os.getpid(),
        process_age=max(0.0, now - role.process_started_at),
        host=role.host,
        deployment=role.deployment,
        interval=role.interval,
        reason=None
        if role.status in (Said.RUNNING, Said.STARTING)
        else f"it pretends to be in {role.status.value}",
        hints=role.hints,
        call=call,
    )


class Actor:
    """Plays one role until it is ordered to end, or cancelled.

    Args:
        tell: Called with a line for the person who watches.
    """

    def __init__(self, client: Client, role: Role, *, tell: Callable[[str], None]) -> None:
        self._client = client
        self._role = role
        self._tell = tell
        self._incarnation = str(uuid.uuid4())
        self._sequence = 0
        self._failures = 0
        self._is_known = False
        """The registry has taken a beat."""

        self._began_at = 0.0

    async def run(self) -> None:
        """Beat, and say goodbye in the end.

        Raises:
            CommandError: The first beat was not taken, and waiting does not help.
        """
        self._began_at = asyncio.get_running_loop().time()
        reason = "the demonstration is over"
        try:
            reason = await self._beat_until_ordered()
        finally:
            if self._is_known:
                await self._say_goodbye(reason)

    async def _beat_until_ordered(self) -> str:
        while True:
            try:
                reply = await self._client.beat(self._beat())
            except RefusedError as error:
                await self._bear(error)
                continue
            except UnreachableError as error:
                if not self._is_known:
                    raise
                await self._wait_for_registry(str(error), next_delay(self._failures))
                continue
            if not self._is_known:
                self._say(f"beats at {self._client.url}, offline after {reply.ttl:g} s of silence")
            elif self._failures:
                self._say("the registry answers again")
            self._is_known, self._failures = True, 0
            for command in reply.commands:
                if command.order in _ENDING:
                    return f"{command.order} ordered: {command.reason}"
                self._say(f"was ordered to {command.order}, which a pretend agent cannot do")
            await asyncio.sleep(self._role.interval or reply.interval)

    async def _say_goodbye(self, reason: str) -> None:
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT):
                await self._client.beat(self._beat(Said.STOPPED, reason))
        except (TimeoutError, CommandError):
            self._say(f"ends without a goodbye, which nobody took ({reason})")
        else:
            self._say(f"said goodbye ({reason})")

    async def _bear(self, error: RefusedError) -> None:
        """Make the best of a refusal. Raises it when there is nothing to be made of it."""
        if error.code == "superseded" and "~" not in self._role.agent_id:
            renamed = f"{self._role.agent_id[:190]}~{self._incarnation[:4]}"
            self._say(f"another process has this id; goes on as {renamed}")
            self._role = replace(self._role, agent_id=renamed)
        elif error.retry_after is not None:
            await self._wait_for_registry(str(error), error.retry_after)
        else:
            raise error

    async def _wait_for_registry(self, why: str, delay: float) -> None:
        if not self._failures:
            self._say(f"{why}; tries again")
        self._failures += 1
        await asyncio.sleep(delay)

    def _say(self, words: str) -> None:
        self._tell(f"{self._role.agent_id}: {words}")

    def _beat(self, status: Said | None = None, reason: str | None = None) -> Beat:
        self._sequence += 1
        beat = beat_of(
            self._role if status is None else replace(self._role, status=status),
            incarnation=self._incarnation,
            sequence=self._sequence,
            now=asyncio.get_running_loop().time(),
            began_at=self._began_at,
        )
        return beat if reason is None else msgspec.structs.replace(beat, reason=reason[:500])


async def play(client: Client, roles: list[Role], *, tell: Callable[[str], None]) -> None:
    """Play all roles until each has ended."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for role in roles:
                tasks.create_task(Actor(client, role, tell=tell).run(), name=f"demo-{role.agent_id}")
    except* CommandError as group:
        raise group.exceptions[0] from None
