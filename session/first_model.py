"""A language model of a LiveKit plugin that is asked before all others, and left in time when it does not answer.

Not livekit-agents' `llm.FallbackAdapter`: its limit is between bytes and not to the first word, it asks a broken model
for a whole answer to find out whether it is back, and it logs what was said when an answer breaks off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError, llm

from llm.errors import BadRequestError
from session.fallbacks import Fallbacks

REST = 30.0
"""Seconds for which it is not asked after it has failed: a model that hangs would cost each turn its whole time."""


_REFUSALS = {400, 413, 415, 422}
"""HTTP statuses with which a model refuses what it is asked: something in it, or that it is too long."""


class FirstModel:
    """One plugin's model in one call.

    Args:
        model: Of the plugin.
        name: Of the provider, for people.
        first_word: Seconds that it has for its first word.
        between: Longest silence in the middle of an answer, seconds.
        total: Longest answer, seconds.
        fallbacks: Is told when it does not answer.
    """

    def __init__(
        self,
        model: llm.LLM[Any],
        *,
        name: str,
        first_word: float,
        between: float,
        total: float,
        fallbacks: Fallbacks,
    ) -> None:
        self.model = model
        self._name = name
        self._first_word = first_word
        self._between = between
        self._total = total
        self._fallbacks = fallbacks
        self._rests_until = float("-inf")
        self._told: str | None = None  # while it does not answer
        self._options = APIConnectOptions(max_retry=0, retry_interval=0.0, timeout=max(first_word, between))

    @property
    def is_resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._rests_until

    async def answer(self, put: Callable[[llm.ChatChunk], None], **question: Any) -> bool:
        """Ask, and give the answer to `put` piece by piece.

        Args:
            put: Takes the pieces, from the first one with something in it.
            question: As livekit-agents' `LLM.chat` takes it.

        Returns:
            Whether there was an answer. If not, nothing was put, and somebody else may be asked.

        Raises:
            APIConnectionError: It broke off in the middle.
            BadRequestError: It refuses the question, before its first word. It may take a smaller one; if it takes
                none, `refused` is to be called.
        """
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        held: list[llm.ChatChunk] | None = []  # None once it has begun
        try:
            async with self.model.chat(**question, conn_options=self._options) as stream:
                while True:
                    limit = asked_at + self._first_word
                    if held is None:
                        limit = min(loop.time() + self._between, asked_at + self._total)
                    async with asyncio.timeout_at(limit):
                        chunk = await anext(stream)
                    if held is None:
                        put(chunk)
                        continue
                    held.append(chunk)
                    if chunk.has_response():
                        for piece in held:
                            put(piece)
                        held = None
        except StopAsyncIteration:
            if held is None:
                self._answered()
                return True
            why = "its answer is empty"
        except Exception as error:  # whatever a plugin of others raises, the call goes on
            if held is None:
                self._failed("its answer broke off")
                raise APIConnectionError(f"{self._name}: the answer broke off", retryable=False) from error
            if isinstance(error, APIStatusError) and error.status_code in _REFUSALS:
                raise BadRequestError("a refusal", status=error.status_code) from error
            why = "no first word in time" if isinstance(error, TimeoutError) else type(error).__name__
        self._failed(why)
        return False

    def refused(self, status: int) -> None:
        """It takes the question in no form: something else is wrong, such as its key or its model's name."""
        self._failed(f"HTTP {status}")

    def _failed(self, why: str) -> None:
        self._rests_until = asyncio.get_running_loop().time() + REST
        text = f"llm: {self._name} does not answer ({why}); another language model does"
        if self._told not in (None, text):
            self._take_back()
        self._told = text
        self._fallbacks.add("llm", text)

    def _answered(self) -> None:
        self._rests_until = float("-inf")
        self._take_back()

    def _take_back(self) -> None:
        if self._told is not None:
            self._fallbacks.remove("llm", self._told)
            self._told = None
