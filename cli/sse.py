"""Server-sent events, out of the bytes of a stream. Pure.

Not by `httpx.Response.aiter_lines`: it ends a line at characters like U+2028, which JSON may hold as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 64 * 1024 * 1024
"""Bytes of one event; a server that sends more is none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    name: str
    data: bytes


class EventReader:
    """Puts events together from the pieces in which they come."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events that `piece` completes.

        Raises:
            ValueError: An event without an end.
        """
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST:
            raise ValueError("an event has no end")
        return [event for line in lines if (event := self._take(line.removesuffix(b"\r"))) is not None]

    def _take(self, line: bytes) -> Event | None:
        if not line:
            return self._finish()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value.decode(errors="replace")
        elif field == b"data":
            self._data.append(value)
        return None  # all else, comments among it, means nothing here

    def _finish(self) -> Event | None:
        event = Event(name=self._name or "message", data=b"\n".join(self._data)) if self._data else None
        self._name, self._data = "", []
        return event
