"""`roomkeeper set`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["error", "10", "--reason", "tests"], {"status": "error", "health": 10, "reason": "tests"}),
        (["running", "0"], {"status": "running", "health": 0, "reason": "set on the command line"}),
        (["running", "100"], {"status": "running", "health": 100, "reason": "set on the command line"}),
        (["offline", "auto", "-r", "x"], {"status": "offline", "health": None, "reason": "x"}),
        (["stopped", "-r", "x"], {"status": "stopped", "health": None, "reason": "x"}),
    ],
)
def test_a_status_is_forced(
    registry: FakeRegistry, run: Run, arguments: list[str], body: dict[str, Any]
) -> None:
    registry.add(agent_json("ada"))
    result = run("set", "ada", *arguments)
    assert result.exit_code == 0, result.output
    method, path, sent = registry.requests[-1]
    assert (method, path) == ("PUT", "/api/agents/ada/status")
    by = sent.pop("by")
    assert "@" in by
    assert len(by) <= 80
    assert sent == body
    assert result.stdout.startswith(f"ada is {body['status']}, health ")
    assert "`--unlock` ends that" in result.stdout


def test_it_is_unlocked(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada", status="error"))
    result = run("set", "ada", "--unlock")
    assert registry.requests[-1][:2] == ("DELETE", "/api/agents/ada/status")
    assert result.stdout == "ada is running, health 100 (by its own beats)\n"


def test_a_name_will_do_if_only_one_agent_has_it(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("a-1", name="Invoice robot"), agent_json("a-2", name="Invoice robot's friend"))
    assert run("set", "invoice robot", "warning", "50").exit_code == 0
    assert registry.requests[-1][1] == "/api/agents/a-1/status"


def test_several_with_a_name_are_listed_and_nothing_is_done(registry: FakeRegistry, run: Run) -> None:
    registry.add(*(agent_json(f"a-{n}", name="Ada", processId=n + 10) for n in range(12)))
    result = run("set", "Ada", "error", "0")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == [
        "roomkeeper: 12 agents have the name 'Ada'; give the id of one:",
        "  a-0  running, process 10 on this-host",
    ]
    assert result.stderr.splitlines()[-1] == "  … and 2 more"
    assert all(method == "GET" for method, _, _ in registry.requests)


def test_an_id_wins_over_a_name(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada", name="Bob"), agent_json("x", name="ada"))
    assert run("set", "ada", "error").exit_code == 0
    assert registry.requests[-1][1] == "/api/agents/ada/status"


def test_something_like_it_is_proposed(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada-1"), agent_json("ada-2"))
    result = run("set", "ada", "error")
    assert result.exit_code == 1
    assert "did you mean 'ada-" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["ada"],
        ["ada", "happy", "10"],
        ["ada", "starting", "10"],
        ["ada", "running", "101"],
        ["ada", "running", "1.5"],
        ["ada", "running", "٣"],
        ["ada", "running", "10", "--unlock"],
        ["", "running", "10"],
        [],
    ],
)
def test_wrong_usage(registry: FakeRegistry, run: Run, arguments: list[str]) -> None:
    registry.add(agent_json("ada"))
    result = run("set", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
    assert registry.requests == []
