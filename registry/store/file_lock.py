"""The keeper's lock beside an SQLite file: a lock of the operating system, which ends with its process."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from registry.store.errors import StoreError


class FileLock:
    """A `KeeperLock` of the registries of one machine. The file stays when it is released, and is empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._calls = threading.Lock()

    def try_acquire(self) -> bool:
        with self._calls:
            if self._is_held():
                return True
            self._close()
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._close()
                return False
            except OSError as error:
                self._close()
                raise StoreError(
                    f"{self._path}: it cannot be locked ({error.strerror}); see who owns it and its folder"
                ) from error
            # The file may have been replaced before it was locked; then another one locks another file.
            if self._is_held():
                return True
            self._close()
            return False

    def is_held(self) -> bool:
        with self._calls:
            return self._is_held()

    def release(self) -> None:
        with self._calls:
            self._close()

    def _is_held(self) -> bool:
        """The file that is locked is the one that others find."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)  # which unlocks it
            self._file = None
