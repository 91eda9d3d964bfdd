"""`roomkeeper set`: an agent's status by hand."""

from __future__ import annotations

import asyncio
import enum
from typing import Annotated

import typer

from cli.answers import Agent
from cli.client import Client
from cli.errors import UsageError
from cli.finding import find_agent
from cli.reach import Url, open_client, who
from cli.terminal import one_line


class Forcible(enum.StrEnum):
    """What a person may say that an agent is."""

    RUNNING = "running"
    WARNING = "warning"
    ERROR = "error"
    STOPPED = "stopped"
    OFFLINE = "offline"


def set_status(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Id, or a name that only one agent has.")],
    status: Annotated[
        Forcible | None, typer.Argument(metavar="STATUS", help="running, warning, error, stopped or offline.")
    ] = None,
    health: Annotated[str, typer.Argument(metavar="HEALTH", help="0 to 100, or auto: as computed.")] = "auto",
    reason: Annotated[
        str | None, typer.Option("--reason", "-r", help="Why; it stands in the agent's history.")
    ] = None,
    unlock: Annotated[bool, typer.Option("--unlock", help="Let the agent's own beats count again.")] = False,
    url: Url = None,
) -> None:
    """Set an agent's status and health by hand.

    They hold against the agent's own beats, until `roomkeeper set NAME --unlock`.
    """
    if unlock == (status is not None):
        raise UsageError("give a STATUS, or --unlock: roomkeeper set NAME STATUS [HEALTH] --reason TEXT")
    points = _health(health)
    client = open_client(context, url)
    asyncio.run(_set(client, name, status, points, reason or "set on the command line"))


async def _set(client: Client, name: str, status: Forcible | None, health: int | None, reason: str) -> None:
    async with client:
        agent = await find_agent(client, name)
        if status is None:
            agent = await client.unlock(agent.agent_id, reason=reason, by=who())
        else:
            agent = await client.force(
                agent.agent_id, status=status.value, health=health, reason=reason, by=who()
            )
    typer.echo(_now(agent))


def _now(agent: Agent) -> str:
    health = "unknown" if agent.health is None else agent.health
    how = (
        f"forced by {one_line(agent.forced.by)}; `--unlock` ends that" if agent.forced else "by its own beats"
    )
    return f"{one_line(agent.agent_id)} is {agent.status}, health {health} ({how})"


def _health(text: str) -> int | None:
    if text.lower() == "auto":
        return None
    if not text.isdecimal() or not text.isascii() or int(text) > 100:
        raise UsageError(f"HEALTH is a whole number from 0 to 100, or auto; it is {text!r}")
    return int(text)
