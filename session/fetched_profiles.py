"""Profiles that the registry has, kept on this machine for when it is away."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from pathlib import Path

from session.registry_api import BadAnswerError, RegistryApi, RegistryApiError
from wire import AgentId, Profile

logger = logging.getLogger(__name__)

FETCH_TIMEOUT = 1.0
"""Seconds for asking and keeping. LiveKit waits 2.5 s for a worker's answer, and a human waits for LiveKit."""

PAUSE = 10.0
"""Seconds in which a registry that did not answer is not asked again: one that swallows requests would cost
every caller a second."""

_MOST_ETAGS = 1_000


class FetchedProfiles:
    """Copies of the registry's profiles: ``<folder>/<agent id>.json``, readable by their owner only.

    Args:
        api: The registry.
        folder: Of the copies; made when there is one.
    """

    def __init__(self, api: RegistryApi, *, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._etags: dict[AgentId, str] = {}
        self._paused_until = float("-inf")
        self._is_failing = False

    async def refresh(self, agent_id: AgentId) -> None:
        """Make the copy what the registry has, or leave it as it is when that cannot be had in time. Never raises."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._paused_until:
            return
        try:
            async with asyncio.timeout(FETCH_TIMEOUT):
                await self._refresh(agent_id)
        except BadAnswerError as error:
            logger.error(  # the one line says it all
                "the registry's profile cannot be used; the last known one counts",
                extra={"action": "profile.bad_answer", "agent_id": agent_id, "error": str(error)},
            )
        except OSError as error:  # a TimeoutError is one, and may be the disk's
            self._failed(str(error) or f"no answer within {FETCH_TIMEOUT:g} s")
        except RegistryApiError as error:
            self._failed(str(error))
        else:
            self._worked()

    async def _refresh(self, agent_id: AgentId) -> None:
        path = self._folder / f"{agent_id}.json"
        etag = self._etags.get(agent_id) if path.exists() else None
        stored = await self._api.profile(agent_id, etag=etag, timeout=FETCH_TIMEOUT)
        if stored is None:
            return
        self._etags.pop(agent_id, None)
        if stored.profile is None:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            return
        await asyncio.to_thread(_write, path, stored.profile)
        if stored.etag:
            self._etags[agent_id] = stored.etag
            if len(self._etags) > _MOST_ETAGS:
                del self._etags[next(iter(self._etags))]

    def _failed(self, error: str) -> None:
        self._paused_until = asyncio.get_running_loop().time() + PAUSE
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
