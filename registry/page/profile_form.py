"""The form for an agent's profile: what is typed becomes a profile, or errors beside their fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from registry.page.profile_examples import ExamplesError, examples_text, parse_examples
from registry.page.reasons import line, paragraphs
from registry.profile_checks import choice_troubles, words_of
from wire import DEFAULT_PROFILE, Profile

ON = "on"
"""What a box that is ticked sends. One that is not sends nothing, so each has a hidden field before it."""

_LINES = ("name", "group", "model", "voice", "language")
_NUMBERS = ("temperature", "max_answer_tokens")
_TEXTS = ("description", "prompt", "greeting")
_TURN_WORDS = ("interruptions", "end")
_TURN_NUMBERS = ("min_speech", "min_words", "min_delay", "max_delay")
_NO_NONE = ("name", *_TEXTS)

FIELDS = (
    "name", "description", "group", "prompt", "greeting", "examples", "stt", "stt_model", "llm", "model", "temperature",
    "max_answer_tokens", "tts", "tts_model", "voice", "language", *_TURN_WORDS, *_TURN_NUMBERS, "transcript", "vision",
    "translate_to", "translate_speak", "avatar", "avatar_model",
)  # fmt: skip
"""All of the form, in its order."""

_WORDS: Mapping[str, str] = {
    "name": "A name, of 1 to 200 characters.",
    "description": "At most 2,000 characters.",
    "group": "At most 80 characters.",
    "model": "At most 200 characters.",
    "voice": "At most 200 characters.",
    "temperature": "A number from 0 to 2, or nothing: then it is the model's own.",
    "max_answer_tokens": "A whole number from 1 to 100,000, or nothing: then the model decides.",
    "prompt": "What the agent is and knows, in 1 to 32,000 characters.",
    "greeting": "At most 2,000 characters.",
    "examples": "At most 20 pairs.",
    "stt": "Choose one of the list; its model is one word without blanks.",
    "llm": "Choose one of the list.",
    "tts": "Choose one of the list; its model is one word without blanks.",
    "language": "A tag like en, de or pt-BR, or nothing.",
    "interruptions": "Choose one of the list.",
    "end": "Choose one of the list.",
    "min_speech": "A number of seconds from 0.1 to 5.",
    "min_words": "A whole number from 1 to 20.",
    "min_delay": "A number of seconds from 0 to 10 and not longer than the longest, or nothing.",
    "max_delay": "A number of seconds from 0 to 30, not shorter than the shortest.",
    "translate_to": "A tag like en, de or pt-BR, or nothing.",
    "avatar": "A name in small letters, like bithuman, or nothing.",
    "avatar_model": "At most 500 characters, and who makes the face.",
}
"""What each field takes, where the value itself does not say it better."""

_PLACES: Mapping[tuple[str, ...], str] = {
    ("translate", "to"): "translate_to",
    ("avatar", "provider"): "avatar",
    ("avatar", "model"): "avatar_model",
    ("turns",): "max_delay",
}
"""Fields of the form for what is called otherwise in a profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What stands in the form."""

    values: Mapping[str, str]
    """By the name of the field; every field is there."""

    errors: Mapping[str, str] = field(default_factory=dict)
    """By the name of the field; under the empty name what is wrong with the whole."""


def typed(profile: Profile) -> Typed:
    """The form for a profile as it is."""
    stt, _, stt_model = (profile.stt or "").partition("/")
    llm, _, llm_model = (profile.llm or "").partition("/")
    tts, _, tts_model = (profile.tts or "").partition("/")
    values = {name: _text(getattr(profile, name)) for name in (*_LINES, *_NUMBERS, *_TEXTS)}
    values |= {name: _text(getattr(profile.turns, name)) for name in (*_TURN_WORDS, *_TURN_NUMBERS)}
    values |= {
        "model": profile.model or llm_model,
        "stt": stt.lower(),
        "stt_model": stt_model,
        "llm": llm.lower(),
        "tts": tts.lower(),
        "tts_model": tts_model,
        "transcript": ON if profile.transcript else "",
        "vision": ON if profile.vision else "",
        "translate_to": "" if profile.translate is None else profile.translate.to,
        "translate_speak": ON if profile.translate is None or profile.translate.speak else "",
        "avatar": "" if profile.avatar is None else profile.avatar.provider,
        "avatar_model": "" if profile.avatar is None else profile.avatar.model or "",
        "examples": examples_text(profile.examples),
    }
    return Typed(values=values)


def blank() -> Typed:
    """The form for an agent of which nothing is known."""
    return Typed(values={**typed(Profile(prompt="-")).values, "name": "", "prompt": ""})


def parse_profile_form(form: Mapping[str, str], stored: Profile | None) -> Profile | Typed:
    """The profile that a form asks for, or the form again with its errors.

    Fields that are not in the form stay as they are stored.

    Args:
        stored: The profile of this agent; None = it has none of its own.
    """
    values = {**(blank() if stored is None else typed(stored)).values, **_known(form)}
    errors: dict[str, str] = {}
    wanted = _wanted(values, stored, errors)
    profile = None
    try:
        profile = Profile.model_validate(wanted)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = _place(tuple(str(part) for part in detail["loc"]))
            words = (
                "" if name == "max_delay" else _sentence(words_of(detail))
            )  # those name fields of a profile
            errors.setdefault(name, words or _WORDS.get(name, detail["msg"]))
    chosen = {part: wanted[part] for part in ("stt", "llm", "tts", "voice", "language") if part not in errors}
    if "avatar" in wanted and "avatar" not in errors:
        chosen["avatar"] = wanted["avatar"]["provider"]
    for part, words in choice_troubles(**chosen).items():
        errors.setdefault(part, f"{words.partition(': ')[2]}.")
    if profile is not None and not errors:
        return profile
    in_order = {name: errors[name] for name in ("", *FIELDS) if name in errors}
    return Typed(values=values, errors=in_order)


def _known(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form[name] for name in FIELDS if name in form}


def _wanted(values: Mapping[str, str], stored: Profile | None, errors: dict[str, str]) -> dict[str, Any]:
    """What pydantic is to make a profile of. What it cannot find wrong itself is added to `errors`."""
    wanted: dict[str, Any] = {name: line(values[name]) for name in _LINES}
    wanted |= {name: paragraphs(values[name]) for name in _TEXTS}
    wanted |= {name: _number(values[name]) for name in _NUMBERS}
    wanted = {name: value if name in _NO_NONE else value or None for name, value in wanted.items()}
    wanted |= {part: _choice(part, values, errors) for part in ("stt", "llm", "tts")}
    numbers = {name: number for name in _TURN_NUMBERS if (number := _number(values[name]))}
    wanted["turns"] = {name: values[name] for name in _TURN_WORDS if values[name]} | numbers
    wanted["examples"] = _examples(values, stored, errors)
    wanted |= {name: values[name] == ON for name in ("transcript", "vision")}
    if to := line(values["translate_to"]):
        wanted["translate"] = {"to": to, "speak": values["translate_speak"] == ON}
    if (provider := line(values["avatar"]).lower()) or line(values["avatar_model"]):
        wanted["avatar"] = {"provider": provider, "model": line(values["avatar_model"]) or None}
    return wanted


def _choice(part: str, values: Mapping[str, str], errors: dict[str, str]) -> str | None:
    name, model = line(values[part]), line(values.get(f"{part}_model", ""))
    if model and not name:
        errors[part] = "Choose whose model that is, or leave the model empty."
    return f"{name}/{model}" if name and model else name or None


def _examples(
    values: Mapping[str, str], stored: Profile | None, errors: dict[str, str]
) -> tuple[tuple[str, str], ...]:
    text = paragraphs(values["examples"])
    for profile in (stored, DEFAULT_PROFILE):
        if profile is None or text != paragraphs(examples_text(profile.examples)):
            continue
        # Examples of the default profile that teach its facts to another agent would do harm.
        is_anothers = stored is None and paragraphs(values["prompt"]) != DEFAULT_PROFILE.prompt
        return () if is_anothers else profile.examples
    try:
        return tuple(parse_examples(text))
    except ExamplesError as error:
        errors["examples"] = str(error)
        return ()


def _place(where: tuple[str, ...]) -> str:
    """The field of the form for a place in a profile; empty = the whole."""
    if where in _PLACES:
        return _PLACES[where]
    name = where[1] if len(where) > 1 and where[0] == "turns" else where[0] if where else ""
    return name if name in FIELDS else ""


def _number(text: str) -> str:
    return line(text).replace(",", ".")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "." if words else ""


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
