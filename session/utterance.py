"""What one side said, for whoever keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wire import Delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    role: Literal["user", "assistant"]
    text: str
    """Never empty."""

    interrupted: bool
    """The other side spoke before it was said to the end."""

    began_ago: float | None = None
    """Seconds before now that it began to be said; None = nobody knows."""

    duration: float | None = None
    """Seconds that it took; None likewise."""

    delays: Delays | None = None


OnUtterance = Callable[[Utterance], None]
"""Called on the event loop with each one, as soon as it is said. Quick, and never raises."""
