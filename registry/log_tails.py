"""The last log lines of agents, for as long as somebody looks at them."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from registry.errors import NoLineError, UnknownAgentError
from registry.fleet import Fleet
from registry.orders import Orders
from wire import MAX_LOG_LINES, Command, LogLines, Order

LEASE = 15.0
"""Seconds that an agent sends new lines for. Renewed while somebody looks, so that a lost end costs little."""

QUIET = 15.0
"""Seconds without new lines after which a reader hears that there are none."""

_N_UNREAD = 100


@dataclass(slots=True, kw_only=True, eq=False)
class _Tail:
    renewing: asyncio.Task[None]
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_LOG_LINES))
    has_started: asyncio.Event = field(default_factory=asyncio.Event)
    readers: set[asyncio.Queue[tuple[str, ...] | None]] = field(default_factory=set)
    n_looking: int = 0


class LogTails:
    """Asks agents for their log lines, and hands them to readers. Keeps nothing when the last one has gone."""

    def __init__(self, fleet: Fleet, orders: Orders) -> None:
        self._fleet = fleet
        self._orders = orders
        self._tails: dict[str, _Tail] = {}
        self._is_over = False

    def take(self, agent_id: str, logs: LogLines) -> None:
        """Lines from an agent. Nobody looks: they are dropped."""
        tail = self._tails.get(agent_id)
        if tail is None:
            return
        if logs.is_start:
            tail.lines.clear()
        tail.lines.extend(logs.lines)
        if logs.is_start:
            tail.has_started.set()
        else:
            for reader in tail.readers:
                if not reader.full():
                    reader.put_nowait(logs.lines)

    async def last(self, agent_id: str, *, timeout: float) -> list[str]:
        """The last lines, oldest first.

        Raises:
            UnknownAgentError: There is no such agent.
            NoLineError: It cannot be asked.
            TimeoutError: It does not answer.
        """
        async with self._looking(agent_id) as tail, asyncio.timeout(timeout):
            await tail.has_started.wait()
            return list(tail.lines)

    async def follow(self, agent_id: str, *, timeout: float) -> AsyncGenerator[tuple[bool, list[str]], None]:
        """The last lines, and then new ones as they come: (whether these are the last ones so far, lines).

        No lines at all come after `QUIET`, so that whoever sends them on can see whether anybody still reads.
        Ends when the registry does. Raises as `last`.
        """
        async with self._looking(agent_id) as tail:
            async with asyncio.timeout(timeout):
                await tail.has_started.wait()
            news: asyncio.Queue[tuple[str, ...] | None] = asyncio.Queue(maxsize=_N_UNREAD)
            tail.readers.add(news)
            try:
                yield True, list(tail.lines)
                while not self._is_over:
                    lines: tuple[str, ...] | None = ()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(QUIET):
                            lines = await news.get()
                    if lines is not None:
                        yield False, list(lines)
            finally:
                tail.readers.discard(news)

    def end(self) -> None:
        """Let all readers end, because the registry does. May be called twice."""
        self._is_over = True
        for tail in self._tails.values():
            for reader in tail.readers:
                if not reader.full():  # else it sees at its next line that it is over
                    reader.put_nowait(None)

    @asynccontextmanager
    async def _looking(self, agent_id: str) -> AsyncIterator[_Tail]:
        self._ask(agent_id)
        tail = self._tails.get(agent_id)
        if tail is None:
            renewing = asyncio.create_task(self._renew(agent_id), name="registry-log-tail")
            tail = self._tails[agent_id] = _Tail(renewing=renewing)
        tail.n_looking += 1
        try:
            yield tail
        finally:
            tail.n_looking -= 1
            if not tail.n_looking:
                self._tails.pop(agent_id, None)
                tail.renewing.cancel()

    async def _renew(self, agent_id: str) -> None:
        while True:
            await asyncio.sleep(LEASE / 2)
            try:
                self._ask(agent_id)
            except (NoLineError, UnknownAgentError):
                continue  # it may open another one

    def _ask(self, agent_id: str) -> None:
        agent = self._fleet.get(agent_id)
        if agent.line is None:
            raise NoLineError(
                f"agent {agent_id[:80]!r} has no line to the registry, so its log cannot be asked for"
            )
        self._orders.send(agent, Command(id=uuid.uuid4().hex, order=Order.LOGS.value, seconds=LEASE))
