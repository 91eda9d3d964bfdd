"""Steering a running service: which model, by which settings, and whether it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from config import Settings, SettingsError
from llm.errors import BrokenStreamError, NoModelError
from service import trial
from service.running import Service
from service.store import Key
from tests.service.clocks import FakeClock
from tests.service.conftest import Connect, Start
from tests.service.fakes import FakeModels, view
from tests.service.tokens import SECRET, bearer, token


class _File:
    """What stands in `.env`."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.wrong: str | None = None

    def __call__(self) -> Settings:
        if self.wrong is not None:
            raise SettingsError(self.wrong)
        return Settings(**self.settings)


@pytest.fixture
def file() -> _File:
    return _File()


@pytest.fixture
async def service(start: Start, file: _File) -> Service:
    return await start(reload=file)


# -- /test_llm


async def test_the_current_model_is_asked(client: httpx.AsyncClient, models: FakeModels) -> None:
    response = await client.get("/test_llm")
    assert response.status_code == 200
    assert response.json() == {
        "ok": True, "model": "fake-1", "endpoint": "127.0.0.1:11434", "first_token": 0.0, "total": 0.0,
        "text": "It is a fine day.", "reasons": {},
    }  # fmt: skip
    assert len(models.requests[0].messages) == 1


async def test_a_model_that_talks_without_end_is_cut_short(
    client: httpx.AsyncClient, models: FakeModels
) -> None:
    models.words = ["word " * 10] * 1_000
    body = (await client.get("/test_llm")).json()
    assert (body["ok"], len(body["text"])) == (True, 200)
    assert models.n_closed_early == 1


async def test_without_a_model_the_reasons_are_told(client: httpx.AsyncClient, models: FakeModels) -> None:
    models.error = NoModelError({"10.0.0.7:8000": "cannot connect"})
    response = await client.get("/test_llm")
    assert (response.status_code, response.json()["reasons"]) == (503, {"10.0.0.7:8000": "cannot connect"})
    assert (response.json()["ok"], response.json()["model"]) == (False, None)
    models.error = NoModelError({})
    assert "no language model is known" in (await client.get("/test_llm")).text
    models.error = None
    models.breaks = [BrokenStreamError("it: silent")]
    response = await client.get("/test_llm")
    assert (response.status_code, response.json()["reasons"]) == (503, {"127.0.0.1:11434": "it: silent"})


async def test_a_model_that_hangs_is_not_waited_for(
    service: Service, models: FakeModels, clock: FakeClock
) -> None:
    models.gate = asyncio.Event()
    result = await trial.ask(models, clock=lambda: clock.seconds, limit=0.02)
    assert (result["ok"], result["reasons"]) == (False, {"127.0.0.1:11434": "no whole answer in 0.02 s"})
    assert models.n_open == 0


# -- /refresh, /select_model


async def test_refresh_looks_for_models(client: httpx.AsyncClient, models: FakeModels) -> None:
    response = await client.post("/refresh")
    assert (models.n_refreshed, response.json()["status"]) == (1, "ready")


async def test_a_model_is_selected(client: httpx.AsyncClient, models: FakeModels) -> None:
    models.become(view(), view("10.0.0.7:8000", deploy_id="d-7", is_current=False))
    response = await client.post("/select_model", json={"deploy_id": "d-7", "model": "fake-2"})
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert (await client.post("/select_model", json={"deploy_id": "127.0.0.1:11434"})).status_code == 200
    for nothing in (None, ""):
        assert (await client.post("/select_model", json={"deploy_id": nothing})).status_code == 200
    assert models.selected == [("d-7", "fake-2"), ("127.0.0.1:11434", None), (None, None), (None, None)]


async def test_a_model_that_is_not_there(client: httpx.AsyncClient, models: FakeModels) -> None:
    models.become(view(), view("10.0.0.7:8000", deploy_id="d-7", is_current=False))
    response = await client.post("/select_model", json={"deploy_id": "nope"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert "known: 127.0.0.1:11434, d-7" in response.json()["error"]["message"]
    assert response.json()["error"]["param"] == "deploy_id"
    response = await client.post("/select_model", json={"deploy_id": "d-7", "model": "nope"})
    assert (response.status_code, response.json()["error"]["param"]) == (404, "model")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 422, "deploy_id"),
        ({"deploy_id": 7}, 422, "deploy_id"),
        ({"deploy_id": "x", "model": []}, 422, "model"),
        ([], 422, None),
    ],
)
async def test_wrong_selections(
    client: httpx.AsyncClient, models: FakeModels, body: object, status: int, param: str | None
) -> None:
    response = await client.post("/select_model", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (status, param)
    assert models.selected == []


async def test_a_selection_that_is_no_json(client: httpx.AsyncClient) -> None:
    response = await client.post("/select_model", content=b"deploy_id=x")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "not_json")


# -- /refresh_config


async def test_changed_settings_are_told_and_taken(
    client: httpx.AsyncClient, models: FakeModels, service: Service, file: _File
) -> None:
    file.settings = {
        "agent_max_failures": 4, "openai_api_key": "sk-secret", "agent_port": 9999,
        "chat_thread_messages": 2, "tavily_api_key": "tvly-secret",
    }  # fmt: skip
    response = await client.post("/refresh_config")
    assert response.status_code == 200
    body = response.json()
    assert body["changed"] == {
        "AGENT_MAX_FAILURES": {"from": 1, "to": 4},
        "AGENT_PORT": {"from": None, "to": 9999},
        "CHAT_THREAD_MESSAGES": {"from": 50, "to": 2},
        "OPENAI_API_KEY": "changed",
        "TAVILY_API_KEY": "changed",
    }
    assert (body["after_restart"], body["status"]) == (["AGENT_PORT"], "ready")
    assert "secret" not in response.text
    assert [settings.agent_max_failures for settings in models.settings] == [4]
    assert (await client.get("/status")).json()["settings"]["AGENT_MAX_FAILURES"] == 4
    for number in range(3):
        sent = {"message": f"q{number}", "thread_id": "t"}
        assert (await client.post("/poll_requests", json=sent)).status_code == 200
    assert len(await service.threads.recall(Key("", "t"))) == 2
    assert (await client.post("/refresh_config")).json()["changed"] == {}


async def test_wrong_settings_leave_everything_as_it_was(
    client: httpx.AsyncClient, models: FakeModels, file: _File
) -> None:
    file.wrong = "AGENT_PORT='x': must be a number. Port\nLLM_PATIENCE='y': must be a number. Seconds"
    response = await client.post("/refresh_config")
    assert response.status_code == 422
    assert response.json()["error"]["lines"] == file.wrong.split("\n")
    assert "the old ones stay" in response.json()["error"]["message"]
    assert models.settings == []


async def test_the_secret_may_change_and_go_on_this_machine_only(
    start: Start, connect: Connect, file: _File, models: FakeModels
) -> None:
    service = await start(reload=file, host="0.0.0.0", jwt_secret=SECRET)
    client = connect(service)
    old, new = bearer(token()), bearer(token("n" * 40))
    file.settings = {"jwt_secret": "n" * 40}
    assert (await client.post("/refresh_config", headers=old)).json()["changed"] == {"JWT_SECRET": "changed"}
    assert (await client.get("/status", headers=old)).status_code == 401
    file.settings = {}
    response = await client.post("/refresh_config", headers=new)
    assert (response.status_code, "JWT_SECRET must be set" in response.text) == (422, True)
    assert (await client.get("/status")).status_code == 401
    assert (await client.get("/status", headers=new)).status_code == 200


# -- the rest


async def test_addresses_and_methods_that_are_not_there(client: httpx.AsyncClient) -> None:
    response = await client.get("/nope")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    response = await client.post("/status")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method")


async def test_the_description_names_every_route(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert set(schema["paths"]) == {
        "/", "/status", "/health", "/ready", "/metrics", "/test_llm", "/refresh", "/select_model", "/refresh_config",
        "/poll_requests", "/v1/chat/completions", "/v1/models", "/v1/models/{model}",
    }  # fmt: skip
    assert schema["paths"]["/"]["get"]["security"] == []
    assert (await client.get("/openapi.json")).json() == schema
    assert (await client.get("/docs")).status_code == 200


@pytest.fixture
def sample(client: httpx.AsyncClient) -> Callable[[str], Any]:
    async def value(line: str) -> float:
        text = (await client.get("/metrics")).text
        found = [each.rpartition(" ")[2] for each in text.splitlines() if each.startswith(line)]
        return float(found[0]) if found else 0.0

    return value


async def test_metrics(
    client: httpx.AsyncClient,
    models: FakeModels,
    service: Service,
    sample: Callable[[str], Any],
    clock: FakeClock,
) -> None:
    await client.post("/poll_requests", json={"message": "hi"})
    await client.post("/poll_requests", json={"message": ""})
    await client.get("/some/address/of/a/stranger")
    assert await sample('roomkeeper_service_requests_total{path="/poll_requests",status="200"}') == 1
    assert await sample('roomkeeper_service_requests_total{path="/poll_requests",status="422"}') == 1
    assert await sample('roomkeeper_service_requests_total{path="other",status="404"}') == 1
    assert await sample('roomkeeper_service_request_seconds_count{path="/poll_requests"}') == 2
    assert await sample("roomkeeper_service_first_token_seconds_count") == 1
    assert await sample("roomkeeper_service_ready") == 1
    assert await sample('roomkeeper_service_llm_endpoint{endpoint="127.0.0.1:11434",state="healthy"}') == 1
    assert await sample('roomkeeper_service_llm_endpoint{endpoint="127.0.0.1:11434",state="failing"}') == 0
    assert await sample("roomkeeper_service_forgetful") == 0
    await service.threads.open()
    assert await sample("roomkeeper_service_threads") == 1
    models.become(view("10.0.0.7:8000"))
    models.become(view("10.0.0.7:8000"))
    models.become()
    assert await sample('roomkeeper_service_llm_switches_total{target="10.0.0.7:8000"}') == 1
    assert await sample('roomkeeper_service_llm_switches_total{target="none"}') == 1
    models.error = NoModelError({})
    await client.post("/poll_requests", json={"message": "hi"})
    assert await sample("roomkeeper_service_waiting_total") == 1
