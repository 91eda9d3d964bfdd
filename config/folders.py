"""Where state and caches live on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def state_folder() -> Path:
    """Journal, profiles and databases: `ROOMKEEPER_HOME`, or the platform's folder for a user's state."""
    return Path(os.environ.get("ROOMKEEPER_HOME") or platformdirs.user_state_dir("roomkeeper"))


def cache_folder() -> Path:
    """Model weights and built servers: `ROOMKEEPER_CACHE`, or the platform's folder for a user's caches.

    Apart from the state, so that many states share one download.
    """
    return Path(os.environ.get("ROOMKEEPER_CACHE") or platformdirs.user_cache_dir("roomkeeper"))
