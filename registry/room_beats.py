"""What agents say of rooms, in the room keeper's words."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from registry.agents import Agent
from registry.clock import Clock
from registry.fleet import Fleet
from registry.records import Status
from registry.status import STALLED, TIMED_OUT, Verdict, judge, lag_class
from rooms.picture import Health, SessionSeen
from wire import AgentIdError, CallFacts, Kind, Said, parse_agent_id

_PER_ROOM = 8
"""Sessions of a room that are remembered: the latest."""

_ROOMS = 20_000
"""Rooms of which sessions are remembered: those that were heard of last."""

_WAVERING = 5.0
"""Seconds that a beat may be late, and with it the end of a grace period that it tells of."""

_NO_REASON = "stopped"
"""Close reason of a session that said goodbye without one."""

_LONGEST_REASON = 40
"""Characters of a close reason, as in `wire.Ended`."""

_EVERY_ONE = ""
"""Instead of an agent id: workers that serve every agent."""

OVER = (Health.GONE, Health.STOPPED)


class RoomBeats:
    """Follows the fleet. `rooms.beats.Beats` of a registry.

    Args:
        fleet: Tells `agent_changed` of each change.
        clock: The registry's.
    """

    def __init__(self, fleet: Fleet, *, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._rooms: OrderedDict[str, dict[str, SessionSeen]] = OrderedDict()  # room → incarnation → session
        self._by_row: dict[str, tuple[str, str]] = {}  # row id → room, incarnation
        self._joining: dict[str, dict[str, float]] = {}  # worker's row id → room → since
        self._ready: dict[
            str, tuple[str, str]
        ] = {}  # worker's row id → incarnation that LiveKit took, whom it serves
        self._came_at: dict[str, float] = {}  # whom workers serve → when LiveKit has taken one
        self._workers: dict[str, set[str]] = {}  # machine → workers' row ids
        self.on_room: Callable[[str], None] = _ignore
        """Called with a room of which something else is known now."""

        self.on_worker: Callable[[], None] = _nothing
        """Called when LiveKit has taken a worker."""

        self.on_doubt: Callable[[Agent], None] = _nobody
        """Called when a session's line broke."""

        self.on_lost: Callable[[str], None] = _ignore
        """Called with the incarnation of a session whose process is gone, as far as anybody knows."""

        self.on_stopped: Callable[[str, str], None] = _not_told
        """Called with the incarnation of a session that said goodbye, and why it left."""

        self.on_phase: Callable[[SessionSeen, SessionSeen, float], None] = _no_phase
        """Called with a session before and after a change of its phase, and how long the old one lasted."""

        self._lost: set[str] = set()  # incarnations that `on_lost` was told of
        self._phase_since: dict[str, float] = {}  # incarnation → since when its phase has been so
        self._first_seen: dict[str, float] = {}  # room → when its latest session was first heard

    # -- `rooms.beats.Beats`

    def sessions_in(self, room: str) -> Sequence[SessionSeen]:
        return tuple(self._rooms.get(room, {}).values())

    def joining_since(self, room: str) -> float | None:
        since = [rooms[room] for rooms in self._joining.values() if room in rooms]
        if not since:
            return None
        # Its session has been here since, so its agent is not on its way any more.
        first = self._first_seen.get(room, -math.inf)
        return max(since) if max(since) > first else None

    def worker_came_at(self, agent_id: str | None) -> float:
        return max(self._came_at.get(served, -math.inf) for served in _served_for(agent_id))

    def knows_workers(self, agent_id: str | None) -> bool:
        wanted = _served_for(agent_id)
        return any(served in wanted for _, served in self._ready.values())

    def worker_on(self, machine: str | None) -> Agent | None:
        """A worker that can be asked now about processes of a machine (see `wire.Beat`); None = there is none."""
        if not machine:
            return None  # two that do not say where they are need not be at the same place
        for row_id in self._workers.get(machine, ()):
            worker = self._fleet.find(row_id)
            if worker is None or worker.beat.machine != machine:
                continue  # its row goes on elsewhere
            if worker.line is not None and worker.facts.line_broken_at is None:
                return worker
        return None

    # -- following

    def agent_changed(self, row_id: str) -> None:
        """Something has changed about a row of the fleet."""
        agent = self._fleet.find(row_id)
        if agent is None:
            self._left_page(row_id)
            return
        match agent.beat.kind:
            case Kind.WORKER:
                self._worker_changed(agent)
            case Kind.SESSION:
                if agent.beat.call is not None:
                    self._session_changed(agent, agent.beat.call)
            case Kind.PROGRAM:
                return

    def _left_page(self, row_id: str) -> None:
        for room in self._joining.pop(row_id, {}):
            self.on_room(room)
        self._ready.pop(row_id, None)
        served = _served_by(row_id)
        if served != _EVERY_ONE and served not in {other for _, other in self._ready.values()}:
            self._came_at.pop(served, None)
        for machine, row_ids in list(self._workers.items()):
            row_ids.discard(row_id)
            if not row_ids:
                del self._workers[machine]
        self._let_go(row_id, "its row has left the page")

    def _let_go(self, row_id: str, why: str) -> None:
        """A row is not a session's any more: what that session does, nobody here hears."""
        room, incarnation = self._by_row.pop(row_id, ("", ""))
        session = self._rooms.get(room, {}).get(incarnation)
        is_told = incarnation in self._lost
        self._lost.discard(incarnation)
        self._phase_since.pop(incarnation, None)
        if session is not None and session.health not in OVER:
            now = self._clock.monotonic()
            if session.health is Health.SUSPECT and not is_told:
                self.on_lost(incarnation)  # nobody will hear here how its silence ends
            self._put(room, replace(session, health=Health.UNKNOWN, since=now, cause=why))
            self.on_room(room)

    def _worker_changed(self, agent: Agent) -> None:
        row_id, beat = agent.agent_id, agent.beat
        self._workers.setdefault(beat.machine or "", set()).add(row_id)
        is_heard = agent.facts.line_broken_at is None and not agent.verdict.status.is_over
        old = self._joining.get(row_id, {})
        now = self._clock.monotonic()
        new = {job.room: old.get(job.room, now - job.age) for job in beat.joining} if is_heard else {}
        self._joining[row_id] = new
        for room in old.keys() ^ new.keys():
            self.on_room(room)
        is_ready, taken = is_heard and beat.takes_jobs is True, (beat.incarnation, _served_by(row_id))
        if not is_ready:
            self._ready.pop(row_id, None)
        elif self._ready.get(row_id) != taken:
            self._ready[row_id] = taken
            self._came_at[taken[1]] = now
            self.on_worker()

    def _session_changed(self, agent: Agent, call: CallFacts) -> None:
        row_id, incarnation = agent.agent_id, agent.beat.incarnation
        known = self._by_row.get(row_id)
        if known is not None and known != (call.room, incarnation):
            self._let_go(row_id, "another process has taken its row over")
        self._by_row[row_id] = (call.room, incarnation)
        now = self._clock.monotonic()
        old = self._rooms.get(call.room, {}).get(incarnation)
        new = self._seen(agent, call, old, now)
        self._tell_lost(agent, new)
        if new == old:
            return
        self._put(call.room, new)
        if old is None:
            self._phase_since[incarnation] = now - call.since
        elif old.phase != new.phase or (new.health is Health.STOPPED and old.health is not Health.STOPPED):
            length = now - self._phase_since.get(incarnation, now)
            self._phase_since[incarnation] = now
            self.on_phase(old, new, length)
        if new.health in OVER:
            self._phase_since.pop(incarnation, None)
        if new.health is Health.STOPPED and (old is None or old.health is not Health.STOPPED):
            # Its last report goes before its goodbye, but the database may have been away for that one.
            self.on_stopped(incarnation, (new.closing or _NO_REASON)[:_LONGEST_REASON])
        if new.health is Health.SUSPECT and (old is None or old.health is not Health.SUSPECT):
            self.on_doubt(agent)
        self.on_room(call.room)

    def _tell_lost(self, agent: Agent, session: SessionSeen) -> None:
        """Tell once that a session is lost: also when it only has been silent for long enough by now."""
        is_silent = session.health is Health.SUSPECT
        if session.health is not Health.GONE and not (
            is_silent and _own_verdict(agent, self._fleet).status is Status.OFFLINE
        ):
            self._lost.discard(session.incarnation)
        elif session.incarnation not in self._lost:
            self._lost.add(session.incarnation)
            self.on_lost(session.incarnation)

    def _put(self, room: str, session: SessionSeen) -> None:
        sessions = self._rooms.setdefault(room, {})
        if session.incarnation not in sessions:
            self._first_seen[room] = self._clock.monotonic()
        sessions[session.incarnation] = session
        while len(sessions) > _PER_ROOM:
            del sessions[next(iter(sessions))]
        self._rooms.move_to_end(room)
        while len(self._rooms) > _ROOMS:
            forgotten, _ = self._rooms.popitem(last=False)
            self._first_seen.pop(forgotten, None)

    def _seen(self, agent: Agent, call: CallFacts, old: SessionSeen | None, now: float) -> SessionSeen:
        beat = agent.beat
        health, cause, is_guess = _health(agent, self._fleet)
        grace_ends_at = None if call.grace_left is None else agent.facts.heard_at + call.grace_left
        known = None if old is None else old.grace_ends_at
        # Told with each beat, so it wavers. Much later, it is another grace period, or one that stood still.
        if known is not None and grace_ends_at is not None and grace_ends_at < known + _WAVERING:
            grace_ends_at = known
        return SessionSeen(
            row_id=beat.agent_id,
            incarnation=beat.incarnation,
            health=health,
            since=old.since if old is not None and old.health is health else now,
            phase=call.phase,
            grace_ends_at=grace_ends_at,
            is_connected=call.is_connected,
            closing=beat.reason if health is Health.STOPPED else call.closing,
            host=beat.host,
            cause=cause,
            is_guess=is_guess,
        )


def _health(agent: Agent, fleet: Fleet) -> tuple[Health, str, bool]:  # noqa: PLR0911  # a list of cases
    """How a session is, why, and whether that is a guess. An operator's forced status does not count here."""
    facts, beat = agent.facts, agent.beat
    if beat.status is Said.STOPPED:
        return Health.STOPPED, beat.reason or "it stopped", False
    if facts.is_restored:
        # Also one that was offline before: it may have been cut off from the registry alone.
        return Health.UNKNOWN, "it has not been heard since the registry started", True
    if facts.gone is not None:
        return Health.GONE, facts.gone, False
    if facts.line_broken_at is not None:
        is_guess = facts.line_end == TIMED_OUT
        return Health.SUSPECT, f"its line broke without a goodbye ({facts.line_end})", is_guess
    verdict = _own_verdict(agent, fleet)
    if verdict.status is Status.OFFLINE:
        return Health.SUSPECT, verdict.cause or "it fell silent", True
    if verdict.status is Status.UNKNOWN:
        return Health.UNKNOWN, verdict.cause or "nobody knows", True
    if lag_class(beat.loop_lag, fleet.limits) >= STALLED:
        return Health.STALLED, "its main loop is blocked", False
    return Health.ALIVE, "", False


def _own_verdict(agent: Agent, fleet: Fleet) -> Verdict:
    """The verdict without what an operator forced."""
    if agent.facts.forced is None:
        return agent.verdict
    return judge(
        replace(agent.facts, forced=None),
        now=fleet.clock.monotonic(),
        limits=fleet.limits,
        is_cut_off=fleet.cut_off_at is not None,
    )


def _served_by(row_id: str) -> str:
    """The one agent whose rooms a worker serves, which is somebody's script; `_EVERY_ONE` for a usual worker.

    Such a worker's row is called ``<worker>/<agent id>`` (`session.own_agent`), and ``…~1a2b`` where another one has
    that name.
    """
    worker, _, served = row_id.partition("~")[0].rpartition("/")
    if not worker:
        return _EVERY_ONE
    try:
        return parse_agent_id(served)
    except AgentIdError:
        return _EVERY_ONE


def _served_for(agent_id: str | None) -> tuple[str, ...]:
    return (_EVERY_ONE,) if agent_id is None else (_EVERY_ONE, agent_id)


def _ignore(_: str) -> None:
    """Nobody listens."""


def _not_told(_: str, __: str) -> None:
    """Nobody listens."""


def _nothing() -> None:
    """Nobody listens."""


def _nobody(_: Agent) -> None:
    """Nobody listens."""


def _no_phase(_: SessionSeen, __: SessionSeen, ___: float) -> None:
    """Nobody listens."""
