"""What operators ask of a supervisor, with real processes."""

from __future__ import annotations

import asyncio
import logging
import signal
import time

import psutil
import pytest

from processes import ClosingError, Ended, State, UnknownProcessError
from tests.processes.conftest import ANN, Host, here, is_alive, state, until
from tests.processes.programs import POLITE, RUN, STUBBORN

# -- starting and ending


async def test_what_the_file_defines_is_started_and_ended(host: Host) -> None:
    host.define(a={"command": RUN, "start_seconds": 0.05})
    supervisor = await host.open()
    pid = await here(supervisor)
    await until(lambda: state(supervisor) is State.RUNNING)
    shown = supervisor.snapshot("a")
    assert (shown.is_wanted, shown.exit_code, shown.restarts, shown.trouble) == (True, None, 0, None)
    assert shown.started_at is not None
    await supervisor.aclose()
    assert not is_alive(pid)
    assert [(end.process_id, end.pid, end.exit_code) for end in host.ended] == [("a", pid, -signal.SIGTERM)]
    await supervisor.aclose()


async def test_a_young_process_is_starting(host: Host) -> None:
    host.define(a={"command": RUN, "start_seconds": 60})
    supervisor = await host.open()
    await here(supervisor)
    assert state(supervisor) is State.STARTING


async def test_autostart_may_be_off(host: Host) -> None:
    host.define(a={"command": RUN, "autostart": False}, b=RUN)
    supervisor = await host.open()
    await here(supervisor, "b")
    shown = supervisor.snapshot("a")
    assert (shown.state, shown.is_wanted, shown.pid) == (State.STOPPED, False, None)


async def test_starting_twice_gives_one_process(host: Host) -> None:
    host.define(a={"command": RUN, "autostart": False})
    supervisor = await host.open()
    before = _children()
    first, second = await asyncio.gather(supervisor.start("a", **ANN), supervisor.start("a", **ANN))
    assert first.state is second.state is State.STARTING
    pid = await here(supervisor)
    assert (await supervisor.start("a", **ANN)).pid == pid
    assert _children() - before == {pid}


def _children() -> set[int]:
    """Of this process; other tests' tools may be among them."""
    return {child.pid for child in psutil.Process().children()}


async def test_two_stops_at_once_are_one(host: Host) -> None:
    host.define(a=POLITE)
    supervisor = await host.open()
    pid = await here(supervisor)
    both = await asyncio.gather(supervisor.stop("a", **ANN), supervisor.stop("a", **ANN))
    assert [one.state for one in both] == [State.STOPPING, State.STOPPING]
    await until(lambda: state(supervisor) is State.STOPPED)
    assert not is_alive(pid)
    assert [end.exit_code for end in host.ended] == [0]
    shown = await supervisor.stop("a", **ANN)
    assert (shown.state, shown.exit_code, shown.trouble) == (State.STOPPED, 0, None)


async def test_who_ignores_sigterm_is_killed_after_its_time(host: Host) -> None:
    host.define(a={"command": STUBBORN, "stop_timeout": 0.2})
    supervisor = await host.open()
    pid = await here(supervisor)
    began = time.monotonic()
    await supervisor.stop("a", **ANN)
    await until(lambda: state(supervisor) is State.STOPPED)
    assert time.monotonic() - began >= 0.19
    assert not is_alive(pid)
    assert supervisor.snapshot("a").exit_code == -signal.SIGKILL


async def test_force_kills_at_once_also_who_is_stopping_already(host: Host) -> None:
    host.define(a=STUBBORN)
    supervisor = await host.open()
    await here(supervisor)
    assert (await supervisor.stop("a", **ANN)).state is State.STOPPING
    await supervisor.stop("a", **ANN, force=True)
    await until(lambda: state(supervisor) is State.STOPPED)
    assert supervisor.snapshot("a").exit_code == -signal.SIGKILL


async def test_a_restart_gives_another_process(host: Host) -> None:
    host.define(a=POLITE)
    supervisor = await host.open()
    pid = await here(supervisor)
    assert (await supervisor.restart("a", **ANN)).state is State.STOPPING
    await until(lambda: supervisor.snapshot("a").pid not in (None, pid))
    assert not is_alive(pid)
    await until(lambda: supervisor.lines("a", 500).count("here") == 2)
    assert supervisor.snapshot("a").restarts == 0


async def test_a_restart_starts_what_does_not_run(host: Host) -> None:
    host.define(a={"command": RUN, "autostart": False})
    supervisor = await host.open()
    await supervisor.restart("a", **ANN)
    await here(supervisor)


async def test_all_are_started(host: Host) -> None:
    host.define(a={"command": RUN, "autostart": False}, b={"command": RUN, "autostart": False})
    supervisor = await host.open()
    assert [one.is_wanted for one in await supervisor.start_all(**ANN)] == [True, True]
    await here(supervisor, "a")
    await here(supervisor, "b")
    assert {wish.is_wanted for wish in host.wishes.load()} == {True}


async def test_an_unknown_process_is_told_by_name(host: Host) -> None:
    host.define(a=RUN)
    supervisor = await host.open()
    with pytest.raises(UnknownProcessError, match=r"'b' .*agents\.toml"):
        await supervisor.start("b", **ANN)


async def test_nothing_is_started_any_more_at_the_end(host: Host) -> None:
    host.define(a={"command": RUN, "autostart": False})
    supervisor = await host.open()
    await supervisor.aclose()
    with pytest.raises(ClosingError):
        await supervisor.start("a", **ANN)
    with pytest.raises(ClosingError):
        await supervisor.start_all(**ANN)
    await supervisor.look()
    assert state(supervisor) is State.STOPPED


async def test_the_end_has_a_limit(host: Host) -> None:
    host.define(a=STUBBORN, b=STUBBORN)
    supervisor = await host.open()
    pids = [await here(supervisor, "a"), await here(supervisor, "b")]
    began = time.monotonic()
    await supervisor.aclose(timeout=0.1)
    assert time.monotonic() - began < 8
    assert not any(map(is_alive, pids))


# -- over restarts


async def test_stopped_stays_stopped_and_started_stays_started(host: Host) -> None:
    host.define(a=RUN, b={"command": RUN, "autostart": False}, c=RUN)
    supervisor = await host.open()
    await supervisor.stop("a", **ANN)
    await supervisor.start("b", **ANN)
    await supervisor.aclose(timeout=0)
    again = await host.open()
    assert [one.is_wanted for one in again.snapshots()] == [False, True, True]
    assert {wish.process_id: (wish.is_wanted, wish.by, wish.reason) for wish in host.wishes.load()} == {
        "a": (False, "ann", "test"),
        "b": (True, "ann", "test"),
    }


async def test_a_wish_that_cannot_be_kept_is_done_told_and_kept_later(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.define(a=POLITE)
    supervisor = await host.open()
    await here(supervisor)
    host.wishes.trouble = "the disk is full"
    with caplog.at_level(logging.WARNING):
        await supervisor.stop("a", **ANN)
    await until(lambda: state(supervisor) is State.STOPPED)
    assert "the disk is full" in (supervisor.trouble or "")
    assert host.wishes.load() == []
    host.wishes.trouble = None
    await until(lambda: supervisor.trouble is None)
    assert [wish.is_wanted for wish in host.wishes.load()] == [False]


# -- care


async def test_every_change_is_told(host: Host) -> None:
    host.define(a=RUN)
    supervisor = await host.open()
    await here(supervisor)
    host.changed.clear()
    await supervisor.stop("a", **ANN)
    await until(lambda: state(supervisor) is State.STOPPED)
    await until(lambda: host.changed.count("a") >= 2)


async def test_a_fault_of_ours_does_not_end_the_care(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Ended) -> None:
        raise RuntimeError("a fault")

    host.define(a=POLITE)
    supervisor = await host.open(ended=fail)
    await here(supervisor)
    await supervisor.stop("a", **ANN)
    await until(lambda: state(supervisor) is State.STOPPED)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "a process could not be looked after"
    ]
