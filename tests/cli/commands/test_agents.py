"""`roomkeeper agents`."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json

LONG_ID = "an-agent-with-an-id-" + "x" * 150
CALL = {"room": "agent-7-room", "phase": "active", "humans": [{"identity": "guest", "role": "client"}]}


def test_the_table_tells_what_one_wants_to_know(registry: FakeRegistry, run: Run) -> None:
    registry.add(
        agent_json("ada", call=CALL, kind="session"),
        agent_json("bob", status="warning", health=70, reasons=[{"points": 30, "text": "slow\ndisk"}]),
        agent_json("cy", status="unknown", health=None, cause="just started", host=None, processId=None),
    )
    result = run("agents")
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "STATUS HEALTH NAME ID KIND HOST/PID ROOM LAST BEAT REASON",
        "warning 70 Bob bob program this-host/4711 3 s ago slow disk",
        "unknown ? Cy cy program 3 s ago just started",
        "running 100 Ada ada session this-host/4711 agent-7-room (1 human, active) 3 s ago",
    ]
    assert result.stderr == "3 agents\n"


@pytest.mark.parametrize("status", ["stopped", "offline"])
def test_of_a_call_that_is_over_the_room_is_told_and_no_phase(
    registry: FakeRegistry, run: Run, status: str
) -> None:
    registry.add(agent_json("ada", call=CALL, kind="session", status=status))
    line = run("agents").stdout.splitlines()[1]
    assert "agent-7-room" in line
    assert "active" not in line


def test_a_pipe_gets_all_of_a_long_id_and_no_colours(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json(LONG_ID, name="N" * 200, status="error"))
    result = run("agents")
    line = result.stdout.splitlines()[1]
    assert LONG_ID in line.split()
    assert "\x1b" not in result.output
    assert not line.endswith(" ")


def test_texts_cannot_steer_the_terminal(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada", name="[red]Ada[/red] \x1b[31m:smile:"))
    output = run("agents").stdout
    assert "[red]Ada[/red] \N{REPLACEMENT CHARACTER}[31m:smile:" in output
    assert "\x1b" not in output


def test_json_is_what_the_registry_says(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada"))
    answer = json.loads(run("agents", "--json").stdout)
    assert answer["agents"][0]["somethingNew"] == {"of": "a later version"}
    assert (answer["total"], answer["registry"]["uptime"]) == (1, 5)


def test_only_some_are_shown_unless_all_are_wanted(
    registry: FakeRegistry, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add(*(agent_json(f"agent-{n:04}") for n in range(122)))
    result = run("agents")
    assert len(result.stdout.splitlines()) == 51
    assert result.stderr == "50 of 122 agents shown; --all shows all (122 running)\n"
    monkeypatch.setattr("cli.client.LARGEST_PAGE", 60)
    result = run("agents", "--all")
    assert len(result.stdout.splitlines()) == 123
    assert len(json.loads(run("agents", "--all", "--json").stdout)["agents"]) == 122


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--status", "running,warning"], {"status": "running,warning"}),
        (["--status", "running", "--status", " error"], {"status": "running,error"}),
        (["--kind", "worker"], {"kind": "worker"}),
        (["--search", "ada & bob"], {"search": "ada & bob"}),
        (["--search", ""], {}),
    ],
)
def test_the_registry_is_asked_for_what_is_wanted(
    registry: FakeRegistry, run: Run, arguments: list[str], expected: dict[str, str]
) -> None:
    assert run("agents", *arguments).exit_code == 0
    assert registry.requests[0][2] == {**expected, "sort": "status", "limit": "50", "offset": "0"}


def test_no_agents(registry: FakeRegistry, run: Run) -> None:
    result = run("agents")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no agents\n")
    registry.add(agent_json("ada"))
    assert run("agents", "--search", "bob").stderr == "no agents match (there are 1 running)\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--status", "happy"], "--status 'happy' is none; there are starting, running"),
        (["--kind", "robot"], "'robot' is not one of"),
        (["--watch", "--json"], "--watch and --json do not go together"),
        (["--token", "secret"], "No such option"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], words: str) -> None:
    result = run("agents", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_show_tells_everything(registry: FakeRegistry, run: Run) -> None:
    registry.add(
        agent_json(
            "a/b",
            call={**CALL, "phaseSince": "2026-01-02T03:00:00Z", "graceEndsAt": None, "llm": "gpt"},
            status="error",
            health=12,
            reasons=[{"points": 60, "text": "no model"}, {"points": 28, "text": "late"}],
            forced={
                "status": "error",
                "health": 12,
                "by": "ann",
                "reason": "tests",
                "at": "2026-01-02T00:00:00Z",
            },
            lastError={"text": "Traceback\n  boom", "at": None},
            cpu=12.34,
            rss=60_000_000,
            loopLag=0.0,
            model="gpt",
        )
    )
    registry.history = [
        {
            "id": 2,
            "at": "2026-01-02T03:04:05Z",
            "from": "running",
            "to": "error",
            "reason": "boom",
            "by": "agent",
        },
        {
            "id": 1,
            "at": "2026-01-02T03:04:00Z",
            "from": None,
            "to": "running",
            "reason": "first",
            "by": "agent",
        },
    ]
    result = run("agents", "show", "a/b")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for expected in (
        "id a/b",
        "health 12",
        "reasons -60 no model",
        "-28 late",
        "room agent-7-room",
        "humans guest (client)",
        "language model gpt",
        "process this-host/4711",
        "costs 12.3 % of a core, 60 MB, main loop on time",
        "prompt Be kind.",
    ):
        assert expected in lines
    assert any(line.startswith("forced error by ann at 2026-01-0") for line in lines)
    assert any(line.endswith("running error ? agent boom") for line in lines)
    assert "boom" in result.stdout


def test_show_finds_an_agent_by_its_name(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("x-1", name="Invoice robot"))
    assert json.loads(run("agents", "show", "invoice ROBOT", "--json").stdout)["prompt"] == "Be kind."


def test_logs(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada"))
    registry.log = ["one\ttab", "two \x1b[31mred"]
    result = run("agents", "logs", "ada")
    assert result.stdout == "one\ttab\ntwo \N{REPLACEMENT CHARACTER}[31mred\n"


@pytest.mark.parametrize("arguments", [["show", "nobody"], ["logs", "nobody"], ["stop", "nobody", "-r", "x"]])
def test_nobody(run: Run, arguments: list[str]) -> None:
    result = run("agents", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "roomkeeper: no agent has the id or the name 'nobody'; see `roomkeeper agents`\n"


def test_an_interrupt_ends_the_command_as_a_signal_would(
    registry: FakeRegistry, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.client.Client.raw_agents", interrupt)
    result = run("agents")
    assert (result.exit_code, result.output) == (130, "")


def test_watching_an_absent_registry_is_an_error(registry: FakeRegistry, run: Run) -> None:
    registry.failure = httpx.ConnectError("refused")
    result = run("agents", "--watch")
    assert result.exit_code == 3
    assert result.stderr.startswith("roomkeeper: no registry answers at http://registry.test (WEB_UI_URL)")
