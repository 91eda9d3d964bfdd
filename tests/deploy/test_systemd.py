"""The systemd units: that systemd takes them, and that they fit what our processes do."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from processes.supervisor import Supervisor
from tests.deploy.files import DEPLOY, LEAVING_SECONDS, ROOT, SETTINGS, default_of, seconds

UNITS = sorted(DEPLOY.glob("*.service"))
PLACE = "/opt/roomkeeper"

ANALYZE = shutil.which("systemd-analyze")


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Lines `Name=value` of a unit, by name."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def by_name(path: Path) -> str:
    return path.stem


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=by_name)
def test_systemd_takes_it(unit: Path, tmp_path: Path) -> None:
    assert ANALYZE is not None
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name in ("python", "roomkeeper"):
        (commands / name).touch(mode=0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PLACE, str(tmp_path)))
    done = subprocess.run([ANALYZE, "verify", copy], capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in done.stderr.splitlines() if unit.stem in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=by_name)
def test_it_runs_something_that_is_there(unit: Path) -> None:
    program, *arguments = settings_of(unit)["ExecStart"][0].removeprefix(f"{PLACE}/.venv/bin/").split()
    if program == "roomkeeper":
        assert (ROOT / "cli" / "commands" / f"{arguments[0]}.py").is_file()
    elif arguments[0] == "-m":
        assert (ROOT / arguments[1] / "__main__.py").is_file()
    else:
        assert (ROOT / arguments[0]).is_file()


@pytest.mark.parametrize("unit", UNITS, ids=by_name)
def test_every_variable_that_is_set_is_one_that_somebody_reads(unit: Path) -> None:
    words = " ".join(settings_of(unit).get("Environment", [])).split()
    names = {word.partition("=")[0] for word in words}
    assert names <= SETTINGS | {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


@pytest.mark.parametrize("unit", UNITS, ids=by_name)
def test_a_wrong_setting_is_not_tried_for_ever(unit: Path) -> None:
    assert settings_of(unit)["RestartPreventExitStatus"] == ["2"]


@pytest.mark.parametrize("unit", UNITS, ids=by_name)
def test_it_does_not_run_as_root_and_its_comment_names_it(unit: Path) -> None:
    assert settings_of(unit)["User"] == ["roomkeeper"]
    assert f"systemctl enable --now {unit.stem}" in unit.read_text()


class TestWorker:
    UNIT = DEPLOY / "roomkeeper-worker.service"

    def test_it_is_not_killed_before_its_calls_have_left(self) -> None:
        timeout = seconds(settings_of(self.UNIT)["TimeoutStopSec"][0])
        assert timeout >= default_of("DRAIN_TIMEOUT") + LEAVING_SECONDS

    def test_calls_do_not_hear_the_signal_that_tells_it_to_drain(self) -> None:
        assert settings_of(self.UNIT)["KillMode"] == ["mixed"]

    def test_it_does_not_start_without_its_keys(self) -> None:
        files = settings_of(self.UNIT)["EnvironmentFile"]
        assert not any(name.startswith("-") for name in files), "a missing file must stop the start"


class TestRegistry:
    UNIT = DEPLOY / "roomkeeper-registry.service"

    def test_it_has_the_time_to_end_its_processes_in_order(self) -> None:
        closing = inspect.signature(Supervisor.aclose).parameters["timeout"].default
        assert seconds(settings_of(self.UNIT)["TimeoutStopSec"][0]) >= closing + 10
        assert settings_of(self.UNIT)["KillMode"] == ["mixed"]

    def test_agents_that_it_starts_can_live_in_it(self) -> None:
        settings = settings_of(self.UNIT)
        assert "MemoryDenyWriteExecute" not in settings, "foreign code that Python calls needs such memory"
        assert int(settings["TasksMax"][0]) > 1_000, "a call is a process with some thirty threads"


def test_the_documentation_names_every_unit() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text()
    named = set(re.findall(r"roomkeeper-[a-z]+", text))
    assert {unit.stem for unit in UNITS} <= named
