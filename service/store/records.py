"""What the store takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple


class Key(NamedTuple):
    """Which conversation."""

    owner: str
    """Subject of the token that began it; empty = nobody in particular."""

    thread_id: str


class Message(NamedTuple):
    """What was said, and by whom."""

    role: str
    """`user` or `assistant`."""

    content: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer, which are kept together or not at all."""

    key: Key
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is kept."""

    threads: int
    """Of all owners. Who was silent longest goes first."""

    messages: int
    """Of one thread. The oldest go first."""

    ttl: timedelta
    """After its last message a thread is forgotten."""
