"""Sessions, events of rooms and wishes to store."""

from __future__ import annotations

from datetime import datetime, timedelta

from registry.session_records import (
    ClosureRow,
    EventRow,
    ProfileRow,
    RoomEvent,
    SessionRow,
    TurnRow,
    WishRow,
)
from tests.registry.store.samples import NOW
from wire import Avatar, Delays, Profile, Translate, Turns

FULL_SESSION = SessionRow(
    id="0b5f4e1c-60a5-4d4b-9a55-5e2a1c5a3c11",
    row_id="ada-1",
    agent_id="ada",
    room="agent-ada-room",
    room_sid="RM_x",
    job_id="AJ_x",
    host="host-1",
    resumes="1c",
    started_at=NOW - timedelta(minutes=5),
    heard_at=NOW,
    ended_at=NOW - timedelta(microseconds=1),
    most_humans=3,
    n_turns=0,
    usage=(
        {"model": "gpt-4.1-mini", "inputTokens": 2**53, "cost": 0.1 + 0.2},
        {"model": "x", "of": [None, {}]},
    ),
    close_reason="humans_left",
    exit_code=-9,
    is_transcribed=False,
    first_audio=0.1 + 0.2,
    more_events=7,
)

FULL_TURN = TurnRow(
    session_id="s1",
    number=0,
    role="assistant",
    text="At seven.",
    interrupted=True,
    at=NOW,
    started=12.345,
    duration=0.1 + 0.2,
    delays=Delays(stt=0.3, end_of_turn=0.5, llm=0.0, tts=1e-3, total=0.1 + 0.7),
)

FULL_PROFILE = Profile(
    name="Ada",
    description="Receptionist",
    model="gpt-4.1-mini",
    voice="aura-2-thalia-en",
    temperature=0.1 + 0.2,
    prompt="You are Ada.\n\tBe kind.\r\n👩‍🚀",
    examples=(("When?", 'At "seven".'), ("Who?", "I do not know.")),
    greeting="Hello.",
    max_answer_tokens=60,
    group="Hotels",
    stt="deepgram/nova-3",
    llm="openai",
    tts="cartesia/sonic-3",
    language="pt-BR",
    turns=Turns(interruptions="words", min_words=2, end="silence", min_delay=0.2, max_delay=0.1 + 0.7),
    transcript=False,
    translate=Translate(to="es", speak=False),
    vision=True,
    avatar=Avatar(provider="bithuman", model="ada"),
)


def session(session_id: str = "s1", *, started_at: datetime = NOW, **fields: object) -> SessionRow:
    """One that says as little as it can."""
    given = {"row_id": "row", "agent_id": "bob", "room": "agent-bob-room", "heard_at": started_at, **fields}
    return SessionRow(id=session_id, started_at=started_at, **given)  # type: ignore[arg-type]


def turn(number: int, session_id: str = "s1", *, text: str | None = None, at: datetime = NOW) -> TurnRow:
    role = "assistant" if number % 2 else "user"
    return TurnRow(session_id=session_id, number=number, role=role, text=text or f"turn {number}", at=at)


def happening(number: int, session_id: str = "s1", *, text: str = "", at: datetime = NOW) -> EventRow:
    return EventRow(session_id=session_id, number=number, kind="note", text=text, at=at)


def event(room: str = "agent-bob-room", *, text: str = "a human came", at: datetime = NOW) -> RoomEvent:
    return RoomEvent(at=at, room=room, sid="RM_x", kind="human_came", text=text, by="keeper")


def closure(room_sid: str = "RM_x", *, reason: str = "a fire drill", at: datetime = NOW) -> ClosureRow:
    return ClosureRow(room_sid=room_sid, room="agent-bob-room", by="Max", reason=reason, at=at)


def profile(agent_id: str = "ada", *, stored: Profile = FULL_PROFILE, by: str = "Max") -> ProfileRow:
    return ProfileRow(agent_id=agent_id, profile=stored, updated_at=NOW, updated_by=by)


def wish(process_id: str = "worker", *, is_wanted: bool = True, reason: str = "it is Monday") -> WishRow:
    return WishRow(process_id=process_id, is_wanted=is_wanted, by="Max", reason=reason, at=NOW)
