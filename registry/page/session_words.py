"""How a session's record reads for people: why it ended, what happened, what it cost, how long it is kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from wire import EVENT_KINDS

CLOSE_WORDS: Mapping[str, str] = {
    "never_joined": "Nobody came.",
    "humans_left": "All humans left, and the wait for them was over.",
    "disconnected": "LiveKit was out of reach for too long.",
    "max_session": "It took as long as any call may.",
    "operator": "An operator ended it.",
    "worker_shutdown": "Its worker was stopped.",
    "duplicate": "An older agent was in the room.",
    "pipeline_ended": "Its pipeline broke and could not be used again.",
    "room_closed": "LiveKit closed the room.",
    "removed": "Somebody with the keys removed it from the room.",
    "failed": "An error ended it.",
    "lost": "Its process died, and could not say why.",
}

_TONES: Mapping[str, str] = {
    "provider_failed": "error",
    "reconnecting": "warning",
    "grace_began": "warning",
    "interrupted": "warning",
    "model_switched": "warning",
    "recovered": "warning",
    "note": "unknown",
    "closed": "stopped",
}


def why_closed(reason: str | None) -> str:
    """A close reason as a sentence; empty = the session goes on."""
    if not reason:
        return ""
    return CLOSE_WORDS.get(reason, reason.replace("_", " "))


def event_words(kind: str, text: str) -> str:
    """An event in words: ``a human came: client; 1 human is there now``."""
    name = EVENT_KINDS.get(kind, kind.replace("_", " "))
    text = why_closed(text).rstrip(".") if kind == "closed" else text
    return f"{name}: {text}" if text else name


def event_tone(kind: str) -> str:
    """The colour of an event."""
    return _TONES.get(kind, "running")


def dollars(amount: float) -> str:
    """An amount of money, to a digit that says something: ``$0.0012``, ``$1.20``."""
    if amount == 0:
        return "$0"
    return f"${amount:.2f}" if amount >= 0.1 else f"${amount:.4f}" if amount >= 0.0001 else "under $0.0001"


def clock(seconds: float) -> str:
    """Time since the beginning: ``0:07``, ``12:30``, ``1:00:00``."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"


def retention(*, is_transcribed: bool, journal_days: int, history_days: int) -> str:
    """How long the record is kept."""
    rest = f"The rest of this page is kept for {_days(history_days)} after the session."
    if journal_days == 0:
        return f"This registry keeps nothing of what is said (JOURNAL_DAYS is 0). {rest}"
    if not is_transcribed:
        return f"What is said is not kept, as its agent's profile or its host's settings have it. {rest}"
    words = min(journal_days, history_days)
    return f"What was said is kept for {_days(words)} after the session. {rest}"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
