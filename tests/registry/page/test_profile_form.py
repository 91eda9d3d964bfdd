"""What is typed into the form of a profile."""

from __future__ import annotations

import pytest

from registry.page.profile_form import FIELDS, Typed, parse_profile_form, typed
from wire import DEFAULT_PROFILE, Profile

GOOD = {"name": "Max", "prompt": "You are Max."}


def parsed(stored: Profile | None = None, **form: str) -> Profile:
    profile = parse_profile_form(GOOD | form, stored)
    assert isinstance(profile, Profile)
    return profile


def errors(**form: str) -> list[str]:
    again = parse_profile_form(GOOD | form, None)
    assert isinstance(again, Typed)
    assert again.values["name"] == form.get("name", "Max"), "what was typed stays"
    return list(again.errors)


def test_a_profile_that_is_not_changed_stays_as_it_is() -> None:
    assert parse_profile_form(typed(DEFAULT_PROFILE).values, DEFAULT_PROFILE) == DEFAULT_PROFILE
    assert parse_profile_form(typed(DEFAULT_PROFILE).values, None) == DEFAULT_PROFILE
    assert set(typed(DEFAULT_PROFILE).values) == set(FIELDS)


def test_empty_fields_are_none_where_none_means_something() -> None:
    profile = parsed(model=" ", voice="", temperature="", greeting="")
    assert (profile.model, profile.voice, profile.temperature, profile.greeting) == (None, None, None, "")


def test_forms_send_other_ends_of_lines() -> None:
    assert parsed(prompt="one\r\ntwo\rthree\x00\n\tfour ").prompt == "one\ntwo\nthree \n\tfour"
    assert parsed(name=" Max\r\nII ").name == "Max II"


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("0.3", 0.3), (" 1,5 ", 1.5), ("2", 2)])
def test_temperatures_are_numbers(text: str, number: float) -> None:
    assert parsed(temperature=text).temperature == number


@pytest.mark.parametrize("text", ["2.1", "-1", "hot", "nan", "inf", "1e9"])
def test_other_temperatures_are_wrong(text: str) -> None:
    assert errors(temperature=text) == ["temperature"]


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"name": " "}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"prompt": "\r\n"}, ["prompt"]),
        ({"prompt": "x" * 32_001}, ["prompt"]),
        ({"greeting": "x" * 2_001, "voice": "x" * 201}, ["voice", "greeting"]),
        ({"description": "x" * 2_001, "model": "x" * 201}, ["description", "model"]),
    ],
    ids=["no-name", "long-name", "no-prompt", "long-prompt", "greeting-voice", "description-model"],
)
def test_errors_have_their_fields(form: dict[str, str], wrong: list[str]) -> None:
    assert errors(**form) == wrong


def test_what_has_no_field_stays_with_the_profile_it_belongs_to() -> None:
    stored = Profile(prompt="old", examples=(("a", "b"),), max_answer_tokens=9)
    changed = parsed(stored)
    assert (changed.prompt, changed.examples, changed.max_answer_tokens) == ("You are Max.", (("a", "b"),), 9)


def test_the_defaults_examples_do_not_teach_another_agent() -> None:
    fresh = parsed()
    assert (fresh.examples, fresh.max_answer_tokens) == ((), None)
    same = parsed(prompt=DEFAULT_PROFILE.prompt)
    assert same.examples == DEFAULT_PROFILE.examples
