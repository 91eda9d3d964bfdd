"""What a check has found."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    OK = "ok"  # as it should be
    WARN = "warn"  # it works, and somebody should look
    FAIL = "fail"  # something does not work


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A line of what doctor says. Never holds a secret."""

    level: Level
    subject: str
    """Of what, in a word or two."""

    text: str
    way_out: str = ""
    """What to do; empty when all is well."""


def ok(subject: str, text: str) -> Verdict:
    return Verdict(level=Level.OK, subject=subject, text=text)


def warn(subject: str, text: str, way_out: str) -> Verdict:
    return Verdict(level=Level.WARN, subject=subject, text=text, way_out=way_out)


def fail(subject: str, text: str, way_out: str) -> Verdict:
    return Verdict(level=Level.FAIL, subject=subject, text=text, way_out=way_out)
