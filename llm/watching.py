"""Looks for models and after them, in the background: one process of a host for all, the others read what it notes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from config import Settings
from llm.board import RENEW_INTERVAL, Board, Findings
from llm.discovery import Found
from llm.endpoints import Endpoint, configured, unique
from llm.pool import Member, Pool
from llm.probing import Prober

logger = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between two looks at what is due, and at what others have noted."""

NEARBY_INTERVAL = 2.0
"""Seconds between two looks at this machine while no model answers."""


class Discover(Protocol):
    """Finds endpoints; see `llm.discovery.Discovery`."""

    async def look(self, *, nearby_only: bool = False) -> Found: ...

    async def aclose(self) -> None: ...


class Watcher:
    """Keeps a pool true.

    Args:
        settings: Where endpoints are, and how often to look.
        pool: What is kept.
        discover: Finds endpoints on the network; None = only those of the settings.
        prober: Probes them.
        board: Shared with the other processes of this host; None = there is none.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        *,
        discover: Discover | None,
        prober: Prober,
        board: Board | None,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.troubles: tuple[str, ...] = ()
        """What went wrong when models were looked for, in words."""
        self._pool = pool
        self._discover = discover
        self._prober = prober
        self._board = board
        self._clock = clock
        self._found: tuple[Endpoint, ...] = ()
        self._told: Findings | None = None
        """What the process that watches has found, as far as it tells."""
        self._looked_at = float("-inf")
        self._looked_nearby_at = float("-inf")
        self._polled_at = clock()
        self._polls = 0
        self._renewed_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._is_watching = False
        self._is_listed_anew = False
        """There are endpoints whose notes nobody has read."""
        pool.on_state = self._note

    def begin(self) -> None:
        """Take the endpoints of the settings, and what others know of them. Quick: a caller may wait."""
        self._is_watching = self._board is None or self._board.try_to_watch()
        self._list()
        self._read()
        if self._is_watching:
            self._renew()

    async def run(self) -> None:
        """Watch, until cancelled."""
        try:
            while True:
                try:
                    self._tick()
                except Exception:
                    logger.exception("watching language models broke", extra={"action": "llm.watch"})
                await asyncio.sleep(TICK)
        finally:
            if self._looking is not None:
                self._looking.cancel()
                await asyncio.wait({self._looking})

    async def refresh(self, *, limit: float) -> None:
        """Look for endpoints and probe all, now; returns when that is done or `limit` seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                if self._discover is not None:
                    await self._look(self._discover, nearby_only=False)
                await self._prober.probe_all(limit=limit)

    async def reconfigure(self, settings: Settings, discover: Discover | None) -> None:
        """Take other settings, and what looks for models by them."""
        before, self._discover = self._discover, discover
        self.settings = settings
        self._polls = 0
        self._looked_at = float("-inf")
        self._list()
        self._adopt()
        if before is not None and before is not discover:
            await before.aclose()

    async def aclose(self) -> None:
        """Close what looks for models."""
        if self._discover is not None:
            await self._discover.aclose()

    @property
    def next_poll(self) -> float | None:
        """Seconds until distant endpoints are asked again for want of a model; None = they are not."""
        if self._pool.is_available or not self._may_poll():
            return None
        return max(0.0, self._polled_at + self.settings.agent_llm_polling_interval - self._clock())

    def _tick(self) -> None:
        self._is_watching = self._board is None or self._board.try_to_watch()
        self._read()
        if self._is_watching or self._is_on_its_own:
            self._look_if_due()
        if self._is_watching:
            self._renew()
        if self.settings.agent_health_check_enabled:
            self._prober.probe_due(is_ours=self._is_ours)

    def _is_ours(self, member: Member) -> bool:
        """Nobody else probes it: this process watches, or the one that does has settings without it."""
        return self._is_watching or self._board is None or not self._board.is_watched(member)

    @property
    def _is_on_its_own(self) -> bool:
        """The process that watches searches elsewhere, or has found what it may not tell: keys are told to nobody."""
        return self._told is not None and not (
            self._told.is_whole and self._told.stamp == _stamp(self.settings)
        )

    def _look_if_due(self) -> None:
        """Begin a search whose time has come. There is one at a time."""
        now = self._clock()
        if self._looking is not None and not self._looking.done():
            return
        is_available = self._pool.is_available
        if is_available:
            self._polls, self._polled_at = 0, now
        is_first = self._looked_at == float("-inf")
        nearby_only = False
        if is_first or (is_available and now >= self._looked_at + self.settings.agent_discovery_interval):
            self._looked_at = now
        elif (
            not is_available
            and self._may_poll()
            and now >= self._polled_at + self.settings.agent_llm_polling_interval
        ):
            self._polls += 1
            self._polled_at = self._looked_at = now
        elif not is_available and now >= self._looked_nearby_at + NEARBY_INTERVAL:
            nearby_only = True
        else:
            return
        self._looked_nearby_at = now
        self._looking = asyncio.create_task(
            self._search(
                nearby_only=nearby_only, probes=not nearby_only and not is_available and not is_first
            ),
            name="llm-look",
        )

    def _may_poll(self) -> bool:
        most = self.settings.agent_llm_polling_max_attempts
        return self.settings.agent_llm_polling_enabled and (most == 0 or self._polls < most)

    async def _search(self, *, nearby_only: bool, probes: bool) -> None:
        try:
            if self._discover is not None:
                await self._look(self._discover, nearby_only=nearby_only)
            if probes:
                await self._prober.probe_all(limit=self.settings.agent_health_check_timeout * 2)
        except Exception:
            logger.exception("looking for language models broke", extra={"action": "llm.look"})

    async def _look(self, discover: Discover, *, nearby_only: bool) -> None:
        found = await discover.look(nearby_only=nearby_only)
        if not nearby_only and found.troubles != self.troubles:
            self.troubles = found.troubles
            for trouble in found.troubles:
                logger.warning("%s", trouble, extra={"action": "llm.not_found"})
        if found.endpoints != self._found:
            self._found = found.endpoints
            self._list()
            if self._board is not None and self._is_watching:
                self._board.write_found(self._found, stamp=_stamp(self.settings))

    def _list(self) -> None:
        """Those of the settings first. What is found and is in the settings too is the same server."""
        own = configured(self.settings)
        hosts = {one.host for one in own}
        found = [one for one in self._found if one.host not in hosts or one.deploy_id]
        self._pool.replace_all(unique([*own, *found]))
        self._is_listed_anew = True
        self._renewed_at = float("-inf")

    def _read(self) -> None:
        """Take what other processes have noted since the last look."""
        if self._is_watching:
            self._told = None
        if self._board is None or not (self._board.has_news() or self._is_listed_anew):
            return
        if not self._is_watching and (told := self._board.found()) is not None:
            self._told = told
            self._adopt()
        self._is_listed_anew = False
        now = self._clock()
        for member in self._pool.members():
            note = self._board.news(member)
            if note is None:
                continue
            self._pool.learn(member, note.models)
            if now - note.changed > member.told_at:
                self._pool.adopt(member, note.health(now=now))

    def _adopt(self) -> None:
        """Take what the process that watches has found, where it is what this one would find."""
        if self._told is not None and not self._is_on_its_own and self._told.endpoints != self._found:
            self._found = self._told.endpoints
            self._list()

    def _note(self, member: Member) -> None:
        if self._board is not None:
            self._board.write(member, now=self._clock())

    def _renew(self) -> None:
        now = self._clock()
        if self._board is None or now < self._renewed_at + RENEW_INTERVAL:
            return
        self._renewed_at = now
        self._board.write_watched(self._pool.members())
        self._board.write_found(self._found, stamp=_stamp(self.settings))
        self._board.forget_old()
        for member in self._pool.members():
            if member.told_at > float("-inf"):
                self._board.write(member, now=now)


def _stamp(settings: Settings) -> str:
    """The same for all processes that search alike. A hash: the backend's URL may hold a secret."""
    looks_around = settings.agent_auto_discovery
    told = (
        settings.agent_discovery_hosts if looks_around else (),
        settings.agent_discovery_ports,
        settings.llm_container_name,
        settings.agent_backend_url,
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]
