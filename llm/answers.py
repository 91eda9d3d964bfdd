"""One endpoint's answer: opened, held back until its first words, then passed on within its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from llm.chunks import Choices, Chunk, finish_of, says_something
from llm.errors import BrokenStreamError, TooLongError
from llm.health import Met, Outcome
from llm.outcomes import AskingError, failed
from llm.pool import Member, Pool
from llm.transport import Transport

_AFTER_FINISH = 1.0
"""Seconds that the count of tokens may come after the last word. Some servers say no end after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long an answer may take, in seconds."""

    first_word: float
    patience: float
    """To the first word, where there is nobody else to ask."""

    between: float
    total: float


class Answer:
    """Use `begin`, then `chunks`, then `aclose`.

    Args:
        member: Whose answer it is.
        pool: Is told what came of it.
        budget: Limits between two pieces and in all; whoever begins it sees to the first word.
        clock: Seconds, monotonic; the event loop's.
    """

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
        answering = transport.answer(self.member.endpoint, body, is_proven=bool(self.member.first_words))
        self._upstream = await self._stack.enter_async_context(answering)
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
        """All pieces; the limits hold from here on.

        Raises:
            TooLongError: It took longer than its limit in all.
            BrokenStreamError: It broke off.
        """
        assert self._upstream is not None  # noqa: S101  # begun
        upstream = self._upstream
        choices = Choices()
        for chunk in self._held:
            choices.take(chunk)
            yield chunk
        left = self._budget.total  # of the waiting: a slow reader is not the model's fault
        try:
            while left > 0:
                asked_at = self._clock()
                patience = _AFTER_FINISH if choices.are_finished else self._budget.between
                async with asyncio.timeout(min(patience, left)):
                    chunk = await anext(upstream)
                left -= self._clock() - asked_at
                choices.take(chunk)
                yield chunk
        except StopAsyncIteration:
            if not choices.are_finished:
                self._broke(failed("the answer ended in the middle"))
        except TimeoutError:
            # Once it is finished, only the tokens' count was missing.
            if not choices.are_finished and left > self._budget.between:
                self._broke(failed(f"silent for {self._budget.between:g} s in the middle of the answer"))
            left = left if choices.are_finished else 0
        except AskingError as error:
            if not choices.are_finished:
                self._broke(error)
        if left <= 0 and not choices.are_finished:
            # Whether it is ill or was asked for a book: nobody can tell.
            self._pool.record(self.member, Outcome(met=Met.CANCELLED))
            raise TooLongError(
                f"{self.member.endpoint.id}: the answer took longer than {self._budget.total:g} s"
            )
        if self.member.health.failures:
            self._pool.record(self.member, Outcome(met=Met.ANSWERED))

    def _broke(self, error: AskingError) -> NoReturn:
        met = Met.FAILED if error.outcome.met is Met.CANCELLED else error.outcome.met
        self._pool.record(self.member, replace(error.outcome, met=met, in_the_middle=True))
        raise BrokenStreamError(f"{self.member.endpoint.id}: {told(error)}")

    async def aclose(self) -> None:
        """Let the connection go. May be called twice; `begin` may follow."""
        await self._stack.aclose()
        self._upstream = None
        self._held = []


def told(error: AskingError) -> str:
    """What went wrong, for the one whose request it was and for nobody else: the server's words may quote it."""
    reason = error.outcome.reason
    return f"{reason}: {error.words}" if error.words and error.words not in reason else reason
