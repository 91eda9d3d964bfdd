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
    standby = _of_endpoint(usual, profile, fallbacks, http=http)
    if profile.stt is None:
        return standby
    try:
        choice = choice_of("stt", profile.stt, settings)
        if choice.way.module is not None:
            chosen = plugin(choice, language=profile.language, http=http)
        else:
            endpoint = endpoint_for(settings, "stt", choice.name, model=choice.model)
            if endpoint == usual:
                return standby
            chosen = _of_endpoint(endpoint, profile, fallbacks, http=http)
            if (endpoint.protocol, endpoint.base_url) == (usual.protocol, usual.base_url):
                return chosen
        pair = stt.FallbackAdapter([chosen, standby], vad=detector, attempt_timeout=5.0, max_retry_per_stt=0)
    except UnfitError as error:
        fallbacks.add("stt", str(error))
        return standby

    def on_change(event: stt.AvailabilityChangedEvent) -> None:
        if not event.available and event.stt is not standby:
            fallbacks.add("stt", f"stt: {choice.name} does not answer; the host's usual one hears instead")

    pair.on("stt_availability_changed", on_change)
    return pair


def _of_endpoint(
    endpoint: Endpoint, profile: Profile, fallbacks: Fallbacks, *, http: aiohttp.ClientSession
) -> stt.STT[Any]:
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
    options: dict[str, Any] = {}
    if profile.language is not None:
        language = _language(profile.language, endpoint, fallbacks)
        if language is not None:
            options["language"] = language
    return deepgram.STT(
        model=endpoint.model or "nova-3",
        api_key=key,
        base_url=f"{endpoint.base_url}/v1/listen",
        http_session=http,
        **options,
    )


def _language(tag: str, endpoint: Endpoint, fallbacks: Fallbacks) -> str | None:
    """What Deepgram, or what stands in for it here, is told to listen for; None = what it does by default."""
    if endpoint.is_local:
        trouble = language_trouble("local", tag)
        if trouble is not None:
            fallbacks.add("stt", trouble.message)
        return None
    known = langcodes.closest_supported_match(tag, _HEARD, max_distance=_NEAR)
    if known is None:
        fallbacks.add("stt", f"language: deepgram does not hear {tag!r}; choose another stt for it")
    return known
