"""`roomkeeper fix`."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json

NOBODY = 2**31 - 1
OURS = os.getpid()


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry()
    registry.add(
        agent_json("fine", processId=OURS, beatAge=0.1),
        agent_json("gone", processId=NOBODY),
        agent_json("elsewhere", processId=NOBODY, host="other"),
        agent_json("silent", processId=OURS, status="offline", beatAge=0.1),
        agent_json("vague", processId=None),
    )
    return registry


def told(registry: FakeRegistry) -> dict[str, str]:
    return {
        path.split("/")[3]: body["evidence"]
        for _, path, body in registry.requests
        if path.endswith("/evidence")
    }


def test_the_registry_is_put_right(registry: FakeRegistry, run: Run) -> None:
    result = run("fix")
    assert result.exit_code == 0
    assert told(registry) == {"gone": "process_gone", "silent": "process_present"}
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert rows == [
        "AGENT PROCESS STATUS FOUND DONE",
        f"gone {NOBODY} running process {NOBODY} is gone running → offline",
        f"silent {OURS} offline process {OURS} is still there, but is not heard told; it stays offline",
        "vague running it does not tell its process's number nothing",
    ]
    assert result.stderr == "4 agents on this-host, 1 as they should be\n"


def test_a_dry_run_tells_nobody(registry: FakeRegistry, run: Run) -> None:
    result = run("fix", "--dry-run")
    assert result.exit_code == 0
    assert told(registry) == {}
    assert "would tell process_gone" in result.stdout


def test_a_second_run_has_less_to_do(registry: FakeRegistry, run: Run) -> None:
    run("fix")
    registry.requests.clear()
    run("fix")
    assert told(registry) == {"silent": "process_present"}


def test_a_refusal_is_shown_and_is_a_failure(registry: FakeRegistry, run: Run) -> None:
    registry.refused_evidence = "gone"
    result = run("fix")
    assert result.exit_code == 1
    assert "refused: another process has the id now" in result.stdout
    assert told(registry)["silent"] == "process_present"
    assert result.stderr.endswith("roomkeeper: the registry refused 1 of 3 corrections\n")


def test_no_registry(registry: FakeRegistry, run: Run) -> None:
    registry.failure = httpx.ConnectError("refused")
    result = run("fix")
    assert (result.exit_code, result.stdout) == (3, "")
