"""Changes a program's file all at once, and keeps a copy of what it was."""

from __future__ import annotations

import difflib
import io
import os
import shutil
import stat
import tempfile
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cli.integration.errors import CannotIntegrateError
from cli.integration.names import PACKAGE
from cli.integration.rewriting import integrate_source

_OURS = Path(__file__).resolve().parents[2]
"""The folder with our own `heartbeat`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a file."""

    diff: str
    """Unified; empty = it has status calls already."""

    backup: Path | None
    """Where the old content is; None = nothing was written."""


def integrate_file(path: Path, *, dry_run: bool) -> Outcome:
    """Add status calls to the program at `path`. A symbolic link stays one: the file behind it is changed.

    Raises:
        CannotIntegrateError: It is no program to which they can be added. Nothing was written.
        OSError: It cannot be read or written; then it is as it was.
    """
    real = path.resolve(strict=True)
    old = real.read_bytes()
    _check_neighbours(real)
    new = integrate_source(old)
    if new == old:
        return Outcome(diff="", backup=None)
    diff = _diff(old, new, str(path))
    if dry_run:
        return Outcome(diff=diff, backup=None)
    backup = _back_up(real, old)
    _replace(real, old, new)
    return Outcome(diff=diff, backup=backup)


def backup_path(path: Path, content: bytes) -> Path:
    """Where a copy of `content` goes: ``FILE.bak``, or ``FILE.bak.1`` … while those hold something else."""
    first = path.with_name(f"{path.name}.bak")
    for candidate in (first, *(path.with_name(f"{first.name}.{n}") for n in range(1, 1_000))):
        if not os.path.lexists(candidate) or _holds(candidate, content):
            return candidate
    raise FileExistsError(f"{first} and 999 more backups are there; remove some")


def _check_neighbours(path: Path) -> None:
    """A program's own folder comes first when it imports."""
    for name in (f"{PACKAGE}.py", PACKAGE):
        other = path.parent / name
        if other.exists() and other.resolve().parent != _OURS and path.parent != _OURS:
            raise CannotIntegrateError(
                f"{other} beside it would be imported in place of ours; rename that one first"
            )


def _back_up(path: Path, content: bytes) -> Path:
    target = backup_path(path, content)
    if not target.exists():
        with target.open("xb") as file:
            file.write(content)
        shutil.copystat(path, target)
    return target


def _replace(path: Path, old: bytes, new: bytes) -> None:
    """Put `new` in place of `old`, whole or not at all, with the same owner and permissions."""
    status = path.stat()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        with suppress(PermissionError):  # only root may give files away
            os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(stat.S_IMODE(status.st_mode))
        if path.read_bytes() != old:
            raise CannotIntegrateError("somebody else has just changed it; try again")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _diff(old: bytes, new: bytes, name: str) -> str:
    lines = difflib.unified_diff(
        _lines(old), _lines(new), fromfile=f"{name} (before)", tofile=name, lineterm=""
    )
    return "\n".join(lines)


def _lines(source: bytes) -> list[str]:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return source.decode(encoding).splitlines()
