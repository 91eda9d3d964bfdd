"""Why something is done and who does it: what every form for an act asks for. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from registry.errors import BadRequestError

MAX_REASON = 500
MAX_NAME = 80

NOBODY = "page"
"""Who did it, when no name is given."""

_CONTROLS = ("Cc", "Cs", "Zl", "Zp")
"""Categories of characters that end lines, or mean something to terminals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    reason: str
    by: str


def parse_why(form: Mapping[str, str]) -> Why:
    """Who does it and why.

    Raises:
        BadRequestError: There is no reason, or it is too long.
    """
    reason = line(form.get("reason", ""))
    if not reason:
        raise BadRequestError("Say why: the reason stands in the history.")
    if len(reason) > MAX_REASON:
        raise BadRequestError(f"The reason is {len(reason)} characters long; at most {MAX_REASON} are taken.")
    return Why(reason=reason, by=parse_name(form))


def parse_name(form: Mapping[str, str]) -> str:
    """Who does it."""
    return line(form.get("by", ""))[:MAX_NAME] or NOBODY


def line(text: str) -> str:
    """One line without control characters, which neither databases nor histories want."""
    return " ".join(
        "".join(" " if unicodedata.category(char) in _CONTROLS else char for char in text).split()
    )


def paragraphs(text: str) -> str:
    """Lines without control characters, and with the ends that programs expect: forms send CR and LF."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in _CONTROLS else " " for char in plain
    ).strip()
