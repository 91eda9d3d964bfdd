"""What profiles may choose from `PROVIDERS`, and what is wrong with a choice. Only looks whether a plugin is there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from config.installed import is_installed
from config.provider_list import FACES, PARTS, PROVIDERS, Part, Provider, Way

__all__ = [
    "PARTS", "PROVIDERS", "Offer", "Part", "Provider", "Trouble", "Way", "has_voice", "language_trouble",
    "offers", "provider_trouble", "split_choice", "troubles", "voice_trouble", "way_of",
]  # fmt: skip

_VERBS: dict[Part, str] = {"stt": "hear", "llm": "think", "tts": "speak"}
_SHOWN = 60  # characters of a wrong value that its error repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with a choice, for the person who made it."""

    part: str
    """Field of the profile."""

    message: str
    """One line: the field, its value, the way out."""

    is_fatal: bool = True
    """A profile with it is not stored; otherwise it is said, and stored all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One provider for one part, for forms."""

    name: str
    title: str
    is_installed: bool
    """On this host."""

    package: str | None
    """What has to be installed for it; None = nothing."""

    model: str | None
    """Taken when none is named; None = the provider chooses."""

    voice: str | None
    voices: tuple[str, ...]
    """All that it has; empty = it knows best."""


def split_choice(choice: str) -> tuple[str, str | None]:
    """``OpenAI/gpt-4.1`` as ("openai", "gpt-4.1"); None = no model is named."""
    name, _, model = choice.partition("/")
    return name.strip().lower(), model.strip() or None


def way_of(part: Part, name: str) -> Way | None:
    """How the provider `name` does `part`; None = there is none of this name, or it does not."""
    provider = PROVIDERS.get(name)
    return None if provider is None else provider.ways.get(part)


def offers(part: Part) -> tuple[Offer, ...]:
    """All providers of `part`, those that need nothing further first."""
    return tuple(
        Offer(
            name=name,
            title=provider.title,
            is_installed=_is_there(way),
            package=provider.package,
            model=way.model,
            voice=way.voice,
            voices=provider.voices if part == "tts" else (),
        )
        for name, provider in PROVIDERS.items()
        if (way := provider.ways.get(part)) is not None
    )


def provider_trouble(part: Part, choice: str) -> Trouble | None:
    """What is wrong with ``provider`` or ``provider/model`` for `part`, seen from this host; None = nothing."""
    name, model = split_choice(choice)
    able = [offer for offer in offers(part) if offer.name != name]
    usable = _listed([offer.name for offer in able if offer.is_installed])
    if name not in PROVIDERS:
        names = _listed([offer.name for offer in able])
        return Trouble(part=part, message=f"{part}: {name[:_SHOWN]!r} is no provider; there are {names}")
    way = way_of(part, name)
    if way is None:
        return Trouble(part=part, message=f"{part}: {name!r} does not {_VERBS[part]}; {usable} do")
    if not _is_there(way):
        package = PROVIDERS[name].package or "the plugin"
        message = (
            f"{part}: {name!r} is not installed on this host; install {package} here and where the workers run, "
            f"or choose {usable}"
        )
        return Trouble(part=part, message=message)
    if part == "tts" and model and PROVIDERS[name].voice_is_model:
        return voice_trouble(name, model, part="tts")
    return None


def voice_trouble(tts: str | None, voice: str | None, *, part: str = "voice") -> Trouble | None:
    """What is wrong with `voice` where it is known which ones the provider has; None = nothing, or nobody knows here.

    Args:
        tts: The profile's; None = the worker's host decides.
        voice: None or empty = the provider's default.
        part: Field that the message names.
    """
    provider = None if tts is None else PROVIDERS.get(split_choice(tts)[0])
    if provider is None or not voice or not provider.voices or has_voice(provider, voice):
        return None
    name = split_choice(tts or "")[0]
    message = f"{part}: {name} has no voice {voice[:_SHOWN]!r}; it has {_listed(list(provider.voices))}"
    return Trouble(part=part, message=message)


def has_voice(provider: Provider, voice: str) -> bool:
    """Whether it may have this voice: not, only when all of its voices are known."""
    known = {name.lower() for name in provider.voices}
    # OpenAI's own ids of voices that a customer has made.
    return not known or voice.lower().replace("_", "-") in known or bool(re.match(r"voice_\w{8}", voice))


def language_trouble(stt: str | None, language: str | None) -> Trouble | None:
    """What is wrong with hearing `language`, where that is known. Never fatal: prompt and voice may speak it."""
    if language is None or stt is None or split_choice(stt)[0] != "local":
        return None
    if language.partition("-")[0].lower() == "en":
        return None
    message = f"language: local hears English only, not {language[:_SHOWN]!r}; choose another stt for it"
    return Trouble(part="language", message=message, is_fatal=False)


def troubles(
    *,
    stt: str | None = None,
    llm: str | None = None,
    tts: str | None = None,
    voice: str | None = None,
    language: str | None = None,
    avatar: str | None = None,
) -> tuple[Trouble, ...]:
    """All that is wrong with what a profile chooses; its fields have these names.

    Args:
        avatar: The provider of its face.
    """
    chosen: tuple[tuple[Part, str | None], ...] = (("stt", stt), ("llm", llm), ("tts", tts))
    found = [provider_trouble(part, choice) for part, choice in chosen if choice]
    found += [voice_trouble(tts, voice), language_trouble(stt, language), _face_trouble(avatar)]
    return tuple(one for one in found if one is not None)


def _is_there(way: Way) -> bool:
    """Whether this host can go it: what is built by hand is always there."""
    return way.module is None or is_installed(way.module)


def _face_trouble(avatar: str | None) -> Trouble | None:
    if avatar is None or avatar in FACES:
        return None
    message = f"avatar: {avatar[:_SHOWN]!r} makes no faces; {_listed(list(FACES))} do"
    return Trouble(part="avatar", message=message)


def _listed(names: list[str]) -> str:
    """``a, b and c``"""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
