"""Programs' files: changed whole or not at all, and never without a copy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.integration import CannotIntegrateError, backup_path, integrate_file

PROGRAM = b'import os\nif __name__ == "__main__":\n    run()\n'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_bytes(PROGRAM)
    path.chmod(0o750)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_file_is_changed_and_a_copy_stays(program: Path) -> None:
    outcome = integrate_file(program, dry_run=False)
    assert b"mark_agent_started()" in program.read_bytes()
    assert outcome.backup == program.with_name("program.py.bak")
    assert outcome.backup.read_bytes() == PROGRAM
    assert (program.stat().st_mode & 0o7777, outcome.backup.stat().st_mode & 0o7777) == (0o750, 0o750)
    assert names(program.parent) == {"program.py", "program.py.bak"}
    assert "+    mark_agent_started()" in outcome.diff.splitlines()


def test_a_second_run_does_nothing(program: Path) -> None:
    integrate_file(program, dry_run=False)
    before = program.stat()
    outcome = integrate_file(program, dry_run=False)
    assert (outcome.diff, outcome.backup) == ("", None)
    assert program.stat().st_ino == before.st_ino


def test_a_dry_run_writes_nothing(program: Path) -> None:
    assert integrate_file(program, dry_run=True).diff
    assert program.read_bytes() == PROGRAM
    assert names(program.parent) == {"program.py"}


def test_no_backup_is_overwritten(program: Path) -> None:
    folder = program.parent
    (folder / "program.py.bak").write_bytes(b"older")
    (folder / "program.py.bak.1").symlink_to(folder / "nowhere")
    assert integrate_file(program, dry_run=False).backup == folder / "program.py.bak.2"
    assert (folder / "program.py.bak").read_bytes() == b"older"
    assert backup_path(program, b"older") == folder / "program.py.bak"


def test_a_link_stays_a_link(program: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "link.py"
    link.symlink_to(program)
    outcome = integrate_file(link, dry_run=False)
    assert link.is_symlink()
    assert b"mark_agent_started()" in program.read_bytes()
    assert outcome.backup == program.with_name("program.py.bak")


def test_a_program_that_cannot_be_changed_is_left_as_it_is(program: Path) -> None:
    program.write_bytes(b"def f(:\n")
    with pytest.raises(CannotIntegrateError, match="line 1"):
        integrate_file(program, dry_run=False)
    assert names(program.parent) == {"program.py"}


def test_a_failure_while_writing_leaves_the_old_content(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        integrate_file(program, dry_run=False)
    assert program.read_bytes() == PROGRAM
    assert names(program.parent) == {"program.py", "program.py.bak"}


def test_somebody_elses_change_is_not_lost(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: program.write_bytes(b"changed"))
    with pytest.raises(CannotIntegrateError, match="somebody else"):
        integrate_file(program, dry_run=False)
    assert program.read_bytes() == b"changed"


@pytest.mark.parametrize("name", ["heartbeat.py", "heartbeat"])
def test_a_neighbour_that_would_hide_ours_is_noticed(program: Path, name: str) -> None:
    other = program.parent / name
    other.touch() if name.endswith(".py") else other.mkdir()
    with pytest.raises(CannotIntegrateError, match="would be imported in place of ours"):
        integrate_file(program, dry_run=False)
    assert program.read_bytes() == PROGRAM
