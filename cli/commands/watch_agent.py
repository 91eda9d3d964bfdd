"""`roomkeeper watch-agent`: does an agent come up, and stay up?"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.answers import Agent
from cli.client import Query
from cli.durations import clock_time
from cli.errors import CommandError, UsageError
from cli.following import Lost, News
from cli.reach import Url, open_client, this_host
from cli.signals import until_stopped
from cli.story import Line, Story
from cli.terminal import one_line
from cli.trial import Trial


def watch_agent(
    context: typer.Context,
    *,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND",
            help="What to run meanwhile; it is stopped in the end.",
            show_default=False,
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Id or name; else the agents that COMMAND brings up."),
    ] = None,
    duration: Annotated[
        float, typer.Option("--duration", min=0.1, max=86_400, help="Seconds to watch.")
    ] = 60.0,
    url: Url = None,
) -> None:
    """Print an agent's changes as they happen.

    With a COMMAND, it is run and stopped in the end. Exit code 1 if no agent was seen running, or one failed.
    """
    words = command or []
    if agent is None and not words:
        raise UsageError("say which agent: --agent NAME, or -- COMMAND that brings one up")
    host = this_host()

    def is_watched(candidate: Agent) -> bool:
        if agent is None:
            return trial.is_of_command(candidate, host)
        return agent in (candidate.agent_id, candidate.name) or agent.casefold() == candidate.name.casefold()

    story = Story(is_watched)
    began_at = time.monotonic()

    def tell(news: News) -> None:
        seconds = time.monotonic() - began_at
        if isinstance(news, Lost):
            typer.echo(f"{_stamp(seconds)}  not live: {news.reason}")
        for line in story.take(news):
            typer.echo(f"{_stamp(seconds)}  {_words(line)}")

    client = open_client(context, url)
    query = Query(host=host) if agent is None else Query(search=agent)
    trial = Trial(client=client, query=query, tell=tell, command=words, duration=duration)

    async def watch() -> int | None:
        async with client:
            return await until_stopped(trial.run())

    received = asyncio.run(watch())
    _sum_up(story, trial, agent, time.monotonic() - began_at)
    if received is not None:
        raise typer.Exit(128 + received)


def _sum_up(story: Story, trial: Trial, name: str | None, seconds: float) -> None:
    """Print how it went. Raises `CommandError` when it went badly."""
    who = one_line(name) if name else f"an agent of {one_line(trial.command[0])}"
    if trial.exit_code is not None:
        typer.echo(f"the command ended with exit code {trial.exit_code}")
    if not story.ran:
        raise CommandError(f"{who} was not seen running within {seconds:.0f} s")
    if story.failed:
        texts = [f"{one_line(one.agent_id)} is {one.status}: {one_line(one.why)}" for one in story.failed]
        raise CommandError("; ".join(texts))
    if trial.exit_code:
        raise CommandError(f"{who} ran, but the command ended with exit code {trial.exit_code}")
    typer.echo(f"{', '.join(one_line(one) for one in sorted(story.ran))} ran; {seconds:.0f} s watched")


def _words(line: Line) -> str:
    agent = line.agent
    change = line.after if line.before in (None, line.after) else f"{line.before} → {line.after}"
    health = "" if agent.health is None or agent.is_over else f", health {agent.health}"
    why = one_line(agent.why)
    return f"{one_line(agent.agent_id)}  {change}{health}" + (f": {why}" if why else "")


def _stamp(seconds: float) -> str:
    return f"{clock_time(datetime.now(UTC))} {seconds:+7.1f} s"
