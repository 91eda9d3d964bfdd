"""A caller in a process of its own, which can be killed without a goodbye."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stack.address import Address
from stack.children import Child

_JOIN_TIMEOUT = 60.0


class CallerProcess:
    """`python -m stack.caller` as a context manager. It joins, says its text, and stays until it is ended.

    Args:
        say: Said once after joining; "" = silent.
        folder: For its log.
    """

    def __init__(
        self, address: Address, room: str, identity: str = "guest", *, say: str = "", folder: Path
    ) -> None:
        token = address.token(room=room, identity=identity)
        command = [sys.executable, "-m", "stack.caller", "--url", address.url]
        self.child = Child(
            [*command, "--room", room, "--identity", identity, *(["--say", say] if say else [])],
            name=f"caller {identity}",
            log=folder / f"caller-{identity}.log",
            env={"CALLER_TOKEN": token},
        )

    async def start(self) -> None:
        """Start it and wait until it has joined.

        Raises:
            StackError: It has not.
        """
        self.child.start()
        await self.child.ready(lambda: bool(self.events("joined")), timeout=_JOIN_TIMEOUT)

    def kill(self) -> None:
        """kill -9: LiveKit is not told."""
        self.child.kill()

    async def stop(self) -> None:
        """SIGTERM: it leaves politely. May be called twice."""
        await self.child.stop()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it reported, oldest first: `{"event": "joined", "identity": "guest", "at": 1.2}`."""
        events = []
        for line in self.child.log_text().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event and name in (None, event["event"]):
                events.append(event)
        return events

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
