"""What is asked of a model, and what is kept of its answer."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest

from llm.errors import BadRequestError, BrokenStreamError, NoModelError, TooLongError
from llm.health import State
from llm.tools import DATA_RULE, Tool
from service import threads as threads_module
from service.chat import SYSTEM_PROMPT, WAITING, Ask, storable
from service.running import Service
from service.store import Key
from tests.service.conftest import Start
from tests.service.fakes import FakeModels, view

BROKEN = BrokenStreamError("somewhere: silent for 10 s in the middle of the answer")
REFUSED = BadRequestError("maximum context length is 4096 tokens", status=400)


def ask(message: str = "How is the weather?", thread_id: str | None = "t", owner: str = "") -> Ask:
    return Ask(message=message, thread_id=thread_id, owner=owner)


async def kept(service: Service, thread_id: str = "t", owner: str = "") -> list[str]:
    return [message.content for message in await service.threads.recall(Key(owner, thread_id))]


def shown(models: FakeModels) -> list[str]:
    """What the model was asked last, without the prompt."""
    return [f"{message['role']}: {message['content']}" for message in models.requests[-1].messages[1:]]


async def test_an_answer_is_given_and_kept(service: Service, models: FakeModels) -> None:
    answer = await service.chat.answer(ask())
    assert (answer.response, answer.thread_id, answer.model) == ("It is a fine day.", "t", "fake-1")
    assert (answer.waiting, answer.warning, answer.retry_after) == (False, None, None)
    assert models.requests[0].messages[0] == {"role": "system", "content": SYSTEM_PROMPT}
    assert await kept(service) == ["How is the weather?", "It is a fine day."]


async def test_the_model_sees_what_was_said_before(service: Service, models: FakeModels) -> None:
    await service.chat.answer(ask("one"))
    models.words = ("yes",)
    await service.chat.answer(ask("two"))
    await service.chat.answer(ask("three", thread_id="other"))
    assert shown(models) == ["user: three"]
    await service.chat.answer(ask("four"))
    assert shown(models) == [
        "user: one", "assistant: It is a fine day.", "user: two", "assistant: yes", "user: four",
    ]  # fmt: skip


async def test_a_message_without_a_thread_begins_one(service: Service, models: FakeModels) -> None:
    first, second = (
        await service.chat.answer(ask(thread_id=None)),
        await service.chat.answer(ask(thread_id=None)),
    )
    assert uuid.UUID(first.thread_id) != uuid.UUID(second.thread_id)
    await service.chat.answer(ask("and then?", thread_id=first.thread_id))
    assert len(shown(models)) == 3


async def test_words_are_told_as_they_come(service: Service) -> None:
    told = []

    async def say(text: str) -> None:
        told.append(text)

    await service.chat.answer(ask(), say=say)
    assert told == ["It is ", "a fine day."]


async def test_owners_do_not_see_each_others_threads(service: Service, models: FakeModels) -> None:
    await service.chat.answer(ask("my secret", owner="ann"))
    await service.chat.answer(ask("what was said?", owner="eve"))
    assert shown(models) == ["user: what was said?"]
    await service.chat.answer(ask("what did I say?", owner="ann"))
    assert shown(models)[0] == "user: my secret"


async def test_two_at_once_in_one_thread_are_taken_one_after_the_other(
    service: Service, models: FakeModels
) -> None:
    models.gate = asyncio.Event()
    first = asyncio.create_task(service.chat.answer(ask("one")))
    second = asyncio.create_task(service.chat.answer(ask("two")))
    other = asyncio.create_task(service.chat.answer(ask("elsewhere", thread_id="x")))
    async with asyncio.timeout(3):
        while models.n_open < 2:  # noqa: ASYNC110  # one for each thread
            await asyncio.sleep(0.005)
    assert {request.messages[-1]["content"] for request in models.requests} == {"one", "elsewhere"}
    models.gate.set()
    await asyncio.gather(first, second, other)
    assert await kept(service) == ["one", "It is a fine day.", "two", "It is a fine day."]


# -- no model


async def test_without_a_model_it_says_that_it_waits_and_keeps_nothing(
    service: Service, models: FakeModels
) -> None:
    models.error = NoModelError({"127.0.0.1:11434": "cannot connect"})
    models.become(view(state=State.FAILING, is_current=False, retry_in=12.4))
    models.poll = 170.0
    answer = await service.chat.answer(ask())
    assert (answer.response, answer.waiting, answer.model, answer.retry_after) == (WAITING, True, None, 12.4)
    assert await kept(service) == []
    models.error = None
    await service.chat.answer(ask("again"))
    assert shown(models) == ["user: again"]


@pytest.mark.parametrize(
    ("retry_in", "poll", "expected"),
    [(None, None, 5.0), (0.0, None, 1.0), (None, 170.0, 30.0), (2.5, 170.0, 2.5), (600.0, None, 30.0)],
)
async def test_when_to_ask_again(
    service: Service, models: FakeModels, retry_in: float | None, poll: float | None, expected: float
) -> None:
    models.error = NoModelError({})
    models.become(view(state=State.FAILING, is_current=False, retry_in=retry_in))
    models.poll = poll
    assert (await service.chat.answer(ask())).retry_after == expected


# -- answers that fail


async def test_an_answer_that_breaks_off_is_begun_again_where_nobody_saw_it(
    service: Service, models: FakeModels
) -> None:
    models.breaks = [BROKEN, BROKEN]
    answer = await service.chat.answer(ask())
    assert (answer.response, len(models.requests)) == ("It is a fine day.", 3)
    assert await kept(service) == ["How is the weather?", "It is a fine day."]


async def test_an_answer_that_breaks_off_three_times_is_given_up(
    service: Service, models: FakeModels
) -> None:
    models.breaks = [BROKEN] * 3
    with pytest.raises(BrokenStreamError, match="silent"):
        await service.chat.answer(ask())
    assert (len(models.requests), await kept(service)) == (3, [])


async def test_an_answer_whose_words_were_told_is_not_begun_again(
    service: Service, models: FakeModels
) -> None:
    models.breaks = [BROKEN]

    async def say(_: str) -> None:
        return

    with pytest.raises(BrokenStreamError):
        await service.chat.answer(ask(), say=say)
    assert (len(models.requests), await kept(service)) == (1, [])


async def test_an_answer_none_of_whose_words_were_told_is_begun_again(
    service: Service, models: FakeModels
) -> None:
    models.words = ("", "now ", "it works")  # as when a tool is called first
    models.breaks = [BROKEN, BROKEN]
    told = []

    async def say(text: str) -> None:
        told.append(text)

    answer = await service.chat.answer(ask(), say=say)
    assert (answer.response, told) == ("now it works", ["now ", "it works"])
    assert len(models.requests) == 3
    models.breaks = [BROKEN] * 3
    with pytest.raises(BrokenStreamError):
        await service.chat.answer(ask(), say=say)
    assert len(models.requests) == 6


@pytest.mark.parametrize("is_told", [True, False])
async def test_an_answer_that_takes_too_long_is_not_begun_again(
    service: Service, models: FakeModels, *, is_told: bool
) -> None:
    models.words = ("", "words")
    models.breaks = [TooLongError("x: no end within 120 s")]

    async def say(_: str) -> None:
        return

    with pytest.raises(TooLongError):
        await service.chat.answer(ask(), say=say if is_told else None)
    assert (len(models.requests), await kept(service)) == (1, [])


async def test_a_cancelled_answer_leaves_nothing_behind(service: Service, models: FakeModels) -> None:
    models.gate = asyncio.Event()
    asking = asyncio.create_task(service.chat.answer(ask()))
    async with asyncio.timeout(3):
        while not models.n_open:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    asking.cancel()
    await asyncio.wait({asking})
    assert (models.n_open, models.n_closed_early, await kept(service)) == (0, 1, [])
    models.gate = None
    async with asyncio.timeout(3):
        await service.chat.answer(ask())


class _Fussy(FakeModels):
    """Refuses conversations of more messages than it can hold."""

    most = 4

    def stream(self, request: Any) -> Any:
        self.error = REFUSED if len(request.messages) > self.most else None
        return super().stream(request)


@pytest.fixture
def fussy() -> _Fussy:
    return _Fussy()


async def test_a_conversation_that_is_too_long_for_the_model_is_shortened(
    fussy: _Fussy, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start()
    fussy.most = 99
    monkeypatch.setattr(service.chat, "_models", fussy)
    for number in range(10):
        await service.chat.answer(ask(f"q{number}"))
    fussy.most = 7
    answer = await service.chat.answer(ask("now"))
    assert answer.response == "It is a fine day."
    assert shown(fussy) == [
        "user: q8", "assistant: It is a fine day.", "user: q9", "assistant: It is a fine day.", "user: now",
    ]  # fmt: skip
    fussy.most = 2
    await service.chat.answer(ask("and now"))
    assert shown(fussy) == ["user: and now"]
    fussy.most = 1
    with pytest.raises(BadRequestError):
        await service.chat.answer(ask("and now"))
    assert len(await kept(service)) == 24


async def test_an_answer_without_words_is_not_kept(service: Service, models: FakeModels) -> None:
    models.words = (" \n",)
    answer = await service.chat.answer(ask())
    assert answer.warning is not None
    assert "without words" in answer.warning
    assert await kept(service) == []


async def test_a_thread_that_begins_with_an_answer_is_shown_from_its_first_question(
    start: Start, models: FakeModels
) -> None:
    service = await start(chat_thread_messages=3)
    for number in range(3):
        await service.chat.answer(ask(f"q{number}"))
    assert len(await kept(service)) == 3
    await service.chat.answer(ask("now"))
    assert [text.partition(":")[0] for text in shown(models)] == ["user", "assistant", "user"]


# -- without memory


async def test_without_its_database_the_chat_goes_on_and_says_so(
    service: Service, models: FakeModels, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.chat.answer(ask("before"))
    monkeypatch.setattr(threads_module, "STORE_TIMEOUT", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        answer = await service.chat.answer(ask("in between"))
        assert answer.response == "It is a fine day."
        assert answer.warning is not None
        assert "will not be remembered" in answer.warning
        answer = await service.chat.answer(ask("still"))
        assert answer.warning is not None
        assert shown(models) == ["user: still"]
        assert service.threads.trouble is not None
    finally:
        other.execute("ROLLBACK")
        other.close()
    monkeypatch.undo()
    await service.threads.open()
    answer = await service.chat.answer(ask("after"))
    assert (answer.warning, shown(models)[0]) == (None, "user: before")


# -- tools


async def test_tools_are_offered_and_their_rule_is_told(service: Service, models: FakeModels) -> None:
    async def look_up(_: object) -> str:
        return "sunny"

    service.chat.tools = (
        Tool(name="weather", description="Tells it.", parameters={"type": "object"}, run=look_up),
    )
    answer = await service.chat.answer(ask())
    request = models.requests[0]
    assert request.messages[0]["content"] == f"{SYSTEM_PROMPT} {DATA_RULE}"
    assert request.options["tools"][0]["function"]["name"] == "weather"
    assert answer.response == "It is a fine day."


# -- texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("grüße 👩🏽‍🚀", "grüße 👩🏽‍🚀"),
        ("a\0b", "a\ufffdb"),
        ("é\0", "é\ufffd"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_storable_texts(text: str, expected: str) -> None:
    assert storable(text) == expected


async def test_tokens_are_counted_for_the_endpoint_that_answered(
    service: Service, models: FakeModels
) -> None:
    await service.chat.answer(ask())
    models.become(view("10.0.0.7:8000"))
    assert (await service.chat.answer(ask())).model == "fake-1"
    text = service.metrics.as_text().decode()
    for endpoint in ("127.0.0.1:11434", "10.0.0.7:8000"):
        assert f'roomkeeper_service_tokens_total{{endpoint="{endpoint}",kind="prompt"}} 7.0' in text
        assert f'roomkeeper_service_tokens_total{{endpoint="{endpoint}",kind="completion"}} 5.0' in text
