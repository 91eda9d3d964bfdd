"""Who comes, who goes, and who is heard (complaints 1 to 11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from livekit import rtc

from stack.caller import Caller, CallerProcess
from stack.caller.bounded import uncancelled
from stack.caller.captions import Captions
from stack.caller.watching import AGENT
from stack.errors import LateError
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.until import until
from stack.worker import Worker
from tests.e2e.conftest import GRACE

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("worker")]

MakeCaller = Callable[..., Caller]


def reasons(worker: Worker, room: str) -> list[str]:
    return [record["reason"] for record in worker.records("call.left") if record["room"] == room]


def phases(worker: Worker, room: str) -> list[str]:
    return [record["phase"] for record in worker.records("room.phase") if record["room"] == room]


def crashes(worker: Worker, room: str) -> list[str]:
    """Lines about processes of this room that did not end with exit code 0."""
    messages = [str(record["message"]) for record in worker.records() if record.get("room") == room]
    return [message for message in messages if "non-zero exit code" in message]


async def ask(caller: Caller) -> None:
    """Ask, and be answered: the agent hears this caller and this caller hears the agent.

    Asked twice at most, as a human would: the smallest whisper mishears a sentence now and then, and how well it
    hears is not what these tests are about.
    """
    answers = []
    for _ in range(2):
        said = await caller.say("Please tell me the wi-fi password.")
        answer = await caller.hear(after=said.ended_at, limit=20)
        answers.append(answer.text)
        if "sunrise" in answer.text.lower():
            return
        await caller.wait_for_silence(limit=40, pause=1.5)
    raise AssertionError(answers)


async def greeted(caller: Caller) -> None:
    await caller.wait_for_agent(limit=20)
    await caller.hear(after=0, limit=20)


async def test_who_comes_back_within_the_grace_meets_the_same_agent(
    caller: MakeCaller, worker: Worker, room: str
) -> None:
    async with caller() as guest:
        await greeted(guest)
        first = guest.agents
    await asyncio.sleep(GRACE - 1)
    async with caller() as guest:
        assert await guest.wait_for_agent(limit=15) == first[0]
        back_at = asyncio.get_running_loop().time()
        with pytest.raises(LateError):
            await guest.hear_start(after=back_at, limit=2)  # no second greeting
        await ask(guest)
    assert phases(worker, room)[:3] == ["active", "grace_period", "active"]


async def test_who_comes_back_after_the_grace_meets_a_new_agent_within_three_seconds(
    caller: MakeCaller, rooms: Rooms, room: str
) -> None:
    async with caller() as guest:
        first = await guest.wait_for_agent()
    await rooms.wait_for_end(room, timeout=GRACE + 15)
    async with caller() as guest:
        assert await guest.wait_for_agent(limit=15) != first


async def test_a_reloaded_page_is_heard(caller: MakeCaller) -> None:
    async with caller() as guest:
        await greeted(guest)
        await guest.reload()
        await guest.wait_for_agent()
        await ask(guest)


async def test_a_reloaded_page_with_a_new_identity_is_heard(caller: MakeCaller) -> None:
    async with caller("tab-1") as old:
        await greeted(old)
    async with caller("tab-2") as new:
        await new.wait_for_agent()
        await ask(new)


async def test_a_newcomer_is_heard_while_the_ghost_of_the_old_tab_is_still_listed(
    caller: MakeCaller, livekit: LiveKitServer, rooms: Rooms, room: str, tmp_path: Path
) -> None:
    async with CallerProcess(livekit.address, room, "old-tab", folder=tmp_path) as ghost:
        await rooms.wait_for_agents(room, 1, timeout=20)
        async with caller("new-tab") as new:
            await new.wait_for_agent()
            with suppress(
                LateError
            ):  # the end of the greeting that was for the other tab, if it is not over yet
                await new.hear(after=0, limit=15)
            ghost.kill()
            # Switching to who speaks costs the first words; a ghost that LiveKit calls lost is let go before that.
            await new.say(
                "Hello again. It is me, on another tab. I was away for a moment. Can you hear me now?"
            )
            await until(
                lambda: any(one.identity == "new-tab" and one.text for one in new.captions),
                timeout=20,
                what="the agent to hear the new tab",
            )
            listed = {one.identity for one in await rooms.participants(room)}
            assert "old-tab" in listed


async def test_of_two_humans_the_linked_one_leaves_and_the_other_is_heard(
    caller: MakeCaller, worker: Worker, room: str
) -> None:
    async with caller("first") as first:
        await greeted(first)
        async with caller("second") as second:
            await ask(first)
            await first.leave()
            await ask(second)
        assert phases(worker, room)[0] == "active"
        assert phases(worker, room).count("active") == 1


@pytest.mark.timeout(240)
async def test_a_killed_tab_counts_until_livekit_says_it_is_gone_and_then_comes_the_grace(
    livekit: LiveKitServer, worker: Worker, rooms: Rooms, room: str, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    async with CallerProcess(livekit.address, room, folder=tmp_path) as tab:
        await rooms.wait_for_agents(room, 1, timeout=20)
        tab.kill()
        killed_at = loop.time()
    await until(lambda: "grace_period" in phases(worker, room), timeout=40, what="the grace")
    assert loop.time() - killed_at > 5
    grace_at = loop.time()
    await rooms.wait_for_end(room, timeout=GRACE + 15)
    assert loop.time() - grace_at == pytest.approx(GRACE - 0.5, abs=1)
    await until(lambda: reasons(worker, room) == ["humans_left"], timeout=15, what="the reason")


async def test_avatars_and_holds_and_other_agents_are_nobody(
    caller: MakeCaller, worker: Worker, rooms: Rooms, room: str
) -> None:
    async with (
        caller("face", attributes={"lk.publish_on_behalf": "ai-t"}) as _avatar,
        caller("ai-hold-other") as _hold,
    ):
        async with caller() as guest:
            await guest.wait_for_agent()
            await until(lambda: phases(worker, room) == ["active"], timeout=15, what="the human to count")
        await until(
            lambda: reasons(worker, room) == ["humans_left"], timeout=GRACE + 15, what="the agent to leave"
        )
    record = next(r for r in worker.records("room.phase") if r["room"] == room)
    assert record["humans"] == 1


async def test_livekit_closes_the_room_during_the_grace(
    caller: MakeCaller, worker: Worker, rooms: Rooms, room: str
) -> None:
    async with caller() as guest:
        await guest.wait_for_agent()
    await until(lambda: "grace_period" in phases(worker, room), timeout=15, what="the grace")
    await rooms.delete(room)
    await until(lambda: reasons(worker, room) == ["room_closed"], timeout=15, what="the agent to leave")
    await until(lambda: worker.job_in(room) is None, timeout=15, what="its process to end")
    assert not crashes(worker, room)


async def test_an_agent_alone_in_a_room_made_beforehand_waits_for_the_first_human(
    models: LocalModels, room: str
) -> None:
    loop = asyncio.get_running_loop()
    env = {"GRACE_PERIOD": "1", "FIRST_HUMAN_TIMEOUT": "5"}
    async with (
        LiveKitServer() as livekit,
        Rooms(livekit.address) as rooms,
        Worker(livekit.address, models_url=models.url, env=env) as worker,
    ):
        await rooms.create(room)
        await rooms.wait_for_agents(room, 1, timeout=20)
        entered_at = loop.time()
        await asyncio.sleep(3)
        assert await rooms.agents(room), "the grace does not count before the first human"
        await rooms.wait_for_end(room, timeout=15)
        assert loop.time() - entered_at == pytest.approx(5, abs=1)
        await until(lambda: reasons(worker, room) == ["never_joined"], timeout=15, what="the reason")


async def test_the_agent_does_not_talk_into_an_empty_room(
    caller: MakeCaller, worker: Worker, room: str
) -> None:
    loop = asyncio.get_running_loop()
    async with caller("ai-ear") as ear:
        async with caller() as guest:
            await greeted(guest)
            said = await guest.say("When is breakfast served?")
            await guest.hear_start(after=said.ended_at, limit=20)
        await until(lambda: "grace_period" in phases(worker, room), timeout=15, what="the grace")
        hushed_at = loop.time() + 1.0  # what was on its way
        agent = ear.agents[0]
        await asyncio.sleep(4)
        assert ear.sound_of(agent).first_audible(hushed_at) is None


async def test_a_caller_who_only_sends_noise_gets_no_answer_and_keeps_the_agent(
    caller: MakeCaller, room: str, worker: Worker
) -> None:
    async with caller() as guest:
        await greeted(guest)
        noise_at = asyncio.get_running_loop().time()
        await guest.make_noise(3)
        with pytest.raises(LateError):
            await guest.hear_start(after=noise_at, limit=4)
        await ask(guest)


async def test_a_caller_who_reconnects_fully_is_heard(caller: MakeCaller, worker: Worker, room: str) -> None:
    async with caller() as guest:
        await greeted(guest)
        await guest.simulate(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
        await until(
            lambda: any(event.name == "reconnected" for event in guest.events),
            timeout=20,
            what="the reconnect",
        )
        await ask(guest)


@asynccontextmanager
async def writer(
    livekit: LiveKitServer, room_name: str, identity: str
) -> AsyncIterator[Callable[[str, str], Awaitable[None]]]:
    """A human who only writes and reads: no microphone, and subscribed to nobody's sound.

    Yields what writes a text, and waits until a word is in the answer; again if there is none, as a human would:
    LiveKit announces whoever publishes nothing up to 3 s late, and until then nobody knows of them.
    """
    room = rtc.Room()
    captions = Captions(room)
    token = livekit.address.token(room=room_name, identity=identity)
    await uncancelled(room.connect(livekit.address.url, token, rtc.RoomOptions(auto_subscribe=False)))

    async def write(text: str, word: str) -> None:
        n_read = len(captions.all)

        def is_answered() -> bool:
            return any(word in one.text.lower() for one in captions.all[n_read:])

        for _ in range(3):
            await room.local_participant.send_text(text, topic="lk.chat")
            with suppress(LateError):
                await until(is_answered, timeout=15, what="the answer")
                return
        raise AssertionError([one.text for one in captions.all])

    try:
        await until(
            lambda: any(one.kind == AGENT for one in room.remote_participants.values()),
            timeout=20,
            what="the agent",
        )
        yield write
    finally:
        await captions.aclose()
        await room.disconnect()


async def test_whoever_writes_is_answered_without_hearing_or_being_listened_to(
    livekit: LiveKitServer, worker: Worker, room: str
) -> None:
    """The greeting waits to be heard and cannot be interrupted; and the agent listens to one human at a time."""
    async with writer(livekit, room, "first") as first:
        await first("Please tell me the wi-fi password.", "sunrise")
        async with writer(livekit, room, "second") as second:
            await second("Please tell me the wi-fi password.", "sunrise")
            await first("And what is the wi-fi password?", "sunrise")
