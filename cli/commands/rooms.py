"""`roomkeeper rooms`, `why`, `close` and `gc`: rooms, and the agents in them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.client import Client
from cli.errors import RefusedError, UnreachableError, UsageError
from cli.explaining import answer_line, events_table, facts_table, next_line
from cli.listing import notices
from cli.options import AsJson, Live
from cli.reach import Url, open_client, who
from cli.room_answers import Closed, Collection
from cli.room_listing import keeper_lines, room_totals, rooms_in_order, rooms_table
from cli.rooms_watching import watch_rooms
from cli.shortened import Shortened
from cli.terminal import err, one_line, out, plain_table, print_json, print_table

HUMAN_WAITS = 1
"""Exit code of `why`: a human is there, and no agent."""

RoomName = Annotated[str, typer.Argument(metavar="ROOM", help="Name of the room, like agent-1-room.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the room's history.")]


def rooms(
    context: typer.Context,
    *,
    as_json: AsJson = False,
    live: Live = False,
    with_identities: Annotated[
        bool, typer.Option("--identities", help="Name the humans instead of counting them.")
    ] = False,
    url: Url = None,
) -> None:
    """List rooms: who is there, and what the registry does about it."""
    if live and as_json:
        raise UsageError("--watch and --json do not go together; programs ask GET /api/livekit/rooms")
    asyncio.run(
        _rooms(open_client(context, url), as_json=as_json, live=live, with_identities=with_identities)
    )


def why(context: typer.Context, *, room: RoomName, as_json: AsJson = False, url: Url = None) -> None:
    """Say why there is, or is not, an agent in a room.

    Exit code 0 if an agent is there or none is needed, 1 if a human waits for one, 3 if nobody can tell.
    """
    _check(room)
    if asyncio.run(_why(open_client(context, url), room, as_json=as_json)):
        raise typer.Exit(HUMAN_WAITS)


def close(
    context: typer.Context,
    *,
    room: RoomName,
    reason: Reason,
    force: Annotated[
        bool, typer.Option("--force", help="Remove agents at once instead of asking them to leave.")
    ] = False,
    url: Url = None,
) -> None:
    """Let the agents of a room leave, and none come until the room ends.

    Humans stay. Agents are asked to leave politely unless --force.
    """
    _check(room)
    asyncio.run(_close(open_client(context, url), room, reason, force=force))


def collect_garbage(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would go.")] = False,
    reason: Reason = "collected on the command line",
    url: Url = None,
) -> None:
    """Delete rooms and agents that nobody needs.

    The registry does so by itself now and then. A room with a human is never touched.
    """
    asyncio.run(_collect(open_client(context, url), reason, dry_run=dry_run))


async def _rooms(client: Client, *, as_json: bool, live: bool, with_identities: bool) -> None:
    async with client:
        if live:
            await watch_rooms(client, with_identities=with_identities, clock=_now)
            return
        told = await client.rooms.all()
        if as_json:
            print_json(told.raw)
            return
        registry = await client.facts()
    beside = err()
    for line in [*keeper_lines(told.value.keeper), *notices(registry)]:
        beside.print(line)
    found = rooms_in_order(told.value.rooms)
    if found:
        print_table(rooms_table(found, now=registry.now or _now(), with_identities=with_identities))
    beside.print(room_totals(found), style="dim")


async def _why(client: Client, name: str, *, as_json: bool) -> bool:
    """Whether a human waits. Raises `UnreachableError` when nobody can tell: its exit code is another one."""
    async with client:
        try:
            told = await client.rooms.why(name)
            human_waits = await _human_waits(client, name)
            now = (await client.facts()).now or _now()
        except RefusedError as error:
            if error.is_about_access:
                raise
            raise UnreachableError(f"nobody can tell: {error}") from error
    if as_json:
        print_json(told.raw)
        return human_waits
    answer = told.value
    out().print(answer_line(answer, human_waits=human_waits))
    if answer.facts:
        typer.echo("")
        print_table(facts_table(answer.facts))
    following = next_line(answer, now=now)
    if following:
        typer.echo("")
        out().print(following)
    if answer.events:
        typer.echo("")
        print_table(events_table(answer.events))
    return human_waits


async def _human_waits(client: Client, name: str) -> bool:
    try:
        return (await client.rooms.one(name)).human_waits
    except RefusedError as error:
        if error.status == 404:
            return False  # there is no such room, so nobody is in it
        raise


async def _close(client: Client, name: str, reason: str, *, force: bool) -> None:
    async with client:
        closed = await client.rooms.close(name, reason=reason, by=who(), force=force)
    typer.echo(f"{one_line(name)}: {_outcome(closed)}")


def _outcome(closed: Closed) -> str:
    texts = []
    if closed.asked:
        texts.append(f"asked to leave: {', '.join(one_line(one) for one in closed.asked)}")
    if closed.removed:
        texts.append(f"removed: {', '.join(one_line(one) for one in closed.removed)}")
    if not texts:
        texts.append("no agent was there")
    n = closed.humans_left_there
    if n:
        texts.append(f"{n} human{'s stay' if n != 1 else ' stays'}")
    return "; ".join([*texts, "no agent comes until the room ends"])


async def _collect(client: Client, reason: str, *, dry_run: bool) -> None:
    async with client:
        found = await client.rooms.collect_garbage(reason=reason, by=who(), dry_run=dry_run)
    if found.found:
        table = plain_table("WHAT", "ROOM", "IDENTITY", "DONE", "WHY", whole=("WHAT", "DONE"))
        for one in found.found:
            done = "would go" if found.dry_run else "yes" if one.done else "not yet"
            table.add_row(
                one_line(one.what),
                Shortened(one.room),
                Shortened(one.identity or ""),
                done,
                one_line(one.why),
            )
        print_table(table)
    err().print(_total(found), style="dim")


def _total(found: Collection) -> str:
    n = len(found.found)
    if n == 0:
        return "there is no garbage"
    if found.dry_run:
        return f"{n} would go; nothing was touched"
    return f"{sum(one.done for one in found.found)} of {n} went"


def _check(room: str) -> None:
    if not room.strip():
        raise UsageError("an empty text is no room's name; see `roomkeeper rooms`")


def _now() -> datetime:
    return datetime.now(UTC)
