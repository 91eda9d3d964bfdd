"""The pipeline of a call, and what a process makes ready while it waits for one."""

from __future__ import annotations

import ssl
from typing import cast

import aiohttp
import pytest
from livekit.agents.utils import http_context
from livekit.plugins import deepgram

from config import Settings, resolve_providers
from llm.models import Models
from session.fallbacks import Fallbacks
from session.language_model import RoutedModel
from session.voice import build_session, prepare
from tests.session.fake_models import FakeModels
from wire import Profile, Translate, Turns


async def test_the_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at the end of a call, when livekit-agents closes a session of its own that nobody has used."""
    prepared = prepare(Settings())
    assert prepared.tls.verify_mode is ssl.CERT_REQUIRED

    def again(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError("the certificates are read again")

    monkeypatch.setattr(ssl, "create_default_context", again)
    async with http_context.open():
        pass


async def test_a_pipeline_hears_thinks_and_speaks_as_its_profile_says() -> None:
    settings, fallbacks = Settings(), Fallbacks()
    profile = Profile(prompt="x", voice="en-GB", stt="hal", turns=Turns(interruptions="off", max_delay=2))
    model = RoutedModel(cast(Models, FakeModels()), profile)
    async with aiohttp.ClientSession() as http:
        session = build_session(
            resolve_providers(settings),
            profile,
            prepare(settings),
            model=model,
            http=http,
            settings=settings,
            fallbacks=fallbacks,
        )
        assert isinstance(session.stt, deepgram.STT)
        assert isinstance(session.tts, deepgram.TTS)
        assert (session.llm, session.tts.model) == (model, "en-GB")
        assert session.options.interruption["enabled"] is False
        assert session.options.endpointing["max_delay"] == 2
        assert [text[:12] for text in fallbacks.texts] == ["stt: 'hal' i"]
        await session.aclose()


@pytest.mark.parametrize(("translate", "deaf_for"), [(None, 3.0), (Translate(to="es"), None)])
async def test_an_interpreter_hears_from_its_first_word_on(
    translate: Translate | None, deaf_for: float | None
) -> None:
    settings = Settings()
    profile = Profile(prompt="x", translate=translate)
    async with aiohttp.ClientSession() as http:
        session = build_session(
            resolve_providers(settings),
            profile,
            prepare(settings),
            model=RoutedModel(cast(Models, FakeModels()), profile),
            http=http,
            settings=settings,
            fallbacks=Fallbacks(),
        )
        assert session.options.aec_warmup_duration == deaf_for
        assert (session.options.interruption["min_words"] > 1_000) is (translate is not None)
        await session.aclose()
