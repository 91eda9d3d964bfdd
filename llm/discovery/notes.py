"""What one search has found so far. It is whole at any moment: a search may be cut off."""

from __future__ import annotations

from dataclasses import dataclass, field

from llm.endpoints import Endpoint

Rank = tuple[int, ...]
"""Where something stands in the order of the settings; the smaller one comes first."""

CONTAINERS, HOSTS, BACKEND = 0, 1, 2
"""First numbers of ranks."""


@dataclass(slots=True)
class Notes:
    """Collected by the parts of a search."""

    seen: list[tuple[Rank, Endpoint]] = field(default_factory=list)
    empty_hosts: set[str] = field(default_factory=set)
    """Hosts (`name:port`) that answer and have nothing to talk to."""

    is_backend_read: bool = False
    """Whether the backend has given its list: what is not in it is no more."""

    troubles: list[tuple[Rank, str]] = field(default_factory=list)

    def see(self, rank: Rank, endpoint: Endpoint) -> None:
        self.seen.append((rank, endpoint))

    def trouble(self, rank: Rank, words: str) -> None:
        """Take one line for people; an empty one is none."""
        if words:
            self.troubles.append((rank, words))


def in_order(troubles: list[tuple[Rank, str]]) -> tuple[str, ...]:
    """In the order of the settings, each once."""
    return tuple(dict.fromkeys(words for _, words in sorted(troubles, key=lambda one: one[0])))
