"""`roomkeeper processes`, `start`, `stop` and `restart`: the processes that the registry starts on its host."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.client import Client
from cli.errors import CommandError, UsageError
from cli.options import AsJson, Kill
from cli.process_api import Supervised
from cli.process_listing import process_line, processes_table
from cli.reach import Url, open_client, who
from cli.stopping import stop_it
from cli.terminal import err, one_line, print_json, print_table

BY_HAND = "by hand, on the command line"
"""Reason, where none is given."""

ProcessId = Annotated[str, typer.Argument(metavar="ID", help="Id of a process: see `roomkeeper processes`.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the history.")]


def processes(
    context: typer.Context,
    *,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List the processes that the registry may start on its host."""
    asyncio.run(_list(open_client(context, url), as_json=as_json))


def start(
    context: typer.Context,
    *,
    process: Annotated[
        str | None, typer.Argument(metavar="ID", help="Id of a process: see `roomkeeper processes`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that do not run.")] = False,
    reason: Reason = BY_HAND,
    url: Url = None,
) -> None:
    """Start a process on the registry's host, or all of them."""
    if everything == (process is not None):
        raise UsageError("say which process: roomkeeper start ID, or roomkeeper start --all")
    asyncio.run(_start(open_client(context, url), process, reason))


def stop(
    context: typer.Context,
    *,
    process: Annotated[str, typer.Argument(metavar="ID", help="Id of a process, or of an agent.")],
    reason: Reason = BY_HAND,
    force: Kill = False,
    url: Url = None,
) -> None:
    """Stop a process on the registry's host, or else an agent.

    What is no process of the registry's host is asked to end by an order, as by `roomkeeper agents stop`.
    """
    asyncio.run(stop_it(open_client(context, url), process, reason=reason, force=force))


def restart(context: typer.Context, *, process: ProcessId, reason: Reason = BY_HAND, url: Url = None) -> None:
    """Stop a process on the registry's host and start it again."""
    asyncio.run(_restart(open_client(context, url), process, reason))


async def _list(client: Client, *, as_json: bool) -> None:
    async with client:
        if as_json:
            print_json(await client.processes.raw())
            return
        found = await client.processes.all()
    beside = err()
    if found.trouble:
        beside.print(f"error: {one_line(found.trouble)}", style="red")
    if found.processes:
        print_table(processes_table(found.processes))
    n = len(found.processes)
    none = f"no processes; {one_line(found.file) or 'agents.toml'} on the registry's host says which there may be"
    beside.print(f"{n} process{'es' if n != 1 else ''}" if n else none, style="dim")


async def _start(client: Client, process_id: str | None, reason: str) -> None:
    async with client:
        if process_id is None:
            started = await client.processes.start_all(reason=reason, by=who())
            for one in started:
                typer.echo(process_line(one))
            if not started:
                typer.echo("there are no processes to start")
            return
        known = await _find(client, process_id)
        typer.echo(process_line(await client.processes.act(known.id, "start", reason=reason, by=who())))


async def _restart(client: Client, process_id: str, reason: str) -> None:
    async with client:
        known = await _find(client, process_id)
        typer.echo(process_line(await client.processes.act(known.id, "restart", reason=reason, by=who())))


async def _find(client: Client, process_id: str) -> Supervised:
    """Raises `CommandError` where there is none."""
    if not process_id.strip():
        raise UsageError("an empty text is no process's id; see `roomkeeper processes`")
    found = await client.processes.find(process_id)
    if found is None:
        raise CommandError(f"the registry has no process {process_id!r}; see `roomkeeper processes`")
    return found
