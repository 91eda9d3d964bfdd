"""What the tables say of plugins is what the plugins take: those that are installed here are looked at."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from config.provider_list import PROVIDERS, Way
from session.avatar_list import AVATARS, Plugin

INSTALLED = {"cartesia", "elevenlabs"}
"""Of the tables, with the development packages: something is always looked at."""

WAYS = {
    f"{name} {part}": (part, way)
    for name, provider in PROVIDERS.items()
    for part, way in provider.ways.items()
    if way.module is not None
}


def taken_by(maker: Callable[..., Any]) -> set[str]:
    """Names of what it takes."""
    return set(inspect.signature(maker).parameters)


@pytest.mark.parametrize(("part", "way"), WAYS.values(), ids=WAYS.keys())
def test_a_providers_class_takes_what_its_row_says(part: str, way: Way) -> None:
    assert way.module is not None
    module: object = pytest.importorskip(way.module)
    maker: Callable[..., Any] = functools.reduce(getattr, way.kind.split("."), module)  # type: ignore[assignment]
    wanted = {way.model_as} if way.model_as else set()
    if part == "tts":
        wanted.add(way.voice_as)
    if part != "llm" and way.language_as:
        wanted.add(way.language_as)
    if part == "llm":
        wanted |= {way.limit_as, "temperature"}
    if way.takes_http:
        wanted.add("http_session")
    assert wanted - taken_by(maker) == set()


@pytest.mark.parametrize("row", AVATARS.values(), ids=AVATARS.keys())
def test_an_avatars_class_takes_what_its_row_says(row: Plugin) -> None:
    kind = pytest.importorskip(row.module).AvatarSession
    wanted = {row.key_as, row.model_as, "avatar_participant_identity", "avatar_participant_name"}
    assert wanted - taken_by(kind) == set()
    login = {"room", "livekit_url", "livekit_api_key", "livekit_api_secret"}
    assert login - taken_by(kind.start) == set()
    assert taken_by(kind.wait_for_join) >= {"timeout"}


def test_something_is_looked_at() -> None:
    assert {name.split()[0] for name in WAYS} >= INSTALLED
    for name in INSTALLED:
        importlib.import_module(f"livekit.plugins.{name}")
