"""What humans write is answered, whoever is listened to and whatever is being said."""

from __future__ import annotations

import asyncio
import logging

import pytest
from livekit import rtc

from session.written import READ_TIMEOUT
from tests.session.box import Box

pytestmark = pytest.mark.looptime


async def begun(*, greeting: str = "") -> Box:
    box = Box(greeting=greeting)
    await box.start()
    box.comes("ann", "PA_1")
    return box


def texts(box: Box) -> list[str]:
    return [text for text, _ in box.session.answered]


async def test_what_is_written_cuts_off_what_is_said_and_is_answered(looptime: float) -> None:
    box = await begun(greeting="Hi.")
    box.session.ends_in = 0.2
    box.room.write("ann", "Is there a pool?")
    await asyncio.sleep(1)
    assert box.session.speeches[0].interrupted
    ((text, answered_at),) = box.session.answered
    assert text == "Is there a pool?"
    assert answered_at == pytest.approx(0.7)
    assert box.session.user_state == "listening"


async def test_what_is_written_while_nothing_may_be_cut_off_is_answered_after_it(looptime: float) -> None:
    box = await begun()
    box.session.say("We are open.", allow_interruptions=False)
    reader = box.room.write("ann", "Is there a pool?")
    await asyncio.sleep(1)
    assert texts(box) == ["Is there a pool?"]
    assert not box.session.speeches[0].interrupted
    assert reader.is_closed


async def test_who_writes_and_never_subscribes_is_answered(looptime: float) -> None:
    """Until somebody subscribes, what is said waits, and what comes after it too."""
    box = Box()
    box.session.nobody_has_subscribed()
    await box.start()
    box.comes("ann", "PA_1")
    box.room.write("ann", "Is there a pool?")
    await asyncio.sleep(1)
    assert box.session.subscribed.done()
    assert texts(box) == ["Is there a pool?"]
    (greeting,) = box.session.speeches
    assert not greeting.interrupted, "it is said now"
    assert greeting.allow_interruptions


async def test_who_has_subscribed_meanwhile_does_no_harm(looptime: float) -> None:
    box = Box()
    box.session.nobody_has_subscribed()
    await box.start()
    box.comes("ann", "PA_1")
    box.room.write("ann", "Is there a pool?", takes=1)
    box.session.subscribed.set_result(None)
    await asyncio.sleep(2)
    assert texts(box) == ["Is there a pool?"]


async def test_who_only_writes_is_answered_and_listened_to(looptime: float) -> None:
    box = await begun()
    box.joins("bob", "PA_2")
    box.room.write("bob", "Is there a pool?")
    await asyncio.sleep(1)
    assert texts(box) == ["Is there a pool?"]
    assert box.conversation.linked == "bob"
    assert box.session.heard[-1] == "bob"


async def test_who_speaks_is_listened_to_on_while_another_one_writes(looptime: float) -> None:
    box = await begun()
    box.joins("bob", "PA_2")
    box.session.user("speaking")
    box.room.write("bob", "Is there a pool?")
    await asyncio.sleep(1)
    assert texts(box) == ["Is there a pool?"]
    assert box.conversation.linked == "ann"


async def test_who_writes_into_the_greeting_is_not_greeted_again(looptime: float) -> None:
    box = await begun(greeting="Hi.")
    box.joins("bob", "PA_2")
    box.room.write("bob", "Is there a pool?")
    await asyncio.sleep(1)
    assert box.session.speeches[0].done()
    assert [text for text, _ in box.session.said] == ["Hi."]


async def test_only_humans_are_read(looptime: float) -> None:
    box = await begun()
    box.joins("ai-7-x", "PA_2")
    box.joins("robot", "PA_3")
    box.room.remote_participants["robot"].kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    readers = [box.room.write(who, "Buy now!") for who in ("ai-7-x", "robot", "nobody")]
    await asyncio.sleep(1)
    assert texts(box) == []
    assert box.conversation.linked == "ann"
    assert all(reader.is_closed for reader in readers)


@pytest.mark.parametrize(
    ("text", "takes"), [(rtc.StreamError("aborted"), 0.0), ("Too late.", READ_TIMEOUT + 1), (" \n", 0.0)]
)
async def test_what_does_not_arrive_is_left_and_the_next_is_read(
    text: str | Exception, takes: float, caplog: pytest.LogCaptureFixture, looptime: float
) -> None:
    caplog.set_level(logging.WARNING)
    box = await begun()
    reader = box.room.write("ann", text, takes=takes)
    box.room.write("ann", "Is there a pool?")
    await asyncio.sleep(READ_TIMEOUT + 5)
    assert texts(box) == ["Is there a pool?"]
    assert reader.is_closed
    assert [record.message for record in caplog.records] == (
        [] if text == " \n" else ["what a human wrote did not arrive whole"]
    )


class Scribe:
    """A companion that keeps what is written."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def begin(self, session: object, room: object) -> None:
        """Nothing to begin."""

    async def ready(self) -> None:
        """Nothing to wait for."""

    async def aclose(self) -> None:
        """Nothing to end."""

    def take_text(self, text: str) -> None:
        self.kept.append(text)


async def test_a_companion_may_take_it_from_whoever_writes(looptime: float) -> None:
    scribe = Scribe()
    box = Box(greeting="", companions=[scribe])
    await box.start()
    box.comes("ann", "PA_1")
    box.joins("bob", "PA_2")
    box.room.write("ann", "One.")
    box.room.write("bob", "Two.")
    await asyncio.sleep(1)
    assert scribe.kept == ["One.", "Two."]
    assert texts(box) == []


async def test_nothing_is_read_after_the_end(looptime: float) -> None:
    box = await begun()
    reader = box.room.write("ann", "Is there a pool?", takes=5)
    await asyncio.sleep(1)
    await box.stop()
    await box.stop()
    late = box.room.write("ann", "Hello?")
    await asyncio.sleep(60)
    assert texts(box) == []
    assert reader.is_closed
    assert not late.is_closed, "nobody was given it"


async def test_a_pipeline_that_has_closed_answers_nothing(looptime: float) -> None:
    box = await begun()
    box.joins("bob", "PA_2")
    box.session.close()
    box.room.write("bob", "Is there a pool?")
    await asyncio.sleep(1)
    assert texts(box) == []
    assert box.conversation.linked == "ann"


async def test_a_pipeline_that_closes_while_it_reads_is_no_error(looptime: float) -> None:
    box = await begun(greeting="Hi.")
    box.session.ends_in = 1.0
    box.session.is_closing = True
    box.room.write("ann", "Is there a pool?")
    await asyncio.sleep(5)
    assert texts(box) == []
