"""Lines to agents that are not there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wire import Command, Down


class FakeLine:
    """A line to an agent that remembers what it was sent, and may answer each."""

    def __init__(self, answer: Callable[[], None] = lambda: None) -> None:
        self.sent: list[Command] = []
        self._answer = answer

    def send(self, message: Down) -> None:
        assert message.command is not None
        self.sent.append(message.command)
        asyncio.get_running_loop().call_soon(self._answer)
