"""How a conversation begins, and goes on with another agent's. The pipeline is a stand-in that says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, llm

from session.conversation import Conversation
from session.utterance import Utterance
from wire import Turn

pytestmark = pytest.mark.looptime

TURNS = (Turn(number=0, role="user", text="Is there a pool?"),)


class FakeSession:
    """Starts in half a second."""

    def __init__(self) -> None:
        self.said: list[tuple[str, float]] = []
        self.on_event: dict[str, Callable[[Any], None]] = {}
        self.options = SimpleNamespace(session_close_transcript_timeout=0.0)

    def on(self, event: str, callback: Callable[[Any], None]) -> None:
        self.on_event[event] = callback

    async def start(self, *_: object, **__: object) -> None:
        await asyncio.sleep(0.5)

    def say(self, text: str) -> None:
        self.said.append((text, asyncio.get_running_loop().time()))

    def add(self, item: object) -> None:
        self.on_event["conversation_item_added"](ConversationItemAddedEvent.model_construct(item=item))


class Box:
    def __init__(
        self, *, takes: float | None = None, turns: Sequence[Turn] = TURNS, greeting: str = "Hi."
    ) -> None:
        async def recall() -> Sequence[Turn]:
            await asyncio.sleep(takes or 0)
            return turns

        self.session = FakeSession()
        self.agent = Agent(instructions="You are Ada.")
        self.heard: list[Utterance] = []
        self.conversation = Conversation(
            cast("AgentSession[None]", self.session),
            self.agent,
            http=cast(aiohttp.ClientSession, None),
            greeting=greeting,
            on_said=(self.heard.append, self.heard.append),
            recall=None if takes is None else recall,
        )

    async def start(self) -> None:
        await self.conversation.start(cast(rtc.Room, None))

    @property
    def texts(self) -> list[str | None]:
        items = self.agent.chat_ctx.items
        return [item.text_content for item in items if isinstance(item, llm.ChatMessage)]


async def test_a_new_conversation_begins_with_the_greeting_when_a_human_is_there(looptime: float) -> None:
    box = Box()
    await box.start()
    assert box.session.said == []
    box.conversation.set_audience(True)
    box.conversation.set_audience(True)
    assert box.session.said == [("Hi.", 0.5)]


@pytest.mark.parametrize(
    ("takes", "said_at"), [(0.2, 0.5), (1.4, 1.4)], ids=["known before the pipeline", "known after it"]
)
async def test_what_was_said_before_is_known_when_the_agent_first_speaks(
    takes: float, said_at: float, looptime: float
) -> None:
    box = Box(takes=takes)
    box.conversation.set_audience(True)
    await box.start()
    assert box.session.said == [("Hi.", said_at)]
    assert "Is there a pool?" in box.texts


async def test_the_agent_speaks_also_when_nothing_was_said_before(looptime: float) -> None:
    box = Box(takes=0.2, turns=())
    box.conversation.set_audience(True)
    await box.start()
    assert [text for text, _ in box.session.said] == ["Hi."]


async def test_a_human_is_heard_while_it_is_asked_for_and_stands_after_it(looptime: float) -> None:
    box = Box(takes=1.4)
    box.conversation.set_audience(True)
    starting = asyncio.create_task(box.start())
    await asyncio.sleep(1)
    assert box.conversation.is_running
    assert box.session.said == []
    context = box.agent.chat_ctx.copy()
    context.add_message(role="user", content="Hello?")
    await box.agent.update_chat_ctx(context)
    await starting
    assert box.texts[-2:] == ["Is there a pool?", "Hello?"]


async def test_a_pipeline_that_does_not_start_leaves_nothing_running(looptime: float) -> None:
    box = Box(takes=10)

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no pipeline")

    box.session.start = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await box.start()
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "call-recall"] == []


async def test_everybody_who_wants_to_know_hears_what_is_said(looptime: float) -> None:
    box = Box()
    box.session.add(llm.ChatMessage(role="user", content=["Hello."]))
    box.session.add(llm.ChatMessage(role="assistant", content=["Hi."], interrupted=True))
    box.session.add(llm.ChatMessage(role="system", content=["You are Ada."]))
    box.session.add(llm.ChatMessage(role="user", content=[]))
    box.session.add(llm.FunctionCall(call_id="1", name="f", arguments=""))
    hello = Utterance(role="user", text="Hello.", interrupted=False)
    hi = Utterance(role="assistant", text="Hi.", interrupted=True)
    assert box.heard == [hello, hello, hi, hi]
