"""What programs ask about agents, as JSON."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import aiohttp
import httpx
import pytest

from registry.running import Registry
from registry.status import Limits
from registry.store import Store
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Start
from tests.registry.lines import FakeLine
from wire import (
    Beat,
    CallFacts,
    Deployment,
    Guest,
    Kind,
    LogLines,
    Order,
    Said,
    Up,
    decode_down,
    encode,
    encode_beat,
)


async def send(client: httpx.AsyncClient, beat: Beat) -> None:
    response = await client.post("/api/beats", content=encode_beat(beat))
    assert response.status_code == 200, response.text


async def get(client: httpx.AsyncClient, path: str) -> Any:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


async def refusal(client: httpx.AsyncClient, path: str) -> tuple[int, str, str]:
    response = await client.get(path)
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


# -- lists


async def test_an_agent_is_shown_with_all_that_is_known(client: httpx.AsyncClient) -> None:
    await send(
        client,
        a_beat(
            "s1",
            kind=Kind.SESSION,
            name="Ada",
            description="receptionist",
            prompt="Be kind.",
            model="gpt",
            process_id=7,
            host="alpha",
            port=0,
            deployment=Deployment.CLOUD,
            last_error="no sound",
            error_age=10.0,
            idle=2.0,
            cpu=1.5,
            rss=1000,
            loop_lag=0.1,
            call=CallFacts(
                room="r",
                phase="grace_period",
                humans=(Guest(identity="bob"),),
                since=5.0,
                grace_left=55.0,
                llm="x",
            ),
        ),
    )
    listed = await get(client, "/api/agents")
    (agent,) = listed["agents"]
    assert (listed["total"], listed["limit"], listed["offset"]) == (1, 50, 0)
    assert listed["registry"]["counts"]["running"] == 1
    assert agent.keys() >= {
        "agentId", "name", "kind", "description", "model", "voice", "temperature", "processId", "host", "port",
        "deployment", "incarnation", "sequence", "status", "health", "reasons", "suspect", "cause", "forced",
        "lastError", "lastActivity", "lastHeartbeat", "beatAge", "firstSeen", "statusSince", "cpu", "rss",
        "loopLag", "call", "hasLine",
    }  # fmt: skip
    assert agent["health"] == 85
    assert agent["reasons"] == [{"points": 15, "text": "a recent error: no sound"}]
    assert agent["call"]["humans"] == [{"identity": "bob", "role": "client"}]
    assert agent["call"]["phaseSince"] < agent["call"]["graceEndsAt"]
    assert (agent["prompt"], agent["hasLine"], agent["beatAge"] < 5) == (None, False, True)
    alone = await get(client, "/api/agents/s1")
    assert alone["prompt"] == "Be kind."


async def test_the_list_is_filtered_ordered_and_cut(client: httpx.AsyncClient) -> None:
    for number in range(12):
        await send(client, a_beat(f"w{number:02}", kind=Kind.WORKER, host="alpha"))
    await send(client, a_beat("bad", name="Zed", status=Said.ERROR, reason="broken"))
    await send(client, a_beat("s1", call=CallFacts(room="lobby", phase="active")))

    page = await get(client, "/api/agents?kind=worker&host=alpha&sort=agentId&limit=5&offset=10")
    assert [agent["agentId"] for agent in page["agents"]] == ["w10", "w11"]
    assert (page["total"], page["limit"], page["offset"]) == (12, 5, 10)
    both = await get(client, "/api/agents?status=error,warning")
    assert [agent["agentId"] for agent in both["agents"]] == ["bad"]
    assert (await get(client, "/api/agents?search=ZED"))["total"] == 1
    assert (await get(client, "/api/agents?room=lobby"))["total"] == 1
    assert (await get(client, "/api/agents?sort=status"))["agents"][0]["agentId"] == "bad"
    assert (await get(client, "/api/agents?status=&search=&host="))["total"] == 14


BAD_PARAMETERS = {
    "limit=0": ["limit", "greater than or equal to 1", "0"],
    "limit=9999": ["limit", "less than or equal to 500", "9999"],
    "limit=many": ["limit", "integer", "many"],
    "offset=-1": ["offset", "-1"],
    "status=running,purple": ["status", "purple", "offline"],
    "sort=color": ["sort", "color", "lastHeartbeat"],
    "kind=cat": ["kind", "cat", "session"],
    "deployment=moon": ["deployment", "moon", "cloud"],
    "hidden=perhaps": ["hidden", "perhaps"],
    "search=" + "x" * 301: ["search", "300"],
}


async def test_a_bad_parameter_is_named_with_its_value_and_what_is_allowed(client: httpx.AsyncClient) -> None:
    for query, words in BAD_PARAMETERS.items():
        status, code, message = await refusal(client, f"/api/agents?{query}")
        assert (status, code) == (400, "bad_request"), query
        assert [word for word in words if word not in message] == [], query


async def test_agents_that_left_the_page_can_be_had_from_the_database(start: Start, connect: Connect) -> None:
    registry = await start(limits=Limits(visible=0.0))
    client = connect(registry)
    await send(client, a_beat("here"))
    await send(client, a_beat("gone"))
    await send(client, a_beat("gone", status=Said.STOPPED, reason="done"))
    async with asyncio.timeout(2):
        while len(registry.fleet) > 1:  # noqa: ASYNC110  # the reaper takes it off the page
            await asyncio.sleep(0.01)
    assert (await get(client, "/api/agents"))["total"] == 1
    shown = await get(client, "/api/agents?hidden=true&sort=agentId")
    assert [agent["agentId"] for agent in shown["agents"]] == ["gone", "here"]
    gone = shown["agents"][0]
    assert (gone["status"], gone["health"], gone["cause"]) == ("stopped", 0, "it stopped: done")
    assert (await refusal(client, "/api/agents/gone"))[:2] == (404, "unknown_agent")
    changes = (await get(client, "/api/agents/gone/history"))["changes"]
    assert [(change["from"], change["to"]) for change in changes] == [
        ("running", "stopped"),
        (None, "running"),
    ]


# -- one agent

ODD_IDS = [
    "a/b",
    "a/history",
    "a/stop",
    "history",
    "100%",
    "a%2Fb",
    "?#&=;+",
    "日本語 ✨",
    "<script>alert(1)</script>",
    "\u202eevil",
    "'; DROP TABLE local_agents; --",
    "x" * 200,
]


async def test_any_id_can_be_asked_for(client: httpx.AsyncClient) -> None:
    for agent_id in ODD_IDS:
        await send(client, a_beat(agent_id))
    for agent_id in ODD_IDS:
        path = f"/api/agents/{quote(agent_id, safe='')}"
        assert (await get(client, path))["agentId"] == agent_id
        history = await get(client, f"{path}/history")
        assert [change["agentId"] for change in history["changes"]] == [agent_id]
        stopped = await client.post(f"{path}/stop", json={"reason": "test"})
        assert stopped.status_code == 202, agent_id


async def test_a_slash_in_an_id_need_not_be_quoted(client: httpx.AsyncClient) -> None:
    await send(client, a_beat("a/b"))
    assert (await get(client, "/api/agents/a/b"))["agentId"] == "a/b"
    assert len((await get(client, "/api/agents/a/b/history"))["changes"]) == 1


async def test_an_agent_that_nobody_knows(client: httpx.AsyncClient) -> None:
    assert (await refusal(client, "/api/agents/nobody"))[:2] == (404, "unknown_agent")
    assert (await refusal(client, "/api/agents/nobody/history"))[:2] == (404, "unknown_agent")
    assert (await refusal(client, "/api/agents/nobody/logs"))[:2] == (404, "unknown_agent")
    assert (await refusal(client, "/api/agents/%FF%00"))[:2] == (404, "unknown_agent")
    assert (await refusal(client, "/api/agents/%FF%00/history"))[:2] == (404, "unknown_agent")
    assert (await refusal(client, "/api/agents/"))[:2] == (404, "unknown_agent")


async def test_an_address_or_method_that_is_none_is_told_in_the_same_form(client: httpx.AsyncClient) -> None:
    assert (await refusal(client, "/api/nothing"))[:2] == (404, "not_found")
    assert (await refusal(client, "/api/agents/a/stop"))[:2] == (405, "method")
    wrong = await client.delete("/api/agents")
    assert (wrong.status_code, wrong.json()["error"]["code"], wrong.headers["allow"]) == (
        405,
        "method",
        "GET",
    )


async def test_the_history_is_read_page_by_page(client: httpx.AsyncClient) -> None:
    statuses = [Said.RUNNING, Said.ERROR, Said.RUNNING, Said.STOPPED]
    for status in statuses:
        await send(client, a_beat("a", status=status))
    first = (await get(client, "/api/agents/a/history?limit=3"))["changes"]
    assert [change["to"] for change in first] == ["stopped", "running", "error"]
    second = (await get(client, f"/api/agents/a/history?before={first[-1]['id']}"))["changes"]
    assert [(change["from"], change["to"], change["by"]) for change in second] == [(None, "running", "agent")]
    assert (await get(client, f"/api/agents/a/history?before={second[-1]['id']}"))["changes"] == []
    assert (await refusal(client, "/api/agents/a/history?before=0"))[0] == 400
    assert (await refusal(client, "/api/agents/a/history?before=99999999999999999999"))[0] == 400


async def test_an_unreadable_database_is_told(client: httpx.AsyncClient, store: Store) -> None:
    await send(client, a_beat("a"))
    store.close()
    status, code, _ = await refusal(client, "/api/agents/a/history")
    assert (status, code) == (503, "database")
    assert (await get(client, "/api/agents/a"))["agentId"] == "a"


async def test_the_pulse_tells_what_changes_with_each_beat(client: httpx.AsyncClient) -> None:
    await send(client, a_beat("a,b", cpu=1.0, rss=5, loop_lag=0.5, idle=3.0))
    await send(client, a_beat("c"))
    agents = (await get(client, "/api/pulse?id=a%2Cb&ids=c,nobody"))["agents"]
    assert agents.keys() == {"a,b", "c"}
    pulse = agents["a,b"]
    assert (pulse["cpu"], pulse["rss"], pulse["loopLag"]) == (1.0, 5, 0.5)
    assert pulse["beatAge"] >= 0
    assert pulse["lastActivity"] < pulse["lastHeartbeat"]
    assert (await get(client, "/api/pulse"))["agents"] == {}
    too_many = ",".join(str(number) for number in range(201))
    assert (await refusal(client, f"/api/pulse?ids={too_many}"))[:2] == (400, "bad_request")


async def test_the_registry_says_how_it_is(client: httpx.AsyncClient) -> None:
    await send(client, a_beat("a"))
    status = await get(client, "/api/status")
    assert status["counts"] == {
        "starting": 0, "running": 1, "warning": 0, "error": 0, "stopped": 0, "offline": 0, "unknown": 0,
    }  # fmt: skip
    assert (status["ttl"], status["interval"], status["notices"]) == (25.0, 10.0, [])
    assert status["uptime"] >= 0


async def test_a_registry_that_has_just_started_says_that_it_waits(start: Start, connect: Connect) -> None:
    await send(connect(await start()), a_beat("a"))
    client = connect(await start())
    (notice,) = (await get(client, "/api/status"))["notices"]
    assert (notice["level"], "waiting for beats of 1 agent" in notice["text"]) == ("info", True)
    assert (await get(client, "/api/agents/a"))["status"] == "unknown"


# -- logs


async def test_the_log_is_asked_of_the_process(client: httpx.AsyncClient, registry: Registry) -> None:
    line = FakeLine(lambda: registry.tails.take("a", LogLines(lines=("one", "two"), is_start=True)))
    registry.fleet.take(a_beat("a"), source="", line=line)
    assert await get(client, "/api/agents/a/logs") == {"lines": ["one", "two"]}
    assert [command.order for command in line.sent] == [Order.LOGS.value]


async def test_a_process_that_cannot_be_asked(
    client: httpx.AsyncClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.api.LOGS_TIMEOUT", 0.01)
    await send(client, a_beat("plain"))
    assert (await refusal(client, "/api/agents/plain/logs"))[:2] == (409, "no_line")
    registry.fleet.take(a_beat("stuck"), source="", line=FakeLine())
    assert (await refusal(client, "/api/agents/stuck/logs"))[:2] == (504, "no_answer")


async def test_the_log_comes_over_a_real_line(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(f"{url}/api/line") as line:
        await line.send_str(encode(Up(beat=a_beat("a"))).decode())
        assert decode_down((await line.receive_str()).encode()).reply is not None
        asked = asyncio.create_task(http.get(f"{url}/api/agents/a/logs"))
        command = decode_down((await line.receive_str()).encode()).command
        assert command is not None
        assert command.order == "logs"
        logs = LogLines(lines=("hello",), is_start=True)
        await line.send_str(encode(Up(logs=logs)).decode())
        async with await asked as answer:
            assert await answer.json() == {"lines": ["hello"]}
