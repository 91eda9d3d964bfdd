"""The seam between beating and the network. The real one is in `http_transport.py`."""

from __future__ import annotations

from typing import Protocol

from wire import Beat, Reply


class OpenLine(Protocol):
    """A WebSocket to the registry. Every call but `close` raises `UnreachableError` when it is broken."""

    async def send(self, frame: bytes) -> None:
        """Send a text frame. May be called while another call waits."""

    async def receive(self) -> bytes:
        """The next text frame, waited for without limit."""

    async def close(self) -> None:
        """Close it politely and shortly. May be called twice, and when it is broken."""


class Transport(Protocol):
    """How beats reach the registry. Each call has its own time limit."""

    async def post(self, beat: Beat) -> Reply:
        """Send one beat.

        Raises:
            RefusedError: The registry does not take it.
            UnreachableError: No answer, or none of a registry.
        """

    async def open_line(self, path: str) -> OpenLine:
        """Open the line that a reply offered. Raises `UnreachableError`."""

    async def close(self) -> None:
        """Let go of all connections. May be called twice."""

    def abandon(self) -> None:
        """In a forked child: let go of the parent's connections without ending them for the parent."""
