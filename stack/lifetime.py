"""What every server of the stack is: a context manager with a folder, which goes away with it if nobody gave one."""

from __future__ import annotations

import abc
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self


class Lifetime(abc.ABC):
    """Starts on entering, ends on leaving, and when starting fails.

    Args:
        name: Of the temporary folder.
        folder: For logs and data; None = a temporary one.
    """

    def __init__(self, name: str, folder: Path | None) -> None:
        self._temporary = (
            tempfile.TemporaryDirectory(prefix=f"roomkeeper-{name}-") if folder is None else None
        )
        self.folder = Path(self._temporary.name) if self._temporary is not None else folder or Path()

    @abc.abstractmethod
    async def start(self) -> None:
        """Start it and wait until it is ready."""

    @abc.abstractmethod
    async def stop(self) -> object:
        """Stop it. May be called twice, and before `start`."""

    async def aclose(self) -> None:
        """Stop it for good and remove its folder. May be called twice."""
        await self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.aclose)
            await self.start()
            undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
