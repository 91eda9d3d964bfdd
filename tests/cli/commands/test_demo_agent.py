"""`roomkeeper demo-agent`: what its options make of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry
from wire import Command


@pytest.fixture
def registry() -> FakeRegistry:
    # The first beat is answered with an order, so that every run ends.
    return FakeRegistry(commands=[Command(id="1", order="stop", reason="seen")])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"name": "Demo", "status": "running", "host": "this-host", "room": None}),
        (["--id", "a/b", "--name", "Ann"], {"agentId": "a/b", "name": "Ann"}),
        (["--status", "error"], {"status": "error", "reason": "it pretends to be in error"}),
        (["--health-hint", "20:slow disk"], {"hints": [{"points": 20, "text": "slow disk"}]}),
        (["--room", "hall"], {"kind": "session", "room": "hall", "humans": 1}),
        (["--room", "hall", "--humans", "0"], {"room": "hall", "humans": 0}),
        (["--id", "7", "--humans", "3"], {"room": "agent-7-room", "humans": 3}),
        (["--interval", "2.5"], {"interval": 2.5}),
    ],
)
def test_options(registry: FakeRegistry, run: Run, options: list[str], expected: dict[str, Any]) -> None:
    result = run("demo-agent", *options)
    assert result.exit_code == 0, result.output
    first, last = registry.beats
    call = first.get("call")
    seen = {
        **first,
        "room": call and call["room"],
        "humans": call and len(call.get("humans", ())),
    }
    assert {key: seen[key] for key in expected} == expected
    assert (last["status"], last["reason"]) == ("stopped", "stop ordered: seen")
    assert first["processAge"] > 0


def test_several(run: Run, registry: FakeRegistry) -> None:
    registry.commands *= 2
    result = run("demo-agent", "--id", "demo", "--name", "Demo", "--count", "2", "--humans", "1")
    assert result.exit_code == 0, result.output
    assert {(beat["agentId"], beat["name"], beat["call"]["room"]) for beat in registry.beats} == {
        ("demo-1", "Demo 1", "agent-demo-1-room"),
        ("demo-2", "Demo 2", "agent-demo-2-room"),
    }


@pytest.mark.parametrize(
    "options",
    [
        ["--health-hint", "slow"],
        ["--health-hint", "101:slow"],
        ["--health-hint", "20:"],
        ["--id", " blank"],
        ["--name", "bell\a"],
        ["--id", "x" * 201],
        ["--status", "stopped"],
        ["--count", "0"],
        ["--humans", "201"],
    ],
)
def test_wrong_usage(registry: FakeRegistry, run: Run, options: list[str]) -> None:
    result = run("demo-agent", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert registry.requests == []
