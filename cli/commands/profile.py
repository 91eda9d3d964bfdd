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
from cli.reach import Url, open_client, who
from cli.terminal import err, one_line, print_json
from wire import AgentIdError, ProfileError, parse_agent_id, parse_profile

AgentId = Annotated[str, typer.Argument(metavar="ID", help="The agent's id, as in agent-<id>-room.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="See and change the profiles of agents.")


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


def _read(file: Path) -> bytes:
    """The profile in a file, checked."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
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
