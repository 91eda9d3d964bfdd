"""`roomkeeper agents`: who is there, all about one of them, its log."""

from __future__ import annotations

import asyncio
import enum
from typing import Annotated

import msgspec
import typer

from cli.client import Client, Query
from cli.errors import UsageError
from cli.finding import find_agent
from cli.listing import agents_table, facts_of, history_table, in_order, notices, totals
from cli.options import AgentName, AsJson, Live
from cli.reach import Url, open_client
from cli.terminal import clean, err, print_json, print_table
from cli.watching import watch

DEFAULT_LIMIT = 50
_STATUSES = ("starting", "running", "warning", "error", "stopped", "offline", "unknown")


class Kind(enum.StrEnum):
    """Of a process."""

    WORKER = "worker"
    SESSION = "session"
    PROGRAM = "program"


app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def list_agents(
    context: typer.Context,
    *,
    as_json: AsJson = False,
    live: Live = False,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Only these: several with commas, or repeat it.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only this kind.")] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search", help="Only those with this text in id, name, room, host, model or description."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"All of them; else the first {DEFAULT_LIMIT}.")
    ] = False,
    url: Url = None,
) -> None:
    """List agents, or look after one of them."""
    if context.invoked_subcommand is not None:
        return
    if live and as_json:
        raise UsageError("--watch and --json do not go together; programs read GET /api/events")
    query = Query(
        status=_statuses(status),
        kind=kind.value if kind else None,
        search=search or None,
        sort=None if everything else "status",
    )
    limit = None if everything else DEFAULT_LIMIT
    client = open_client(context, url)
    if live:
        asyncio.run(_watch(client, query, limit))
    else:
        asyncio.run(_list(client, query, limit, as_json=as_json))


@app.command("show")
def show(
    context: typer.Context,
    *,
    agent: AgentName,
    as_json: AsJson = False,
    changes: Annotated[
        int, typer.Option("--history", min=0, max=500, help="Changes of status to show.")
    ] = 20,
    url: Url = None,
) -> None:
    """Show all that is known of one agent."""
    asyncio.run(_show(open_client(context, url), agent, changes, as_json=as_json))


@app.command("logs")
def logs(
    context: typer.Context,
    *,
    agent: AgentName,
    keep_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    url: Url = None,
) -> None:
    """Print the last lines of an agent's log."""
    asyncio.run(_logs(open_client(context, url), agent, keep_on=keep_on))


async def _list(client: Client, query: Query, limit: int | None, *, as_json: bool) -> None:
    async with client:
        if as_json:
            print_json(msgspec.json.encode(await client.raw_agents(query, limit=limit)))
            return
        page = await client.agents(query, limit=limit)
    beside = err()
    for line in notices(page.registry):
        beside.print(line)
    if page.agents:
        print_table(agents_table(in_order(page.agents)))
    beside.print(totals(len(page.agents), page.total, page.registry), style="dim")


async def _watch(client: Client, query: Query, limit: int | None) -> None:
    async with client:
        await watch(client, query, limit=limit)


async def _show(client: Client, name: str, n_changes: int, *, as_json: bool) -> None:
    async with client:
        agent = await find_agent(client, name)
        if as_json:
            print_json(await client.raw_agent(agent.agent_id))
            return
        agent = await client.agent(agent.agent_id)  # found by its name it would be without its prompt
        changes = await client.history(agent.agent_id, limit=n_changes) if n_changes else ()
    print_table(facts_of(agent))
    if changes:
        typer.echo("")
        print_table(history_table(changes))


async def _logs(client: Client, name: str, *, keep_on: bool) -> None:
    async with client:
        agent = await find_agent(client, name)
        if not keep_on:
            for line in await client.logs(agent.agent_id):
                typer.echo(clean(line))
            return
        async with client.log_events(agent.agent_id) as events:
            async for event in events:
                for line in client.lines_in(event) if event.name in ("start", "lines") else ():
                    typer.echo(clean(line))


def _statuses(given: list[str] | None) -> str | None:
    if not given:
        return None
    statuses = [one.strip() for text in given for one in text.split(",") if one.strip()]
    for status in statuses:
        if status not in _STATUSES:
            raise UsageError(f"--status {status!r} is none; there are {', '.join(_STATUSES)}")
    return ",".join(statuses) or None
