"""`roomkeeper agents stop | drain | leave | remove`: orders to agents."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.client import Client
from cli.finding import find_agent
from cli.options import AgentName, Kill
from cli.reach import Url, open_client, who
from cli.stopping import stop_it
from cli.terminal import one_line

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the agent's history.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `roomkeeper agents`."""
    for command in (stop, drain, leave, remove):
        app.command(command.__name__)(command)


def stop(
    context: typer.Context,
    *,
    agent: AgentName,
    reason: Reason,
    force: Kill = False,
    url: Url = None,
) -> None:
    """Ask an agent to end now.

    A call leaves its room, a worker ends its calls. What is a process of the registry's host is stopped as one.
    """
    asyncio.run(stop_it(open_client(context, url), agent, reason=reason, force=force))


def drain(context: typer.Context, agent: AgentName, reason: Reason, url: Url = None) -> None:
    """Ask an agent to end when its work is done."""
    asyncio.run(_order(open_client(context, url), agent, "drain", reason))


def leave(context: typer.Context, agent: AgentName, reason: Reason, url: Url = None) -> None:
    """Ask the agent of a call to leave its room."""
    asyncio.run(_order(open_client(context, url), agent, "leave", reason))


def remove(
    context: typer.Context,
    *,
    agent: AgentName,
    reason: Reason,
    even_alive: Annotated[
        bool, typer.Option("--force", help="Even one that is alive; it comes back.")
    ] = False,
    url: Url = None,
) -> None:
    """Take an agent off the list. Its history stays."""
    asyncio.run(_remove(open_client(context, url), agent, reason, even_alive=even_alive))


async def _order(client: Client, name: str, order: str, reason: str) -> None:
    async with client:
        agent = await find_agent(client, name)
        sent = await client.order(agent.agent_id, order, reason=reason, by=who())
    typer.echo(f"{one_line(agent.agent_id)}: {order} was {sent.state}: {one_line(sent.message)}")


async def _remove(client: Client, name: str, reason: str, *, even_alive: bool) -> None:
    async with client:
        agent = await find_agent(client, name)
        await client.remove(agent.agent_id, reason=reason, by=who(), even_alive=even_alive)
    typer.echo(f"{one_line(agent.agent_id)} is removed")
