"""An avatar that comes, does not come, or dies: the agent is heard all the same."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIStatusError
from pydantic import SecretStr

from session.avatar import ABSENT, CLOSE_TIMEOUT, GREETING_WAIT, START_TIMEOUT
from session.avatar_list import AVATARS, Place, Plugin
from session.avatar_output import STALL_LIMIT
from session.avatar_watch import GONE_AFTER
from session.roster import RTC_HUMAN_KINDS
from tests.session import fake_avatar
from tests.session.avatar_box import AVATAR, ME, Box
from tests.session.fake_avatar import Script, Sink
from wire import is_human

SECRET = "the-account-secret"


async def room_key(key: SecretStr, place: Place) -> str:
    assert key.get_secret_value() == SECRET
    return f"key for {place.model} in {place.room_name}"


@pytest.fixture(autouse=True)
def _plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Plugin(
        module="tests.session.fake_avatar",
        package="fake",
        key="FAKE_AVATAR_KEY",
        key_as="api_secret",
        model_as="face",
        room_key=room_key,
    )
    monkeypatch.setitem(AVATARS, "fake", row)
    monkeypatch.setattr(fake_avatar, "script", Script())
    monkeypatch.setenv("FAKE_AVATAR_KEY", SECRET)


def row(**changes: Any) -> Plugin:
    old = AVATARS["fake"]
    fields = {
        name: getattr(old, name) for name in ("module", "package", "key", "key_as", "model_as", "room_key")
    }
    return Plugin(**{**fields, **changes})


async def closed(box: Box) -> None:
    await box.face.aclose()
    await box.face.aclose()
    assert not any(box.room.handlers.values())


@pytest.mark.looptime
async def test_an_avatar_that_comes_speaks_and_is_sent_away_at_the_end(looptime: float) -> None:
    box = Box()
    box.begin()
    await box.face.ready()
    assert looptime == 1
    await asyncio.sleep(0.1)
    assert box.states == [(ABSENT, 0), (None, 1)]
    await box.say()
    assert (box.usual.n_frames, box.script.sink and box.script.sink.n_frames) == (0, 1)
    assert box.script.options == {
        "api_secret": "key for grace in agent-1-room",
        "face": "grace",
        "avatar_participant_identity": AVATAR,
        "avatar_participant_name": "Ada",
    }
    await closed(box)
    assert box.script.n_closed == 1


@pytest.mark.parametrize("kind", [rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, *RTC_HUMAN_KINDS])
def test_its_participant_is_no_human_whatever_its_attributes_say(kind: int) -> None:
    assert not is_human(kind=kind, identity=AVATAR, attributes={}, human_kinds=RTC_HUMAN_KINDS)
    attributes = {"lk.publish_on_behalf": ME}
    assert not is_human(kind=kind, identity="face", attributes=attributes, human_kinds=RTC_HUMAN_KINDS)


@pytest.mark.looptime
async def test_one_that_comes_late_lets_the_greeting_begin_and_takes_over_after_it(looptime: float) -> None:
    box = Box()
    box.script.joins_in = 5
    box.begin()
    await box.face.ready()
    assert looptime == GREETING_WAIT
    box.current_speech = object()
    await box.push()
    await asyncio.sleep(4)
    await box.push()
    assert box.state == ABSENT
    assert box.usual.n_frames == 2
    assert box.output.audio is not None
    box.output.audio.flush()
    box.current_speech = None
    await asyncio.sleep(0.2)
    assert box.state is None
    await box.say()
    assert box.usual.n_frames == 2
    await closed(box)


@pytest.mark.looptime
async def test_one_that_never_comes_has_failed_after_ten_seconds(looptime: float, caplog: Any) -> None:
    box = Box()
    box.script.joins_in = 60
    box.begin()
    await asyncio.sleep(START_TIMEOUT + 1)
    assert box.states == [(ABSENT, 0), ("failed: did not start in time", START_TIMEOUT)]
    await box.say()
    assert box.usual.n_frames == 1
    (record,) = [one for one in caplog.records if getattr(one, "action", "") == "avatar.failed"]
    assert (record.provider, record.reason) == ("fake", "did not start in time")
    assert box.script.n_closed == 0
    await asyncio.sleep(60)
    assert box.script.n_closed == 1, "one that comes all the same is sent away"
    assert len(box.states) == 2
    await box.say()
    assert box.usual.n_frames == 2
    await closed(box)


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (APIStatusError(f"{SECRET} is wrong", status_code=401), "key refused"),
        (APIStatusError("no such face", status_code=404), "refused"),
        (APIConnectionError("cannot connect"), "unreachable"),
        (ConnectionError(SECRET), "unreachable"),
        (ValueError(SECRET), "broke"),
        (None, "refused"),
    ],
)
async def test_one_that_fails_delays_nothing_and_its_own_words_are_told_to_nobody(
    raised: Exception | None, reason: str, looptime: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box = Box()
    box.script.raises = raised
    box.script.sink = None
    box.begin()
    await box.face.ready()
    assert looptime == 0
    assert box.state == f"failed: {reason}"
    await box.say()
    assert box.usual.n_frames == 1
    await closed(box)
    assert all(SECRET not in str(record.__dict__) for record in caplog.records)


@pytest.mark.looptime
async def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, looptime: float) -> None:
    async def state_of(box: Box) -> str | None:
        box.begin()
        await box.face.ready()
        await box.face.aclose()
        return box.state

    assert await state_of(Box(provider="acme")) == "failed: unknown provider"
    monkeypatch.setitem(AVATARS, "fake", row(module="livekit.plugins.nowhere"))
    assert await state_of(Box()) == "failed: not installed"
    monkeypatch.setitem(AVATARS, "fake", row(module="tests.session.fake_avatar", needs_model=True))
    assert await state_of(Box(model=None)) == "failed: no model is named"
    monkeypatch.setenv("FAKE_AVATAR_KEY", " ")
    assert await state_of(Box()) == "failed: FAKE_AVATAR_KEY is not set"
    assert looptime == 0


def test_a_row_imports_nothing_of_its_plugin() -> None:
    assert (
        not {plugin.module for plugin in AVATARS.values()} - {"tests.session.fake_avatar"}
        & sys.modules.keys()
    )


@pytest.mark.looptime
async def test_one_that_leaves_is_replaced_by_the_rooms_own_sound(looptime: float) -> None:
    box = Box()
    await box.is_there()
    box.room.leaves()
    await asyncio.sleep(GONE_AFTER + 0.1)
    assert box.states[-1] == ("failed: left", 2 + GONE_AFTER)
    await box.say()
    assert box.usual.n_frames == 1
    assert box.n_interrupted == 0
    await closed(box)


@pytest.mark.looptime
async def test_what_it_was_saying_when_it_died_is_cut_off_and_the_next_is_heard(looptime: float) -> None:
    box = Box()
    await box.is_there()
    await box.push(3)
    box.room.leaves()
    await asyncio.sleep(1)
    assert box.n_interrupted == 1
    await box.push()  # livekit-agents has not stopped yet
    assert box.usual.n_frames == 0
    assert box.output.audio is not None
    box.output.audio.flush()  # now it has
    box.output.audio.clear_buffer()
    event = await box.output.audio.wait_for_playout()
    assert event.interrupted
    await box.say()
    assert box.usual.n_frames == 1
    await closed(box)


@pytest.mark.looptime
async def test_what_it_was_given_to_its_end_is_over_when_it_dies(looptime: float) -> None:
    box = Box()
    box.script.sink = Sink(is_prompt=False)
    await box.is_there()
    speaking = asyncio.create_task(box.say())
    await asyncio.sleep(1)
    assert not speaking.done()
    box.room.leaves()
    await asyncio.sleep(1)
    assert speaking.done()
    await box.say()
    assert box.usual.n_frames == 1
    box.script.sink.on_playback_finished(playback_position=1.0, interrupted=False)  # its own word, too late
    await closed(box)


@pytest.mark.looptime
async def test_one_that_takes_sound_and_says_nothing_is_given_up(looptime: float) -> None:
    box = Box()
    box.script.sink = Sink(is_prompt=False)
    await box.is_there()
    await box.say()
    assert box.state == "failed: went silent"
    assert box.states[-1][1] == pytest.approx(2 + 0.1 + STALL_LIMIT)
    await box.say()
    assert box.usual.n_frames == 1
    await closed(box)


@pytest.mark.looptime
async def test_a_frozen_one_that_is_interrupted_is_given_up_after_five_seconds(looptime: float) -> None:
    """The pipeline waits for it to say that it has stopped, and says nothing meanwhile."""
    box = Box()
    box.script.sink = Sink(is_prompt=False)
    await box.is_there()
    await box.push(300)  # 30 s of sound: it is made faster than it is said
    assert box.output.audio is not None
    box.output.audio.flush()
    box.output.audio.clear_buffer()
    event = await box.output.audio.wait_for_playout()
    assert event.interrupted
    assert looptime == pytest.approx(2 + STALL_LIMIT)
    assert box.state == "failed: went silent"
    await box.say()
    assert box.usual.n_frames == 1
    await closed(box)


@pytest.mark.looptime
async def test_a_full_reconnect_takes_nobody_away(looptime: float) -> None:
    """LiveKit's SDK says that everybody has left, and that they are back."""
    box = Box()
    await box.is_there()
    avatar = box.room.remote_participants[AVATAR]
    box.room.leaves()
    box.room.connection_state = rtc.ConnectionState.CONN_RECONNECTING
    await asyncio.sleep(3)
    box.room.connection_state = rtc.ConnectionState.CONN_CONNECTED
    box.room.remote_participants[AVATAR] = avatar
    box.room.emit("reconnected")
    await asyncio.sleep(2)
    assert box.state is None
    await closed(box)


@pytest.mark.looptime
async def test_one_that_did_not_come_back_with_the_connection_is_gone(looptime: float) -> None:
    box = Box()
    await box.is_there()
    box.room.connection_state = rtc.ConnectionState.CONN_RECONNECTING
    box.room.leaves()
    await asyncio.sleep(3)
    assert box.state is None
    box.room.connection_state = rtc.ConnectionState.CONN_CONNECTED
    box.room.emit("reconnected")
    await asyncio.sleep(1)
    assert box.state == "failed: left"
    await closed(box)


@pytest.mark.looptime
async def test_one_without_a_voice_is_given_up(looptime: float) -> None:
    box = Box()
    await box.is_there()
    box.room.remote_participants[AVATAR].track_publications.clear()
    box.room.emit("track_unpublished", None, None)
    await asyncio.sleep(1)
    assert box.state == "failed: lost its voice"
    await closed(box)


@pytest.mark.looptime
async def test_it_waits_for_the_room_and_can_be_ended_while_it_does(looptime: float) -> None:
    box = Box()
    box.room.connection_state = rtc.ConnectionState.CONN_DISCONNECTED
    box.begin()
    await asyncio.sleep(START_TIMEOUT + 5)
    assert box.state == ABSENT
    box.room.connection_state = rtc.ConnectionState.CONN_CONNECTED
    box.room.emit("connection_state_changed", box.room.connection_state)
    await asyncio.sleep(2)
    assert box.state is None
    box.script.closes_in = 60
    await closed(box)
    assert asyncio.get_running_loop().time() == pytest.approx(15 + 2 + CLOSE_TIMEOUT)


@pytest.mark.looptime
async def test_an_utterance_on_a_dead_avatar_holds_up_no_end(looptime: float) -> None:
    """The pipeline closes after its companions, and waits for what is being said."""
    box = Box()
    box.script.sink = Sink(is_prompt=False)
    await box.is_there()
    speaking = asyncio.create_task(box.say())
    await asyncio.sleep(1)
    assert not speaking.done()
    await closed(box)
    async with asyncio.timeout(0.1):
        await speaking
    assert box.script.n_closed == 1
    await box.say()
    assert box.usual.n_frames == 1


@pytest.mark.looptime
async def test_what_is_still_being_said_is_cut_off_at_the_end(looptime: float) -> None:
    box = Box()
    await box.is_there()
    await box.push(3)
    await closed(box)
    assert box.n_interrupted == 1


@pytest.mark.looptime
async def test_a_late_one_that_fails_after_all_ends_quietly(looptime: float) -> None:
    box = Box()
    box.script.joins_in = 60

    def fail(_: str) -> None:
        raise ConnectionError(SECRET)

    box.script.on_join = fail
    box.begin()
    await asyncio.sleep(70)
    assert box.state == "failed: did not start in time"
    assert box.script.n_closed == 1
    await closed(box)
