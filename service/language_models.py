"""What the service needs of language models: `llm.models.Models`, or a test's stand-in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any, Protocol

from config import Settings
from llm.chunks import Chunk
from llm.models import EndpointView, Mode, Switch
from llm.requests import ChatRequest


class LanguageModels(Protocol):
    """See `llm.models.Models`."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]: ...

    async def complete(self, request: ChatRequest) -> dict[str, Any]: ...

    def views(self) -> tuple[EndpointView, ...]: ...

    @property
    def current(self) -> EndpointView | None: ...

    @property
    def is_available(self) -> bool: ...

    @property
    def mode(self) -> Mode: ...

    @property
    def next_poll(self) -> float | None: ...

    @property
    def troubles(self) -> tuple[str, ...]: ...

    def switches(self) -> tuple[Switch, ...]: ...

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]: ...

    async def refresh(self) -> None: ...

    def select(self, name: str | None, *, model: str | None = None) -> EndpointView | None: ...

    async def reconfigure(self, settings: Settings) -> None: ...


class Answering:
    """Whose answer to one request comes."""

    def __init__(self) -> None:
        self.endpoint = "unknown"
        self.model: str | None = None

    def asked(self, request: ChatRequest) -> ChatRequest:
        """`request`, that lets this know."""
        return replace(request, on_begin=self._begin)

    def _begin(self, endpoint: str, model: str) -> None:
        self.endpoint, self.model = endpoint, model


_SOON = 5.0
_LATEST = 30.0


def comes_again_in(models: LanguageModels) -> float:
    """Seconds after which it is worth asking again, while no model answers. 1 to 30."""
    times = [view.retry_in for view in models.views() if view.retry_in is not None]
    if models.next_poll is not None:
        times.append(models.next_poll)
    return min(max(min(times, default=_SOON), 1.0), _LATEST)
