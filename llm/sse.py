"""Server-sent events, as much of them as OpenAI's protocol uses: lines that begin with `data:`. Pure."""

from __future__ import annotations

MAX_EVENT = 4 * 2**20
"""Bytes of one event. A server that sends more in one line is broken."""


class EventTooLongError(ValueError):
    """An event is larger than `MAX_EVENT`."""


class Events:
    """Cuts a stream of bytes into the payloads of its events. Comments and other fields are dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """The payloads that are whole now.

        Raises:
            EventTooLongError: The server sends one without an end.
        """
        lines = (self._rest + received).split(b"\n")
        self._rest = lines.pop()
        payloads = []
        for line in lines:
            line = line.removesuffix(b"\r")  # noqa: PLW2901
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                payloads.append(self._take())
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT:
            raise EventTooLongError(f"an event of more than {MAX_EVENT:,} bytes")
        return payloads

    def end(self) -> list[bytes]:
        """What was left without an empty line after it. Some servers end that way."""
        line = self._rest.removesuffix(b"\r")
        self._rest = b""
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        return [self._take()] if self._data else []

    def _take(self) -> bytes:
        payload = b"\n".join(self._data)
        self._data.clear()
        return payload
