"""Which server hears, thinks and speaks: resolved once from the settings, the same way with and without keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from config.settings import Settings

NO_KEY = SecretStr("local")
"""The plugins insist on a key; the models of this machine ignore it."""

_DEEPGRAM = "https://api.deepgram.com"
_OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One server, and what to ask of it."""

    protocol: Literal["deepgram", "openai"]
    base_url: str
    """For Deepgram without the path (`/v1/listen`), for OpenAI with its `/v1`."""
    model: str | None
    """None = the protocol's default."""
    voice: str | None = None
    api_key: SecretStr = field(default=NO_KEY, repr=False)
    is_local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    stt: Endpoint
    llm: Endpoint
    tts: Endpoint

    @property
    def uses_local_models(self) -> bool:
        return self.stt.is_local or self.llm.is_local or self.tts.is_local


def resolve_providers(settings: Settings) -> Providers:
    """Deepgram and OpenAI where they have a key or a URL, the models of this machine for the rest."""
    return Providers(stt=_stt(settings), llm=_llm(settings), tts=_tts(settings))


def _stt(settings: Settings) -> Endpoint:
    if settings.deepgram_api_key or settings.deepgram_base_url:
        return _deepgram(settings, model=settings.stt_model)
    return _local_deepgram(settings, voice=None)


def _llm(settings: Settings) -> Endpoint:
    if settings.openai_api_key or settings.openai_base_url:
        return _openai(settings, model=settings.llm_model)
    return Endpoint(
        protocol="openai", base_url=f"{settings.local_models_url}/v1", model="local", is_local=True
    )


def _tts(settings: Settings) -> Endpoint:
    provider = settings.tts_provider
    if provider == "auto":
        # A base URL alone is often a language model only (Ollama, vLLM): it does not decide who speaks.
        provider = (
            "openai" if settings.openai_api_key else "deepgram" if settings.deepgram_api_key else "local"
        )
    if provider == "openai":
        return _openai(settings, model=settings.tts_model, voice=settings.tts_voice)
    if provider == "deepgram":
        return _deepgram(settings, model=settings.tts_model, voice=settings.tts_voice)
    return _local_deepgram(settings, voice=settings.tts_voice)


def _deepgram(settings: Settings, *, model: str | None, voice: str | None = None) -> Endpoint:
    return Endpoint(
        protocol="deepgram",
        base_url=settings.deepgram_base_url or _DEEPGRAM,
        model=model,
        voice=voice,
        api_key=settings.deepgram_api_key or NO_KEY,
        is_local=False,
    )


def _openai(settings: Settings, *, model: str | None, voice: str | None = None) -> Endpoint:
    return Endpoint(
        protocol="openai",
        base_url=settings.openai_base_url or _OPENAI,
        model=model,
        voice=voice,
        api_key=settings.openai_api_key or NO_KEY,
        is_local=False,
    )


def _local_deepgram(settings: Settings, *, voice: str | None) -> Endpoint:
    return Endpoint(
        protocol="deepgram", base_url=settings.local_models_url, model=None, voice=voice, is_local=True
    )
