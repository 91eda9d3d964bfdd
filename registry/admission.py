"""How many agents that nobody has seen before one address may bring in. Pure."""

from __future__ import annotations

from collections.abc import Iterable

MINUTE = 60.0
_N_ADDRESSES = 10_000


class Admission:
    """A bucket for each address, which fills evenly.

    Args:
        per_minute: New agents that one address may bring in a minute, and at once.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}  # address → places left, as of when

    def admit(self, address: str, *, now: float) -> float | None:
        """Take one place.

        Returns:
            None when there was one; else the seconds until there is.
        """
        left, at = self._buckets.get(address, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - at) * self._per_minute / MINUTE)
        if left < 1.0:
            return (1.0 - left) * MINUTE / self._per_minute
        if len(self._buckets) >= _N_ADDRESSES and address not in self._buckets:
            self._forget(self._full(now))
        self._buckets[address] = (left - 1.0, now)
        return None

    def _full(self, now: float) -> list[str]:
        """Addresses whose bucket is full again, or all but the youngest half when none is."""
        full = [address for address, (_, at) in self._buckets.items() if now - at >= MINUTE]
        return full or list(self._buckets)[: _N_ADDRESSES // 2]

    def _forget(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            del self._buckets[address]
