"""Profiles that the registry has, kept on this machine for when it is away."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from pathlib import Path
from typing import TypeVar

from session.registry_api import BadAnswerError, RegistryApi, RegistryApiError
from wire import AgentId, Profile

logger = logging.getLogger(__name__)

FETCH_TIMEOUT = 1.0
"""Seconds for asking and keeping. LiveKit waits 2.5 s for a worker's answer, and a human waits for LiveKit."""

KNOWN_TIMEOUT = 0.015
"""Seconds that a call waits for it when there is a last known profile: 20 ms, less what a busy event loop adds. The
answer still counts when it comes later: the call's own process reads the copy some 0.1 s after that."""

PAUSE = 10.0
"""Seconds in which a registry that did not answer is not asked again: one that swallows requests would cost
every caller a second."""

_QUICK = 0.1
"""Seconds. One that fails sooner, as one does that is being restarted, may be asked each time."""

_MOST_REMEMBERED = 1_000
"""Agents."""

_Value = TypeVar("_Value")


class FetchedProfiles:
    """Copies of the registry's profiles: ``<folder>/<agent id>.json``, readable by their owner only.

    Args:
        api: The registry.
        folder: Of the copies; made when there is one.
        known_timeout: Seconds that `refresh` waits when something is known already.
    """

    def __init__(self, api: RegistryApi, *, folder: Path, known_timeout: float = KNOWN_TIMEOUT) -> None:
        self._api = api
        self._folder = folder
        self._known_timeout = known_timeout
        self._etags: dict[AgentId, str] = {}
        self._without: dict[
            AgentId, None
        ] = {}  # the registry has said that it has none for them; oldest first
        self._asking: dict[AgentId, asyncio.Task[None]] = {}
        self._paused_until = float("-inf")
        self._is_failing = False

    async def refresh(self, agent_id: AgentId) -> None:
        """Make the copy what the registry has, or leave it as it is when that cannot be had in time. Never raises.

        Returns at once while the registry is known to be away, and soon when there is something to go on with: what it
        says then is taken when it comes.
        """
        asking = self._asking.get(agent_id)
        if asking is None:
            if asyncio.get_running_loop().time() < self._paused_until:
                return
            asking = asyncio.create_task(self._ask(agent_id), name="profile-fetch")
            self._asking[agent_id] = asking
            asking.add_done_callback(lambda _: self._asking.pop(agent_id, None))
        is_known = agent_id in self._without or self._path(agent_id).exists()
        await asyncio.wait({asking}, timeout=self._known_timeout if is_known else None)

    async def aclose(self) -> None:
        """Ask no further. May be called twice."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        if asking:
            await asyncio.wait(asking)

    async def _ask(self, agent_id: AgentId) -> None:
        began_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(FETCH_TIMEOUT):
                await self._refresh(agent_id)
        except BadAnswerError as error:
            logger.error(  # the one line says it all
                "the registry's profile cannot be used; the last known one counts",
                extra={"action": "profile.bad_answer", "agent_id": agent_id, "error": str(error)},
            )
        except OSError as error:  # a TimeoutError is one, and may be the disk's
            self._failed(str(error) or f"no answer within {FETCH_TIMEOUT:g} s", began_at)
        except RegistryApiError as error:
            self._failed(str(error), began_at)
        else:
            self._worked()

    async def _refresh(self, agent_id: AgentId) -> None:
        path = self._path(agent_id)
        etag = self._etags.get(agent_id) if path.exists() else None
        stored = await self._api.profile(agent_id, etag=etag, timeout=FETCH_TIMEOUT)
        if stored is None:
            return
        self._etags.pop(agent_id, None)
        self._without.pop(agent_id, None)
        if stored.profile is None:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            _remember(self._without, agent_id, None)
            return
        await asyncio.to_thread(_write, path, stored.profile)
        if stored.etag:
            _remember(self._etags, agent_id, stored.etag)

    def _path(self, agent_id: AgentId) -> Path:
        return self._folder / f"{agent_id}.json"

    def _failed(self, error: str, began_at: float) -> None:
        now = asyncio.get_running_loop().time()
        if now - began_at > _QUICK:
            self._paused_until = now + PAUSE
        if not self._is_failing:
            self._is_failing = True
            logger.warning(
                "profiles cannot be fetched from the registry; the last known ones count",
                extra={"action": "profile.away", "error": error},
            )

    def _worked(self) -> None:
        if self._is_failing:
            self._is_failing = False
            logger.info("profiles are fetched from the registry again", extra={"action": "profile.back"})


def _remember(known: dict[AgentId, _Value], agent_id: AgentId, value: _Value) -> None:
    known[agent_id] = value
    if len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]


def _write(path: Path, profile: Profile) -> None:
    """Replace the file at once: a call may be reading it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")  # 0600
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(profile.model_dump_json(exclude_unset=True))
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)  # only there when something failed
