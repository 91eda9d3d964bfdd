"""What looking up its profile adds to the start of a call, for each way in which a registry can be."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from bench import harness
from session.fetched_profiles import FetchedProfiles
from session.profiles import FETCHED
from session.registry_api import RegistryApi
from stack.ports import free_port
from stack.registry import Registry
from wire import DEFAULT_PROFILE, AgentId

AGENT = AgentId("bench")
_ALLOWED_MS = 20


async def write(url: str, name: str) -> None:
    fields = DEFAULT_PROFILE.model_copy(update={"name": name}).model_dump(mode="json", exclude_unset=True)
    headers = {"X-Requested-With": "bench"}
    async with (
        aiohttp.ClientSession() as http,
        http.put(f"{url}/api/agents/{AGENT}/profile", json=fields, headers=headers) as answer,
    ):
        if answer.status >= 300:
            raise RuntimeError(f"HTTP {answer.status}: {(await answer.text())[:200]}")


async def timed(url: str, folder: Path, *, n: int, before: Callable[[int], Awaitable[None]]) -> list[float]:
    """Milliseconds that each of `n` lookups holds up a call, after a first one that is not counted."""
    loop = asyncio.get_running_loop()
    api = RegistryApi(url)
    fetched = FetchedProfiles(api, folder=folder / FETCHED)
    waits = []
    try:
        await fetched.refresh(AGENT)
        for number in range(n):
            await before(number)
            begun_at = loop.time()
            await fetched.refresh(AGENT)
            waits.append((loop.time() - begun_at) * 1000)
    finally:
        await fetched.aclose()
        await api.aclose()
    return waits


async def nothing(_: int) -> None:
    await asyncio.sleep(0.01)


async def swallow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes a connection and never says anything."""
    try:
        await asyncio.sleep(3600)
    finally:
        writer.close()


async def measure(arguments: argparse.Namespace) -> harness.Report:
    logging.disable(logging.ERROR)
    n: int = arguments.calls
    measured: dict[str, list[float]] = {}
    async with AsyncExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="roomkeeper-bench-")))
        async with Registry(folder=folder) as registry:
            await write(registry.url, "Ada 0")

            async def change(number: int) -> None:
                await write(registry.url, f"Ada {number}")

            measured["up, unchanged"] = await timed(registry.url, folder, n=n, before=nothing)
            measured["up, changed each time"] = await timed(registry.url, folder, n=n, before=change)
        url = f"http://127.0.0.1:{free_port()}"
        measured["down, a copy is here"] = await timed(url, folder, n=n, before=nothing)
        hanging = await asyncio.start_server(swallow, "127.0.0.1", 0)
        port = hanging.sockets[0].getsockname()[1]
        measured["hanging, a copy is here"] = await timed(
            f"http://127.0.0.1:{port}", folder, n=n, before=nothing
        )
        measured["hanging, no copy"] = await timed(
            f"http://127.0.0.1:{port}", folder / "none", n=min(n, 20), before=nothing
        )
        hanging.close()
    return harness.Report(
        title="Looking up a profile",
        columns=("registry", "added to a call's start, p50 ms", "p95 ms", "worst ms"),
        rows=[_row(name, waits) for name, waits in measured.items()],
        raw=json.loads(json.dumps(measured)),
        notes=(
            f"{n} lookups each after a first one, at most {_ALLOWED_MS} ms wanted with a copy. The first lookup at a "
            "registry that hangs takes up to 1 s without a copy; for 10 s after it the registry counts as down.",
        ),
    )


def _row(name: str, waits: list[float]) -> tuple[str, ...]:
    return (name, *harness.spread(waits, 1), f"{max(waits):.1f}")


def options() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--json", type=Path, metavar="FILE", help="write all values there")
    found.add_argument("--calls", type=int, default=200, help="default: 200")
    return found


if __name__ == "__main__":
    sys.exit(harness.main(options(), measure, limit=300))
