"""What a profile chooses for one part of the pipeline, checked on this host, and made of a LiveKit plugin."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import Any

import aiohttp
import langcodes

from config import Settings, missing_keys
from config.provider_list import PROVIDERS, Part, Way
from config.provider_table import provider_trouble, split_choice, way_of
from session.fallbacks import UnfitError
from session.preloading import import_plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A provider that is there and has its keys."""

    part: Part
    name: str
    model: str | None
    """None = the provider's default."""
    way: Way


def choice_of(part: Part, chosen: str, settings: Settings) -> Choice:
    """What ``provider`` or ``provider/model`` means on this host.

    Raises:
        UnfitError: There is no such provider, it does not do this part, or it has no plugin or no key here.
    """
    trouble = provider_trouble(part, chosen)
    name, model = split_choice(chosen)
    way = way_of(part, name)
    if trouble is not None or way is None:
        raise UnfitError(f"{part}: {name!r} is unknown" if trouble is None else trouble.message)
    keys = missing_keys(settings, way)
    if keys is not None:
        raise UnfitError(f"{part}: {name!r} has no key on this host; set {keys}")
    return Choice(part=part, name=name, model=model, way=way)


def preload(settings: Settings) -> None:
    """Import the plugins that this host has and has keys for."""
    import_plugins(
        way.module
        for provider in PROVIDERS.values()
        for way in provider.ways.values()
        if way.module is not None and missing_keys(settings, way) is None
    )


def plugin(
    choice: Choice,
    *,
    voice: str | None = None,
    language: str | None = None,
    http: aiohttp.ClientSession | None = None,
    **options: Any,
) -> Any:
    """One of the plugin's class, with what it takes of this.

    Args:
        choice: Of a provider with a plugin.
        voice: None = the provider's default.
        language: BCP 47; None likewise.
        http: For those that can use it; stays its owner's.
        options: Further ones, by the class's own names.

    Raises:
        UnfitError: The plugin cannot be imported or does not take it.
    """
    way = choice.way
    given = dict(options)
    if way.model_as and (choice.model or way.model):
        given[way.model_as] = choice.model or way.model
    if choice.part == "tts" and (voice or way.voice):
        given[way.voice_as] = voice or way.voice
    if choice.part != "llm" and language and way.language_as:
        given[way.language_as] = as_spelled(language, way)
    if way.takes_http and http is not None:
        given["http_session"] = http
    try:
        maker: Any = functools.reduce(getattr, way.kind.split("."), importlib.import_module(way.module or ""))
        return maker(**given)
    except Exception as error:  # whatever a plugin of others raises; its words may hold a key
        why = type(error).__name__
        raise UnfitError(
            f"{choice.part}: {choice.name} cannot be used ({why}); see docs/providers.md"
        ) from error


def as_spelled(language: str, way: Way) -> str:
    """The tag as the provider wants it: ``es``, or ``es-ES``."""
    if way.language_form == "tag":
        return language
    whole = langcodes.Language.get(language)
    if way.language_form == "locale":
        whole = whole.maximize()
        return "-".join(part for part in (whole.language, whole.territory) if part)
    return str(whole.language or language)
