"""Stops what an id stands for: a process of the registry's host, or else an agent."""

from __future__ import annotations

import typer

from cli.client import Client
from cli.errors import UsageError
from cli.finding import find_agent
from cli.process_listing import process_line
from cli.reach import who
from cli.terminal import one_line


async def stop_it(client: Client, name: str, *, reason: str, force: bool) -> None:
    """Stop the process with the id `name`; where there is none, let the agent with this id or name end.

    A process that the registry keeps alive would come back when its agent alone were told to end.

    Args:
        client: Closed in the end.
        force: Kill it instead of asking.

    Raises:
        CommandError: There is neither.
    """
    if not name.strip():
        raise UsageError("an empty text is no id of a process or an agent")
    async with client:
        process = await client.processes.find(name)
        if process is not None:
            act = "force-stop" if force else "stop"
            after = await client.processes.act(process.id, act, reason=reason, by=who())
            typer.echo(f"the process {process_line(after)}")
            return
        agent = await find_agent(client, name)
        if force:
            killed = await client.processes.kill_agent(agent.agent_id, reason=reason, by=who())
            done = "killed" if killed.killed else "not killed"
            typer.echo(f"the agent {one_line(agent.agent_id)} was {done}: {one_line(killed.said)}")
            return
        sent = await client.order(agent.agent_id, "stop", reason=reason, by=who())
    typer.echo(f"{one_line(agent.agent_id)}: stop was {sent.state}: {one_line(sent.message)}")
