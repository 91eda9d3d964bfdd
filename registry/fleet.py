"""All agents, and what happens to them: the truth while the registry runs.

Everything here happens at once, on the event loop, without waiting. What must be durable is handed to the ledger,
and the caller gets a future to wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

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
from registry.records import AgentRow, Forced, Status
from registry.restoring import restored
from registry.settling import LIVE, Settling
from registry.status import PING_TIMEOUT, TIMED_OUT, Limits, judge, offline_at
from wire import Beat, BeatError, Said, check_texts, same_facts


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
        self.is_closing = False
        """The registry ends: lines break now, and that says nothing about agents."""

        self._ledger = ledger
        self._admission = admission
        self._agents: dict[str, Agent] = {}
        self.settling = Settling(self._agents, limits=limits, clock=clock, ledger=ledger, changed=changed)
        self.counts = self.settling.counts
        """Agents by status, those on the page only."""

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
        return self.settling.guard.cut_off_at

    @property
    def away_at(self) -> float | None:
        """When this process last stood still for a while; None = it did not."""
        return self.settling.away_at

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
                return self.settling.still_unsaved(agent)  # a goodbye told twice
            raise _stopped(beat)
        if line is not agent.line and line is not None:
            agent.line = line
            agent.is_calm = False
        if beat.sequence <= old.sequence and not facts.is_restored:
            return self.settling.still_unsaved(agent)  # late: a newer one was here before
        return self._take_next(agent, beat, now)

    def renew(self, beat: Beat) -> bool:
        """Take a beat that came by a plain request, if all it says is that its agent is still there.

        Returns:
            Whether it was taken; if not, nothing has happened, and it is for `take`.
        """
        agent = self._agents.get(beat.agent_id)
        if agent is None or agent.unsaved is not None or agent.orders:
            return False
        old = agent.facts.beat
        if beat.incarnation != old.incarnation or beat.sequence <= old.sequence:
            return False
        return self._touch(agent, beat, self.clock.monotonic())

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
            self.settling.settle(agent, by="registry")
            self.settling.consider_silence(agent)
        self.changed(agent_id)

    # -- what operators and their tools say

    def force(self, agent: Agent, forced: Forced | None, *, by: str, reason: str) -> asyncio.Future[None]:
        """Set an agent's status against its own beats, or, with None, let its own count again."""
        agent.facts.forced = forced
        word = "unlocked" if forced is None else "forced"
        return self.settling.settle(agent, by=by, because=f"{word} by {by}: {reason}", note=True)

    def tell_gone(self, agent: Agent, *, cause: str, by: str) -> asyncio.Future[None]:
        """The agent's process is known to be gone."""
        agent.facts.gone = cause
        return self.settling.settle(agent, by=by)

    def tell_present(self, agent: Agent, *, by: str) -> asyncio.Future[None]:
        """The agent's process is there after all. What it does is for its beats to say."""
        agent.facts.gone = None
        return self.settling.settle(agent, by=by)

    def tell_inactive(self, agent: Agent, *, cause: str | None, by: str) -> asyncio.Future[None]:
        """The agent is known to do nothing; None = it does something again."""
        agent.facts.inactive = cause
        return self.settling.settle(agent, by=by)

    def note(self, agent: Agent, reason: str, *, by: str) -> None:
        """Write into the agent's history what changed nothing."""
        status = agent.verdict.status
        self._ledger.note(self.settling.change(agent, before=status, reason=reason, by=by))

    def remove(self, agent: Agent, *, by: str, reason: str, even_alive: bool) -> asyncio.Future[None]:
        """Take an agent off the page and out of the database, but for its history. A living one comes back.

        Raises:
            AliveError: It is alive, and that was not said to be right.
        """
        if agent.verdict.status in LIVE and not even_alive:
            raise AliveError(
                f"agent {agent.agent_id[:80]!r} is {agent.verdict.status.value}: stop it first, or ask with force"
            )
        before = agent.verdict.status
        self.settling.bury(agent)
        return self._ledger.remove(
            agent.agent_id,
            self.settling.change(agent, before=before, reason=f"removed by {by}: {reason}", by=by),
        )

    # -- the registry's own life

    def restore(self, rows: Iterable[AgentRow]) -> None:
        """Take over what the database knows, at the start."""
        for row in rows:
            agent = restored(row, clock=self.clock, limits=self.limits)
            if agent is None:
                self.settling.graves.add(row.beat)
                continue
            self._agents[row.agent_id] = agent
            self.counts[agent.verdict.status] += 1
            self.settling.schedule(agent)

    def leave_to_others(self, heard: Mapping[str, datetime]) -> int:
        """Forget agents of before the start that beat to another registry on the same database.

        Args:
            heard: Dates of their last beats, as the database knows them by now.

        Returns:
            How many.
        """
        others = [
            agent
            for agent_id, at in heard.items()
            if (agent := self._agents.get(agent_id)) is not None
            and agent.facts.is_restored
            and agent.restored_at is not None
            and at > agent.restored_at  # both are the other registry's words: no two clocks are compared
        ]
        for agent in others:
            self.settling.bury(agent)
        return len(others)

    # -- inside

    def _welcome(self, beat: Beat, now: float, source: str, line: Line | None) -> asyncio.Future[None]:
        if self.settling.graves.holds(beat):
            raise _stopped(beat)
        _check(beat)
        wait = self._admission.admit(source, now=now)
        if wait is not None:
            raise TooManyError(
                f"{source} has brought in too many new agents; try again in {wait:.0f} s, or raise REGISTRY_NEW_AGENTS",
                retry_after=round(wait, 1),
            )
        self.settling.graves.forget(beat.agent_id)
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
        if agent.verdict.status.is_over:
            agent.over_at = now  # a process so short that its goodbye came first
        self._agents[beat.agent_id] = agent
        self.counts[agent.verdict.status] += 1
        return self.settling.record(
            agent, before=None, by="agent", because=None if agent.verdict.status.is_over else "first seen"
        )

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
        self.settling.heard(agent)
        agent.facts = first_facts(beat, now=now, forced=agent.facts.forced)
        agent.line = line
        agent.orders.clear()
        return self.settling.settle(agent, by="agent", because=_succession(old, beat), note=True)

    def _touch(self, agent: Agent, beat: Beat, now: float) -> bool:
        """Take a beat that says nothing new. Returns whether it does; if not, nothing has happened."""
        facts = agent.facts
        if not agent.is_calm or not says_nothing_new(facts, beat, now=now, limits=self.limits):
            return False
        facts.beat = beat
        facts.heard_at = now
        if agent.unsaved is None:
            self._ledger.touch(beat.agent_id)
        return True

    def _take_next(self, agent: Agent, beat: Beat, now: float) -> asyncio.Future[None] | None:
        """A beat of the process that is known."""
        if self._touch(agent, beat, now):
            return self.settling.still_unsaved(agent)
        facts = agent.facts
        is_new = facts.is_restored or not same_facts(facts.beat, beat)
        if is_new:
            _check(beat)
        self.settling.heard(agent)
        in_doubt = (
            facts.line_broken_at is not None
            or facts.gone is not None
            or now >= offline_at(facts, self.limits)
        )
        renew(facts, beat, now=now, in_doubt=in_doubt, limits=self.limits)
        self.settling.settle(agent, by="agent", is_new=is_new)
        return self.settling.still_unsaved(agent)


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
