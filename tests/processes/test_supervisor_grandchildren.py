"""What a supervised process started itself ends with it."""

from __future__ import annotations

import asyncio

import psutil

from processes import State, Supervisor
from tests.processes.conftest import ANN, Host, here, is_alive, state, until
from tests.processes.programs import RUN, STUBBORN, parent, program


async def grandchild(supervisor: Supervisor, process_id: str = "a") -> int:
    """The number that a `parent` says."""
    await until(lambda: any(line.isdigit() for line in supervisor.lines(process_id, 500)))
    return next(int(line) for line in supervisor.lines(process_id, 500) if line.isdigit())


async def test_grandchildren_are_asked_to_end_with_it(host: Host) -> None:
    host.define(a=parent(RUN))
    supervisor = await host.open()
    pid = await grandchild(supervisor)
    await supervisor.stop("a", **ANN)
    await until(lambda: state(supervisor) is State.STOPPED)
    assert not is_alive(pid)


async def test_grandchildren_that_outlive_it_are_ended(host: Host) -> None:
    host.define(a={"command": parent(RUN, ends_with=0)})
    supervisor = await host.open()
    pid = await grandchild(supervisor)
    await until(lambda: state(supervisor) is State.EXITED)
    await until(lambda: not is_alive(pid))


async def test_force_kills_grandchildren_that_ignore_sigterm(host: Host) -> None:
    host.define(a=parent(STUBBORN))
    supervisor = await host.open()
    pid = await grandchild(supervisor)
    await supervisor.stop("a", **ANN, force=True)
    await until(lambda: state(supervisor) is State.STOPPED)
    assert not is_alive(pid)


async def test_force_cuts_the_wait_for_grandchildren_short(host: Host) -> None:
    host.define(a=parent(STUBBORN))
    supervisor = await host.open()
    pid = await grandchild(supervisor)
    await supervisor.stop("a", **ANN)
    await until(lambda: bool(host.ended))
    assert is_alive(pid)
    assert state(supervisor) is State.STOPPING  # all of it has to go before it is stopped
    await supervisor.stop("a", **ANN, force=True)
    await until(lambda: state(supervisor) is State.STOPPED)
    assert not is_alive(pid)


async def test_a_grandchild_is_found_and_killed_alone(host: Host) -> None:
    host.define(a=parent(RUN))
    supervisor = await host.open()
    pid = await grandchild(supervisor)
    leader = supervisor.snapshot("a").pid
    assert leader is not None
    for number in (pid, leader):
        found = supervisor.find(number)
        assert found is not None
        assert (found.process_id, found.leader) == ("a", leader)
    assert supervisor.kill_member(pid)
    await until(lambda: not is_alive(pid))
    assert is_alive(leader)


async def test_nobody_elses_process_is_found_or_killed(host: Host) -> None:
    host.define(a=RUN)
    supervisor = await host.open()
    leader = await here(supervisor)
    other = await asyncio.create_subprocess_exec(*program(RUN), stdout=asyncio.subprocess.DEVNULL)
    for pid in (other.pid, psutil.Process().pid, 1, 0, -1, 2**40, 2**70):
        assert supervisor.find(pid) is None
        assert not supervisor.kill_member(pid)
    assert not supervisor.kill_member(leader)  # that is for `stop`
    assert other.returncode is None
    other.kill()
    await other.wait()
