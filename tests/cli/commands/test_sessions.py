"""`roomkeeper sessions`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run, runner
from tests.cli.room_fakes import FakeHouse, session_json


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def run(environment: None, house: FakeHouse, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys, house)


def test_sessions_are_listed_with_how_they_ended(house: FakeHouse, run: Run) -> None:
    house.sessions = [
        session_json(),
        session_json(
            id="0b2f-2", isOpen=False, endedAt="2026-01-02T03:34:05Z", closeReason="lost", exitCode=137
        ),
    ]
    result = run("sessions")
    first, second = [" ".join(line.split()[2:]) for line in result.stdout.splitlines()[1:]]
    assert first == "agent-1-room 1 60 s 2 5 open 0b2f-1"
    assert second == "agent-1-room 1 30 min 2 5 lost 137 0b2f-2"
    assert result.stderr == "2 sessions\n"
    assert len(json.loads(run("sessions", "--json").stdout)["sessions"]) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"limit": "50"}),
        (["--open"], {"open": "true", "limit": "50"}),
        (["--room", "a b", "--agent", "7", "--limit", "3"], {"room": "a b", "agentId": "7", "limit": "3"}),
        (["--room", ""], {"limit": "50"}),
    ],
)
def test_the_registry_is_asked_for_what_is_wanted(
    house: FakeHouse, run: Run, arguments: list[str], expected: dict[str, str]
) -> None:
    assert run("sessions", *arguments).stderr == "no sessions\n"
    assert house.requests[-1] == ("GET", "/api/sessions", expected)


def test_it_says_that_there_may_be_more(house: FakeHouse, run: Run) -> None:
    house.sessions = [session_json()]
    assert run("sessions", "--limit", "1").stderr == "1 session; --limit shows more\n"
