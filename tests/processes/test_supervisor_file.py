"""A supervisor follows its file, with real processes."""

from __future__ import annotations

import logging

import pytest

from processes import State
from tests.processes.conftest import ANN, Host, here, is_alive, until
from tests.processes.programs import POLITE, RUN


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
