"""A supervisor with real processes: what operators ask for, what the file says, and what outlives the registry."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from typing import Any

import psutil
import pytest

from processes import ClosingError, Ended, State, Supervisor, UnknownProcessError
from tests.processes.conftest import Host, is_alive, until
from tests.processes.programs import POLITE, RUN, STUBBORN, parent, program

pytestmark = pytest.mark.timeout(20)  # real processes take real time

ANN: Any = {"by": "ann", "reason": "test"}


def state(supervisor: Supervisor, process_id: str = "a") -> State:
    return supervisor.snapshot(process_id).state


async def here(supervisor: Supervisor, process_id: str = "a") -> int:
    """Wait until the process has said `here`; its number."""
    await until(lambda: "here" in supervisor.lines(process_id, 500))
    pid = supervisor.snapshot(process_id).pid
    assert pid is not None
    return pid


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
    first, second = await asyncio.gather(supervisor.start("a", **ANN), supervisor.start("a", **ANN))
    assert first.state is second.state is State.STARTING
    pid = await here(supervisor)
    assert (await supervisor.start("a", **ANN)).pid == pid
    assert [child.pid for child in psutil.Process().children()] == [pid]


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
    assert time.monotonic() - began < 2
    assert not any(map(is_alive, pids))


# -- what ends by itself


async def test_a_crash_is_waited_out_and_started_again(host: Host) -> None:
    host.define(a="import time\ntime.sleep(0.1)\nraise SystemExit(3)")
    supervisor = await host.open()
    await until(lambda: state(supervisor) is State.BACKOFF)
    shown = supervisor.snapshot("a")
    assert (shown.exit_code, shown.pid, shown.restarts, shown.is_wanted) == (3, None, 0, True)
    assert shown.trouble is not None
    assert "ended with exit code 3" in shown.trouble
    assert shown.retry_at is not None
    await until(lambda: supervisor.snapshot("a").restarts == 1)
    await until(lambda: len(host.ended) == 2)
    assert host.ended[0].pid != host.ended[1].pid
    between = host.ended[1].started_at - host.ended[0].started_at
    assert 1.0 <= between.total_seconds() < 3.0


async def test_a_stop_during_back_off_ends_the_waiting(host: Host) -> None:
    host.define(a="import sys\nsys.exit(3)")
    supervisor = await host.open()
    await until(lambda: state(supervisor) is State.BACKOFF)
    shown = await supervisor.stop("a", **ANN)
    assert (shown.state, shown.retry_at, shown.trouble) == (State.STOPPED, None, None)


async def test_exit_code_0_is_no_reason_to_start_again_unless_that_is_said(host: Host) -> None:
    host.define(a="import sys\nsys.exit(0)", b={"command": "import sys\nsys.exit(0)", "restart": "always"})
    supervisor = await host.open()
    await until(lambda: state(supervisor) is State.EXITED)
    assert supervisor.snapshot("a").trouble is None
    await until(lambda: state(supervisor, "b") is State.BACKOFF)


async def test_a_signal_from_elsewhere_is_told_by_its_name(host: Host) -> None:
    host.define(a={"command": RUN, "restart": "never"})
    supervisor = await host.open()
    pid = await here(supervisor)
    psutil.Process(pid).kill()
    await until(lambda: state(supervisor) is State.EXITED)
    assert supervisor.snapshot("a").trouble == f"process {pid} was ended by SIGKILL"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"command": "no-such-program"}, "'no-such-program' is not on PATH"),
        ({"command": "/no/such/program"}, "/no/such/program is not there"),
        ({"command": "./agents.toml"}, "agents.toml may not be executed"),
        ({"command": ["true"], "cwd": "/no/such/folder"}, "/no/such/folder is not there"),
        ({"command": ["true"], "env": {"PATH": "/no"}}, "'true' is not on PATH"),
    ],
    ids=["no program", "no file", "no permission", "no folder", "a PATH of its own"],
)
async def test_what_cannot_be_started_says_why_and_is_tried_again_later(
    host: Host, keys: dict[str, object], words: str
) -> None:
    host.define(a=keys)
    supervisor = await host.open()
    await until(lambda: state(supervisor) is State.BACKOFF)
    shown = supervisor.snapshot("a")
    assert words in (shown.trouble or "")
    assert (shown.pid, shown.exit_code) == (None, None)
    assert shown.retry_at is not None
    assert any(words in line for line in supervisor.lines("a", 500))


async def test_a_file_that_is_no_program_is_told_too(host: Host) -> None:
    broken = host.file.with_name("broken")
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    host.define(a={"command": "./broken", "restart": "never"})
    supervisor = await host.open()
    await until(lambda: state(supervisor) is State.EXITED)
    assert f"{broken} cannot be started" in (supervisor.snapshot("a").trouble or "")


# -- what a process started itself


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


# -- what it gets and says


async def test_it_gets_the_environment_its_own_variables_and_its_folder(host: Host) -> None:
    text = "import os\nprint(os.environ['ONE'], os.environ['TWO'], os.getcwd())"
    host.define(a={"command": text, "env": {"TWO": "2"}})
    supervisor = await host.open(environment={"ONE": "1", "TWO": "1"})
    await until(lambda: state(supervisor) is State.EXITED)
    assert f"1 2 {host.file.parent}" in supervisor.lines("a", 500)


async def test_secrets_are_shown_nowhere(host: Host) -> None:
    text = "import os\nprint('said', os.environ['MY_TOKEN'], os.environ['API_KEY'])\n# hunter2"
    host.define(
        a={"command": [*program(text), "hunter2", "--password", "pass-word"], "env": {"MY_TOKEN": "hunter2"}}
    )
    supervisor = await host.open(environment={"API_KEY": "of-the-registry"})
    await until(lambda: state(supervisor) is State.EXITED)
    assert "said *** ***" in supervisor.lines("a", 500)
    command = supervisor.snapshot("a").command
    assert "***" in command
    assert "hunter2" not in command
    assert "pass-word" not in command


async def test_python_is_the_registrys_own(host: Host) -> None:
    host.define(a={"command": ["python", "-c", "import sys; print(sys.prefix)"]})
    supervisor = await host.open()
    await until(lambda: state(supervisor) is State.EXITED)
    assert sys.prefix in supervisor.lines("a", 500)


async def test_a_process_that_writes_without_end_hurts_nobody(host: Host) -> None:
    host.define(a="import sys\nwhile True: sys.stdout.write('x' * 100_000)", b=RUN)
    supervisor = await host.open()
    await here(supervisor, "b")
    await supervisor.stop("a", **ANN)
    await until(lambda: state(supervisor) is State.STOPPED)


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


# -- what operators want, over restarts


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


# -- the file


async def test_a_new_definition_is_started(host: Host) -> None:
    supervisor = await host.open()
    assert supervisor.snapshots() == []
    assert supervisor.trouble is None
    host.define(a=RUN)
    await supervisor.look()
    await here(supervisor)


async def test_the_file_is_read_again_by_itself(host: Host) -> None:
    supervisor = await host.open()
    host.define(a=RUN)
    await until(lambda: bool(supervisor.snapshots()))


async def test_a_broken_file_ends_nothing(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.define(a=RUN)
    supervisor = await host.open()
    pid = await here(supervisor)
    host.write("[agents")
    with caplog.at_level(logging.WARNING):
        await supervisor.look()
    assert "not TOML" in (supervisor.trouble or "")
    assert is_alive(pid)
    assert supervisor.snapshot("a").is_wanted


async def test_a_changed_definition_counts_from_the_next_start(host: Host) -> None:
    host.define(a=RUN)
    supervisor = await host.open()
    pid = await here(supervisor)
    host.define(a=RUN + "\n# another")
    await supervisor.look()
    assert "restart it" in (supervisor.snapshot("a").trouble or "")
    assert supervisor.snapshot("a").pid == pid
    await supervisor.restart("a", **ANN)
    await until(lambda: supervisor.snapshot("a").pid not in (None, pid))
    assert supervisor.snapshot("a").trouble is None


async def test_a_definition_that_is_taken_out_ends_its_process(host: Host) -> None:
    host.define(a=POLITE, b=RUN)
    supervisor = await host.open()
    pid = await here(supervisor)
    host.define(b=RUN)
    await supervisor.look()
    assert is_alive(pid)  # not before it is sure
    await until(lambda: not is_alive(pid))
    await until(lambda: [one.process_id for one in supervisor.snapshots()] == ["b"])


async def test_a_file_that_is_empty_for_a_moment_ends_nothing(host: Host) -> None:
    host.define(a=RUN)
    supervisor = await host.open()
    pid = await here(supervisor)
    host.write("")
    await supervisor.look()
    host.define(a=RUN)
    await supervisor.look()
    assert supervisor.snapshot("a").pid == pid
    assert supervisor.snapshot("a").state in (State.STARTING, State.RUNNING)
