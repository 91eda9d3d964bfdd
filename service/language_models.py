"""What the service needs of language models: `llm.models.Models`, or a test's stand-in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
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
    """Whose answers come: whoever is first at the moment. Remembered, because it is asked at every answer."""

    def __init__(self, models: LanguageModels) -> None:
        self._models = models
        self._current: EndpointView | None = None
        self._is_known = False
        models.subscribe(self._forget)

    def of(self, chunk: Chunk) -> tuple[str, str]:
        """Id of the endpoint whose answer begins with `chunk`, and its model's name by its own account."""
        if not self._is_known:
            self._current, self._is_known = self._models.current, True
        current, name = self._current, chunk.get("model")
        if not isinstance(name, str) or not name:
            name = None if current is None else current.model
        return "unknown" if current is None else current.id, name or "unknown"

    def _forget(self) -> None:
        self._is_known = False


_SOON = 5.0
_LATEST = 30.0


def comes_again_in(models: LanguageModels) -> float:
    """Seconds after which it is worth asking again, while no model answers. 1 to 30."""
    times = [view.retry_in for view in models.views() if view.retry_in is not None]
    if models.next_poll is not None:
        times.append(models.next_poll)
    return min(max(min(times, default=_SOON), 1.0), _LATEST)
