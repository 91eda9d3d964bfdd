"""Takes away what nobody needs, after it was found twice and looked at once more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from rooms.errors import LiveKitError
from rooms.garbage import Garbage, Sightings, find
from rooms.history import Event
from rooms.keeping import Keeping
from rooms.views import GarbageView

logger = logging.getLogger(__name__)


class Collecting:
    """Collects garbage of the rooms that are kept.

    Args:
        keeping: The rooms.
        record: Writes an event down.
        clock: Monotonic seconds.
    """

    def __init__(
        self, keeping: Keeping, *, record: Callable[[Event], None], clock: Callable[[], float]
    ) -> None:
        self._keeping = keeping
        self._record = record
        self._clock = clock
        self._sightings = Sightings()

    async def run(self) -> None:
        """Collect now and then, for ever."""
        keeping = self._keeping
        while True:
            await asyncio.sleep(keeping.intervals.garbage)
            if not keeping.leadership.is_leading or keeping.out_of_reach is not None:
                continue
            try:
                await self.collect(self.look(), by="keeper", reason="nobody needs it")
            except Exception:
                logger.exception("garbage could not be collected", extra={"action": "rooms.garbage_failed"})

    def look(self) -> list[Garbage]:
        """What nobody needs, at this look."""
        keeping, now = self._keeping, self._clock()
        return [
            one
            for memory in keeping.memories.values()
            for one in find(memory, keeping.picture(memory), now=now, limits=keeping.limits)
        ]

    async def collect(self, found: Sequence[Garbage], *, by: str, reason: str) -> tuple[GarbageView, ...]:
        """Take away what an earlier look had found too. Returns all that was found."""
        confirmed = {one.key for one in self._sightings.confirmed(found, now=self._clock())}
        views = []
        for one in found:
            done = one.key in confirmed and await self._take_away(one, by=by, reason=reason)
            views.append(garbage_view(one, done=done))
        return tuple(views)

    async def _take_away(self, one: Garbage, *, by: str, reason: str) -> bool:
        """Look again, and take it away if no human has come."""
        keeping = self._keeping
        memory = keeping.memories.get(one.room)
        if memory is None or memory.sid != one.sid or not await keeping.leadership.confirm():
            return False
        try:
            await keeping.list_rooms()  # a room of the same name may have been made since
            if memory.sid != one.sid or keeping.out_of_reach is not None:
                return False
            participants = await keeping.livekit.participants(one.room)
            if participants is None or any(who.human_role is not None for who in participants):
                return False
            if one.identity is not None:
                await keeping.livekit.remove(one.room, one.identity)
            elif any(who.is_agent for who in participants):
                return False
            else:
                await keeping.livekit.delete(one.room)
                memory.deleted_at = self._clock()
        except LiveKitError as error:
            logger.warning(
                "garbage stays for now",
                extra={"action": "rooms.garbage_stays", "room": one.room, "error": str(error)},
            )
            return False
        text = f"{one.what} taken away: {one.why} ({reason})"
        self._record(
            Event(
                at=self._clock(),
                room=one.room,
                sid=one.sid,
                kind="garbage",
                text=text,
                by=by,
                evidence={"what": one.what, "identity": one.identity, "participants": len(participants)},
            )
        )
        logger.info(
            "garbage taken away",
            extra={"action": "rooms.garbage", "what": one.what, "room": one.room, "why": one.why},
        )
        keeping.wake(one.room)
        return True


def garbage_view(one: Garbage, *, done: bool) -> GarbageView:
    """What was found, as it is told."""
    return GarbageView(what=one.what, room=one.room, identity=one.identity, why=one.why, done=done)
