"""`roomkeeper profile`: what an agent is, as the registry has it stored."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Client
from cli.durations import moment, zone
from cli.errors import CommandError, RefusedError, UsageError
from cli.options import AsJson
from cli.profile_listing import entry_line, profiles_table
from cli.reach import Url, open_client, who
from cli.terminal import err, one_line, print_json, print_table
from wire import AgentIdError, ProfileError, parse_agent_id, parse_profile

AgentId = Annotated[str, typer.Argument(metavar="ID", help="The agent's id, as in agent-<id>-room.")]

Group = Annotated[str | None, typer.Option("--group", metavar="GROUP", help="Only of this project or team.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it there.", show_default=False)
]

LARGEST_LIST = 1_000

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="See and change the profiles of agents.")


@app.command("list")
def show_list(
    context: typer.Context,
    *,
    group: Group = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Only with this text.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List the stored profiles."""
    asyncio.run(_list(open_client(context, url), group, search, as_json=as_json))


@app.command("show")
def show(context: typer.Context, *, agent: AgentId, url: Url = None) -> None:
    """Print an agent's stored profile as JSON, as `profile set` takes it."""
    _check(agent)
    asyncio.run(_show(open_client(context, url), agent))


@app.command("set")
def put(
    context: typer.Context,
    *,
    agent: AgentId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The profile as JSON; - reads stdin.")],
    url: Url = None,
) -> None:
    """Store an agent's profile. It counts from the agent's next call on."""
    _check(agent)
    profile = _read(file)
    asyncio.run(_put(open_client(context, url), agent, profile))


@app.command("delete")
def delete(context: typer.Context, *, agent: AgentId, url: Url = None) -> None:
    """Delete an agent's profile. The default one counts again."""
    _check(agent)
    asyncio.run(_delete(open_client(context, url), agent))


@app.command("duplicate")
def duplicate(
    context: typer.Context,
    *,
    agent: AgentId,
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="The id of the copy, which must have no profile.")
    ],
    url: Url = None,
) -> None:
    """Store an agent's profile for another agent too."""
    _check(agent)
    _check(new)
    asyncio.run(_duplicate(open_client(context, url), agent, new))


@app.command("script")
def script(context: typer.Context, *, agent: AgentId, out: Out = None, url: Url = None) -> None:
    """Print an agent as a Python program, for `python FILE dev`."""
    _check(agent)
    asyncio.run(_script(open_client(context, url), agent, out))


@app.command("export")
def export(
    context: typer.Context,
    *,
    agents: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Only of these agents.", show_default=False)
    ] = None,
    group: Group = None,
    out: Out = None,
    url: Url = None,
) -> None:
    """Print stored profiles as a file, as `profile import` takes it."""
    for agent in agents or ():
        _check(agent)
    asyncio.run(_export(open_client(context, url), agents or [], group, out))


@app.command("import")
def import_file(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `export` writes it; - reads stdin.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")] = False,
    only_valid: Annotated[bool, typer.Option("--only-valid", help="Leave out what is broken.")] = False,
    url: Url = None,
) -> None:
    """Store the profiles of a file over those that are there. With a broken one among them, none.

    A profile alone, without an agent id, gets an id that nobody has.
    """
    data = _data(file)
    asyncio.run(_import(open_client(context, url), data, dry_run=dry_run, only_valid=only_valid))


async def _list(client: Client, group: str | None, search: str | None, *, as_json: bool) -> None:
    async with client:
        raw = await client.profiles.raw_list(group=group, search=search, limit=LARGEST_LIST)
        if as_json:
            print_json(raw)
            return
        found = client.profiles.decode_list(raw)
    if found.profiles:
        print_table(profiles_table(found.profiles))
    n = found.total
    more = f"; {LARGEST_LIST} are shown" if n > len(found.profiles) else ""
    err().print(f"{n} profile{'s' if n != 1 else ''}{more}" if n else "no profiles", style="dim")


async def _duplicate(client: Client, agent_id: str, new_id: str) -> None:
    async with client:
        try:
            stored = await client.profiles.get(agent_id)
        except RefusedError as error:
            raise _named(error, agent_id) from error
        try:
            await client.profiles.put(new_id, bytes(stored.profile), by=who(), only_new=True)
        except RefusedError as error:
            if error.code != "changed":
                raise
            raise CommandError(
                f"{new_id!r} has a profile already; choose another id, or delete that one first"
            ) from error
    typer.echo(f"the profile of {one_line(agent_id)} is stored for {one_line(new_id)} too")


async def _script(client: Client, agent_id: str, out: Path | None) -> None:
    async with client:
        try:
            text = await client.profiles.script(agent_id)
        except RefusedError as error:
            raise _named(error, agent_id) from error
    _write(text, out)


async def _export(client: Client, agent_ids: list[str], group: str | None, out: Path | None) -> None:
    async with client:
        _write(await client.profiles.export(agent_ids, group=group), out)


async def _import(client: Client, data: bytes, *, dry_run: bool, only_valid: bool) -> None:
    async with client:
        report = await client.profiles.import_file(data, dry_run=dry_run, only_valid=only_valid, by=who())
    for entry in report.entries:
        typer.echo(entry_line(entry))
    n = report.stored
    said = "nothing was stored: --dry-run" if dry_run else f"{n} profile{'s' if n != 1 else ''} stored"
    err().print(said, style="dim")


async def _show(client: Client, agent_id: str) -> None:
    async with client:
        try:
            stored = await client.profiles.get(agent_id)
        except RefusedError as error:
            raise _named(error, agent_id) from error
    print_json(bytes(stored.profile))
    if stored.updated_at is not None:
        at = f"{moment(stored.updated_at)} {zone([stored.updated_at])}"
        err().print(f"stored at {at} by {one_line(stored.updated_by)}", style="dim")


async def _put(client: Client, agent_id: str, profile: bytes) -> None:
    async with client:
        await client.profiles.put(agent_id, profile, by=who())
    typer.echo(f"the profile of {one_line(agent_id)} is stored; it counts from its next call on")


async def _delete(client: Client, agent_id: str) -> None:
    async with client:
        try:
            await client.profiles.delete(agent_id)
        except RefusedError as error:
            raise _named(error, agent_id) from error
    typer.echo(
        f"the profile of {one_line(agent_id)} is deleted; the default one counts from its next call on"
    )


def _named(error: RefusedError, agent_id: str) -> CommandError:
    if error.code != "unknown_profile":
        return error
    return CommandError(
        f"no profile is stored for {agent_id!r}, so the default one counts; see `profile set`"
    )


def _data(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error


def _write(data: bytes, out: Path | None) -> None:
    if out is None:
        typer.echo(data.decode("utf-8", "replace"), nl=False)
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror or error}") from error
    err().print(f"written to {one_line(str(out))}", style="dim")


def _read(file: Path) -> bytes:
    """The profile in a file, checked."""
    data = _data(file)
    try:
        parse_profile(data)
    except ProfileError as error:
        raise UsageError(f"{file} is no profile: {one_line(str(error))}") from error
    return data


def _check(agent_id: str) -> None:
    try:
        parse_agent_id(agent_id)
    except AgentIdError as error:
        raise UsageError(str(error)) from error
