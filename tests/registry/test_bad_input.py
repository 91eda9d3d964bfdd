"""What a registry has to bear: broken beats, hostile texts, and a database that goes away."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from registry.errors import TooManyError
from registry.records import Status
from registry.running import Registry
from registry.store import Store, sqlite_url
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Start
from wire import Up, decode_down, encode, encode_beat


def plain(**fields: object) -> dict[str, object]:
    """A beat as an object of JSON."""
    return {"agentId": "a", "incarnation": "one", "sequence": 1, "status": "running"} | fields


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in plain().items() if key != name}


async def post(client: httpx.AsyncClient, body: bytes | dict[str, object]) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/api/beats", content=content)


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


# -- beats

BAD_BEATS: list[tuple[str, bytes | dict[str, object], str]] = [
    ("nothing", b"", "truncated"),
    ("no object", b"[]", "object"),
    ("half an object", b'{"agentId": "a"', "truncated"),
    ("no JSON", b"agentId=a", "malformed"),
    ("no UTF-8", b'{"agentId": "\xff\xfe"}', "UTF-8"),
    ("deep", b'{"agentId":' + b"[" * 60_000, ""),
    ("no id", without("agentId"), "agentId"),
    ("no incarnation", without("incarnation"), "incarnation"),
    ("no sequence", without("sequence"), "sequence"),
    ("no status", without("status"), "status"),
    ("a number for an id", plain(agentId=7), "agentId"),
    ("null for an id", plain(agentId=None), "agentId"),
    ("an empty id", plain(agentId=""), "agentId"),
    ("a long id", plain(agentId="x" * 201), "agentId"),
    ("an id with NUL", plain(agentId="a\0b"), "agentId"),
    ("an id with a line end", plain(agentId="a\nb"), "agentId"),
    ("an id with blanks around it", plain(agentId=" a "), "agentId"),
    ("an unknown status", plain(status="purple"), "purple"),
    ("a text for a number", plain(sequence="1"), "sequence"),
    ("a negative number", plain(sequence=-1), "sequence"),
    ("a fraction", plain(sequence=1.5), "sequence"),
    ("a huge number", b'{"agentId":"a","incarnation":"o","sequence":1e400,"status":"running"}', ""),
    ("a number over what JSON holds", plain(rss=2**60), "rss"),
    ("a port that is none", plain(port=70_000), "port"),
    ("a name of 10 kB", plain(name="x" * 10_000), "name"),
    ("a name with NUL", plain(name="\0"), "name"),
    (
        "half a character",
        b'{"agentId":"a","incarnation":"o","sequence":1,"status":"running","name":"\\ud800"}',
        "",
    ),
    ("hints that are none", plain(hints=[{"points": 200, "text": "x"}]), "points"),
    ("21 hints", plain(hints=[{"points": 1, "text": "x"}] * 21), "hints"),
    ("a call without a room", plain(call={"phase": "active"}), "room"),
    ("a future version", plain(version=2), "newer"),
    ("a future version that is wrong in every other way", {"version": 9, "agent": {}}, "newer"),
]


async def test_a_beat_that_cannot_be_read_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    await post(client, plain(agentId="good"))
    for name, body, words in BAD_BEATS:
        response = await post(client, body)
        assert refusal(response) == (400, "bad_beat"), name
        assert words.lower() in response.json()["error"]["message"].lower(), name
        assert len(response.text) < 500, name
    assert [agent.agent_id for agent in registry.fleet] == ["good"]
    assert (await post(client, plain(agentId="good", sequence=2))).status_code == 200


async def test_a_changed_text_is_looked_at_too(client: httpx.AsyncClient, registry: Registry) -> None:
    await post(client, plain(name="Ada"))
    assert refusal(await post(client, plain(name="A\0da", sequence=2))) == (400, "bad_beat")
    assert registry.fleet.get("a").beat.name == "Ada"


async def test_a_large_beat_is_not_read(url: str, http: aiohttp.ClientSession) -> None:
    large = json.dumps(plain(prompt="x" * 1_000_000)).encode()
    async with http.post(f"{url}/api/beats", data=large) as response:
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "too_large"
    fits = json.dumps(plain(prompt="x" * 32_000)).encode()
    async with http.post(f"{url}/api/beats", data=fits) as response:
        assert response.status == 200


async def test_a_line_survives_what_it_cannot_read(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(f"{url}/api/line") as line:
        for frame in ("", "[]", "{", '{"beat": {}}', '{"beat": {"version": 9}}', "\0", "x" * 70_000):
            await line.send_str(frame)
            refused = decode_down((await line.receive_str()).encode()).refused
            assert refused is not None, frame[:20]
            assert refused.code == "bad_beat"
        await line.send_bytes(b"\xff")  # there are no such frames
        await line.send_str('{"gossip": 1}')
        await line.send_str(encode(Up(beat=a_beat("a"))).decode())
        assert decode_down((await line.receive_str()).encode()).reply is not None
    assert registry.fleet.get("a").verdict.status is not Status.OFFLINE


async def test_an_old_incarnation_never_comes_back(client: httpx.AsyncClient, registry: Registry) -> None:
    await post(client, plain(sequence=5))
    await post(client, plain(incarnation="two"))
    assert refusal(await post(client, plain(sequence=6))) == (409, "superseded")
    assert (await post(client, plain(incarnation="two", sequence=0, name="late"))).status_code == 200
    beat = registry.fleet.get("a").beat
    assert (beat.incarnation, beat.name) == ("two", "")


async def test_10_000_ids_of_one_client_are_held_off(start: Start, connect: Connect) -> None:
    registry = await start(new_agents=100)
    client = connect(registry)
    n_refused = 0
    for number in range(10_000):
        try:
            registry.fleet.take(a_beat(f"{number}"), source="127.0.0.1")
        except TooManyError:
            n_refused += 1
    assert len(registry.fleet) == 10_000 - n_refused < 150
    refused = await post(client, plain(agentId="one more"))
    assert refusal(refused) == (429, "too_many")
    assert 0 < refused.json()["error"]["retryAfter"] <= 60
    assert (await post(client, encode_beat(a_beat("1")))).status_code == 200, "known ones are not held off"
    registry.fleet.take(a_beat("elsewhere"), source="10.0.0.1")


# -- texts

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "right to left": "\u202egnp.exe\u2066",
    "quotes": "\"'`--; DROP TABLE local_agents; /*",
    "percent": "100%_\\%s{}{{7*7}}",
    "emoji": "👩🏽‍🚀" * 20,
    "zalgo": "Z\u0335\u0321\u0322" * 20,
    "separators": "a\u2028b\u2029c\ufeff",
    "looks like a URL": "javascript:alert(1)//../../%2e%2e/%00",
}


async def test_hostile_texts_come_back_as_they_are(client: httpx.AsyncClient, store: Store) -> None:
    for number, text in enumerate(HOSTILE.values()):
        sent = plain(
            agentId=f"{number}",
            name=text,
            description=text,
            model=text,
            host=text,
            reason=text,
            lastError=text,
            hints=[{"points": 1, "text": text}],
            call={"room": text, "phase": "active", "humans": [{"identity": text}]},
        )
        assert (await post(client, sent)).status_code == 200, text
        shown = await client.get(f"/api/agents/{number}")
        assert shown.headers["content-type"] == "application/json"
        agent = shown.json()
        assert {agent["name"], agent["host"], agent["call"]["room"], agent["lastError"]["text"]} == {text}
        found = await client.get("/api/agents", params={"search": text})
        assert [each["agentId"] for each in found.json()["agents"]] == [f"{number}"], text
        forced = {"status": "warning", "reason": text, "by": text[:80]}
        assert (await client.put(f"/api/agents/{number}/status", json=forced)).status_code == 200
    kept = {row.agent_id: row for row in store.load()}
    for number, text in enumerate(HOSTILE.values()):
        row = kept[f"{number}"]
        assert row.forced is not None
        assert {row.beat.name, row.beat.last_error, row.forced.reason} == {text}


SEARCHES = ["' OR 1=1 --", "%", "_", "a' UNION SELECT * FROM local_agents --", "\\", "*", "(?i)a", "\0", '"']


async def test_a_search_is_text_and_nothing_else(client: httpx.AsyncClient) -> None:
    await post(client, plain())
    for text in SEARCHES:
        found = await client.get("/api/agents", params={"search": text, "hidden": "true"})
        assert (found.status_code, found.json()["total"]) == (200, 0), text
        for name in ("host", "room"):
            assert (await client.get("/api/agents", params={name: text})).json()["total"] == 0, text


# -- a database that goes away


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """One that waits for another program's lock for a moment only."""
    store = Store(sqlite_url(path) + "?timeout=0.02")
    yield store
    store.close()


async def test_when_the_database_goes_away_known_agents_go_on_and_nothing_is_lost(
    client: httpx.AsyncClient, registry: Registry, store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.writer.RETRY_INTERVAL", 0.02)
    for agent_id in ("known", "changed", "over"):
        assert (await post(client, plain(agentId=agent_id))).status_code == 200

    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        for sequence in (2, 3, 4):
            assert (await post(client, plain(agentId="known", sequence=sequence))).status_code == 200
            for sent in (
                plain(agentId="new", sequence=sequence),
                plain(agentId="changed", name="Eve", sequence=sequence),
                plain(agentId="over", status="stopped", reason="done", sequence=sequence),
            ):
                refused = await post(client, sent)
                assert refusal(refused) == (503, "database"), (sent, sequence)
                assert refused.json()["error"]["retryAfter"] > 0
                assert int(refused.headers["retry-after"]) >= 1
        forced = {"status": "warning", "reason": "odd"}
        assert refusal(await client.put("/api/agents/known/status", json=forced)) == (503, "database")
        trpc = await client.post("/api/trpc/localAgents.heartbeat", json={"agentId": "t"})
        assert trpc.status_code == 503
        assert (await client.get("/api/agents")).json()["total"] == 5
        (notice,) = (await client.get("/api/status")).json()["notices"]
        assert (notice["level"], "lock" in notice["text"]) == ("error", True)
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
    finally:
        other.execute("ROLLBACK")
        other.close()

    assert (await post(client, plain(agentId="new", sequence=9))).status_code == 200
    kept = {row.agent_id: row for row in store.load()}
    assert kept.keys() == {"known", "changed", "over", "new", "t"}
    assert kept["changed"].beat.name == "Eve"
    assert kept["over"].status is Status.STOPPED
    assert kept["known"].forced is not None
    assert [change.reason for change in store.history("new", limit=9)] == ["first seen"]
    assert [change.after for change in store.history("over", limit=1)] == [Status.STOPPED]
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.get("/api/status")).json()["notices"] == []


async def test_a_registry_that_ends_writes_what_it_could_not_write_before(
    start: Start, connect: Connect, store: Store, path: Path
) -> None:
    registry = await start()
    client = connect(registry)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert refusal(await post(client, plain())) == (503, "database")
    other.execute("ROLLBACK")
    other.close()
    assert (await post(client, plain(sequence=2))).status_code in (200, 503)
    async with asyncio.timeout(3):
        while registry.ledger.trouble is not None:  # noqa: ASYNC110  # it tries again by itself
            await asyncio.sleep(0.05)
    assert [row.agent_id for row in store.load()] == ["a"]
