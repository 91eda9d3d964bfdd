"""A registry that runs: all its parts, put together once, and ended in order."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry import graves
from registry.admission import Admission
from registry.beats import Beats
from registry.clock import Clock
from registry.events import Events, event
from registry.fleet import Fleet
from registry.ledger import Ledger
from registry.line import Lines
from registry.log_tails import LogTails
from registry.metrics import EXPIRY_LAG
from registry.orders import Orders
from registry.records import Change
from registry.replies import as_json
from registry.status import Limits
from registry.store import Store, StoreError
from registry.views import RegistryView, agent_view, registry_view
from registry.writer import Writer

logger = logging.getLogger(__name__)

VERSION = importlib.metadata.version("roomkeeper")

_MOST_IN_AN_EVENT = 500
"""Agents in one message to the pages; with more, loading the page anew is cheaper for both."""


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
) -> AsyncIterator[Registry]:
    """Open a registry on `store`, run its loops, and write what is left at the end. The store stays open.

    Args:
        token: What requests have to show; None = nothing.
        new_agents: Agents that one address may bring in a minute.

    Raises:
        StoreError: The database cannot be brought to the newest revision, or not be read.
    """
    clock = clock or Clock()
    await asyncio.to_thread(store.migrate)
    limits = limits or Limits()
    # What has long been over is history; only that it must not come back has to be known.
    rows = await asyncio.to_thread(store.load, over_since=clock.utc() - timedelta(seconds=limits.visible))
    stopped = await asyncio.to_thread(store.stopped, newest=graves.MOST)

    def heard_at(agent_id: str) -> datetime | None:
        agent = fleet.find(agent_id)
        return None if agent is None else agent.heard_at(clock)

    def render(changed: list[str]) -> bytes:
        if len(changed) > _MOST_IN_AN_EVENT:
            return event("reload", b"{}")
        agents = [fleet.find(agent_id) for agent_id in changed if agent_id]
        message = {
            "agents": [agent_view(agent, clock) for agent in agents if agent is not None],
            "removed": [agent_id for agent_id in changed if agent_id and fleet.find(agent_id) is None],
            "registry": registry.view(),
        }
        return event("agents", as_json(message))

    writer = Writer(store, clock=clock, heard_at=heard_at, history_days=history_days)
    events = Events(render)
    fleet = Fleet(
        limits=limits,
        clock=clock,
        ledger=writer,
        admission=Admission(new_agents),
        changed=events.changed,
    )
    fleet.settling.lags = EXPIRY_LAG.observe
    writer.on_trouble = lambda: events.changed("")
    orders = Orders(fleet)
    tails = LogTails(fleet, orders)
    beats = Beats(fleet, orders)
    registry = Registry(
        fleet=fleet,
        ledger=writer,
        store=store,
        beats=beats,
        lines=Lines(fleet, beats, orders, tails),
        orders=orders,
        tails=tails,
        events=events,
        token=token,
    )
    for agent_id, incarnation in reversed(stopped):
        fleet.settling.graves.remember(agent_id, incarnation)
    fleet.restore(rows)
    logger.info("registry is ready", extra={"action": "registry.ready", "agents": len(fleet)})
    loops = [
        asyncio.create_task(fleet.settling.reaper.run(), name="registry-reaper"),
        asyncio.create_task(writer.run(), name="registry-writer"),
        asyncio.create_task(events.run(), name="registry-events"),
        asyncio.create_task(_leave_to_others(fleet, store), name="registry-others"),
    ]
    for loop in loops:
        loop.add_done_callback(_say_broken)
    try:
        yield registry
    finally:
        registry.begin_closing()
        await registry.lines.aclose()
        for loop in loops:
            loop.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait(loops)
        await writer.aclose()


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
