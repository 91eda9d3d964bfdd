"""Checks what a program hands to the status functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from heartbeat.errors import StatusError
from wire import Hint, Said

_LONGEST_ID = 200
_SHOWN = 60  # characters of a wrong value that an error repeats


def text(name: str, value: Any) -> str | None:
    """`value` as a text, or None. What is too long is cut later. Raises `StatusError`."""
    if value is None or isinstance(value, str):
        return value
    raise StatusError(f"{name}={_shown(value)} is not a string")


def agent_id(value: Any) -> str | None:
    """`value` as an agent's id, or None for none. Raises `StatusError`."""
    checked = text("agent_id", value)
    if checked is None:
        return None
    if checked.strip() != checked or not checked or len(checked) > _LONGEST_ID or not checked.isprintable():
        raise StatusError(
            f"agent_id={_shown(checked)} must be 1 to {_LONGEST_ID} characters, without line ends or blanks around it"
        )
    return checked


def number(name: str, value: Any, *, least: float, most: float) -> float | None:
    """`value` as a number within bounds, or None. Raises `StatusError`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StatusError(f"{name}={_shown(value)} is not a number")
    if not math.isfinite(value) or not least <= value <= most:
        raise StatusError(f"{name}={value} must be from {least:g} to {most:g}")
    return float(value)


def port(value: Any) -> int | None:
    """`value` as a port, or None. Raises `StatusError`."""
    checked = number("port", value, least=0, most=65_535)
    if checked is not None and checked != int(checked):
        raise StatusError(f"port={value} is not a whole number")
    return None if checked is None else int(checked)


def status(value: Any) -> Said:
    """`value` as a status: one of the words, or a `Said`. Raises `StatusError`."""
    if isinstance(value, Said):
        return value
    try:
        return Said(value)
    except ValueError as error:
        words = ", ".join(said.value for said in Said)
        raise StatusError(f"status={_shown(value)} is not one of {words}") from error


def hints(value: Any) -> tuple[Hint, ...]:
    """`value`, a mapping from words to the points of health they take, as hints. Raises `StatusError`."""
    if not isinstance(value, Mapping):
        raise StatusError(f'hints={_shown(value)} must be like {{"the queue is long": 20}}')
    return tuple(hint(words, points) for words, points in value.items())


def hint(words: Any, points: Any) -> Hint:
    """Something that takes points of health, in words. Raises `StatusError`."""
    checked = text("text", words)
    if not checked or not checked.strip():
        raise StatusError(f"text={_shown(words)} says nothing; tell in words what is wrong")
    taken = number("points", points, least=0, most=100)
    if taken is None:
        raise StatusError("points=None is not a number")
    return Hint(points=round(taken), text=checked)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
