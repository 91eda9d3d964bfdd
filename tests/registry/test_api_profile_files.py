"""Stored profiles as lists, files and scripts, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from registry.store import Store
from tests.registry.room_parts import FakeClock, code, message, room_api


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(store.migrate)
    async with room_api(store, clock=FakeClock()) as client:
        yield client


async def put(client: httpx.AsyncClient, agent_id: str, **fields: Any) -> None:
    profile = {"name": agent_id.capitalize(), "prompt": "x"} | fields
    assert (await client.put(f"/api/agents/{agent_id}/profile", json=profile)).is_success


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [one["agentId"] for one in response.json()["profiles"]]


async def test_profiles_are_listed_by_group_and_text(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/profiles")).json() == {"profiles": [], "total": 0, "groups": []}
    await put(client, "bob", group="Bank & Co", voice="Nova")
    await put(client, "ada", group="Hotel", description="Front desk")
    await put(client, "eve")
    whole = await client.get("/api/profiles")
    assert ids(whole) == ["ada", "bob", "eve"]
    assert whole.json()["groups"] == ["Bank & Co", "Hotel"]
    assert "prompt" not in whole.json()["profiles"][0]
    assert ids(await client.get("/api/profiles", params={"group": "Bank & Co"})) == ["bob"]
    assert ids(await client.get("/api/profiles", params={"group": "bank & co"})) == []
    assert ids(await client.get("/api/profiles", params={"search": "DESK"})) == ["ada"]
    part = await client.get("/api/profiles", params={"limit": 1, "offset": 1})
    assert (ids(part), part.json()["total"]) == (["bob"], 3)
    assert code(await client.get("/api/profiles", params={"limit": 0})) == (400, "bad_request")


async def test_what_is_exported_can_be_imported(client: httpx.AsyncClient) -> None:
    await put(client, "ada", group="Hotel")
    await put(client, "bob")
    whole = await client.get("/api/profiles/export")
    assert ids(whole) == ["ada", "bob"]
    assert ids(await client.get("/api/profiles/export", params={"group": "Hotel"})) == ["ada"]
    assert ids(await client.get("/api/profiles/export", params={"agentId": ["bob", "x"]})) == ["bob"]
    await client.delete("/api/agents/ada/profile")
    await put(client, "bob", prompt="other")
    looked = await client.post("/api/profiles/import", content=whole.content, params={"dryRun": True})
    assert [(one["agentId"], one["outcome"]) for one in looked.json()["entries"]] == [
        ("ada", "new"),
        ("bob", "replaces"),
    ]
    assert looked.json()["stored"] == 0
    assert (await client.get("/api/agents/ada/profile")).status_code == 404
    done = await client.post("/api/profiles/import", content=whole.content, params={"by": "ann"})
    assert done.json()["stored"] == 2
    assert (await client.get("/api/profiles/export")).content == whole.content
    assert (await client.get("/api/agents/ada/profile")).json()["updatedBy"] == "ann"
    again = await client.post("/api/profiles/import", content=whole.content)
    assert [one["outcome"] for one in again.json()["entries"]] == ["same", "same"]
    assert again.json()["stored"] == 0


async def test_a_profile_alone_never_takes_the_place_of_another_one(client: httpx.AsyncClient) -> None:
    await put(client, "ada", name="Ada")
    done = await client.post("/api/profiles/import", content=json.dumps({"name": "Ada", "prompt": "mine"}))
    assert [(one["agentId"], one["outcome"]) for one in done.json()["entries"]] == [("ada-2", "new")]
    assert ids(await client.get("/api/profiles")) == ["ada", "ada-2"]


async def test_with_a_broken_entry_nothing_is_stored_unless_that_is_asked_for(
    client: httpx.AsyncClient,
) -> None:
    file = json.dumps([{"agentId": "a", "profile": {"prompt": "x"}}, {"agentId": "b", "profile": {}}])
    refused = await client.post("/api/profiles/import", content=file)
    assert code(refused) == (400, "bad_request")
    assert message(refused) == (
        "entry 2 (b): prompt: Field required; nothing was stored; onlyValid=true (--only-valid) stores the others"
    )
    assert ids(await client.get("/api/profiles")) == []
    done = await client.post("/api/profiles/import", content=file, params={"onlyValid": True})
    assert (done.json()["stored"], done.json()["entries"][1]["error"]) == (1, "prompt: Field required")
    assert ids(await client.get("/api/profiles")) == ["a"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"version": 9, "profiles": []}']
)
async def test_what_is_no_file_is_refused_in_a_line(client: httpx.AsyncClient, body: bytes) -> None:
    refused = await client.post("/api/profiles/import", content=body)
    assert code(refused) == (400, "bad_request")
    assert "\n" not in message(refused)


async def test_a_file_may_be_so_large_and_no_larger(client: httpx.AsyncClient) -> None:
    refused = await client.post("/api/profiles/import", content=b" " * 9_000_000)
    assert code(refused) == (413, "too_large")


async def test_an_agents_script_can_be_had(client: httpx.AsyncClient) -> None:
    path = "/api/agents/json/profile/script"
    assert code(await client.get(path)) == (404, "unknown_profile")
    await put(client, "json", name='"""')
    shown = await client.get(path)
    assert shown.headers["content-type"].startswith("text/x-python")
    assert shown.headers["content-disposition"] == 'attachment; filename="agent_json.py"'
    compile(shown.text, "agent_json.py", "exec")
    assert code(await client.get("/api/agents/a%2Fb/profile/script")) == (400, "bad_request")
