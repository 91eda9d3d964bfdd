"""What the API of rooms, sessions and profiles needs, without LiveKit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from fastapi import APIRouter, FastAPI
from livekit import api
from pydantic import SecretStr
from starlette.responses import Response

from config import LiveKitLogin
from registry.api_latencies import add_latencies
from registry.api_livekit import add_livekit
from registry.api_profiles import add_profiles
from registry.api_rooms import add_rooms
from registry.api_sessions import add_sessions
from registry.app import answer_errors
from registry.clock import Clock
from registry.quoted_ids import QuotedIds
from registry.room_keeper import RoomKeeper
from registry.sessions import Sessions
from registry.store import Store
from rooms.errors import NoRoomError, NotKeepingError, RoomsError
from rooms.tally import Counts
from rooms.tokens import Tokens
from rooms.views import (
    CloseReport,
    ClosureView,
    GarbageReport,
    GarbageView,
    HumanView,
    KeeperView,
    RoomAgentView,
    RoomView,
    WhyView,
)
from rooms.webhooks import Webhooks
from wire import AgentId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "a-secret-of-thirty-two-characters"
LOGIN = LiveKitLogin(url="http://livekit.example:7880", api_key="key", api_secret=SecretStr(SECRET))


@dataclass
class FakeClock:
    """Stands still until it is moved."""

    now: datetime = NOW

    def utc(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - NOW).total_seconds()

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=self.monotonic, utc=self.utc)


def a_room(name: str, *agents: RoomAgentView, closed: ClosureView | None = None) -> RoomView:
    return RoomView(
        name=name,
        sid=f"RM_{name}",
        agent_id=None,
        phase="active",
        phase_since=NOW,
        since=NOW,
        grace_ends_at=None,
        humans=(HumanView(identity="ann", role="client"),),
        agents=agents,
        last_decision=None,
        trouble=None,
        closed=closed,
        attempts=0,
    )


def an_agent(identity: str) -> RoomAgentView:
    return RoomAgentView(
        identity=identity,
        agent_id="7",
        incarnation="one",
        row_id="7",
        joined_at=NOW,
        leaving=None,
        health="alive",
    )


@dataclass
class FakeKeeper(RoomKeeper):
    """Keeps rooms in memory, and remembers what it was asked for."""

    kept: dict[str, RoomView] = field(default_factory=dict)
    error: RoomsError | None = None
    """What everything that is to be done fails with."""

    woken: list[str | None] = field(default_factory=list)
    webhooks: list[bool] = field(default_factory=list)
    closed: list[tuple[str, str, str, bool]] = field(default_factory=list)
    collected: list[tuple[bool, str, str]] = field(default_factory=list)
    created: list[tuple[str, str, bool]] = field(default_factory=list)

    def state(self) -> KeeperView:
        return KeeperView(
            is_on=self.error is None,
            is_leading=True,
            is_led=True,
            is_reachable=True,
            livekit_url="ws://livekit.example:7880",
            trouble=None,
            webhook_seen_at=None,
            forged_webhooks=sum(self.webhooks),
        )

    def rooms(self) -> tuple[RoomView, ...]:
        return tuple(self.kept[name] for name in sorted(self.kept))

    def room(self, name: str) -> RoomView | None:
        return self.kept.get(name)

    def why(self, name: str) -> WhyView:
        if isinstance(self.error, NotKeepingError):
            raise self.error
        return WhyView(
            room=name, answer="LiveKit has no such room.", facts=(), next_step="", next_at=None, events=()
        )

    def stats(self) -> Counts:
        return Counts(since=-60.0, phases={"active": len(self.kept)}, grace_started=3)

    def wake(self, room: str | None) -> None:
        self.woken.append(room)

    def webhook_seen(self, *, forged: bool) -> None:
        self.webhooks.append(forged)

    async def close(self, name: str, *, by: str, reason: str, force: bool) -> CloseReport:
        self._fail()
        if name not in self.kept:
            raise NoRoomError(f"LiveKit has no room {name!r}")
        self.closed.append((name, by, reason, force))
        agents = tuple(agent.identity for agent in self.kept[name].agents)
        self.kept[name] = a_room(name, closed=ClosureView(by=by, reason=reason, at=NOW))
        return CloseReport(
            room=name,
            asked=() if force else agents,
            removed=agents if force else (),
            humans_left_there=1,
        )

    async def collect_garbage(self, *, dry_run: bool, by: str, reason: str) -> GarbageReport:
        self._fail()
        self.collected.append((dry_run, by, reason))
        found = GarbageView(what="room", room="old", identity=None, why="empty for an hour", done=not dry_run)
        return GarbageReport(dry_run=dry_run, found=(found,))

    async def create_room(self, name: str, *, agent_id: AgentId, metadata: str, dispatch: bool) -> str | None:
        self._fail()
        self.created.append((name, agent_id, dispatch))
        return "AD_1" if dispatch else None

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def room_api(
    store: Store,
    *,
    keeper: FakeKeeper | None = None,
    clock: FakeClock | None = None,
    sessions: Sessions | None = None,
    login: LiveKitLogin | None = LOGIN,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the routes alone."""
    keeper, clock = keeper or FakeKeeper(), clock or FakeClock()
    sessions = sessions or Sessions(store.sessions, clock=clock.clock, history_days=30, journal_days=30)
    tokens = None if login is None else Tokens(login)
    webhooks = None if login is None else Webhooks(login, now=lambda: clock.utc().timestamp())
    router = APIRouter(prefix="/api", default_response_class=Response)
    add_profiles(router, profiles=store.profiles, utc=clock.utc)
    add_rooms(router, keeper=keeper, history=store.rooms, sessions=sessions, utc=clock.utc)
    add_livekit(router, keeper=keeper, tokens=tokens, webhooks=webhooks)
    add_sessions(router, sessions=sessions, keeper=keeper, tokens=tokens)
    add_latencies(router, sessions=sessions, utc=clock.utc)
    app = FastAPI()
    app.include_router(router)
    answer_errors(app)
    transport = httpx.ASGITransport(QuotedIds(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3026") as client:
        yield client


def claims_of(token: str) -> api.access_token.Claims:
    """What a token grants, its signature checked."""
    return api.TokenVerifier(LOGIN.api_key, SECRET).verify(token)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def message(response: httpx.Response) -> str:
    text: str = response.json()["error"]["message"]
    return text
