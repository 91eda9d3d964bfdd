"""A registry for tests: the same API, in memory, behind an httpx transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec

from cli.answers import Agent
from cli.client import Client
from cli.connection import Connection
from wire import Command

URL = "http://registry.test"
HOST = "this-host"
AT = "2026-01-02T03:04:05Z"


def agent_json(agent_id: str = "ada", **changes: Any) -> dict[str, Any]:
    """An agent as the registry tells of it."""
    return {
        "agentId": agent_id,
        "name": agent_id.title(),
        "kind": "program",
        "description": "",
        "processId": 4711,
        "host": HOST,
        "deployment": "local",
        "incarnation": f"{agent_id}-1",
        "sequence": 7,
        "status": "running",
        "health": 100,
        "reasons": [],
        "suspect": False,
        "cause": None,
        "forced": None,
        "lastError": None,
        "lastActivity": None,
        "lastHeartbeat": AT,
        "beatAge": 3.0,
        "firstSeen": AT,
        "statusSince": AT,
        "call": None,
        "hasLine": False,
        "somethingNew": {"of": "a later version"},
        **changes,
    }


def an_agent(agent_id: str = "ada", **changes: Any) -> Agent:
    return msgspec.convert(agent_json(agent_id, **changes), Agent)


@dataclass(kw_only=True)
class FakeRegistry(httpx.AsyncBaseTransport):
    """Answers requests. What a test puts into its fields is what it answers."""

    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path as it was sent, body or parameters."""

    started_at: str = AT
    failure: Exception | httpx.Response | None = None
    """For all requests."""

    hangs: bool = False
    commands: list[Command] = field(default_factory=list)
    """For the replies to the next beats, one each."""

    refused_evidence: str = ""
    """Id of an agent that has another incarnation meanwhile."""

    refusals: list[tuple[int, str]] = field(default_factory=list)
    """For the next beats, one each: HTTP status and code."""

    beats: list[dict[str, Any]] = field(default_factory=list)
    streams: list[asyncio.Queue[bytes | None]] = field(default_factory=list)
    """Open event streams; None ends one."""

    history: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    token: str | None = None

    def add(self, *agents: dict[str, Any]) -> None:
        self.agents |= {agent["agentId"]: agent for agent in agents}

    def client(self) -> Client:
        return Client(Connection(URL, transport=self))

    def tell(self, name: str, **data: Any) -> None:
        """An event to all that listen."""
        message = b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
        for stream in self.streams:
            stream.put_nowait(message)

    def change(self, agent: dict[str, Any]) -> None:
        """An agent changes, and those who listen hear it."""
        self.add(agent)
        self.tell("agents", agents=[agent], removed=[], registry=self.facts())

    def hang_up(self) -> None:
        for stream in self.streams:
            stream.put_nowait(None)
        self.streams.clear()

    def facts(self) -> dict[str, Any]:
        counts: dict[str, int] = {}
        for agent in self.agents.values():
            counts[agent["status"]] = counts.get(agent["status"], 0) + 1
        return {"startedAt": self.started_at, "uptime": 5, "notices": [], "counts": counts, "ttl": 25}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        parameters = dict(request.url.params)
        body = msgspec.json.decode(await request.aread()) if request.content else parameters
        self.requests.append((request.method, path, body))
        if self.hangs:
            await asyncio.sleep(3600)
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return self.failure
        if (
            self.token
            and path != "/readyz"
            and request.headers.get("authorization") != f"Bearer {self.token}"
        ):
            return error_answer(401, "token", "this registry wants a token")
        return self._answer(request.method, path, body)

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        if path == "/api/beats":
            return self._take_beat(body)
        if path == "/api/events":
            return self._open_stream()
        if path == "/api/pulse":
            return json_answer({"agents": {}})
        if path == "/api/agents":
            return self._list(body)
        return self._one(method, *_split(path), body=body)

    def _take_beat(self, beat: dict[str, Any]) -> httpx.Response:
        if self.refusals:
            status, code = self.refusals.pop(0)
            return error_answer(
                status, code, f"refused: {code}", retry_after=2.0 if status in (429, 503) else None
            )
        self.beats.append(beat)
        commands = [self.commands.pop(0)] if self.commands and beat["status"] != "stopped" else []
        return json_answer({"ttl": 25, "interval": 10, "commands": msgspec.to_builtins(commands)})

    def _open_stream(self) -> httpx.Response:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        queue.put_nowait(b'event: hello\ndata: {"registry": {}}\n\n')
        self.streams.append(queue)

        async def stream() -> AsyncIterator[bytes]:
            while (piece := await queue.get()) is not None:
                yield piece

        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream())

    def _list(self, wanted: dict[str, str]) -> httpx.Response:
        found = [agent for agent in self.agents.values() if _is_wanted(agent, wanted)]
        offset, limit = int(wanted["offset"]), int(wanted["limit"])
        assert limit <= 500
        page = found[offset : offset + limit]
        return json_answer({"agents": page, "total": len(found), "limit": limit, "registry": self.facts()})

    def _one(self, method: str, agent_id: str, what: str, *, body: dict[str, Any]) -> httpx.Response:
        agent = self.agents.get(agent_id)
        if agent is None:
            return error_answer(404, "unknown_agent", f"no agent {agent_id!r} is known here")
        if method == "GET":
            return self._tell_of(agent, what, limit=int(body.get("limit", 0)))
        return self._change(agent, method, what, body)

    def _tell_of(self, agent: dict[str, Any], what: str, *, limit: int) -> httpx.Response:
        match what:
            case "":
                return json_answer({**agent, "prompt": "Be kind."})
            case "history":
                return json_answer({"changes": self.history[:limit]})
            case _:
                return json_answer({"lines": self.log})

    def _change(self, agent: dict[str, Any], method: str, what: str, body: dict[str, Any]) -> httpx.Response:
        match method, what:
            case "PUT", "status":
                health = 50 if body["health"] is None else body["health"]
                agent |= {"status": body["status"], "health": health, "forced": {**body, "at": AT}}
            case "DELETE", "status":
                agent |= {"status": "running", "health": 100, "forced": None}
            case "POST", "evidence":
                if self.refused_evidence == agent["agentId"]:
                    return error_answer(409, "superseded", "another process has the id now")
                agent |= _after(body["evidence"])
            case "POST", "remove":
                del self.agents[agent["agentId"]]
            case _:
                return json_answer(
                    {"id": "1", "state": "queued", "message": "with its next beat"}, status=202
                )
        return json_answer(agent)


def _after(evidence: str) -> dict[str, Any]:
    match evidence:
        case "process_gone":
            return {"status": "offline", "health": 0, "cause": "its process is gone"}
        case "inactive":
            return {"status": "warning", "health": 70}
        case _:
            return {}


def _is_wanted(agent: dict[str, Any], wanted: dict[str, str]) -> bool:
    return (
        ("status" not in wanted or agent["status"] in wanted["status"].split(","))
        and wanted.get("kind") in (None, agent["kind"])
        and wanted.get("host") in (None, agent["host"])
        and wanted.get("search", "").casefold() in f"{agent['agentId']} {agent['name']}".casefold()
    )


def _split(path: str) -> tuple[str, str]:
    agent_id, _, what = path.removeprefix("/api/agents/").partition("/")
    return unquote(agent_id), what


def json_answer(value: Any, *, status: int = 200) -> httpx.Response:
    return httpx.Response(
        status, content=msgspec.json.encode(value), headers={"content-type": "application/json"}
    )


def error_answer(status: int, code: str, message: str, *, retry_after: float | None = None) -> httpx.Response:
    error = {"code": code, "message": message}
    return json_answer(
        {"error": error if retry_after is None else {**error, "retryAfter": retry_after}}, status=status
    )
