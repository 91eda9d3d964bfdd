"""All language models that a process may ask, as one thing: asked with `stream`, it finds out who answers."""

from __future__ import annotations

import asyncio
import random as chance
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from config import Settings
from llm.answers import Budget
from llm.board import Board
from llm.chunks import Chunk, completion_of
from llm.discovery import Discovery
from llm.endpoints import Source
from llm.health import State
from llm.pool import Member, Pool
from llm.probing import Prober
from llm.requests import ChatRequest
from llm.router import Router
from llm.transport import Transport
from llm.watching import Discover, Watcher

REFRESH_LIMIT = 10.0
"""Seconds that `refresh` takes at most."""

Mode = Literal["none", "cloud", "local", "discovered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """One endpoint, for pages and people. Holds no secret."""

    id: str
    base_url: str
    host: str
    model: str | None
    """That it would be asked for; None = not known yet."""

    source: str
    kind: str
    deploy_id: str | None
    models: tuple[str, ...]
    state: State
    reason: str
    age: float
    """Seconds in this state."""

    retry_in: float | None
    """Seconds until it is tried again; None = it is not broken."""

    is_current: bool
    is_selected: bool
    first_token_ms: float | None
    """Median of its last answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Another endpoint took over, `age` seconds ago."""

    age: float
    source: str | None
    target: str | None
    reason: str


class Models:
    """Use as an async context manager, or `start` and `aclose`.

    Args:
        settings: Where models are, and their limits.
        discover: Finds endpoints on the network; None = `Discovery` of the settings.
        board_folder: Where the processes of this host share what they know; None = they do not.
        tls: A context that is there already.
        clock: Seconds, monotonic.
        random: 0 to 1.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        discover: Discover | None = None,
        board_folder: Path | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = chance.random,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._transport = Transport(tls=tls)
        self._pool = Pool(clock=clock, random=random, max_failures=settings.agent_max_failures)
        self._router = Router(
            self._pool, self._transport, budget=_budget(settings), hedges=settings.llm_hedging, clock=clock
        )
        self._prober = Prober(
            self._pool,
            self._transport,
            limit=settings.agent_health_check_timeout,
            patience=settings.llm_first_token_timeout,
            interval=settings.agent_health_check_interval,
            clock=clock,
            random=random,
        )
        self._board = None if board_folder is None else Board(board_folder)
        self._has_own_discovery = discover is None
        self._watcher = Watcher(
            settings,
            self._pool,
            discover=Discovery(settings) if discover is None else discover,
            prober=self._prober,
            board=self._board,
            clock=clock,
        )
        self._discover = discover
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Begin to look for models and after them. Quick: nothing is waited for."""
        self._watcher.begin()
        self._watching = asyncio.create_task(self._watcher.run(), name="llm-watch")

    async def aclose(self) -> None:
        """End the background and close all connections. May be called twice."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        await self._router.aclose()
        await self._prober.aclose()
        await self._watcher.aclose()
        await self._transport.aclose()
        if self._board is not None:
            self._board.close()

    # -- asking

    def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The answer in pieces; see `llm.router.Router.stream`."""
        return self._router.stream(request)

    async def complete(self, request: ChatRequest) -> dict[str, Any]:
        """The whole answer, as OpenAI's `chat.completion`. Raises as `stream`."""
        return completion_of([chunk async for chunk in self.stream(request)])

    # -- what is known

    def views(self) -> tuple[EndpointView, ...]:
        """All endpoints, in preferred order."""
        current = self._pool.current
        return tuple(self._view(member, is_current=member is current) for member in self._pool.members())

    @property
    def current(self) -> EndpointView | None:
        """The one that would answer now; None = none is known to."""
        member = self._pool.current
        return None if member is None else self._view(member, is_current=True)

    @property
    def is_available(self) -> bool:
        """Whether one is known to answer."""
        return self._pool.is_available

    @property
    def may_answer(self) -> bool:
        """Whether there is one that is not known to be broken."""
        return self._pool.may_answer

    @property
    def mode(self) -> Mode:
        """Where the answers come from."""
        member = self._pool.current
        if member is None or not self.is_available:
            return "none"
        source = member.endpoint.source
        if source is Source.CLOUD:
            return "cloud"
        return "discovered" if source in {Source.DISCOVERED, Source.BACKEND} else "local"

    @property
    def next_poll(self) -> float | None:
        """Seconds until distant endpoints are asked again for want of a model; None = they are not."""
        return self._watcher.next_poll

    @property
    def troubles(self) -> tuple[str, ...]:
        """What went wrong when models were looked for, in words."""
        return self._watcher.troubles

    def switches(self) -> tuple[Switch, ...]:
        """The last ones, newest first."""
        now = self._clock()
        return tuple(
            Switch(age=max(0.0, now - one.at), source=one.source, target=one.target, reason=one.reason)
            for one in self._pool.switches()
        )

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after any change of an endpoint or of who comes first. Returns what ends that."""
        return self._pool.subscribe(callback)

    async def wait_available(self, timeout: float | None = None) -> bool:
        """Wait until a model is known to answer, at most `timeout` seconds. Returns whether one is."""
        changed = asyncio.Event()
        end = self.subscribe(changed.set)
        try:
            async with asyncio.timeout(timeout):
                while not self.is_available:
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return self.is_available
        finally:
            end()
        return True

    # -- what people do

    async def refresh(self) -> None:
        """Look for endpoints and probe all now, within `REFRESH_LIMIT`."""
        await self._watcher.refresh(limit=REFRESH_LIMIT)

    def select(self, name: str | None, *, model: str | None = None) -> EndpointView | None:
        """Put an endpoint first, by its deploy id or id; None or empty = the settings' order again.

        Raises:
            UnknownModelError: There is none of this name, or it has no such model.
        """
        member = self._pool.select(name, model=model)
        return None if member is None else self._view(member, is_current=member is self._pool.current)

    async def reconfigure(self, settings: Settings) -> None:
        """Take other settings. Endpoints that stay keep what is known of them; running answers go on."""
        self.settings = settings
        self._pool.max_failures = settings.agent_max_failures
        self._router.budget = _budget(settings)
        self._router.hedges = settings.llm_hedging
        self._prober.reconfigure(
            limit=settings.agent_health_check_timeout,
            patience=settings.llm_first_token_timeout,
            interval=settings.agent_health_check_interval,
        )
        discover = Discovery(settings) if self._has_own_discovery else self._discover
        await self._watcher.reconfigure(settings, discover)

    def _view(self, member: Member, *, is_current: bool) -> EndpointView:
        endpoint, health, now = member.endpoint, member.health, self._clock()
        words = sorted(member.first_words)
        return EndpointView(
            id=endpoint.id,
            base_url=endpoint.base_url,
            host=endpoint.host,
            model=member.model_for(None),
            source=endpoint.source.value,
            kind=endpoint.kind,
            deploy_id=endpoint.deploy_id,
            models=endpoint.models,
            state=health.state,
            reason=health.reason,
            age=max(0.0, now - health.since),
            retry_in=None if health.is_available else max(0.0, health.retry_at - now),
            is_current=is_current,
            is_selected=endpoint.id == self._pool.selected,
            first_token_ms=1000 * words[len(words) // 2] if words else None,
        )


def _budget(settings: Settings) -> Budget:
    return Budget(
        first_word=settings.llm_first_token_timeout,
        patience=settings.llm_patience,
        between=settings.llm_token_timeout,
        total=settings.llm_total_timeout,
    )
