"""A provider with a plugin for tests, and the parts of a pipeline that profiles choose."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import aiohttp
from livekit.agents import inference, stt, tts

from config import Settings, resolve_providers
from config.provider_list import Provider, Way
from session.fallbacks import Fallbacks
from session.hearing import build_stt
from session.speaking import build_tts
from wire import Profile

KEY = "ACME_API_KEY"

ACME = Provider(
    title="Acme",
    package="acme",
    ways={
        "stt": Way(
            module="tests.session.acme_plugin",
            kind="STT",
            keys=((KEY,),),
            model="ears-1",
            language_form="locale",
            takes_http=True,
        ),
        "tts": Way(
            module="tests.session.acme_plugin",
            kind="TTS",
            keys=((KEY,),),
            model="mouth-1",
            model_as="model_name",
            voice_as="voice_id",
            language_form="language",
        ),
    },
)


class Built:
    """What hears or speaks in a call with this profile, on a host with these settings; made when it is looked at."""

    def __init__(self, http: aiohttp.ClientSession, given: dict[str, Any], **profile: Any) -> None:
        self.fallbacks = Fallbacks()
        self._profile = Profile(prompt="x", **profile)
        self._settings = Settings.model_validate(given)
        self._http = http

    @cached_property
    def stt(self) -> stt.STT[Any]:
        return build_stt(
            resolve_providers(self._settings).stt,
            self._profile,
            settings=self._settings,
            fallbacks=self.fallbacks,
            detector=inference.VAD(model="silero"),
            http=self._http,
        )

    @cached_property
    def tts(self) -> tts.TTS[Any]:
        return build_tts(
            resolve_providers(self._settings).tts,
            self._profile,
            settings=self._settings,
            fallbacks=self.fallbacks,
            http=self._http,
        )
