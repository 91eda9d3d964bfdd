"""Who speaks: text to speech, from the settings and the profile."""

from __future__ import annotations

from typing import Any

import aiohttp
from livekit.agents import tts
from livekit.plugins import deepgram, openai

from config import Endpoint, Settings, endpoint_for
from config.provider_list import NANO_VOICES
from config.provider_table import voice_trouble
from session.choosing import choice_of, plugin
from session.fallbacks import Fallbacks, UnfitError
from wire import Profile


def build_tts(
    usual: Endpoint,
    profile: Profile,
    *,
    settings: Settings,
    fallbacks: Fallbacks,
    http: aiohttp.ClientSession,
) -> tts.TTS[Any]:
    """What speaks in the call. Never fails: what the profile chooses and cannot be had, the host's usual one says.

    Args:
        usual: Who speaks when the profile says nothing.
        profile: Of the agent.
        settings: Of this host.
        fallbacks: Is told what cannot be had.
        http: Stays its owner's.
    """
    language = spoken_language(profile)
    if profile.tts is None:
        voice = _voice(profile.voice, usual, fallbacks)
        return _of_endpoint(usual, voice=voice, language=language, http=http)
    # The profile's voice is one of the chosen provider's, and nobody else's.
    standby = _of_endpoint(usual, voice=None, language=language, http=http)
    try:
        choice = choice_of("tts", profile.tts, settings)
        if choice.way.module is not None:
            chosen = plugin(choice, voice=profile.voice, language=language, http=http)
        else:
            endpoint = endpoint_for(settings, "tts", choice.name, model=choice.model)
            voice = _voice(profile.voice, endpoint, fallbacks)
            if endpoint.protocol == "deepgram":  # its voices are its models
                voice = voice or choice.model
            chosen = _of_endpoint(endpoint, voice=voice, language=language, http=http)
            if (endpoint.protocol, endpoint.base_url) == (usual.protocol, usual.base_url):
                return chosen
        pair = tts.FallbackAdapter([chosen, standby], max_retry_per_tts=0)
    except UnfitError as error:
        fallbacks.add("tts", str(error))
        return standby

    def on_change(event: tts.AvailabilityChangedEvent) -> None:
        text = f"tts: {choice.name} does not answer; the host's usual voice speaks instead"
        if event.tts is not chosen:
            return
        if event.available:
            fallbacks.remove("tts", text)
        else:
            fallbacks.add("tts", text)

    pair.on("tts_availability_changed", on_change)
    return pair


def spoken_language(profile: Profile) -> str | None:
    """What the agent says is in this language; None = nobody said."""
    return profile.translate.to if profile.translate is not None else profile.language


def _voice(wanted: str | None, endpoint: Endpoint, fallbacks: Fallbacks) -> str | None:
    """The wanted voice, unless it is known that it is not there. A server of one's own may have any."""
    is_known = endpoint.is_local or (endpoint.protocol == "openai" and "api.openai.com" in endpoint.base_url)
    trouble = voice_trouble("local" if endpoint.is_local else endpoint.protocol, wanted) if is_known else None
    if trouble is None:
        return wanted
    fallbacks.add("tts", trouble.message)
    return None


def _of_endpoint(
    endpoint: Endpoint, *, voice: str | None, language: str | None, http: aiohttp.ClientSession
) -> openai.TTS | deepgram.TTS:
    key = endpoint.api_key.get_secret_value()
    if endpoint.is_local and voice is None and language is not None:
        voice = local_voice(language, usual=endpoint.voice)
    voice = voice or endpoint.voice
    if endpoint.protocol == "openai":
        return openai.TTS(
            model=endpoint.model or "gpt-4o-mini-tts",
            voice=voice or "ash",
            api_key=key,
            base_url=endpoint.base_url,
        )
    # Deepgram's voices are its models.
    return deepgram.TTS(
        model=voice or endpoint.model or "aura-2-andromeda-en",
        api_key=key,
        base_url=f"{endpoint.base_url}/v1/speak",
        http_session=http,
    )


def local_voice(language: str, *, usual: str | None) -> str | None:
    """Which voice of this machine speaks `language`; `usual` when it does or when none does."""
    spoken = language.partition("-")[0].lower()
    if usual is not None and usual.partition("-")[0].lower() == spoken:
        return usual
    same = [voice for voice in NANO_VOICES if voice.partition("-")[0] == spoken]
    return next((voice for voice in same if voice == language), same[0] if same else usual)
