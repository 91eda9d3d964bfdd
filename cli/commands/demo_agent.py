"""`roomkeeper demo-agent`: pretend agents, to see the page and the commands at work."""

from __future__ import annotations

import asyncio
import enum
import signal
import uuid
from dataclasses import replace
from typing import Annotated

import psutil
import typer

from cli.client import Client
from cli.errors import UsageError
from cli.pretending import Role, beat_of, play
from cli.processes import look
from cli.reach import Url, open_client, read_settings, this_host
from cli.signals import until_stopped
from cli.terminal import one_line
from wire import BeatError, Deployment, Hint, Said, check_texts, decode_beat, encode_beat


class Pretended(enum.StrEnum):
    """What a pretend agent may say that it is."""

    STARTING = "starting"
    RUNNING = "running"
    WARNING = "warning"
    ERROR = "error"


def demo_agent(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Option("--name", help="Shown to people.")] = "Demo",
    agent_id: Annotated[
        str | None, typer.Option("--id", help="The agent's id; a new one unless given.", show_default=False)
    ] = None,
    status: Annotated[
        Pretended, typer.Option("--status", help="What it says of itself.")
    ] = Pretended.RUNNING,
    health_hint: Annotated[
        list[str] | None,
        typer.Option(
            "--health-hint", metavar="POINTS:TEXT", help="Takes points of its health; may be repeated."
        ),
    ] = None,
    room: Annotated[
        str | None, typer.Option("--room", help="It says that it is in this room.", show_default=False)
    ] = None,
    humans: Annotated[
        int | None, typer.Option("--humans", min=0, max=200, help="Humans in its room.", show_default=False)
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            min=0.1,
            max=86_400,
            help="Seconds between beats; else as the registry says.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=1_000, help="So many agents.")] = 1,
    url: Url = None,
) -> None:
    """Beat as a pretend agent.

    Until Ctrl-C, or until somebody stops it from the registry; then it says goodbye.
    """
    role = Role(
        agent_id=agent_id or f"demo-{uuid.uuid4().hex[:6]}",
        name=name,
        status=Said(status.value),
        host=this_host(),
        deployment=Deployment(read_settings().agent_deployment),
        hints=tuple(_hint(text) for text in health_hint or ()),
        room=room,
        n_humans=1 if humans is None else humans,
        interval=interval,
    )
    roles = [role] if count == 1 else [_numbered(role, n) for n in range(1, count + 1)]
    if room is None and humans is not None:
        roles = [replace(one, room=f"agent-{one.agent_id}-room") for one in roles]
    _check(roles[-1])
    received = asyncio.run(_play(open_client(context, url), roles))
    if received is signal.SIGINT:
        raise typer.Exit(128 + received)


async def _play(client: Client, roles: list[Role]) -> signal.Signals | None:
    age = look(psutil.Process().pid).age or 0.0
    started_at = asyncio.get_running_loop().time() - age
    roles = [replace(role, process_started_at=started_at) for role in roles]
    async with client:
        return await until_stopped(play(client, roles, tell=lambda line: typer.echo(one_line(line))))


def _numbered(role: Role, n: int) -> Role:
    return replace(role, agent_id=f"{role.agent_id}-{n}", name=f"{role.name} {n}")


def _hint(text: str) -> Hint:
    points, _, words = text.partition(":")
    if not points.strip().isdecimal() or not words.strip() or int(points) > 100:
        raise UsageError(f"--health-hint is like '20:the disk is slow', with 0 to 100 points; it is {text!r}")
    return Hint(points=int(points), text=words.strip())


def _check(role: Role) -> None:
    """Let the beat be judged here, as the registry would."""
    beat = beat_of(role, incarnation="check", sequence=0, now=0.0, began_at=0.0)
    try:
        check_texts(decode_beat(encode_beat(beat)))
    except BeatError as error:
        raise UsageError(str(error)) from error
