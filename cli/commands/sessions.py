"""`roomkeeper sessions`: calls, past and present, one of them, and what was said in it."""

from __future__ import annotations

import asyncio
import enum
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Client
from cli.errors import CommandError
from cli.options import AsJson
from cli.reach import Url, open_client
from cli.session_listing import sessions_table
from cli.session_record import costs_table, facts_table, happenings_table, waits_table
from cli.terminal import clean, err, print_json, print_table


class Format(enum.StrEnum):
    """Of a transcript."""

    JSON = "json"
    VTT = "vtt"
    TEXT = "text"


SessionId = Annotated[str, typer.Argument(metavar="ID", help="Id of the session, as the list tells it.")]

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def list_sessions(
    context: typer.Context,
    *,
    room: Annotated[str | None, typer.Option("--room", help="Only of this room.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", metavar="ID", help="Only of this agent.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="So many, the newest.")] = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List sessions, the newest first; or show one of them, or what was said in it."""
    if context.invoked_subcommand is not None:
        return
    asyncio.run(
        _list(open_client(context, url), room, agent, limit=limit, is_open=only_open, as_json=as_json)
    )


@app.command("show")
def show(context: typer.Context, *, session: SessionId, as_json: AsJson = False, url: Url = None) -> None:
    """Show how one session went: what happened, how long people waited, an estimate of what it cost."""
    asyncio.run(_show(open_client(context, url), session, as_json=as_json))


@app.command("export")
def export(
    context: typer.Context,
    *,
    session: SessionId,
    kind: Annotated[
        Format, typer.Option("--format", "-f", help="JSON with all times, WebVTT captions, or text.")
    ] = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of printing it.")
    ] = None,
    url: Url = None,
) -> None:
    """Print what was said in one session, or write it to a file."""
    asyncio.run(_export(open_client(context, url), session, kind, output))


async def _show(client: Client, session_id: str, *, as_json: bool) -> None:
    async with client:
        raw = await client.sessions.raw_one(session_id)
        if as_json:
            print_json(raw)
            return
        record = client.sessions.decode_one(raw)
    print_table(facts_table(record))
    for table in (waits_table(record.latencies), happenings_table(record), costs_table(record.cost)):
        if table is not None:
            typer.echo("")
            print_table(table)


async def _export(client: Client, session_id: str, kind: Format, output: Path | None) -> None:
    async with client:
        data = await client.sessions.transcript(session_id, kind=kind.value)
    if output is not None:
        try:
            await asyncio.to_thread(output.write_bytes, data)
        except OSError as error:
            raise CommandError(
                f"{str(output)!r} cannot be written ({error.strerror}); name another file"
            ) from error
        err().print(f"written to {output}", style="dim")
    elif kind is Format.JSON:
        print_json(data)
    else:
        typer.echo(clean(data.decode("utf-8", "replace")), nl=False)


async def _list(
    client: Client, room: str | None, agent: str | None, *, limit: int, is_open: bool, as_json: bool
) -> None:
    async with client:
        raw = await client.sessions.raw(
            room=room or None, agent_id=agent or None, is_open=is_open, limit=limit
        )
        if as_json:
            print_json(raw)
            return
        found = client.sessions.decode(raw)
    if found:
        print_table(sessions_table(found))
    n = len(found)
    more = "; --limit shows more" if n == limit else ""
    err().print(f"{n} session{'s' if n != 1 else ''}{more}" if n else "no sessions", style="dim")
