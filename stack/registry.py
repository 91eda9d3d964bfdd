"""A registry of our own, or one that runs already, as a child process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from stack.children import Child
from stack.lifetime import Lifetime
from stack.ports import free_port, is_free
from stack.probe import answers
from stack.until import until_answered

USUAL_PORT = 3026

_READY_TIMEOUT = 60.0
_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=20)


class Registry(Lifetime):
    """`python -m registry` as a context manager.

    Args:
        folder: For its log and its database; None = a temporary one that goes away with it.
        usual_port: Listen on the port that everybody expects, where it is free.
        port: Listen there, for others who must know it before; None = on any free one.
        env: More variables.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        usual_port: bool = False,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("registry", folder)
        if port is None:
            port = USUAL_PORT if usual_port and is_free(USUAL_PORT) else free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.child = Child(
            [sys.executable, "-m", "registry"],
            name="registry",
            log=self.folder / "registry.log",
            env={
                "REGISTRY_HOST": "127.0.0.1",
                "REGISTRY_PORT": str(port),
                "REGISTRY_TOKEN": "",
                "DATABASE_URL": "",
                # A developer's own rooms and processes are not for our registries.
                "LIVEKIT_URL": "",
                "LIVEKIT_API_KEY": "",
                "LIVEKIT_API_SECRET": "",
                "REGISTRY_AGENTS_FILE": str(self.folder / "agents.toml"),
                "ROOMKEEPER_HOME": str(self.folder / "home"),
                **(env or {}),
            },
        )

    @property
    def pid(self) -> int:
        return self.child.pid

    async def start(self) -> None:
        """Start it, again if it was stopped or killed, and wait until it is ready.

        Raises:
            StackError: It ends or is not ready in time; with the last lines of its log.
        """
        async with AsyncExitStack() as undo:
            (self.folder / "agents.toml").touch()  # none is defined, which is no mistake
            self.child.start()
            undo.callback(self.child.kill)
            await self.child.ready(lambda: answers(f"{self.url}/readyz"), timeout=_READY_TIMEOUT)
            undo.pop_all()

    async def stop(self, *, timeout: float = 10) -> int | None:
        """May be called twice. Returns the exit code."""
        return await self.child.stop(timeout=timeout)

    def kill(self) -> None:
        """kill -9."""
        self.child.kill()

    def pause(self) -> None:
        """It stops where it is, with its connections open, until `resume`."""
        self.child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.child.signal(signal.SIGCONT)

    async def agents(self) -> dict[str, dict[str, Any]]:
        """The agents on its page, by id, as its API tells them."""
        body = await self.get("/api/agents?limit=500")
        return {agent["agentId"]: agent for agent in body["agents"]}

    async def agent(self, agent_id: str) -> dict[str, Any] | None:
        """One agent; None = it is not on the page."""
        return (await self.agents()).get(agent_id)

    async def wait_for(self, agent_id: str, *, status: str, timeout: float) -> dict[str, Any]:
        """The agent, once it has this status.

        Raises:
            LateError: It has not in time.
        """

        async def look() -> dict[str, Any] | None:
            agent = await self.agent(agent_id)
            return agent if agent is not None and agent["status"] == status else None

        return await until_answered(look, timeout=timeout, what=f"agent {agent_id} to be {status}")

    async def wait_for_line(self, agent_id: str, *, timeout: float = 20) -> None:
        """Wait until the agent has its line open: its first beat may come without, and so may its end.

        Raises:
            LateError: It has not in time.
        """

        async def look() -> bool:
            agent = await self.agent(agent_id)
            return agent is not None and bool(agent["hasLine"])

        await until_answered(look, timeout=timeout, what=f"the line of agent {agent_id}")

    async def history(self, agent_id: str) -> list[dict[str, Any]]:
        """Changes of its status, newest first."""
        changes: list[dict[str, Any]] = (await self.get(f"/api/agents/{quote(agent_id, safe='')}/history"))[
            "changes"
        ]
        return changes

    async def order(self, agent_id: str, order: str, *, reason: str) -> dict[str, Any]:
        """Ask an agent to `stop`, `drain` or `leave`."""
        async with (
            aiohttp.ClientSession(timeout=_REQUEST_TIMEOUT) as http,
            http.post(
                f"{self.url}/api/agents/{quote(agent_id, safe='')}/{order}",
                json={"reason": reason, "by": "stack"},
                raise_for_status=True,
            ) as answer,
        ):
            body: dict[str, Any] = await answer.json()
            return body

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON that answers `body` at `path`."""
        async with (
            aiohttp.ClientSession(timeout=_REQUEST_TIMEOUT) as http,
            http.post(f"{self.url}{path}", json=body, raise_for_status=True) as answer,
        ):
            answered: dict[str, Any] = await answer.json()
            return answered

    async def get(self, path: str) -> dict[str, Any]:
        """The JSON at `path`."""
        async with (
            aiohttp.ClientSession(timeout=_REQUEST_TIMEOUT) as http,
            http.get(f"{self.url}{path}", raise_for_status=True) as answer,
        ):
            body: dict[str, Any] = await answer.json()
            return body
