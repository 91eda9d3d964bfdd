"""One run of a process: started in a session of its own, read, waited for, and ended with all that it started.

On Linux it is told to end (SIGTERM) when the registry dies, however that dies. The kernel does so when the *thread*
that started it ends, so children are started on the event loop of the main thread, and nowhere else. macOS has nothing
of the kind: there, processes outlive a registry that is killed with -9, and have to be ended by hand.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from processes.errors import StartError
from processes.groups import is_group_there, signal_group
from processes.output import Output

LEFTOVERS_TIMEOUT = 5.0
"""Seconds that what a process started has to end after it. A call says goodbye in less."""

_LAST_OUTPUT_TIMEOUT = 0.5
"""Seconds for reading what was written before the end. The pipe stays open if somebody else holds it."""

_POLL = 0.02

_WINDOW = 0.1
_MOST_BYTES = 1_000_000
"""In so many seconds, so many bytes are read of a process: one that writes without end waits, and not the registry."""

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# Looked up before any fork: between fork and exec nothing may be imported.
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

_TO_RESET = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What a process ignores, its children ignore; and the registry ignores SIGTERM for a moment of its end."""


class Child:
    """A process that runs, or has run."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        self.pid = transport.get_pid()
        self._transport = transport
        self._protocol = protocol

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative = ended by this signal."""
        return self._transport.get_returncode() if self._protocol.exited.is_set() else None

    def signal(self, number: signal.Signals) -> None:
        """To all of its group."""
        signal_group(self.pid, number)

    async def end_leftovers(self, *, is_hurried: Callable[[], bool]) -> None:
        """End what it started and left behind: SIGTERM, and SIGKILL after `LEFTOVERS_TIMEOUT`.

        Args:
            is_hurried: Asked again and again: whether to kill at once.
        """
        self.signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(LEFTOVERS_TIMEOUT):
                # No event tells of a group.
                while await asyncio.to_thread(is_group_there, self.pid):
                    if is_hurried():
                        break
                    await asyncio.sleep(_POLL)
                else:
                    return  # its number is free, and may be a stranger's by now
        self.signal(signal.SIGKILL)

    async def close(self) -> None:
        """Read what it wrote last, and let go of it. Kills it if it still runs. May be called twice."""
        if self.exit_code is None:
            self.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_OUTPUT_TIMEOUT):
                await self._protocol.silent.wait()
        self._transport.close()

    def kill(self) -> None:
        """SIGKILL to all of its group."""
        self.signal(signal.SIGKILL)


async def start_child(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    output: Output,
    exited: Callable[[], None],
) -> Child:
    """Start a process.

    Args:
        command: Its program with the whole path, and its arguments.
        output: Gets what it writes, on stdout and stderr.
        exited: Called when it has ended.

    Raises:
        StartError: The system does not start it.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: _Protocol(output, exited),
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=_ready_for(os.getpid()),
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StartError(f"the program {command[0]} cannot be started: {reason}; mend command") from error
    protocol.transport = transport
    return Child(transport, protocol)


class _Protocol(asyncio.SubprocessProtocol):
    def __init__(self, output: Output, exited: Callable[[], None]) -> None:
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()  # nothing more can come
        self.transport: asyncio.SubprocessTransport | None = None
        self._n_bytes = 0  # in this window
        self._window = -math.inf
        self._output = output
        self._on_exit = exited

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        if not isinstance(data, bytes):
            return
        self._output.feed(data)
        loop = asyncio.get_running_loop()
        window, now = loop.time() // _WINDOW, loop.time()
        self._n_bytes = self._n_bytes + len(data) if window == self._window else len(data)
        self._window = window
        pipe = self._pipe(fd)
        if self._n_bytes > _MOST_BYTES and pipe is not None:
            pipe.pause_reading()
            loop.call_later((window + 1) * _WINDOW - now, self._go_on, fd)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.silent.set()

    def _go_on(self, fd: int) -> None:
        pipe = self._pipe(fd)
        if pipe is not None and not pipe.is_closing():
            pipe.resume_reading()

    def _pipe(self, fd: int) -> asyncio.ReadTransport | None:
        pipe = None if self.transport is None else self.transport.get_pipe_transport(fd)
        return cast("asyncio.ReadTransport | None", pipe)  # what the pipe of an output is

    def process_exited(self) -> None:
        self.exited.set()
        self._on_exit()


def _ready_for(parent: int) -> Callable[[], None]:
    """For the child, between fork and exec: end when the parent ends, and take signals as usual."""

    def make_ready() -> None:
        for number in _TO_RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if _PRCTL is not None:
            _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it ended before we asked
                os._exit(1)

    return make_ready
