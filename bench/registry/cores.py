"""Who runs on which core: the server with its database on one, everything else on another."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack.errors import StackError

SERVER_CORE = 0
LOAD_CORE = 1


def program(name: str, *, package: str) -> str:
    """Path of a program, on PATH or in /usr/bin and /usr/sbin.

    Raises:
        StackError: It is not there; names the Debian package that brings it.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/bin:/usr/sbin")
    if found is None:
        raise StackError(f"{name} is not on this machine; install the Debian package {package}")
    return found


def pin_myself() -> None:
    """Keep this process, and what it starts without `on_server_core`, off the server's core.

    Raises:
        StackError: The machine has one core only, or is no Linux.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise StackError("the registry's benchmarks pin processes to cores, which needs Linux")
    if (os.cpu_count() or 1) <= max(SERVER_CORE, LOAD_CORE):
        raise StackError("the registry's benchmarks need two cores: one for the server, one for the load")
    os.sched_setaffinity(0, {LOAD_CORE})


def on_server_core(command: Sequence[str]) -> list[str]:
    """`command`, to be run on the server's core with all that it starts."""
    return [program("taskset", package="util-linux"), "--cpu-list", str(SERVER_CORE), *command]


def move_to_server_core(pid: int) -> None:
    """Move a process that runs already, with its children; what they start later stays there as well."""
    for one in _family(pid):
        one.cpu_affinity([SERVER_CORE])


def cpu_seconds(*pids: int) -> float:
    """Processor time that processes have used so far, with that of the children which they have now."""
    times = [one.cpu_times() for pid in pids for one in _family(pid)]
    return sum(one.user + one.system for one in times)


@dataclass(frozen=True, slots=True)
class Moment:
    """Clock, processor time of a server and of its core at once, to be subtracted from a later one."""

    at: float
    cpu: float
    core: float
    """Seconds that the server's core was busy with anything."""

    @classmethod
    def of(cls, *pids: int) -> Moment:
        return cls(time.monotonic(), cpu_seconds(*pids), _core_seconds())

    def percent_since(self, start: Moment) -> float:
        """Processor use between the two, in percent of a core."""
        return 100 * (self.cpu - start.cpu) / (self.at - start.at)

    def others_since(self, start: Moment) -> float:
        """What others took of the server's core between the two, in percent of it. A quiet machine has under 5."""
        others = (self.core - start.core) - (self.cpu - start.cpu)
        return max(0.0, 100 * others / (self.at - start.at))


def _core_seconds() -> float:
    lines = Path("/proc/stat").read_text().splitlines()
    fields = next(line for line in lines if line.startswith(f"cpu{SERVER_CORE} ")).split()[1:]
    user, nice, system, _idle, _iowait, irq, soft_irq, stolen = map(int, fields[:8])  # see proc(5)
    return (user + nice + system + irq + soft_irq + stolen) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
