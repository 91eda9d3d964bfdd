"""`roomkeeper processes`, `start`, `stop` and `restart`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run, runner
from tests.cli.fakes import agent_json
from tests.cli.room_fakes import FakeHouse, process_json


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse(
        processes={
            "worker-1": process_json(),
            "w/2": process_json(
                "w/2", state="BACKOFF", pid=None, exitCode=1, restarts=4, trouble="it ends at once"
            ),
        }
    )


@pytest.fixture
def run(environment: None, house: FakeHouse, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys, house)


def test_processes_are_listed_with_their_states(house: FakeHouse, run: Run) -> None:
    house.file_trouble = "/srv/agents.toml: line 3 is no TOML"
    result = run("processes")
    first, second = [" ".join(line.split()) for line in result.stdout.splitlines()[1:]]
    assert first.startswith("running worker-1 Worker 4711 0 2026-01-0")
    assert first.endswith("python agent.py start")
    assert second.startswith("backoff w/2 Worker 4 ")
    assert second.endswith("it ends at once; exit code 1")
    assert result.stderr == "error: /srv/agents.toml: line 3 is no TOML\n2 processes\n"
    assert len(json.loads(run("processes", "--json").stdout)["processes"]) == 2


def test_without_processes_it_says_where_they_come_from(house: FakeHouse, run: Run) -> None:
    house.processes = {}
    assert run("processes").stderr.startswith("no processes; /srv/agents.toml on the registry's host says")


@pytest.mark.parametrize(
    ("arguments", "path", "words"),
    [
        (["start", "w/2"], "/api/processes/w%2F2/start", "w/2 is starting: it ends at once\n"),
        (["restart", "worker-1"], "/api/processes/worker-1/restart", "worker-1 is stopping (process 4711)\n"),
        (
            ["stop", "worker-1"],
            "/api/processes/worker-1/stop",
            "the process worker-1 is stopping (process 4711)\n",
        ),
        (
            ["stop", "worker-1", "--force"],
            "/api/processes/worker-1/force-stop",
            "the process worker-1 is stopping (process 4711)\n",
        ),
        (
            ["agents", "stop", "worker-1", "--reason", "x"],
            "/api/processes/worker-1/stop",
            "the process worker-1 is stopping (process 4711)\n",
        ),
        (
            ["start", "--all"],
            "/api/processes/start-all",
            "worker-1 is running (process 4711)\nw/2 is starting: it ends at once\n",
        ),
    ],
)
def test_a_process_is_acted_on(
    house: FakeHouse, run: Run, arguments: list[str], path: str, words: str
) -> None:
    house.add(agent_json("worker-1"))
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (0, words)
    method, sent_to, body = house.requests[-1]
    assert (method, sent_to) == ("POST", path)
    assert body["reason"]
    assert "@" in body["by"]


def test_what_is_no_process_is_an_agent(house: FakeHouse, run: Run) -> None:
    house.add(agent_json("ada", name="Ada the agent"))
    assert run("stop", "Ada the agent", "-r", "x").stdout == "ada: stop was queued: with its next beat\n"
    assert house.requests[-1][:2] == ("POST", "/api/agents/ada/stop")
    result = run("stop", "ada", "--force")
    assert result.stdout == "the agent ada was not killed: its process is not this registry's\n"
    assert house.requests[-1][:2] == ("POST", "/api/agents/ada/force-stop")


def test_an_older_registry_without_processes_still_takes_orders(run: Run, house: FakeHouse) -> None:
    house.processes = {}
    house.add(agent_json("ada"))
    assert run("agents", "stop", "ada", "-r", "x").exit_code == 0


@pytest.mark.parametrize(
    "arguments", [["start", "x"], ["restart", "x"], ["stop", "x"], ["stop", "x", "--force"]]
)
def test_what_is_neither_is_told(run: Run, house: FakeHouse, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "'x'" in result.stderr
    assert all(method == "GET" for method, _, _ in house.requests)


def test_nothing_to_start(house: FakeHouse, run: Run) -> None:
    house.processes = {}
    assert run("start", "--all").stdout == "there are no processes to start\n"


@pytest.mark.parametrize(
    "arguments", [["start"], ["start", "x", "--all"], ["start", ""], ["stop"], ["stop", " "], ["restart"]]
)
def test_wrong_usage(run: Run, house: FakeHouse, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert house.requests == []
