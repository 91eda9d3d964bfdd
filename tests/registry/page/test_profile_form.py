"""What is typed into the form of a profile."""

from __future__ import annotations

import pytest

from registry.page.profile_form import FIELDS, ON, Typed, blank, parse_profile_form, typed
from wire import DEFAULT_PROFILE, Avatar, Profile, Translate, Turns

GOOD = {"name": "Max", "prompt": "You are Max."}

FULL = Profile(
    name="Max",
    description="Concierge\nat night",
    group="Hotel",
    prompt="You are Max.\nBe brief.",
    greeting="Hi",
    model="gpt-4.1",
    voice="nova",
    temperature=0.25,
    max_answer_tokens=90,
    examples=(("a", "b"), ("c\nd", "e\nf")),
    stt="deepgram/nova-3",
    llm="openai",
    tts="openai/tts-1",
    language="pt-BR",
    turns=Turns(
        interruptions="words", min_speech=0.7, min_words=2, end="silence", min_delay=0.3, max_delay=2
    ),
    transcript=False,
    vision=True,
    translate=Translate(to="es", speak=False),
    avatar=Avatar(provider="bithuman", model="m"),
)


def parsed(stored: Profile | None = None, **form: str) -> Profile:
    profile = parse_profile_form(GOOD | form, stored)
    assert isinstance(profile, Profile), profile
    return profile


def errors(**form: str) -> dict[str, str]:
    again = parse_profile_form(GOOD | form, None)
    assert isinstance(again, Typed)
    assert again.values["name"] == form.get("name", "Max"), "what was typed stays"
    return dict(again.errors)


def test_every_field_of_the_full_profile_differs_from_its_default() -> None:
    """Or the round trip would not see a field that is forgotten."""
    for name, field in Profile.model_fields.items():
        assert getattr(FULL, name) != field.default, name


@pytest.mark.parametrize(
    "profile", [DEFAULT_PROFILE, FULL, Profile(prompt="x")], ids=["default", "full", "bare"]
)
@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "new"])
def test_a_profile_that_is_not_changed_stays_as_it_is(profile: Profile, is_stored: bool) -> None:
    form = typed(profile).values
    assert set(form) == set(FIELDS)
    assert parse_profile_form(form, profile if is_stored else None) == profile


@pytest.mark.parametrize(
    ("llm", "model"),
    [
        ("openai/gpt-4.1", None), ("openai/gpt-4.1", "gpt-4.1"), ("openai", "gpt-4.1"), (None, "gpt-4.1"),
        ("openai", None), ("local/a/b", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("changes", [{}, {"prompt": "new"}], ids=["the same", "another prompt"])
def test_a_model_is_kept_wherever_it_is_named(
    llm: str | None, model: str | None, changes: dict[str, str]
) -> None:
    stored = Profile(prompt="x", llm=llm, model=model)
    for form in ({**typed(stored).values, **changes}, changes):  # a whole form, and one of a few fields
        profile = parse_profile_form(form, stored)
        assert isinstance(profile, Profile)
        assert _thinks(profile) == _thinks(stored)


def _thinks(profile: Profile) -> tuple[str, str | None]:
    """Provider and model, as a call reads them."""
    provider, _, named = (profile.llm or "").partition("/")
    return provider, named or profile.model


def test_two_models_are_refused_and_none_is_dropped() -> None:
    form = {"llm": "openai/gpt-4.1", "model": "gpt-5"}
    again = parse_profile_form(GOOD | form, None)
    assert isinstance(again, Typed)
    assert "gpt-4.1" in again.errors[""]
    assert "gpt-5" in again.errors[""]
    assert {name: again.values[name] for name in form} == form, "what was typed stays"


def test_a_blank_form_is_a_profile_once_it_has_a_name_and_a_prompt() -> None:
    assert parse_profile_form({**blank().values, **GOOD}, None) == Profile(name="Max", prompt="You are Max.")


def test_what_is_not_in_the_form_stays_as_it_is_stored() -> None:
    changed = parse_profile_form({"prompt": "new"}, FULL)
    assert changed == FULL.model_copy(update={"prompt": "new"})


def test_empty_fields_are_none_where_none_means_something() -> None:
    profile = parsed(
        model=" ", voice="", temperature="", greeting="", group=" ", language="", stt="", avatar=""
    )
    assert profile == Profile(name="Max", prompt="You are Max.")


def test_boxes_that_are_not_ticked_are_off() -> None:
    profile = parsed(FULL, transcript=ON, vision="", translate_speak="")
    assert (profile.transcript, profile.vision) == (True, False)
    assert parsed(translate_to="fr", translate_speak=ON).translate == Translate(to="fr")


def test_forms_send_other_ends_of_lines() -> None:
    assert parsed(prompt="one\r\ntwo\rthree\x00\n\tfour ").prompt == "one\ntwo\nthree \n\tfour"
    assert parsed(name=" Max\r\nII ").name == "Max II"


def test_template_braces_and_html_are_text() -> None:
    hostile = "<b>{{ 7 * 7 }}</b> {% raw %} ${x} %s"
    assert parsed(prompt=hostile, greeting=hostile).prompt == hostile


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("0.3", 0.3), (" 1,5 ", 1.5), ("2", 2)])
def test_temperatures_are_numbers(text: str, number: float) -> None:
    assert parsed(temperature=text).temperature == number


@pytest.mark.parametrize("text", ["2.1", "-1", "hot", "nan", "inf", "1e9"])
def test_other_temperatures_are_wrong(text: str) -> None:
    assert list(errors(temperature=text)) == ["temperature"]


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"name": " "}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"prompt": "\r\n"}, ["prompt"]),
        ({"greeting": "x" * 2_001, "voice": "x" * 201}, ["greeting", "voice"]),
        ({"description": "x" * 2_001, "model": "x" * 201}, ["description", "model"]),
        ({"group": "x" * 81}, ["group"]),
        ({"max_answer_tokens": "1.5"}, ["max_answer_tokens"]),
        ({"interruptions": "never", "end": "x"}, ["interruptions", "end"]),
        ({"min_speech": "0", "min_words": "many"}, ["min_speech", "min_words"]),
        ({"min_delay": "3", "max_delay": "1"}, ["max_delay"]),
        ({"avatar": "Bit human"}, ["avatar"]),
        ({"avatar_model": "m"}, ["avatar"]),
        ({"avatar": "nosuch"}, ["avatar"]),
        ({"translate_to": "xx"}, ["translate_to"]),
        ({"stt_model": "nova-3"}, ["stt"]),
        ({"stt": "deepgram", "stt_model": "a b"}, ["stt"]),
        ({"examples": "> only an answer"}, ["examples"]),
        ({"examples": "a\n> b\n" * 21}, ["examples"]),
    ],
)
def test_errors_have_their_fields(form: dict[str, str], wrong: list[str]) -> None:
    assert list(errors(**form)) == wrong


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"prompt": "x" * 100_000}, "prompt", "It is 100,000 characters long; at most 32,000 are taken."),
        ({"language": "xx-nope"}, "language", "'xx-nope' is no language"),
        ({"tts": "openai", "voice": "zzz"}, "voice", "openai has no voice 'zzz'; it has alloy"),
        ({"tts": "nobody"}, "tts", "'nobody' is no provider; there are local"),
        ({"stt": "openai", "temperature": "hot", "tts": "nobody"}, "tts", "'nobody' is no provider"),
    ],
    ids=["long-prompt", "language", "voice", "provider", "beside-other-errors"],
)
def test_errors_name_the_value_and_the_way_out(form: dict[str, str], field: str, words: str) -> None:
    assert words in errors(**form)[field]


def test_the_defaults_examples_do_not_teach_another_agent() -> None:
    begun = dict(typed(DEFAULT_PROFILE).values)
    other = parse_profile_form(begun | {"prompt": "You are Max."}, None)
    assert isinstance(other, Profile)
    assert other.examples == ()
    same = parse_profile_form(begun | {"name": "Max"}, None)
    assert isinstance(same, Profile)
    assert same.examples == DEFAULT_PROFILE.examples


def test_a_stored_profile_keeps_its_examples_with_another_prompt() -> None:
    assert parsed(FULL).examples == FULL.examples
