"""A second host on this machine, whose cable can be cut: a Linux network namespace."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from bench.registry.cores import program
from stack.errors import StackError

HERE = "10.213.77.1"
THERE = "10.213.77.2"
"""Addresses of the two ends of the cable."""


class OtherHost:
    """The other host, as a context manager. Needs root.

    Raises:
        StackError: At the start: `ip` is not there, or it may not make a namespace.
    """

    def __init__(self) -> None:
        self._name = f"roomkeeper-{os.getpid()}"
        self._here, self._there = f"rk{os.getpid()}a", f"rk{os.getpid()}b"
        self._undo = AsyncExitStack()

    def command(self, command: Sequence[str]) -> list[str]:
        """`command`, to be run over there."""
        return [program("ip", package="iproute2"), "netns", "exec", self._name, *command]

    async def cut(self) -> None:
        """Cut the cable. Nothing is closed and nothing is refused: there is only silence."""
        await self._ip("-n", self._name, "link", "set", self._there, "down")

    async def mend(self) -> None:
        await self._ip("-n", self._name, "link", "set", self._there, "up")

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            await self._ip("netns", "add", self._name)
            undo.push_async_callback(self._ip, "netns", "del", self._name)  # the cable goes with it
            await self._ip(
                "link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self._name
            )
            await self._ip("address", "add", f"{HERE}/30", "dev", self._here)
            await self._ip("link", "set", self._here, "up")
            await self._ip("-n", self._name, "address", "add", f"{THERE}/30", "dev", self._there)
            await self._ip("-n", self._name, "link", "set", self._there, "up")
            self._undo = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._undo.aclose()

    async def _ip(self, *words: str) -> None:
        ip = program("ip", package="iproute2")
        process = await asyncio.create_subprocess_exec(
            ip, *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        if process.returncode != 0:
            raise StackError(f"ip {' '.join(words)} failed (it needs root): {errors.decode().strip()}")
