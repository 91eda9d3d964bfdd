"""The talk page in a real browser, with a real agent: heard, read, reloaded, and left by its agent."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import WebSocketRoute, expect

from stack.browser import Browser, TalkPage
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.ports import free_port
from stack.registry import Registry
from stack.rooms import Rooms
from stack.worker import Worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage() -> AsyncIterator[tuple[LiveKitServer, Registry]]:
    port = free_port()
    webhook = f"http://127.0.0.1:{port}/api/livekit/webhook"
    async with (
        LiveKitServer(webhook_urls=[webhook]) as livekit,
        Registry(port=port, env=dict(livekit.environment)) as registry,
    ):
        yield livekit, registry


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
    async with Browser(question="Please tell me the wi-fi password.") as browser:
        yield browser


@pytest.fixture
def address(registry: Registry, worker: Worker, room: str) -> str:
    """Of the talk page of the agent that belongs in `room`."""
    return f"{registry.url}/talk/{room.removeprefix('agent-').removesuffix('-room')}"


async def joined(browser: Browser, address: str) -> TalkPage:
    """In the call, and greeted."""
    talk = await browser.open(address)
    at = await talk.join()
    await talk.heard(after=at, limit=15)
    return talk


async def test_one_click_and_the_agent_is_heard_and_both_are_read(browser: Browser, address: str) -> None:
    talk = await browser.open(address)
    at = await talk.join()
    await talk.heard(after=at, limit=15)
    await talk.seen("lines", "Hello, this is Ada", limit=10)
    await talk.seen("state", "Listening", after=at, limit=15)
    lines = talk.page.locator("#talk-lines")
    # What the recording asks, as the agent has understood it; then the answer.
    await expect(lines.locator(".from-you").first).to_contain_text(
        "password", timeout=20_000, ignore_case=True
    )
    await expect(lines.locator(".from-agent").nth(1)).to_contain_text(
        "sunrise", timeout=20_000, ignore_case=True
    )
    await talk.write("<b>Where</b> is the swimming pool?")
    await expect(lines.locator(".is-written")).to_contain_text("<b>Where</b> is the swimming pool?")
    await expect(lines.locator(".from-agent").last).to_contain_text("floor", timeout=20_000, ignore_case=True)
    await talk.press("leave")
    await expect(talk.page.get_by_role("button", name="Join again")).to_be_visible()
    await talk.close()


async def test_a_reload_comes_back_as_the_same_human_to_the_same_agent(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    talk = await joined(browser, address)
    identity = await talk.identity()
    before = [one.identity for one in await rooms.agents(room)]
    at = time.time() * 1000
    await talk.page.reload()
    await talk.seen("state", "Listening", after=at, limit=10)
    assert await talk.identity() == identity
    listed = {one.identity for one in await rooms.participants(room)}
    assert identity in listed
    assert [one.identity for one in await rooms.agents(room)] == before
    asked_at = time.time() * 1000
    await talk.write("Where is the swimming pool?")
    await talk.heard(after=asked_at, limit=15)
    await talk.close()


async def test_a_killed_agent_is_told_at_once_and_the_next_one_is_heard(
    browser: Browser, address: str, worker: Worker, room: str
) -> None:
    talk = await joined(browser, address)
    await talk.seen("state", "Listening", limit=15)
    job = worker.job_in(room)
    assert job is not None
    at = time.time() * 1000
    os.kill(job.pid, signal.SIGKILL)
    await talk.seen("says", "gone", after=at, limit=10)
    await talk.seen("says", "Another agent has taken over", after=at, limit=10)
    await talk.heard(after=at + 100, limit=15)
    await talk.close()


async def test_a_room_that_is_deleted_is_joined_anew(
    browser: Browser, address: str, rooms: Rooms, room: str
) -> None:
    talk = await joined(browser, address)
    await talk.page.wait_for_timeout(10_000)  # one that ends at once is not joined again and again
    at = time.time() * 1000
    await rooms.delete(room)
    await talk.seen("says", "The room was closed. Joining again", after=at, limit=10)
    await talk.heard(after=at + 500, limit=20)
    await expect(talk.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call")
    await rooms.delete(room)
    await expect(talk.page.get_by_role("button", name="Join again")).to_be_visible(timeout=10_000)
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
    await expect(first.page.locator("#talk-says")).to_contain_text("goes on in another tab", timeout=10_000)
    await first.page.get_by_role("button", name="Bring the call back here").click()
    await expect(second.page.locator("#talk-says")).to_contain_text("goes on in another tab", timeout=10_000)
    await expect(first.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call")
    third = await browser.open(address, first.page.context)
    await third.join()
    await expect(third.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call")
    assert await third.identity() != identity
    for talk in (first, second, third):
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
    await talk.heard(after=at, limit=15)
    at = time.time() * 1000
    is_lost = True
    for one, server in open_ones:
        await server.close(code=1011)
        await one.close(code=1011)
    await talk.seen("says", "The connection is lost", after=at, limit=10)
    await talk.page.wait_for_timeout(2_000)
    is_lost = False
    await expect(talk.page.locator("#talk-page")).to_have_attribute("data-phase", "in_call", timeout=30_000)
    await expect(talk.page.locator("#talk-says")).not_to_contain_text("lost")
    await talk.seen("state", "Listening", after=at, limit=20)
    asked_at = time.time() * 1000
    await talk.write("Where is the swimming pool?")
    await talk.heard(after=asked_at, limit=15)
    assert len(await rooms.agents(room)) == 1
    await talk.close()


async def test_without_a_microphone_one_can_write(browser: Browser, address: str) -> None:
    context = await browser.context()
    await context.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));"
    )
    talk = await browser.open(address, context)
    at = await talk.join()
    await talk.seen("says", "may not use the microphone", limit=10)
    await talk.heard(after=at, limit=15)
    await talk.seen("state", "Listening", after=at, limit=15)
    asked_at = time.time() * 1000
    await talk.write("Where is the swimming pool?")
    await talk.heard(after=asked_at, limit=15)
    await context.close()
