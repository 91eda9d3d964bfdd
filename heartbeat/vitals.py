"""What this process costs: processor, memory, age."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

from heartbeat.facts import Reading

_SHORTEST_READING = 0.5
"""Seconds over which processor time can be measured: the system counts it in hundredths of a second."""


class Vitals:
    """Reads what this process costs. About 50 µs a reading.

    Args:
        clock: Seconds, monotonic.
        wall_clock: Seconds as in ``time.time()``: the system tells a process's start by it.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._process = psutil.Process(os.getpid())
        self._machine = machine()
        self._started_at: float | None = None
        """On `clock`."""

        age = process_age(self._process, now=wall_clock())
        if age is not None:
            self._started_at = clock() - age
        self._busy = _busy(self._process)
        self._busy_at = clock()
        self._cpu: float | None = None

    def read(self, *, loop_lag: float | None = None) -> Reading:
        """The values of now; processor time since the reading before."""
        now = self._clock()
        return Reading(
            process_id=self._process.pid,
            process_age=None if self._started_at is None else now - self._started_at,
            machine=self._machine,
            cpu=self._read_cpu(now),
            rss=_rss(self._process),
            loop_lag=loop_lag,
        )

    def _read_cpu(self, now: float) -> float | None:
        passed = now - self._busy_at
        if passed < _SHORTEST_READING:
            return self._cpu
        busy = _busy(self._process)
        self._cpu = None if busy is None or self._busy is None else 100 * (busy - self._busy) / passed
        self._busy, self._busy_at = busy, now
        return self._cpu


def machine() -> str:
    """Names where process numbers mean the same: on Linux the boot and the namespace of processes."""
    try:
        # As bytes: reading text imports its codec, and a process that is forked meanwhile never gets a whole one.
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().decode("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return f"{uuid.getnode():x}/{psutil.boot_time():.0f}"


def process_age(process: psutil.Process, *, now: float) -> float | None:
    """Seconds since `process` started; None when the system does not say. `now` as in ``time.time()``."""
    try:
        return max(0.0, now - process.create_time())
    except (psutil.Error, OSError):
        return None


def _busy(process: psutil.Process) -> float | None:
    """Seconds of processor time so far, without children."""
    try:
        times = process.cpu_times()
    except (psutil.Error, OSError):
        return None
    return float(times.user + times.system)


def _rss(process: psutil.Process) -> int | None:
    try:
        return int(process.memory_info().rss)
    except (psutil.Error, OSError):
        return None
