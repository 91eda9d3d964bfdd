"""Asks the best endpoint, and the next one when it does not answer in time; once words have come, nobody else is asked.

An answer has three limits: to its first word, between two pieces, and in all. A role without words and keep-alives are
no words. When nobody else could answer, an endpoint gets more time for its first word: leaving it would help nobody.
After one endpoint was silent for its whole time, the others are asked side by side, so that many that hang together do
not cost the sum of their times. And when nobody may be asked yet, one of those that broke is asked all the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from llm.answers import Answer, Budget, told
from llm.chunks import Chunk
from llm.endpoints import way_to_name_a_model
from llm.errors import BadRequestError, LlmError, NoModelError
from llm.health import Met, Outcome, State
from llm.outcomes import AskingError, failed
from llm.pool import Member, Pool
from llm.racing import drop, race, settle
from llm.requests import ChatRequest
from llm.transport import Transport

logger = logging.getLogger(__name__)

HEAD_START = 0.5
"""Seconds that an endpoint on trial has before one that is known to answer is asked, too. A caller waits."""

_LATE = 0.5
"""Seconds that the event loop may be late before a time-out is its own fault."""

MODELS_TIMEOUT = 2.0
"""Seconds to ask an endpoint for its models when nobody has said which one to take."""


@dataclass(slots=True)
class _Asked:
    """What one request has met so far."""

    prefer: str | None = None
    """Id of the endpoint that the request wants."""

    tried: dict[str, AskingError] = field(default_factory=dict)
    """Why each endpoint did not answer, by its id."""

    tried_at: dict[str, float] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    """Asked a second time, having recovered since."""

    spared: list[tuple[Member, Outcome]] = field(default_factory=list)
    """Failed as one before did, so that the request may be to blame. An answer of a third one tells."""

    n_errors: int = 0
    """Endpoints in good health that met an error of the server with it."""

    silent_at: float | None = None
    """When the first one had been silent for all of its time."""

    has_resorted: bool = False
    is_answered: bool = False

    @property
    def refusal(self) -> tuple[str, AskingError] | None:
        """The id of the endpoint that has refused the request, and how."""
        return next(((name, error) for name, error in self.tried.items() if error.is_refusal), None)


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
            BrokenStreamError: The answer broke off in the middle; `TooLongError` when it took all of its time.
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

    async def _begin(self, request: ChatRequest) -> Answer:
        """An answer whose first words are there."""
        asked = _Asked(prefer=request.prefer)
        while members := self._next(asked):
            try:
                answer = await self._first_of(members, request, asked)
            except AskingError as error:
                first, second = members[0], members[1] if len(members) > 1 else None
                if second is not None:
                    self._pool.passed_over(first, second, error.outcome.reason)
                left = self._pool.candidates(without=asked.tried)
                logger.info(
                    "language model %s did not answer, %s is asked",
                    first.endpoint.id,
                    left[0].endpoint.id if left else "nobody else",
                    extra={"action": "llm.failed_over", "reason": error.outcome.reason},
                )
            else:
                for member, outcome in asked.spared:  # it was not the request
                    self._pool.record(member, outcome)
                return answer
        raise self._why_not(asked)

    def _next(self, asked: _Asked) -> list[Member]:
        """Whom to ask now, best first; empty = nobody is left."""
        is_late = asked.silent_at is not None and self._clock() >= asked.silent_at + self._patience
        candidates = self._pool.candidates(without=asked.tried, prefer=asked.prefer)
        if candidates and not is_late:
            return candidates
        for member in self._pool.candidates():
            if self._has_recovered(member, asked):
                asked.again.add(member.endpoint.id)
                return [member]
        if asked.has_resorted or asked.spared or asked.refusal or is_late:
            return []
        asked.has_resorted = True
        resort = self._pool.last_resort(without=asked.tried)
        return [] if resort is None else [resort]

    @staticmethod
    def _has_recovered(member: Member, asked: _Asked) -> bool:
        """It has failed, and was found well while others were waited for."""
        name = member.endpoint.id
        if name not in asked.tried or name in asked.again or asked.tried[name].is_refusal:
            return False
        return member.health.state is State.HEALTHY and member.told_at > asked.tried_at[name]

    def _why_not(self, asked: _Asked) -> LlmError:
        if asked.refusal is not None:
            endpoint_id, error = asked.refusal
            return BadRequestError(told(error), status=error.status or 400, endpoint_id=endpoint_id)
        why = {endpoint_id: error.outcome.reason for endpoint_id, error in asked.tried.items()}
        return NoModelError({**self._pool.reasons(), **why})

    async def _first_of(self, members: list[Member], request: ChatRequest, asked: _Asked) -> Answer:
        """The answer of the first of them, or of those after it that need not wait until it has failed."""
        first, *rest = members
        second = rest[0] if rest else None
        if second is not None:
            if first.health.is_on_trial and second.health.state is State.HEALTHY:
                return await self._try_out(first, rest, request, asked)
            if asked.silent_at is not None:
                left = max(0.0, asked.silent_at + self.budget.first_word - self._clock())
                return await self._side_by_side(members, request, asked, delay=left / len(members))
            if self.hedges and second.health.is_available:
                # Slower than it mostly is.
                delay = first.slow_after() or self.budget.first_word / 2
                return await self._side_by_side(members[:2], request, asked, delay=delay, rest=rest[1:])
        return await self._ask(first, rest, request, asked)

    async def _side_by_side(
        self,
        members: list[Member],
        request: ChatRequest,
        asked: _Asked,
        *,
        delay: float,
        rest: list[Member] | None = None,
    ) -> Answer:
        """The answer of the one that begins first; each is asked `delay` seconds after the last. `rest` is not."""
        first, *others = members
        after = [*others, *(rest or [])]
        if not others:
            return await self._ask(first, after, request, asked)
        leading = asyncio.create_task(self._ask(first, after, request, asked), name="llm-ask")
        following = self._side_by_side(others, request, asked, delay=delay, rest=rest)
        answer, lost = await race(leading, delay, following)
        if lost is not None:
            await drop(lost)
        return answer

    async def _try_out(
        self, first: Member, rest: list[Member], request: ChatRequest, asked: _Asked
    ) -> Answer:
        """The answer of an endpoint that was broken, or of one that is not, whichever begins sooner.

        When the trial is the slower one it goes on unseen until its first word, or until it has had its time: else it
        would never be found well again, or found broken at the cost of one caller after another.
        """
        leading = asyncio.create_task(self._ask(first, rest, request, asked), name="llm-trial")
        answer, lost = await race(leading, HEAD_START, self._ask(rest[0], rest[1:], request, asked))
        if lost is leading:
            trial = asyncio.create_task(settle(lost), name="llm-trial-end")
            self._trials.add(trial)
            trial.add_done_callback(self._trials.discard)
        elif lost is not None:
            await drop(lost)
        return answer

    async def _ask(self, member: Member, rest: list[Member], request: ChatRequest, asked: _Asked) -> Answer:
        """One endpoint's answer, begun; `rest` may be asked after it.

        Raises:
            AskingError: It did not answer; the pool knows, and it stands in `asked`.
        """
        try:
            answer = await self._answer_of(member, request, asked, limit=self._limit(member, rest, asked))
        except AskingError as error:
            asked.tried[member.endpoint.id] = error
            asked.tried_at[member.endpoint.id] = self._clock()
            raise
        asked.is_answered = True
        return answer

    def _limit(self, member: Member, rest: list[Member], asked: _Asked) -> float:
        """Seconds that it has for its first word. Less when others have used up the time; half of it at least."""
        if member.endpoint.id in asked.again:
            return self.budget.first_word
        most = self._patience if _is_alone(member, rest) else self.budget.first_word
        if asked.silent_at is None:
            return most
        return min(most, max(asked.silent_at + most - self._clock(), self.budget.first_word / 2))

    @property
    def _patience(self) -> float:
        return max(self.budget.first_word, self.budget.patience)

    async def _answer_of(
        self, member: Member, request: ChatRequest, asked: _Asked, *, limit: float
    ) -> Answer:
        asked_at = self._clock()
        deadline = asked_at + limit
        self._pool.take_lease(member)
        answer = Answer(member, self._pool, budget=self.budget, clock=self._clock)
        try:
            await self._open_with_some_model(answer, request, deadline=deadline)
        except TimeoutError as error:
            await answer.aclose()
            reason = f"no first word in {limit:g} s"
            # Too busy to look in time, we cannot say whether it was in time.
            is_ours = self._clock() > deadline + _LATE
            self._pool.record(member, Outcome(met=Met.CANCELLED if is_ours else Met.FAILED, reason=reason))
            if asked.silent_at is None:
                asked.silent_at = self._clock()
            raise failed(reason) from error
        except AskingError as error:
            await answer.aclose()
            self._record(member, error, asked)
            raise
        except BaseException as error:
            waited = self._clock() - asked_at
            await answer.aclose()
            outcome = Outcome(met=Met.CANCELLED)
            # Callers with less patience than ours would never find out one that hangs. Who lost a race is not judged.
            if isinstance(error, asyncio.CancelledError) and waited >= limit / 2 and not asked.is_answered:
                reason = f"no first word in {waited:.1f} s, when its caller went away"
                outcome = Outcome(met=Met.FAILED, reason=reason)
            self._pool.record(member, outcome)
            raise
        return answer

    def _record(self, member: Member, error: AskingError, asked: _Asked) -> None:
        """Tell the pool what a request met; but two that fail alike with it may not be to blame."""
        health, outcome = member.health, error.outcome
        is_doubtful = outcome.met is Met.FAILED and error.status is not None and error.status >= 500
        if is_doubtful and health.is_available and not health.is_on_trial:
            asked.n_errors += 1
            if asked.n_errors > 1:
                asked.spared.append((member, outcome))
                outcome = Outcome(met=Met.CANCELLED)
        self._pool.record(member, outcome, is_doubtful=is_doubtful)

    async def _open_with_some_model(self, answer: Answer, request: ChatRequest, *, deadline: float) -> None:
        """Begin it with the wanted model, or with the endpoint's own when it does not have that one."""
        member, wanted = answer.member, request.model
        try:
            await self._open(answer, request, deadline=deadline)
        except AskingError as error:
            if not (error.is_model_missing and wanted and member.model_for(wanted) == wanted):
                raise
            if wanted == (member.chosen_model or member.endpoint.model):
                raise
            member.lacks(wanted)
            if member.model_for(wanted) == wanted:
                raise
            logger.warning(
                "language model %s does not have the wanted model, its own is taken",
                member.endpoint.id,
                extra={"action": "llm.other_model"},
            )
            await answer.aclose()
            await self._open(answer, request, deadline=deadline)

    async def _open(self, answer: Answer, request: ChatRequest, *, deadline: float) -> None:
        async with asyncio.timeout(max(0.0, deadline - self._clock())):
            model = await self._model_of(answer.member, request)
            body = {**_options(answer.member, request), "model": model, "messages": list(request.messages)}
            await answer.begin(self._transport, body)

    async def _model_of(self, member: Member, request: ChatRequest) -> str:
        model = member.model_for(request.model)
        if model is None:
            try:
                listed = await self._transport.models(member.endpoint, limit=MODELS_TIMEOUT)
            except AskingError as error:
                if error.is_refusal:  # of our question, not of the request
                    raise failed(error.outcome.reason) from error
                raise
            self._pool.learn(member, listed)
            model = member.model_for(request.model)
        if model is None and request.model in member.missing:
            reason = "it does not have the model that was asked for"
            raise AskingError(Outcome(met=Met.CANCELLED, reason=reason), status=404, is_refusal=True)
        if model is None:
            reason = f"it lists no model; {way_to_name_a_model(member.endpoint)}"
            raise AskingError(Outcome(met=Met.MISCONFIGURED, reason=reason))
        return model


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
