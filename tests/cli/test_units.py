"""The systemd units: that systemd takes them, and that what they start exists."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))


def values(unit: Path, name: str) -> list[str]:
    lines = unit.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def test_there_are_two() -> None:
    assert [unit.name for unit in UNITS] == ["roomkeeper-monitor.service", "roomkeeper-registry.service"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_them(tmp_path: Path) -> None:
    for unit in UNITS:
        # A program that is on every machine; what is started in earnest is looked at below.
        text = unit.read_text().replace("/opt/roomkeeper/.venv/bin/", "/usr/bin/env ")
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_what_only_a_person_can_mend_is_not_tried_again(unit: Path) -> None:
    assert values(unit, "Restart") == ["always"]
    assert values(unit, "RestartPreventExitStatus") == ["2"]


def test_the_monitor_is_started_with_options_that_it_has(run: Run) -> None:
    (line,) = values(UNITS[0], "ExecStart")
    program, *arguments = shlex.split(line)
    assert Path(program).name == "roomkeeper"
    assert run(*arguments, "--once", "--help").exit_code == 0


def test_the_monitor_sees_other_users_processes() -> None:
    assert values(UNITS[0], "ProtectProc") == ["default"]
    assert "PrivatePIDs=yes" not in UNITS[0].read_text()
