"""All commands: settings, help, and how a process of it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json

COMMANDS = [
    ["agents"],
    ["agents", "show"],
    ["agents", "logs"],
    ["agents", "stop"],
    ["agents", "remove"],
    ["rooms"],
    ["why"],
    ["close"],
    ["gc"],
    ["sessions"],
    ["processes"],
    ["start"],
    ["stop"],
    ["restart"],
    ["profile", "show"],
    ["profile", "set"],
    ["profile", "delete"],
    ["doctor"],
    ["set"],
    ["fix"],
    ["monitor"],
    ["demo-agent"],
    ["watch-agent"],
    ["integrate"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_has_its_help(run: Run, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert f"Usage: roomkeeper {' '.join(command)}" in result.stdout


def test_the_exit_codes_stand_in_the_help(run: Run) -> None:
    assert "3 no registry answers" in " ".join(run("--help").stdout.split())


def test_the_version(run: Run) -> None:
    assert run("--version").stdout.startswith("roomkeeper ")


@pytest.mark.parametrize(
    "arguments", [["--url", "http://other.test", "agents"], ["agents", "--url", "http://other.test"]]
)
def test_another_registry_can_be_asked(registry: FakeRegistry, run: Run, arguments: list[str]) -> None:
    registry.add(agent_json("ada"))
    assert run(*arguments).exit_code == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WEB_UI_URL", "", "WEB_UI_URL is empty, so there is no registry to ask"),
        ("WEB_UI_URL", "localhost", "WEB_UI_URL='localhost': must be a URL"),
        ("REGISTRY_TOKEN", "short", "REGISTRY_TOKEN=***: must be 8 or more"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    result = run("agents")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"roomkeeper: {words}")
    assert result.stderr.count("\n") == 1


def test_an_option_that_is_no_url_is_told_so(run: Run) -> None:
    result = run("agents", "--url", "nonsense")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("roomkeeper: --url 'nonsense' is no URL of a registry")


def test_the_token_comes_from_the_environment_or_a_file(
    registry: FakeRegistry, run: Run, tmp_path: Path
) -> None:
    registry.token = "a-token-for-tests"
    result = run("agents")
    assert (result.exit_code, result.stderr) == (2, "roomkeeper: this registry wants a token\n")
    (tmp_path / ".env.local").write_text("REGISTRY_TOKEN=a-token-for-tests\n")
    assert run("agents").exit_code == 0


def test_a_process_tells_its_error_in_one_line_and_ends_with_its_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "agents"],
        env={**os.environ, "WEB_UI_URL": "http://127.0.0.1:1", "FORCE_COLOR": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "roomkeeper: no registry answers at http://127.0.0.1:1 (WEB_UI_URL): start it with `python -m registry`\n"
    )
