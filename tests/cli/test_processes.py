"""Real processes, looked at."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from cli.processes import Presence, Sight, look


def test_this_process_is_there() -> None:
    sight = look(os.getpid())
    assert sight.presence is Presence.THERE
    assert sight.age is not None
    assert sight.age == pytest.approx(time.time() - psutil.Process().create_time(), abs=2)


def test_a_process_that_ended_is_a_zombie_until_its_parent_asks_and_then_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert look(process.pid).presence is Presence.ENDED
    assert look(process.pid) == Sight(presence=Presence.GONE)


@pytest.mark.parametrize("pid", [2**31 - 1, 2**40, 2**53])
def test_a_number_that_no_process_has(pid: int) -> None:
    assert look(pid) == Sight(presence=Presence.GONE)


def test_a_process_that_may_not_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> None:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(psutil, "Process", refuse)
    assert look(1) == Sight(presence=Presence.HIDDEN)


def test_a_number_that_is_taken_by_a_process_that_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def hide(pid: int) -> None:
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", hide)
    assert look(os.getpid()) == Sight(presence=Presence.HIDDEN)
