"""Of several registries on one database, one keeps the rooms: who holds this lock."""

from __future__ import annotations

from typing import Protocol


class KeeperLock(Protocol):
    """Of several registries on one database, one holds it at a time. Blocks; may be used from several threads.

    Whoever holds it loses it with the end of its process, however that comes.
    """

    def try_acquire(self) -> bool:
        """Take it, unless another one holds it. Does not wait for that one. May be called twice.

        Returns:
            Whether this one holds it now.

        Raises:
            StoreError: The database cannot be asked.
        """

    def is_held(self) -> bool:
        """Whether this one still holds it. Asks the database, for some seconds at most; never raises.

        Once it is False, another one may hold the lock, and this one must take it anew.
        """

    def release(self) -> None:
        """Give it up. May be called twice."""
