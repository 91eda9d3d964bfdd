"""uvicorn's HTTP, with a short way for beats that only say "still here".

Most beats do. One of them, from an agent that is well, with headers that were let in before, is answered as soon as its
last byte is there: no task, no scope for an application, one write. Every other request, and every other beat, goes
the usual way through the application, as if this were not here; the answers are the same.
"""

from __future__ import annotations

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wire import BEATS_PATH, MAX_BEAT_BYTES

_URL = BEATS_PATH.encode()

Headers = list[tuple[bytes, bytes]]

Renew = Callable[[Headers, bytes], "bytes | None"]
"""Takes a beat with its request's headers; returns the whole HTTP response, or None for what is not for the short way.
It must change nothing then."""


class _Short:
    """Stands in for uvicorn's cycle of request and response while a beat comes in."""

    response_complete = False
    disconnected = False

    def __init__(self) -> None:
        self.body = bytearray()
        self.message_event = _Nobody()


class _Nobody:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Nothing happens."""


class BeatProtocol(HttpToolsProtocol):
    """Made for a registry by `for_registry`."""

    renew: Renew

    def on_headers_complete(self) -> None:
        is_first = self.cycle is None or self.cycle.response_complete
        if (
            is_first
            and self.url == _URL
            and not self.expect_100_continue
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        ):
            self.cycle = _Short()  # type: ignore[assignment]
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not isinstance(self.cycle, _Short):
            super().on_body(body)
            return
        self.cycle.body += body
        if len(self.cycle.body) > MAX_BEAT_BYTES:
            self._take_the_usual_way()

    def on_message_complete(self) -> None:
        if not isinstance(self.cycle, _Short):
            super().on_message_complete()
            return
        response = self.renew(self.headers, bytes(self.cycle.body))
        if response is None:
            self._take_the_usual_way()
            super().on_message_complete()
            return
        self.transport.write(response)
        self.cycle.response_complete = True
        self.on_response_complete()

    def _take_the_usual_way(self) -> None:
        """Hand what has come so far to the application."""
        body = self.cycle.body
        self.cycle = None  # type: ignore[assignment]
        super().on_headers_complete()
        super().on_body(bytes(body))


def for_registry(renew: Renew) -> type[BeatProtocol]:
    """The protocol for a registry whose agents `renew` knows."""
    return type("RegistryBeatProtocol", (BeatProtocol,), {"renew": staticmethod(renew)})
