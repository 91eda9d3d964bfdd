"""How a process keeps the registry told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from config import Settings
from heartbeat import Facts
from session.beating import Beating
from stack.until import until
from wire import Beat, Reply, Said, decode_beat, encode


def facts() -> Facts:
    return Facts(agent_id="7")


def beating(url: str | None) -> Beating:
    settings = Settings().replace(web_ui_url=url)
    return Beating(settings, describe=facts, on_orders={}, goodbye_timeout=2.0)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[Beat]]]:
    """A registry that takes beats by POST: its URL, and what has come."""
    taken: list[Beat] = []

    async def take(request: web.Request) -> web.Response:
        taken.append(decode_beat(await request.read()))
        return web.Response(body=encode(Reply(ttl=25, interval=10)), content_type="application/json")

    app = web.Application()
    app.router.add_post("/api/beats", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}", taken
    finally:
        await runner.cleanup()


async def test_a_process_beats_from_its_beginning_to_its_goodbye() -> None:
    async with listening() as (url, taken):
        told = beating(url)
        told.begin("the incarnation")
        told.begin("another")
        await until(lambda: taken, timeout=20, what="the first beat")
        await told.say_goodbye("humans_left")
        await told.say_goodbye("twice")
    assert taken[0].incarnation == "the incarnation"
    assert [(beat.status, beat.reason) for beat in taken if beat.status is Said.STOPPED] == [
        (Said.STOPPED, "humans_left")
    ]


async def test_without_a_registry_nothing_happens() -> None:
    silent = beating(None)
    silent.begin()
    silent.tell()
    await silent.say_goodbye("done")


async def test_what_never_began_says_no_goodbye() -> None:
    async with listening() as (url, taken):
        never = beating(url)
        never.tell()
        await never.say_goodbye("duplicate")
    assert taken == []


async def test_a_registry_that_never_answered_is_not_waited_for() -> None:
    told = beating("http://127.0.0.1:1")
    told.begin()
    started_at = asyncio.get_running_loop().time()
    await told.say_goodbye("humans_left")
    assert asyncio.get_running_loop().time() - started_at < 1
