"""Why a program is left as it is."""

from __future__ import annotations


class CannotIntegrateError(Exception):
    """One sentence: why nothing can be added, and what to do by hand."""
