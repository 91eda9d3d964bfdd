"""The table of rooms, current until somebody stops it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli.answers import RegistryFacts
from cli.client import Client
from cli.errors import CommandError, RefusedError
from cli.listing import notices
from cli.room_answers import Room, Rooms
from cli.room_listing import humans_of, keeper_lines, room_totals, rooms_in_order, rooms_table
from cli.terminal import is_terminal, one_line, out

REFRESH = 1.0
"""Seconds between two questions. The registry answers from memory."""

_FRAME_LINES = 4  # the table's head, the totals, the line about the connection, a free one


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomsPicture:
    """What is known at the moment."""

    rooms: Rooms
    registry: RegistryFacts
    told_at: datetime
    """By the registry's clock."""

    heard_at: float
    """The loop's time of the last answer."""

    lost: str = ""
    """Why this is not live; empty = it is."""

    def at(self, now: float) -> datetime:
        """The registry's clock, at the loop's time `now`."""
        return self.told_at + timedelta(seconds=now - self.heard_at)


async def watch_rooms(client: Client, *, with_identities: bool, clock: Callable[[], datetime]) -> None:
    """Show the rooms until interrupted; on a pipe, a line for each change.

    Args:
        clock: Used where the registry does not tell its time.

    Raises:
        CommandError: No registry answers the first time, or it does not let us in.
    """
    picture = await _look(client, clock)
    if is_terminal():
        await _watch_table(client, picture, clock, with_identities=with_identities)
    else:
        await _watch_lines(client, picture, clock)


def rooms_frame(
    picture: RoomsPicture, *, now: float, height: int, with_identities: bool = False
) -> RenderableType:
    """What stands on a screen of `height` lines."""
    beside = [*keeper_lines(picture.rooms.keeper), *notices(picture.registry)]
    rooms = rooms_in_order(picture.rooms.rooms)
    fitting = max(1, height - _FRAME_LINES - len(beside))
    more = f", {len(rooms) - fitting} more below" if len(rooms) > fitting else ""
    table = rooms_table(rooms[:fitting], now=picture.at(now), with_identities=with_identities, folds=False)
    if picture.lost:
        words = f"Ctrl-C ends; not live for {now - picture.heard_at:.0f} s: {one_line(picture.lost)}"
        state = Text(words, style="bold red")
    else:
        state = Text("live; Ctrl-C ends", style="dim")
    below = [Text(room_totals(rooms) + more, style="dim"), state]
    for text in [*beside, *below]:
        text.no_wrap, text.overflow = True, "ellipsis"  # or what is below it would leave the screen
    return Group(*beside, table, *below)


async def _look(client: Client, clock: Callable[[], datetime]) -> RoomsPicture:
    registry = await client.facts()
    rooms = (await client.rooms.all()).value
    heard_at = asyncio.get_running_loop().time()
    return RoomsPicture(rooms=rooms, registry=registry, told_at=registry.now or clock(), heard_at=heard_at)


async def _look_again(client: Client, picture: RoomsPicture, clock: Callable[[], datetime]) -> RoomsPicture:
    await asyncio.sleep(REFRESH)
    try:
        return await _look(client, clock)
    except CommandError as error:
        if isinstance(error, RefusedError) and error.is_about_access:
            raise
        return replace(picture, lost=str(error))


async def _watch_table(
    client: Client, picture: RoomsPicture, clock: Callable[[], datetime], *, with_identities: bool
) -> None:
    loop = asyncio.get_running_loop()
    console = out()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            frame = rooms_frame(
                picture, now=loop.time(), height=console.height, with_identities=with_identities
            )
            live.update(frame, refresh=True)
            picture = await _look_again(client, picture, clock)


async def _watch_lines(client: Client, picture: RoomsPicture, clock: Callable[[], datetime]) -> None:
    console = out()
    told: dict[str, str] = {}
    lost = ""
    while True:
        if picture.lost and not lost:
            console.print(f"not live: {picture.lost}")
        lost = picture.lost
        rooms = () if lost else picture.rooms.rooms
        lines = {room.name: _line(room) for room in rooms}
        for name, line in lines.items():
            if told.get(name) != line:
                console.print(line)
        if not lost:
            for name in [name for name in told if name not in lines]:
                console.print(f"{one_line(name)}  gone")
            told = lines
        picture = await _look_again(client, picture, clock)


def _line(room: Room) -> str:
    agents = len([agent for agent in room.agents if agent.is_serving])
    words = [
        room.name,
        room.phase,
        f"humans: {humans_of(room.humans)}",
        f"agents: {agents}",
        room.trouble or "",
    ]
    return "  ".join(one_line(word) for word in words if word)
