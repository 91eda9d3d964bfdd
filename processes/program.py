"""Finds the program of a command before it is started, so that what is missing can be named."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from processes.definitions import Definition
from processes.errors import StartError


def own_programs() -> Path | None:
    """The folder of the virtual environment in which this process runs; None = it runs in none."""
    return Path(sys.executable).parent if sys.prefix != sys.base_prefix else None


def find_program(
    definition: Definition, environment: Mapping[str, str], *, beside: Path | None
) -> tuple[str, ...]:
    """The definition's command, with the whole path of its program.

    A bare name is looked for on PATH. If the definition has no PATH of its own, the registry's virtual environment
    comes first, as if it was active: `python` is then the Python that runs the registry, with all that it has.

    Args:
        environment: The process's own.
        beside: `own_programs`.

    Raises:
        StartError: The program, or the folder to work in, is not there or may not be used.
    """
    folder, (name, *arguments) = definition.folder, definition.command
    if not folder.is_dir():
        raise StartError(f"its working folder {folder} is not there; make it, or mend cwd")
    if os.sep in name:
        program = str(folder / Path(name).expanduser())
        if not Path(program).is_file():
            raise StartError(f"the program {program} is not there; install it, or mend command")
        if not os.access(program, os.X_OK):
            raise StartError(f"the program {program} may not be executed; `chmod +x` it, or mend command")
        return (program, *arguments)
    path = environment.get("PATH", os.defpath)
    if beside is not None and "PATH" not in definition.env:
        path = f"{beside}{os.pathsep}{path}"
    found = shutil.which(name, path=path)
    if found is None:
        raise StartError(
            f"the program {name!r} is not on PATH; install it, or write its whole path into command"
        )
    return (str((folder / found).absolute()), *arguments)
