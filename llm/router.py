"""Asks the best endpoint, and the next one when it does not answer in time; once words have come, nobody else is asked.

An answer has three limits: to its first word, between two pieces, and in all. A role without words and keep-alives are
no words. When nobody else could answer, an endpoint gets more time for its first word: leaving it would help nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any

from llm.chunks import Chunk, finish_of, says_something
from llm.errors import BadRequestError, BrokenStreamError, NoModelError
from llm.health import Met, Outcome, State
from llm.outcomes import AskingError, failed
from llm.pool import Member, Pool
from llm.requests import ChatRequest
from llm.transport import Transport

logger = logging.getLogger(__name__)

HEAD_START = 0.5
"""Seconds that an endpoint on trial has before one that is known to answer is asked, too. A caller waits."""

_LATE = 0.5
"""Seconds that the event loop may be late before a time-out is its own fault."""

_AFTER_FINISH = 1.0
"""Seconds that the count of tokens may come after the last word. Some servers say no end after it."""

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
        self._trials: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """End what goes on beside the answers."""
        trials = list(self._trials)
        for trial in trials:
            trial.cancel()
        if trials:
            await asyncio.wait(trials)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The answer in pieces, from the first one with words in it. Closing it early is fine.

        Raises:
            NoModelError: Nobody answers, before anything was given.
            BadRequestError: The request is refused, before anything was given.
            BrokenStreamError: The answer broke off in the middle.
        """
        answer = await self._begin(request)
        try:
            if request.on_begin is not None:
                request.on_begin(answer.member.endpoint.id, answer.model)
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            await answer.aclose()

    async def _begin(self, request: ChatRequest) -> _Answer:
        """An answer whose first words are there."""
        tried: dict[str, AskingError] = {}
        while candidates := self._pool.candidates(without=tried):
            first, *rest = candidates
            second = rest[0] if rest else None
            try:
                if second is not None and first.health.is_on_trial and second.health.state is State.HEALTHY:
                    return await self._try_out(first, second, request, tried)
                if second is not None and self.hedges:
                    return await self._hedged(first, second, request, tried)
                return await self._ask(first, request, tried, is_alone=_is_alone(first, rest))
            except AskingError as error:
                if second is not None:
                    self._pool.passed_over(first, second, error.outcome.reason)
                left = self._pool.candidates(without=tried)
                logger.info(
                    "language model %s did not answer, %s is asked",
                    first.endpoint.id,
                    left[0].endpoint.id if left else "nobody else",
                    extra={"action": "llm.failed_over", "reason": error.outcome.reason},
                )
        refusal = next((error for error in tried.values() if error.is_refusal), None)
        if refusal is not None:
            raise BadRequestError(refusal.outcome.reason, status=refusal.status or 400)
        why = {endpoint_id: error.outcome.reason for endpoint_id, error in tried.items()}
        raise NoModelError({**self._pool.reasons(), **why})

    async def _ask(
        self, member: Member, request: ChatRequest, tried: dict[str, AskingError], *, is_alone: bool = False
    ) -> _Answer:
        """One endpoint's answer, begun.

        Raises:
            AskingError: It did not answer; the pool knows, and it stands in `tried`.
        """
        try:
            return await self._answer_of(member, request, is_alone=is_alone)
        except AskingError as error:
            tried[member.endpoint.id] = error
            raise

    async def _answer_of(self, member: Member, request: ChatRequest, *, is_alone: bool) -> _Answer:
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
            # Too busy to look in time, we cannot say whether it was in time.
            is_ours = self._clock() > deadline + _LATE
            self._pool.record(member, Outcome(met=Met.CANCELLED if is_ours else Met.FAILED, reason=reason))
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

    async def _hedged(
        self, first: Member, second: Member, request: ChatRequest, tried: dict[str, AskingError]
    ) -> _Answer:
        """The first endpoint's answer, or the second's when the first is slower than mostly."""
        delay = first.slow_after() or self.budget.first_word / 2
        leading = asyncio.create_task(self._ask(first, request, tried), name="llm-ask")
        answer, lost = await self._race(leading, delay, self._ask(second, request, tried))
        if lost is not None:
            await _drop(lost)
        return answer

    async def _try_out(
        self, first: Member, second: Member, request: ChatRequest, tried: dict[str, AskingError]
    ) -> _Answer:
        """The answer of an endpoint that was broken, or of one that is not, whichever begins sooner.

        When the trial is the slower one it goes on unseen until its first word, or until it has had its time: else it
        would never be found well again, or found broken at the cost of one caller after another.
        """
        leading = asyncio.create_task(self._ask(first, request, tried), name="llm-trial")
        answer, lost = await self._race(leading, HEAD_START, self._ask(second, request, tried))
        if lost is leading:
            trial = asyncio.create_task(_settle(lost), name="llm-trial-end")
            self._trials.add(trial)
            trial.add_done_callback(self._trials.discard)
        elif lost is not None:
            await _drop(lost)
        return answer

    async def _race(
        self, leading: asyncio.Task[_Answer], delay: float, other: Coroutine[Any, Any, _Answer]
    ) -> tuple[_Answer, asyncio.Task[_Answer] | None]:
        """The answer that begins first, and what of the other one still goes on. `other` begins after `delay` seconds.

        Raises:
            AskingError: There is none. When the leading one fails before the other has begun, the other never does.
        """
        following: asyncio.Task[_Answer] | None = None
        try:
            done, running = await asyncio.wait({leading}, timeout=delay)
            if done:
                other.close()
                return await leading, None
            following = asyncio.create_task(other, name="llm-beside")
            running = {leading, following}
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                won = next((task for task in done if not task.cancelled() and task.exception() is None), None)
                if won is not None:
                    lost = following if won is leading else leading
                    return won.result(), None if lost.done() and lost.exception() else lost
        except BaseException:
            if following is None:
                other.close()
            await asyncio.gather(*(_drop(task) for task in (leading, following) if task is not None))
            raise
        return leading.result(), None  # raises why it failed


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


async def _settle(task: asyncio.Task[_Answer]) -> None:
    """Wait for what an attempt comes to, for the pool's sake."""
    try:
        await asyncio.wait({task})
    finally:
        await _drop(task)


class _Answer:
    """One endpoint's answer: opened, held back until its first words, then passed on."""

    def __init__(self, member: Member, pool: Pool, *, budget: Budget, clock: Callable[[], float]) -> None:
        self.member = member
        self.model = ""
        """That was asked for; once it has begun."""
        self._pool = pool
        self._budget = budget
        self._clock = clock
        self._stack = AsyncExitStack()
        self._upstream: AsyncIterator[Chunk] | None = None
        self._held: list[Chunk] = []

    async def begin(self, transport: Transport, body: dict[str, Any]) -> None:
        """Ask, and wait for the first words.

        Raises:
            AskingError: Something else came.
        """
        self.model = str(body["model"])
        asked_at = self._clock()
        self._upstream = await self._stack.enter_async_context(transport.answer(self.member.endpoint, body))
        async for chunk in self._upstream:
            self._held.append(chunk)
            if says_something(chunk) or finish_of(chunk):
                break
            if not chunk.get("usage"):
                self._held = self._held[-1:]  # of roles without words one is enough
        else:
            raise failed("the answer is empty")
        self._pool.record(self.member, Outcome(met=Met.BEGAN), first_word=self._clock() - asked_at)

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """All pieces; the limits hold from here on."""
        assert self._upstream is not None  # noqa: S101  # begun
        for chunk in self._held:
            yield chunk
        is_finished = any(finish_of(chunk) for chunk in self._held)
        left = self._budget.total  # of the waiting: a slow reader is not the model's fault
        upstream = self._upstream
        try:
            while left > 0:
                asked_at = self._clock()
                patience = _AFTER_FINISH if is_finished else self._budget.between
                async with asyncio.timeout(min(patience, left)):
                    chunk = await anext(upstream)
                left -= self._clock() - asked_at
                is_finished = is_finished or finish_of(chunk) is not None
                yield chunk
        except StopAsyncIteration:
            if not is_finished:
                self._broke("the answer ended in the middle")
        except TimeoutError:
            # Once it is finished, only the tokens' count was missing.
            if not is_finished and left > self._budget.between:
                self._broke(f"silent for {self._budget.between:g} s in the middle of the answer")
            left = left if is_finished else 0
        except AskingError as error:
            if not is_finished:
                self._broke(error.outcome.reason, outcome=error.outcome)
        if left <= 0 and not is_finished:
            # Whether it is ill or was asked for a book: nobody can tell.
            self._pool.record(self.member, Outcome(met=Met.CANCELLED))
            raise BrokenStreamError(
                f"{self.member.endpoint.id}: the answer took longer than {self._budget.total:g} s"
            )
        if self.member.health.failures:
            self._pool.record(self.member, Outcome(met=Met.ANSWERED))

    def _broke(self, reason: str, *, outcome: Outcome | None = None) -> None:
        if outcome is None or outcome.met is Met.CANCELLED:
            outcome = Outcome(met=Met.FAILED, reason=reason)
        self._pool.record(self.member, replace(outcome, in_the_middle=True))
        raise BrokenStreamError(f"{self.member.endpoint.id}: {reason}")

    async def aclose(self) -> None:
        """Let the connection go. May be called twice; `begin` may follow."""
        await self._stack.aclose()
        self._upstream = None
        self._held = []
