"""Which tokens count."""

from __future__ import annotations

from typing import Any

import pytest

from service.errors import TokenError
from service.tokens import Tokens
from tests.service.tokens import SECRET, raw_token, token

NOW = 1_000_000.0
HEADER = {"alg": "HS256", "typ": "JWT"}
HOSTILE = "x" * 5_000


class _Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def subject(text: str, *, now: float = NOW) -> str:
    return Tokens(SECRET, clock=lambda: now).bearer_of(text).subject


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": "ann"}, "ann"),
        ({}, ""),
        ({"sub": ""}, ""),
        ({"sub": "ann", "aud": "roomkeeper"}, "ann"),
        ({"sub": "ann", "aud": ["other", "roomkeeper"]}, "ann"),
        ({"sub": "ann", "nbf": NOW, "iat": NOW + 99, "iss": "x", "jti": 7}, "ann"),
        ({"sub": "x" * 255}, "x" * 255),
        ({"exp": NOW + 0.5}, ""),
    ],
)
def test_good_tokens(claims: dict[str, Any], expected: str) -> None:
    assert subject(token(**claims)) == expected


BAD = {
    "no token at all": ("hello", "no JWT"),
    "empty parts": ("..", "no JWT"),
    "no payload": (raw_token(HEADER, b""), "no JWT"),
    "a payload that is a list": (raw_token(HEADER, []), "no JWT"),
    "a header that is no object": (raw_token([], {"exp": NOW + 9}), "no JWT"),
    "long": (HOSTILE, "no JWT"),
    "alg none": (raw_token({"alg": "none"}, {"exp": NOW + 9}), "HS256"),
    "alg none without a signature": (token("", "none", exp=NOW + 9), "HS256"),
    "alg None in another case": (raw_token({"alg": "nOnE"}, {"exp": NOW + 9}), "HS256"),
    "HS512": (token(SECRET * 2, "HS512", exp=NOW + 9), "HS256"),
    "HS512 by our secret": (token(SECRET * 2, "HS512", exp=NOW + 9), "HS256"),
    "RS256 in the header": (raw_token({"alg": "RS256"}, {"exp": NOW + 9}), "HS256"),
    "no alg": (raw_token({"typ": "JWT"}, {"exp": NOW + 9}), "HS256"),
    "another secret": (token("b" * 40, exp=NOW + 9), "another secret"),
    "a changed payload": (token(exp=NOW + 9, sub="ann")[:-5] + "AAAAA", "another secret"),
    "no exp": (token(exp=None), "must have exp"),
    "exp null": (raw_token(HEADER, {"exp": None}), "must have exp"),
    "expired": (token(exp=NOW - 1), "expired"),
    "ends now": (token(exp=NOW), "expired"),
    "exp a text": (raw_token(HEADER, {"exp": "4102444800"}), "exp must be a number"),
    "exp true": (raw_token(HEADER, {"exp": True}), "exp must be a number"),
    "exp without end": (raw_token(HEADER, b'{"exp": Infinity}'), "exp must be a number"),
    "exp NaN": (raw_token(HEADER, b'{"exp": NaN}'), "exp must be a number"),
    "exp with 400 digits": (raw_token(HEADER, b'{"exp": 1' + b"0" * 400 + b"}"), "exp must be a number"),
    "not yet": (token(exp=NOW + 9, nbf=NOW + 1), "not valid yet"),
    "nbf a text": (raw_token(HEADER, {"exp": NOW + 9, "nbf": "x"}), "nbf must be a number"),
    "for somebody else": (token(exp=NOW + 9, aud="livekit"), "somebody else"),
    "for nobody": (token(exp=NOW + 9, aud=[]), "somebody else"),
    "sub a number": (raw_token(HEADER, {"exp": NOW + 9, "sub": 7}), "sub must be"),
    "sub null": (raw_token(HEADER, {"exp": NOW + 9, "sub": None}), "sub must be"),
    "sub too long": (token(exp=NOW + 9, sub="x" * 256), "sub must be"),
    "sub with NUL": (token(exp=NOW + 9, sub="a\0b"), "sub must be"),
    "sub with half a character": (raw_token(HEADER, b'{"exp": 9e9, "sub": "\\ud800"}'), "sub must be"),
    "deep": (raw_token(HEADER, b'{"exp": 9e9, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"), "no JWT"),
    "crit": (raw_token({"alg": "HS256", "crit": ["exp"], "exp": 1}, {"exp": NOW + 9}), "no JWT"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens(name: str) -> None:
    text, words = BAD[name]
    with pytest.raises(TokenError, match=words) as caught:
        subject(text)
    assert len(str(caught.value)) < 200
    assert SECRET not in str(caught.value)


def test_a_known_token_expires_all_the_same() -> None:
    clock = _Clock()
    tokens = Tokens(SECRET, clock=clock)
    text = token(sub="ann", exp=NOW + 10)
    assert tokens.bearer_of(text).subject == "ann"
    clock.now = NOW + 9.9
    assert tokens.bearer_of(text).subject == "ann"
    clock.now = NOW + 10
    with pytest.raises(TokenError, match="expired"):
        tokens.bearer_of(text)


def test_many_tokens_do_not_fill_the_memory() -> None:
    tokens = Tokens(SECRET, clock=lambda: NOW)
    for number in range(5_000):
        assert tokens.bearer_of(token(sub=str(number))).subject == str(number)
    assert tokens.n_known <= 4_096


@pytest.mark.parametrize(
    ("claims", "may_steer"),
    [
        ({}, True),
        ({"scope": "admin"}, True),
        ({"scope": "chat admin"}, True),
        ({"scope": ["chat", "admin"]}, True),
        ({"scope": "chat"}, False),
        ({"scope": "administrator"}, False),
        ({"scope": ""}, False),
        ({"scope": []}, False),
        ({"scope": ["chat admin"]}, False),
        ({"scope": {"admin": True}}, False),
        ({"scope": 7}, False),
    ],
)
def test_a_token_with_scopes_steers_only_as_admin(claims: dict[str, Any], may_steer: bool) -> None:
    tokens = Tokens(SECRET, clock=lambda: NOW)
    for _ in range(2):
        assert tokens.bearer_of(token(sub="ann", **claims)).may_steer is may_steer


def test_a_scope_of_null_is_a_scope() -> None:
    shown = raw_token(HEADER, {"exp": NOW + 1, "scope": None})
    assert not Tokens(SECRET, clock=lambda: NOW).bearer_of(shown).may_steer
