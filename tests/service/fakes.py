"""Language models that answer as a test wants it, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from config import Settings
from llm.chunks import Chunk, completion_of
from llm.errors import LlmError, UnknownModelError
from llm.health import State
from llm.models import EndpointView, Mode, Switch
from llm.requests import ChatRequest
from service.language_models import LanguageModels


def view(endpoint_id: str = "127.0.0.1:11434", **fields: Any) -> EndpointView:
    """An endpoint that answers."""
    given: dict[str, Any] = {
        "base_url": f"http://{endpoint_id}/v1",
        "host": endpoint_id,
        "model": "fake-1",
        "source": "discovered",
        "kind": "ollama",
        "deploy_id": None,
        "models": ("fake-1", "fake-2"),
        "state": State.HEALTHY,
        "reason": "",
        "age": 12.5,
        "retry_in": None,
        "is_current": True,
        "is_selected": False,
        "first_token_ms": None,
    }
    return EndpointView(id=endpoint_id, **{**given, **fields})


class FakeModels:
    """A `LanguageModels` that says `words`, or raises `error`.

    All attributes may be set at any time; they count from the next request on.
    """

    def __init__(self) -> None:
        self.words: Sequence[str] = ("It is ", "a fine day.")
        self.error: LlmError | None = None
        """Raised before the first word."""
        self.breaks: list[LlmError] = []
        """Each is raised once, after the first word."""
        self.gate: asyncio.Event | None = None
        """Waited for after the first word."""
        self.delay = 0.0
        """Seconds before the first word."""
        self.usage: dict[str, int] | None = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        self.extra: Chunk = {}
        """Further fields of all chunks."""

        self.requests: list[ChatRequest] = []
        self.n_open = 0
        self.n_closed_early = 0
        self.endpoints: list[EndpointView] = [view()]
        self.poll: float | None = None
        self.past: tuple[Switch, ...] = ()
        self.found_wrong: tuple[str, ...] = ()
        self.selected: list[tuple[str | None, str | None]] = []
        self.n_refreshed = 0
        self.settings: list[Settings] = []
        self.listeners: list[Callable[[], None]] = []

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        self.n_open += 1
        is_over = False
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            if self.error is not None:
                is_over = True
                raise self.error
            if request.on_begin is not None:
                current = self.current
                request.on_begin(current.id if current else "none", (current and current.model) or "none")
            for number, word in enumerate(self.words):
                await asyncio.sleep(0)  # as words come over a network, between which others have their turn
                yield self._chunk(
                    {"role": "assistant", "content": word} if number == 0 else {"content": word}
                )
                if number == 0 and self.breaks:
                    is_over = True
                    raise self.breaks.pop(0)
                if number == 0 and self.gate is not None:
                    await self.gate.wait()
            yield self._chunk({}, finish="stop")
            if self.usage is not None:
                yield {**self._head(), "choices": [], "usage": self.usage}
            is_over = True
        finally:
            self.n_open -= 1
            self.n_closed_early += not is_over

    async def complete(self, request: ChatRequest) -> dict[str, Any]:
        return completion_of([chunk async for chunk in self.stream(request)])

    def views(self) -> tuple[EndpointView, ...]:
        return tuple(self.endpoints)

    @property
    def current(self) -> EndpointView | None:
        return next((each for each in self.endpoints if each.is_current), None)

    @property
    def is_available(self) -> bool:
        return any(each.state is State.HEALTHY for each in self.endpoints)

    @property
    def mode(self) -> Mode:
        return "discovered" if self.is_available else "none"

    @property
    def next_poll(self) -> float | None:
        return self.poll

    @property
    def troubles(self) -> tuple[str, ...]:
        return self.found_wrong

    def switches(self) -> tuple[Switch, ...]:
        return self.past

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)

    async def refresh(self) -> None:
        self.n_refreshed += 1

    def select(self, name: str | None, *, model: str | None = None) -> EndpointView | None:
        if name and name not in {each.id for each in self.endpoints} | {
            each.deploy_id for each in self.endpoints
        }:
            known = ", ".join(each.deploy_id or each.id for each in self.endpoints)
            raise UnknownModelError(f"there is no endpoint {name!r}; known: {known}")
        if model == "nope":
            raise UnknownModelError(f"{name} has no model {model!r}; it has fake-1", is_endpoint_known=True)
        self.selected.append((name, model))
        return self.current

    async def reconfigure(self, settings: Settings) -> None:
        self.settings.append(settings)

    def become(self, *endpoints: EndpointView) -> None:
        """These are there from now on."""
        self.endpoints = list(endpoints)
        for listener in tuple(self.listeners):
            listener()

    def _head(self) -> Chunk:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "fake-1",
            **self.extra,
        }

    def _chunk(self, delta: dict[str, Any], *, finish: str | None = None) -> Chunk:
        return {**self._head(), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def as_language_models(models: FakeModels) -> LanguageModels:
    """The same; holds the stand-in to what it stands in for."""
    return models
