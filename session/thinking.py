"""Who thinks: the language models of a call, from the settings and the profile.

A model that has a LiveKit plugin is asked first and the models of `llm/` when it does not answer; one of `llm/` is put
before the others there. Either way a turn outlives any of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from config import Settings, endpoint_for
from config.provider_table import split_choice
from llm.endpoints import configured
from llm.models import Models
from session.choosing import Choice, choice_of, plugin
from session.fallbacks import Fallbacks, UnfitError
from session.first_model import FirstModel
from session.language_model import RoutedModel
from wire import Profile


def with_chosen(settings: Settings, profile: Profile) -> Settings:
    """The settings of the call's models: with those of this machine among them when the profile wants them."""
    if profile.llm is None or split_choice(profile.llm)[0] != "local":
        return settings
    url = endpoint_for(settings, "llm", "local").base_url
    if any(endpoint.base_url == url for endpoint in configured(settings)):
        return settings
    return settings.replace(llm_urls=(*settings.llm_urls, url))


def build_model(models: Models, profile: Profile, *, settings: Settings, fallbacks: Fallbacks) -> RoutedModel:
    """What thinks in the call. Never fails: what the profile chooses and cannot be had, the host's usual one does.

    Args:
        models: Made with the settings of `with_chosen`.
        profile: Of the agent.
        settings: Those same.
        fallbacks: Is told what cannot be had.
    """
    if profile.llm is None:
        return RoutedModel(models, profile)
    first = None
    try:
        choice = choice_of("llm", profile.llm, settings)
        wanted = choice.model or profile.model
        if choice.way.module is None:
            asking = profile.model_copy(update={"model": wanted})
            return RoutedModel(models, asking, prefer=_endpoint_id(settings, choice))
        first = FirstModel(
            plugin(replace(choice, model=wanted), **_options(choice, profile)),
            name=choice.name,
            first_word=settings.llm_first_token_timeout,
            between=settings.llm_token_timeout,
            total=settings.llm_total_timeout,
            fallbacks=fallbacks,
        )
    except UnfitError as error:
        fallbacks.add("llm", str(error))
    # The others hardly have the model that the profile names.
    return RoutedModel(models, profile.model_copy(update={"model": None}), first=first)


def _endpoint_id(settings: Settings, choice: Choice) -> str | None:
    url = endpoint_for(settings, "llm", choice.name).base_url.partition("#")[0].rstrip("/")
    return next((endpoint.id for endpoint in configured(settings) if endpoint.base_url == url), None)


def _options(choice: Choice, profile: Profile) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if profile.temperature is not None:
        options["temperature"] = min(profile.temperature, choice.way.most_temperature)
    if profile.max_answer_tokens is not None:
        options[choice.way.limit_as] = profile.max_answer_tokens
    return options
