"""`roomkeeper monitor --once`; what it does again and again stands in `test_monitoring`."""

from __future__ import annotations

import logging

import httpx
import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json


def test_once(registry: FakeRegistry, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    registry.add(agent_json("gone", processId=2**31 - 1))
    result = run("monitor", "--once")
    assert (result.exit_code, result.stdout) == (0, "")
    assert [record.__dict__["action"] for record in caplog.records] == ["monitor.process_gone"]
    assert registry.agents["gone"]["status"] == "offline"


def test_once_without_a_registry(registry: FakeRegistry, run: Run) -> None:
    registry.failure = httpx.ConnectError("refused")
    assert run("monitor", "--once").exit_code == 3


@pytest.mark.parametrize("options", [["--interval", "0"], ["--interval", "x"], ["--inactive-after", "-1"]])
def test_wrong_usage(run: Run, options: list[str]) -> None:
    assert run("monitor", *options).exit_code == 2
