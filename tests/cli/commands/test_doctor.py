"""`roomkeeper doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cli.doctor import World
from tests.cli.conftest import Run, runner
from tests.cli.doctor.fakes import KEY, LIVEKIT, SECRET, FakeNetwork, a_world
from tests.cli.fakes import agent_json


@pytest.fixture
def network() -> FakeNetwork:
    network = FakeNetwork(others={"127.0.0.1:8090": httpx.Response(200, json={"status": "ok"})})
    network.house.add(agent_json("worker-1", kind="worker"))
    network.house.keeper["livekitUrl"] = LIVEKIT
    return network


@pytest.fixture
def run(
    environment: None,
    network: FakeNetwork,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.setenv("LIVEKIT_URL", LIVEKIT)
    monkeypatch.setenv("LIVEKIT_API_KEY", KEY)
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)
    monkeypatch.setattr("cli.doctor.World", world_of(network))
    return runner(capsys, network)


def world_of(network: FakeNetwork) -> Callable[..., World]:
    return lambda **_: a_world(network)


def test_all_is_well(run: Run) -> None:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert all(line.startswith("ok ") for line in result.stdout.splitlines())
    assert result.stderr.endswith(" ok\n")
    assert SECRET not in result.output


def test_a_failure_ends_with_1_and_says_the_way_out(network: FakeNetwork, run: Run) -> None:
    network.house.agents.clear()
    result = run("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("fail"))
    assert lines[place].split(maxsplit=2)[1:] == ["worker", "no worker beats to the registry"]
    assert lines[place + 1].strip().startswith("→ start one: `python agent.py start`")
    assert result.stderr.startswith("1 fail, ")


def test_warnings_alone_end_with_0(network: FakeNetwork, run: Run) -> None:
    network.livekit.departure_timeout = 20
    result = run("doctor")
    assert (result.exit_code, result.stderr.startswith("1 warn, ")) == (0, True)


def test_json_for_programs(network: FakeNetwork, run: Run) -> None:
    network.livekit.departure_timeout = 20
    verdicts = json.loads(run("doctor", "--json").stdout)
    (warning,) = [verdict for verdict in verdicts if verdict["level"] == "warn"]
    assert warning.keys() == {"level", "subject", "text", "wayOut"}
    assert warning["subject"] == "departure timeout"


def test_wrong_settings_are_told_and_the_rest_is_looked_at(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRACE_PERIOD", "long")
    monkeypatch.setenv("REGISTRY_TOKEN", "tooshor")
    (tmp_path / ".env.local").write_text("LIVEKIT_AGENT_NAME=ada\n")
    result = run("doctor")
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0].startswith("fail settings GRACE_PERIOD='long'")
    assert lines[2].startswith("fail settings REGISTRY_TOKEN=***: must be 8 or more")
    assert lines[4].startswith("warn agent name LIVEKIT_AGENT_NAME='ada' is set")
    assert "ok LiveKit ws://livekit.test:7880 answers and takes the keys" in lines
    assert "tooshor" not in result.output


def test_without_a_registry(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_UI_URL", "")
    result = run("doctor")
    assert result.exit_code == 0
    assert "warn  registry" in result.stdout
    assert "WEB_UI_URL is empty" in result.stdout


def test_texts_cannot_steer_the_terminal(network: FakeNetwork, run: Run) -> None:
    network.house.notices = [{"level": "warning", "text": "\x1b[31mred\nlines"}]
    result = run("doctor")
    assert "\N{REPLACEMENT CHARACTER}[31mred lines" in result.stdout
    assert "\x1b" not in result.output
