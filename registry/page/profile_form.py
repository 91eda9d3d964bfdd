"""The form for an agent's profile: what is typed becomes a profile, or errors beside their fields. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from registry.page.reasons import line, paragraphs
from wire import DEFAULT_PROFILE, Profile

_LINES = ("name", "description", "model", "voice")
_TEXTS = ("prompt", "greeting")
_MAY_BE_NONE = ("model", "voice", "temperature")

FIELDS = ("name", "description", "model", "voice", "temperature", "prompt", "greeting")

_WORDS: Mapping[str, str] = {
    "name": "A name, of 1 to 200 characters.",
    "description": "At most 2,000 characters.",
    "model": "At most 200 characters.",
    "voice": "At most 200 characters.",
    "temperature": "A number from 0 to 2, or nothing: then it is the model's own.",
    "prompt": "What the agent is and knows, in 1 to 32,000 characters.",
    "greeting": "At most 2,000 characters.",
}
"""What each field takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What stands in the form."""

    values: Mapping[str, str]
    """By the name of the field; every field is there."""

    errors: Mapping[str, str] = field(default_factory=dict)
    """By the name of the field; under the empty name what is wrong with the whole."""


def typed(profile: Profile) -> Typed:
    """The form for a profile as it is."""
    return Typed(values={name: _text(getattr(profile, name)) for name in FIELDS})


def parse_profile_form(form: Mapping[str, str], stored: Profile | None) -> Profile | Typed:
    """The profile that a form asks for, or the form again with its errors.

    What the form has no field for stays as it is stored. Of the default profile it stays only with its prompt:
    examples that teach another agent's facts would do harm.

    Args:
        stored: The profile of this agent; None = it has the default one.
    """
    values: dict[str, str | None] = {name: line(form.get(name, "")) for name in (*_LINES, "temperature")}
    values |= {name: paragraphs(form.get(name, "")) for name in _TEXTS}
    for name in _MAY_BE_NONE:
        values[name] = values[name] or None
    if values["temperature"]:
        values["temperature"] = values["temperature"].replace(",", ".")
    try:
        return Profile.model_validate({**_rest(stored, values["prompt"]), **values})
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["loc"]}
    errors = {name: _WORDS[name] for name in FIELDS if name in wrong}
    return Typed(
        values={name: form.get(name, "") for name in FIELDS},
        errors=errors or {"": "This is no profile; load the page anew, it may be of another version."},
    )


def _rest(stored: Profile | None, prompt: str | None) -> dict[str, object]:
    if stored is None and prompt != DEFAULT_PROFILE.prompt:
        return {}
    return (stored or DEFAULT_PROFILE).model_dump(exclude=set(FIELDS))


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
