"""Rooms, processes, sessions and profiles of the registry for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec

from cli.room_answers import Keeper, Room
from tests.cli.fakes import AT, FakeRegistry, error_answer, json_answer

KEEPER = {
    "isOn": True,
    "isLeading": True,
    "isReachable": True,
    "livekitUrl": "ws://livekit.test",
    "trouble": None,
    "webhookSeenAt": AT,
    "forgedWebhooks": 0,
}
NO_ROOM = (404, "unknown_room", "LiveKit has no such room")


def agent_seen(**changes: Any) -> dict[str, Any]:
    """An agent on LiveKit's list of a room."""
    return {
        "identity": "ai-1-AJ_x",
        "agentId": "1",
        "incarnation": "i-1",
        "rowId": "1",
        "joinedAt": AT,
        "leaving": None,
        "health": "alive",
        **changes,
    }


def human_seen(identity: str = "guest-7", role: str = "client") -> dict[str, Any]:
    return {"identity": identity, "role": role}


def room_json(name: str = "agent-1-room", **changes: Any) -> dict[str, Any]:
    """A room with a human and an agent, as the registry tells of it."""
    return {
        "name": name,
        "sid": "RM_x",
        "agentId": "1",
        "phase": "active",
        "phaseSince": AT,
        "since": AT,
        "graceEndsAt": None,
        "humans": [human_seen()],
        "agents": [agent_seen()],
        "lastDecision": {"at": AT, "action": "dispatch", "why": "a human, and no agent for 2 s"},
        "trouble": None,
        "closed": None,
        "attempts": 0,
        "somethingNew": {"of": "a later version"},
        **changes,
    }


def a_room(name: str = "agent-1-room", **changes: Any) -> Room:
    return msgspec.convert(room_json(name, **changes), Room)


def a_keeper(**changes: Any) -> Keeper:
    return msgspec.convert({**KEEPER, **changes}, Keeper)


def why_json(name: str = "agent-1-room", **changes: Any) -> dict[str, Any]:
    return {
        "room": name,
        "answer": "An agent is there.",
        "facts": [{"at": AT, "source": "livekit", "text": "guest joined", "isBad": False}],
        "nextStep": "nothing is to be done",
        "nextAt": None,
        "events": [],
        **changes,
    }


def process_json(process_id: str = "worker-1", **changes: Any) -> dict[str, Any]:
    """A process of the supervisor."""
    return {
        "id": process_id,
        "name": "Worker",
        "command": "python agent.py start",
        "state": "RUNNING",
        "wanted": "running",
        "pid": 4711,
        "startedAt": AT,
        "exitCode": None,
        "restarts": 0,
        "retryAt": None,
        "trouble": None,
        "rowIds": ["1"],
        **changes,
    }


def session_json(**changes: Any) -> dict[str, Any]:
    return {
        "id": "0b2f-1",
        "rowId": "1",
        "agentId": "1",
        "room": "agent-1-room",
        "startedAt": AT,
        "heardAt": "2026-01-02T03:05:05Z",
        "endedAt": None,
        "mostHumans": 2,
        "turns": 5,
        "closeReason": None,
        "exitCode": None,
        "isOpen": True,
        **changes,
    }


@dataclass(kw_only=True)
class FakeHouse(FakeRegistry):
    """A registry that keeps rooms, too."""

    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    keeper: dict[str, Any] = field(default_factory=lambda: dict(KEEPER))
    reasons: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Answers to why, by room."""

    found: list[dict[str, Any]] = field(default_factory=list)
    """Garbage."""

    processes: dict[str, dict[str, Any]] = field(default_factory=dict)
    file_trouble: str | None = None
    sessions: list[dict[str, Any]] = field(default_factory=list)
    transcript: bytes = b""
    profiles: dict[str, Any] = field(default_factory=dict)
    imported: dict[str, Any] = field(default_factory=dict)
    """Answer to an import."""

    notices: list[dict[str, str]] = field(default_factory=list)
    keeps_rooms: bool = True
    """False = an older registry, which has no such paths."""

    ready: httpx.Response = field(default_factory=lambda: httpx.Response(200, text="ready"))

    if_none_match: str = ""
    """Header of the last request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.if_none_match = request.headers.get("If-None-Match", "")
        return await super().handle_async_request(request)

    def add_rooms(self, *rooms: dict[str, Any]) -> None:
        self.rooms |= {room["name"]: room for room in rooms}

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "notices": self.notices, "version": "0.1.0"}

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        parts = [unquote(part) for part in path.split("/")[1:]]
        match method, *parts:
            case "GET", "readyz":
                answer = self.ready
            case "GET", "api", "livekit", *_, "why" if not self.keeper["isOn"]:
                answer = error_answer(409, "not_keeping", "room keeping is off")
            case "GET", "api", "status":
                answer = json_answer(self.facts())
            case _, "api", "livekit", *rest if self.keeps_rooms:
                answer = self._about_rooms(rest, body)
            case "GET", "api", "sessions":
                answer = json_answer({"sessions": self.sessions})
            case "GET", "api", "sessions", session_id, *rest:
                answer = self._about_session(session_id, rest)
            case _, "api", "processes", *rest:
                answer = self._about_processes(rest)
            case _, "api", "profiles", *rest:
                answer = self._about_profiles(rest)
            case _, "api", "agents", agent_id, "profile", *rest:
                answer = self._about_profile(method, agent_id, body, is_script=bool(rest))
            case "POST", "api", "agents", _, "force-stop":
                answer = json_answer({"killed": False, "said": "its process is not this registry's"})
            case _, "api", "livekit", *_:
                answer = error_answer(404, "not_found", "there is no such path")
            case _:
                answer = super()._answer(method, path, body)
        return answer

    def _about_rooms(self, rest: list[str], body: dict[str, Any]) -> httpx.Response:
        match rest:
            case ["rooms"]:
                return json_answer({"rooms": list(self.rooms.values()), "keeper": self.keeper})
            case ["gc"]:
                return json_answer({"dryRun": body["dryRun"], "found": self.found})
            case ["rooms", name, "why"]:
                return json_answer(self.reasons.get(name) or why_json(name))
            case ["rooms", name, *_] if name not in self.rooms:
                return error_answer(*NO_ROOM)
            case ["rooms", name, "close"]:
                who = [agent["identity"] for agent in self.rooms[name]["agents"]]
                report = {"asked": [], "removed": who} if body["force"] else {"asked": who, "removed": []}
                n = len(self.rooms[name]["humans"])
                return json_answer({"room": name, **report, "humansLeftThere": n}, status=202)
            case _:
                return json_answer(self.rooms[rest[1]])

    def _about_session(self, session_id: str, rest: list[str]) -> httpx.Response:
        found = next((one for one in self.sessions if one["id"] == session_id), None)
        if found is None:
            return error_answer(404, "unknown_session", f"no session {session_id!r} has reported here")
        return httpx.Response(200, content=self.transcript) if rest == ["transcript"] else json_answer(found)

    def _about_processes(self, rest: list[str]) -> httpx.Response:
        match rest:
            case []:
                found = list(self.processes.values())
                return json_answer(
                    {"processes": found, "file": "/srv/agents.toml", "trouble": self.file_trouble}
                )
            case ["start-all"]:
                started = [
                    one if one["pid"] else one | {"state": "STARTING"} for one in self.processes.values()
                ]
                return json_answer({"processes": started}, status=202)
            case [name, *_] if name not in self.processes:
                return error_answer(404, "unknown_process", f"there is no process {name!r}")
            case [name]:
                return json_answer(self.processes[name])
            case _:
                state = {"start": "STARTING", "restart": "STOPPING"}.get(rest[1], "STOPPING")
                return json_answer(self.processes[rest[0]] | {"state": state}, status=202)

    def _about_profiles(self, rest: list[str]) -> httpx.Response:
        entries = [{"agentId": agent_id, "profile": profile} for agent_id, profile in self.profiles.items()]
        match rest:
            case ["export"]:
                return json_answer({"version": 1, "profiles": entries})
            case ["import"]:
                return json_answer(self.imported)
            case _:
                views = [
                    {"agentId": one["agentId"], "updatedAt": AT, "updatedBy": "ann", **one["profile"]}
                    for one in entries
                ]
                return json_answer({"profiles": views, "total": len(views), "groups": []})

    def _about_profile(
        self, method: str, agent_id: str, body: dict[str, Any], *, is_script: bool
    ) -> httpx.Response:
        if method == "PUT" and agent_id in self.profiles and self.if_none_match == "*":
            return error_answer(412, "changed", f"agent {agent_id!r} has a profile already")
        if method == "PUT":
            self.profiles[agent_id] = body
        elif agent_id not in self.profiles:
            return error_answer(404, "unknown_profile", f"no profile is stored for {agent_id!r}")
        elif method == "DELETE":
            del self.profiles[agent_id]
        elif is_script:
            return httpx.Response(200, text=f"# {agent_id}\n")
        profile = self.profiles.get(agent_id, {})
        return json_answer(
            {"agentId": agent_id, "profile": profile, "updatedAt": AT, "updatedBy": "ann@desk"}
        )
