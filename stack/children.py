"""A child process that is started, watched and stopped with all that it started itself."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from stack.errors import LateError, StackError
from stack.until import until, until_answered

N_LAST_LINES = 15
"""Lines of a log that an error repeats: a traceback fits, a screen is not filled."""

_LINE = 240
"""Characters of such a line; JSON records are longer."""

_SWEEP_AFTER = 2.0
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# Looked up before any fork: between fork and exec nothing may be imported.
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


class Child:
    """One process in a process group of its own, with its output in a log file.

    On Linux it dies with the process that started it, even when that is killed with -9. Elsewhere only
    `stop` ends it. Not tied to an event loop: it may be started in one and stopped in another.

    Args:
        command: Program and arguments.
        name: What errors call it.
        log: File for stdout and stderr; appended to. Its folder must exist.
        env: Added to this process's environment; "" hides a variable from `.env` files as well.
        cwd: Working folder; None = this one.
        echo: Print what it writes, each line after its name.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        echo: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        self.left_behind: list[str] = []
        """Names of processes of the group that outlived the first one; `stop` fills it and ends them."""
        self._command = list(command)
        self._env = dict(env or {})
        self._cwd = cwd
        self._echo = echo
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0  # of this run in the file, in bytes

    @property
    def pid(self) -> int:
        if self._process is None:
            raise StackError(f"{self.name} was not started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; -9 after SIGKILL."""
        return None if self._process is None else self._process.poll()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, again if it has ended.

        Raises:
            StackError: It runs already, or the program cannot be executed.
        """
        if self.is_running:
            raise StackError(f"{self.name} already runs as {self.pid}")
        self.left_behind = []
        with self.log.open("ab") as log:
            self._log_start = log.seek(0, os.SEEK_END)
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self._env},
                    cwd=self._cwd,
                    start_new_session=True,
                    preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  # two system calls, no locks
                )
            except OSError as error:
                raise StackError(f"{self.name} cannot be started: {error}") from error
        if self._echo:
            threading.Thread(target=self._print_log, name=f"echo-{self.name}", daemon=True).start()

    async def ready(self, look: Callable[[], bool | Awaitable[bool]], *, timeout: float) -> None:
        """Wait until `look` says so.

        Raises:
            StackError: It ended before, or the limit passed; with the last lines of its log.
        """
        dead = False

        async def ready_or_dead() -> bool:
            nonlocal dead
            dead = not self.is_running
            if dead:
                return True
            seen = look()
            return seen if isinstance(seen, bool) else await seen

        try:
            await until_answered(ready_or_dead, timeout=timeout, what=f"{self.name} to be ready")
        except LateError as error:
            raise StackError(self.with_last_lines(str(error))) from error
        if dead:
            message = f"{self.name} ended with code {self.exit_code} before it was ready"
            raise StackError(self.with_last_lines(message))

    async def wait(self, *, timeout: float) -> int:
        """Its exit code, once it has ended by itself.

        Raises:
            LateError: It still runs at the limit.
        """
        await until(lambda: not self.is_running, timeout=timeout, what=f"{self.name} to end")
        assert self.exit_code is not None  # noqa: S101  # what `until` has just seen
        return self.exit_code

    async def stop(self, *, timeout: float = 10) -> int | None:
        """SIGTERM, then SIGKILL after the limit; then SIGKILL to what is left of its group.

        May be called twice, and before `start`.

        Returns:
            The exit code; None when it was never started.
        """
        if self._process is None:
            return None
        if self.is_running:
            self._process.terminate()
            try:
                await self.wait(timeout=timeout)
            except LateError:
                self._process.kill()
                await self.wait(timeout=5)
        await self._sweep()
        return self.exit_code

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait for the first process. May be called twice."""
        if self._process is None:
            return
        _signal_group(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=5)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the first process only; nothing happens when it has ended."""
        if self._process is not None:
            self._process.send_signal(number)

    def group(self) -> list[psutil.Process]:
        """The processes of its group that live, itself included."""
        return [] if self._process is None else _group(self._process.pid)

    def log_text(self) -> str:
        """What it wrote since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def with_last_lines(self, message: str) -> str:
        """`message`, where the log is, and its last lines."""
        lines = self.log_text().splitlines()[-N_LAST_LINES:] if self.log.exists() else []
        return "\n".join([f"{message}; log: {self.log}", *(f"  | {line[:_LINE]}" for line in lines)])

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _sweep(self) -> None:
        """End what is left of the group, and remember it."""
        with suppress(LateError):  # multiprocessing's helpers end a moment after their parent
            await until(lambda: not self.group(), timeout=_SWEEP_AFTER, what="the group to end")
        left = self.group()
        self.left_behind += [_describe(process) for process in left]
        if left and self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)

    def _print_log(self) -> None:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            while True:
                runs = self.is_running  # asked before reading, so that the last lines are not lost
                for line in log:
                    print(f"{self.name}: {line.decode(errors='replace').rstrip()}", flush=True)
                if not runs:
                    return
                time.sleep(0.2)


def _die_with(parent: int) -> Callable[[], None] | None:
    """For the child, between fork and exec: end when the parent ends."""
    if _PRCTL is None:
        return None
    prctl = _PRCTL

    def ask_the_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask_the_kernel


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # macOS answers "not permitted" for a group of which only a zombie is left.
        return


def _group(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return found


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:120]}"
    except psutil.Error:
        return f"{process.pid}"
