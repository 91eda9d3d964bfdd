"""Stands in for what keeps wishes."""

from __future__ import annotations

from collections.abc import Sequence

from processes import Wish, WishError


class MemoryWishes:
    """Wishes that live as long as the test. `trouble` = why none can be saved now."""

    def __init__(self) -> None:
        self.all: dict[str, Wish] = {}
        self.trouble: str | None = None

    def load(self) -> Sequence[Wish]:
        return list(self.all.values())

    def save(self, wish: Wish) -> None:
        if self.trouble is not None:
            raise WishError(self.trouble)
        self.all[wish.process_id] = wish
