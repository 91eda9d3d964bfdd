"""Asks the best endpoint, and the next one when it does not answer in time; once words have come, nobody else is asked.

An answer has three limits: to its first word, between two pieces, and in all. A role without words and keep-alives are
no words. When nobody else could answer, an endpoint gets more time for its first word: leaving it would help nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from llm.chunks import Chunk, finish_of, says_something
from llm.errors import BadRequestError, BrokenStreamError, NoModelError
from llm.health import Met, Outcome
from llm.outcomes import AskingError, failed
from llm.pool import Member, Pool
from llm.requests import ChatRequest
from llm.transport import Transport

logger = logging.getLogger(__name__)

MODELS_TIMEOUT = 2.0
"""Seconds to ask an endpoint for its models when nobody has said which one to take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long an answer may take, in seconds."""

    first_word: float
    patience: float
    """To the first word, where there is nobody else to ask."""

    between: float
    total: float


class Router:
    """One for all requests of a process.

    Args:
        pool: Whom it may ask; is told what came of it.
        transport: Asks.
        budget: Limits.
        hedges: Whether a second endpoint is asked when the first one is slower than it mostly is.
        clock: Seconds, monotonic; the event loop's.
    """

    def __init__(
        self,
        pool: Pool,
        transport: Transport,
        *,
        budget: Budget,
        hedges: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.budget = budget
        self.hedges = hedges
        self._pool = pool
        self._transport = transport
        self._clock = clock

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The answer in pieces, from the first one with words in it. Closing it early is fine.

        Raises:
            NoModelError: Nobody answers, before anything was given.
            BadRequestError: The request is refused, before anything was given.
            BrokenStreamError: The answer broke off in the middle.
        """
        answer = await self._begin(request)
        try:
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            await answer.aclose()

    async def _begin(self, request: ChatRequest) -> _Answer:
        """An answer whose first words are there."""
        tried: dict[str, str] = {}
        refusal: AskingError | None = None
        while True:
            candidates = self._pool.candidates(without=tried)
            if not candidates:
                break
            member = candidates[0]
            rest = candidates[1:]
            try:
                if self.hedges and rest:
                    return await self._first_of(member, rest[0], request)
                return await self._ask(member, request, is_alone=_is_alone(member, rest))
            except AskingError as error:
                tried[member.endpoint.id] = error.outcome.reason
                refusal = refusal or (error if error.is_refusal else None)
                if rest:
                    self._pool.passed_over(member, rest[0], error.outcome.reason)
                logger.info(
                    "language model %s did not answer, %s is asked",
                    member.endpoint.id,
                    rest[0].endpoint.id if rest else "nobody else",
                    extra={"action": "llm.failed_over", "reason": error.outcome.reason},
                )
        if refusal is not None:
            raise BadRequestError(refusal.outcome.reason, status=refusal.status or 400)
        raise NoModelError({**self._pool.reasons(), **tried})

    async def _ask(self, member: Member, request: ChatRequest, *, is_alone: bool) -> _Answer:
        """One endpoint's answer, begun.

        Raises:
            AskingError: It did not answer, and the pool knows.
        """
        limit = max(self.budget.first_word, self.budget.patience) if is_alone else self.budget.first_word
        deadline = self._clock() + limit
        self._pool.take_lease(member)
        answer = _Answer(member, self._pool, budget=self.budget, clock=self._clock)
        try:
            try:
                await self._open(answer, request, deadline=deadline)
            except AskingError as error:
                wanted = request.model
                if not (error.is_model_missing and wanted and member.model_for(wanted) == wanted):
                    raise
                if wanted == (member.chosen_model or member.endpoint.model):
                    raise
                member.missing.add(wanted)
                if member.model_for(wanted) == wanted:
                    raise
                logger.warning(
                    "language model %s has no model %s, its own is taken",
                    member.endpoint.id,
                    wanted,
                    extra={"action": "llm.other_model"},
                )
                await answer.aclose()
                await self._open(answer, request, deadline=deadline)
        except TimeoutError as error:
            await answer.aclose()
            reason = f"no first word in {limit:g} s"
            self._pool.record(member, Outcome(met=Met.FAILED, reason=reason))
            raise failed(reason) from error
        except AskingError as error:
            await answer.aclose()
            self._pool.record(member, error.outcome)
            raise
        except BaseException:
            await answer.aclose()
            self._pool.record(member, Outcome(met=Met.CANCELLED))
            raise
        return answer

    async def _open(self, answer: _Answer, request: ChatRequest, *, deadline: float) -> None:
        async with asyncio.timeout(max(0.0, deadline - self._clock())):
            model = await self._model_of(answer.member, request)
            body = {**_options(answer.member, request), "model": model, "messages": list(request.messages)}
            await answer.begin(self._transport, body)

    async def _model_of(self, member: Member, request: ChatRequest) -> str:
        model = member.model_for(request.model)
        if model is None:
            self._pool.learn(member, await self._transport.models(member.endpoint, limit=MODELS_TIMEOUT))
            model = member.model_for(request.model)
        if model is None:
            reason = "it lists no model; name one (LLM_MODEL, or #model after the URL)"
            raise AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason))
        return model

    async def _first_of(self, first: Member, second: Member, request: ChatRequest) -> _Answer:
        """The first endpoint's answer, or the second's when that is there sooner."""
        delay = first.slow_after() or self.budget.first_word / 2
        leading = asyncio.create_task(self._ask(first, request, is_alone=False), name="llm-ask")
        try:
            done, _ = await asyncio.wait({leading}, timeout=delay)
            if done:
                return await leading
            hedge = asyncio.create_task(self._ask(second, request, is_alone=False), name="llm-hedge")
        except BaseException:
            await _drop(leading)
            raise
        return await self._race(leading, hedge)

    async def _race(self, leading: asyncio.Task[_Answer], hedge: asyncio.Task[_Answer]) -> _Answer:
        running = {leading, hedge}
        try:
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                won = next((task for task in done if not task.cancelled() and task.exception() is None), None)
                if won is not None:
                    await asyncio.gather(*(_drop(task) for task in {leading, hedge} - {won}))
                    return won.result()
        except BaseException:
            await asyncio.gather(_drop(leading), _drop(hedge))
            raise
        return leading.result()  # raises why it failed


_NEW_LIMIT, _OLD_LIMIT = "max_completion_tokens", "max_tokens"


def _options(member: Member, request: ChatRequest) -> Mapping[str, Any]:
    """The request's, in the words that the server knows: few but OpenAI's take the newer name of the limit."""
    options = request.options
    if member.endpoint.kind == "openai" or _NEW_LIMIT not in options:
        return options
    return {_OLD_LIMIT if name == _NEW_LIMIT else name: value for name, value in options.items()}


def _is_alone(member: Member, rest: list[Member]) -> bool:
    """It may well answer, and nobody else is known who may."""
    return member.health.is_available and not any(one.health.is_available for one in rest)


async def _drop(task: asyncio.Task[_Answer]) -> None:
    """End an attempt that nobody needs any more, whatever came of it."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        await task.result().aclose()


class _Answer:
    """One endpoint's answer: opened, held back until its first words, then passed on."""

    def __init__(self, member: Member, pool: Pool, *, budget: Budget, clock: Callable[[], float]) -> None:
        self.member = member
        self._pool = pool
        self._budget = budget
        self._clock = clock
        self._stack = AsyncExitStack()
        self._upstream: AsyncIterator[Chunk] | None = None
        self._held: list[Chunk] = []
        self._began_at = clock()

    async def begin(self, transport: Transport, body: dict[str, Any]) -> None:
        """Ask, and wait for the first words.

        Raises:
            AskingError: Something else came.
        """
        self._began_at = asked_at = self._clock()
        self._upstream = await self._stack.enter_async_context(transport.answer(self.member.endpoint, body))
        async for chunk in self._upstream:
            self._held.append(chunk)
            if says_something(chunk) or finish_of(chunk):
                break
            if not chunk.get("usage"):
                self._held = self._held[-1:]  # of roles without words one is enough
        else:
            raise failed("the answer is empty")
        self._pool.record(self.member, Outcome(met=Met.ANSWERED), first_word=self._clock() - asked_at)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """All pieces; the limits hold from here on."""
        assert self._upstream is not None  # noqa: S101  # begun
        for chunk in self._held:
            yield chunk
        is_finished = any(finish_of(chunk) for chunk in self._held)
        ends_at = self._began_at + self._budget.total
        upstream = self._upstream
        try:
            while True:
                left = ends_at - self._clock()
                if left <= 0:  # pieces that are there already would come without a look at the time
                    raise TimeoutError
                async with asyncio.timeout(min(self._budget.between, left)):
                    chunk = await anext(upstream)
                is_finished = is_finished or finish_of(chunk) is not None
                yield chunk
        except StopAsyncIteration:
            if is_finished:
                return
            self._broke("the answer ended in the middle")
        except TimeoutError:
            if is_finished:
                return  # only the tokens' count was missing
            if self._clock() >= ends_at:
                self._broke(f"the answer took longer than {self._budget.total:g} s")
            self._broke(f"silent for {self._budget.between:g} s in the middle of the answer")
        except AskingError as error:
            if not is_finished:
                self._broke(error.outcome.reason, outcome=error.outcome)

    def _broke(self, reason: str, *, outcome: Outcome | None = None) -> None:
        if outcome is None or outcome.met is Met.CANCELLED:
            outcome = Outcome(met=Met.FAILED, reason=reason)
        self._pool.record(self.member, outcome)
        raise BrokenStreamError(f"{self.member.endpoint.id}: {reason}")

    async def aclose(self) -> None:
        """Let the connection go. May be called twice; `begin` may follow."""
        await self._stack.aclose()
        self._upstream = None
        self._held = []
