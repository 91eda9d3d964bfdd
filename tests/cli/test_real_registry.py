"""A few lives with the real registry, in processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.cli.conftest import Run, runner
from tests.cli.fakes import HOST

TOKEN = "a-token-for-tests"
ROOT = Path(__file__).parents[2]


@contextmanager
def process(*arguments: str, folder: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process with its output in one stream; killed in the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def wait_for(started: subprocess.Popen[str], words: str) -> str:
    """Read its output until a line with these words; that line."""
    assert started.stdout is not None
    return _line_with(started.stdout, words)


def _line_with(output: IO[str], words: str) -> str:
    seen = []
    for line in output:
        seen.append(line)
        if words in line:
            return line
    pytest.fail(f"no {words!r} in {seen}")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    env = {"ROOMKEEPER_HOME": str(folder), "REGISTRY_TOKEN": TOKEN, "REGISTRY_PORT": "0", "DATABASE_URL": ""}
    with process("-m", "registry", folder=folder, **env) as started:
        found = re.search(r"url=(\S+)", wait_for(started, "action=registry.listening"))
        assert found is not None
        yield found[1]
        started.terminate()


@pytest.fixture
def run(
    environment: None, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.setenv("WEB_UI_URL", url)
    monkeypatch.setenv("REGISTRY_TOKEN", TOKEN)
    return runner(capsys, None)


def test_the_life_of_a_pretend_agent(run: Run, tmp_path: Path) -> None:
    words = [
        "-m",
        "cli",
        "demo-agent",
        "--id",
        "life/x",
        "--count",
        "2",
        "--name",
        "Life",
        "--interval",
        "0.2",
    ]
    with process(*words, "--humans", "2", folder=tmp_path) as demo:
        wait_for(demo, "beats at")
        wait_for(demo, "beats at")
        agents = json.loads(run("agents", "--search", "life", "--json").stdout)["agents"]
        assert {
            (agent["agentId"], agent["status"], agent["host"], agent["processId"]) for agent in agents
        } == {
            ("life/x-1", "running", HOST, demo.pid),
            ("life/x-2", "running", HOST, demo.pid),
        }
        assert "agent-life/x-1-room (2 humans, active)" in run("agents").stdout
        assert run("fix").stderr.endswith("2 as they should be\n")

        assert run("set", "life 2", "error", "7", "--reason", "tests").exit_code == 0
        forced = run("agents", "--status", "error")
        assert "error (forced)" in forced.stdout
        assert "life/x-1" not in forced.stdout
        assert "is running, health 100 (by its own beats)" in run("set", "life/x-2", "--unlock").stdout
        assert "forced by" in run("agents", "show", "life/x-2").stdout

        assert run("agents", "stop", "life/x-1", "--reason", "enough").exit_code == 0
        wait_for(demo, "life/x-1: said goodbye (stop ordered: enough)")

        demo.kill()
        demo.wait()
        fixed = run("fix")
        assert "running → offline" in fixed.stdout
        assert f"process {demo.pid} is gone" in run("agents", "--status", "offline").stdout
        assert run("fix").stdout == ""
        assert run("agents", "remove", "life/x-2", "-r", "over").exit_code == 0
        assert run("agents", "show", "life/x-2").exit_code == 1


PROGRAM = """
import json, os, time, urllib.request
from heartbeat import mark_agent_started

mark_agent_started(agent_id="watched")
request = urllib.request.Request(
    os.environ["WEB_UI_URL"] + "/api/agents?search=watched",
    headers={"Authorization": "Bearer " + os.environ["REGISTRY_TOKEN"]},
)
while not json.load(urllib.request.urlopen(request))["agents"]:
    time.sleep(0.05)
time.sleep(0.3)
"""
"""A program that ends when it was seen."""


def test_a_watch_sees_a_command_come_and_go(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cli.trial.SETTLE_TIME", 0.5)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "program.py").write_text(PROGRAM)
    result = run("watch-agent", "--duration", "15", "--", sys.executable, "program.py")
    assert result.exit_code == 0, result.output
    first, *others, ended, summary = result.stdout.splitlines()
    assert first.endswith("watched  running, health 100")
    assert any("running → stopped" in line for line in others)
    assert ended == "the command ended with exit code 0"
    assert summary.startswith("watched ran; ")


def test_signals_end_what_runs_for_long(url: str, tmp_path: Path) -> None:
    env = {"WEB_UI_URL": url, "REGISTRY_TOKEN": TOKEN}
    monitor = process("-m", "cli", "monitor", folder=tmp_path, **{**env, "WEB_UI_URL": "http://127.0.0.1:1"})
    watch = process("-m", "cli", "agents", "--watch", folder=tmp_path, **env)
    demo = process("-m", "cli", "demo-agent", "--id", "short", folder=tmp_path, **env)
    with monitor as monitoring, watch as watching, demo as pretending:
        wait_for(monitoring, "action=monitor.lost")
        monitoring.send_signal(signal.SIGTERM)
        wait_for(pretending, "beats at")
        wait_for(watching, "short  running  100")
        pretending.send_signal(signal.SIGINT)
        wait_for(watching, "short  stopped")
        watching.send_signal(signal.SIGINT)
        assert pretending.communicate()[0] == "short: said goodbye (the demonstration is over)\n"
        assert (monitoring.wait(), pretending.wait(), watching.wait()) == (0, 130, 130)
        assert watching.communicate()[0] == ""


def test_without_the_token_nothing_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", "not-the-right-one")
    result = run("agents")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the token is wrong" in result.stderr


def test_what_is_asked_wrongly_is_told_in_words(run: Run) -> None:
    result = run("agents", "stop", "nobody", "--reason", "x")
    assert result.exit_code == 1
    assert "no agent has the id or the name 'nobody'" in result.stderr


def test_profiles_go_from_hand_to_hand(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bo.json").write_text('{"name": "Bo", "prompt": "Be kind.", "group": "Hotel"}')
    assert run("profile", "set", "bo", "bo.json").exit_code == 0
    assert run("profile", "duplicate", "bo", "bo-2").exit_code == 0
    assert "Hotel" in run("profile", "list", "--group", "Hotel").stdout
    assert run("profile", "export", "--group", "Hotel", "-o", "team.json").exit_code == 0
    assert len(json.loads((tmp_path / "team.json").read_text())["profiles"]) == 2
    run("profile", "delete", "bo-2")
    looked = run("profile", "import", "team.json", "--dry-run")
    assert looked.stdout == "same      bo\nnew       bo-2\n"
    assert run("profile", "import", "team.json").stderr == "1 profile stored\n"
    (tmp_path / "team.json").write_text("{")
    broken = run("profile", "import", "team.json")
    assert (broken.exit_code, "line 1, column 2" in broken.stderr) == (2, True)
    assert run("profile", "script", "bo", "-o", "bo.py").exit_code == 0
    compile((tmp_path / "bo.py").read_text(), "bo.py", "exec")
