from __future__ import annotations

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from stack.lossy_webhooks import LossyWebhooks
from stack.ports import free_port

HEADERS = {"Authorization": "signed", "Content-Type": "application/webhook+json", "X-Other": "1"}


class Target:
    """Takes webhooks, or refuses the signature."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, str, str]] = []
        self.status = 200
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhook"

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(
            (await request.read(), request.headers["Authorization"], request.headers["Content-Type"])
        )
        return web.Response(status=self.status)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target = Target()
    app = web.Application()
    app.router.add_post("/webhook", target.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target.port = runner.addresses[0][1]
    yield target
    await runner.cleanup()


async def post(url: str, n: int = 1) -> list[int]:
    """The statuses of `n` webhooks."""
    async with aiohttp.ClientSession() as http:
        return [(await http.post(url, data=f"body {i}".encode(), headers=HEADERS)).status for i in range(n)]


def dice() -> random.Random:
    return random.Random(1)


async def test_body_and_signature_arrive_as_they_are(target: Target) -> None:
    async with LossyWebhooks(target.url, loss=0, dice=dice()) as lossy:
        assert await post(lossy.url) == [200]
    assert target.taken == [(b"body 0", "signed", "application/webhook+json")]


async def test_what_is_lost_was_taken_for_all_that_livekit_knows(target: Target) -> None:
    async with LossyWebhooks(target.url, loss=1, dice=dice()) as lossy:
        assert await post(lossy.url, 3) == [200, 200, 200]
        assert (lossy.n_passed, lossy.n_lost) == (0, 3)
    assert target.taken == []


async def test_the_same_dice_lose_the_same_ones(target: Target) -> None:
    taken = []
    for _ in range(2):
        async with LossyWebhooks(target.url, loss=0.5, dice=dice()) as lossy:
            await post(lossy.url, 20)
            assert lossy.n_passed + lossy.n_lost == 20
            assert lossy.n_passed == len(target.taken)
        taken.append(target.taken)
        target.taken = []
    assert taken[0] == taken[1]
    assert 0 < len(taken[0]) < 20


async def test_a_refusal_is_told(target: Target) -> None:
    target.status = 401
    async with LossyWebhooks(target.url, loss=0, dice=dice()) as lossy:
        assert await post(lossy.url) == [401]


async def test_nobody_there_is_told_so_that_it_is_sent_again() -> None:
    async with LossyWebhooks(f"http://127.0.0.1:{free_port()}/", loss=0, dice=dice()) as lossy:
        assert await post(lossy.url) == [502]
        assert lossy.n_passed == 0


async def test_it_may_be_closed_twice(target: Target) -> None:
    lossy = LossyWebhooks(target.url, loss=0, dice=dice())
    async with lossy:
        await lossy.aclose()
    await lossy.aclose()
