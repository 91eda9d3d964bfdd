"""Rooms, agents and room holds that nobody needs. Pure.

What is found must be found again at least `APART` seconds later before it goes, and a human always wins: whoever acts
looks once more right before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rooms.judging import State, judge
from rooms.limits import KeepLimits
from rooms.memory import Memory
from rooms.picture import Picture
from wire import OURS

APART = 30.0
"""Seconds between the two observations."""

ALONE = 900.0
"""Seconds without a human after which an agent of which nobody knows a grace period counts as forgotten."""

SLACK = 30.0
"""Seconds after a room's departure timeout in which LiveKit closes it by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    what: str
    """`room`, `agent` or `hold`."""

    room: str
    sid: str
    identity: str | None
    """None = the whole room."""

    why: str

    @property
    def key(self) -> tuple[str, str, str | None]:
        return (self.what, self.sid, self.identity)


def find(memory: Memory, picture: Picture, *, now: float, limits: KeepLimits) -> Iterable[Garbage]:
    """What nobody needs in a room, at this look."""
    room = picture.room
    if room is None or picture.agent_id is None or room.humans or room.empty_since is None:
        return
    alone_for = now - room.empty_since

    def garbage(what: str, identity: str | None, why: str) -> Garbage:
        return Garbage(what=what, room=room.name, sid=room.sid, identity=identity, why=why)

    agents = [judge(agent, picture, now=now, limits=limits) for agent in room.agents]
    if not agents:
        for identity in room.others:
            if identity.startswith(f"{OURS}hold-"):
                yield garbage("hold", identity, "it keeps a room open in which no agent is")
        is_used = any(
            not identity.startswith(OURS) for identity in room.others
        )  # a stream, a recorder, a bot
        empty_timeout = memory.listed.empty_timeout if memory.listed is not None else math.inf
        longest = (room.departure_timeout if memory.had_human else empty_timeout) + SLACK
        if picture.joining_since is None and not is_used and alone_for >= longest:
            yield garbage("room", None, f"nobody has been in it for {alone_for:.0f} s")
        return
    for one in agents:
        is_known = one.session is not None and one.session.grace_ends_at is not None
        if one.state is State.WELL and not is_known and alone_for >= ALONE:
            yield garbage("agent", one.agent.identity, f"it has been alone for {alone_for:.0f} s")


class Sightings:
    """Remembers what was found, until it was found again."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str | None], float] = {}

    def confirmed(self, found: Iterable[Garbage], *, now: float) -> list[Garbage]:
        """Take all that was found at this look; returns what was there at one `APART` seconds ago too."""
        found = list(found)
        self._first = {one.key: self._first.get(one.key, now) for one in found}
        return [one for one in found if now >= self._first[one.key] + APART]
