"""Answers a message in its conversation: what was said before, the question, the answer, and all of it kept."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from llm.chunks import Chunk, text_of
from llm.errors import BadRequestError, BrokenStreamError, NoModelError, TooLongError
from llm.requests import ChatRequest
from llm.tools import DATA_RULE, Tool, answer_with_tools
from service.language_models import Answering, LanguageModels, comes_again_in
from service.metrics import Metrics
from service.store import Key, Message
from service.threads import ForgetfulError, Threads

logger = logging.getLogger(__name__)

WAITING = "I am waiting for a language model to come up. Please ask me again in a moment."
"""What is answered while there is none."""

SYSTEM_PROMPT = (
    "You are a helpful assistant. Answer briefly, in the language of the question. "
    "Say so when you do not know something."
)

_TRIES = 3
"""Times that an answer which broke off is begun, where nobody has seen anything of it yet."""

_OPTIONS = {"stream_options": {"include_usage": True}}

Say = Callable[[str], Awaitable[None]]
"""Takes the answer's words as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A message."""

    message: str
    thread_id: str | None
    """None = it begins a conversation."""

    owner: str
    """Whose conversation it is; empty = nobody's in particular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said to it."""

    response: str
    thread_id: str
    model: str | None
    """Who said it, by its own account; None = nobody."""

    waiting: bool = False
    """There is no language model: `response` says so, and nothing was kept."""

    retry_after: float | None = None
    """Seconds after which asking again may help; None = nothing is to be asked again."""

    warning: str | None = None
    """What the person should know: that this will not be remembered."""


@dataclass(slots=True)
class _Said:
    """An answer as far as it has come."""

    by: Answering = field(default_factory=Answering)
    texts: list[str] = field(default_factory=list)


class Chat:
    """One for all conversations.

    Args:
        models: Who answers.
        threads: What was said.
        metrics: Is told of it.
        tools: What the models may do besides talking.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        models: LanguageModels,
        threads: Threads,
        *,
        metrics: Metrics,
        tools: Sequence[Tool],
        clock: Callable[[], float],
    ) -> None:
        self.tools = tools
        """May be changed; counts from the next question on."""

        self._models = models
        self._threads = threads
        self._metrics = metrics
        self._clock = clock

    async def answer(self, ask: Ask, *, say: Say | None = None) -> Answer:
        """Answer, and remember it. Cancelled before the answer is whole, it leaves nothing behind.

        Args:
            ask: The message.
            say: Takes the words as they come; None = they are wanted all at once. An answer that breaks off is begun
                again as long as no word of it was told.

        Raises:
            BadRequestError: The models refuse the question.
            BrokenStreamError: The answer broke off.
            BusyError: Its turn in the thread did not come in time.
        """
        key = Key(ask.owner, ask.thread_id or str(uuid.uuid4()))
        try:
            if ask.thread_id is None:  # nobody else can know it yet
                return await self._take_turn(key, ask.message, (), say=say)
            async with self._threads.alone(key):
                history, warning = await self._recall(key)
                return await self._take_turn(key, ask.message, history, say=say, warning=warning)
        except NoModelError:
            logger.debug("no language model for a message", extra={"action": "chat.waiting"})
            self._metrics.waiting.inc()
            return Answer(
                response=WAITING,
                thread_id=key.thread_id,
                model=None,
                waiting=True,
                retry_after=comes_again_in(self._models),
            )

    async def _take_turn(
        self,
        key: Key,
        question: str,
        history: Sequence[Message],
        *,
        say: Say | None,
        warning: str | None = None,
    ) -> Answer:
        said = await self._ask(history, question, say)
        response = "".join(said.texts)
        warning = await self._remember(key, question, response) or warning
        return Answer(response=response, thread_id=key.thread_id, model=said.by.model, warning=warning)

    async def _recall(self, key: Key) -> tuple[Sequence[Message], str | None]:
        """What was said, and a warning when that cannot be known."""
        try:
            return await self._threads.recall(key), None
        except ForgetfulError:
            return (
                (),
                "earlier messages could not be read and are not part of the answer: the database is away",
            )

    async def _remember(self, key: Key, question: str, response: str) -> str | None:
        """A warning when it cannot be kept."""
        if not response.strip():
            return "the model answered without words; this was not kept"
        try:
            await self._threads.remember(key, storable(question), storable(response))
        except ForgetfulError:
            return "this answer will not be remembered: the database is away"
        return None

    async def _ask(self, history: Sequence[Message], question: str, say: Say | None) -> _Said:
        tries = _TRIES
        while True:
            said = _Said()
            try:
                await self._listen(history, question, said, say)
            except TooLongError:
                raise  # the next one would take as long again
            except BrokenStreamError:
                tries -= 1
                if (say is not None and said.texts) or not tries:
                    raise
                # Why is left out here and below: a server's words may repeat what was said.
                logger.warning("an answer broke off, it is begun again", extra={"action": "chat.again"})
            except NoModelError as error:
                if say is None or not said.texts:
                    raise
                raise BrokenStreamError(str(error)) from error  # after a tool was called
            except BadRequestError as error:
                if not history or said.texts:
                    raise
                history = _shorter(history)  # most often it is longer than what the model can hold
                logger.warning(
                    "a model refused a conversation, it is shown less of it",
                    extra={"action": "chat.shortened", "status": error.status, "messages": len(history)},
                )
            else:
                return said

    async def _listen(self, history: Sequence[Message], question: str, said: _Said, say: Say | None) -> None:
        request = ChatRequest(
            messages=_messages(history, question, has_tools=bool(self.tools)), options=_OPTIONS
        )
        asked_at = self._clock()
        is_begun = False
        async with aclosing(self._chunks(said.by.asked(request))) as chunks:
            async for chunk in chunks:
                if not is_begun:
                    is_begun = True
                    self._metrics.first_token.observe(self._clock() - asked_at)
                if "usage" in chunk:
                    self._metrics.count_tokens(said.by.endpoint, chunk)
                if text := text_of(chunk):
                    said.texts.append(text)
                    if say is not None:
                        await say(text)

    def _chunks(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        if self.tools:
            return answer_with_tools(self._models.stream, request, self.tools)
        return self._models.stream(request)


def storable(text: str) -> str:
    """`text` with U+FFFD in place of what databases cannot hold: U+0000, and halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _messages(history: Sequence[Message], question: str, *, has_tools: bool) -> list[dict[str, Any]]:
    prompt = f"{SYSTEM_PROMPT} {DATA_RULE}" if has_tools else SYSTEM_PROMPT
    # Some models refuse a conversation that does not begin with the user.
    first = 1 if history and history[0].role != "user" else 0
    return [
        {"role": "system", "content": prompt},
        *({"role": message.role, "content": message.content} for message in history[first:]),
        {"role": "user", "content": question},
    ]


def _shorter(history: Sequence[Message]) -> Sequence[Message]:
    """The last quarter, in whole turns; in the end nothing."""
    n_left = len(history) // 8 * 2
    return history[len(history) - n_left :]
