"""Who said goodbye and has left the page: that process must not come back to life."""

from __future__ import annotations

from collections import OrderedDict

from wire import Beat, Said

MOST = 20_000
"""Agents that are remembered. The oldest are forgotten first."""


class Graves:
    """The last incarnation of each."""

    def __init__(self) -> None:
        self._incarnations: OrderedDict[str, str] = OrderedDict()

    def add(self, beat: Beat) -> None:
        """Remember an agent by its last beat, if that was a goodbye."""
        if beat.status is Said.STOPPED:
            self.remember(beat.agent_id, beat.incarnation)

    def remember(self, agent_id: str, incarnation: str) -> None:
        """This incarnation has said goodbye."""
        self._incarnations[agent_id] = incarnation
        if len(self._incarnations) > MOST:
            self._incarnations.popitem(last=False)

    def holds(self, beat: Beat) -> bool:
        """Whether this process has said goodbye."""
        return self._incarnations.get(beat.agent_id) == beat.incarnation

    def forget(self, agent_id: str) -> None:
        """A new process has the id. May be called for one that is not known."""
        self._incarnations.pop(agent_id, None)
