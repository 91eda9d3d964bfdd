"""What the form of a profile offers to choose from: providers and whether they are installed, voices, languages."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from config.provider_table import PARTS, Offer, Part, offers

LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic",
    "bn": "Bengali",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "en-GB": "English (United Kingdom)",
    "en-US": "English (United States)",
    "es": "Spanish",
    "es-MX": "Spanish (Mexico)",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "fr-CA": "French (Canada)",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "ms": "Malay",
    "nb": "Norwegian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "pt-BR": "Portuguese (Brazil)",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
"""Suggestions, by their tag; every BCP 47 tag of a language is taken."""

INTERRUPTIONS: Mapping[str, str] = {
    "speech": "A human's voice",
    "words": "Words of theirs",
    "off": "Nothing",
}

ENDS: Mapping[str, str] = {
    "model": "A model that listens for the end of a sentence",
    "silence": "Silence alone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    providers: Mapping[Part, tuple[Offer, ...]]
    voices: tuple[tuple[str, str], ...]
    """Those that are known, each with the titles of who has it."""

    languages: Mapping[str, str]
    interruptions: Mapping[str, str]
    ends: Mapping[str, str]


@functools.cache
def choices() -> Choices:
    """The same until the registry starts again: packages are not looked for at each form."""
    owners: dict[str, list[str]] = {}
    for offer in offers("tts"):
        for voice in offer.voices:
            owners.setdefault(voice, []).append(offer.title)
    return Choices(
        providers={part: offers(part) for part in PARTS},
        voices=tuple((voice, ", ".join(titles)) for voice, titles in owners.items()),
        languages=LANGUAGES,
        interruptions=INTERRUPTIONS,
        ends=ENDS,
    )
