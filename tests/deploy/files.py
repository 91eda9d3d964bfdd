"""The files of deploy/, and what tests ask of all of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

from config import Settings, cache_folder
from config.provider_list import PROVIDERS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

SETTINGS = frozenset(name.upper() for name in Settings.model_fields) | {"ROOMKEEPER_HOME", "ROOMKEEPER_CACHE"}
"""Names in the environment that our processes know."""

SECRETS = frozenset(
    {
        "LIVEKIT_API_KEY",
        "LIVEKIT_API_SECRET",
        "REGISTRY_TOKEN",
        "POSTGRES_PASSWORD",
        "DEEPGRAM_API_KEY",
        "OPENAI_API_KEY",
    }
)

PROVIDERS_KEYS = frozenset(
    key
    for provider in PROVIDERS.values()
    for way in provider.ways.values()
    for group in way.keys
    for key in group
)
"""Names in the environment that plugins of providers know."""

LEAVING_SECONDS = 12
"""What a worker takes at most after DRAIN_TIMEOUT: ten seconds for the calls that are left, then its goodbye."""


def read_yaml(path: Path) -> Any:
    """The one document of a file."""
    return yaml.safe_load(path.read_text())


def read_all_yaml(path: Path) -> list[Any]:
    """The documents of a file."""
    return list(yaml.safe_load_all(path.read_text()))


def default_of(setting: str) -> Any:
    return Settings.model_fields[setting.lower()].get_default()


def seconds(text: str) -> int:
    """Of a duration as Compose and systemd write it: 3630s, 1m, 20."""
    match = re.fullmatch(r"(\d+)(s|m|h|)", text)
    assert match, f"{text!r} is no duration that this test knows"
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def find_promtool() -> str | None:
    """Prometheus' own checker: on PATH, or where scripts/provide puts it."""
    return shutil.which("promtool", path=None) or shutil.which(cache_folder() / "promtool" / "promtool")
