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


def test_profiles_are_listed(house: FakeHouse, run: Run) -> None:
    assert run("profile", "list").stderr == "no profiles\n"
    house.profiles = {"7": {"name": "Bob\x1b[2J", "group": "Hotel", "language": "de"}}
    shown = run("profile", "list", "--group", "Hotel")
    assert "Hotel" in shown.stdout
    assert "\x1b[2J" not in shown.stdout
    assert shown.stderr == "1 profile\n"
    assert json.loads(run("profile", "list", "--json").stdout)["total"] == 1


def test_profiles_are_exported_and_imported(house: FakeHouse, run: Run, tmp_path: Path) -> None:
    house.profiles = {"7": {"name": "Bob", "prompt": "Be kind."}}
    assert json.loads(run("profile", "export").stdout)["profiles"][0]["agentId"] == "7"
    assert run("profile", "export", "7", "--out", "team.json").stdout == ""
    file = json.loads((tmp_path / "team.json").read_text())
    assert file == {"version": 1, "profiles": [{"agentId": "7", "profile": house.profiles["7"]}]}
    house.imported = {
        "entries": [
            {"number": 1, "agentId": "7", "outcome": "new", "error": "", "warnings": ["it is odd"]},
            {"number": 2, "agentId": "", "outcome": "broken", "error": "no\nid", "warnings": []},
        ],
        "stored": 1,
    }
    result = run("profile", "import", "team.json", "--only-valid")
    assert result.stdout == "new       7: it is odd\nbroken    entry 2: no id\n"
    assert result.stderr == "1 profile stored\n"
    assert house.requests[-1] == ("POST", "/api/profiles/import", file)
    assert run("profile", "import", "team.json", "--dry-run").stderr == "nothing was stored: --dry-run\n"
    assert run("profile", "import", "nowhere.json").exit_code == 2


def test_a_profile_is_duplicated_and_never_over_another(house: FakeHouse, run: Run) -> None:
    house.profiles = {"7": {"name": "Bob", "prompt": "Be kind."}}
    assert run("profile", "duplicate", "7", "8").exit_code == 0
    assert house.profiles["8"] == house.profiles["7"]
    taken = run("profile", "duplicate", "7", "8")
    assert (taken.exit_code, "'8' has a profile already" in taken.stderr) == (1, True)
    assert "so the default one counts" in run("profile", "duplicate", "9", "10").stderr
    assert run("profile", "duplicate", "7", "a/b").exit_code == 2


def test_an_agent_is_had_as_a_script(house: FakeHouse, run: Run, tmp_path: Path) -> None:
    house.profiles = {"7": {"name": "Bob", "prompt": "Be kind."}}
    assert run("profile", "script", "7").stdout == "# 7\n"
    assert "written to bob.py" in run("profile", "script", "7", "-o", "bob.py").stderr
    assert (tmp_path / "bob.py").read_text() == "# 7\n"
    assert run("profile", "script", "7", "-o", "no/such/folder.py").exit_code == 2
    assert "so the default one counts" in run("profile", "script", "8").stderr
