"""A thousand rooms that are only pretended: a LiveKit that counts what it is asked, and agents that beat, or do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rooms.livekit import ListedRoom, Participant
from rooms.picture import (
    AgentSeen,
    Answer,
    Asked,
    Health,
    HumanSeen,
    Picture,
    RoomSeen,
    SessionSeen,
)
from wire import AGENT_ID, CLIENT, INCARNATION, AgentId

KINDS = ("well", "dead", "two agents", "nobody human", "without agent")
"""What a room can be like: of many pictures each is one of these in turn, but most are well."""


def name(number: int) -> str:
    return f"agent-{number}-room"


class CountingLiveKit:
    """`rooms.livekit.LiveKit`: rooms with a human and a living agent each."""

    def __init__(self, n: int) -> None:
        self.asked: Counter[str] = Counter()
        """Requests by kind; `ask` counts one for each agent that was asked."""
        self._rooms = [
            ListedRoom(
                name=name(number),
                sid=f"RM_{number}",
                created_at=0.0,
                departure_timeout=20.0,
                n_participants=2,
            )
            for number in range(n)
        ]
        self._participants = {room.name: _participants(room.name) for room in self._rooms}

    async def rooms(self) -> list[ListedRoom]:
        self.asked["list of rooms"] += 1
        return list(self._rooms)

    async def participants(self, room: str) -> list[Participant] | None:
        self.asked["list of participants"] += 1
        return self._participants[room]

    async def ask(self, room: str, identity: str) -> Answer:
        self.asked["ask"] += 1
        return Answer.ANSWERED

    async def ask_to_leave(self, room: str, identity: str, *, reason: str) -> bool:
        self.asked["ask to leave"] += 1
        return True

    async def dispatch(self, room: str, *, metadata: str) -> str:
        self.asked["dispatch"] += 1
        return "AD_1"

    async def undispatch(self, room: str, dispatch_id: str) -> None:
        self.asked["undispatch"] += 1

    async def remove(self, room: str, identity: str) -> None:
        self.asked["remove"] += 1

    async def create(self, room: str, *, metadata: str) -> str:
        self.asked["create"] += 1
        return f"RM_{room}"

    async def delete(self, room: str) -> None:
        self.asked["delete"] += 1

    async def aclose(self) -> None:
        return


class CrowdBeats:
    """`rooms.beats.Beats` of the rooms of `CountingLiveKit`.

    Args:
        n: Sessions that beat here; 0 = those of the rooms beat to nobody.
    """

    def __init__(self, n: int) -> None:
        self._sessions = {name(number): (session(name(number)),) for number in range(n)}

    def worker_came_at(self, agent_id: str | None) -> float:
        return 0.0

    def knows_workers(self, agent_id: str | None) -> bool:
        return True

    def sessions_in(self, room: str) -> Sequence[SessionSeen]:
        return self._sessions.get(room, ())

    def joining_since(self, room: str) -> float | None:
        return None


class OnlyLock:
    """`rooms.leading.Lock` that nobody else wants."""

    def try_acquire(self) -> bool:
        return True

    def is_held(self) -> bool:
        return True

    def release(self) -> None:
        return


def session(room: str, *, suffix: str = "", health: Health = Health.ALIVE) -> SessionSeen:
    return SessionSeen(
        row_id=room,
        incarnation=f"{room}{suffix}",
        health=health,
        since=0.0,
        phase="active",
        grace_ends_at=None,
        is_connected=True,
        closing=None,
        host="here",
        cause="its line broke" if health is not Health.ALIVE else "",
    )


def picture(number: int, *, now: float) -> Picture:
    """One of many rooms: nine of ten are well, the others are of all kinds."""
    room = name(number)
    kind = KINDS[0] if number % 10 else KINDS[(number // 10) % len(KINDS)]
    agents = [_agent(room, "")] if kind != "without agent" else []
    agents += [_agent(room, "-2")] if kind == "two agents" else []
    has_human = kind != "nobody human"
    health = Health.GONE if kind == "dead" else Health.ALIVE
    return Picture(
        name=room,
        agent_id=AgentId(str(number)),
        room=RoomSeen(
            name=room,
            sid=f"RM_{number}",
            created_at=0.0,
            departure_timeout=20.0,
            humans=(HumanSeen(identity="guest", role=CLIENT),) if has_human else (),
            agents=tuple(agents),
            others=(),
            seen_at=now,
            human_since=0.0 if has_human else None,
            empty_since=None if has_human else 0.0,
            agentless_since=None if agents else 0.0,
        ),
        sessions=tuple(session(room, suffix=suffix, health=health) for suffix in ("", "-2")[: len(agents)]),
        asked={room: Asked(answer=Answer.ANSWERED, at=now)},
    )


def _agent(room: str, suffix: str) -> AgentSeen:
    return AgentSeen(
        identity=f"ai-{room}{suffix}",
        agent_id=room,
        incarnation=f"{room}{suffix}",
        leaving=None,
        joined_at=0.0,
        is_active=True,
        first_seen_at=0.0,
    )


def _participants(room: str) -> list[Participant]:
    agent = Participant(
        identity=f"ai-{room}",
        is_agent=True,
        human_role=None,
        attributes={INCARNATION: room, AGENT_ID: room},
        joined_at=0.0,
        is_active=True,
    )
    human = Participant(
        identity="guest", is_agent=False, human_role=CLIENT, attributes={}, joined_at=0.0, is_active=True
    )
    return [agent, human]
