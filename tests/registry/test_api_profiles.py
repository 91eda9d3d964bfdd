"""Profiles that are stored for agents, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from registry.store import Store
from tests.registry.conftest import Connect, Start
from tests.registry.room_parts import FakeClock, code, message, room_api
from wire import DEFAULT_PROFILE, Profile

PATH = "/api/agents/7/profile"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def client(store: Store, clock: FakeClock) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(store.migrate)
    async with room_api(store, clock=clock) as client:
        yield client


def a_profile(**fields: Any) -> dict[str, Any]:
    return {"name": "Bo", "prompt": "You are Bo."} | fields


async def test_a_profile_is_stored_changed_and_deleted(client: httpx.AsyncClient, clock: FakeClock) -> None:
    assert code(await client.get(PATH)) == (404, "unknown_profile")
    new = await client.put(PATH, json=a_profile(), params={"by": "ann"})
    assert new.status_code == 201
    assert (new.json()["agentId"], new.json()["updatedAt"], new.json()["updatedBy"]) == (
        "7", "2026-03-01T12:00:00Z", "ann",
    )  # fmt: skip
    shown = await client.get(PATH)
    assert shown.json() == new.json()
    assert Profile.model_validate(shown.json()["profile"]) == Profile(name="Bo", prompt="You are Bo.")
    clock.move(hours=1)
    changed = await client.put(PATH, json=a_profile(greeting="Hello"))
    assert (changed.status_code, changed.json()["updatedBy"]) == (200, "api")
    assert changed.json()["updatedAt"] == "2026-03-01T13:00:00Z"
    assert (await client.get(PATH)).json()["profile"]["greeting"] == "Hello"
    deleted = await client.delete(PATH)
    assert (deleted.status_code, deleted.json()) == (200, {"removed": True})
    assert code(await client.delete(PATH)) == (404, "unknown_profile")
    assert code(await client.get(PATH)) == (404, "unknown_profile")


async def test_a_profile_may_be_stored_only_where_none_is(client: httpx.AsyncClient) -> None:
    only_new = {"If-None-Match": "*"}
    assert (await client.put(PATH, json=a_profile(), headers=only_new)).status_code == 201
    refused = await client.put(PATH, json=a_profile(prompt="other"), headers=only_new)
    assert code(refused) == (412, "changed")
    assert "has a profile already" in message(refused)
    assert (await client.get(PATH)).json()["profile"]["prompt"] == "You are Bo."


async def test_an_agent_is_registered_with_its_profile(client: httpx.AsyncClient) -> None:
    body = {"agentId": "7", "profile": DEFAULT_PROFILE.model_dump(mode="json"), "by": "ann"}
    first = await client.post("/api/agents/register", json=body)
    assert first.status_code == 201
    assert Profile.model_validate(first.json()["profile"]) == DEFAULT_PROFILE
    again = await client.post("/api/agents/register", json=body)
    assert (again.status_code, again.json()["updatedBy"]) == (200, "ann")
    assert (await client.get(PATH)).json() == again.json()


async def test_whoever_knows_a_profile_is_not_told_it_again(client: httpx.AsyncClient) -> None:
    tag = (await client.put(PATH, json=a_profile())).headers["etag"]
    assert (await client.get(PATH)).headers["etag"] == tag
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        same = await client.get(PATH, headers={"if-none-match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag), known
    for unknown in ('"other"', "", "nonsense"):
        assert (await client.get(PATH, headers={"if-none-match": unknown})).status_code == 200
    other = (await client.put(PATH, json=a_profile(prompt="You are Eve."))).headers["etag"]
    assert other != tag
    assert (await client.get(PATH, headers={"if-none-match": tag})).status_code == 200
    assert (await client.put(PATH, json=a_profile())).headers["etag"] == tag, "the same profile again"


HOSTILE = "<b>\"'; DROP TABLE agent_profiles; -- \u202e 👩🏽‍🚀 {{7*7}} %s"


async def test_texts_come_back_as_they_are(client: httpx.AsyncClient) -> None:
    sent = a_profile(
        name=HOSTILE, description=HOSTILE, prompt=f"{HOSTILE}\n\t{HOSTILE}", examples=[[HOSTILE, HOSTILE]]
    )
    assert (await client.put(PATH, json=sent, params={"by": HOSTILE[:80].strip()})).status_code == 201
    shown = (await client.get(PATH)).json()["profile"]
    assert {key: shown[key] for key in sent} == sent


BAD_PROFILES: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "truncated"),
    ("a list", b"[]", "object"),
    ("no JSON", b"name=Bo", "malformed"),
    ("no UTF-8", b'{"prompt": "\xff"}', "UTF-8"),
    ("deep", b'{"prompt":' * 50_000, ""),
    ("no prompt", b'{"name": "Bo"}', "prompt: Field required"),
    ("an empty prompt", b'{"prompt": ""}', "prompt:"),
    ("a number for a prompt", b'{"prompt": 7}', "prompt:"),
    (
        "100 kB of prompt",
        json.dumps({"prompt": "x" * 100_000}).encode(),
        "prompt: it is 100,000 characters long; at most 32,000 are taken",
    ),
    ("a blank name", b'{"prompt": "x", "name": " "}', "name:"),
    ("a hot temperature", b'{"prompt": "x", "temperature": 3}', "temperature:"),
    ("no number", b'{"prompt": "x", "temperature": NaN}', ""),
    ("a typo", b'{"promt": "x"}', "promt: there is no such key"),
    ("a key too many", b'{"prompt": "x", "Voice": "y"}', "Voice: there is no such key"),
    ("half an example", b'{"prompt": "x", "examples": [["a"]]}', "examples.0"),
    ("NUL in the prompt", b'{"prompt": "a\\u0000b"}', "prompt: it holds a control character"),
    ("a line end in the name", b'{"prompt": "x", "name": "a\\nb"}', "name: it holds a control character"),
    ("NUL in an example", b'{"prompt": "x", "examples": [["a", "\\u0000"]]}', "examples.0:"),
    ("a provider that there is not", b'{"prompt": "x", "tts": "nobody"}', "tts: 'nobody' is no provider"),
    (
        "a voice that it lacks",
        b'{"prompt": "x", "tts": "openai", "voice": "z"}',
        "voice: openai has no voice 'z'",
    ),
    (
        "a language that there is not",
        b'{"prompt": "x", "language": "xx-nope"}',
        "language: 'xx-nope' is no language",
    ),
    ("a typo in a part", b'{"prompt": "x", "turns": {"ends": 1}}', "turns.ends: there is no such key"),
    ("half a character", b'{"prompt": "\\ud800"}', ""),
]


@pytest.mark.parametrize(("body", "words"), [pytest.param(*bad[1:], id=bad[0]) for bad in BAD_PROFILES])
async def test_what_is_no_profile_is_refused_in_a_line(
    client: httpx.AsyncClient, body: bytes, words: str
) -> None:
    refused = await client.put(PATH, content=body)
    assert code(refused) == (400, "bad_request")
    assert words in message(refused)
    assert "\n" not in message(refused)
    assert len(message(refused)) < 400
    assert code(await client.get(PATH)) == (404, "unknown_profile")


async def test_a_prompt_of_1_mb_is_not_read(client: httpx.AsyncClient) -> None:
    large = json.dumps({"prompt": "x" * 1_000_000}).encode()
    for method, path in (("PUT", PATH), ("POST", "/api/agents/register")):
        refused = await client.request(method, path, content=large)
        assert code(refused) == (413, "too_large")
        assert "524,288" in message(refused)


async def test_a_prompt_of_32_000_characters_fits_however_it_is_written(client: httpx.AsyncClient) -> None:
    escaped = '"' + "\\ud83d\\ude80" * 32_000 + '"'
    stored = await client.put(PATH, content=f'{{"prompt": {escaped}}}'.encode())
    assert stored.status_code == 201
    assert (await client.get(PATH)).json()["profile"]["prompt"] == "🚀" * 32_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"agentId": "7"}, "profile"),
        ({"profile": a_profile()}, "agentId"),
        ({"agentId": "a b", "profile": a_profile()}, "'a b'"),
        ({"agentId": "7", "profile": []}, "profile"),
        ({"agentId": "7", "profile": {"promt": "x"}}, "profile.promt: there is no such key"),
        ({"agentId": "7", "profile": {"prompt": ""}}, "profile.prompt:"),
        ({"agentId": "7", "profile": a_profile(), "by": " "}, "by"),
        ({"agentId": "7", "profile": a_profile(), "note": "x"}, "note"),
    ],
)
async def test_an_agent_is_not_registered_by_mistake(
    client: httpx.AsyncClient, body: dict[str, Any], words: str
) -> None:
    refused = await client.post("/api/agents/register", json=body)
    assert code(refused) == (400, "bad_request")
    assert words in message(refused)


@pytest.mark.parametrize("agent_id", ["a%2Fb", "7@room", "%00", "x" * 129, "-7", "%F0%9F%9A%80"])
async def test_only_agents_that_rooms_can_name_have_profiles(
    client: httpx.AsyncClient, agent_id: str
) -> None:
    path = f"/api/agents/{agent_id}/profile"
    for response in (
        await client.get(path),
        await client.put(path, json=a_profile()),
        await client.delete(path),
    ):
        assert code(response) == (400, "bad_request")


@pytest.mark.parametrize("by", ["", "  ", "x" * 81, "a\nb"])
async def test_who_stores_a_profile_has_a_name(client: httpx.AsyncClient, by: str) -> None:
    assert code(await client.put(PATH, json=a_profile(), params={"by": by})) == (400, "bad_request")


async def test_profiles_are_not_taken_for_agents(start: Start, connect: Connect) -> None:
    client = connect(await start())
    assert code(await client.get("/api/agents/7/profile")) == (404, "unknown_profile")
    assert (await client.put("/api/agents/7/profile", json={"prompt": "x"})).status_code == 201
    assert (await client.get("/api/agents/7/profile")).json()["agentId"] == "7"
    assert code(await client.get("/api/agents/7")) == (404, "unknown_agent")
    assert code(await client.get("/api/agents/register")) == (404, "unknown_agent")
    assert code(await client.post("/api/agents/7/profile", json={})) == (405, "method")
