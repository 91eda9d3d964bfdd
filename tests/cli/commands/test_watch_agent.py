"""`roomkeeper watch-agent`."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json


def stories(output: str) -> list[str]:
    """The lines without their times."""
    return [re.sub(r"^\d\d:\d\d:\d\d +\+\d+\.\d s  ", "", line) for line in output.splitlines()]


def test_an_agent_that_runs(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada", status="warning", health=75, cause="slow"), agent_json("bob"))
    result = run("watch-agent", "--agent", "ADA", "--duration", "0.1")
    assert result.exit_code == 0
    assert stories(result.stdout) == ["ada  warning, health 75: slow", "ada ran; 0 s watched"]


@pytest.mark.parametrize(
    ("agents", "words"),
    [
        ([], "ada was not seen running within 0 s"),
        ([agent_json("ada", status="offline", cause="gone")], "ada was not seen running"),
        ([agent_json("ada", status="error", cause="no model")], "ada was not seen running"),
        (
            [agent_json("a-1", name="Ada"), agent_json("a-2", name="ada", status="error", cause="no model")],
            "a-2 is error: no model",
        ),
    ],
)
def test_an_agent_that_does_not(
    registry: FakeRegistry, run: Run, agents: list[dict[str, object]], words: str
) -> None:
    registry.add(*agents)
    result = run("watch-agent", "--agent", "ada", "--duration", "0.1")
    assert result.exit_code == 1
    assert words in result.stderr


def test_a_command_that_fails(registry: FakeRegistry, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.trial.SETTLE_TIME", 0.01)
    registry.add(agent_json("ada"))
    result = run("watch-agent", "--agent", "ada", "--duration", "5", "--", "sh", "-c", "exit 3")
    assert result.exit_code == 1
    assert "the command ended with exit code 3" in result.stdout
    result = run("watch-agent", "--duration", "5", "--", "sh", "-c", "exit 0")
    assert "an agent of sh was not seen running" in result.stderr


def test_wrong_usage(run: Run) -> None:
    result = run("watch-agent", "--duration", "1")
    assert result.exit_code == 2
    assert "say which agent" in result.stderr


def test_no_registry(registry: FakeRegistry, run: Run) -> None:
    registry.failure = httpx.ConnectError("refused")
    assert run("watch-agent", "--agent", "ada", "--duration", "1").exit_code == 3
