"""A fleet on this machine: LiveKit, a registry that keeps its rooms, workers. Or LiveKit with plain workers alone."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import psutil

from bench import harness
from stack.attendance import Attendance
from stack.caller import Caller, Guest
from stack.errors import LateError, StackError
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.lossy_webhooks import LossyWebhooks
from stack.ports import free_port
from stack.proxy import Proxy
from stack.registry import Registry
from stack.rooms import Rooms
from stack.until import until, until_answered
from stack.worker import Worker

N_IDLE = 2
"""Warm processes of each worker."""

GRACE = 5
"""Seconds. Short, so that one measurement does not wait for the end of the one before."""

_KEEPER_TIMEOUT = 20.0
_IDLE_TIMEOUT = 60.0
_WEBHOOKS = "/api/livekit/webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What a stage is made of."""

    name: str
    """`harness.OURS`, or `harness.PEER`: LiveKit alone, without registry and webhooks."""
    agent: Path
    n_workers: int = 1
    has_webhooks: bool = True
    webhook_loss: float = 0.0
    """Share of the webhooks that get lost, 0 to 1."""
    has_proxy: bool = False
    """Between the workers, with their calls, and the registry: see `Stage.network`."""
    grace: float = GRACE
    seed: int = 1

    @property
    def is_kept(self) -> bool:
        """There is a registry, and it keeps the rooms."""
        return self.name == harness.OURS


class Stage:
    """A `Fleet` up and warm, as a context manager.

    Args:
        models: For all workers.
        folder: For logs and databases.
    """

    def __init__(self, fleet: Fleet, *, models: LocalModels, folder: Path) -> None:
        self.fleet = fleet
        self.workers: list[Worker] = []
        self.webhooks: LossyWebhooks | None = None
        self._models = models
        self._folder = folder
        self._undo = AsyncExitStack()
        self._server: LiveKitServer | None = None
        self._registry: Registry | None = None
        self._proxy: Proxy | None = None
        self._rooms: Rooms | None = None
        self._n_rooms = 0

    @property
    def name(self) -> str:
        return self.fleet.name

    @property
    def server(self) -> LiveKitServer:
        assert self._server is not None
        return self._server

    @property
    def rooms(self) -> Rooms:
        assert self._rooms is not None
        return self._rooms

    @property
    def registry(self) -> Registry:
        """Raises `StackError` on the peer's stage, which has none."""
        if self._registry is None:
            raise StackError(f"{self.name} has no registry")
        return self._registry

    @property
    def network(self) -> Proxy:
        """Between all workers, with their calls, and the registry."""
        if self._proxy is None:
            raise StackError(f"{self.name} has no proxy before its registry")
        return self._proxy

    def new_room(self) -> str:
        """The name of a room that was never there: LiveKit needs 45 s before a deleted name is safe again."""
        self._n_rooms += 1
        return f"agent-{self.fleet.seed}-{self._n_rooms}-room"

    def caller(self, room: str, identity: str = "guest") -> Caller:
        return Caller(self.server.address, room, identity, models_url=self._models.url)

    def guest(self, room: str, identity: str = "guest") -> Guest:
        return Guest(self.server.address, room, identity)

    def attendance(self, *rooms: str, interval: float = 0.02) -> Attendance:
        attendance = Attendance(self.rooms, interval=interval)
        attendance.watch(*rooms)
        return attendance

    def new_worker(self) -> Worker:
        """Another worker, not started yet; whoever starts it stops it."""
        number = len(self.workers) + 1
        folder = self._folder / f"worker-{number}"
        folder.mkdir(exist_ok=True)
        env = {
            "AGENT_ID": f"worker-{number}",
            "IDLE_PROCESSES": str(N_IDLE),
            "GRACE_PERIOD": f"{self.fleet.grace:g}",
            "MAX_CALLS": "100",  # not by the number of cores: the same everywhere
            "MIN_FREE_MEMORY_MB": "0",
        }
        if self.fleet.is_kept:
            env["WEB_UI_URL"] = self.network.url if self.fleet.has_proxy else self.registry.url
        worker = Worker(
            self.server.address,
            models_url=self._models.url,
            command=(sys.executable, str(self.fleet.agent), "start"),
            env=env,
            folder=folder,
        )
        self.workers.append(worker)
        return worker

    def job(self) -> tuple[Worker, psutil.Process]:
        """The one process that is in a call, and its worker.

        Raises:
            StackError: There is none, or more than one.
        """
        jobs = [(worker, job) for worker in self.workers for job in worker.jobs()]
        if len(jobs) != 1:
            raise StackError(f"{self.name}: {len(jobs)} processes are in a call, not one")
        return jobs[0]

    def job_of(self, agent: str) -> psutil.Process | None:
        """The process of an agent, by its identity, which ends with its job's id; None = it has none any more."""
        for worker in self.workers:
            pids = {
                record.get("pid")
                for record in worker.records()
                if (job_id := record.get("job_id")) and agent.endswith(job_id)
            }
            for job in worker.jobs():
                if job.pid in pids:
                    return job
        return None

    async def be_ready(self) -> None:
        """Wait until all is as it was before any call: no job, all idle processes warm."""
        await self.wait_until_idle()
        for worker in self.workers:
            if worker.child.is_running:
                await worker.wait_until_warm(N_IDLE)

    async def wait_until_idle(self) -> None:
        await until(
            lambda: not any(worker.jobs() for worker in self.workers),
            timeout=_IDLE_TIMEOUT,
            what=f"{self.name} to be idle",
            interval=0.2,
        )

    async def end(self, *rooms: str) -> None:
        """Delete rooms; their agents leave."""
        for room in rooms:
            await self.rooms.delete(room)

    async def renew_workers(self) -> None:
        """Stop all workers and start them again: warm, and with no memory of what they refused."""
        for worker in self.workers:
            await worker.stop(hurry_after=1)
        for worker in self.workers:
            await worker.start()
        await self.be_ready()

    async def incarnation(self, room: str, identity: str) -> str:
        """Of an agent of ours that is in `room`.

        Raises:
            StackError: It is not there, or not ours.
        """
        for one in await self.rooms.agents(room):
            if one.identity == identity and one.attributes.get("roomkeeper.incarnation"):
                return one.attributes["roomkeeper.incarnation"]
        raise StackError(f"{identity} is not an agent of ours in {room}")

    async def keeper(self) -> dict[str, Any]:
        """What the registry says of its room keeper."""
        keeper: dict[str, Any] = (await self.registry.get("/api/livekit/rooms"))["keeper"]
        return keeper

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            self._folder.mkdir(exist_ok=True)
            await self._start_servers(undo)
            for _ in range(self.fleet.n_workers):
                worker = self.new_worker()
                undo.push_async_callback(worker.aclose)
                await worker.start()
            self._rooms = await undo.enter_async_context(Rooms(self.server.address))
            await self.be_ready()
            if self.fleet.is_kept:
                await self._wait_for_keeper()
            self._undo = undo.pop_all()
        harness.say(f"{self.name}: up ({self._folder.name})")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._show_logs()
        await self._undo.aclose()

    async def _start_servers(self, undo: AsyncExitStack) -> None:
        """LiveKit must know where its webhooks go, and the registry LiveKit's keys: so the port comes first."""
        fleet, port, urls = self.fleet, free_port(), []
        if fleet.is_kept and fleet.has_webhooks:
            urls = [f"http://127.0.0.1:{port}{_WEBHOOKS}"]
        if urls and fleet.webhook_loss:
            self.webhooks = await undo.enter_async_context(
                LossyWebhooks(urls[0], loss=fleet.webhook_loss, dice=random.Random(fleet.seed))
            )
            urls = [self.webhooks.url]
        self._server = await undo.enter_async_context(LiveKitServer(folder=self._folder, webhook_urls=urls))
        if fleet.is_kept:
            registry = Registry(folder=self._folder, port=port, env=self._server.environment)
            self._registry = await undo.enter_async_context(registry)
        if fleet.is_kept and fleet.has_proxy:
            self._proxy = await undo.enter_async_context(Proxy(port))

    async def _wait_for_keeper(self) -> None:
        async def is_keeping() -> bool:
            try:
                keeper = await self.keeper()
            except aiohttp.ClientResponseError as error:
                raise StackError(f"this registry keeps no rooms: {error.status} {error.message}") from error
            return bool(keeper["isOn"] and keeper["isLeading"] and keeper["isReachable"])

        await until_answered(is_keeping, timeout=_KEEPER_TIMEOUT, what="the registry to keep rooms")

    def _show_logs(self) -> None:
        """The folder goes away now."""
        children = [worker.child for worker in self.workers]
        if self._registry is not None:
            children.append(self._registry.child)
        for child in children:
            if child.log.exists():
                harness.say(child.with_last_lines(f"{self.name}, {child.name}, when it failed"))


@asynccontextmanager
async def scenery() -> AsyncIterator[Scenery]:
    """What all stages of a benchmark share: models, and a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        async with LocalModels(folder=Path(root)) as models:
            yield Scenery(models=models, root=Path(root))


@dataclass(slots=True, kw_only=True)
class Scenery:
    models: LocalModels
    root: Path
    n_stages: int = 0

    def stage(self, fleet: Fleet) -> Stage:
        self.n_stages += 1
        return Stage(fleet, models=self.models, folder=self.root / f"stage-{self.n_stages}")


def parser(
    description: str | None, *, runs: int, peer_runs: int, **numbers: float
) -> argparse.ArgumentParser:
    """`harness.parser`, with the number of runs of each side; 0 leaves a side out."""
    return harness.parser(description, runs=runs, peer_runs=peer_runs, **numbers)


def sides(arguments: argparse.Namespace) -> Iterator[tuple[str, Path, int]]:
    """Name, agent and number of runs of each side that is measured, one after the other."""
    numbers = {harness.OURS: arguments.runs, harness.PEER: arguments.peer_runs}
    for name, agent in harness.agents_of(arguments).items():
        if numbers[name] > 0:
            yield name, agent, numbers[name]


async def agent_seen_at(attendance: Attendance, room: str, *, timeout: float, than: str = "") -> float | None:
    """When an agent other than `than` was seen in `room`; None = not within `timeout` seconds."""
    with suppress(LateError):
        _, at = await attendance.agent_in(room, timeout=timeout, not_one_of={than})
        return at
    return None
