"""What others keep beats in: etcd's leases and Redis's keys, each as a server on the same core."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bench.harness import say
from bench.registry.cores import Moment, on_server_core, program
from stack.children import Child
from stack.ports import free_port

_READY_TIMEOUT = 20.0


class Subject(Protocol):
    """A server under load."""

    kind: str
    """What the generator sends to it."""

    target: str

    def moment(self) -> Moment: ...


class Peer:
    """One peer, as a context manager.

    Args:
        kind: As the generator calls it.
        command: Starts it on the server's core.
    """

    def __init__(self, kind: str, command: list[str], *, target: str, folder: Path) -> None:
        self.kind = kind
        self.target = target
        self._child = Child(on_server_core(command), name=kind, log=folder / f"{kind}.log")

    def moment(self) -> Moment:
        return Moment.of(self._child.pid)

    async def __aenter__(self) -> Self:
        self._child.start()
        try:
            await self._child.ready(self._listens, timeout=_READY_TIMEOUT)
        except Exception:
            await self._child.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            say(self._child.with_last_lines(f"{self.kind}, when it failed"))
        await self._child.stop()

    async def _listens(self) -> bool:
        host, _, port = self.target.partition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def etcd(folder: Path) -> Peer:
    """etcd with one member. Its leases are asked for over the JSON gateway, which is HTTP like ours."""
    target, peers = (f"127.0.0.1:{free_port()}" for _ in range(2))
    command = [program("etcd", package="etcd-server"), "--data-dir", str(folder / "etcd")]
    command += ["--listen-client-urls", f"http://{target}", "--advertise-client-urls", f"http://{target}"]
    command += ["--listen-peer-urls", f"http://{peers}", "--initial-advertise-peer-urls", f"http://{peers}"]
    command += ["--initial-cluster", f"default=http://{peers}"]
    return Peer("etcd", command, target=target, folder=folder)


def redis(folder: Path) -> Peer:
    """Redis without any file: it keeps nothing over a restart, so it is the floor and not an equal."""
    port = free_port()
    command = [program("redis-server", package="redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    return Peer("redis", command, target=f"127.0.0.1:{port}", folder=folder)
