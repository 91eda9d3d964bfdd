"""Judges agents when something has come of them, or when nothing has, and lets everybody know what has changed."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable

from registry.agents import Agent
from registry.clock import Clock
from registry.graves import Graves
from registry.ledger import Ledger
from registry.reaper import Reaper
from registry.records import Change, Status
from registry.silence import LONGEST, SilenceGuard
from registry.status import Limits, Verdict, judge, late_after, offline_at
from wire import Beat

logger = logging.getLogger(__name__)

RECONNECT_GRACE = 35.0
"""Seconds from the end of a cut until an agent that is still silent counts as offline."""

AGENT = "agent"
"""Who changed something, in the history: the agent itself."""

LIVE = (Status.STARTING, Status.RUNNING, Status.WARNING, Status.ERROR)


class Settling:
    """What follows from facts: verdicts, rows, history, deadlines.

    Args:
        agents: The fleet's, by id. Those that leave the page are taken out of it.
        limits: Of their status.
        clock: The registry's.
        ledger: Where they are written down.
        changed: Called with the id of each agent of which a page would show something else now.
    """

    def __init__(
        self,
        agents: dict[str, Agent],
        *,
        limits: Limits,
        clock: Clock,
        ledger: Ledger,
        changed: Callable[[str], None],
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.changed = changed
        self.counts: Counter[Status] = Counter()
        """Agents by status, those on the page only."""

        self.away_at: float | None = None
        """When this process last stood still for a while."""

        self.lags: Callable[[float], None] = lambda _: None
        """Told how late each agent was found silent, in seconds."""

        self.graves = Graves()
        self.guard = SilenceGuard(window=limits.ttl)
        self.reaper = Reaper(due=self._due, was_away=self._was_away, clock=clock.monotonic)
        self._agents = agents
        self._ledger = ledger

    def settle(
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
            return self.record(agent, before=before, by=by, because=because)
        if is_new or _differs(old, verdict):
            agent.updated_at = self.clock.utc()
            self._ready(agent)
            self.changed(agent.agent_id)
            if is_new or old.is_late is verdict.is_late:
                return self._save(agent, None, by=by)
            return _nothing()  # being late comes and goes with each beat; the database need not know
        self._ready(agent)
        self._ledger.touch(agent.agent_id)
        return _nothing()

    def record(
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
        change = self.change(agent, before=before, reason=reason, by=by)
        return self._save(agent, change, by=by)

    def _save(self, agent: Agent, change: Change | None, *, by: str) -> asyncio.Future[None]:
        future = self._ledger.save(agent.agent_id, lambda: agent.row(self.clock), change)
        if by == AGENT:
            agent.unsaved = future  # what the registry itself has found out, no beat has to wait for
        return future

    def still_unsaved(self, agent: Agent) -> asyncio.Future[None] | None:
        """What the acknowledgement of a beat without news has to wait for: the news in an earlier one."""
        future = agent.unsaved
        if future is None or not future.done():
            return future
        if future.cancelled() or future.exception() is not None:
            return self._save(agent, None, by=AGENT)
        agent.unsaved = None
        self._ledger.touch(agent.agent_id)
        return None

    def change(self, agent: Agent, *, before: Status | None, reason: str, by: str) -> Change:
        """A row of the history of an agent as it is now."""
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
        self.schedule(agent)

    def schedule(self, agent: Agent) -> None:
        """See to it that it is looked at when its verdict may change."""
        at = agent.verdict.due_at if agent.over_at is None else agent.over_at + self.limits.visible
        # An entry that comes up too early puts itself right; only an earlier one has to be made.
        if at < agent.scheduled_at:
            agent.scheduled_at = at
            self.reaper.schedule(agent.agent_id, at)

    def _due(self, agent_id: str, now: float) -> None:
        agent = self._agents.get(agent_id)
        if agent is None:
            return
        if now < agent.scheduled_at:
            return  # an entry that an earlier one has replaced
        agent.scheduled_at = math.inf
        if agent.over_at is not None:
            self._due_over(agent, agent.over_at, now)
            return
        facts = agent.facts
        late_at = facts.heard_at + late_after(facts.beat, self.limits)
        if agent.is_calm and now < late_at and facts.error_at is None and not _is_alone(facts.beat):
            agent.scheduled_at = late_at
            self.reaper.schedule(agent_id, late_at)
            return
        self.settle(agent, by="registry", is_new=False)
        if agent.verdict.is_silent and not facts.is_restored:
            self.lags(self.clock.monotonic() - offline_at(facts, self.limits))
        self.consider_silence(agent)

    def consider_silence(self, agent: Agent) -> None:
        """See whether an agent that has just been judged silent is one of too many."""
        verdict = agent.verdict
        is_hidden = verdict.status is Status.UNKNOWN and self._is_cut_off
        if verdict.is_silent or is_hidden:
            now = self.clock.monotonic()
            self.guard.fell_silent(agent.agent_id, now=now)
            self._look_at_silence(now)

    def _due_over(self, agent: Agent, over_at: float, now: float) -> None:
        """An agent that is over leaves the page after a while, unless an operator holds it there."""
        leaves_at = over_at + self.limits.visible
        if now < leaves_at:
            self.schedule(agent)
        elif agent.facts.forced is None:
            self.bury(agent)
        else:
            agent.scheduled_at = now + self.limits.visible
            self.reaper.schedule(agent.agent_id, agent.scheduled_at)

    def heard(self, agent: Agent) -> None:
        """An agent is not silent any more."""
        self.guard.heard(agent.agent_id)
        if self.guard.cut_off_at is not None:
            self._look_at_silence(self.clock.monotonic())

    @property
    def _is_cut_off(self) -> bool:
        return self.guard.cut_off_at is not None

    def _look_at_silence(self, now: float) -> None:
        n_live = sum(self.counts[status] for status in LIVE)
        cut_off_at = self.guard.cut_off_at
        is_longest = cut_off_at is not None and now >= cut_off_at + LONGEST
        if not self.guard.look(n_live=n_live, now=now):
            return
        silent = [self._agents[agent_id] for agent_id in self.guard.silent if agent_id in self._agents]
        if self._is_cut_off:
            logger.warning(
                "many agents fell silent at once; the registry may be cut off and calls none of them offline",
                extra={"action": "registry.cut_off", "silent": len(silent), "live": n_live},
            )
        else:
            self.guard.forget()
            if not is_longest:
                for agent in silent:
                    # Its sender may pause for long between two tries.
                    agent.facts.line_broken_at = None
                    agent.facts.excused_until = now + RECONNECT_GRACE
            logger.info("agents are heard again", extra={"action": "registry.reconnected", "live": n_live})
        for agent in silent:
            self.settle(agent, by="registry", is_new=False)

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

    def bury(self, agent: Agent) -> None:
        """Take an agent off the page. May be called twice."""
        agent_id = agent.agent_id
        if self._agents.pop(agent_id, None) is None:
            return
        self.counts[agent.verdict.status] -= 1
        self.guard.heard(agent_id)
        if agent.verdict.status is Status.STOPPED:
            self.graves.add(agent.beat)
        self.changed(agent_id)


def _is_alone(beat: Beat) -> bool:
    """Whether its grace period has an end that must be looked at."""
    return beat.call is not None and beat.call.grace_left is not None


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
