"""A registry that runs: all its parts, put together once, and ended in order."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from registry import graves
from registry.admission import Admission
from registry.beats import Beats
from registry.children import Children, run_children
from registry.clock import Clock
from registry.events import Events, event
from registry.fleet import Fleet
from registry.groups import Groups
from registry.keeping import RoomKeeping, keep_rooms
from registry.ledger import Ledger
from registry.line import Lines
from registry.log_tails import LogTails
from registry.metrics import DISPATCH_SECONDS, EXPIRY_LAG, RECOVERY_SECONDS, show_stats
from registry.orders import Orders
from registry.prices import Prices, read_prices
from registry.records import Change
from registry.replies import as_json
from registry.room_beats import RoomBeats
from registry.sessions import Sessions
from registry.status import Limits
from registry.store import Store, StoreError
from registry.views import RegistryView, agent_view, registry_view
from registry.writer import Writer
from rooms.keeper import Keeper

logger = logging.getLogger(__name__)

VERSION = importlib.metadata.version("roomkeeper")

_MEASURE_INTERVAL = 60.0
"""Seconds between two looks at what is measured in the database."""

_MOST_IN_AN_EVENT = 500
"""Agents in one message to the pages; with more, loading the page anew is cheaper for both."""

_SESSION = "\0session:"
"""How ids of sessions begin among what has changed. No id of an agent does: it holds no control character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessControl:
    """Which processes a registry may start on its host."""

    file: Path
    must_exist: bool
    """Somebody has named the file."""

    environment: Mapping[str, str]
    hosts: tuple[str, ...]
    """Names that agents of this host tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The parts that the web's routes need."""

    fleet: Fleet
    ledger: Ledger
    store: Store
    beats: Beats
    lines: Lines
    orders: Orders
    tails: LogTails
    events: Events
    token: str | None
    keeper: Keeper
    sessions: Sessions
    rooms: RoomKeeping
    groups: Groups
    children: Children | None
    """Processes of this host; None = this registry starts none."""

    prices: Prices

    def view(self) -> RegistryView:
        """The registry itself, now."""
        return registry_view(self.fleet, database_trouble=self.ledger.trouble, version=VERSION)

    def begin_closing(self) -> None:
        """The registry ends: streams end now, and what breaks from now on says nothing about agents. Repeatable."""
        self.fleet.is_closing = True
        self.events.end()
        self.tails.end()

    async def history(self, agent_id: str, *, limit: int, before: int | None = None) -> list[Change]:
        """Rows of the history, newest first. Raises `StoreError`."""
        return await asyncio.to_thread(self.store.history, agent_id, limit=limit, before=before)


@asynccontextmanager
async def run_registry(
    store: Store,
    *,
    token: str | None = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
    new_agents: int = 1_000,
    history_days: int = 30,
    journal_days: int = 30,
    rooms: RoomKeeping | None = None,
    processes: ProcessControl | None = None,
    prices_file: Path | None = None,
) -> AsyncIterator[Registry]:
    """Open a registry on `store`, run its loops, and write what is left at the end. The store stays open.

    Args:
        token: What requests have to show; None = nothing.
        new_agents: Agents that one address may bring in a minute.
        journal_days: Days that conversations are kept; 0 = none are.
        rooms: How rooms are kept; None = they are not.
        processes: Which processes it may start; None = none.
        prices_file: Prices of models that come before the listed ones; need not be there.

    Raises:
        StoreError: The database cannot be brought to the newest revision, or not be read.
    """
    clock = clock or Clock()
    await asyncio.to_thread(store.migrate)
    limits = limits or Limits()
    # What has long been over is history; only that it must not come back has to be known.
    rows = await asyncio.to_thread(store.load, over_since=clock.utc() - timedelta(seconds=limits.visible))
    stopped = await asyncio.to_thread(store.stopped, newest=graves.MOST)
    going_on = await asyncio.to_thread(store.sessions.open)
    rooms = rooms or RoomKeeping()

    def heard_at(agent_id: str) -> datetime | None:
        agent = fleet.find(agent_id)
        return None if agent is None else agent.heard_at(clock)

    def render(changed: list[str]) -> bytes:
        return _told(changed, fleet, database_trouble=writer.trouble)

    writer = Writer(store, clock=clock, heard_at=heard_at, history_days=history_days)
    events = Events(render)

    def changed(agent_id: str) -> None:
        events.changed(agent_id)
        room_beats.agent_changed(agent_id)

    fleet = Fleet(
        limits=limits,
        clock=clock,
        ledger=writer,
        admission=Admission(new_agents),
        changed=changed,
    )
    room_beats = RoomBeats(fleet, clock=clock)
    fleet.settling.lags = EXPIRY_LAG.observe
    writer.on_trouble = lambda: events.changed("")
    orders = Orders(fleet)
    tails = LogTails(fleet, orders)
    beats = Beats(fleet, orders)
    for agent_id, incarnation in reversed(stopped):
        fleet.settling.graves.remember(agent_id, incarnation)
    fleet.restore(rows)
    for agent in fleet:
        room_beats.agent_changed(agent.agent_id)
    sessions = Sessions(store.sessions, clock=clock, history_days=history_days, journal_days=journal_days)
    sessions.on_change = lambda session_id: events.changed(_SESSION + session_id)
    loops = {
        "registry-reaper": fleet.settling.reaper.run(),
        "registry-writer": writer.run(),
        "registry-events": events.run(),
        "registry-others": _leave_to_others(fleet, store),
        "registry-sessions": sessions.run(),
    }
    lines = Lines(fleet, beats, orders, tails)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(writer.aclose)
        await ending.enter_async_context(_running(loops))
        ending.push_async_callback(lines.aclose)
        keeper = await ending.enter_async_context(
            keep_rooms(
                rooms,
                fleet=fleet,
                orders=orders,
                beats=room_beats,
                store=store,
                lock=store.keeper_lock(),
                sessions=going_on,
                clock=clock,
                changed=lambda _: None,  # pages of rooms ask for themselves
                lost=sessions.lost,
                history_days=history_days,
            )
        )
        counts = keeper.stats()
        counts.on_recovery, counts.on_dispatch = RECOVERY_SECONDS.observe, DISPATCH_SECONDS.observe
        await ending.enter_async_context(_running({"registry-stats": _measure(keeper, sessions)}))
        children = None
        if processes is not None:
            children = await ending.enter_async_context(
                run_children(
                    processes.file,
                    must_exist=processes.must_exist,
                    wishes=store.wishes,
                    fleet=fleet,
                    environment=processes.environment,
                    hosts=processes.hosts,
                    changed=lambda _: events.changed(""),
                )
            )
        registry = Registry(
            fleet=fleet,
            ledger=writer,
            store=store,
            beats=beats,
            lines=lines,
            orders=orders,
            tails=tails,
            events=events,
            token=token,
            keeper=keeper,
            sessions=sessions,
            rooms=rooms,
            groups=Groups(store.profiles, monotonic=clock.monotonic),
            children=children,
            prices=Prices() if prices_file is None else await asyncio.to_thread(read_prices, prices_file),
        )
        ending.callback(registry.begin_closing)
        logger.info("registry is ready", extra={"action": "registry.ready", "agents": len(fleet)})
        yield registry


def _told(changed: Sequence[str], fleet: Fleet, *, database_trouble: str | None) -> bytes:
    """Events for the pages: which agents and which sessions have changed."""
    of_agents = [one for one in changed if not one.startswith(_SESSION)]
    of_sessions = [one.removeprefix(_SESSION) for one in changed if one.startswith(_SESSION)]
    # Pages of further sessions look for themselves, two seconds later.
    told = event("sessions", as_json({"sessions": of_sessions[:_MOST_IN_AN_EVENT]})) if of_sessions else b""
    if not of_agents:
        return told
    if len(of_agents) > _MOST_IN_AN_EVENT:
        return event("reload", b"{}")
    agents = [fleet.find(agent_id) for agent_id in of_agents if agent_id]
    message = {
        "agents": [agent_view(agent, fleet.clock) for agent in agents if agent is not None],
        "removed": [agent_id for agent_id in of_agents if agent_id and fleet.find(agent_id) is None],
        "registry": registry_view(fleet, database_trouble=database_trouble, version=VERSION),
    }
    return event("agents", as_json(message)) + told


@asynccontextmanager
async def _running(loops: Mapping[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run the loops until the end."""
    tasks = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
    for task in tasks:
        task.add_done_callback(_say_broken)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait(tasks)


async def _measure(keeper: Keeper, sessions: Sessions) -> None:
    """Tell the metrics what only the database knows, now and then."""
    while True:
        try:
            show_stats(await sessions.stats(keeper.stats()))
        except StoreError as error:
            logger.warning("some metrics are old", extra={"action": "metrics.old", "error": str(error)})
        await asyncio.sleep(_MEASURE_INTERVAL)


async def _leave_to_others(fleet: Fleet, store: Store) -> None:
    """Before agents that were not heard are called offline: see whether another registry hears them.

    Several registries may share a database. Each shows the agents that beat to it.
    """
    await asyncio.sleep(0.9 * fleet.limits.restart_grace)
    if not fleet.n_waiting:
        return
    try:
        heard = await asyncio.to_thread(store.heard)
    except StoreError as error:
        logger.warning(
            "nobody knows what others hear", extra={"action": "database.load", "error": str(error)}
        )
        return
    n_others = fleet.leave_to_others(heard)
    if n_others:
        logger.info(
            "agents beat to another registry", extra={"action": "registry.others", "agents": n_others}
        )


def _say_broken(loop: asyncio.Task[None]) -> None:
    if not loop.cancelled() and (error := loop.exception()) is not None:
        logger.critical(
            "a part of the registry broke",
            exc_info=error,
            extra={"action": "registry.broke", "part": loop.get_name()},
        )
