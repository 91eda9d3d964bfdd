"""When so many agents fall silent at once that it must be the registry that is cut off. Pure."""

from __future__ import annotations

from collections.abc import Iterable

SHARE = 0.2
"""More than this share of all agents, and more than `COUNT` of them, within `window`: silence proves nothing."""

COUNT = 3

LONGEST = 600.0
"""Seconds after which even a registry that seems cut off believes what it sees."""


class SilenceGuard:
    """Remembers who fell silent, and says whether to believe it.

    Only silence is counted: an agent whose process was seen to end is no sign of a network that is cut.

    Args:
        window: Seconds within which they must fall silent.
    """

    def __init__(self, *, window: float) -> None:
        self.cut_off_at: float | None = None
        """Since when the registry suspects itself; None = it does not."""
        self._window = window
        self._silent: dict[str, float] = {}

    @property
    def silent(self) -> Iterable[str]:
        """Ids of those whose silence is remembered."""
        return tuple(self._silent)

    def fell_silent(self, agent_id: str, *, now: float) -> None:
        """An agent did. May be told again; the first time counts."""
        self._silent.setdefault(agent_id, now)

    def heard(self, agent_id: str) -> None:
        """It was heard again, or it is known to be over, or removed."""
        self._silent.pop(agent_id, None)

    def look(self, *, n_live: int, now: float) -> bool:
        """Look again whether the registry is cut off.

        Args:
            n_live: Agents that are heard.

        Returns:
            Whether the answer has changed: then the silent ones are to be judged anew.
        """
        if self.cut_off_at is None:
            self._forget_old(now)
            if self._too_many(n_live):
                self.cut_off_at = now
                return True
            return False
        if not self._too_many(n_live) or now >= self.cut_off_at + LONGEST:
            self.cut_off_at = None
            return True
        return False

    def forget(self) -> None:
        """Forget the silent ones, after they were judged when it was over."""
        self._silent.clear()

    def _too_many(self, n_live: int) -> bool:
        n_silent = len(self._silent)
        return n_silent > COUNT and n_silent > SHARE * (n_live + n_silent)

    def _forget_old(self, now: float) -> None:
        # In the order in which they fell silent: the dict keeps it.
        while self._silent:
            agent_id, at = next(iter(self._silent.items()))
            if now < at + self._window:
                return
            del self._silent[agent_id]
