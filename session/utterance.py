"""What one side said, for whoever keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    role: Literal["user", "assistant"]
    text: str
    """Never empty."""

    interrupted: bool
    """The other side spoke before it was said to the end."""


OnUtterance = Callable[[Utterance], None]
"""Called on the event loop with each one, as soon as it is said. Quick, and never raises."""
