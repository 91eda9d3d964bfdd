"""`roomkeeper rooms`, `why`, `close` and `gc`."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Run, runner
from tests.cli.fakes import AT
from tests.cli.room_fakes import FakeHouse, agent_seen, human_seen, room_json, why_json


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def run(environment: None, house: FakeHouse, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys, house)


def test_the_table_tells_what_one_wants_to_know(house: FakeHouse, run: Run) -> None:
    house.add_rooms(
        room_json("agent-1-room", humans=[human_seen(), human_seen("x"), human_seen("coach-a", "coach")]),
        room_json("agent-2-room", humans=[], phase="grace_period", graceEndsAt="2026-01-02T03:04:52Z"),
        room_json(
            "agent-3-room",
            agents=[],
            attempts=3,
            trouble="no worker takes it",
            lastDecision=None,
            phase="starting",
        ),
        room_json("agent-4-room", humans=[], agents=[agent_seen(leaving="operator", rowId=None)]),
    )
    result = run("rooms")
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "ROOM PHASE HUMANS AGENTS SINCE LAST DECISION TROUBLE",
        "agent-3-room starting 1 client none 5 s no worker takes it; asked 3 times in vain",
        "agent-1-room active 2 client, 1 coach 1 alive 5 s dispatch 5 s ago: a human, and no agent for 2 s",
        "agent-2-room grace_period 42 s left none 1 alive 5 s dispatch 5 s ago: a human, and no agent for 2 s",
        "agent-4-room active none 1 leaving: operator 5 s dispatch 5 s ago: a human, and no agent for 2 s",
    ]
    assert result.stderr == (
        "4 rooms (2 active, 1 grace_period, 1 starting); in 1 a human waits for an agent\n"
    )


def test_humans_are_named_only_when_that_is_asked_for(house: FakeHouse, run: Run) -> None:
    house.add_rooms(room_json(humans=[human_seen("mrs-smith")]))
    assert "mrs-smith" not in run("rooms").output
    assert "mrs-smith (client)" in run("rooms", "--identities").stdout


@pytest.mark.parametrize(
    ("keeper", "words"),
    [
        ({}, ""),
        ({"isOn": False}, "warning: room keeping is off; the registry needs LiveKit's URL and keys"),
        ({"isOn": False, "trouble": "no keys are set"}, "warning: no keys are set\n"),
        ({"isReachable": False}, "error: LiveKit does not answer the registry at ws://livekit.test"),
        ({"trouble": "the\nkeys are refused", "isReachable": False}, "error: the keys are refused\n"),
        ({"isLeading": False}, "info: another registry on the same database keeps the rooms"),
        ({"forgedWebhooks": 1}, "warning: 1 webhook was refused"),
        ({"forgedWebhooks": 2}, "warning: 2 webhooks were refused"),
    ],
)
def test_trouble_of_the_keeper_stands_on_top(
    house: FakeHouse, run: Run, keeper: dict[str, Any], words: str
) -> None:
    house.keeper |= keeper
    assert run("rooms").stderr.startswith(words or "no rooms\n")


def test_notices_of_the_registry_stand_on_top(house: FakeHouse, run: Run) -> None:
    house.notices = [{"level": "warning", "text": "it was cut off"}]
    assert run("rooms").stderr == "warning: it was cut off\nno rooms\n"


def test_json_is_what_the_registry_says(house: FakeHouse, run: Run) -> None:
    house.add_rooms(room_json())
    assert json.loads(run("rooms", "--json").stdout)["rooms"][0]["somethingNew"] == {"of": "a later version"}
    assert json.loads(run("why", "agent-1-room", "--json").stdout)["answer"] == "An agent is there."


@pytest.mark.parametrize(
    ("changes", "exit_code"),
    [
        ({}, 0),
        ({"humans": []}, 0),
        ({"humans": [], "agents": []}, 0),
        ({"agents": []}, 1),
        ({"agents": [agent_seen(health="gone")]}, 1),
        ({"agents": [agent_seen(health="stopped")]}, 1),
        ({"agents": [agent_seen(leaving="humans_left")]}, 1),
        ({"agents": [agent_seen(leaving="humans_left"), agent_seen()]}, 0),
        ({"agents": [agent_seen(health="suspect")]}, 0),
        ({"agents": [agent_seen(health="foreign", incarnation=None)]}, 0),
        ({"agents": [], "closed": {"by": "ann", "reason": "x", "at": AT}}, 0),
        ({"agents": [], "agentId": None}, 0),
    ],
)
def test_why_ends_with_1_while_a_human_waits(
    house: FakeHouse, run: Run, changes: dict[str, Any], exit_code: int
) -> None:
    house.add_rooms(room_json(**changes))
    result = run("why", "agent-1-room")
    assert (result.exit_code, result.stderr) == (exit_code, "")
    assert run("why", "agent-1-room", "--json").exit_code == exit_code


def test_that_nobody_can_tell_why_is_not_that_a_human_waits(house: FakeHouse, run: Run) -> None:
    house.keeper["isOn"] = False
    result = run("why", "agent-1-room")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "roomkeeper: nobody can tell: room keeping is off\n"


def test_why_of_a_room_that_is_not_there_is_an_answer(house: FakeHouse, run: Run) -> None:
    house.reasons["a/b"] = why_json("a/b", answer="There is no such room.", facts=[], nextStep="")
    result = run("why", "a/b")
    assert (result.exit_code, result.stdout) == (0, "There is no such room.\n")
    assert house.requests[0][1] == "/api/livekit/rooms/a%2Fb/why"


def test_why_gives_the_answer_first_then_what_it_rests_on(house: FakeHouse, run: Run) -> None:
    house.add_rooms(room_json(agents=[]))
    house.reasons["agent-1-room"] = why_json(
        answer="No worker takes the job.",
        facts=[
            {"at": AT, "source": "livekit", "text": "a human joined", "isBad": False},
            {"at": None, "source": "worker", "text": "no worker beats", "isBad": True},
        ],
        nextStep="another agent is asked for",
        nextAt="2026-01-02T03:04:13Z",
        events=[{"id": 1, "at": AT, "room": "", "sid": "", "kind": "dispatch", "text": "asked", "by": ""}],
    )
    lines = [" ".join(line.split()) for line in run("why", "agent-1-room").stdout.splitlines()]
    assert lines[0] == "No worker takes the job."
    assert lines[2].startswith("AT (")
    assert lines[3].startswith("✓")
    assert lines[3].endswith("livekit a human joined")
    assert lines[4] == "✗ worker no worker beats"
    assert lines[6] == "next: another agent is asked for (in 3 s)"
    assert lines[8].startswith("AT (")
    assert lines[9].endswith("dispatch keeper asked")


@pytest.mark.parametrize(
    ("options", "force", "words"),
    [
        ([], False, "asked to leave: ai-1-AJ_x; 1 human stays; no agent comes until the room ends"),
        (["--force"], True, "removed: ai-1-AJ_x; 1 human stays; no agent comes until the room ends"),
    ],
)
def test_a_room_is_closed(house: FakeHouse, run: Run, options: list[str], words: str, *, force: bool) -> None:
    house.add_rooms(room_json())
    result = run("close", "agent-1-room", "--reason", "maintenance", *options)
    assert result.stdout == f"agent-1-room: {words}\n"
    method, path, body = house.requests[-1]
    assert (method, path) == ("POST", "/api/livekit/rooms/agent-1-room/close")
    assert "@" in body.pop("by")
    assert body == {"reason": "maintenance", "force": force}


def test_closing_a_room_that_is_not_there_fails(run: Run) -> None:
    result = run("close", "nowhere", "-r", "x")
    assert (result.exit_code, result.stderr) == (1, "roomkeeper: LiveKit has no such room\n")


def test_garbage_is_collected_or_only_shown(house: FakeHouse, run: Run) -> None:
    assert run("gc").stderr == "there is no garbage\n"
    house.found = [
        {"what": "room", "room": "agent-9-room", "identity": None, "why": "empty for 90 s", "done": True},
        {"what": "agent", "room": "agent-8-room", "identity": "ai-8", "why": "alone", "done": False},
    ]
    result = run("gc", "-r", "tidy")
    assert [" ".join(line.split()) for line in result.stdout.splitlines()[1:]] == [
        "room agent-9-room yes empty for 90 s",
        "agent agent-8-room ai-8 not yet alone",
    ]
    assert result.stderr == "1 of 2 went\n"
    assert (house.requests[-1][2]["dryRun"], house.requests[-1][2]["reason"]) == (False, "tidy")
    assert run("gc", "--dry-run").stderr == "2 would go; nothing was touched\n"
    assert house.requests[-1][2]["dryRun"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        ["rooms", "--watch", "--json"],
        ["why"],
        ["why", " "],
        ["close", "agent-1-room"],
        ["close", "", "-r", "x"],
    ],
)
def test_wrong_usage(house: FakeHouse, run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert house.requests == []


def test_no_registry(house: FakeHouse, run: Run) -> None:
    house.failure = httpx.ConnectError("refused")
    for words in (["rooms"], ["why", "x"], ["rooms", "--watch"], ["close", "x", "-r", "y"], ["gc"]):
        assert run(*words).exit_code == 3
