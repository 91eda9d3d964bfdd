"""Profiles as they are stored."""

import pytest

from wire import DEFAULT_PROFILE, ProfileError, parse_profile


def test_a_profile_needs_no_more_than_a_prompt() -> None:
    profile = parse_profile('{"prompt": "Be brief."}')
    assert (profile.prompt, profile.voice, profile.model, profile.greeting) == ("Be brief.", None, None, "")


def test_unknown_keys_are_ignored() -> None:
    assert parse_profile('{"prompt": "Be brief.", "hat": "red"}').prompt == "Be brief."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "profile: Invalid JSON"),
        ("[]", "profile: Input should be an object"),
        ("{}", "prompt: Field required"),
        ('{"prompt": ""}', "prompt: String should have at least 1 character"),
        ('{"prompt": "x", "temperature": 3}', "temperature: Input should be less than or equal to 2"),
        ('{"prompt": "x", "voice": 7}', "voice: Input should be a valid string"),
        (
            '{"prompt": "x", "language": "xx"}',
            "language: 'xx' is no language; write a BCP 47 tag",
        ),
        (
            '{"prompt": "x", "translate": {"to": "klingonish"}}',
            "translate.to: 'klingonish' is no",
        ),
        ('{"prompt": "x", "stt": "deep gram"}', "stt: String should match pattern"),
        ('{"prompt": "x", "llm": "openai/a", "model": "b"}', "profile: llm names the model 'a'"),
        (
            '{"prompt": "x", "turns": {"min_delay": 2, "max_delay": 1}}',
            "turns: min_delay 2 is longer",
        ),
        ('{"prompt": "x", "turns": {"interruptions": "never"}}', "turns.interruptions: Input should be"),
        ('{"prompt": "x", "avatar": {"provider": "../x"}}', "avatar.provider: String should match pattern"),
    ],
)
def test_a_wrong_profile_says_which_field(text: str, says: str) -> None:
    with pytest.raises(ProfileError) as error:
        parse_profile(text)
    assert str(error.value).startswith(says)


def test_the_default_survives_being_stored() -> None:
    assert parse_profile(DEFAULT_PROFILE.model_dump_json()) == DEFAULT_PROFILE


def test_a_language_is_kept_in_its_usual_spelling() -> None:
    assert parse_profile('{"prompt": "x", "language": "PT-br"}').language == "pt-BR"


def test_who_hears_thinks_and_speaks_may_be_named_with_a_model() -> None:
    profile = parse_profile(
        '{"prompt": "x", "stt": "deepgram/nova-3", "llm": "openai/meta/llama", "tts": "local"}'
    )
    assert (profile.stt, profile.llm, profile.tts) == ("deepgram/nova-3", "openai/meta/llama", "local")
