"""Who speaks in a call: the profile's choice, or the host's when that cannot be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from livekit.agents import APIConnectionError, APIConnectOptions, tts
from livekit.plugins import deepgram, openai

from config.provider_list import PROVIDERS
from session.speaking import local_voice
from stack.ports import free_port
from tests.session import acme_plugin
from tests.session.speech_choice import ACME, KEY, Built

OPENAI = {"openai_api_key": "sesame"}


@pytest.fixture(autouse=True)
def _acme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "acme", ACME)
    monkeypatch.setenv(KEY, "sesame")


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize(
    ("given", "profile", "kind", "model", "voice"),
    [
        pytest.param({}, {}, deepgram.TTS, "aura-2-andromeda-en", None, id="as ever"),
        pytest.param({}, {"voice": "en-GB"}, deepgram.TTS, "en-GB", None, id="with a voice"),
        pytest.param({}, {"tts": "local/de-DE"}, deepgram.TTS, "de-DE", None, id="a voice as a model"),
        pytest.param({}, {"language": "es-MX"}, deepgram.TTS, "es-ES", None, id="the language's voice"),
        pytest.param({}, {"language": "pt"}, deepgram.TTS, "aura-2-andromeda-en", None, id="no such voice"),
        pytest.param(
            {},
            {"language": "en", "translate": {"to": "fr"}},
            deepgram.TTS,
            "fr-FR",
            None,
            id="an interpreter",
        ),
        pytest.param(OPENAI, {}, openai.TTS, "gpt-4o-mini-tts", "ash", id="OpenAI as ever"),
        pytest.param(
            OPENAI, {"tts": "openai/tts-1", "voice": "nova"}, openai.TTS, "tts-1", "nova", id="its model"
        ),
    ],
)
async def test_who_speaks(
    given: dict[str, str],
    profile: dict[str, Any],
    kind: type,
    model: str,
    voice: str | None,
    http: aiohttp.ClientSession,
) -> None:
    built = Built(http, given, **profile)
    assert type(built.tts) is kind
    assert built.tts.model == model
    assert getattr(built.tts._opts, "voice", None) == voice  # type: ignore[attr-defined]
    assert built.fallbacks.texts == ()


async def test_a_plugin_gets_what_it_takes_by_its_own_names(http: aiohttp.ClientSession) -> None:
    built = Built(http, {}, tts="acme/mouth-2", voice="bob", language="es-MX")
    assert isinstance(built.tts, tts.FallbackAdapter)
    chosen, standby = built.tts._tts_instances
    assert isinstance(chosen, acme_plugin.TTS)
    assert chosen.options == {"model_name": "mouth-2", "voice_id": "bob", "language": "es"}
    assert standby.model == "es-ES", "bob is nobody else's voice"


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        pytest.param({"tts": "hal"}, "tts: 'hal' is no provider; there are ", id="unknown"),
        pytest.param({"tts": "anthropic"}, "tts: 'anthropic' does not speak", id="another part"),
        pytest.param({"tts": "openai"}, "tts: 'openai' has no key on this host; set ", id="no key"),
        pytest.param({"tts": "local/nova"}, "tts: local has no voice 'nova'", id="a voice as a model"),
        pytest.param({"voice": "nova"}, "voice: local has no voice 'nova'; it has en-US", id="no such voice"),
        pytest.param({"tts": "local", "voice": "nova"}, "voice: local has no voice 'nova'", id="likewise"),
    ],
)
async def test_what_cannot_be_had_costs_a_warning_and_the_host_speaks(
    profile: dict[str, str], reason: str, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    built = Built(http, {}, **profile)
    assert isinstance(built.tts, deepgram.TTS)
    assert built.tts.model == "aura-2-andromeda-en"
    (text,) = built.fallbacks.texts
    assert text.startswith(reason)
    assert "\n" not in text
    actions = [record.__dict__.get("action") for record in caplog.records]
    assert actions == ["provider.fallback"]


async def test_a_server_of_ones_own_may_have_any_voice(http: aiohttp.ClientSession) -> None:
    built = Built(
        http, {**OPENAI, "openai_base_url": "http://127.0.0.1:1/v1"}, tts="openai", voice="af_bella"
    )
    assert built.fallbacks.texts == ()
    assert built.tts._opts.voice == "af_bella"  # type: ignore[attr-defined]


async def say_hello(voice: tts.TTS[Any]) -> None:
    options = APIConnectOptions(max_retry=0, timeout=1.0)
    async with voice.synthesize("Hello.", conn_options=options) as stream:
        async for _ in stream:
            pass


async def test_a_voice_that_fails_in_the_call_is_told_once(http: aiohttp.ClientSession) -> None:
    """The host's voice is as dead here, so that nothing is said; who was tried is what counts."""
    dead = {"local_models_url": f"http://127.0.0.1:{free_port()}"}
    built = Built(http, dead, tts="acme")
    told = asyncio.Event()
    built.fallbacks.on_change = told.set
    for _ in range(2):
        with pytest.raises(APIConnectionError, match="all TTSs failed"):
            await say_hello(built.tts)
    assert told.is_set()
    assert built.fallbacks.texts == ("tts: acme does not answer; the host's usual voice speaks instead",)
    await built.tts.aclose()


async def test_a_voice_that_is_back_is_not_told_of_any_more(http: aiohttp.ClientSession) -> None:
    built = Built(http, {"local_models_url": f"http://127.0.0.1:{free_port()}"}, tts="acme")
    assert isinstance(built.tts, tts.FallbackAdapter)
    chosen = built.tts._tts_instances[0]
    assert isinstance(chosen, acme_plugin.TTS)
    chosen.failures = 1  # livekit-agents tries it once more by itself
    told: list[tuple[str, ...]] = []
    is_back = asyncio.Event()

    def on_change() -> None:
        told.append(built.fallbacks.texts)
        if len(told) == 2:
            is_back.set()

    built.fallbacks.on_change = on_change
    with pytest.raises(APIConnectionError, match="all TTSs failed"):
        await say_hello(built.tts)
    await is_back.wait()
    assert [len(texts) for texts in told] == [1, 0]
    await say_hello(built.tts)
    assert len(told) == 2
    await built.tts.aclose()


@pytest.mark.parametrize(
    ("language", "usual", "voice"),
    [
        ("es", None, "es-ES"),
        ("en", None, "en-US"),
        ("en-GB", None, "en-GB"),
        ("en", "en-GB", "en-GB"),
        ("fr-CA", "en-GB", "fr-FR"),
        ("ja", "en-GB", "en-GB"),
        ("ja", None, None),
    ],
)
def test_voices_of_this_machine(language: str, usual: str | None, voice: str | None) -> None:
    assert local_voice(language, usual=usual) == voice
