"""tRPC: heartbeats, what is asked about agents, and the wire protocol as it is written down."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from registry.records import Status
from registry.running import Registry
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Start
from wire import Deployment, Order, encode_beat

HEARTBEAT = "/api/trpc/localAgents.heartbeat"
GET_ALL = "/api/trpc/localAgents.getAll"


async def call(client: httpx.AsyncClient, path: str, value: object = None) -> httpx.Response:
    """A mutation, as `httpLink` sends it."""
    content = b"" if value is None else json.dumps(value)
    return await client.post(path, content=content, headers={"content-type": "application/json"})


def data(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["result"]["data"]


def error(response: httpx.Response) -> tuple[int, str, int]:
    """The HTTP status, tRPC's code and its number."""
    shape = response.json()["error"]
    assert shape["data"]["httpStatus"] == response.status_code
    assert shape["message"]
    return response.status_code, shape["data"]["code"], shape["code"]


# -- heartbeats


async def test_a_heartbeat_brings_an_agent_in(client: httpx.AsyncClient, registry: Registry) -> None:
    answer = data(
        await call(
            client,
            HEARTBEAT,
            {
                "agentId": "kai",
                "name": "Kai",
                "status": "online",
                "host": "mac",
                "port": "8080",
                "processId": "4711",
                "temperature": "0.7",
                "model": "gpt",
                "deploymentMode": "local",
                "room": "agent-kai-room",
                "lastError": {"message": "no microphone"},
                "metrics": {"cpu": 12.5, "memory": 1_000_000, "disk": {"free": 1}},
                "somethingNew": [1, 2],
            },
        )
    )
    assert answer == {"success": True, "ttl": 25.0, "interval": 10.0, "commands": []}
    agent = registry.fleet.get("kai")
    beat = agent.beat
    assert (beat.name, beat.host, beat.port, beat.process_id) == ("Kai", "mac", 8080, 4711)
    assert (beat.temperature, beat.model, beat.cpu, beat.rss) == (0.7, "gpt", 12.5, 1_000_000)
    assert (beat.last_error, beat.deployment) == ("no microphone", Deployment.LOCAL)
    assert beat.call is not None
    assert beat.call.room == "agent-kai-room"
    assert agent.verdict.status is Status.RUNNING


@pytest.mark.parametrize(
    ("process_id", "kept"), [("x", None), ("9" * 5_000, None), ("2147483647", 2_147_483_647), ("٧", None)]
)
async def test_what_is_no_number_of_a_process_is_left_out(
    client: httpx.AsyncClient, registry: Registry, process_id: str, kept: int | None
) -> None:
    data(await call(client, HEARTBEAT, {"agentId": "kai", "processId": process_id}))
    assert registry.fleet.get("kai").beat.process_id == kept


async def test_the_least_heartbeat_is_an_id(client: httpx.AsyncClient, registry: Registry) -> None:
    assert data(await call(client, HEARTBEAT, {"agentId": "kai"}))["success"]
    nulls = dict.fromkeys(("name", "status", "host", "port", "processId", "metrics", "lastError", "mode"))
    assert data(await call(client, HEARTBEAT, {"agentId": "kai", **nulls}))["success"]
    assert registry.fleet.get("kai").beat.sequence == 1


async def test_the_same_process_goes_on(client: httpx.AsyncClient, registry: Registry) -> None:
    for _ in range(3):
        await call(client, HEARTBEAT, {"agentId": "kai", "processId": 1, "host": "mac"})
    beat = registry.fleet.get("kai").beat
    assert beat.sequence == 2
    assert len(await registry.history("kai", limit=10)) == 1


async def test_another_process_takes_over_and_the_old_one_is_told(client: httpx.AsyncClient) -> None:
    old, new = {"agentId": "kai", "processId": 1}, {"agentId": "kai", "processId": 2}
    data(await call(client, HEARTBEAT, old))
    data(await call(client, HEARTBEAT, new))
    refused = await call(client, HEARTBEAT, old)
    assert error(refused) == (409, "CONFLICT", -32009)
    assert refused.json()["error"]["data"]["reason"] == "superseded"
    data(await call(client, HEARTBEAT, new))


async def test_a_number_that_comes_again_is_a_new_process(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    first, second = {"agentId": "kai", "processId": 1}, {"agentId": "kai", "processId": 2}
    await call(client, HEARTBEAT, first)
    await call(client, HEARTBEAT, second)
    await call(client, HEARTBEAT, second | {"status": "stopped"})
    data(await call(client, HEARTBEAT, first))  # the number of one that is long gone
    assert registry.fleet.get("kai").verdict.status is Status.RUNNING


async def test_a_stopped_agent_may_start_again_under_the_same_number(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    process = {"agentId": "kai", "processId": 1}
    await call(client, HEARTBEAT, process)
    before = registry.fleet.get("kai").beat.incarnation
    data(await call(client, HEARTBEAT, process | {"status": "stopped"}))
    data(await call(client, HEARTBEAT, process | {"status": "offline"}))  # a goodbye told twice
    assert registry.fleet.get("kai").verdict.status is Status.STOPPED
    data(await call(client, HEARTBEAT, process))
    agent = registry.fleet.get("kai")
    assert agent.verdict.status is Status.RUNNING
    assert agent.beat.incarnation != before


async def test_orders_ride_in_the_answer(client: httpx.AsyncClient, registry: Registry) -> None:
    await call(client, HEARTBEAT, {"agentId": "kai"})
    registry.orders.give(registry.fleet.get("kai"), Order.STOP, reason="rollout", by="ann")
    (command,) = data(await call(client, HEARTBEAT, {"agentId": "kai"}))["commands"]
    assert (command["order"], command["reason"]) == ("stop", "rollout")
    assert data(await call(client, HEARTBEAT, {"agentId": "kai"}))["commands"] == []


BAD_HEARTBEATS: list[tuple[object, str]] = [
    (None, "object"),
    ({}, "agentId"),
    ([1], "object"),
    ({"agentId": 7}, "agentId"),
    ({"agentId": ""}, "agentId"),
    ({"agentId": "x" * 201}, "agentId"),
    ({"agentId": "a\0b"}, "control character"),
    ({"agentId": "a", "status": "purple"}, "purple"),
    ({"agentId": "a", "mode": "moon"}, "moon"),
    ({"agentId": "a", "port": 99_999}, "port"),
    ({"agentId": "a", "port": "http"}, "port"),
    ({"agentId": "a", "metrics": 3}, "metrics"),
]


async def test_a_bad_heartbeat_is_refused_in_words(client: httpx.AsyncClient, registry: Registry) -> None:
    for value, words in BAD_HEARTBEATS:
        response = await call(client, HEARTBEAT, value)
        assert error(response) == (400, "BAD_REQUEST", -32600), value
        assert words in response.json()["error"]["message"], value
    assert len(registry.fleet) == 0


async def test_what_is_measured_strangely_is_left_out(client: httpx.AsyncClient, registry: Registry) -> None:
    for metrics in ({"cpu": "much"}, {"cpu": -1, "rss": 1e300}, {"cpu": True, "memory": {"used": 1}}):
        data(await call(client, HEARTBEAT, {"agentId": "kai", "metrics": metrics}))
    beat = registry.fleet.get("kai").beat
    assert (beat.cpu, beat.rss) == (None, None)


# -- what is asked about agents


async def test_local_and_deployed_agents_are_listed_apart(client: httpx.AsyncClient) -> None:
    for name, mode in (("b", "local"), ("a", "local"), ("c", "cloud")):
        await call(client, HEARTBEAT, {"agentId": name, "mode": mode})
    local = data(await client.get(GET_ALL))
    assert [agent["id"] for agent in local] == ["a", "b"]
    assert {"agentId", "status", "health", "deploymentMode", "lastHeartbeat"} <= local[0].keys()
    deployed = data(await client.get("/api/trpc/agents.getDeployed"))
    assert [(agent["id"], agent["deploymentMode"]) for agent in deployed] == [("c", "cloud")]


async def test_a_long_list_can_be_had_in_parts(client: httpx.AsyncClient, registry: Registry) -> None:
    for number in range(450):
        registry.fleet.take(a_beat(f"{number:03}"), source="")
    part = quote(json.dumps({"limit": 2, "offset": 10}))
    assert [agent["id"] for agent in data(await client.get(f"{GET_ALL}?input={part}"))] == ["010", "011"]
    assert len(data(await client.get(GET_ALL))) == 450


async def test_removing_works_on_a_living_agent_and_twice(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    path = "/api/trpc/localAgents.remove"
    await call(client, HEARTBEAT, {"agentId": "kai"})
    asked = {"agentId": "kai", "reason": "it ends"}
    assert data(await call(client, path, asked)) == {"success": True, "removed": True}
    assert data(await call(client, path, asked)) == {"success": True, "removed": False}
    assert registry.fleet.find("kai") is None
    assert "it ends" in (await registry.history("kai", limit=1))[0].reason


async def test_cleaning_up_removes_what_is_over(client: httpx.AsyncClient, registry: Registry) -> None:
    path = "/api/trpc/localAgents.cleanup"
    for name in ("running", "stopped", "forced"):
        await call(client, HEARTBEAT, {"agentId": name})
    await call(client, HEARTBEAT, {"agentId": "stopped", "status": "stopped"})
    await client.put("/api/agents/forced/status", json={"status": "offline", "reason": "broken"})
    assert data(await call(client, path, {"olderThan": 60}))["removed"] == 0
    assert data(await call(client, path))["removed"] == 1
    assert {agent.agent_id for agent in registry.fleet} == {"running", "forced"}


# -- the protocol


async def test_a_batch_of_good_and_bad_calls_is_a_207(client: httpx.AsyncClient) -> None:
    path = f"{HEARTBEAT},localAgents.heartbeat,localAgents.nothing?batch=1"
    response = await call(client, path, {"0": {"agentId": "a"}, "1": {"agentId": ""}})
    assert response.status_code == 207
    good, bad, missing = response.json()
    assert good["result"]["data"]["success"]
    assert (bad["error"]["code"], bad["error"]["data"]["path"]) == (-32600, "localAgents.heartbeat")
    assert (missing["error"]["code"], missing["error"]["data"]["path"]) == (-32004, "localAgents.nothing")


async def test_a_batch_of_one_status_has_that_status(client: httpx.AsyncClient) -> None:
    queries = f"{GET_ALL},agents.getDeployed?batch=1&input={quote('{}')}"
    assert (await client.get(queries)).json() == [{"result": {"data": []}}] * 2
    missing = await client.get("/api/trpc/a,b?batch=1")
    assert missing.status_code == 404
    assert len(missing.json()) == 2


UNANSWERABLE = [
    ("unknown", "POST", "/api/trpc/no.such", b"{}", (404, "NOT_FOUND", -32004)),
    ("no path", "GET", "/api/trpc/", b"", (404, "NOT_FOUND", -32004)),
    ("GET a mutation", "GET", HEARTBEAT, b"", (405, "METHOD_NOT_SUPPORTED", -32005)),
    ("POST a query", "POST", GET_ALL, b"{}", (405, "METHOD_NOT_SUPPORTED", -32005)),
    ("PATCH", "PATCH", HEARTBEAT, b"{}", (405, "METHOD_NOT_SUPPORTED", -32005)),
    ("half an object", "POST", HEARTBEAT, b'{"agentId', (400, "PARSE_ERROR", -32700)),
    ("no UTF-8", "POST", HEARTBEAT, b'"\xff"', (400, "PARSE_ERROR", -32700)),
    ("deep", "POST", HEARTBEAT, b"[" * 50_000, (400, "PARSE_ERROR", -32700)),
    ("bad input", "GET", GET_ALL + "?input=%7B", b"", (400, "PARSE_ERROR", -32700)),
    ("a number", "GET", GET_ALL + "?input=7", b"", (400, "BAD_REQUEST", -32600)),
    ("large", "POST", HEARTBEAT, b"0" * 262_145, (413, "PAYLOAD_TOO_LARGE", -32013)),
    (
        "a query and a mutation",
        "POST",
        HEARTBEAT + ",localAgents.getAll?batch=1",
        b"{}",
        (400, "BAD_REQUEST", -32600),
    ),
    ("too many", "GET", "/api/trpc/" + "a," * 100 + "a?batch=1", b"", (400, "BAD_REQUEST", -32600)),
]


async def test_a_request_that_cannot_be_answered_is_told_in_trpcs_own_form(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    for name, method, path, body, expected in UNANSWERABLE:
        response = await client.request(method, path, content=body, headers=headers)
        assert error(response) == expected, name


async def test_a_405_names_the_method(client: httpx.AsyncClient) -> None:
    assert (await client.get(HEARTBEAT)).headers["allow"] == "POST"


async def test_bodies_are_json(client: httpx.AsyncClient) -> None:
    response = await client.post(HEARTBEAT, content=b"agentId=a", headers={"content-type": "text/plain"})
    assert error(response) == (415, "UNSUPPORTED_MEDIA_TYPE", -32015)


async def test_a_batch_whose_input_is_no_object_fails_in_each_call(client: httpx.AsyncClient) -> None:
    response = await call(client, f"{HEARTBEAT},localAgents.remove?batch=1", [1, 2])
    assert response.status_code == 400
    assert [answer["error"]["code"] for answer in response.json()] == [-32600, -32600]


async def test_head_is_a_warm_up(client: httpx.AsyncClient) -> None:
    assert (await client.head(HEARTBEAT)).status_code == 204


async def test_too_many_new_agents_are_refused_with_a_time(start: Start, connect: Connect) -> None:
    client = connect(await start(new_agents=2))
    answers = [await call(client, HEARTBEAT, {"agentId": name}) for name in "abc"]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert error(answers[2]) == (429, "TOO_MANY_REQUESTS", -32029)
    assert answers[2].json()["error"]["data"]["retryAfter"] > 0


async def test_a_missing_token_is_told_in_trpcs_form(start: Start, connect: Connect) -> None:
    client = connect(await start(token="secret"))
    assert error(await call(client, HEARTBEAT, {"agentId": "a"})) == (401, "UNAUTHORIZED", -32001)
    client.headers["authorization"] = "Bearer secret"
    assert data(await call(client, HEARTBEAT, {"agentId": "a"}))["success"]
    strange = await client.get(GET_ALL, headers={"origin": "https://evil.example"})
    assert error(strange) == (403, "FORBIDDEN", -32003)


async def test_agents_that_beat_by_themselves_are_listed_too(client: httpx.AsyncClient) -> None:
    await client.post("/api/beats", content=encode_beat(a_beat("native", deployment=Deployment.CLOUD)))
    assert [agent["id"] for agent in data(await client.get("/api/trpc/agents.getDeployed"))] == ["native"]
