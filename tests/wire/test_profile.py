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
    ],
)
def test_a_wrong_profile_says_which_field(text: str, says: str) -> None:
    with pytest.raises(ProfileError) as error:
        parse_profile(text)
    assert str(error.value).startswith(says)


def test_the_default_survives_being_stored() -> None:
    assert parse_profile(DEFAULT_PROFILE.model_dump_json()) == DEFAULT_PROFILE
