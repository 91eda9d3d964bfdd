"""The conversation, written turn by turn to this machine: one file of JSON lines for each call.

``<state folder>/journal/<YYYY-MM-DD>/<job id>.jsonl``, readable by its owner only. The first line holds
``{"at", "event": "started", "room", "agent_id"}``, each turn ``{"at", "role": "user" | "assistant", "text",
"interrupted"}`` (without its text where that is not kept), the last one
``{"at", "event": "ended", "reason", "usage"}``; `at` is UTC.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from session.utterance import Utterance

logger = logging.getLogger(__name__)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_MAX_WAITING = 1_000
"""Turns kept while the disk does not take them. Some hours of talk; a call never ends for want of a disk."""


def now_utc() -> datetime:
    return datetime.now(UTC)


class Journal:
    """One call's file. Writing never raises and never blocks the event loop.

    A turn that cannot be written waits for the next one; the trouble is logged once, and once more when
    it is over.

    Args:
        folder: The journal's own, with a folder for each day in it; None writes nothing.
        job_id: Names the file.
        keeps_text: Write what is said. Otherwise only who said something, and when.
        clock: Aware UTC time.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        job_id: str,
        keeps_text: bool = True,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._clock = clock
        self._keeps_text = keeps_text
        self._path = folder and folder / f"{clock():%Y-%m-%d}" / f"{_UNSAFE.sub('_', job_id)[:100]}.jsonl"
        self._waiting: list[str] = []
        self._changed = asyncio.Event()
        self._is_failing = False
        self._writing = asyncio.Lock()

    def write(self, line: Mapping[str, object]) -> None:
        """Take a line; `run` writes it. Safe to call from a synchronous callback."""
        if self._path is None:
            return
        self._waiting.append(json.dumps({"at": self._clock().isoformat(), **line}, ensure_ascii=False))
        del self._waiting[:-_MAX_WAITING]
        self._changed.set()

    def take(self, said: Utterance) -> None:
        """Take what was said, as `write`."""
        text = {"text": said.text} if self._keeps_text else {}
        self.write({"role": said.role, **text, "interrupted": said.interrupted})

    async def run(self) -> None:
        """Write what comes, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits, now. May be called twice."""
        async with self._writing:  # `run` and the end of a call may both be at it
            if self._waiting and self._path is not None:
                await self._write(self._path)

    async def _write(self, path: Path) -> None:
        lines = list(self._waiting)
        try:
            await asyncio.to_thread(_append, path, "\n".join(lines) + "\n")
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                logger.error(  # the one line says it all
                    "the conversation cannot be written; the call goes on",
                    extra={"action": "journal.failed", "path": str(path), "error": str(error)},
                )
            return
        del self._waiting[: len(lines)]
        if self._is_failing:
            self._is_failing = False
            logger.info("the conversation is written again", extra={"action": "journal.recovered"})


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(
        path, "a", encoding="utf-8", errors="replace", opener=_private
    ) as file:  # Path.open takes no opener
        file.write(text)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def forget(folder: Path, *, days: int, clock: Callable[[], datetime] = now_utc) -> int:
    """Delete the days that are more than `days` old, and say how many. Blocks; for a thread.

    A folder that is gone or is not ours to delete is passed over.
    """
    oldest = f"{clock() - timedelta(days=days):%Y-%m-%d}"
    n_deleted = 0
    with contextlib.suppress(OSError):
        for day in folder.iterdir():
            if _DAY.fullmatch(day.name) and day.name < oldest:
                with contextlib.suppress(OSError):
                    shutil.rmtree(day)
                    n_deleted += 1
    return n_deleted
