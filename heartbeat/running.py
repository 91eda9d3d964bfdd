"""An agent for as long as a block or a function runs."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from heartbeat.errors import StatusError
from heartbeat.status import mark_agent_started, report_error
from heartbeat.texts import error_text
from heartbeat.this_program import OnStop, this_program
from wire import Said

_P = ParamSpec("_P")
_T = TypeVar("_T")

_FINISHED = "it has finished"


def running_agent(
    name: str | None = None,
    *,
    agent_id: str | None = None,
    description: str | None = None,
    model: str | None = None,
    voice: str | None = None,
    temperature: float | None = None,
    prompt: str | None = None,
    host: str | None = None,
    port: int | None = None,
    status: str | Said | None = None,
    on_stop: OnStop | None = None,
    on_drain: OnStop | None = None,
) -> RunningAgent:
    """An agent that runs while a block or a function does; the arguments are those of `mark_agent_started`.

        with running_agent("Invoice robot"): ...

        async with running_agent("Invoice robot"): ...

        @running_agent("Invoice robot")
        def main() -> None: ...  # or async def

    An exception that leaves it is told as the agent's error and as the reason of its end, and goes on as it is.
    Inside another one, or after `mark_agent_started`, it changes what is given and ends nothing.
    """
    return RunningAgent(
        functools.partial(
            mark_agent_started,
            name,
            agent_id=agent_id,
            description=description,
            model=model,
            voice=voice,
            temperature=temperature,
            prompt=prompt,
            host=host,
            port=port,
            status=status,
            on_stop=on_stop,
            on_drain=on_drain,
        )
    )


class RunningAgent:
    """What `running_agent` gives. May be entered again, and while it is entered: the last one out says goodbye.

    Args:
        start: `mark_agent_started` with its arguments.
    """

    def __init__(self, start: Callable[[], bool]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._n_inside = 0
        self._is_ours = False

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._is_ours = self._start()
            self._n_inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reason = self._leave(error)
        if reason is not None:
            this_program.stop(reason)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reason = self._leave(error)
        if reason is not None:
            await this_program.stop_async(reason)

    def __call__(self, function: Callable[_P, _T]) -> Callable[_P, _T]:
        """Make every call of `function`, which may be a coroutine function, an agent's run.

        Raises:
            StatusError: It is a generator: whoever reads it decides when it runs.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise StatusError(f"{function.__qualname__} is a generator; use `with running_agent()` in it")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run(*args: _P.args, **kwargs: _P.kwargs) -> Any:
                async with self:
                    return await function(*args, **kwargs)

            return cast("Callable[_P, _T]", run)

        @functools.wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            with self:
                return function(*args, **kwargs)

        return call

    def _leave(self, error: BaseException | None) -> str | None:
        """Count one out. Why the agent ends; None = it goes on."""
        reason, is_failure = _ending(error)
        with self._lock:
            self._n_inside -= 1
            is_end = self._is_ours and self._n_inside == 0
        if is_failure and error is not None:
            report_error(error, fatal=is_end)
        return reason if is_end else None


def _ending(error: BaseException | None) -> tuple[str, bool]:
    """The reason of a goodbye, and whether it is a failure."""
    if error is None or isinstance(error, GeneratorExit):
        return _FINISHED, False
    if isinstance(error, SystemExit):
        return (f"it ended with exit code {error.code}", False) if error.code else (_FINISHED, False)
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return f"ended by {type(error).__name__}", False
    return f"ended by {error_text(error)}", True
