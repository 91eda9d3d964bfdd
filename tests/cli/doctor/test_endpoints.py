"""Providers and ports: what is asked, and what the answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from cli.doctor.endpoints import (
    Port,
    PortProbe,
    Probe,
    judge_answer,
    judge_port,
    judge_provider,
    port_probes,
    provider_probes,
)
from cli.doctor.verdicts import Level
from config import Settings

OPENAI = {"openai_api_key": "sk-secret"}
DEEPGRAM = {"deepgram_api_key": "dg-secret"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [("http://127.0.0.1:8090/healthz", "speech to text and the language model and text to speech")]),
        (
            {**OPENAI, **DEEPGRAM},
            [
                ("https://api.deepgram.com/v1/projects", "speech to text"),
                ("https://api.openai.com/v1/models", "the language model and text to speech"),
            ],
        ),
        (
            {"openai_base_url": "http://ollama.test/v1"},
            [
                ("http://127.0.0.1:8090/healthz", "speech to text and text to speech"),
                ("http://ollama.test/v1/models", "the language model"),
            ],
        ),
    ],
    ids=["local", "keys", "a language model of one's own"],
)
@pytest.mark.usefixtures("environment")
def test_each_server_is_asked_once(given: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert [(probe.url, probe.what) for probe in provider_probes(Settings(**given))] == expected


@pytest.mark.usefixtures("environment")
def test_keys_go_in_headers_and_are_never_shown() -> None:
    deepgram, openai = provider_probes(Settings(**OPENAI, **DEEPGRAM))  # type: ignore[arg-type]
    assert deepgram.headers == {"Authorization": "Token dg-secret"}
    assert openai.headers == {"Authorization": "Bearer sk-secret"}
    assert "secret" not in repr([deepgram, openai])
    (ollama,) = [
        one for one in provider_probes(Settings(openai_base_url="http://o.test/v1")) if not one.is_local
    ]
    assert ollama.headers == {}


@pytest.mark.parametrize(
    ("is_local", "has_key", "status", "level"),
    [
        (True, False, None, Level.FAIL),
        (True, False, 200, Level.OK),
        (True, False, 404, Level.WARN),
        (False, True, None, Level.FAIL),
        (False, True, 200, Level.OK),
        (False, True, 401, Level.FAIL),
        (False, False, 401, Level.OK),
        (False, True, 403, Level.OK),
        (False, True, 503, Level.WARN),
    ],
)
def test_providers(status: int | None, level: Level, *, is_local: bool, has_key: bool) -> None:
    probe = Probe(what="speech to text", url="http://x.test", is_local=is_local, has_key=has_key)
    assert judge_provider(probe, status).level is level


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["REGISTRY_PORT", "LOCAL_MODELS_PORT"]),
        ({"web_ui_url": "http://elsewhere.test"}, ["LOCAL_MODELS_PORT"]),
        ({"web_ui_url": None}, ["REGISTRY_PORT", "LOCAL_MODELS_PORT"]),
        ({"registry_port": 0, "local_models_port": 0}, []),
        ({"worker_port": 8081}, ["REGISTRY_PORT", "LOCAL_MODELS_PORT", "WORKER_PORT"]),
        ({**OPENAI, **DEEPGRAM}, ["REGISTRY_PORT"]),
        ({"local_models_url": "http://elsewhere.test"}, ["REGISTRY_PORT"]),
    ],
    ids=str,
)
@pytest.mark.usefixtures("environment")
def test_ports_of_this_machine_that_matter(given: dict[str, Any], expected: list[str]) -> None:
    settings = Settings(**{"web_ui_url": "http://localhost:3026", **given})
    assert [probe.setting for probe in port_probes(settings)] == expected


PORT = PortProbe(setting="REGISTRY_PORT", host="127.0.0.1", port=3026, path="/healthz", sign="ok", start="it")


@pytest.mark.parametrize(
    ("text", "expected"), [("ok", Port.OURS), ("hello", Port.TAKEN), ("", Port.TAKEN), (None, Port.TAKEN)]
)
def test_whose_a_port_is(text: str | None, expected: Port) -> None:
    assert judge_answer(PORT, text) is expected


def test_a_port_that_somebody_else_has_fails() -> None:
    assert [judge_port(PORT, port).level for port in Port] == [Level.OK, Level.OK, Level.FAIL]
