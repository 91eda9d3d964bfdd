"""Who hears in a call: the profile's choice, or the host's when that cannot be had."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from livekit.agents import stt
from livekit.plugins import deepgram, openai

from config.provider_list import PROVIDERS
from session.ears import Ears
from tests.session import acme_plugin
from tests.session.speech_choice import ACME, KEY, Built

DEEPGRAM = {"deepgram_api_key": "sesame", "stt_model": "nova-2"}


@pytest.fixture(autouse=True)
def _acme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "acme", ACME)
    monkeypatch.setenv(KEY, "sesame")


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def texts_of(built: Built) -> tuple[str, ...]:
    return built.fallbacks.texts


@pytest.mark.parametrize(
    ("given", "profile", "server", "model", "language"),
    [
        pytest.param({}, {}, "http://127.0.0.1:8090", "nova-3", "en-US", id="as ever"),
        pytest.param({}, {"stt": "local"}, "http://127.0.0.1:8090", "nova-3", "en-US", id="local by name"),
        pytest.param(
            {}, {"language": "en-GB"}, "http://127.0.0.1:8090", "nova-3", "en-US", id="local English"
        ),
        pytest.param(DEEPGRAM, {}, "https://api.deepgram.com", "nova-2", "en-US", id="Deepgram as ever"),
        pytest.param(
            DEEPGRAM, {"stt": "deepgram/nova-3"}, "https://api.deepgram.com", "nova-3", "en-US", id="model"
        ),
        pytest.param(DEEPGRAM, {"language": "es"}, "https://api.deepgram.com", "nova-2", "es", id="Spanish"),
        pytest.param(
            DEEPGRAM, {"language": "de-AT"}, "https://api.deepgram.com", "nova-2", "de", id="Austrian"
        ),
        pytest.param(
            DEEPGRAM, {"language": "pt-BR"}, "https://api.deepgram.com", "nova-2", "pt-BR", id="Brazil"
        ),
    ],
)
async def test_who_hears(
    given: dict[str, str],
    profile: dict[str, Any],
    server: str,
    model: str,
    language: str,
    http: aiohttp.ClientSession,
) -> None:
    built = Built(http, given, **profile)
    assert type(built.stt) is deepgram.STT
    options = built.stt._opts
    assert (options.endpoint_url, options.model, options.language) == (f"{server}/v1/listen", model, language)
    assert built.fallbacks.texts == ()


async def test_a_plugin_gets_what_it_takes_and_the_host_stands_by(http: aiohttp.ClientSession) -> None:
    built = Built(http, {}, stt="acme/ears-2", language="es")
    assert isinstance(built.stt, Ears)
    chosen, standby = built.stt.chosen, built.stt.standby
    assert isinstance(chosen, stt.StreamAdapter), "it takes whole sentences only"
    assert isinstance(chosen.wrapped_stt, acme_plugin.STT)
    assert chosen.wrapped_stt.options == {"model": "ears-2", "language": "es-ES", "http_session": http}
    assert isinstance(standby, deepgram.STT)
    await built.stt.aclose()


async def test_openai_hears_what_it_is_told_or_finds_out(http: aiohttp.ClientSession) -> None:
    for profile, languages in (({"language": "es-MX"}, ["es"]), ({}, [])):
        built = Built(http, {"openai_api_key": "sesame"}, stt="openai", **profile)
        assert isinstance(built.stt, Ears)
        chosen = built.stt.chosen
        assert isinstance(chosen, stt.StreamAdapter)
        assert isinstance(chosen.wrapped_stt, openai.STT)
        assert [str(one) for one in chosen.wrapped_stt._opts.languages] == languages
        await built.stt.aclose()


@pytest.mark.parametrize(
    ("given", "language", "why"),
    [
        pytest.param({}, "es", "language: local hears English only, not 'es'", id="a small model"),
        pytest.param(DEEPGRAM, "eu", "language: deepgram does not hear 'eu'", id="not even Deepgram"),
    ],
)
async def test_what_the_standby_cannot_hear_is_told_only_while_it_hears(
    given: dict[str, str], language: str, why: str, http: aiohttp.ClientSession
) -> None:
    built = Built(http, given, stt="acme", language=language)
    assert isinstance(built.stt, Ears)
    assert built.fallbacks.texts == ()
    for _ in range(2):
        built.stt.tell(is_up=False)
        told = texts_of(built)
        assert told[0] == "stt: acme does not answer; the host's usual one hears instead"
        assert told[1].startswith(why)
        assert len(told) == 2
        built.stt.tell(is_up=True)
        assert built.fallbacks.texts == ()
    await built.stt.aclose()


async def test_what_the_chosen_one_cannot_hear_is_told_all_the_time(http: aiohttp.ClientSession) -> None:
    built = Built(http, {"openai_api_key": "sesame"}, stt="local", language="es")
    assert isinstance(built.stt, deepgram.STT), "it is the usual one, too"
    (text,) = built.fallbacks.texts
    assert text.startswith("language: local hears English only")
    built = Built(http, DEEPGRAM, stt="local", language="eu")
    assert isinstance(built.stt, Ears)
    assert built.fallbacks.texts == ("language: local hears English only, not 'eu'" + text[44:],)
    built.stt.tell(is_up=False)
    built.stt.tell(is_up=True)
    assert len(built.fallbacks.texts) == 1
    await built.stt.aclose()


@pytest.mark.parametrize(
    ("given", "profile", "reason"),
    [
        pytest.param({}, {"stt": "hal"}, "stt: 'hal' is no provider; there are ", id="unknown"),
        pytest.param({}, {"stt": "anthropic"}, "stt: 'anthropic' does not hear", id="another part"),
        pytest.param(
            {}, {"stt": "deepgram"}, "stt: 'deepgram' has no key on this host; set DEEPGRAM_API_", id="no key"
        ),
        pytest.param(
            {}, {"language": "es"}, "language: local hears English only, not 'es'", id="a small model"
        ),
        pytest.param(
            DEEPGRAM, {"language": "eu"}, "language: deepgram does not hear 'eu'", id="not even Deepgram"
        ),
    ],
)
async def test_what_cannot_be_had_costs_a_warning_and_the_host_hears(
    given: dict[str, str],
    profile: dict[str, str],
    reason: str,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    built = Built(http, given, **profile)
    assert isinstance(built.stt, deepgram.STT)
    assert built.stt._opts.language == "en-US"
    (text,) = built.fallbacks.texts
    assert text.startswith(reason)
    assert [record.__dict__.get("action") for record in caplog.records] == ["provider.fallback"]
    assert "sesame" not in str([record.__dict__ for record in caplog.records])
