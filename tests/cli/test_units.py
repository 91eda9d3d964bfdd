"""The systemd unit of the monitor: that systemd takes it, and that what it starts exists."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "roomkeeper-monitor.service"


def values(name: str) -> list[str]:
    lines = UNIT.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_it(tmp_path: Path) -> None:
    # A program that is on every machine; what is started in earnest is looked at below.
    text = UNIT.read_text().replace("/opt/roomkeeper/.venv/bin/", "/usr/bin/env ")
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT.name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_only_a_person_can_mend_is_not_tried_again() -> None:
    assert values("Restart") == ["always"]
    assert values("RestartPreventExitStatus") == ["2"]


def test_the_monitor_is_started_with_options_that_it_has(run: Run) -> None:
    (line,) = values("ExecStart")
    program, *arguments = shlex.split(line)
    assert Path(program).name == "roomkeeper"
    assert run(*arguments, "--once", "--help").exit_code == 0


def test_the_monitor_sees_other_users_processes() -> None:
    assert values("ProtectProc") == ["default"]
    assert "PrivatePIDs=yes" not in UNIT.read_text()
