"""All agents, and what happens to them: the truth while the registry runs.

Everything here happens at once, on the event loop, without waiting. What must be durable is handed to the ledger,
and the caller gets a future to wait for.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator

from registry.admission import Admission
from registry.agents import Agent, Line
from registry.clock import Clock
from registry.errors import (
    AliveError,
    BadBeatError,
    StoppedError,
    SupersededError,
    TooManyError,
    UnknownAgentError,
)
from registry.facts import first_facts, renew, says_nothing_new
from registry.ledger import Ledger
from registry.reaper import Reaper
from registry.records import AgentRow, Change, Forced, Status
from registry.restoring import restored
from registry.silence import SilenceGuard
from registry.status import TIMED_OUT, Limits, Verdict, judge, late_after, offline_at
from wire import Beat, BeatError, Said, check_texts, same_facts

logger = logging.getLogger(__name__)

_N_GRAVES = 20_000
"""Agents that left the page and whose last incarnation is remembered: it must not come back."""

_LIVE = (Status.STARTING, Status.RUNNING, Status.WARNING, Status.ERROR)

PING_TIMEOUT = 4.0
"""Seconds until a ping on a line counts as unanswered: a line that timed out has been silent for as long."""


class Fleet:
    """The agents, by id.

    Args:
        limits: Of their status.
        clock: The registry's.
        ledger: Where they are written down.
        admission: Who may bring in how many.
        changed: Called with the id of each agent of which a page would show something else now.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        clock: Clock,
        ledger: Ledger,
        admission: Admission,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.changed = changed
        self.started_at = clock.monotonic()
        self.counts: Counter[Status] = Counter()
        """Agents by status, those on the page only."""

        self.is_closing = False
        """The registry ends: lines break now, and that says nothing about agents."""

        self.away_at: float | None = None
        """When this process last stood still for a while."""

        self.lags: Callable[[float], None] = lambda _: None
        """Told how late each agent was found silent, in seconds."""

        self._ledger = ledger
        self._admission = admission
        self._agents: dict[str, Agent] = {}
        self._graves: OrderedDict[str, str] = OrderedDict()
        self._guard = SilenceGuard(window=limits.ttl)
        self.reaper = Reaper(due=self._due, was_away=self._was_away, clock=clock.monotonic)

    # -- looking

    def __len__(self) -> int:
        return len(self._agents)

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._agents.values())

    def get(self, agent_id: str) -> Agent:
        """The agent.

        Raises:
            UnknownAgentError: There is none, or not any more.
        """
        agent = self._agents.get(agent_id)
        if agent is None:
            raise UnknownAgentError(
                f"no agent {agent_id[:80]!r} is known here; `GET /api/agents` lists those that are"
            )
        return agent

    def find(self, agent_id: str) -> Agent | None:
        return self._agents.get(agent_id)

    @property
    def cut_off_at(self) -> float | None:
        """Since when the registry suspects that it is cut off itself; None = it does not."""
        return self._guard.cut_off_at

    @property
    def n_waiting(self) -> int:
        """Agents known from before the registry started that it still waits for."""
        if self.clock.monotonic() >= self.started_at + self.limits.restart_grace:
            return 0
        return sum(agent.facts.is_restored and agent.verdict.status is Status.UNKNOWN for agent in self)

    # -- what agents say

    def take(self, beat: Beat, *, source: str, line: Line | None = None) -> asyncio.Future[None] | None:
        """Take a beat.

        Args:
            source: Address that it came from.
            line: The line it came on; None = a plain request.

        Returns:
            What to wait for before it is acknowledged; None = nothing new is in it.

        Raises:
            SupersededError: Another incarnation has taken the id over.
            StoppedError: This incarnation has said goodbye.
            TooManyError: `source` has brought in too many new agents.
            BadBeatError: A text that cannot be kept.
        """
        agent = self._agents.get(beat.agent_id)
        now = self.clock.monotonic()
        if agent is None:
            return self._welcome(beat, now, source, line)
        facts = agent.facts
        old = facts.beat
        if beat.incarnation != old.incarnation:
            return self._succeed(agent, beat, now, line)
        if old.status is Said.STOPPED:
            if beat.status is Said.STOPPED:
                return None  # a goodbye told twice
            raise _stopped(beat)
        if line is not agent.line and line is not None:
            agent.line = line
            agent.is_calm = False
        if beat.sequence <= old.sequence and not facts.is_restored:
            return None  # late: a newer one was here before
        if agent.is_calm and says_nothing_new(facts, beat, now=now, limits=self.limits):
            facts.beat = beat
            facts.heard_at = now
            self._ledger.touch(beat.agent_id)
            return None
        return self._renew(agent, beat, now)

    def line_closed(self, agent_id: str, line: Line, how: str) -> None:
        """A line has ended.

        Args:
            how: In words; `status.TIMED_OUT` when pings were not answered.
        """
        agent = self._agents.get(agent_id)
        if agent is None or agent.line is not line:
            return  # it has opened another one already
        agent.line = None
        if self.is_closing:
            return
        facts = agent.facts
        if facts.beat.status is not Said.STOPPED:
            now = self.clock.monotonic()
            facts.line_broken_at = now - PING_TIMEOUT if how == TIMED_OUT else now
            facts.line_end = how
            self._settle(agent, by="registry")
        self.changed(agent_id)

    # -- what operators and their tools say

    def force(self, agent: Agent, forced: Forced | None, *, by: str, reason: str) -> asyncio.Future[None]:
        """Set an agent's status against its own beats, or, with None, let its own count again."""
        agent.facts.forced = forced
        word = "unlocked" if forced is None else "forced"
        return self._settle(agent, by=by, because=f"{word} by {by}: {reason}", note=True)

    def tell_gone(self, agent: Agent, *, cause: str, by: str) -> asyncio.Future[None]:
        """The agent's process is known to be gone."""
        agent.facts.gone = cause
        return self._settle(agent, by=by)

    def tell_present(self, agent: Agent, *, by: str) -> asyncio.Future[None]:
        """The agent's process is there after all. What it does is for its beats to say."""
        agent.facts.gone = None
        return self._settle(agent, by=by)

    def tell_inactive(self, agent: Agent, *, cause: str | None, by: str) -> asyncio.Future[None]:
        """The agent is known to do nothing; None = it does something again."""
        agent.facts.inactive = cause
        return self._settle(agent, by=by)

    def note(self, agent: Agent, reason: str, *, by: str) -> None:
        """Write into the agent's history what changed nothing."""
        status = agent.verdict.status
        self._ledger.note(self._change(agent, before=status, reason=reason, by=by))

    def remove(self, agent: Agent, *, by: str, reason: str, even_alive: bool) -> asyncio.Future[None]:
        """Take an agent off the page and out of the database, but for its history. A living one comes back.

        Raises:
            AliveError: It is alive, and that was not said to be right.
        """
        if agent.verdict.status in _LIVE and not even_alive:
            raise AliveError(
                f"agent {agent.agent_id[:80]!r} is {agent.verdict.status.value}: stop it first, or ask with force"
            )
        before = agent.verdict.status
        self._bury(agent)
        return self._ledger.remove(
            agent.agent_id, self._change(agent, before=before, reason=f"removed by {by}: {reason}", by=by)
        )

    # -- the registry's own life

    def restore(self, rows: Iterable[AgentRow]) -> None:
        """Take over what the database knows, at the start."""
        for row in rows:
            agent = restored(row, clock=self.clock, limits=self.limits)
            if agent is None:
                self._remember_grave(row.agent_id, row.beat)
                continue
            self._agents[row.agent_id] = agent
            self.counts[agent.verdict.status] += 1
            self._schedule(agent)

    # -- inside

    def _welcome(self, beat: Beat, now: float, source: str, line: Line | None) -> asyncio.Future[None]:
        if self._graves.get(beat.agent_id) == beat.incarnation:
            raise _stopped(beat)
        _check(beat)
        wait = self._admission.admit(source, now=now)
        if wait is not None:
            raise TooManyError(
                f"{source} has brought in too many new agents; try again in {wait:.0f} s, or raise REGISTRY_NEW_AGENTS",
                retry_after=round(wait, 1),
            )
        self._graves.pop(beat.agent_id, None)
        date = self.clock.utc()
        facts = first_facts(beat, now=now)
        agent = Agent(
            facts=facts,
            verdict=judge(facts, now=now, limits=self.limits),
            first_seen_at=date,
            status_since=date,
            updated_at=date,
            line=line,
        )
        self._agents[beat.agent_id] = agent
        self.counts[agent.verdict.status] += 1
        return self._record(agent, before=None, by="agent", because="first seen")

    def _succeed(
        self, agent: Agent, beat: Beat, now: float, line: Line | None
    ) -> asyncio.Future[None] | None:
        """A new process takes an id over."""
        if beat.incarnation in agent.past:
            raise SupersededError(
                f"another process ({agent.beat.process_id or 'unnamed'} on {agent.beat.host or 'an unnamed host'}) "
                f"has the id {beat.agent_id[:80]!r} now"
            )
        _check(beat)
        old = agent.beat
        agent.past.append(old.incarnation)
        self._heard(agent)
        agent.facts = first_facts(beat, now=now, forced=agent.facts.forced)
        agent.line = line
        agent.orders.clear()
        return self._settle(agent, by="agent", because=_succession(old, beat), note=True)

    def _renew(self, agent: Agent, beat: Beat, now: float) -> asyncio.Future[None] | None:
        """A beat that says something new, or that is the first after trouble."""
        facts = agent.facts
        is_new = facts.is_restored or not same_facts(facts.beat, beat)
        if is_new:
            _check(beat)
        self._heard(agent)
        in_doubt = agent.verdict.is_suspect or agent.verdict.status is Status.OFFLINE
        renew(facts, beat, now=now, in_doubt=in_doubt, limits=self.limits)
        future = self._settle(agent, by="agent", is_new=is_new)
        return future if is_new else None

    def _settle(
        self, agent: Agent, *, by: str, because: str | None = None, note: bool = False, is_new: bool = True
    ) -> asyncio.Future[None]:
        """Judge an agent anew, and see to it that everybody hears what has changed.

        Args:
            because: What stands in the history; None = the verdict's own words.
            note: Write into the history even if the status is the same.
            is_new: The facts differ from what is written down.
        """
        now = self.clock.monotonic()
        before, old = agent.verdict.status, agent.verdict
        verdict = judge(agent.facts, now=now, limits=self.limits, is_cut_off=self._is_cut_off)
        agent.verdict = verdict
        if verdict.status is not before:
            self.counts[before] -= 1
            self.counts[verdict.status] += 1
        if verdict.status.is_over:
            if not before.is_over or agent.over_at is None:
                agent.over_at = now
        else:
            agent.over_at = None
        is_changed = verdict.status is not before
        if is_changed or note:
            return self._record(agent, before=before, by=by, because=because)
        if is_new or _differs(old, verdict):
            agent.updated_at = self.clock.utc()
            self._ready(agent)
            self.changed(agent.agent_id)
            return self._ledger.save(agent.agent_id, lambda: agent.row(self.clock), None)
        self._ready(agent)
        self._ledger.touch(agent.agent_id)
        return _nothing()

    def _record(
        self, agent: Agent, *, before: Status | None, by: str, because: str | None
    ) -> asyncio.Future[None]:
        """Write down a change of status, and tell it."""
        date = self.clock.utc()
        agent.updated_at = date
        if before is not agent.verdict.status:
            agent.status_since = date
        self._ready(agent)
        self.changed(agent.agent_id)
        reason = because if because is not None else _words(agent.verdict, agent.beat)
        change = self._change(agent, before=before, reason=reason, by=by)
        return self._ledger.save(agent.agent_id, lambda: agent.row(self.clock), change)

    def _change(self, agent: Agent, *, before: Status | None, reason: str, by: str) -> Change:
        return Change(
            at=self.clock.utc(),
            agent_id=agent.agent_id,
            incarnation=agent.beat.incarnation,
            before=before,
            after=agent.verdict.status,
            health=agent.verdict.health,
            reason=reason[:2_000],
            by=by,
        )

    def _ready(self, agent: Agent) -> None:
        """Prepare for the next beat and the next moment that counts."""
        facts = agent.facts
        late_at = facts.heard_at + late_after(facts.beat, self.limits)
        agent.is_calm = not (
            facts.is_doubted
            or facts.is_restored
            or facts.line_broken_at is not None
            or facts.gone is not None
            or facts.inactive is not None
            or agent.verdict.status.is_over
            or self.clock.monotonic() >= late_at
        )
        self._schedule(agent)

    def _schedule(self, agent: Agent) -> None:
        at = agent.verdict.due_at if agent.over_at is None else agent.over_at + self.limits.visible
        # An entry that comes up too early puts itself right; only an earlier one has to be made.
        if at != float("inf") and (agent.scheduled_at == 0.0 or at < agent.scheduled_at):
            agent.scheduled_at = at
            self.reaper.schedule(agent.agent_id, at)

    def _due(self, agent_id: str, now: float) -> None:
        agent = self._agents.get(agent_id)
        if agent is None:
            return
        if now < agent.scheduled_at:
            return  # an entry that an earlier one has replaced
        agent.scheduled_at = 0.0
        if agent.over_at is not None:
            if now >= agent.over_at + self.limits.visible and agent.facts.forced is None:
                self._bury(agent)
            else:
                self._schedule(agent)
            return
        facts = agent.facts
        late_at = facts.heard_at + late_after(facts.beat, self.limits)
        if agent.is_calm and now < late_at and facts.error_at is None and facts.beat.call is None:
            agent.scheduled_at = late_at
            self.reaper.schedule(agent_id, late_at)
            return
        is_restored = facts.is_restored
        self._settle(agent, by="registry", is_new=False)
        if agent.verdict.is_silent:
            self.lags(self.clock.monotonic() - offline_at(facts, self.limits))
        if not is_restored and (agent.verdict.is_silent or agent.verdict.status is Status.UNKNOWN):
            self._guard.fell_silent(agent_id, now=now)
            self._look_at_silence(now)

    def _heard(self, agent: Agent) -> None:
        self._guard.heard(agent.agent_id)
        if self._guard.cut_off_at is not None:
            self._look_at_silence(self.clock.monotonic())

    @property
    def _is_cut_off(self) -> bool:
        return self._guard.cut_off_at is not None

    def _look_at_silence(self, now: float) -> None:
        n_live = sum(self.counts[status] for status in _LIVE)
        if not self._guard.look(n_live=n_live, now=now):
            return
        silent = [self._agents[agent_id] for agent_id in self._guard.silent if agent_id in self._agents]
        if self._is_cut_off:
            logger.warning(
                "many agents fell silent at once; the registry may be cut off and calls none of them offline",
                extra={"action": "registry.cut_off", "silent": len(silent), "live": n_live},
            )
        else:
            self._guard.forget()
            logger.info("agents are heard again", extra={"action": "registry.reconnected", "live": n_live})
        for agent in silent:
            self._settle(agent, by="registry", is_new=False)

    def _was_away(self, seconds: float) -> None:
        """This process stood still: what it did not hear in that time says nothing about the agents."""
        logger.warning(
            "the registry stood still; all agents get that time again",
            extra={"action": "registry.away", "seconds": round(seconds, 1)},
        )
        self.away_at = self.clock.monotonic()
        for agent in self._agents.values():
            if agent.over_at is None:
                agent.facts.heard_at += seconds
                if agent.facts.line_broken_at is not None:
                    agent.facts.line_broken_at += seconds

    def _bury(self, agent: Agent) -> None:
        agent_id = agent.agent_id
        if self._agents.pop(agent_id, None) is None:
            return
        self.counts[agent.verdict.status] -= 1
        self._guard.heard(agent_id)
        if agent.verdict.status is Status.STOPPED:
            self._remember_grave(agent_id, agent.beat)
        self.changed(agent_id)

    def _remember_grave(self, agent_id: str, beat: Beat) -> None:
        if beat.status is Said.STOPPED:
            self._graves[agent_id] = beat.incarnation
            if len(self._graves) > _N_GRAVES:
                self._graves.popitem(last=False)


def _check(beat: Beat) -> None:
    try:
        check_texts(beat)
    except BeatError as error:
        raise BadBeatError(str(error)) from error


def _stopped(beat: Beat) -> StoppedError:
    return StoppedError(
        f"agent {beat.agent_id[:80]!r} has said goodbye in this incarnation; a new process needs a new one"
    )


def _succession(old: Beat, new: Beat) -> str:
    if new.process_id is None:
        return "another process has taken over"
    return f"process {new.process_id} has taken over from {old.process_id or 'another one'}"


def _differs(old: Verdict, new: Verdict) -> bool:
    return (old.health, old.reasons, old.cause) != (new.health, new.reasons, new.cause)


def _words(verdict: Verdict, beat: Beat) -> str:
    if verdict.cause:
        return verdict.cause
    if verdict.reasons:
        return "; ".join(reason.text for reason in verdict.reasons)
    return beat.reason or f"it says that it is {verdict.status.value}"


def _nothing() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
