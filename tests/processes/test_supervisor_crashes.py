"""Processes that end by themselves, or cannot be started at all."""

from __future__ import annotations

import psutil
import pytest

from processes import State
from tests.processes.conftest import ANN, Host, here, state, until
from tests.processes.programs import RUN


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
