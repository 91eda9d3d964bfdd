"""Carries out what was decided about a room, once, and writes down what it rested on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rooms.decide import Act, Decision
from rooms.errors import LiveKitError
from rooms.history import Event
from rooms.livekit import LiveKit
from rooms.memory import Memory
from rooms.picture import Attempts, Picture
from rooms.tally import Counts
from wire import job_metadata

logger = logging.getLogger(__name__)


class Acting:
    """Acts on rooms through LiveKit.

    Args:
        livekit: The server.
        counts: What is counted.
        record: Writes an event down.
    """

    def __init__(self, livekit: LiveKit, *, counts: Counts, record: Callable[[Event], None]) -> None:
        self._livekit = livekit
        self._counts = counts
        self._record = record

    async def act(self, decision: Decision, memory: Memory, picture: Picture, *, now: float) -> None:
        """Carry out a decision that was made a moment ago, from LiveKit's own list of that moment.

        Raises:
            LiveKitError: It was not, or not wholly, done. Doing it again is right.
        """
        event = Event(
            at=now,
            room=memory.name,
            sid=memory.sid,
            kind=decision.act.value,
            text=decision.why,
            evidence=_evidence(decision, picture, now=now),
        )
        try:
            await self._do(decision, memory, now=now)
        except LiveKitError as error:
            self._record(_failed(event, error))
            raise
        self._record(event)
        logger.info(
            "room kept",
            extra={
                "action": f"rooms.{decision.act.value}",
                "room": memory.name,
                "agents": list(decision.identities),
                "why": decision.why,
                "resumes": decision.resumes,
                "attempt": memory.attempts.n or None,
            },
        )

    async def _do(self, decision: Decision, memory: Memory, *, now: float) -> None:
        match decision.act:
            case Act.RECOVER:
                _lose(memory, now)
                await self._remove(decision, memory)
                await self._dispatch(decision, memory, now=now)
            case Act.DISPATCH:
                if decision.resumes is not None and not memory.attempts.n:
                    _lose(memory, now)
                await self._dispatch(decision, memory, now=now)
            case Act.REMOVE:
                await self._remove(decision, memory)
            case Act.ASK_TO_LEAVE:
                for identity in decision.identities:
                    memory.told_to_leave.setdefault(identity, now)
                    await self._livekit.ask_to_leave(memory.name, identity, reason=decision.reason)
            case Act.NOTHING | Act.ASK:
                return
        memory.is_stale = True

    async def _remove(self, decision: Decision, memory: Memory) -> None:
        for identity in decision.identities:
            await self._livekit.remove(memory.name, identity)

    async def _dispatch(self, decision: Decision, memory: Memory, *, now: float) -> None:
        if memory.agent_id is None:
            return
        metadata = job_metadata(memory.agent_id, resumes=decision.resumes)
        old, memory.dispatch_id = memory.dispatch_id, None
        memory.dispatch_id = await self._livekit.dispatch(memory.name, metadata=metadata)
        memory.attempts = Attempts(
            n=memory.attempts.n + 1, last_at=now, resumes=decision.resumes or memory.attempts.resumes
        )
        self._counts.dispatches += 1
        if old is not None:
            await self._take_back(old, memory)

    async def _take_back(self, dispatch_id: str, memory: Memory) -> None:
        """Take back a dispatch whose agent did not come. Should it come after all, it is told to leave: never two."""
        try:
            await self._livekit.undispatch(memory.name, dispatch_id)
        except LiveKitError as error:
            logger.warning(
                "an earlier dispatch stays",
                extra={"action": "rooms.undispatch", "room": memory.name, "error": str(error)},
            )


def _lose(memory: Memory, now: float) -> None:
    """An agent was lost; a recovery that is tried again is still the same one."""
    if memory.lost_at is None:
        memory.lost_at = now
        memory.losses.append(now)


def _failed(event: Event, error: LiveKitError) -> Event:
    return Event(
        at=event.at,
        room=event.room,
        sid=event.sid,
        kind="failed",
        text=f"{event.kind} failed: {error}",
        evidence=event.evidence,
    )


def _evidence(decision: Decision, picture: Picture, *, now: float) -> dict[str, Any]:
    """What an act rests on, with ages instead of moments, and without who the humans are."""
    room = picture.room
    return {
        "agents": [] if room is None else [asdict(agent) for agent in room.agents],
        "humans": 0 if room is None else len(room.humans),
        "about": list(decision.identities),
        "resumes": decision.resumes,
        "sessions": [
            {
                "row": one.row_id,
                "incarnation": one.incarnation,
                "health": one.health.value,
                "for": round(now - one.since, 3),
                "phase": one.phase,
                "cause": one.cause,
            }
            for one in picture.sessions[-4:]
        ],
        "asked": {
            incarnation: {"answer": asked.answer.value, "ago": round(now - asked.at, 3)}
            for incarnation, asked in picture.asked.items()
        },
        "attempts": picture.attempts.n,
    }
