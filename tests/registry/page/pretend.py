"""Pretend agents: what they send, without anything behind it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from wire import BEATS_PATH, LINE_PATH

_numbers = itertools.count(1)


def a_beat(agent_id: str = "ada", *, status: str = "running", **fields: Any) -> dict[str, Any]:
    """A good beat as JSON, later than all that were made before."""
    return {
        "agentId": agent_id,
        "incarnation": f"of {agent_id}"[:64],
        "sequence": next(_numbers),
        "status": status,
        **fields,
    }


class Senders:
    """Sends beats to a registry."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def beat(self, agent_id: str = "ada", **fields: Any) -> None:
        """One beat, by POST."""
        async with self._session.post(self._url + BEATS_PATH, json=a_beat(agent_id, **fields)) as response:
            assert response.status == 200, await response.text()

    @asynccontextmanager
    async def line(self, agent_id: str = "ada", **fields: Any) -> AsyncIterator[LinedAgent]:
        """An agent with a line, which does what it is told. At the end its line breaks without a goodbye."""
        async with self._session.ws_connect(self._url + LINE_PATH) as socket:
            agent = LinedAgent(socket)
            await agent.say(beat=a_beat(agent_id, **fields))
            assert "reply" in json.loads((await socket.receive()).data)
            listening = asyncio.create_task(agent.listen(), name="pretend-agent")
            try:
                yield agent
            finally:
                listening.cancel()
                await asyncio.wait({listening})


class LinedAgent:
    """An agent with a line."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.commands: list[dict[str, Any]] = []
        """What it was told, in order."""

        self.log = ["first line", "second line"]
        self._socket = socket

    @property
    def orders(self) -> list[str]:
        """The names of what it was told."""
        return [command["order"] for command in self.commands]

    async def say(self, **frame: Any) -> None:
        """Send a frame."""
        await self._socket.send_str(json.dumps(frame))

    async def write(self, line: str) -> None:
        """A new line of its log."""
        self.log.append(line)
        await self.say(logs={"lines": [line]})

    async def listen(self) -> None:
        """Answer orders, for ever."""
        async for message in self._socket:
            command = json.loads(message.data).get("command")
            if command is None:
                continue
            self.commands.append(command)
            if command["order"] == "logs":
                await self.say(logs={"isStart": True, "lines": self.log})
            else:
                await self.say(outcome={"id": command["id"], "ok": True, "detail": "closing"})
