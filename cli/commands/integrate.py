"""`roomkeeper integrate`: let existing programs be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CommandError
from cli.terminal import clean


def integrate(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Python programs.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only print what would change.")] = False,
) -> None:
    """Add status calls to Python programs.

    Then the registry sees them. A copy of each stays beside it as FILE.bak. A program that has them already is left
    as it is.
    """
    # Only here: libcst takes half a second, which no other command needs.
    from cli.integration import CannotIntegrateError, integrate_file  # noqa: PLC0415

    paths = list(dict.fromkeys(files))
    failed = 0
    for path in paths:
        try:
            outcome = integrate_file(path, dry_run=dry_run)
        except CannotIntegrateError as error:
            typer.echo(f"{path}: {error}", err=True)
            failed += 1
        except OSError as error:
            typer.echo(f"{path}: {error.strerror or error}", err=True)
            failed += 1
        else:
            if outcome.diff:
                typer.echo(clean(outcome.diff))
            typer.echo(f"{path}: {_words(outcome.diff, outcome.backup)}", err=True)
    if failed:
        raise CommandError(f"{failed} of {len(paths)} files were left as they are")


def _words(diff: str, backup: Path | None) -> str:
    if not diff:
        return "has status calls already"
    return "would be changed" if backup is None else f"changed; as it was: {backup}"
