"""Processes that the registry runs on its host, and the agents that they are.

A process is known by its number and its host, which every beat tells. What was not started here is never killed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from processes import Ended, Found, Snapshot, Supervisor, Wish, WishError
from registry.agents import Agent
from registry.fleet import Fleet
from registry.records import Forced, Status
from registry.session_records import WishRow
from registry.store import StoreError
from wire import Said

_SAME_START = timedelta(seconds=10)
"""By which a process may seem older than the one that started it: two ways of measuring, and beats take their time."""


class WishTable(Protocol):
    """The store's: `store.wishes`."""

    def all(self) -> list[WishRow]: ...

    def put(self, row: WishRow) -> None: ...


class StoredWishes:
    """`processes.Wishes` in the registry's database."""

    def __init__(self, table: WishTable) -> None:
        self._table = table

    def load(self) -> Sequence[Wish]:
        """Raises `StoreError`: without wishes, processes would start that an operator has stopped."""
        return [
            Wish(process_id=row.process_id, is_wanted=row.is_wanted, by=row.by, reason=row.reason, at=row.at)
            for row in self._table.all()
        ]

    def save(self, wish: Wish) -> None:
        row = WishRow(
            process_id=wish.process_id, is_wanted=wish.is_wanted, by=wish.by, reason=wish.reason, at=wish.at
        )
        try:
            self._table.put(row)
        except StoreError as error:
            raise WishError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Killing:
    """What came of asking for an agent's process to be killed."""

    is_killed: bool
    said: str
    """In words."""


class Children:
    """The supervisor's processes as the registry sees them.

    Args:
        hosts: Names under which agents of this host beat.
    """

    def __init__(self, supervisor: Supervisor, fleet: Fleet, *, hosts: Iterable[str]) -> None:
        self.supervisor = supervisor
        self._fleet = fleet
        self._hosts = frozenset(hosts)
        self._last_rows: dict[str, str] = {}  # process id → agent that it was itself
        supervisor.ended = self._on_end

    # -- looking

    def row_ids(self) -> dict[str, tuple[str, ...]]:
        """Of each process that has any: ids of the agents that are it, or were started by it."""
        rows: dict[str, list[str]] = {}
        for agent in self._fleet:
            found = self.owner(agent)
            if found is None:
                continue
            if found.leader == agent.beat.process_id:
                self._last_rows[found.process_id] = agent.agent_id
                rows.setdefault(found.process_id, []).insert(0, agent.agent_id)
            else:
                rows.setdefault(found.process_id, []).append(agent.agent_id)
        return {process_id: tuple(ids) for process_id, ids in rows.items()}

    def owner(self, agent: Agent) -> Found | None:
        """Which process of ours an agent is, or was started by."""
        pid = agent.beat.process_id
        if pid is None or agent.beat.host not in self._hosts:
            return None
        found = self.supervisor.find(pid)
        if found is None:
            return None
        started_at = agent.started_at(self._fleet.clock)
        if started_at is not None and started_at < found.started_at - _SAME_START:
            return None  # it had the same number before
        return found

    # -- what operators ask for

    async def start(self, process_id: str, *, by: str, reason: str) -> Snapshot:
        """Raises what `Supervisor.start` raises, like the others here."""
        snapshot = await self.supervisor.start(process_id, by=by, reason=reason)
        self._note(process_id, f"start of its process {process_id} asked by {by}: {reason}", by=by)
        return snapshot

    async def start_all(self, *, by: str, reason: str) -> list[Snapshot]:
        snapshots = await self.supervisor.start_all(by=by, reason=reason)
        for snapshot in snapshots:
            what = f"start of all processes, its {snapshot.process_id} too, asked by {by}: {reason}"
            self._note(snapshot.process_id, what, by=by)
        return snapshots

    async def stop(self, process_id: str, *, by: str, reason: str, force: bool = False) -> Snapshot:
        self.row_ids()  # while it is there
        snapshot = await self.supervisor.stop(process_id, by=by, reason=reason, force=force)
        word = "killing" if force else "stop"
        self._note(process_id, f"{word} of its process {process_id} asked by {by}: {reason}", by=by)
        return snapshot

    async def restart(self, process_id: str, *, by: str, reason: str) -> Snapshot:
        self.row_ids()
        snapshot = await self.supervisor.restart(process_id, by=by, reason=reason)
        self._note(process_id, f"restart of its process {process_id} asked by {by}: {reason}", by=by)
        return snapshot

    async def force_stop(self, agent: Agent, *, by: str, reason: str) -> Killing:
        """End an agent for certain: kill its process if it was started here, else set its record to stopped."""
        found, pid = self.owner(agent), agent.beat.process_id
        if found is not None and found.leader == pid:
            await self.stop(found.process_id, by=by, reason=reason, force=True)
            said = (
                f"process {pid} ({found.process_id}) was killed, and stays stopped until somebody starts it"
            )
            return Killing(is_killed=True, said=said)
        if found is not None and pid is not None and self.supervisor.kill_member(pid):
            cause = f"process {pid} was killed by {by}: {reason}"
            await asyncio.shield(self._fleet.tell_gone(agent, cause=cause, by=by))
            return Killing(
                is_killed=True,
                said=f"process {pid}, which {found.process_id} had started, was killed; {found.process_id} runs on",
            )
        at = self._fleet.clock.utc()
        forced = Forced(status=Status.STOPPED, health=None, by=by, reason=reason, at=at)
        await asyncio.shield(self._fleet.force(agent, forced, by=by, reason=reason))
        where = f"{agent.beat.host or 'a host that it does not name'}"
        number = "its process" if pid is None else f"its process {pid}"
        return Killing(
            is_killed=False,
            said=f"{number} on {where} was not started by this registry, so nothing was killed: only its record says "
            "stopped, until somebody unlocks it; end the process there, or give it the order to stop",
        )

    # -- inside

    def _on_end(self, ended: Ended) -> None:
        """Tell the fleet at once, which would otherwise wait for its line or its beats."""
        for agent in list(self._fleet):
            found = self.owner(agent) if agent.beat.process_id == ended.pid else None
            if found is None or found.process_id != ended.process_id:
                continue
            self._last_rows[ended.process_id] = agent.agent_id
            if ended.exit_code != 0 and agent.beat.status is not Said.STOPPED:
                self._fleet.tell_gone(agent, cause=f"its process {ended.pid} {ended.how}", by="registry")

    def _note(self, process_id: str, reason: str, *, by: str) -> None:
        agent = self._fleet.find(self._last_rows.get(process_id, ""))
        if agent is not None:
            self._fleet.note(agent, reason, by=by)


@asynccontextmanager
async def run_children(
    file: Path,
    *,
    must_exist: bool,
    wishes: WishTable,
    fleet: Fleet,
    environment: Mapping[str, str],
    hosts: Iterable[str],
    changed: Callable[[str], None] = lambda _: None,
    stop_timeout: float = 30.0,
) -> AsyncIterator[Children]:
    """Start the processes that are wanted, and end them all on leaving.

    To be entered on the event loop of the main thread, and left while the ledger still takes rows.

    Args:
        file: The setting REGISTRY_AGENTS_FILE.
        must_exist: The setting was set by somebody.
        environment: Of the processes.
        hosts: As `Children` has it.
        changed: As `Supervisor` has it.
        stop_timeout: Seconds in which all have to end on leaving.

    Raises:
        StoreError: The wishes cannot be read.
    """
    supervisor = Supervisor(
        file,
        wishes=StoredWishes(wishes),
        environment=environment,
        utc=fleet.clock.utc,
        must_exist=must_exist,
        changed=changed,
    )
    children = Children(supervisor, fleet, hosts=hosts)
    try:
        await supervisor.open()
        yield children
    finally:
        await supervisor.aclose(timeout=stop_timeout)
