"""`roomkeeper doctor`: what keeps agents from their rooms, and the way out."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.text import Text

from cli.errors import UsageError
from cli.reach import Reach, Url, open_client
from cli.terminal import err, one_line, out, print_json
from config import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from cli.doctor import Checks, Verdict

FAILED = 1
"""Exit code: something does not work."""

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    url: Url = None,
) -> None:
    """Find out what keeps agents from their rooms, and say the way out.

    Looks at settings, LiveKit, the registry, its database, workers, providers and ports. Makes and deletes one room
    at LiveKit. Exit code 0 if nothing fails (warnings may be), 1 if something does.
    """
    verdicts = asyncio.run(_look(context, url))
    if as_json:
        print_json(msgspec.json.encode([_as_json(verdict) for verdict in verdicts]))
    else:
        _print(verdicts)
    if any(verdict.level.value == "fail" for verdict in verdicts):
        raise typer.Exit(FAILED)


async def _look(context: typer.Context, url: str | None) -> list[Verdict]:
    checks = _checks(context, url)
    try:
        return await checks.run()
    finally:
        if checks.client is not None:
            await checks.client.aclose()


def _checks(context: typer.Context, url: str | None) -> Checks:
    # Only here: signing tokens and WebSockets take a tenth of a second to import, which no other command needs.
    from cli.doctor import Checks, World  # noqa: PLC0415

    settings, trouble = _settings()
    reach = context.obj if isinstance(context.obj, Reach) else Reach()
    client, no_client = None, ""
    try:
        client = open_client(context, url)
    except UsageError as error:
        if url or reach.url:
            raise  # it is the option that is wrong, not a setting
        no_client = str(error)
    return Checks(
        settings=settings,
        trouble=trouble,
        client=client,
        no_client=no_client,
        world=World(now=lambda: datetime.now(UTC), transport=reach.transport),
    )


def _settings() -> tuple[Settings, str]:
    """The settings as far as they can be read, and what is wrong with the others."""
    try:
        return load_settings(), ""
    except SettingsError as error:
        return load_settings(only=frozenset()), str(error)


def _print(verdicts: list[Verdict]) -> None:
    console = out()
    width = max((len(verdict.subject) for verdict in verdicts), default=0)
    for verdict in verdicts:
        level = verdict.level.value
        line = Text(f"{level:<4}", style=_COLOURS[level])
        line.append(f"  {verdict.subject:<{width}}  ", style="bold")
        line.append(one_line(verdict.text), style="default")
        console.print(line)
        if verdict.way_out:
            console.print(Text(f"{'':<{width + 8}}→ {one_line(verdict.way_out)}", style="dim"))
    counts = Counter(verdict.level.value for verdict in verdicts)
    summary = ", ".join(f"{counts[level]} {level}" for level in ("fail", "warn", "ok") if counts[level])
    err().print(summary, style="dim")


def _as_json(verdict: Verdict) -> dict[str, str]:
    return {
        "level": verdict.level.value,
        "subject": verdict.subject,
        "text": verdict.text,
        "wayOut": verdict.way_out,
    }
