"""`roomkeeper profile`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, runner
from tests.cli.room_fakes import FakeHouse


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def run(environment: None, house: FakeHouse, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys, house)


def test_a_profile_is_stored_shown_and_deleted(house: FakeHouse, run: Run, tmp_path: Path) -> None:
    (tmp_path / "bob.json").write_text('{"name": "Bob", "prompt": "Be kind."}')
    assert run("profile", "set", "7", "bob.json").stdout.startswith("the profile of 7 is stored")
    assert house.requests[-1] == ("PUT", "/api/agents/7/profile", {"name": "Bob", "prompt": "Be kind."})
    shown = run("profile", "show", "7")
    assert json.loads(shown.stdout) == {"name": "Bob", "prompt": "Be kind."}
    assert shown.stderr.endswith(" by ann@desk\n")
    assert run("profile", "delete", "7").stdout.startswith("the profile of 7 is deleted")
    assert house.profiles == {}


@pytest.mark.parametrize("command", ["show", "delete"])
def test_none_is_stored(run: Run, command: str) -> None:
    result = run("profile", command, "7")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "so the default one counts" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no profile: profile: Invalid JSON"),
        ("{}", "prompt: Field required"),
        ('{"prompt": "x", "temperature": 9}', "temperature: Input should be less than or equal to 2"),
        (None, "No such file or directory"),
    ],
    ids=["not JSON", "no prompt", "too hot", "no file"],
)
def test_a_wrong_file_is_not_sent(
    house: FakeHouse, run: Run, tmp_path: Path, text: str | None, words: str
) -> None:
    if text is not None:
        (tmp_path / "p.json").write_text(text)
    result = run("profile", "set", "7", "p.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert house.requests == []


@pytest.mark.parametrize("agent_id", ["", "a/b", "ä"])
def test_a_wrong_id_is_not_asked_for(house: FakeHouse, run: Run, agent_id: str) -> None:
    assert run("profile", "show", agent_id).exit_code == 2
    assert house.requests == []
