"""Takes the secrets of a process's environment out of what is shown of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

MASK = "***"

_SECRETIVE = ("KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL")

_SHORTEST = 4
"""Characters of a secret that is looked for. A shorter one would be found in every word."""

_NO_SECRETS = frozenset({"true", "false", "none", "null", "auto", "default", "disabled", "enabled"})
"""As in ``TOKENIZERS_PARALLELISM=false``."""

_OPTION = re.compile(r"^--?[\w-]*(key|secret|token|passw\w*|passphrase|credentials?)$", re.IGNORECASE)
_OPTION_WITH_VALUE = re.compile(
    r"^(--?[\w-]*(?:key|secret|token|passw\w*|passphrase|credentials?)=)(.+)$", re.IGNORECASE | re.DOTALL
)


def is_secretive(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    upper = name.upper()
    return any(word in upper for word in _SECRETIVE)


def secrets_in(environment: Mapping[str, str]) -> frozenset[str]:
    """Values of variables whose names say that they are secret, and the passwords of those that are URLs."""
    found: set[str] = set()
    for name, value in environment.items():
        if is_secretive(name):
            # Output is masked line by line, and a private key has several.
            found.update([value, *value.splitlines()])
        elif "://" in value:
            found.update(_password(value))
    return frozenset(
        text.strip()
        for text in found
        if len(text.strip()) >= _SHORTEST and text.strip().lower() not in _NO_SECRETS
    )


class Mask:
    """Replaces known secrets by ``***``, as they are or quoted for a URL."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
        known = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        return text if self._known is None else self._known.sub(MASK, text)


def masked_arguments(command: Iterable[str]) -> list[str]:
    """A command's words, without the values of options that are named like secrets."""
    shown: list[str] = []
    is_value = False
    for word in command:
        shown.append(MASK if is_value else _OPTION_WITH_VALUE.sub(rf"\1{MASK}", word))
        is_value = not is_value and _OPTION.match(word) is not None
    return shown


def _password(url: str) -> list[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return []
    return [password] if password else []
