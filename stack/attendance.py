"""Who was in which room, and when: LiveKit's list of participants, asked again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from livekit import api
from livekit.protocol.models import ParticipantInfo

from stack.rooms import AGENT, Rooms
from stack.until import until

_ACTIVE = ParticipantInfo.State.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a room looked like from `at` on, until the next look."""

    at: float
    """When the answer came, in the loop's time."""
    agents: tuple[str, ...] = ()
    """Identities of the agents that are active, not of those that are just joining."""
    humans: tuple[str, ...] = ()
    is_known: bool = True
    """False = LiveKit did not answer."""


def spans(looks: Sequence[Look], *, end: float) -> Iterator[tuple[float, float, Look]]:
    """Each look with the moments from which and until which it held; the last until `end`."""
    for index, look in enumerate(looks):
        yield look.at, looks[index + 1].at if index + 1 < len(looks) else end, look


def most_agents(looks: Sequence[Look], *, since: float, end: float, dead: Collection[str] = ()) -> int:
    """Most agents at once between two moments.

    Args:
        dead: Identities of killed ones, which LiveKit lists for another 20 s.
    """
    return max(
        (
            sum(one not in dead for one in look.agents)
            for start, until_at, look in spans(looks, end=end)
            if until_at > since and start < end
        ),
        default=0,
    )


def longest_double(looks: Sequence[Look], *, since: float, end: float, dead: Collection[str] = ()) -> float:
    """Seconds of the longest time without a break in which two agents or more were there."""
    longest = current = 0.0
    for start, until_at, look in spans(looks, end=end):
        is_double = sum(one not in dead for one in look.agents) > 1
        current = current + max(0.0, min(until_at, end) - max(start, since)) if is_double else 0.0
        longest = max(longest, current)
    return longest


def first_agent(looks: Sequence[Look], *, after: float, not_one_of: Collection[str] = ()) -> float | None:
    """When an agent, other than some, was first seen at or after `after`; None = never."""
    for start, _, look in spans(looks, end=float("inf")):
        if start >= after and set(look.agents) - set(not_one_of):
            return start
    return None


def last_seen(looks: Sequence[Look], identity: str, *, end: float) -> float | None:
    """Until when an agent was on the list; `end` when it still is. None = it never was."""
    seen = [until_at for _, until_at, look in spans(looks, end=end) if identity in look.agents]
    return seen[-1] if seen else None


def settled_at(looks: Sequence[Look], *, dead: Collection[str] = ()) -> float | None:
    """Since when exactly one agent has been there without a break; None = that is not so."""
    since = None
    for look in looks:
        if sum(one not in dead for one in look.agents) != 1:
            since = None
        elif since is None:
            since = look.at
    return since


def human_since(looks: Sequence[Look], *, after: float) -> float | None:
    """When a human was first seen at or after `after`; None = never."""
    return next((look.at for look in looks if look.at >= after and look.humans), None)


class Attendance:
    """Looks at all rooms of `watch`, as a context manager. Only changes are kept.

    Args:
        interval: Seconds between two looks; a room costs the server about a millisecond each time.
    """

    def __init__(self, rooms: Rooms, *, interval: float = 0.02) -> None:
        self.dead: set[str] = set()
        """Identities of agents that were killed; whoever kills puts them here."""
        self._rooms = rooms
        self._interval = interval
        self._looks: dict[str, list[Look]] = {}
        self._task: asyncio.Task[None] | None = None

    def watch(self, *rooms: str) -> None:
        for room in rooms:
            self._looks.setdefault(room, [])

    def forget(self, *rooms: str) -> None:
        """Look no more at these rooms, and drop what was seen."""
        for room in rooms:
            self._looks.pop(room, None)

    def looks(self, room: str) -> list[Look]:
        """All changes so far, oldest first."""
        return list(self._looks.get(room, ()))

    def latest(self, room: str) -> Look:
        """How it was at the last look."""
        looks = self._looks.get(room)
        return looks[-1] if looks else Look(at=0.0, is_known=False)

    def living(self, room: str) -> list[str]:
        """The agents at the last look, without those that were killed."""
        return [one for one in self.latest(room).agents if one not in self.dead]

    async def agent_in(
        self, room: str, *, timeout: float, not_one_of: Collection[str] = ()
    ) -> tuple[str, float]:
        """An agent that is there, other than some and than killed ones, and since when it has been seen.

        Raises:
            LateError: None came.
        """

        def look() -> tuple[str, float] | None:
            agents = [one for one in self.living(room) if one not in not_one_of]
            return (agents[0], self.latest(room).at) if agents else None

        return await until(look, timeout=timeout, what=f"an agent in {room}", interval=self._interval / 2)

    async def aclose(self) -> None:
        """May be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="attendance")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _run(self) -> None:
        while True:
            await asyncio.gather(*map(self._look_at, list(self._looks)))
            await asyncio.sleep(self._interval)

    async def _look_at(self, room: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            participants = await self._rooms.participants(room)
        except (aiohttp.ClientError, api.TwirpError, TimeoutError):
            look = Look(at=loop.time(), is_known=False)
        else:
            look = _look(participants, at=loop.time())
        looks = self._looks.get(room)
        if looks is not None and (not looks or not _is_same(looks[-1], look)):
            looks.append(look)


def _look(participants: Sequence[ParticipantInfo], *, at: float) -> Look:
    active = [one for one in participants if one.state == _ACTIVE]
    return Look(
        at=at,
        agents=tuple(sorted(one.identity for one in active if one.kind == AGENT)),
        humans=tuple(
            sorted(
                one.identity
                for one in active
                if one.kind == ParticipantInfo.Kind.STANDARD and not one.permission.hidden
            )
        ),
    )


def _is_same(one: Look, other: Look) -> bool:
    return (one.agents, one.humans, one.is_known) == (other.agents, other.humans, other.is_known)
