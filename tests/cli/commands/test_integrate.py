"""`roomkeeper integrate`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PROGRAM = 'def main():\n    print("works")\n\nif __name__ == "__main__":\n    main()\n'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_the_change_is_printed(run: Run, program: Path) -> None:
    result = run("integrate", str(program))
    assert result.exit_code == 0
    assert "+@running_agent()" in result.stdout.splitlines()
    assert result.stderr == f"{program}: changed; as it was: {program}.bak\n"
    result = run("integrate", str(program))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{program}: has status calls already\n"


def test_a_dry_run_changes_nothing(run: Run, program: Path) -> None:
    result = run("integrate", "--dry-run", str(program))
    assert result.stderr == f"{program}: would be changed\n"
    assert program.read_text() == PROGRAM


def test_what_cannot_be_done_does_not_hinder_the_rest(run: Run, program: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def (\n")
    result = run(
        "integrate", str(wrong), str(tmp_path / "none.py"), str(tmp_path), str(program), str(program)
    )
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{wrong}: it is not valid Python: line 1: ")
    assert lines[1:] == [
        f"{tmp_path / 'none.py'}: No such file or directory",
        f"{tmp_path}: Is a directory",
        f"{program}: changed; as it was: {program}.bak",
        "roomkeeper: 3 of 4 files were left as they are",
    ]


def test_the_program_still_works(run: Run, program: Path) -> None:
    run("integrate", str(program))
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, "WEB_UI_URL": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "works\n", "")


def test_no_files(run: Run) -> None:
    assert run("integrate").exit_code == 2
