"""Keys of providers that have no setting of their own, by the names that their makers gave them."""

from __future__ import annotations

import os

from pydantic import SecretStr


def read_key(name: str) -> SecretStr | None:
    """The variable `name` of the environment, where `load_settings` has put those of the two files; None = not set."""
    value = os.environ.get(name, "").strip()
    return SecretStr(value) if value else None
