"""What a process costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from heartbeat.vitals import Vitals, machine, process_age


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_the_process_is_described() -> None:
    reading = Vitals().read(loop_lag=0.5)
    assert reading.process_id == os.getpid()
    assert reading.loop_lag == 0.5
    assert reading.machine == machine()
    assert reading.rss is not None
    assert 10_000_000 < reading.rss < 10_000_000_000
    assert reading.process_age is not None
    assert reading.process_age == pytest.approx(time.time() - psutil.Process().create_time(), abs=0.5)


def test_processor_time_is_counted_since_the_reading_before() -> None:
    now = [100.0]
    vitals = Vitals(clock=lambda: now[0])
    assert vitals.read().cpu is None
    burn(0.05)
    now[0] += 10.0
    cpu = vitals.read().cpu
    assert cpu is not None
    assert 0.3 <= cpu < 2.0
    now[0] += 10.0
    idle = vitals.read().cpu
    assert idle is not None
    assert idle < cpu


def test_two_readings_at_once_say_the_same() -> None:
    now = [100.0]
    vitals = Vitals(clock=lambda: now[0])
    now[0] += 10.0
    cpu = vitals.read().cpu
    burn(0.05)
    now[0] += 0.1
    assert vitals.read().cpu == cpu


def test_a_process_that_is_gone_has_no_age(monkeypatch: pytest.MonkeyPatch) -> None:
    process = psutil.Process()
    assert process_age(process, now=process.create_time() + 7.0) == pytest.approx(7.0)

    def gone() -> float:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(process, "create_time", gone)
    assert process_age(process, now=0.0) is None


def test_processes_beside_each_other_name_the_same_machine() -> None:
    code = "from heartbeat.vitals import machine; print(machine())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == machine() != ""


def test_a_machine_without_proc_has_a_name_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    named = machine()

    def missing(_: Path) -> bytes:
        raise FileNotFoundError("/proc")

    monkeypatch.setattr(Path, "read_bytes", missing)
    assert machine() == machine() not in ("", named)
