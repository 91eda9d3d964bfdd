"""The whole way: HTTP, the real router, and servers that answer well or badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from config import Settings
from llm.models import Models
from service.running import Service, run_service
from service.store import Store, sqlite_url
from stack.llm_stub import Behaviour, LlmStub
from stack.until import until
from tests.service.conftest import Serve

QUICK = {
    "agent_auto_discovery": False,
    "llm_first_token_timeout": 0.3,
    "llm_patience": 0.5,
    "llm_token_timeout": 0.4,
}

Open = Callable[..., Awaitable[tuple[Service, str]]]


@pytest.fixture
async def opened(tmp_path: Path, serve: Serve) -> AsyncIterator[Open]:
    """Starts services with real models; gives the service and its URL."""

    async def started(*stubs: LlmStub, **more: Any) -> tuple[Service, str]:
        settings = Settings(**{"llm_urls": tuple(stub.url for stub in stubs), **QUICK, **more})
        models = await stack.enter_async_context(Models(settings))
        store = Store(sqlite_url(tmp_path / "service.db"))
        stack.callback(store.close)
        service = await stack.enter_async_context(
            run_service(settings, models=models, store=store, host="127.0.0.1", reload=lambda: settings)
        )
        return service, await serve(service)

    async with AsyncExitStack() as stack:
        yield started


@pytest.fixture
async def good() -> AsyncIterator[LlmStub]:
    async with LlmStub(models=("good-1",), answer="Good day.") as stub:
        yield stub


@pytest.fixture
async def bad() -> AsyncIterator[LlmStub]:
    async with LlmStub(models=("bad-1",), answer="Bad day.") as stub:
        yield stub


async def ask(http: aiohttp.ClientSession, url: str, **sent: Any) -> dict[str, Any]:
    async with http.post(f"{url}/poll_requests", json={"message": "hi", **sent}) as response:
        body: dict[str, Any] = await response.json()
        return {"status": response.status, **body}


async def up(service: Service) -> None:
    await until(lambda: service.is_ready, timeout=20, what="a model")


async def state(http: aiohttp.ClientSession, url: str, path: str = "/") -> dict[str, Any]:
    async with http.get(f"{url}{path}") as response:
        body: dict[str, Any] = await response.json()
        return body


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour.HANG,
        Behaviour.SILENT,
        Behaviour.ERROR,
        Behaviour.UNAUTHORIZED,
        Behaviour.HTML,
        Behaviour.DIES_EARLY,
    ],
)
async def test_another_model_answers_when_the_first_one_does_not(
    opened: Open, http: aiohttp.ClientSession, good: LlmStub, bad: LlmStub, behaviour: Behaviour
) -> None:
    service, url = await opened(bad, good)
    await up(service)
    assert (await ask(http, url, thread_id="t"))["response"] == "Bad day."
    bad.behaviour = behaviour
    answer = await ask(http, url, thread_id="t")
    assert (answer["response"], answer["model"]) == ("Good day.", "good-1")
    body = await state(http, url)
    assert body["llm_info"]["id"] == f"127.0.0.1:{good.port}"
    assert body["switches"][0]["target"] == f"127.0.0.1:{good.port}"
    assert [message["content"] for message in good.requests[-1]["messages"][1:]] == ["hi", "Bad day.", "hi"]


async def test_an_answer_that_breaks_off_is_given_by_the_next_one(
    opened: Open, http: aiohttp.ClientSession, good: LlmStub, bad: LlmStub
) -> None:
    service, url = await opened(bad, good)
    await up(service)
    bad.behaviour = Behaviour.DIES
    answer = await ask(http, url)
    assert (answer["response"], answer["model"]) == ("Good day.", "good-1")


async def test_a_streamed_answer_that_breaks_off_ends_with_an_error(
    opened: Open, http: aiohttp.ClientSession, bad: LlmStub
) -> None:
    service, url = await opened(bad)
    await up(service)
    bad.behaviour = Behaviour.DIES
    async with http.post(f"{url}/poll_requests", json={"message": "hi", "stream": True}) as response:
        assert response.status == 200
        text = await response.text()
    assert "event: token" in text
    assert "event: error" in text
    assert "event: done" not in text


async def test_it_waits_and_goes_on_by_itself(
    opened: Open, http: aiohttp.ClientSession, good: LlmStub
) -> None:
    await good.stop()
    service, url = await opened(good)
    answer = await ask(http, url, thread_id="t")
    assert (answer["status"], answer["waiting"]) == (200, True)
    assert (await state(http, url))["status"] == "initializing"
    await good.start()
    await up(service)
    answer = await ask(http, url, thread_id="t")
    assert (answer["waiting"], answer["response"]) == (False, "Good day.")
    assert len(good.requests[-1]["messages"]) == 2


async def test_a_person_selects_a_model_and_takes_it_back(
    opened: Open, http: aiohttp.ClientSession, good: LlmStub, bad: LlmStub
) -> None:
    service, url = await opened(good, bad, llm_first_token_timeout=10, llm_token_timeout=10)
    await up(service)
    async with http.post(f"{url}/select_model", json={"deploy_id": f"127.0.0.1:{bad.port}"}) as response:
        assert response.status == 200
        assert (
            next(each for each in (await response.json())["models"] if each["is_selected"])["model"]
            == "bad-1"
        )
    assert (await ask(http, url))["model"] == "bad-1"
    async with http.post(f"{url}/select_model", json={"deploy_id": None}) as response:
        assert response.status == 200
    assert (await ask(http, url))["model"] == "good-1"
    async with http.post(f"{url}/select_model", json={"deploy_id": "x"}) as response:
        assert response.status == 404
        assert f"127.0.0.1:{good.port}" in (await response.json())["error"]["message"]
    async with http.post(f"{url}/refresh") as response:
        assert (await response.json())["status"] == "ready"


async def test_the_trial_and_openais_client(opened: Open, http: aiohttp.ClientSession, good: LlmStub) -> None:
    service, url = await opened(good)
    await up(service)
    trial = await state(http, url, "/test_llm")
    assert (trial["ok"], trial["model"], trial["text"]) == (True, "good-1", "Good day.")
    assert 0 < trial["first_token"] <= trial["total"] < 5
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        assert [model.id async for model in client.models.list()] == ["good-1"]
        answer = await client.chat.completions.create(
            model="good-1", messages=[{"role": "user", "content": "hi"}], seed=7
        )
        assert answer.choices[0].message.content == "Good day."
        assert good.requests[-1]["seed"] == 7
        good.behaviour = Behaviour.TOOL_CALL
        answer = await client.chat.completions.create(
            model="good-1", messages=[{"role": "user", "content": "hi"}], tools=[]
        )
        assert answer.choices[0].message.tool_calls


async def test_a_client_that_goes_away_says_nothing_about_the_model(
    opened: Open, http: aiohttp.ClientSession, good: LlmStub
) -> None:
    service, url = await opened(good)
    await up(service)
    good.delay = 0.25
    asking = asyncio.create_task(ask(http, url))
    await until(lambda: good.n_chats == 1, timeout=20, what="the question")
    asking.cancel()
    await until(lambda: good.n_left == 1, timeout=20, what="the client's end")
    good.delay = 0.0
    assert service.is_ready
    assert (await ask(http, url))["response"] == "Good day."


async def test_100_at_once_on_real_models(opened: Open, good: LlmStub) -> None:
    service, url = await opened(good, llm_first_token_timeout=5.0, llm_patience=9.0)
    await up(service)
    good.delay = 0.05
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        found = await asyncio.gather(*(ask(http, url, thread_id=f"t{number}") for number in range(100)))
    assert {(each["response"], each["waiting"]) for each in found} == {("Good day.", False)}
