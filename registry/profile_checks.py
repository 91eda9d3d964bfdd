"""Whether what somebody sends is a profile that can be kept: its fields, its texts, and who hears, thinks and speaks.

Looks whether providers' plugins are on this host, and is pure otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from config.provider_table import troubles
from registry.errors import BadRequestError
from wire import Avatar, Profile, Translate, Turns
from wire.texts import is_line, is_text

_PARTS: Mapping[str, type[BaseModel]] = {"turns": Turns, "translate": Translate, "avatar": Avatar}
_LINES = ("name", "group", "model", "voice", "stt", "llm", "tts")
_TEXTS = ("description", "prompt", "greeting")


def parse_fields(fields: Mapping[str, Any]) -> Profile:
    """A profile with nothing in it that is not understood, and whose providers are there.

    Args:
        fields: As JSON has them.

    Raises:
        BadRequestError: One line that begins with the field.
    """
    _check_keys(fields, Profile, where="")
    for name, part in _PARTS.items():
        if isinstance(fields.get(name), Mapping):
            _check_keys(fields[name], part, where=f"{name}.")
    try:
        profile = Profile.model_validate_json(msgspec.json.encode(fields))
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in detail["loc"]) or "profile"
        raise BadRequestError(f"{where}: {words_of(detail) or detail['msg']}") from error
    for where, text, is_one_line in _texts(profile):
        if not (is_line(text) if is_one_line else is_text(text)):
            raise BadRequestError(f"{where}: it holds a control character; leave it out")
    for message in choice_troubles(**_choices(profile)).values():
        raise BadRequestError(message)
    return profile


def choice_troubles(
    *,
    stt: str | None = None,
    llm: str | None = None,
    tts: str | None = None,
    voice: str | None = None,
    language: str | None = None,
    avatar: str | None = None,
) -> dict[str, str]:
    """Why choices of a profile cannot be kept, by its fields: a provider that is not there, a voice that one lacks."""
    found = troubles(stt=stt, llm=llm, tts=tts, voice=voice, language=language, avatar=avatar)
    return {trouble.part: trouble.message for trouble in found if trouble.is_fatal}


def choice_warnings(profile: Profile) -> list[str]:
    """What may be wrong with a profile's choices, and is kept all the same."""
    return [trouble.message for trouble in troubles(**_choices(profile)) if not trouble.is_fatal]


def words_of(detail: Mapping[str, Any]) -> str:
    """What is wrong with one value, for a person; empty = nobody can say it better than pydantic.

    Args:
        detail: One of a `ValidationError`'s.
    """
    if detail["type"] == "string_too_long" and isinstance(detail["input"], str):
        most = detail["ctx"]["max_length"]
        return f"it is {len(detail['input']):,} characters long; at most {most:,} are taken"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return ""


def _choices(profile: Profile) -> dict[str, str | None]:
    chosen = {name: getattr(profile, name) for name in ("stt", "llm", "tts", "voice", "language")}
    return {**chosen, "avatar": None if profile.avatar is None else profile.avatar.provider}


def _check_keys(fields: Mapping[str, Any], kind: type[BaseModel], *, where: str) -> None:
    strange = sorted(str(name) for name in fields if name not in kind.model_fields)
    if strange:
        known = ", ".join(kind.model_fields)
        whole = "a profile" if not where else f"a profile's {where[:-1]}"
        raise BadRequestError(f"{where}{strange[0][:40]}: there is no such key; {whole} has {known}")


def _texts(profile: Profile) -> Iterator[tuple[str, str, bool]]:
    """Each text of a profile with its place, and whether it is to be one line."""
    for where in _LINES:
        yield where, getattr(profile, where) or "", True
    for where in _TEXTS:
        yield where, getattr(profile, where), False
    if profile.avatar is not None:
        yield "avatar.model", profile.avatar.model or "", True
    for number, pair in enumerate(profile.examples):
        for text in pair:
            yield f"examples.{number}", text, False
