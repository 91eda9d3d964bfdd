"""What a session tells the registry to keep: its conversation as it happens, and how it ended. Pure.

Sent by `PUT /api/sessions/<incarnation>`. Each report can be sent again: turns are numbered, and everything else is
a full statement.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from wire.beat import Key
from wire.errors import BeatError, describe

_T = TypeVar("_T")

SESSIONS_PATH = "/api/sessions"

MAX_REPORT_BYTES = 1_000_000
MAX_TURNS = 100
"""Turns in one report; what is more waits for the next one."""

MAX_TURN = 8_000
"""Characters of a turn; a longer one is cut by the sender."""

MAX_EVENTS = 100
"""Events in one report, likewise."""

MAX_EVENT = 200
"""Characters of an event; a longer one is cut by the sender."""

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]

EVENT_KINDS = {
    "human_came": "a human came",
    "human_left": "a human left",
    "grace_began": "no human is there: the agent waits",
    "grace_ended": "the wait for humans ended",
    "model_switched": "another language model answers",
    "provider_failed": "a provider fails",
    "provider_recovered": "a provider works again",
    "reconnecting": "LiveKit is out of reach",
    "reconnected": "LiveKit is back",
    "recovered": "this session goes on with another one's conversation",
    "interrupted": "the agent was interrupted",
    "note": "something that people should know",
    "closed": "the session ended",
}
"""Kinds of events, in words. There may be more in later versions."""


class Delays(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Where the time of a turn went, as LiveKit has measured it. Seconds; None = not known, or not of this side."""

    stt: _Seconds | None = None
    """Of a human: from the end of speech until its last words were there."""

    end_of_turn: _Seconds | None = None
    """Of a human: from the end of speech until the turn was taken for over."""

    llm: _Seconds | None = None
    """Of the agent: until the model's first word."""

    tts: _Seconds | None = None
    """Of the agent: from that until the first sound."""

    total: _Seconds | None = None
    """Of the agent: from the end of the human's speech until the first sound in the room."""


class Turn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What one side said."""

    number: _Count
    """Counts the turns of its session from 0."""

    role: Literal["user", "assistant"]
    text: Annotated[str, msgspec.Meta(max_length=MAX_TURN)]
    """Empty where it is not kept, and only there."""

    age: _Seconds = 0.0
    """Seconds since it was said."""

    interrupted: bool = False
    is_kept: bool = True
    """False = only that somebody spoke is told, and not what."""

    started: _Seconds | None = None
    """Seconds from the beginning of the session until it began to be said; None = nobody knows."""

    duration: _Seconds | None = None
    """Seconds that it took."""

    delays: Delays | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Something that happened in a session. Names nobody, and repeats nothing that was said."""

    number: _Count
    """Counts the events of its session from 0."""

    kind: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")]
    """One of `EVENT_KINDS`, or one of a later version."""

    text: Annotated[str, msgspec.Meta(max_length=MAX_EVENT)] = ""
    age: _Seconds = 0.0
    """Seconds since it happened."""


class Ended(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a session ended."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    """A close reason."""

    exit_code: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**32)] | None = None
    """Of its process, as it means to end; None = nobody knows."""


class SessionReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A session, by its own account."""

    agent_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    row_id: Key
    """Id of its row among the agents."""

    room: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    room_sid: Annotated[str, msgspec.Meta(max_length=64)] = ""
    job_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    host: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    age: _Seconds = 0.0
    """Seconds since it began."""

    resumes: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """Incarnation of the session whose conversation it goes on with."""

    most_humans: _Count = 0
    """Most humans at once."""

    turns: Annotated[tuple[Turn, ...], msgspec.Meta(max_length=MAX_TURNS)] = ()
    """Those that were not acknowledged yet, in order."""

    is_transcribed: bool = True
    """What is said is told. False = by the agent's profile or its host's settings it is not."""

    events: Annotated[tuple[Event, ...], msgspec.Meta(max_length=MAX_EVENTS)] = ()
    """Those that were not acknowledged yet, in order."""

    more_events: _Count = 0
    """Events that are not told, because there were too many."""

    first_audio: _Seconds | None = None
    """Seconds from the first human's coming until the agent was first heard; None = not yet, or not measured."""

    usage: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(max_length=50)] = ()
    """What each model has used, one object for each."""

    ended: Ended | None = None


class ReportTaken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a report that is durable."""

    n_turns: int
    """Turns with a smaller number are kept, and need not be sent again."""

    n_events: int | None = None
    """Likewise of events. None = the report had none, or the registry is an older one that keeps none."""

    keeps_rooms: bool = False
    """The registry sees to it that there is an agent in every room with a human: who leaves need not."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of `GET /api/sessions/<incarnation>/turns`: the last turns, oldest first, with those of the sessions
    that this one went on with before them."""

    turns: tuple[Turn, ...]


_report = msgspec.json.Decoder(SessionReport)
_taken = msgspec.json.Decoder(ReportTaken)
_conversation = msgspec.json.Decoder(Conversation)


def decode_report(data: bytes) -> SessionReport:
    """A report from its JSON.

    Raises:
        BeatError: Not JSON, or a field is missing or wrong, or too large.
    """
    if len(data) > MAX_REPORT_BYTES:
        raise BeatError(f"the report is {len(data):,} bytes long; at most {MAX_REPORT_BYTES:,} are taken")
    report = _decoded(_report, data)
    for turn in report.turns:
        if bool(turn.text) is not turn.is_kept:
            wrong = "has no text" if turn.is_kept else "has a text, and its isKept is false"
            raise BeatError(
                f"turns: turn {turn.number} {wrong}; send isKept: false and an empty text, or neither"
            )
    return report


def decode_taken(data: bytes) -> ReportTaken:
    """The answer to a report. Raises `BeatError` as `decode_report`."""
    return _decoded(_taken, data)


def decode_conversation(data: bytes) -> Conversation:
    """A conversation. Raises `BeatError` as `decode_report`."""
    return _decoded(_conversation, data)


def _decoded(decoder: msgspec.json.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BeatError(describe(error, data)) from error
