"""What the service says of itself."""

from __future__ import annotations

import json

import httpx
import pytest
from pydantic import SecretStr

from config import Settings
from llm.health import State
from llm.models import Switch
from service.running import Service
from service.shown_settings import changes, shown, waits_for_restart
from tests.service.clocks import FakeClock
from tests.service.conftest import Connect, Start
from tests.service.fakes import FakeModels, view
from tests.service.tokens import SECRET, bearer, token

SECRETS = {
    "jwt_secret": SECRET,
    "openai_api_key": "sk-very-secret-openai",
    "cloud_chat_ui_auth_token": "very-secret-cloud",
    "tavily_api_key": "very-secret-tavily",
    "e2b_api_key": "very-secret-e2b",
}


async def test_how_it_is_while_a_model_answers(
    client: httpx.AsyncClient, models: FakeModels, clock: FakeClock
) -> None:
    broken = view(
        "10.0.0.7:8000", state=State.FAILING, reason="cannot connect", retry_in=3.21, is_current=False,
        deploy_id="d1", source="backend", kind="vllm", first_token_ms=12.34,
    )  # fmt: skip
    models.become(view(), broken)
    models.past = (
        Switch(age=4.0, source="10.0.0.7:8000", target="127.0.0.1:11434", reason="cannot connect"),
    )
    assert (await client.get("/")).json() == {
        "status": "ready",
        "llm_mode": "discovered",
        "llm_info": {
            "model": "fake-1", "id": "127.0.0.1:11434", "kind": "ollama", "since": "2026-03-04T05:06:03+00:00",
        },
        "next_poll": None,
        "models": [
            {
                "id": "127.0.0.1:11434", "deploy_id": None, "model": "fake-1", "models": ["fake-1", "fake-2"],
                "source": "discovered", "kind": "ollama", "state": "healthy", "reason": "", "age": 12.5,
                "retry_in": None, "first_token_ms": None, "is_current": True, "is_selected": False,
            },
            {
                "id": "10.0.0.7:8000", "deploy_id": "d1", "model": "fake-1", "models": ["fake-1", "fake-2"],
                "source": "backend", "kind": "vllm", "state": "failing", "reason": "cannot connect", "age": 12.5,
                "retry_in": 3.2, "first_token_ms": 12.3, "is_current": False, "is_selected": False,
            },
        ],
        "switches": [
            {"age": 4.0, "source": "10.0.0.7:8000", "target": "127.0.0.1:11434", "reason": "cannot connect"}
        ],
    }  # fmt: skip


async def test_how_it_is_without_a_model(client: httpx.AsyncClient, models: FakeModels) -> None:
    models.become(view(state=State.UNKNOWN))
    models.poll = 171.23
    body = (await client.get("/")).json()
    assert (body["status"], body["llm_mode"], body["llm_info"], body["next_poll"]) == (
        "initializing",
        "none",
        None,
        171.2,
    )
    models.become()
    body = (await client.get("/")).json()
    assert (body["status"], body["models"]) == ("initializing", [])


async def test_health_and_readiness(client: httpx.AsyncClient, models: FakeModels, service: Service) -> None:
    assert (await client.get("/health")).text == "ok"
    assert (await client.get("/ready")).text == "ready"
    assert (await client.head("/health")).status_code == 200
    assert (await client.head("/ready")).status_code == 200
    models.become(view(state=State.FAILING))
    assert (await client.get("/health")).status_code == 200
    response = await client.get("/ready")
    assert (response.status_code, response.text) == (503, "initializing")
    models.become(view())
    service.begin_closing()
    response = await client.get("/ready")
    assert (response.status_code, response.text) == (503, "ending")


async def test_the_full_status_has_settings_and_troubles(
    start: Start, connect: Connect, models: FakeModels, clock: FakeClock
) -> None:
    service = await start(agent_max_failures=3, llm_urls=("http://a/v1",))
    clock.pass_by(61.5)
    models.found_wrong = ("AGENT_BACKEND_URL=http://b answered HTML",)
    body = (await connect(service).get("/status")).json()
    assert body["status"] == "ready"
    assert (body["uptime"], body["version"], body["answering"]) == (61.5, service.version, 0)
    assert body["troubles"] == ["AGENT_BACKEND_URL=http://b answered HTML"]
    assert body["threads"]["trouble"] is None
    assert body["threads"]["count"] == 0
    assert body["threads"]["database"].startswith("SQLite ")
    settings = body["settings"]
    assert (settings["AGENT_MAX_FAILURES"], settings["LLM_URLS"]) == (3, ["http://a/v1"])
    names = set(settings)
    for prefix in ("AGENT_", "LLM_", "CLOUD_"):
        assert {name.upper() for name in Settings.model_fields if name.upper().startswith(prefix)} <= names
    assert {"USE_CLOUD_LLM", "JWT_SECRET", "DATABASE_URL", "CHAT_THREADS", "TOOL_TIMEOUT"} <= names


async def test_no_secret_is_ever_shown(start: Start, connect: Connect) -> None:
    client = connect(await start(**SECRETS))
    shown_token = bearer(token())
    for path in ("/", "/status", "/metrics", "/v1/models", "/openapi.json"):
        text = (await client.get(path, headers=shown_token)).text
        for secret in SECRETS.values():
            assert secret not in text, path
    settings = (await client.get("/status", headers=shown_token)).json()["settings"]
    assert [settings[name.upper()] for name in SECRETS] == ["set"] * len(SECRETS)


def test_settings_as_people_see_them() -> None:
    settings = Settings(
        cloud_chat_ui_url="https://cloud.example/v1?key=abc",
        llm_urls=("http://a/v1#big", "http://b/v1?token=xyz"),
        database_url=SecretStr("postgresql://user:pass@host/db"),
    )
    found = shown(settings)
    assert found["CLOUD_CHAT_UI_URL"] == "https://cloud.example/v1?…"
    assert found["LLM_URLS"] == ["http://a/v1#big", "http://b/v1?…"]
    assert (found["DATABASE_URL"], found["JWT_SECRET"], found["OPENAI_API_KEY"]) == (
        "set",
        "not set",
        "not set",
    )
    assert found["AGENT_BACKEND_URL"] is None
    assert "LIVEKIT_API_SECRET" not in found
    json.dumps(found)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, {}),
        ({}, {"agent_max_failures": 2}, {"AGENT_MAX_FAILURES": {"from": 1, "to": 2}}),
        ({}, {"openai_api_key": SecretStr("x")}, {"OPENAI_API_KEY": "changed"}),
        (
            {"openai_api_key": SecretStr("x")},
            {"openai_api_key": SecretStr("y")},
            {"OPENAI_API_KEY": "changed"},
        ),
        ({"openai_api_key": SecretStr("x")}, {}, {"OPENAI_API_KEY": "changed"}),
        ({"openai_api_key": SecretStr("x")}, {"openai_api_key": SecretStr("x")}, {}),
        ({}, {"agent_port": 9}, {"AGENT_PORT": {"from": None, "to": 9}}),
    ],
)
def test_what_has_changed(
    before: dict[str, object], after: dict[str, object], expected: dict[str, object]
) -> None:
    assert changes(Settings(**before), Settings(**after)) == expected  # type: ignore[arg-type]


def test_some_settings_wait_for_a_restart() -> None:
    assert waits_for_restart({"AGENT_PORT": 1, "LLM_URLS": 2, "DATABASE_URL": "changed"}) == [
        "AGENT_PORT",
        "DATABASE_URL",
    ]
