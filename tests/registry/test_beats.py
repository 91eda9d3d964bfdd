"""The hot path: what a beat's answer waits for, and how requests that are no beats are answered."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from registry.running import Registry
from registry.store import Store
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Start
from wire import Order, Said, decode_reply, encode_beat


async def test_a_beat_is_answered_with_what_the_sender_has_to_know(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/beats", content=encode_beat(a_beat()))
    assert response.status_code == 200
    reply = decode_reply(response.content)
    assert (reply.ttl, reply.interval, reply.line, reply.commands) == (25.0, 10.0, "/api/line", ())


async def test_a_new_agent_is_in_the_database_when_its_beat_is_answered(
    client: httpx.AsyncClient, store: Store
) -> None:
    await client.post("/api/beats", content=encode_beat(a_beat("a", name="Ada")))
    assert [row.beat.name for row in store.load()] == ["Ada"]
    await client.post("/api/beats", content=encode_beat(a_beat("a", name="Eve")))
    assert [row.beat.name for row in store.load()] == ["Eve"]
    assert [change.reason for change in store.history("a", limit=5)] == ["first seen"]


async def test_one_that_goes_away_while_it_waits_does_not_take_others_with_it(registry: Registry) -> None:
    tasks = [
        asyncio.create_task(registry.beats.take(a_beat(agent_id), source="x")) for agent_id in ("a", "b", "c")
    ]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await asyncio.wait_for(tasks[1], 2) is None
    assert await asyncio.wait_for(tasks[2], 2) is None
    assert await registry.beats.take(a_beat("d"), source="x") is None, "the writer is still there"


async def test_an_agent_that_was_silent_is_asked_to_beat_again_soon(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    await client.post("/api/beats", content=encode_beat(a_beat("a")))
    registry.fleet.tell_gone(registry.fleet.get("a"), cause="it is gone", by="ann")
    first = decode_reply((await client.post("/api/beats", content=encode_beat(a_beat("a")))).content)
    second = decode_reply((await client.post("/api/beats", content=encode_beat(a_beat("a")))).content)
    assert (first.interval, second.interval) == (1.0, 10.0)


async def test_an_order_is_told_once(client: httpx.AsyncClient, registry: Registry) -> None:
    await client.post("/api/beats", content=encode_beat(a_beat("a")))
    registry.orders.give(registry.fleet.get("a"), Order.DRAIN, reason="rollout", by="ann")
    replies = [
        decode_reply((await client.post("/api/beats", content=encode_beat(a_beat("a")))).content)
        for _ in range(2)
    ]
    assert [[command.order for command in reply.commands] for reply in replies] == [["drain"], []]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_beats_are_sent_by_post(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/api/beats")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["error"]["code"] == "method"


async def test_too_many_new_agents_of_one_address_have_to_wait(start: Start, connect: Connect) -> None:
    client = connect(await start(new_agents=3))
    answers = [
        await client.post("/api/beats", content=encode_beat(a_beat(f"{number}"))) for number in range(5)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    error = answers[-1].json()["error"]
    assert (error["code"], "REGISTRY_NEW_AGENTS" in error["message"]) == ("too_many", True)
    assert 0 < error["retryAfter"] <= 60
    assert int(answers[-1].headers["retry-after"]) >= 1
    known = await client.post("/api/beats", content=encode_beat(a_beat("0")))
    assert known.status_code == 200


async def test_a_goodbye_is_final_for_its_incarnation(client: httpx.AsyncClient) -> None:
    await client.post("/api/beats", content=encode_beat(a_beat("a")))
    for _ in range(2):
        goodbye = await client.post("/api/beats", content=encode_beat(a_beat("a", status=Said.STOPPED)))
        assert goodbye.status_code == 200
    late = await client.post("/api/beats", content=encode_beat(a_beat("a")))
    assert (late.status_code, late.json()["error"]["code"]) == (409, "stopped")
