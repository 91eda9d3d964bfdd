"""The table of agents that keeps itself current, on a terminal; without one, a line for each change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli.answers import Agent, Pulse, RegistryFacts
from cli.client import MOST_PULSES, Client, Query
from cli.errors import CommandError
from cli.following import Lost, News, Snapshot, follow, matches
from cli.listing import agents_table, in_order, notices, totals
from cli.terminal import is_terminal, one_line, out

_REPAINT = 1.0
"""Seconds. Ages grow although nothing changes."""

_REFRESH = 5.0
"""Seconds. A beat that says nothing new is no event, so the moment of the last one is asked for."""

_FRAME_LINES = 4  # the table's head, the totals, the line about the connection, a free one


@dataclass(slots=True, kw_only=True)
class Picture:
    """What is known at the moment."""

    query: Query
    agents: dict[str, tuple[Agent, float]] = field(default_factory=dict)
    """By id, with the loop's time when they were told."""

    total: int = 0
    registry: RegistryFacts = field(default_factory=RegistryFacts)
    lost: str = ""
    """Why this is not live; empty = it is."""

    lost_at: float = 0.0
    visible: list[str] = field(default_factory=list)
    """Ids of those that the screen has room for."""

    def take(self, news: News, *, now: float) -> None:
        """Add what is new."""
        if isinstance(news, Lost):
            self.lost_at = self.lost_at if self.lost else now
            self.lost = news.reason
            return
        self.lost = ""
        self.registry = news.registry
        if isinstance(news, Snapshot):
            self.agents = {agent.agent_id: (agent, now) for agent in news.agents}
            self.total = news.total
            return
        for agent in news.agents:
            is_known = agent.agent_id in self.agents
            if matches(agent, self.query):
                self.agents[agent.agent_id] = (agent, now)
                self.total += not is_known
            elif is_known:
                self._forget(agent.agent_id)
        for agent_id in news.removed:
            self._forget(agent_id)

    def take_pulses(self, pulses: Mapping[str, Pulse], *, now: float) -> None:
        """Add when agents were heard last."""
        for agent_id, pulse in pulses.items():
            if agent_id in self.agents:
                agent, _ = self.agents[agent_id]
                heard = msgspec.structs.replace(
                    agent, beat_age=pulse.beat_age, last_heartbeat=pulse.last_heartbeat
                )
                self.agents[agent_id] = (heard, now)

    def rows(self, *, now: float) -> list[Agent]:
        """The agents, with the age that their last beat has now."""
        aged = [
            msgspec.structs.replace(agent, beat_age=agent.beat_age + now - at)
            for agent, at in self.agents.values()
        ]
        return in_order(aged)

    def _forget(self, agent_id: str) -> None:
        if self.agents.pop(agent_id, None) is not None:
            self.total -= 1


async def watch(client: Client, query: Query, *, limit: int | None) -> None:
    """Show the agents until interrupted."""
    if is_terminal():
        await _watch_table(client, query, limit)
    else:
        await _watch_lines(client, query, limit)


async def _watch_table(client: Client, query: Query, limit: int | None) -> None:
    picture = Picture(query=query)
    changed = asyncio.Event()
    console = out()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_read(client, picture, limit, changed), name="watch-events")
                tasks.create_task(_refresh(client, picture), name="watch-refresh")
                tasks.create_task(_paint(live, console, picture, changed), name="watch-paint")
        except* CommandError as group:
            raise group.exceptions[0] from None


async def _read(client: Client, picture: Picture, limit: int | None, changed: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    async with aclosing(follow(client, picture.query, limit=limit)) as all_news:
        async for news in all_news:
            picture.take(news, now=loop.time())
            changed.set()


async def _refresh(client: Client, picture: Picture) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_REFRESH)
        if picture.lost or not picture.visible:
            continue
        try:
            pulses = await client.pulses(picture.visible)
        except CommandError:
            continue  # the stream of events breaks as well, and tells it
        picture.take_pulses(pulses, now=loop.time())


async def _paint(live: Live, console: Console, picture: Picture, changed: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    while True:
        live.update(frame(picture, now=loop.time(), height=console.height), refresh=True)
        try:
            async with asyncio.timeout(_REPAINT):
                await changed.wait()
        except TimeoutError:
            continue
        changed.clear()


def frame(picture: Picture, *, now: float, height: int) -> RenderableType:
    """What stands on a screen of `height` lines."""
    rows = picture.rows(now=now)
    fitting = max(1, height - _FRAME_LINES - len(picture.registry.notices))
    picture.visible = [agent.agent_id for agent in rows[: min(fitting, MOST_PULSES)]]
    more = f", {len(rows) - fitting} more below" if len(rows) > fitting else ""
    if picture.lost:
        state = Text(
            f"Ctrl-C ends; not live for {now - picture.lost_at:.0f} s: {one_line(picture.lost)}",
            style="bold red",
        )
    else:
        state = Text("live; Ctrl-C ends", style="dim")
    line = Text(totals(len(rows), picture.total, picture.registry) + more, style="dim")
    above = notices(picture.registry)
    for text in (*above, line, state):
        text.no_wrap, text.overflow = True, "ellipsis"  # or what is below it would leave the screen
    return Group(*above, agents_table(rows[:fitting], folds=False), line, state)


async def _watch_lines(client: Client, query: Query, limit: int | None) -> None:
    told: dict[str, str] = {}
    console = out()
    async with aclosing(follow(client, query, limit=limit)) as all_news:
        async for news in all_news:
            if isinstance(news, Lost):
                console.print(f"not live: {news.reason}")
                continue
            for agent in news.agents:
                if matches(agent, query) and told.get(agent.agent_id) != agent.status:
                    told[agent.agent_id] = agent.status
                    health = "?" if agent.health is None else agent.health
                    why = one_line(agent.why)
                    console.print(f"{one_line(agent.agent_id)}  {agent.status}  {health}  {why}".rstrip())
