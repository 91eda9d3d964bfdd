"""A stand-in for `llm.models.Models` that knows one endpoint, and says what a test tells it to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence

from llm.chunks import Chunk
from llm.health import State
from llm.models import EndpointView, Switch
from llm.requests import ChatRequest


class FakeModels:
    """Answers with `answer`, or raises what is in its place."""

    def __init__(self, state: State = State.HEALTHY) -> None:
        self.state = state
        self.answer: Sequence[Chunk] | Exception = ()
        self.requests: list[ChatRequest] = []
        self.is_closed = False
        self._listeners: list[Callable[[], None]] = []

    @property
    def may_answer(self) -> bool:
        return self.state in {State.HEALTHY, State.UNKNOWN}

    @property
    def is_available(self) -> bool:
        return self.state is State.HEALTHY

    @property
    def current(self) -> EndpointView | None:
        return self.views()[0] if self.may_answer else None

    def views(self) -> tuple[EndpointView, ...]:
        return (
            EndpointView(
                id="127.0.0.1:8090",
                base_url="http://127.0.0.1:8090/v1",
                host="127.0.0.1:8090",
                model="local",
                source="local",
                kind="openai",
                deploy_id=None,
                models=("local",),
                state=self.state,
                reason="" if self.may_answer else "cannot connect",
                age=1.0,
                retry_in=None,
                is_current=self.may_answer,
                is_selected=False,
                first_token_ms=20.0,
            ),
        )

    def switches(self) -> tuple[Switch, ...]:
        return (Switch(age=2.0, source=None, target="127.0.0.1:8090", reason="it answers"),)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def become(self, state: State) -> None:
        """Change, and tell."""
        self.state = state
        for listener in tuple(self._listeners):
            listener()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if request.on_begin is not None:
            request.on_begin("127.0.0.1:8090", request.model or "local")
        for chunk in self.answer:
            yield chunk

    async def aclose(self) -> None:
        self.is_closed = True
