"""`roomkeeper sessions`."""

from __future__ import annotations

import json
from pathlib import Path

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


def recorded() -> dict[str, object]:
    """A session with all that was measured."""
    spread = {"count": 14, "p50": 0.84, "p95": 1.2, "worst": 3.0}
    return session_json(
        events=[
            {"number": 0, "kind": "human_came", "text": "client", "at": "2026-01-02T03:04:07Z", "since": 2.0},
            {
                "number": 1,
                "kind": "of_a_later_version",
                "text": "",
                "at": "2026-01-02T03:04:09Z",
                "since": 200.0,
            },
        ],
        moreEvents=3,
        isTranscribed=False,
        latencies={
            "total": spread,
            "firstAudio": None,
            "stt": None,
            "endOfTurn": None,
            "llm": None,
            "tts": None,
        },
        cost={
            "models": [
                {
                    "provider": "x",
                    "model": "gpt-4.1",
                    "used": "9 tokens read",
                    "dollars": 0.0123,
                    "isLocal": False,
                },
                {"provider": "x", "model": "own-\x1b[31m", "used": "", "dollars": 0.0, "isLocal": True},
                {"provider": "x", "model": "new", "used": "", "dollars": None, "isLocal": False},
            ],
            "dollars": 0.0123,
            "isWhole": False,
            "asOf": "2025-09-01",
        },
    )


def test_a_session_is_shown_with_all_that_was_measured(house: FakeHouse, run: Run) -> None:
    house.sessions = [recorded()]
    lines = [" ".join(line.split()) for line in run("sessions", "show", "0b2f-1").stdout.splitlines()]
    for line in (
        "agent 1",
        "ended by it goes on",
        "turns 5, what was said is not kept",
        "answer after the end of speech 0.84 1.20 14",
        "2 s a human came: client",
        "3 min of a later version",
        "and 3 more, of which nothing is kept",
        "gpt-4.1 9 tokens read $0.0123",
        "new no price known",
        "in all an estimate by list prices of 2025-09-01, without those whose price is not known $0.0123",
    ):
        assert line in lines, line
    assert "\x1b" not in run("sessions", "show", "0b2f-1").stdout
    assert json.loads(run("sessions", "show", "0b2f-1", "--json").stdout)["moreEvents"] == 3


def test_a_session_of_an_older_registry_is_shown(house: FakeHouse, run: Run) -> None:
    house.sessions = [session_json()]
    shown = run("sessions", "show", "0b2f-1")
    assert (shown.exit_code, "WHAT HAPPENED" in shown.stdout) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "kind"), [([], "text"), (["--format", "vtt"], "vtt"), (["-f", "json"], "json")]
)
def test_what_was_said_is_printed(house: FakeHouse, run: Run, arguments: list[str], kind: str) -> None:
    house.sessions = [session_json(id="a/b")]
    house.transcript = b'{"a": "\xc3\xbc"}\n'
    result = run("sessions", "export", "a/b", *arguments)
    assert "ü" in result.stdout
    assert house.requests[-1] == ("GET", "/api/sessions/a%2Fb/transcript", {"format": kind})


def test_nothing_that_was_said_steers_the_terminal(house: FakeHouse, run: Run) -> None:
    house.sessions = [session_json()]
    house.transcript = b"Human: \x1b[31m\x9b red\n"
    assert "\x1b" not in run("sessions", "export", "0b2f-1").stdout


def test_what_was_said_is_written_to_a_file(house: FakeHouse, run: Run, tmp_path: Path) -> None:
    house.sessions = [session_json()]
    house.transcript = b"WEBVTT\n"
    file = tmp_path / "said.vtt"
    result = run("sessions", "export", "0b2f-1", "--format", "vtt", "--output", str(file))
    assert (result.exit_code, result.stdout, file.read_bytes()) == (0, "", b"WEBVTT\n")
    refused = run("sessions", "export", "0b2f-1", "--output", str(tmp_path / "no" / "such"))
    assert refused.exit_code == 1
    assert "cannot be written (No such file or directory); name another file" in refused.stderr


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_session_that_nobody_knows_is_told(run: Run, command: str) -> None:
    result = run("sessions", command, "none")
    assert result.exit_code == 1
    assert "no session 'none' has reported here" in result.stderr


def test_an_unknown_format_is_a_wrong_command(run: Run) -> None:
    assert run("sessions", "export", "x", "--format", "pdf").exit_code == 2
