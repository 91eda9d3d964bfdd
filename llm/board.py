"""What the processes of one host tell each other about language models: small files in the state folder.

One of them, whoever holds the lock, looks for models and probes them; all of them write down what their own requests
have met. So a call knows from its first moment what the host knows, and a model is probed once and not by each call.
No key is written: an endpoint that needs one must stand in the settings of whoever uses it.
"""

from __future__ import annotations

import enum
import hashlib
import json
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import SecretStr

from config import NO_KEY
from llm.endpoints import Endpoint, Source
from llm.health import LONGEST_RATE_LIMIT, Health, State
from llm.pool import Member

logger = logging.getLogger(__name__)

FRESH = 60.0
"""Seconds after which a note that nobody has renewed is not believed any more."""

RENEW_INTERVAL = 15.0
"""Seconds between two renewals of the notes, by whoever watches."""

QUIET_PERIOD = FRESH
"""Seconds without a failure after which trouble is over: where one note fails and others do not, each gets its turn."""

_LONGEST = 1.2 * LONGEST_RATE_LIMIT
"""Seconds until a next try that are believed: no process writes more."""

_FOUND = "found.json"
_WATCHED = "watched.json"

_OLD = 86_400.0
"""Seconds after which a note that nobody has renewed is thrown away."""

_NOTE = re.compile(r"[0-9a-f]{24}(\.json|\.\d+\.tmp)")
"""Names of notes, and of drafts that a process has left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """How an endpoint was, by some process's account."""

    state: State
    reason: str
    failures: int
    changed: float
    """Seconds ago."""

    retry_in: float
    models: tuple[str, ...]

    def health(self, *, now: float) -> Health:
        """As our own knowledge, at `now` of our own clock."""
        return Health(
            state=self.state,
            reason=self.reason,
            since=now - self.changed,
            failures=self.failures,
            retry_at=now + self.retry_in,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the watching process has found on the network."""

    endpoints: tuple[Endpoint, ...]
    stamp: str
    """Of the settings that it searched by."""

    is_whole: bool
    """False = there is more, which needs a key."""


class _Way(enum.Enum):
    LOCK = "lock"  # finding out who watches
    READ = "read"
    WRITE = "write"


class Board:
    """One process's view of the host's notes.

    Args:
        folder: Shared by the processes of one host and user.
        wall: Seconds since 1970: the one clock that all of them have.
    """

    def __init__(self, folder: Path, *, wall: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._wall = wall
        self._lock = FileLock(folder / "watch.lock", thread_local=False)
        self._read_at: dict[str, tuple[int, int]] = {}
        self._seen: object = None
        """The folder when it was looked at last."""
        self._failed_at: dict[_Way, float] = {}
        """When each way that is in trouble failed last, by `wall`. The others may work: a full disk can be read."""

        self._watched: tuple[frozenset[str], float] = (frozenset(), 0.0)

    def try_to_watch(self) -> bool:
        """Become the one that looks for models and probes them, unless another process is. Repeatable."""
        is_ours = True
        try:
            if not self._lock.is_locked:
                self._make_folder()
                self._lock.acquire(timeout=0)
        except Timeout:
            is_ours = False
        except (OSError, NotImplementedError) as error:  # the latter where a file system has no locks
            self._failed(_Way.LOCK, error)
            return True  # nobody can be told, so everybody has to look for themselves
        self._worked(_Way.LOCK)
        return is_ours

    def close(self) -> None:
        """Let another process watch."""
        self._lock.release()

    def has_news(self) -> bool:
        """Whether anything was written since this was last asked. Looks at the folder alone, and not at each note."""
        try:
            with os.scandir(self._folder) as entries:
                inodes = frozenset((entry.name, entry.inode()) for entry in entries)
            seen = self._folder.stat().st_mtime_ns, inodes
        except OSError:
            return True  # whoever reads says what is wrong
        is_news = seen != self._seen
        self._seen = seen
        return is_news

    # -- one endpoint

    def write(self, member: Member, *, now: float) -> None:
        """Note how an endpoint is. A folder that cannot be written is logged, once until it can be."""
        health, wall = member.health, self._wall()
        self._write(
            _name(member.endpoint),
            {
                "id": member.endpoint.id,
                "state": health.state.value,
                "reason": health.reason,
                "failures": health.failures,
                "changed_at": wall - max(0.0, now - max(member.told_at, health.since)),
                "retry_at": wall + max(0.0, health.retry_at - now),
                "models": member.models,
                "written_at": wall,
            },
        )

    def news(self, member: Member) -> Note | None:
        """What others have noted since this was last asked; None = nothing new, or nothing fresh."""
        stored = self._read_if_new(_name(member.endpoint))
        if stored is None:
            return None
        try:
            wall = self._wall()
            if not wall - FRESH <= float(stored["written_at"]) <= wall + FRESH:
                return None
            return Note(
                state=State(stored["state"]),
                reason=str(stored["reason"]),
                failures=int(stored["failures"]),
                changed=max(0.0, wall - float(stored["changed_at"])),
                retry_in=min(max(0.0, float(stored["retry_at"]) - wall), _LONGEST),
                models=tuple(str(name) for name in stored["models"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    # -- who is watched

    def write_watched(self, members: Iterable[Member]) -> None:
        """Note which endpoints the watching process knows."""
        names = [_name(member.endpoint) for member in members]
        self._write(_WATCHED, {"names": names, "written_at": self._wall()})

    def is_watched(self, member: Member) -> bool:
        """Whether the watching process knows this endpoint too. Its settings may be others than ours."""
        stored = self._read_if_new(_WATCHED)
        if isinstance(stored, dict):
            names, written_at = stored.get("names"), stored.get("written_at")
            if isinstance(names, list) and isinstance(written_at, int | float):
                self._watched = frozenset(map(str, names)), float(written_at)
        names_, written = self._watched
        return _name(member.endpoint) in names_ and abs(self._wall() - written) <= FRESH

    def forget_old(self) -> None:
        """Throw away notes that nobody has renewed for a day. By the clock of the file system, which dates them all."""
        try:
            now = (self._folder / _WATCHED).stat().st_mtime
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if _NOTE.fullmatch(entry.name) and now - entry.stat().st_mtime > _OLD:
                        Path(entry.path).unlink(missing_ok=True)
        except OSError:
            logger.debug("old notes on language models cannot be thrown away", exc_info=True)

    # -- what was found

    def write_found(self, endpoints: Iterable[Endpoint], *, stamp: str) -> None:
        """Note what was found on the network, but for what needs a key.

        Args:
            endpoints: That were found.
            stamp: Of the settings that were searched by.
        """
        listed = tuple(endpoints)
        found = [
            {
                "base_url": one.base_url,
                "model": one.model,
                "source": one.source.value,
                "kind": one.kind,
                "deploy_id": one.deploy_id,
                "models": one.models,
            }
            for one in listed
            if one.api_key == NO_KEY
        ]
        is_whole = len(found) == len(listed)
        self._write(
            _FOUND, {"endpoints": found, "stamp": stamp, "is_whole": is_whole, "written_at": self._wall()}
        )

    def found(self) -> Findings | None:
        """What the watching process has found; None = no news."""
        stored = self._read_if_new(_FOUND)
        try:
            if stored is None or not abs(self._wall() - float(stored["written_at"])) <= FRESH:
                return None
            endpoints = tuple(
                Endpoint(
                    base_url=str(one["base_url"]),
                    model=one["model"],
                    source=Source(one["source"]),
                    kind=str(one["kind"]),
                    deploy_id=one["deploy_id"],
                    models=tuple(one["models"]),
                )
                for one in stored["endpoints"]
            )
            return Findings(
                endpoints=endpoints, stamp=str(stored["stamp"]), is_whole=stored["is_whole"] is True
            )
        except (KeyError, TypeError, ValueError):
            return None

    # -- files

    def _read_if_new(self, name: str) -> Any:
        path = self._folder / name
        try:
            written = _version(path)
            is_new = self._read_at.get(name) != written
            self._read_at[name] = written
            content = json.loads(path.read_text()) if is_new else None
        except FileNotFoundError:
            content = None
        except (OSError, ValueError) as error:
            self._failed(_Way.READ, error)
            return None
        self._worked(_Way.READ)
        return content

    def _write(self, name: str, content: dict[str, Any]) -> None:
        path = self._folder / name
        try:
            self._make_folder()
            draft = path.with_suffix(f".{os.getpid()}.tmp")
            with open(draft, "w", opener=_for_us_alone) as file:
                file.write(json.dumps(content))
            draft.replace(path)
            self._read_at[name] = _version(path)
        except OSError as error:
            self._failed(_Way.WRITE, error)
        else:
            self._worked(_Way.WRITE)

    def _make_folder(self) -> None:
        """It says who is asked where, which is nobody else's business on this host."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(self._folder.stat().st_mode) & 0o077:
            with suppress(PermissionError):  # another user's, who has to know
                self._folder.chmod(0o700)

    def _failed(self, way: _Way, error: Exception) -> None:
        if not self._failed_at:
            logger.warning(
                "language models: what is known of them cannot be shared with other processes: %s",
                error,
                extra={"action": "llm.board"},
            )
        self._failed_at[way] = self._wall()

    def _worked(self, way: _Way) -> None:
        failed_at = self._failed_at.get(way)
        if failed_at is None or abs(self._wall() - failed_at) < QUIET_PERIOD:
            return
        del self._failed_at[way]
        if not self._failed_at:
            logger.info(
                "language models: what is known of them is shared with other processes again",
                extra={"action": "llm.board_back"},
            )


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _version(path: Path) -> tuple[int, int]:
    """Another one after each write. The time alone has steps of milliseconds, in which two processes may write."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino


def _name(endpoint: Endpoint) -> str:
    """Another key is another endpoint: what is refused with one may be allowed with the other."""
    key: SecretStr = endpoint.api_key
    told = f"{endpoint.id}|{endpoint.base_url}|{key.get_secret_value()}"
    return f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.json"
