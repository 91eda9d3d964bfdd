"""Whether a package that not everybody needs is on this host."""

from __future__ import annotations

import importlib.util


def is_installed(module: str) -> bool:
    """Whether `module` could be imported. Looks for it, and imports nothing but the packages around it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # of a package around it
        return False
