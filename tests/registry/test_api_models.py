"""What programs ask about language models, as JSON; and what of them is written down."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import httpx

from registry.running import run_registry
from registry.store import Store
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect
from tests.registry.test_api import get, send
from wire import CallFacts, Kind, ModelFacts, SwitchFacts

OLLAMA = ModelFacts(
    id="127.0.0.1:11434",
    model="llama3.2",
    host="127.0.0.1:11434",
    source="discovered",
    kind="ollama",
    state="failing",
    reason="no first word in 3 s",
    age=12.0,
    first_token_ms=412.0,
)
CLOUD = ModelFacts(id="api.openai.com", model="gpt", state="healthy", is_current=True)
SWITCH = SwitchFacts(age=12.0, source=OLLAMA.id, target=CLOUD.id, reason="no first word in 3 s")


def said(**fields: Any) -> dict[str, Any]:
    return {"kind": Kind.WORKER, "host": "north", "models": (OLLAMA, CLOUD), "switches": (SWITCH,), **fields}


async def test_an_agent_is_shown_with_its_models(client: httpx.AsyncClient) -> None:
    await send(
        client, a_beat("w", **said(call=CallFacts(room="r", phase="active", llm="x", llm_state="healthy")))
    )
    (agent,) = (await get(client, "/api/agents"))["agents"]
    alone = await get(client, "/api/agents/w")
    assert (agent["models"], agent["switches"]) == (alone["models"], alone["switches"])
    slow, cloud = agent["models"]
    since = slow.pop("since")
    assert slow == {
        "id": "127.0.0.1:11434",
        "model": "llama3.2",
        "host": "127.0.0.1:11434",
        "source": "discovered",
        "kind": "ollama",
        "state": "failing",
        "reason": "no first word in 3 s",
        "firstTokenMs": 412.0,
        "isCurrent": False,
    }
    assert since == agent["switches"][0]["at"]
    assert cloud["isCurrent"]
    assert agent["call"]["llmState"] == "healthy"
    assert agent["modelInUse"] == {
        "endpoint": "api.openai.com",
        "model": "x",
        "state": "healthy",
        "reason": "",
    }


async def test_an_agent_that_says_nothing_of_models(client: httpx.AsyncClient) -> None:
    await send(client, a_beat("1"))
    agent = await get(client, "/api/agents/1")
    assert (agent["modelInUse"], agent["models"], agent["switches"]) == (None, [], [])


async def test_models_are_listed_by_host(client: httpx.AsyncClient) -> None:
    await send(client, a_beat("w", **said()))
    await send(client, a_beat("s", **said(kind=Kind.SESSION)))
    found = await get(client, "/api/models")
    (host,) = found["hosts"]
    assert (host["host"], host["hasModel"]) == ("north", True)
    assert [(one["id"], one["toldBy"], one["nCalls"]) for one in host["endpoints"]] == [
        ("127.0.0.1:11434", ["w"], 0),
        ("api.openai.com", ["w"], 1),
    ]
    (switch,) = found["switches"]
    assert sorted(switch.pop("agents")) == ["s", "w"]
    assert switch.keys() == {"at", "source", "target", "reason", "host"}


async def test_open_pages_are_told_when_a_model_fails(url: str, http: aiohttp.ClientSession) -> None:
    async def beat(state: str, sequence: int) -> None:
        said = {
            "agentId": "w", "incarnation": "i", "sequence": sequence, "status": "running",
            "models": [{"id": "a", "state": state, "isCurrent": True, "age": sequence, "firstTokenMs": sequence}],
        }  # fmt: skip
        async with http.post(f"{url}/api/beats", json=said) as answer:
            assert answer.status == 200

    await beat("healthy", 1)
    async with http.get(f"{url}/api/events") as stream:
        await stream.content.readuntil(b"\n\n")
        await beat("healthy", 2)  # says nothing new
        await beat("failing", 3)
        event = await stream.content.readuntil(b"\n\n")
        (agent,) = json.loads(event.partition(b"data: ")[2])["agents"]
        assert agent["modelInUse"]["state"] == "failing"
        assert agent["models"] == [], "its page asks for them"


async def test_a_registry_that_starts_again_knows_them(store: Store, connect: Connect) -> None:
    async with run_registry(store) as registry:
        await send(connect(registry), a_beat("w", **said()))
    async with run_registry(store) as registry:
        client = connect(registry)
        agent = await get(client, "/api/agents/w")
        assert agent["status"] == "unknown"
        assert [one["state"] for one in agent["models"]] == ["failing", "healthy"]
        assert [one["target"] for one in agent["switches"]] == ["api.openai.com"]
        assert len((await get(client, "/api/models"))["hosts"]) == 1
