"""LiveKit's plugins, imported before there is a call: some take a second, which no caller should wait."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable

from config.installed import is_installed

logger = logging.getLogger(__name__)


def import_plugins(modules: Iterable[str]) -> None:
    """Import those of `modules` that this host has. Only the main thread may: plugins register themselves."""
    for module in modules:
        if not is_installed(module):
            continue
        try:
            importlib.import_module(module)
        except Exception:  # a broken plugin must not keep those calls away that do not use it
            logger.exception("a plugin is broken", extra={"action": "provider.broken", "plugin": module})
