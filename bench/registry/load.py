"""The load generator in `bench/load`, built and run, with its results as values."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TypeVar

import msgspec

from config import cache_folder
from stack.errors import StackError

_SOURCE = Path(__file__).resolve().parent.parent / "load"
_BUILD_TIMEOUT = 300.0
_OVERTIME = 60.0
"""Seconds that a run may take longer than it was asked to, for answers that come late."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One run of requests."""

    requests: int
    """Answered with 200."""

    statuses: dict[str, int]
    samples: dict[str, str]
    """The first body of each status that is not 200."""

    broken: int
    """Requests without an answer."""

    error: str
    seconds: float
    rate: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    cpu_seconds: float
    """Of the generator itself."""

    def check(self) -> Summary:
        """Itself.

        Raises:
            StackError: Not every request was answered with 200.
        """
        if self.broken or self.statuses.keys() - {"200"} or not self.requests:
            raise StackError(
                f"the load was not served: statuses {self.statuses}, {self.broken} broken, {self.error} {self.samples}"
            )
        return self


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One run of readers of the stream of changes."""

    readers: int
    """That were greeted."""

    events: dict[str, int]
    agents: int
    """In the events of all readers."""

    bytes: int
    broken: int
    error: str
    seconds: float
    cpu_seconds: float


_T = TypeVar("_T", Summary, Reading)


class Load:
    """The generator for one server.

    Args:
        target: `host:port` of the server.
        kind: `beats`, `etcd` or `redis`.
        connections: Kept-alive connections.
    """

    def __init__(
        self, binary: Path, target: str, *, kind: str = "beats", connections: int = 64, token: str = ""
    ) -> None:
        self._command = [str(binary)]
        self._common = ["-target", target, "-kind", kind, "-token", token]
        self._connections = connections

    async def register(self, agents: int, *, first: int = 0) -> Summary:
        """One request for each of `agents`, as fast as the answers come."""
        done = await self._requests("register", agents, first, 0)
        return done.check()

    async def register_and_kill(self, agents: int, *, kill: int, after: int, acked: Path) -> Summary:
        """`register`, and kill -9 process `kill` at the acknowledgement number `after`.

        Args:
            acked: Gets the ids of all that were acknowledged, one a line.
        """
        more = ("-kill", str(kill), "-kill-after", str(after), "-acked", str(acked))
        return await self._requests("register", agents, 0, 0, *more)

    async def closed(self, agents: int, *, seconds: float, changed: float = 0) -> Summary:
        """Every connection as fast as it can.

        Args:
            changed: Share of beats that change a fact.
        """
        done = await self._requests("closed", agents, 0, seconds, "-changed", str(changed))
        return done.check()

    async def open(
        self, agents: int, *, rate: float, seconds: float, changed: float = 0, first: int = 0
    ) -> Summary:
        """`rate` requests per second; latencies count from the moment at which a request was due."""
        more = ("-rate", str(rate), "-changed", str(changed))
        done = await self._requests("open", agents, first, seconds, *more)
        return done.check()

    async def read(self, readers: int, *, seconds: float, stalled: int = 0) -> Reading:
        """Readers of the stream of changes, of which `stalled` stop reading once they are greeted."""
        flags = ["-connections", str(readers), "-seconds", str(seconds), "-stalled", str(stalled)]
        done = await _run([*self._command, "read", *self._common, *flags], Reading, seconds + _OVERTIME)
        if done.broken or done.readers != readers:
            raise StackError(
                f"{done.readers} of {readers} readers were greeted, {done.broken} broke: {done.error}"
            )
        return done

    async def _requests(self, mode: str, agents: int, first: int, seconds: float, *more: str) -> Summary:
        flags = ["-connections", str(self._connections), "-agents", str(agents), "-first", str(first)]
        if seconds:
            flags += ["-seconds", str(seconds)]
        command = [*self._command, mode, *self._common, *flags, *more]
        return await _run(command, Summary, seconds + _OVERTIME)


async def build() -> Path:
    """The generator's program. Go's own cache makes this quick when nothing has changed.

    Raises:
        StackError: There is no Go, or the build fails.
    """
    go = shutil.which("go")
    if go is None:
        raise StackError(
            "go is not on PATH; the load generator needs Go 1.26 or later (Debian package golang-go)"
        )
    target = cache_folder() / "bench" / "load"
    target.parent.mkdir(parents=True, exist_ok=True)
    await _output([go, "build", "-o", str(target), "."], cwd=_SOURCE, timeout=_BUILD_TIMEOUT)
    return target


async def _run(command: list[str], kind: type[_T], limit: float) -> _T:
    return msgspec.json.decode(await _output(command, timeout=limit), type=kind)


async def _output(command: list[str], *, timeout: float, cwd: Path | None = None) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(timeout):
            out, errors = await process.communicate()
    except TimeoutError as error:
        raise StackError(f"{' '.join(command[:3])} took over {timeout:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise StackError(f"{' '.join(command[:3])} failed: {errors.decode(errors='replace').strip()}")
    return out
