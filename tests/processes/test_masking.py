"""What is secret in a process's environment, and in its command."""

from __future__ import annotations

import pytest

from processes.masking import Mask, masked_arguments, secrets_in


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        ("OPENAI_API_KEY", "sk-123456", {"sk-123456"}),
        ("livekit_api_secret", "s3cret", {"s3cret"}),
        ("REGISTRY_TOKEN", "t0ken", {"t0ken"}),
        ("PGPASSWORD", "passw", {"passw"}),
        ("DATABASE_URL", "postgresql://ann:pa55word@db/x", {"pa55word"}),
        ("DATABASE_URL", "postgresql://ann@db/x", set()),
        ("BAD_URL", "http://[", set()),
        ("PIN_KEY", "abc", set()),
        ("TOKENIZERS_PARALLELISM", "false", set()),
        ("HOME", "/home/ann", set()),
        ("TLS_KEY", "-----BEGIN-----\nabcdefgh\n", {"-----BEGIN-----\nabcdefgh", "-----BEGIN-----", "abcdefgh"}),
    ],
)  # fmt: skip
def test_names_say_what_is_secret(name: str, value: str, secrets: set[str]) -> None:
    assert secrets_in({name: value}) == secrets


def test_the_longest_secret_is_masked_first() -> None:
    assert Mask(["abcd", "abcdefgh"])("abcdefgh abcd") == "*** ***"


def test_secrets_are_masked_as_urls_have_them_too() -> None:
    assert Mask(["p@ss/w"])("https://ann:p%40ss%2Fw@x") == "https://ann:***@x"


def test_without_secrets_nothing_is_masked() -> None:
    assert Mask()("abc") == "abc"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["x", "--api-key", "abc", "y"], ["x", "--api-key", "***", "y"]),
        (["x", "--token=abc"], ["x", "--token=***"]),
        (["x", "--token", "--token", "abc"], ["x", "--token", "***", "abc"]),
        (["x", "--keyboard", "abc", "key"], ["x", "--keyboard", "abc", "key"]),
    ],
)
def test_options_named_like_secrets_hide_their_values(command: list[str], shown: list[str]) -> None:
    assert masked_arguments(command) == shown
