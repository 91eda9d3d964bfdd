"""A service that runs: all its parts, put together once, and ended in order."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from config import Settings, SettingsError
from config.hosts import is_loopback
from llm.tools import Tool, tools_for
from llm.tools import aclose as close_tools
from service.answers import Answers
from service.auth import Access
from service.chat import Chat
from service.clock import Clock
from service.language_models import LanguageModels
from service.metrics import Metrics
from service.shown_settings import changes
from service.store import Limits, Store
from service.threads import Threads

logger = logging.getLogger(__name__)

VERSION = importlib.metadata.version("roomkeeper")

Reload = Callable[[], Settings]
"""Reads the settings again. Raises `SettingsError`."""


class Service:
    """The parts that the routes need.

    Args:
        settings: As they are now.
        models: Who answers.
        store: Keeps conversations.
        host: Address that the service listens on: it decides whether a secret may be missing.
        reload: Reads the settings again.
        clock: Both clocks.
    """

    version = VERSION

    def __init__(
        self,
        settings: Settings,
        *,
        models: LanguageModels,
        store: Store,
        host: str,
        reload: Reload,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.models = models
        self.clock = clock
        self.started_at = clock.monotonic()
        self.metrics = Metrics()
        self.answers = Answers()
        self.access = Access(_secret(settings), clock=lambda: clock.utc().timestamp())
        self.threads = Threads(store, limits=_limits(settings), clock=clock.utc)
        self.chat = Chat(
            models,
            self.threads,
            metrics=self.metrics,
            tools=tools_for(settings),
            clock=clock.monotonic,
        )
        self.metrics.watch(models, self.threads)
        self._host = host
        self._reload = reload
        self._left_tools: list[Tool] = []
        self._reconfiguring = asyncio.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether a message would be answered by a model."""
        return self.models.is_available and not self.answers.is_closing

    async def reconfigure(self) -> dict[str, object]:
        """Read the settings again and take them. Returns what has changed, by name.

        Raises:
            SettingsError: They are wrong; the old ones stay.
        """
        async with self._reconfiguring:
            before = self.settings
            after = self._reload()
            check_secret(after, host=self._host)
            changed = changes(before, after)
            self.settings = after
            self.access.take_secret(_secret(after))
            self.threads.limits = _limits(after)
            self._left_tools += self.chat.tools
            self.chat.tools = tools_for(after)
            await self.models.reconfigure(after)
            logger.info(
                "the settings were read again",
                extra={"action": "service.reconfigured", "changed": ", ".join(changed) or None},
            )
            return changed

    def begin_closing(self) -> None:
        """The service ends: what runs may end by itself. May be called twice."""
        self.answers.is_closing = True

    async def aclose(self) -> None:
        """Write and close what is left. The models and the store stay open."""
        self.begin_closing()
        await self.threads.aclose()
        await close_tools([*self._left_tools, *self.chat.tools])


@asynccontextmanager
async def run_service(
    settings: Settings,
    *,
    models: LanguageModels,
    store: Store,
    host: str,
    reload: Reload,
    clock: Clock | None = None,
) -> AsyncIterator[Service]:
    """Open a service, run its loops, and end it. The models and the store stay open."""
    service = Service(settings, models=models, store=store, host=host, reload=reload, clock=clock or Clock())
    await service.threads.open()
    watching = asyncio.create_task(service.threads.run(), name="threads")
    watching.add_done_callback(_say_broken)
    try:
        yield service
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await service.aclose()


def check_secret(settings: Settings, *, host: str) -> None:
    """See that a service that others can reach asks for tokens.

    Raises:
        SettingsError: It does not.
    """
    if settings.jwt_secret is None and not is_loopback(host):
        raise SettingsError(
            f"AGENT_SERVICE_HOST={host!r} is not this machine's own address, so JWT_SECRET must be set: whoever "
            "reaches the service can spend tokens and read conversations"
        )


def _secret(settings: Settings) -> str | None:
    return None if settings.jwt_secret is None else settings.jwt_secret.get_secret_value()


def _limits(settings: Settings) -> Limits:
    return Limits(
        threads=settings.chat_threads,
        messages=settings.chat_thread_messages,
        ttl=timedelta(seconds=settings.chat_thread_ttl),
    )


def _say_broken(loop: asyncio.Task[None]) -> None:
    if not loop.cancelled() and (error := loop.exception()) is not None:
        logger.critical("the threads' loop broke", exc_info=error, extra={"action": "service.broke"})
