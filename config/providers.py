"""Which server hears, thinks and speaks: resolved once from the settings, the same way with and without keys."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from config.provider_list import PROVIDERS, Part, Way
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


def endpoint_for(
    settings: Settings, part: Part, name: str, *, model: str | None = None, voice: str | None = None
) -> Endpoint:
    """The server of a provider that stands in the settings, as a profile asks for it.

    Args:
        settings: With its key and URL; see `missing_keys`.
        part: What it is to do.
        name: ``local``, ``deepgram`` or ``openai``.
        model: None = the settings' one where they are about this provider, else its default.
        voice: Likewise.

    Raises:
        KeyError: The provider does not do this part.
    """
    way = PROVIDERS[name].ways[part]
    usual = getattr(resolve_providers(settings), part)
    is_usual = (usual.protocol, usual.is_local) == (
        "openai" if name == "openai" or part == "llm" else "deepgram",
        name == "local",
    )
    model = model or (usual.model if is_usual else None) or way.model
    # The models of this machine know best which voice is theirs: on macOS they have others.
    voice = voice or (usual.voice if is_usual else None) or (None if name == "local" else way.voice)
    if name == "openai":
        return _openai(settings, model=model, voice=voice)
    if name == "deepgram":
        return _deepgram(settings, model=model, voice=voice)
    if part == "llm":
        return _local_openai(settings)
    return _local_deepgram(settings, voice=voice)


def missing_keys(settings: Settings, way: Way) -> str | None:
    """What a person has to set before the provider can be used on this host, in words; None = nothing."""
    if not way.keys or any(all(_is_set(settings, name) for name in group) for group in way.keys):
        return None
    return " or ".join(" and ".join(group) for group in way.keys)


def _is_set(settings: Settings, variable: str) -> bool:
    field_name = variable.lower()
    if field_name in Settings.model_fields:
        return bool(getattr(settings, field_name))
    return bool(os.environ.get(variable))


def _stt(settings: Settings) -> Endpoint:
    if settings.deepgram_api_key or settings.deepgram_base_url:
        return _deepgram(settings, model=settings.stt_model)
    return _local_deepgram(settings, voice=None)


def _llm(settings: Settings) -> Endpoint:
    if settings.openai_api_key or settings.openai_base_url:
        return _openai(settings, model=settings.llm_model)
    return _local_openai(settings)


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


def _local_openai(settings: Settings) -> Endpoint:
    return Endpoint(
        protocol="openai", base_url=f"{settings.local_models_url}/v1", model="local", is_local=True
    )
