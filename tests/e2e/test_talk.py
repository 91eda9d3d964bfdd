"""The talk page in a real browser, with a real agent: heard, read, reloaded, and left by its agent."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from livekit.protocol.models import TrackSource
from playwright.async_api import WebSocketRoute, expect

from stack.browser import Browser, TalkPage
from stack.kept_rooms import kept_rooms
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.registry import Registry
from stack.rooms import Rooms
from stack.until import until_answered
from stack.worker import Worker

QUESTION = "Please tell me the wi-fi password."
"""What the microphone says."""

AS_HEARD = re.compile(r"wi-?fi|password", re.IGNORECASE)
"""What the smallest whisper gets of it, if it hears it at all: sometimes one of the two words is another one."""

_DEVICES = """
  // The stream of the microphone, to be ended; and devices that cannot be chosen once `__broken` is set.
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (window.__broken && wanted.audio?.deviceId?.exact) throw new DOMException("it is taken", "NotReadableError");
    return (window.__stream = await ask(wanted));
  };
"""

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage() -> AsyncIterator[tuple[LiveKitServer, Registry]]:
    async with kept_rooms() as both:
        yield both


@pytest.fixture(scope="module")
def registry(stage: tuple[LiveKitServer, Registry]) -> Registry:
    return stage[1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rooms(stage: tuple[LiveKitServer, Registry]) -> AsyncIterator[Rooms]:
    async with Rooms(stage[0].address) as rooms:
        yield rooms


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(
    stage: tuple[LiveKitServer, Registry], models: LocalModels, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Worker]:
    livekit, registry = stage
    env = {"GRACE_PERIOD": "5", "WEB_UI_URL": registry.url, "AGENT_ID": "talker"}
    folder = tmp_path_factory.mktemp("worker")
    async with Worker(livekit.address, models_url=models.url, env=env, folder=folder) as worker:
        await worker.wait_until_warm(2)
        yield worker


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with Browser(question=QUESTION) as browser:
        yield browser


@pytest.fixture
def address(registry: Registry, worker: Worker, room: str) -> str:
    """Of the talk page of the agent that belongs in `room`."""
    return f"{registry.url}/talk/{room.removeprefix('agent-').removesuffix('-room')}"


async def microphones(rooms: Rooms, room: str, talk: TalkPage) -> list[str]:
    """The ids of this human's microphones in the room."""
    identity = await talk.identity()
    return [
        track.sid
        for one in await rooms.participants(room)
        if one.identity == identity
        for track in one.tracks
        if track.source == TrackSource.MICROPHONE
    ]


async def next_microphone(rooms: Rooms, room: str, talk: TalkPage, *, than: str) -> str:
    """The id of the one microphone that has taken the place of another one, which LiveKit lists a little longer."""

    async def look() -> str | None:
        there = await microphones(rooms, room, talk)
        return there[0] if len(there) == 1 and there[0] != than else None

    return await until_answered(look, timeout=30, what="the next microphone")


async def is_asked_by_voice(talk: TalkPage) -> None:
    """Wait until the agent has heard the microphone's question from now on, and its answer is heard."""
    mine = talk.page.locator("#talk-lines .from-you")
    n_before = await mine.count()
    await expect(mine.nth(n_before)).to_contain_text(AS_HEARD, timeout=60_000)
    await talk.heard(after=time.time() * 1000, limit=40)


async def joined(browser: Browser, address: str) -> TalkPage:
    """In the call, and greeted."""
    talk = await browser.open(address)
    at = await talk.join()
    await talk.heard(after=at, limit=30)
    return talk


async def test_one_click_and_the_agent_is_heard_and_both_are_read(browser: Browser, address: str) -> None:
    talk = await browser.open(address)
    at = await talk.join()
    await talk.heard(after=at, limit=30)
    await talk.seen("lines", "Hello, this is Ada", limit=20)
    await talk.seen("state", "Listening", after=at, limit=30)
    lines = talk.page.locator("#talk-lines")
    # What the recording asks, as the agent has understood it; then the answer.
    await expect(lines.locator(".from-you").first).to_contain_text(AS_HEARD, timeout=40_000)
    await expect(lines.locator(".from-agent").nth(1)).to_contain_text(
        "sunrise", timeout=40_000, ignore_case=True
    )
    await talk.write("<b>Where</b> is the swimming pool?")
    await expect(lines.locator(".is-written")).to_contain_text("<b>Where</b> is the swimming pool?")
    await expect(lines.locator(".from-agent").last).to_contain_text("floor", timeout=40_000, ignore_case=True)
    await talk.press("leave")
    await expect(talk.page.get_by_role("button", name="Join again")).to_be_visible()
    await talk.close()


async def test_a_reload_comes_back_as_the_same_human_to_the_same_agent(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    talk = await joined(browser, address)
    identity = await talk.identity()
    before = [one.identity for one in await rooms.agents(room)]
    await talk.seen("lines", "Hello, this is Ada", limit=20)
    at = time.time() * 1000
    await talk.page.reload()
    await talk.seen("state", "Listening", after=at, limit=20)
    assert await talk.identity() == identity
    earlier = talk.page.locator(".talk-earlier ~ .from-agent")
    await expect(earlier.first).to_contain_text("Hello, this is Ada")
    listed = {one.identity for one in await rooms.participants(room)}
    assert identity in listed
    assert [one.identity for one in await rooms.agents(room)] == before
    asked_at = time.time() * 1000
    await talk.write("Where is the swimming pool?")
    await talk.heard(after=asked_at, limit=30)
    await talk.close()


async def test_a_killed_agent_is_told_at_once_and_the_next_one_is_heard(
    browser: Browser, address: str, worker: Worker, room: str
) -> None:
    talk = await joined(browser, address)
    await talk.seen("state", "Listening", limit=30)
    job = worker.job_in(room)
    assert job is not None
    at = time.time() * 1000
    os.kill(job.pid, signal.SIGKILL)
    await talk.seen("says", "gone", after=at, limit=20)
    await talk.seen("says", "Another agent has taken over", after=at, limit=20)
    await talk.heard(after=at + 100, limit=30)
    await talk.close()


async def test_a_room_that_is_deleted_is_joined_anew(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    talk = await joined(browser, address)
    await talk.page.wait_for_timeout(10_000)  # one that ends at once is not joined again and again
    at = time.time() * 1000
    await rooms.delete(room)
    await talk.seen("says", "The room was closed. Joining again", after=at, limit=20)
    await talk.heard(after=at + 500, limit=40)
    await expect(talk.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call")
    await rooms.delete(room)
    await expect(talk.page.get_by_role("button", name="Join again")).to_be_visible(timeout=40_000)
    await expect(talk.page.locator("#talk-says")).to_contain_text("closed more than once")
    await talk.close()


async def test_two_tabs_of_one_identity_pass_the_call_on(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    first = await joined(browser, address)
    identity = await first.identity()
    second = await browser.open(address, first.page.context)
    await second.page.evaluate(
        "identity => sessionStorage.setItem('roomkeeper.talk.identity', identity)", identity
    )  # as a browser's “duplicate tab” does
    await second.page.reload()
    await second.join()
    await expect(first.page.locator("#talk-says")).to_contain_text("goes on in another tab", timeout=40_000)
    await first.page.get_by_role("button", name="Bring the call back here").click()
    await expect(second.page.locator("#talk-says")).to_contain_text("goes on in another tab", timeout=40_000)
    await expect(first.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call")
    third = await browser.open(address, first.page.context)
    await third.join()
    await expect(third.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call")
    assert await third.identity() != identity
    for talk in (first, third):
        await expect(talk.page.locator("#talk-says")).to_contain_text(
            "One other person is in this call", timeout=30_000
        )
    for talk in (first, second, third):
        await talk.close()


async def test_a_camera_is_shown_to_an_agent_that_sees(
    browser: Browser, address: str, registry: Registry, room: str
) -> None:
    """The models of this machine do not understand pictures: the agent answers all the same, and says so."""
    agent_id = room.removeprefix("agent-").removesuffix("-room")
    profile = {"prompt": "Answer with one short sentence.", "greeting": "Hello, this is Ada.", "vision": True}
    await registry.post("/api/agents/register", {"agentId": agent_id, "profile": profile})
    talk = await joined(browser, address)
    await talk.page.get_by_role("button", name="Share camera").click()
    await expect(talk.page.get_by_role("button", name="Stop the camera")).to_be_visible(timeout=20_000)
    at = time.time() * 1000
    await talk.write("What do you see?")
    await expect(talk.page.get_by_text("does not understand pictures")).to_be_visible(timeout=40_000)
    await talk.heard(after=at, limit=40)
    await talk.close()


async def test_a_network_that_is_lost_is_told_and_comes_back(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    talk = await browser.open(address)
    is_lost = False
    open_ones = []

    def route(signal: WebSocketRoute) -> None:
        if is_lost:
            return  # never opened
        open_ones.append((signal, signal.connect_to_server()))

    await talk.page.route_web_socket("**/rtc**", route)
    at = await talk.join()
    await talk.heard(after=at, limit=30)
    at = time.time() * 1000
    is_lost = True
    for one, server in open_ones:
        await server.close(code=1011)
        await one.close(code=1011)
    await talk.seen("says", "The connection is lost", after=at, limit=20)
    await talk.page.wait_for_timeout(2_000)
    is_lost = False
    await expect(talk.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call", timeout=30_000)
    await expect(talk.page.locator("#talk-says")).not_to_contain_text("lost")
    await talk.seen("state", "Listening", after=at, limit=40)
    asked_at = time.time() * 1000
    await talk.write("Where is the swimming pool?")
    await talk.heard(after=asked_at, limit=30)
    assert len(await rooms.agents(room)) == 1
    await talk.close()


async def test_the_call_has_one_microphone_whatever_becomes_of_it(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    context = await browser.context()
    await context.add_init_script(_DEVICES)
    talk = await browser.open(address, context)
    await talk.join()
    sid = await next_microphone(rooms, room, talk, than="")
    picker = talk.page.locator("#talk-microphone")
    says = talk.page.locator("#talk-says")
    await expect(picker).to_be_enabled(timeout=20_000)
    now = await picker.input_value()
    others: list[str] = await picker.evaluate(
        "(picker, now) => [...picker.options].map((one) => one.value).filter((value) => value !== now)", now
    )
    await picker.select_option(others[0])
    sid = await next_microphone(rooms, room, talk, than=sid)
    await talk.page.evaluate("window.__broken = true")
    await picker.select_option(now)
    await expect(says).to_contain_text("that you chose cannot be opened", timeout=20_000)
    sid = await next_microphone(rooms, room, talk, than=sid)
    await talk.page.evaluate(
        "() => { const [track] = window.__stream.getAudioTracks(); track.stop(); "
        "track.dispatchEvent(new Event('ended')); }"
    )
    await expect(says).to_contain_text("The microphone has vanished", timeout=20_000)
    sid = await next_microphone(rooms, room, talk, than=sid)
    await talk.page.evaluate("window.__stream.getAudioTracks()[0].stop()")  # of which no event tells
    await next_microphone(rooms, room, talk, than=sid)
    await is_asked_by_voice(talk)
    assert len(await microphones(rooms, room, talk)) == 1
    await talk.press("leave")
    await expect(talk.page.get_by_role("button", name="Join again")).to_be_visible()
    assert await talk.page.evaluate("window.__stream.getAudioTracks()[0].readyState") == "ended"
    await context.close()


async def test_a_navigation_that_is_cancelled_costs_nothing_and_a_frozen_page_comes_back(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    talk = await joined(browser, address)
    sid = await next_microphone(rooms, room, talk, than="")
    await talk.page.evaluate("window.dispatchEvent(new Event('beforeunload'))")
    await talk.page.wait_for_timeout(1_000)
    await expect(talk.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call")
    assert await microphones(rooms, room, talk) == [sid]
    at = time.time() * 1000
    await talk.page.evaluate("window.dispatchEvent(new Event('freeze'))")
    await talk.seen("says", "Joining again", after=at, limit=20)
    await talk.seen("state", "Listening", after=at, limit=40)
    await next_microphone(rooms, room, talk, than=sid)
    await talk.close()


async def test_without_a_microphone_one_can_write(browser: Browser, address: str) -> None:
    context = await browser.context()
    await context.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));"
    )
    talk = await browser.open(address, context)
    at = await talk.join()
    await talk.seen("says", "may not use the microphone", limit=20)
    await talk.heard(after=at, limit=30)
    await talk.seen("state", "Listening", after=at, limit=30)
    asked_at = time.time() * 1000
    await talk.write("Where is the swimming pool?")
    await talk.heard(after=asked_at, limit=30)
    await context.close()


async def test_a_livekit_that_is_killed_is_told_and_the_agent_hears_again_when_it_is_back(
    stage: tuple[LiveKitServer, Registry], address: str, rooms: Rooms, room: str
) -> None:
    """The last one here: all that is in a call loses its connection and its sound."""
    livekit, _ = stage
    async with Browser(question=QUESTION, lead=5, tail=5) as browser:
        talk = await joined(browser, address)
        at = time.time() * 1000
        livekit.kill()
        await talk.seen("says", "The connection is lost", after=at, limit=40)
        await livekit.start()
        await talk.seen("state", "Listening", after=at, limit=60)
        await is_asked_by_voice(talk)
        assert len(await microphones(rooms, room, talk)) == 1
        assert len(await rooms.agents(room)) == 1
        await talk.close()
