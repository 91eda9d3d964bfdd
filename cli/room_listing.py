"""Rooms as a table, and what the room keeper says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from cli.answers import Human
from cli.durations import ago, between, duration
from cli.room_answers import Keeper, Room, RoomAgent
from cli.shortened import Shortened
from cli.terminal import one_line, plain_table, words

_COLOURS = {"starting": "cyan", "active": "green", "grace_period": "yellow", "closing": "bright_black"}


def rooms_in_order(rooms: Iterable[Room]) -> list[Room]:
    """Those first that somebody should look at, then by name."""
    return sorted(rooms, key=lambda room: (room.trouble is None, not room.human_waits, room.name.casefold()))


def rooms_table(
    rooms: Iterable[Room], *, now: datetime, with_identities: bool = False, folds: bool = True
) -> Table:
    """One row for each room.

    Args:
        now: By the registry's clock.
        with_identities: Name the humans instead of counting them.
        folds: Fold long texts; else each row is one line, and what does not fit is cut.
    """
    table = plain_table(
        "ROOM", "PHASE", "HUMANS", "AGENTS", "SINCE", "LAST DECISION", "TROUBLE",
        whole=("PHASE", "SINCE"), folds=folds,
    )  # fmt: skip
    for room in rooms:
        table.add_row(
            Shortened(room.name),
            phase_text(room, now=now),
            words(humans_of(room.humans, with_identities=with_identities), folds=folds),
            words(", ".join(_agent(agent) for agent in room.agents) or "none", folds=folds),
            duration(between(room.since, now)),
            words(_decision(room, now=now), folds=folds),
            words(_trouble(room), folds=folds, style="red" if room.trouble or room.human_waits else ""),
        )
    return table


def phase_text(room: Room, *, now: datetime) -> Text:
    """The phase, with what is left of a grace period."""
    left = ""
    if room.phase == "grace_period" and room.grace_ends_at is not None:
        left = f" {duration(between(now, room.grace_ends_at))} left"
    return Text(one_line(room.phase) + left, style=_COLOURS.get(room.phase, ""))


def humans_of(humans: Iterable[Human], *, with_identities: bool = False) -> str:
    """How many there are in each role: ``2 client, 1 coach``; or who they are."""
    if with_identities:
        return ", ".join(f"{human.identity} ({human.role or 'client'})" for human in humans) or "none"
    counts = Counter(human.role or "client" for human in humans)
    return ", ".join(f"{counts[role]} {role}" for role in sorted(counts)) or "none"


def keeper_lines(keeper: Keeper) -> list[Text]:
    """What somebody should know of the room keeper; empty when all is well."""
    lines = []
    if not keeper.is_on:
        off = (
            "room keeping is off; the registry needs LiveKit's URL and keys, and ROOM_KEEPING that is not off"
        )
        lines.append(Text(f"warning: {one_line(keeper.trouble or off)}", style="yellow"))
    elif keeper.trouble:
        lines.append(Text(f"error: {one_line(keeper.trouble)}", style="red"))
    elif not keeper.is_reachable:
        where = one_line(keeper.livekit_url or "its URL")
        lines.append(
            Text(f"error: LiveKit does not answer the registry at {where}; rooms are as last seen", "red")
        )
    if keeper.is_on and not keeper.is_leading:
        lines.append(Text("info: another registry on the same database keeps the rooms; this one looks on"))
    if keeper.forged_webhooks:
        n = keeper.forged_webhooks
        webhooks = "1 webhook was" if n == 1 else f"{n} webhooks were"
        lines.append(
            Text(
                f"warning: {webhooks} refused for a wrong signature; sign them with the registry's LIVEKIT_API_KEY",
                style="yellow",
            )
        )
    return lines


def room_totals(rooms: Iterable[Room]) -> str:
    """How many rooms there are, in one line."""
    rooms = list(rooms)
    if not rooms:
        return "no rooms"
    counts = Counter(room.phase for room in rooms)
    phases = ", ".join(f"{counts[phase]} {one_line(phase)}" for phase in sorted(counts))
    waiting = sum(room.human_waits for room in rooms)
    suffix = f"; in {waiting} a human waits for an agent" if waiting else ""
    return f"{len(rooms)} room{'s' if len(rooms) != 1 else ''} ({phases}){suffix}"


def _agent(agent: RoomAgent) -> str:
    state = f"leaving: {agent.leaving}" if agent.leaving is not None else agent.health
    return f"{agent.row_id or agent.agent_id or agent.identity} {state}"


def _decision(room: Room, *, now: datetime) -> str:
    decision = room.last_decision
    return "" if decision is None else f"{decision.action} {ago(between(decision.at, now))}: {decision.why}"


def _trouble(room: Room) -> str:
    texts = [room.trouble] if room.trouble else []
    if room.closed is not None:
        texts.append(f"closed by {room.closed.by}: {room.closed.reason}")
    if room.human_waits and room.attempts:
        texts.append(f"asked {room.attempts} time{'s' if room.attempts != 1 else ''} in vain")
    return "; ".join(texts)
