"""What was said in a session, as a file: JSON, WebVTT (https://www.w3.org/TR/webvtt1/) or plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from registry.session_records import SessionRow, TurnRow
from registry.timeline import span_of
from wire import Delays

NOT_KEPT = "(not kept)"
"""In place of a text that is not kept, or not any more."""

_LEAST = 0.5
"""Seconds that a caption is shown at least."""

_BREAKS = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(r"(?![\t\n])[\x00-\x1f\x7f-\x9f]")
_SPEAKERS = {"user": "Human", "assistant": "Agent"}


class SaidTurn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one side said."""

    number: int
    role: str
    at: datetime
    """When it came to its end, in UTC."""

    started: float
    """Seconds from the beginning of the session."""

    ended: float
    text: str
    """Empty where it is not kept."""

    is_kept: bool
    interrupted: bool
    delays: Delays | None


class Transcript(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was said in one session; what was said before, in sessions that it went on with, stands in theirs."""

    session: str
    agent_id: str
    room: str
    started_at: datetime
    ended_at: datetime | None
    resumes: str | None
    note: str
    """What is missing, and why; empty = nothing."""

    turns: tuple[SaidTurn, ...]


def transcript(session: SessionRow, turns: Iterable[TurnRow]) -> Transcript:
    """Of one session, from its own turns."""
    said = []
    for turn in turns:
        started, ended = span_of(turn, session)
        said.append(
            SaidTurn(
                number=turn.number,
                role=turn.role,
                at=turn.at,
                started=round(started, 3),
                ended=round(ended, 3),
                text=turn.text if turn.is_kept else "",
                is_kept=turn.is_kept,
                interrupted=turn.interrupted,
                delays=turn.delays,
            )
        )
    return Transcript(
        session=session.id,
        agent_id=session.agent_id,
        room=session.room,
        started_at=session.started_at,
        ended_at=session.ended_at,
        resumes=session.resumes,
        note=_note(session, said),
        turns=tuple(said),
    )


def as_text(found: Transcript) -> str:
    """For people: a line for each turn, ``[0:00:03] Human: …``; further lines of a turn are indented."""
    lines = [
        f"Session {_line(found.session)}: agent {_line(found.agent_id)} in room {_line(found.room)}",
        f"Began {found.started_at:%Y-%m-%d %H:%M:%S} UTC; times count from there.",
    ]
    if found.note:
        lines.append(found.note)
    lines.append("")
    for turn in found.turns:
        first, *others = (_text_of(turn) or NOT_KEPT).split("\n")
        cut = " [interrupted]" if turn.interrupted else ""
        lines.append(f"[{_time(turn.started).partition('.')[0]}] {_speaker(turn)}{cut}: {first}")
        lines += [f"    {line}" for line in others]
    return "\n".join(lines) + "\n"


def as_vtt(found: Transcript) -> str:
    """Captions: one for each turn, with its speaker. Valid also when there is nothing to caption."""
    blocks = ["WEBVTT"]
    if found.note:
        blocks.append(f"NOTE {_escaped(found.note)}")
    for turn in sorted(found.turns, key=lambda turn: turn.started):  # players want them in this order
        end = max(turn.ended, turn.started + _LEAST)
        # An empty line would end the caption.
        text = "\n".join(line for line in _escaped(_text_of(turn) or NOT_KEPT).split("\n") if line.strip())
        blocks.append(f"{_time(turn.started)} --> {_time(end)}\n<v {_speaker(turn)}>{text or NOT_KEPT}")
    return "\n\n".join(blocks) + "\n"


def _note(session: SessionRow, turns: Sequence[SaidTurn]) -> str:
    missing = sum(not turn.is_kept for turn in turns)
    if not turns:
        return (
            "Nothing was said that is kept." if session.is_transcribed else "What is said is not kept here."
        )
    if not missing:
        return ""
    if not session.is_transcribed:
        return "What is said is not kept here: only who spoke, and when."
    return f"The words of {missing} of {len(turns)} turns are not kept, or not any more."


def _text_of(turn: SaidTurn) -> str:
    """Its text with the line ends that files have, and without what terminals and players obey."""
    return _CONTROLS.sub("\ufffd", _BREAKS.sub("\n", turn.text)).strip("\n")


def _line(text: str) -> str:
    return _CONTROLS.sub("\ufffd", _BREAKS.sub(" ", text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _speaker(turn: SaidTurn) -> str:
    return _SPEAKERS.get(turn.role, "Agent")


def _time(seconds: float) -> str:
    """``00:01:02.345``."""
    whole, ms = divmod(round(max(0.0, seconds) * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{ms:03}"
