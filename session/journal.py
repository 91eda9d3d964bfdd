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

FORGET_INTERVAL = 3_600.0
"""Seconds between two looks for conversations that are too old. A worker may run for months."""

BEING_WRITTEN = 3_600.0
"""Seconds since its last line for which a file may be one of a call that goes on."""


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


async def keep_forgetting(folder: Path, *, days: int, clock: Callable[[], datetime] = now_utc) -> None:
    """`forget` now, and once an hour. Never returns."""
    while True:
        try:
            await asyncio.to_thread(forget, folder, days=days, clock=clock)
        except Exception:
            logger.exception(
                "old conversations cannot be deleted, it is tried again in an hour",
                extra={"action": "journal.not_forgotten"},
            )
        await asyncio.sleep(FORGET_INTERVAL)


def forget(folder: Path, *, days: int, clock: Callable[[], datetime] = now_utc) -> int:
    """Delete the days that are more than `days` old, and say how many. Blocks; for a thread.

    With 0 days that is everything. A file that was written to within `BEING_WRITTEN` stays for now: its call may go on,
    on a worker with another setting, or of one that drains with the setting of before. A folder that is gone or is
    not ours to delete is passed over.
    """
    now = clock()
    oldest = f"{now - timedelta(days=days):%Y-%m-%d}"
    n_deleted = 0
    with contextlib.suppress(OSError):
        for day in folder.iterdir():
            if _DAY.fullmatch(day.name) and (day.name < oldest or not days):
                with contextlib.suppress(OSError):
                    _forget_day(day, now=now.timestamp())
                    n_deleted += 1
    return n_deleted


def _forget_day(day: Path, *, now: float) -> None:
    """Raises `OSError` when something of it stays."""
    for file in day.iterdir():
        with contextlib.suppress(OSError):
            # A file of a moment that is to come is of a clock that was wrong, and of no call.
            if abs(now - file.stat().st_mtime) < BEING_WRITTEN:
                continue
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink()
    day.rmdir()  # no rmtree: a call may begin in it meanwhile
