"""Takes secrets out of lines before they leave the process. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, SecretStr

MASK = "***"

_SHORTEST_SECRET = 4
"""Characters of a known secret that is looked for. A shorter one would be found in every word."""

_VALUE = r"""(?:\\?"[^"]*"|\\?'[^']*'|[^\s"'\\,;&)}\]]+)"""

_SECRETIVE = ("key", "secret", "passw", "passphrase", "pwd", "token", "credential", "signature")

_PREFIXES = ("sk", "pk", "rk", "gho", "ghp", "ghs", "ghu", "github_pat", "glpat", "xox", "hf", "tvly", "e2b")


@dataclass(frozen=True, slots=True)
class _Rule:
    words: tuple[str, ...]
    """In small letters. The rule is tried on lines that hold one: looking for words is much faster."""

    pattern: re.Pattern[str]
    replacement: str = MASK


_RULES = (
    # Private keys, also where line ends were taken out.
    _Rule(
        ("private key",),
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END[A-Z -]*|$)", re.DOTALL),
    ),
    # user:password@ and token@ of URLs; a password may hold an @.
    _Rule(("://",), re.compile(r"(?<=://)([^\s/?#:@]*):[^\s/?#]*@"), rf"\1:{MASK}@"),
    _Rule(("://",), re.compile(r"(?<=://)[^\s/?#:@]{8,}@"), f"{MASK}@"),
    # Authorization: Bearer …, and the scheme alone.
    _Rule(
        ("authorization", "cookie"),
        re.compile(
            rf"(?i)((?:authorization|cookie)\\?[\"']?\s*[:=]\s*)(?:\\?[\"'])?(?:(?:bearer|basic|token)\s+)?{_VALUE}"
        ),
        rf"\1{MASK}",
    ),
    _Rule(("bearer",), re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{4,}"), rf"\1{MASK}"),
    # name=value and "name": "value", where the name ends like one that holds a secret.
    _Rule(
        _SECRETIVE,
        re.compile(
            r"(?i)((?:key|secret|password|passwd|passphrase|pwd|token|credentials?|signature)"
            rf"\\?[\"']?\s*(?:=|:(?!//))\s*)(?:SecretStr\()?{_VALUE}"
        ),
        rf"\1{MASK}",
    ),
    # JSON Web Tokens.
    _Rule(("eyj",), re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*){0,4}")),
    # Keys that say themselves that they are keys.
    _Rule(("sk-",), re.compile(r"\bsk-[\w-]{6,}")),
    _Rule(_PREFIXES, re.compile(rf"\b(?:{'|'.join(_PREFIXES)})[a-z]?[-_][\w-]{{16,}}")),
    _Rule(("akia", "aiza"), re.compile(r"\b(?:AKIA[0-9A-Z]{16}|AIza[\w-]{30,})")),
)

_LONG = re.compile(r"[\w+/-]{32,}={0,2}")

_DRAWN_BY_LOT = re.compile(r"(?=.*\d)(?=.*[A-Z])(?=.*[a-z]).{40,}$")
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,}(?![0-9A-Za-z])")


class Mask:
    """Replaces secrets by ``***``: those that are known, and what looks like one. About 30 µs a line.

    Too much is masked rather than too little.

    Args:
        secrets: Values that must not leave, as they are or quoted for a URL.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
        known = sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        low = text.lower()
        for rule in _RULES:
            if any(word in low for word in rule.words):
                text = rule.pattern.sub(rule.replacement, text)
        return _LONG.sub(_mask_lot, text)


def _mask_lot(match: re.Match[str]) -> str:
    """Upper and lower case with digits, or hexadecimal: what is long and looks so is a secret."""
    return MASK if _DRAWN_BY_LOT.match(match[0]) else _HEX.sub(MASK, match[0])


def secrets_in(settings: BaseModel) -> frozenset[str]:
    """The values of all `SecretStr` fields, and the passwords of those that are URLs."""
    found = set()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            found |= {secret, *_password_in(secret)}
    return frozenset(found)


def _password_in(secret: str) -> tuple[str, ...]:
    if "://" not in secret:
        return ()
    try:
        password = urlsplit(secret).password
    except ValueError:
        return ()
    return (password, unquote(password)) if password else ()
