"""What the room is told of how the agent is."""

from __future__ import annotations

import asyncio
import json

import pytest

from session.notes import LONGEST_FALLBACK, MOST_FALLBACKS, RETRY_PAUSE, SEND_TIMEOUT, Notes, waiting_for
from session.trouble import Part
from wire import NOTES

pytestmark = pytest.mark.looptime


class Room:
    """The agent's own participant: takes attributes, or fails as a test says."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.fails_with: Exception | None = None
        self.hangs = False

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        if self.hangs:
            await asyncio.sleep(3600)
        if self.fails_with is not None:
            raise self.fails_with
        (name,) = attributes
        assert name == NOTES
        self.told.append((attributes[name], asyncio.get_running_loop().time()))

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.told]


@pytest.mark.parametrize(
    ("failing", "waiting"),
    [
        ((), None),
        ((Part.TTS,), "tts"),
        ((Part.TTS, Part.STT), "stt"),
        ((Part.TTS, Part.LLM, Part.STT), "llm"),
    ],
)
def test_what_is_missed_most_is_waited_for(failing: tuple[Part, ...], waiting: str | None) -> None:
    assert waiting_for(failing) == waiting


async def test_who_has_nothing_to_tell_tells_nothing_and_starts_nothing(looptime: float) -> None:
    room, notes = Room(), Notes()
    before = asyncio.all_tasks()
    notes.begin(room)
    notes.again()
    notes.wait_for(())
    assert asyncio.all_tasks() == before
    await asyncio.sleep(60)
    assert room.told == []
    await notes.aclose()


async def test_facts_are_told_once_the_agent_is_there_and_taken_back(looptime: float) -> None:
    room, notes = Room(), Notes(translate="es", vision=True)
    await asyncio.sleep(1)
    notes.begin(room)
    await asyncio.sleep(1)
    assert [json.loads(text) for text in room.texts] == [{"vision": True, "translate": "es"}]
    notes.wait_for({Part.LLM: "NoModelError"})
    await asyncio.sleep(1)
    assert json.loads(room.texts[-1]) == {"waiting": "llm", "vision": True, "translate": "es"}
    notes.wait_for({})
    await asyncio.sleep(1)
    assert len(room.told) == 3
    assert room.texts[0] == room.texts[2]


async def test_the_last_fact_gone_empties_the_attribute(looptime: float) -> None:
    room, notes = Room(), Notes()
    notes.begin(room)
    notes.set_avatar("absent")
    await asyncio.sleep(1)
    notes.set_avatar(None)
    await asyncio.sleep(1)
    assert room.texts == ['{"avatar": "absent"}', ""]


async def test_a_burst_is_one_message_and_a_passing_fact_is_none(looptime: float) -> None:
    room, notes = Room(), Notes(vision=True)
    notes.begin(room)
    await asyncio.sleep(1)
    for _ in range(50):
        notes.wait_for({Part.STT: "APIError"})
        notes.wait_for({})
    await asyncio.sleep(1)
    assert len(room.told) == 1
    for number in range(50):
        notes.set_avatar(f"failed: {number}")
    notes.set_vision(False)
    await asyncio.sleep(1)
    assert json.loads(room.texts[-1]) == {"avatar": "failed: 49", "vision": "not understood"}
    assert len(room.told) == 2


async def test_after_a_reconnect_all_is_told_again(looptime: float) -> None:
    room, notes = Room(), Notes(translate="de")
    notes.begin(room)
    await asyncio.sleep(1)
    notes.again()
    await asyncio.sleep(1)
    assert room.texts == ['{"translate": "de"}'] * 2


async def test_what_is_over_is_taken_back_after_a_reconnect_too(looptime: float) -> None:
    """LiveKit was away when there was nothing more to tell, and has kept what it was told before."""
    room, notes = Room(), Notes()
    notes.begin(room)
    notes.again()
    await asyncio.sleep(1)
    assert room.texts == [], "nothing was ever told"
    notes.wait_for({Part.LLM: "NoModelError"})
    await asyncio.sleep(1)
    room.fails_with = ConnectionError()
    notes.wait_for({})
    await asyncio.sleep(1)
    room.fails_with = None
    notes.again()
    await asyncio.sleep(RETRY_PAUSE)
    assert room.texts == ['{"waiting": "llm"}', ""]
    notes.again()
    await asyncio.sleep(1)
    assert room.texts == ['{"waiting": "llm"}', "", ""]


@pytest.mark.parametrize("error", [RuntimeError("no room"), ConnectionError(), TimeoutError()])
async def test_a_room_that_cannot_be_told_is_told_later(error: Exception, looptime: float) -> None:
    room, notes = Room(), Notes(vision=True)
    room.fails_with = error
    notes.begin(room)
    await asyncio.sleep(RETRY_PAUSE - 1)
    room.fails_with = None
    notes.wait_for({Part.TTS: "APIError"})
    await asyncio.sleep(2)
    assert [json.loads(text) for text in room.texts] == [{"waiting": "tts", "vision": True}]


async def test_a_room_that_hangs_is_waited_for_in_bounded_time_and_can_be_left(looptime: float) -> None:
    room, notes = Room(), Notes(vision=True)
    room.hangs = True
    notes.begin(room)
    await asyncio.sleep(SEND_TIMEOUT + RETRY_PAUSE)
    room.hangs = False
    await asyncio.sleep(1)
    assert len(room.told) == 1
    room.hangs = True
    notes.set_vision(False)
    await asyncio.sleep(1)
    await notes.aclose()
    await notes.aclose()
    notes.set_vision(True)
    notes.again()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "call-notes"] == []


async def test_fallbacks_are_few_and_short(looptime: float) -> None:
    room, notes = Room(), Notes()
    notes.begin(room)
    notes.fall_back([f"tts: {number}{'x' * 5_000}" for number in range(50)])
    await asyncio.sleep(1)
    told = json.loads(room.texts[0])["fallback"]
    assert len(told) == MOST_FALLBACKS
    assert {len(line) for line in told} == {LONGEST_FALLBACK}
    notes.fall_back(())
    await asyncio.sleep(1)
    assert room.texts[-1] == ""
