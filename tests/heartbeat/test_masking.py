"""What must not be read in a line that leaves the process."""

from __future__ import annotations

import time

import pytest
from pydantic import SecretStr

from config import Settings
from heartbeat.masking import Mask, secrets_in

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
HEX = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        pytest.param("Authorization: Bearer abcdef123456", "abcdef123456", id="bearer"),
        pytest.param("{'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz", id="basic in a dict"),
        pytest.param("sent with bearer s3cr3t-s3cr3t", "s3cr3t-s3cr3t", id="bearer in a sentence"),
        pytest.param("Cookie: session=abc123", "abc123", id="cookie"),
        pytest.param("OPENAI_API_KEY=abc123xyz", "abc123xyz", id="key="),
        pytest.param("api-key: abc123xyz", "abc123xyz", id="key:"),
        pytest.param('{"apiKey": "abc123xyz", "n": 1}', "abc123xyz", id="key in JSON"),
        pytest.param('{\\"apiKey\\": \\"abc123xyz\\"}', "abc123xyz", id="key in JSON in JSON"),
        pytest.param("secret='two words'", "two words", id="quoted secret"),
        pytest.param("client_secret=abc&x=1", "abc&", id="secret in a query"),
        pytest.param("password: hunter2", "hunter2", id="password"),
        pytest.param("PASSWD = hunter2", "hunter2", id="passwd with blanks"),
        pytest.param("token=abc.def", "abc.def", id="token"),
        pytest.param("access_token=12345", "12345", id="access token"),
        pytest.param("api_key=SecretStr('abc123')", "abc123", id="repr of a secret"),
        pytest.param(f"got {JWT} from it", JWT[:20], id="web token"),
        pytest.param(f"got {JWT} from it", JWT[-20:], id="signature of a web token"),
        pytest.param("using sk-abcdef123456", "abcdef123456", id="sk-"),
        pytest.param("using sk-proj-abc_DEF-123", "abc_DEF-123", id="sk-proj-"),
        pytest.param("ghp_abcdefghijklmnopqrst", "abcdefghijklmnopqrst", id="GitHub"),
        pytest.param("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", id="AWS"),
        pytest.param(f"digest {HEX}.", HEX, id="long hex"),
        pytest.param(f"digest-{HEX}_of_it", HEX, id="long hex among words"),
        pytest.param(f"x={HEX.upper()}", HEX.upper(), id="long hex in capitals"),
        pytest.param("got dGhpcyBpcyBBIHNlY3JldCBvZiAzMiBieXRlcyE9PQo=", "dGhpcyBp", id="base64"),
        pytest.param("postgresql://bob:pass@db/x failed", "pass@", id="password of a URL"),
        pytest.param("redis://:p@ss@db:1", "p@ss", id="password with an @"),
        pytest.param("https://abcdefghij@github.com/x", "abcdefghij", id="token of a URL"),
        pytest.param(
            "-----BEGIN RSA PRIVATE KEY----- abc def -----END RSA PRIVATE KEY-----", "abc", id="key"
        ),
        pytest.param("the value is my-own-value here", "my-own-value", id="a known secret"),
        pytest.param("?v=my%2Fquoted%2Fvalue", "quoted", id="a known secret in a URL"),
    ],
)
def test_secrets_are_masked(line: str, secret: str) -> None:
    masked = Mask(["my-own-value", "my/quoted/value", ""])(line)
    assert secret not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    "line",
    [
        "a human has joined room agent-1-room",
        "providers stt=deepgram at api.deepgram.com",
        "LiveKit does not answer at ws://127.0.0.1:7880",
        "job AJ_abcDEF123 of 11111111-2222-4333-8444-555555555555 has ended",
        "KeyError: 'name'",
        "max_tokens: 60, temperature: 0.5",
        'File "/usr/lib/python3.11/asyncio/base_events.py", line 650',
        "write to bob@example.org about https://example.org/a:b",
        "the task-scheduler asks disk-usage",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert Mask(["my-own-value"])(line) == line


def test_what_stands_around_a_secret_can_still_be_read() -> None:
    masked = Mask()("POST https://bob:x@host/a?key=1 with Bearer abcdef and password='a b' failed: 401")
    assert masked == "POST https://bob:***@host/a?key=*** with Bearer *** and password=*** failed: 401"


def test_a_known_secret_of_three_letters_is_not_looked_for() -> None:
    assert Mask(["abc"])("abcdef") == "abcdef"


def test_the_settings_tell_their_secrets() -> None:
    settings = Settings(
        livekit_api_secret=SecretStr("of-livekit"),
        registry_token=SecretStr("of-the-registry"),
        database_url=SecretStr("postgresql://bob:p%40ss@db/x"),
    )
    found = secrets_in(settings)
    assert {"of-livekit", "of-the-registry", "p%40ss", "p@ss", "postgresql://bob:p%40ss@db/x"} <= found


@pytest.mark.parametrize("line", ["a" * 4_000, "key" * 1_300, "aA1" * 1_300, "://" * 1_300, '="' * 2_000])
def test_no_line_takes_long(line: str) -> None:
    began_at = time.process_time()
    Mask(["my-own-value"])(line)
    assert time.process_time() - began_at < 0.1
