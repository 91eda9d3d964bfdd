"""Tokens: JWTs that are signed with HS256 and end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.types import Options

from service.errors import TokenError

AUDIENCE = "roomkeeper"
"""A token for somebody in particular must be for us."""

_ALGORITHM = "HS256"
_MOST_KNOWN = 4_096
_LONGEST_KNOWN = 2_000
"""Characters of a token that is worth remembering."""

_LONGEST_SUBJECT = 255

_ADMIN = "admin"
"""The scope that steers the service."""

_OURS: Options = {
    # Looked at below, by our own clock, and each with words of its own.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who shows a token."""

    subject: str
    """Empty = nobody in particular."""

    may_steer: bool
    """Whether it is good for the controls: tokens without scopes are good for everything."""


@dataclass(frozen=True, slots=True)
class _Claims:
    bearer: Bearer
    begins_at: float
    ends_at: float


class Tokens:
    """Checks tokens. A signature that was seen to be right is not computed again.

    Args:
        secret: Signs them.
        clock: Seconds since 1970.
    """

    def __init__(self, secret: str, *, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock
        self._known: dict[str, _Claims] = {}

    @property
    def n_known(self) -> int:
        """Tokens that are remembered."""
        return len(self._known)

    def bearer_of(self, token: str) -> Bearer:
        """Whose token it is.

        Raises:
            TokenError: It does not count, or not now.
        """
        claims = self._known.get(token)
        if claims is None:
            claims = self._read(token)
            if len(token) < _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[token] = claims
        now = self._clock()
        if now >= claims.ends_at:
            raise TokenError("the token has expired (exp)")
        if now < claims.begins_at:
            raise TokenError("the token is not valid yet (nbf)")
        return claims.bearer

    def _read(self, token: str) -> _Claims:
        try:
            claims = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], options=_OURS)
        except jwt.InvalidAlgorithmError as error:
            raise TokenError(f"the token must be signed with {_ALGORITHM}, and with nothing else") from error
        except jwt.InvalidSignatureError as error:
            raise TokenError("the token is signed with another secret than JWT_SECRET") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenError("the token is no JWT that can be read") from error
        _check_audience(claims.get("aud"))
        ends_at = _moment(claims, "exp")
        if ends_at is None:
            raise TokenError("the token never ends: it must have exp")
        begins_at = _moment(claims, "nbf")
        bearer = Bearer(subject=_subject(claims), may_steer=_may_steer(claims))
        return _Claims(bearer, -math.inf if begins_at is None else begins_at, ends_at)


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    try:
        if not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise TokenError(f"the token's {name} must be a number: seconds since 1970")


def _subject(claims: dict[str, Any]) -> str:
    subject = claims.get("sub", "")
    if not isinstance(subject, str) or len(subject) > _LONGEST_SUBJECT or not _is_storable(subject):
        raise TokenError(f"the token's sub must be a text of {_LONGEST_SUBJECT} characters or fewer")
    return subject


def _may_steer(claims: dict[str, Any]) -> bool:
    if "scope" not in claims:
        return True
    scope = claims["scope"]
    scopes = scope.split() if isinstance(scope, str) else scope  # words of a text (RFC 8693), or a list
    return isinstance(scopes, list) and _ADMIN in scopes


def _is_storable(text: str) -> bool:
    """Whether a database can hold it."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _check_audience(audience: object) -> None:
    listed = audience if isinstance(audience, list) else [audience]
    if audience is not None and AUDIENCE not in listed:
        raise TokenError(f"the token is for somebody else (aud): it must be {AUDIENCE!r}, or left out")
