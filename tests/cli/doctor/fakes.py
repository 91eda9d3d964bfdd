"""The network as doctor sees it, in memory: LiveKit, the registry and everybody else, by host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import jwt
import msgspec

from cli.doctor import World
from config import LiveKitLogin, Settings
from tests.cli.room_fakes import FakeHouse

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = "APIkey"
SECRET = "a-secret-of-32-bytes-or-even-more-than-that"
LIVEKIT = "ws://livekit.test:7880"


@dataclass(kw_only=True)
class FakeLiveKit:
    """Answers as livekit-server 1.13.5 does."""

    departure_timeout: int = 120
    knows_rpc: bool = True
    ahead: float = 0.0
    """Seconds that its clock is ahead."""

    failure: Exception | httpx.Response | None = None
    hangs_at: str = ""
    """A method that never answers."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    issuers: list[str] = field(default_factory=list)
    rooms: dict[str, Any] = field(default_factory=dict)
    on_room: Callable[[], None] = lambda: None

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return self.failure
        method = request.url.path.rpartition("/")[2]
        body = msgspec.json.decode(request.content)
        if method == self.hangs_at:
            await asyncio.sleep(3600)
        refusal = self._refusal(request.headers["authorization"].removeprefix("Bearer "))
        if refusal:
            return self._dated(httpx.Response(401, text=refusal))
        self.calls.append((method, body))
        return self._dated(self._done(method, body))

    def _done(self, method: str, body: dict[str, Any]) -> httpx.Response:
        match method:
            case "ListRooms":
                return httpx.Response(200, json={"rooms": []})
            case "CreateRoom":
                self.rooms[body["name"]] = body
                self.on_room()
                return httpx.Response(
                    200, json={"name": body["name"], "departure_timeout": self.departure_timeout}
                )
            case "DeleteRoom":
                del self.rooms[body["room"]]
                return httpx.Response(200, json={})
            case "PerformRpc" if self.knows_rpc:
                return httpx.Response(400, json={"code": "invalid_argument", "msg": "identity is required"})
            case _:
                return httpx.Response(404, json={"code": "bad_route", "msg": "no handler for path"})

    def _refusal(self, token: str) -> str:
        issuer = jwt.decode(token, options={"verify_signature": False})["iss"]
        self.issuers.append(issuer)
        if issuer != KEY:
            return f"invalid API key: {issuer}"
        try:
            jwt.decode(
                token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
            )
        except jwt.InvalidSignatureError:
            return f"invalid token: {token}, error: token signature is invalid: signature is invalid"
        if abs(self.ahead) > 60:
            return f"invalid token: {token}, error: token has invalid claims: token is expired"
        return ""

    def _dated(self, answer: httpx.Response) -> httpx.Response:
        answer.headers["date"] = format_datetime(NOW + timedelta(seconds=self.ahead), usegmt=True)
        return answer


@dataclass(kw_only=True)
class FakeNetwork(httpx.AsyncBaseTransport):
    """Hands requests to whoever has the host. Nobody else answers."""

    livekit: FakeLiveKit = field(default_factory=FakeLiveKit)
    house: FakeHouse = field(default_factory=FakeHouse)
    others: dict[str, httpx.Response] = field(default_factory=dict)
    """Answers by ``host:port``."""

    asked: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        await request.aread()
        if request.url.host == "livekit.test":
            return await self.livekit.answer(request)
        if request.url.host == "registry.test":
            return await self.house.handle_async_request(request)
        place = f"{request.url.host}:{request.url.port or ''}"
        if place in self.others:
            return self.others[place]
        raise httpx.ConnectError("refused")


def a_login(*, key: str = KEY, secret: str = SECRET) -> LiveKitLogin:
    settings = Settings(livekit_url=LIVEKIT, livekit_api_key=key, livekit_api_secret=secret)  # type: ignore[arg-type]
    return settings.livekit_login()


def a_world(network: FakeNetwork, *, taken: set[int] | None = None, version: str = "1.13.5") -> World:
    async def listens(_: str, port: int) -> bool:
        return port in (taken or set())

    async def server_version(*_: object) -> str:
        return version

    return World(now=lambda: NOW, transport=network, listens=listens, server_version=server_version)
