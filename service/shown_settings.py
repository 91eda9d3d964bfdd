"""Settings as people may see them: names in capitals, and of secrets only whether they are set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from config import Settings
from config.settings import SECRETS

_PREFIXES = ("agent_", "llm_", "cloud_", "chat_", "tavily_", "e2b_")
_FURTHER = frozenset(
    {
        "use_cloud_llm",
        "jwt_secret",
        "tool_timeout",
        "openai_api_key",
        "openai_base_url",
        "local_models_url",
        "database_url",
    }
)

AFTER_RESTART = frozenset({"AGENT_SERVICE_HOST", "AGENT_PORT", "DATABASE_URL"})
"""Settings of this service that a running one cannot change."""


def shown(settings: Settings) -> dict[str, Any]:
    """The effective values of what the service reads."""
    found: dict[str, Any] = {}
    for name in sorted(_names()):
        value = getattr(settings, name)
        is_unset_secret = value is None and name in SECRETS
        found[name.upper()] = "not set" if is_unset_secret else _shown(value)
    return found


def changes(before: Settings, after: Settings) -> dict[str, Any]:
    """What differs, of all settings: `{"from": …, "to": …}`, or `"changed"` for secrets."""
    found: dict[str, Any] = {}
    for name in sorted(Settings.model_fields):
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        found[name.upper()] = "changed" if name in SECRETS else {"from": _shown(old), "to": _shown(new)}
    return found


def waits_for_restart(changed: Mapping[str, Any]) -> list[str]:
    """Those of the changes that a running service cannot follow."""
    return [name for name in changed if name in AFTER_RESTART]


def _names() -> set[str]:
    return {name for name in Settings.model_fields if name.startswith(_PREFIXES) or name in _FURTHER}


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "set"
    if isinstance(value, tuple):
        return [_shown(each) for each in value]
    if isinstance(value, str) and "://" in value:
        return _without_query(value)
    return value


def _without_query(url: str) -> str:
    """Some servers take a key there."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="…" if parts.query else ""))
