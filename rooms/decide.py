"""What to do about a room: at most one thing. Pure.

Rule: every judgement about rooms lives here and in `judging`. `observe` builds the picture, `act` carries out what is
decided, after looking again.

    a human, no agent ──2 s──► dispatch ──5 s──► again, three times ──► red, and again now and then
    an agent in doubt ──► ask it through LiveKit ──no answer, or its process is gone──► recover: remove it, dispatch
    two agents ──► the younger is asked to leave, then removed
    an agent alone past its grace ──► asked to leave, then removed
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rooms.judging import Judged, State, judge
from rooms.limits import KeepLimits
from rooms.picture import Health, Picture, RoomSeen, SessionSeen


class Act(enum.Enum):
    NOTHING = "nothing"  # all is well, or it is not time yet
    ASK = "ask"  # ask agents through LiveKit whether they live
    DISPATCH = "dispatch"  # ask LiveKit for an agent
    RECOVER = "recover"  # remove dead agents, and dispatch a successor if somebody is there
    ASK_TO_LEAVE = "ask_to_leave"  # ask an agent to leave by itself
    REMOVE = "remove"  # remove an agent that does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    act: Act
    why: str
    """For people: what was seen, in one sentence."""

    identities: tuple[str, ...] = ()
    """Agents that it is about."""

    resumes: str | None = None
    """Incarnation whose conversation the new agent goes on with."""

    reason: str = ""
    """Told to an agent that is asked to leave: `operator`, `duplicate` or `alone`."""

    look_at: float = math.inf
    """When the decision may be another one although nothing happens; infinite = never."""

    trouble: str | None = None
    """Why a human has been without an agent for too long; None = none has."""

    is_guess: bool = False
    """It rests on silence alone, which is also how a broken network looks."""


_FOR_GOOD = {
    "operator": "an operator asked its agent to leave",
    "max_session": "its agent was here for as long as a call may last",
}
"""Close reasons after which nobody comes for the humans of that call, and what is said of it then."""

_UNRESUMED = frozenset({"humans_left", "never_joined", "duplicate", "max_session", "operator"})
"""Close reasons after which nobody goes on with the conversation: it had come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look at a room that LiveKit lists."""

    picture: Picture
    room: RoomSeen
    agents: Sequence[Judged]
    now: float
    limits: KeepLimits

    def of(self, *states: State) -> list[Judged]:
        """Its agents in one of these states, the eldest first."""
        return sorted((one for one in self.agents if one.state in states), key=_order)

    def wait(self, why: str, *moments: float) -> Decision:
        """Do nothing until the earliest of `moments`, or until an agent's judgement may change."""
        leaving = [at for at in _leaving_until(self) if at > self.now]
        look_at = min([*moments, *leaving, *(one.due_at for one in self.agents)], default=math.inf)
        return Decision(act=Act.NOTHING, why=why, look_at=look_at)


def decide(picture: Picture, *, now: float, limits: KeepLimits) -> Decision:
    """What to do about a room now."""
    room = picture.room
    if room is None:
        return Decision(act=Act.NOTHING, why="LiveKit has no such room")
    if picture.agent_id is None and not any(agent.is_ours for agent in room.agents):
        return Decision(act=Act.NOTHING, why="no agent of ours belongs into a room of this name")
    agents = tuple(judge(agent, picture, now=now, limits=limits) for agent in room.agents)
    look = _Look(picture=picture, room=room, agents=agents, now=now, limits=limits)
    decision = _decide(look)
    return replace(decision, trouble=_trouble(look), look_at=min(decision.look_at, _trouble_at(look)))


def lacks_agent(picture: Picture, *, now: float, limits: KeepLimits) -> bool:
    """Whether somebody who comes into a room now would find no agent of ours there, and none on its way.

    Not so in a room that an operator closed: none is to come. Of one that is dead or in doubt, `decide` takes care.
    """
    if picture.closure is not None:
        return False
    ours = [] if picture.room is None else [agent for agent in picture.room.agents if agent.is_ours]
    states = [judge(agent, picture, now=now, limits=limits).state for agent in ours]
    if any(state is not State.LEAVING for state in states):
        return False
    is_joining = picture.joining_since is not None and now < picture.joining_since + limits.joining_timeout
    return not is_joining and not _is_asked_for(picture, now=now, limits=limits)


def _is_asked_for(picture: Picture, *, now: float, limits: KeepLimits) -> bool:
    """One was asked for a moment ago, and need not be there yet."""
    return bool(picture.attempts.n) and now < picture.attempts.last_at + limits.dispatch_timeout


def _decide(look: _Look) -> Decision:
    if dead := look.of(State.DEAD):
        # Those that were seen to end first: nothing holds them back.
        return _about_dead([one for one in dead if not one.is_guess] or dead, look)
    if doubted := look.of(State.DOUBTED):
        return Decision(act=Act.ASK, why=_said(doubted), identities=_identities(doubted))
    closure = look.picture.closure
    if closure is not None and (unwanted := look.of(State.WELL, State.UNSURE)):
        why = f"the room was closed by {closure.by}: {closure.reason}"
        return _send_away(unwanted[-1], look, why=why, reason="operator")
    if stuck := [one for one in look.of(State.LEAVING) if _is_stuck(one, look)]:
        why = f"{stuck[0].agent.identity} has said goodbye and is still in the room"
        return Decision(act=Act.REMOVE, why=why, identities=_identities(stuck))
    well = look.of(State.WELL)
    if len(well) > 1:
        return _about_duplicates(well, look)
    return _about_humans(look) if look.room.humans else _about_empty(well, look)


def _about_dead(dead: Sequence[Judged], look: _Look) -> Decision:
    """Agents that are known to be dead are removed, so that there are never two; then a successor comes."""
    others = [one for one in look.agents if one not in dead and one.state is not State.LEAVING]
    last = dead[-1]
    closing = None if last.session is None else last.session.closing
    # One that was asked for is on its way, though a dead one is still, or again, on the list.
    is_coming = _is_asked_for(look.picture, now=look.now, limits=look.limits)
    is_wanted = (
        bool(look.room.humans)
        and not others
        and not is_coming
        and closing not in _FOR_GOOD
        and look.picture.closure is None
        and look.now >= _rests_until(look)
    )
    return Decision(
        act=Act.RECOVER if is_wanted else Act.REMOVE,
        why=_said(dead),
        identities=_identities(dead),
        resumes=last.agent.incarnation if is_wanted and closing not in _UNRESUMED else None,
        is_guess=all(one.is_guess for one in dead),
    )


def _is_stuck(one: Judged, look: _Look) -> bool:
    """It has been leaving for longer than leaving takes."""
    session = one.session
    return (
        session is not None
        and session.health is Health.STOPPED
        and look.now >= session.since + look.limits.leaving
    )


def _about_duplicates(well: Sequence[Judged], look: _Look) -> Decision:
    younger = well[-1]
    due_at = younger.agent.first_seen_at + look.limits.duplicates
    why = f"{len(well)} agents are in the room; {younger.agent.identity} came last"
    if look.now < due_at:
        return look.wait(f"{why} and leaves by itself", due_at)
    return _send_away(younger, look, why=why, reason="duplicate")


def _send_away(one: Judged, look: _Look, *, why: str, reason: str) -> Decision:
    """Ask an agent to leave; remove it if it does not."""
    identity = one.agent.identity
    told_at = look.picture.told_to_leave.get(identity)
    if told_at is None:
        return Decision(act=Act.ASK_TO_LEAVE, why=why, identities=(identity,), reason=reason)
    due_at = told_at + look.limits.obeying
    if look.now < due_at:
        return look.wait(f"{why}; {identity} was asked to leave", due_at)
    return Decision(act=Act.REMOVE, why=f"{why}; {identity} did not leave when asked", identities=(identity,))


def _about_empty(well: Sequence[Judged], look: _Look) -> Decision:
    """Nobody human is there: agents leave by themselves, unless that fails."""
    due = []
    for one in well:
        if one.session is None or one.session.grace_ends_at is None:
            continue
        due_at = one.session.grace_ends_at + look.limits.alone
        if look.now >= due_at:
            why = f"{one.agent.identity} is alone, and past its grace period"
            return _send_away(one, look, why=why, reason="alone")
        due.append(due_at)
    return look.wait(
        f"no human is there; {_said(look.agents)}" if look.agents else "nobody is there",
        *due,
    )


def _about_humans(look: _Look) -> Decision:
    """Somebody is there, and no agent is dead or in doubt."""
    if present := look.of(State.WELL, State.FOREIGN, State.UNSURE):
        return look.wait(_said(present))
    picture = look.picture
    if picture.closure is not None:
        return look.wait(f"the room was closed by {picture.closure.by}: {picture.closure.reason}")
    if picture.agent_id is None:
        return look.wait("its agent has left, and no agent of ours belongs into a room of this name")
    last = next((one for one in reversed(picture.sessions) if one.closing != "duplicate"), None)
    if last is not None and last.closing in _FOR_GOOD and last.since >= _human_since(look):
        return look.wait(_FOR_GOOD[last.closing])
    return _about_absence(last, look)


def _about_absence(last: SessionSeen | None, look: _Look) -> Decision:
    """A human is there and no agent: wait for one that is on its way, or ask for one."""
    picture, limits, attempts = look.picture, look.limits, look.picture.attempts
    human_since = _human_since(look)
    if picture.joining_since is not None and look.now < picture.joining_since + limits.joining_timeout:
        until = picture.joining_since + limits.joining_timeout
        return look.wait("a worker has taken the job, and its agent is on its way", until)
    absent_since = max(human_since, look.room.agentless_since or human_since)
    back_at = absent_since + limits.reconnecting
    if last is not None and _is_away(last) and attempts.n == 0 and look.now < back_at:
        return look.wait("its agent lives and is not in the room: it is coming back to LiveKit", back_at)
    if attempts.n == 0:
        is_lost = last is not None and last.since >= human_since and last.health in _OVER
        wait = limits.human_wait if picture.knows_workers else limits.dispatch_timeout
        due_at = look.now if is_lost or look.of(State.LEAVING) else absent_since + wait
        why = (
            "a human is there and no agent"
            if last is None
            else f"a human is there, and its agent {_end(last)}"
        )
    else:
        pause = limits.dispatch_timeout if attempts.n < limits.tries else limits.red_interval
        is_new_worker = attempts.last_at < picture.worker_came_at
        due_at = look.now if is_new_worker else attempts.last_at + pause
        asked = "once" if attempts.n == 1 else f"{attempts.n} times"
        why = f"a human is there, an agent was asked for {asked}, and none came"
    if due_at < (rests_until := _rests_until(look)):
        due_at, why = (
            rests_until,
            f"{len(picture.losses)} agents were lost here one after the other, the next one waits",
        )
    if look.now < due_at:
        return look.wait(why, due_at)
    resumes = _resumed(last, look) or attempts.resumes
    if (
        last is None
        and picture.vanished is not None
        and look.now < picture.vanished_at + limits.resume_memory
    ):
        resumes = picture.vanished
    return Decision(act=Act.DISPATCH, why=why, resumes=resumes)


_OVER = (Health.GONE, Health.STOPPED)


def _rests_until(look: _Look) -> float:
    """When the next agent may come to a room in which one after the other is lost."""
    losses, limits = look.picture.losses, look.limits
    if len(losses) < limits.tries or losses[-limits.tries] < losses[-1] - limits.loss_memory:
        return -math.inf
    return losses[-1] + limits.red_interval


def _is_away(last: SessionSeen) -> bool:
    """It lives, for all that is known, and is not on LiveKit's list."""
    return last.health in (Health.ALIVE, Health.SUSPECT, Health.UNKNOWN) and not last.closing


def _human_since(look: _Look) -> float:
    return look.room.human_since if look.room.human_since is not None else look.now


def _leaving_until(look: _Look) -> list[float]:
    """When those who have said goodbye must be out of the room."""
    sessions = [one.session for one in look.of(State.LEAVING) if one.session is not None]
    return [one.since + look.limits.leaving for one in sessions if one.health is Health.STOPPED]


def _resumed(last: SessionSeen | None, look: _Look) -> str | None:
    """Whose conversation a new agent goes on with."""
    if last is None or last.closing in _UNRESUMED or look.now >= last.since + look.limits.resume_memory:
        return None
    return last.incarnation


def _end(last: SessionSeen) -> str:
    match last.health:
        case Health.GONE:
            return f"is dead: {last.cause}"
        case Health.STOPPED:
            return f"has left ({last.closing or 'without a reason'})"
        case _:
            return "is not there"


def _trouble(look: _Look) -> str | None:
    """Why a human is without an agent for too long."""
    picture, room, limits = look.picture, look.room, look.limits
    if not room.humans or picture.closure is not None or picture.agent_id is None:
        return None
    if look.of(State.WELL, State.FOREIGN):
        return None
    attempts = picture.attempts
    in_vain = attempts.n if look.now >= attempts.last_at + limits.dispatch_timeout else attempts.n - 1
    if in_vain >= limits.tries:
        hint = (
            "is a worker registered with LiveKit, and not full?"
            if picture.knows_workers
            else "no worker that takes its jobs beats to this registry"
        )
        return f"a human is there, and no agent came although {in_vain} were asked for: {hint}"
    if look.now < _rests_until(look):
        return f"{len(picture.losses)} agents were lost here one after the other; see the worker's log"
    if not look.agents and look.now >= (since := _without_since(look)) + limits.trouble_after:
        return f"a human has been without an agent for {look.now - since:.0f} s"
    return None


def _without_since(look: _Look) -> float:
    """Since when a human has been there without an agent, if one is."""
    human_since = _human_since(look)
    return max(human_since, look.room.agentless_since or human_since)


def _trouble_at(look: _Look) -> float:
    """When a room in which an agent is missing gets red; infinite = it is, or none is missing."""
    if not look.room.humans or look.agents:
        return math.inf
    at = _without_since(look) + look.limits.trouble_after
    return at if at > look.now else math.inf


def _order(one: Judged) -> tuple[float, str]:
    """Elder agents first, in the order by which agents themselves decide who leaves."""
    return one.agent.joined_at, one.agent.identity


def _identities(agents: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(one.agent.identity for one in agents)


def _said(agents: Sequence[Judged]) -> str:
    return "; ".join(f"{one.agent.identity} {one.text}" for one in agents)
