"""How a conversation begins, and goes on with another agent's. The pipeline is a stand-in that says nothing."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import llm

from session.utterance import Utterance
from tests.session.box import Box

pytestmark = pytest.mark.looptime


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


# -- the greeting, until somebody has heard it


async def test_a_greeting_that_was_heard_is_said_once(looptime: float) -> None:
    box = Box()
    await box.start()
    box.comes("ann", "PA_1")
    assert box.session.speeches[0].allow_interruptions
    box.session.speeches[0].end()
    box.leaves("ann")
    box.comes("ann", "PA_2")
    assert len(box.session.said) == 1


async def test_a_greeting_cut_off_by_leaving_is_said_again(looptime: float) -> None:
    box = Box()
    await box.start()
    box.comes("ann", "PA_1")
    box.leaves("ann")
    assert box.session.speeches[0].interrupted
    await asyncio.sleep(1)
    assert len(box.session.said) == 1, "nobody is there"
    box.comes("ann", "PA_2")
    assert len(box.session.said) == 2
    box.session.speeches[1].end()
    box.leaves("ann")
    box.comes("ann", "PA_3")
    assert len(box.session.said) == 2


async def test_a_greeting_that_ends_late_after_it_was_cut_off_is_said_again_once(looptime: float) -> None:
    box = Box()
    await box.start()
    box.session.ends_in = 2.0
    box.comes("ann", "PA_1")
    box.leaves("ann")
    await asyncio.sleep(1)
    box.comes("ann", "PA_2")
    await asyncio.sleep(2)
    assert box.session.speeches[0].done()
    box.session.speeches[-1].end()
    assert len(box.session.said) == 2


@pytest.mark.parametrize("again", ["ann", "bob"], ids=["the same one, joined anew", "somebody else"])
async def test_who_takes_the_listeners_place_before_the_end_is_greeted(again: str, looptime: float) -> None:
    """The roster was never empty for long enough to tell that nobody is there."""
    box = Box()
    await box.start()
    box.comes("ann", "PA_1")
    box.leaves("ann", last=False)
    box.comes(again, "PA_2")
    assert len(box.session.said) == 1, "not into the middle of the first one"
    box.session.speeches[0].end()
    assert len(box.session.said) == 2
    box.session.speeches[1].end()
    assert len(box.session.said) == 2


async def test_a_listener_who_is_not_followed_is_nobody_to_greet(looptime: float) -> None:
    box = Box()
    await box.start()
    box.comes("ann", "PA_1")
    box.leaves("ann", last=False)
    box.session.speeches[0].end()
    assert len(box.session.said) == 1


async def test_nothing_is_cut_off_before_somebody_has_subscribed(looptime: float) -> None:
    box = Box()
    box.session.nobody_has_subscribed()
    await box.start()
    box.comes("ann", "PA_1")
    (greeting,) = box.session.speeches
    assert not greeting.allow_interruptions
    box.leaves("ann")
    box.session.state("speaking")
    assert box.session.n_interrupted == 0
    box.comes("bob", "PA_2")
    assert len(box.session.said) == 1, "it still waits to be heard"
    box.session.subscribed.set_result(None)
    await asyncio.sleep(0)
    assert greeting.allow_interruptions
    assert box.session.n_interrupted == 0
    greeting.end()
    assert len(box.session.said) == 1, "who is there heard it from its beginning"


async def test_a_greeting_that_begins_into_an_empty_room_is_cut_off_and_said_again(looptime: float) -> None:
    box = Box()
    box.session.nobody_has_subscribed()
    await box.start()
    box.comes("ann", "PA_1")
    box.leaves("ann")
    box.session.subscribed.set_result(None)
    await asyncio.sleep(0.1)
    assert box.session.speeches[0].interrupted
    box.comes("bob", "PA_2")
    assert len(box.session.said) == 2
    assert box.session.speeches[1].allow_interruptions


async def test_without_a_voice_in_the_room_nobody_has_to_subscribe(looptime: float) -> None:
    box = Box()
    box.session.room_io.subscribed_fut = None
    await box.start()
    box.comes("ann", "PA_1")
    assert box.session.speeches[0].allow_interruptions
    box.leaves("ann")
    box.session.state("thinking")
    assert box.session.n_interrupted == 2
