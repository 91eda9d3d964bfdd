"""Who hears: speech to text, from the settings and the profile."""

from __future__ import annotations

from typing import Any, get_args

import aiohttp
import langcodes
from livekit.agents import stt, vad
from livekit.plugins import deepgram, openai
from livekit.plugins.deepgram.models import DeepgramLanguages

from config import Endpoint, Settings, endpoint_for
from config.provider_table import language_trouble
from session.choosing import choice_of, plugin
from session.ears import Ears
from session.fallbacks import Fallbacks, UnfitError
from wire import Profile

_HEARD = [
    tag for tag in get_args(DeepgramLanguages) if tag not in {"multi", "taq"}
]  # these two are no languages
_NEAR = 9
"""Farthest match of two languages that is still the same one; 10 and more are neighbours that understand each other."""


def build_stt(
    usual: Endpoint,
    profile: Profile,
    *,
    settings: Settings,
    fallbacks: Fallbacks,
    detector: vad.VAD,
    http: aiohttp.ClientSession,
) -> stt.STT[Any]:
    """What hears in the call. Never fails: what the profile chooses and cannot be had, the host's usual one does.

    Args:
        usual: Who hears when the profile says nothing.
        profile: Of the agent.
        settings: Of this host.
        fallbacks: Is told what cannot be had.
        detector: Finds speech, for those that take whole sentences only.
        http: Stays its owner's.
    """
    standby = _of_endpoint(usual, profile, http=http)
    unheard = _unheard(usual, profile)  # matters only while the standby hears
    if profile.stt is None:
        _tell(fallbacks, unheard)
        return standby
    try:
        choice = choice_of("stt", profile.stt, settings)
        if choice.way.module is not None:
            chosen = plugin(choice, language=profile.language, http=http)
        else:
            endpoint = endpoint_for(settings, "stt", choice.name, model=choice.model)
            _tell(fallbacks, _unheard(endpoint, profile))
            if endpoint == usual:
                return standby
            chosen = _of_endpoint(endpoint, profile, http=http)
            if (endpoint.protocol, endpoint.base_url) == (usual.protocol, usual.base_url):
                return chosen
        pair = Ears(chosen, standby, detector=detector)
    except UnfitError as error:
        _tell(fallbacks, str(error), unheard)
        return standby
    changes = [f"stt: {choice.name} does not answer; the host's usual one hears instead"]
    if unheard is not None and unheard not in fallbacks.texts:
        changes.append(unheard)

    def on_change(is_back: bool) -> None:
        for text in changes:
            if is_back:
                fallbacks.remove("stt", text)
            else:
                fallbacks.add("stt", text)

    pair.on_change = on_change
    return pair


def _tell(fallbacks: Fallbacks, *texts: str | None) -> None:
    for text in texts:
        if text is not None:
            fallbacks.add("stt", text)


def _of_endpoint(endpoint: Endpoint, profile: Profile, *, http: aiohttp.ClientSession) -> stt.STT[Any]:
    key = endpoint.api_key.get_secret_value()
    if endpoint.protocol == "openai":
        spoken: dict[str, Any] = {"detect_language": True}
        if profile.language is not None:
            spoken = {"language": profile.language.partition("-")[0]}
        return openai.STT(
            model=endpoint.model or "gpt-4o-mini-transcribe",
            api_key=key,
            base_url=endpoint.base_url,
            **spoken,
        )
    language = _language(profile.language, endpoint)
    options: dict[str, Any] = {} if language is None else {"language": language}
    return deepgram.STT(
        model=endpoint.model or "nova-3",
        api_key=key,
        base_url=f"{endpoint.base_url}/v1/listen",
        http_session=http,
        **options,
    )


def _language(tag: str | None, endpoint: Endpoint) -> str | None:
    """What Deepgram, or what stands in for it here, is told to listen for; None = what it does by default."""
    if tag is None or endpoint.is_local:
        return None
    return langcodes.closest_supported_match(tag, _HEARD, max_distance=_NEAR)


def _unheard(endpoint: Endpoint, profile: Profile) -> str | None:
    """Why the profile's language is not heard there, in one line; None = it is, as far as is known."""
    tag = profile.language
    if tag is None or endpoint.protocol != "deepgram":
        return None
    if endpoint.is_local:
        trouble = language_trouble("local", tag)
        return None if trouble is None else trouble.message
    if _language(tag, endpoint) is None:
        return f"language: deepgram does not hear {tag!r}; choose another stt for it"
    return None
