"""What every end-to-end test stands on. One server, one set of models and one worker serve most of them."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from stack.caller import Caller
from stack.livekit_server import LiveKitServer
from stack.local_models import LocalModels
from stack.rooms import Rooms
from stack.worker import Worker

GRACE = 3.0
"""Seconds. Short, but the same rule."""

LIMIT = 180.0
"""Seconds for a test that names no limit of its own."""

CLEANING_UP = 90.0
"""Seconds that a test has to put away what it began, until pytest-timeout ends that, too."""

_E2E = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(_E2E):
            item.add_marker(pytest.mark.e2e)
            marker = item.get_closest_marker("timeout")
            limit = LIMIT if marker is None else float(marker.args[0])
            item.obj = _limited(item.obj, limit)
            item.add_marker(pytest.mark.timeout(limit + CLEANING_UP), append=False)


def _limited(test: Callable[..., Awaitable[None]], limit: float) -> Callable[..., Awaitable[None]]:
    """The test, failing by itself after `limit` seconds: those after it still have their servers."""

    @functools.wraps(test)
    async def limited(**fixtures: object) -> None:
        async with asyncio.timeout(limit):
            await test(**fixtures)

    return limited


@pytest.fixture(autouse=True)
def _beside(request: pytest.FixtureRequest) -> Iterator[None]:
    """Halves of these tests may run side by side, but what is marked `alone` takes the whole machine."""
    path = os.environ.get("E2E_LOCK")
    if path is None:
        yield
        return
    is_alone = request.node.get_closest_marker("alone") is not None
    with Path(path).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def _no_asyncio_debug() -> None:
    """Debug mode keeps a traceback for each of the hundreds of sound frames in a second; ten callers drown in it."""
    asyncio.get_running_loop().set_debug(False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def models(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalModels]:
    async with LocalModels(folder=tmp_path_factory.mktemp("models")) as models:
        yield models


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def livekit(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveKitServer]:
    async with LiveKitServer(folder=tmp_path_factory.mktemp("livekit")) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rooms(livekit: LiveKitServer) -> AsyncIterator[Rooms]:
    async with Rooms(livekit.address) as rooms:
        yield rooms


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worker(
    livekit: LiveKitServer, models: LocalModels, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Worker]:
    """A worker with the default settings, but for a short grace. pytest keeps its log."""
    async with Worker(
        livekit.address,
        models_url=models.url,
        env={"GRACE_PERIOD": str(GRACE)},
        folder=tmp_path_factory.mktemp("worker"),
    ) as worker:
        await worker.wait_until_warm(2)
        yield worker


_numbers = itertools.count(1)


@pytest.fixture
def room() -> str:
    """The name of a room of one's own: LiveKit needs 45 s before a deleted name is safe again."""
    return f"agent-t{next(_numbers)}-room"


@pytest_asyncio.fixture(loop_scope="session")
async def caller(
    livekit: LiveKitServer, models: LocalModels, room: str
) -> AsyncIterator[Callable[..., Caller]]:
    """Makes callers of the test's room, who understand what is heard; not joined yet. Who is still in leaves."""

    def make(identity: str = "guest", *, room_name: str = room, **options: object) -> Caller:
        made = Caller(livekit.address, room_name, identity, models_url=models.url, **options)  # type: ignore[arg-type]
        leaving.push_async_callback(made.leave)
        return made

    async with AsyncExitStack() as leaving:
        yield make
