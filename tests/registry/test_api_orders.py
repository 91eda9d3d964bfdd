"""What is asked of agents, and what is said of them, by the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from registry.running import Registry
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Start
from tests.registry.lines import FakeLine
from wire import Outcome, Said, encode_beat


async def send(client: httpx.AsyncClient, agent_id: str = "a", **fields: Any) -> dict[str, Any]:
    response = await client.post("/api/beats", content=encode_beat(a_beat(agent_id, **fields)))
    assert response.status_code == 200, response.text
    reply: dict[str, Any] = response.json()
    return reply


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def reasons(client: httpx.AsyncClient, agent_id: str = "a") -> list[tuple[str, str]]:
    changes = (await client.get(f"/api/agents/{agent_id}/history")).json()["changes"]
    return [(change["by"], change["reason"]) for change in changes]


# -- orders


@pytest.mark.parametrize("order", ["stop", "drain", "leave"])
async def test_an_order_goes_on_the_line_and_its_outcome_into_the_history(
    client: httpx.AsyncClient, registry: Registry, order: str
) -> None:
    line = FakeLine()
    registry.fleet.take(a_beat("a"), source="", line=line)
    given = await client.post(f"/api/agents/a/{order}", json={"reason": " rollout ", "by": "ann"})
    assert given.status_code == 202
    assert given.json()["state"] == "sent"
    (command,) = line.sent
    assert (command.id, command.order, command.reason) == (given.json()["id"], order, "rollout")

    registry.orders.outcome(registry.fleet.get("a"), Outcome(id=command.id, ok=True))
    await send(client, "other")  # commits what waits
    written = await reasons(client)
    assert written[0] == ("agent", f"{order} asked by ann was accepted")
    assert written[1] == ("ann", f"{order} asked by ann (on its line): rollout")


async def test_an_order_waits_for_the_next_beat_of_an_agent_without_a_line(client: httpx.AsyncClient) -> None:
    await send(client)
    given = await client.post("/api/agents/a/stop", json={"reason": "rollout"})
    assert (given.status_code, given.json()["state"]) == (202, "queued")
    assert "next beat" in given.json()["message"]
    (command,) = (await send(client))["commands"]
    assert command == {"id": given.json()["id"], "order": "stop", "reason": "rollout"}
    assert "commands" not in await send(client)


async def test_nobody_takes_an_order_for_an_agent_that_is_over(client: httpx.AsyncClient) -> None:
    await send(client, status=Said.STOPPED)
    assert code(await client.post("/api/agents/a/stop", json={"reason": "x"})) == (409, "not_running")
    assert code(await client.post("/api/agents/b/stop", json={"reason": "x"})) == (404, "unknown_agent")


BAD_BODIES = [
    ("nothing", b"", "truncated"),
    ("no reason", b"{}", "reason"),
    ("an empty reason", b'{"reason": ""}', "reason"),
    ("a blank reason", b'{"reason": "  "}', "blank"),
    ("a number", b'{"reason": 7}', "expected"),
    ("a line end", b'{"reason": "a\\nb"}', "control character"),
    ("NUL", b'{"reason": "\\u0000"}', "control character"),
    ("a long reason", b'{"reason": "%s"}' % (b"x" * 501), "500"),
    ("a long name", b'{"reason": "x", "by": "%s"}' % (b"x" * 81), "80"),
    ("a blank name", b'{"reason": "x", "by": " "}', "by"),
    ("an unknown field", b'{"reason": "x", "resaon": "y"}', "resaon"),
    ("a list", b'["reason"]', "expected `object`"),
    ("half an object", b'{"reason": "x"', "truncated"),
    ("no UTF-8", b'{"reason": "\xff"}', "UTF-8"),
    ("half a character", b'{"reason": "\\ud800"}', ""),
    ("deep", b'{"x":' * 10_000, ""),
]


async def test_a_body_that_cannot_be_taken_is_refused_in_words(client: httpx.AsyncClient) -> None:
    await send(client)
    for name, body, words in BAD_BODIES:
        response = await client.post("/api/agents/a/stop", content=body)
        assert code(response) == (400, "bad_request"), name
        assert words.lower() in response.json()["error"]["message"].lower(), name


async def test_a_large_body_is_not_read(client: httpx.AsyncClient) -> None:
    await send(client)
    for method, path in (("POST", "stop"), ("POST", "remove"), ("PUT", "status"), ("DELETE", "status")):
        response = await client.request(method, f"/api/agents/a/{path}", content=b" " * 65_537)
        assert code(response) == (413, "too_large")


# -- removing


async def test_an_agent_that_is_over_is_removed_but_for_its_history(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    await send(client, status=Said.STOPPED)
    removed = await client.post("/api/agents/a/remove", json={"reason": "old", "by": "ann"})
    assert (removed.status_code, removed.json()) == (200, {"removed": True})
    assert (await client.get("/api/agents/a")).status_code == 404
    assert registry.store.load() == []
    assert (await reasons(client))[0] == ("ann", "removed by ann: old")
    assert code(await client.post("/api/agents/a/remove", json={"reason": "old"})) == (404, "unknown_agent")


async def test_a_living_agent_is_removed_by_force_only_and_comes_back(client: httpx.AsyncClient) -> None:
    await send(client)
    refused = await client.post("/api/agents/a/remove", json={"reason": "old"})
    assert code(refused) == (409, "alive")
    assert "force" in refused.json()["error"]["message"]
    assert (
        await client.post("/api/agents/a/remove", json={"reason": "old", "force": True})
    ).status_code == 200
    await send(client)
    assert (await client.get("/api/agents/a")).json()["status"] == "running"


# -- a forced status


async def test_a_forced_status_holds_against_beats_and_restarts_until_it_is_unlocked(
    start: Start, connect: Connect
) -> None:
    client = connect(await start())
    await send(client)
    forced = await client.put(
        "/api/agents/a/status", json={"status": "error", "health": 30, "reason": "bad sound", "by": "ann"}
    )
    shown = forced.json()
    assert (shown["status"], shown["health"], shown["cause"]) == ("error", 30, "forced by ann: bad sound")
    assert {key: shown["forced"][key] for key in ("status", "health", "by", "reason")} == {
        "status": "error", "health": 30, "by": "ann", "reason": "bad sound",
    }  # fmt: skip
    await send(client)
    assert (await client.get("/api/agents/a")).json()["status"] == "error"

    again = connect(await start())  # another registry on the same database
    await send(again)
    assert (await again.get("/api/agents/a")).json()["status"] == "error"
    unlocked = await again.request("DELETE", "/api/agents/a/status", json={"reason": "mended", "by": "bob"})
    assert (unlocked.json()["status"], unlocked.json()["forced"]) == ("running", None)
    assert (await reasons(again))[0] == ("bob", "unlocked by bob: mended")


async def test_unlocking_needs_no_body_and_may_be_done_twice(client: httpx.AsyncClient) -> None:
    await send(client)
    await client.put("/api/agents/a/status", json={"status": "offline", "reason": "gone"})
    assert (await client.delete("/api/agents/a/status")).json()["status"] == "running"
    before = await reasons(client)
    assert (await client.delete("/api/agents/a/status")).json()["status"] == "running"
    assert await reasons(client) == before


async def test_no_other_status_is_forced(client: httpx.AsyncClient) -> None:
    await send(client)
    for body in (
        {"reason": "x"},
        {"reason": "x", "status": "unknown"},
        {"reason": "x", "status": "purple"},
        {"reason": "x", "status": "error", "health": 101},
        {"reason": "x", "status": "error", "health": 1.5},
        {"status": "error"},
    ):
        assert code(await client.put("/api/agents/a/status", json=body)) == (400, "bad_request"), body
    assert (await client.get("/api/agents/a")).json()["status"] == "running"


# -- what was seen of a process


async def tell(client: httpx.AsyncClient, evidence: str, **fields: Any) -> httpx.Response:
    body = {"incarnation": "one", "evidence": evidence, "reason": "exit code 139", "by": "worker w1"} | fields
    return await client.post("/api/agents/a/evidence", json=body)


async def test_a_process_that_is_gone_is_offline_until_it_beats_again(client: httpx.AsyncClient) -> None:
    await send(client)
    shown = (await tell(client, "process_gone")).json()
    assert (shown["status"], shown["cause"], shown["health"]) == ("offline", "exit code 139", 0)
    assert (await reasons(client))[0] == ("worker w1", "exit code 139")
    await send(client)
    assert (await client.get("/api/agents/a")).json()["status"] == "warning"  # two good beats settle it
    await send(client)
    assert (await client.get("/api/agents/a")).json()["status"] == "running"


async def test_a_process_that_is_there_after_all(client: httpx.AsyncClient) -> None:
    await send(client)
    await tell(client, "process_gone")
    assert (await tell(client, "process_present")).json()["status"] == "running"


async def test_an_agent_that_does_nothing_is_warned_of_until_it_does(client: httpx.AsyncClient) -> None:
    await send(client, idle=300.0)
    shown = (await tell(client, "inactive", reason="no audio for 5 minutes")).json()
    assert (shown["status"], shown["health"]) == ("warning", 70)
    assert shown["reasons"][0]["text"] == "worker w1 says that it does nothing: no audio for 5 minutes"
    await send(client, idle=310.0)
    assert (await client.get("/api/agents/a")).json()["status"] == "warning"
    await send(client, idle=1.0)
    assert (await client.get("/api/agents/a")).json()["status"] == "running"


async def test_evidence_of_another_process_counts_for_nothing(client: httpx.AsyncClient) -> None:
    await send(client)
    assert code(await tell(client, "process_gone", incarnation="two")) == (409, "superseded")
    assert code(await tell(client, "rumour")) == (400, "bad_request")
    assert (await client.get("/api/agents/a")).json()["status"] == "running"
