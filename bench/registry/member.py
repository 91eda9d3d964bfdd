"""A process of a fleet: beats if it is told to, and measures how late its own main loop is.

`python -m bench.registry.member`. It says "up" when it runs, and its lateness as one JSON line when SIGTERM ends
it. SIGUSR1 blocks its main loop.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import signal
import statistics
import sys
import time
from collections.abc import Sequence

import msgspec
from pydantic import SecretStr

BLOCKED = 30.0
"""Seconds that SIGUSR1 blocks the main loop: longer than anybody may take to notice."""

_PROBE_INTERVAL = 0.005
_SETTLE = 2.0
"""Seconds at the start that do not count: imports and the first connection are paid once."""


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """How late callbacks of a main loop were, in milliseconds."""

    probes: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    p999_ms: float = 0.0
    max_ms: float = 0.0


class LoopProbe:
    """Asks the running loop for a callback again and again, and notes how late each one comes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._late: list[float] = []
        self._due_at = self._loop.time() + _SETTLE
        self._timer = self._loop.call_at(self._due_at, self._look)

    def end(self) -> Lateness:
        self._timer.cancel()
        late = [1000 * seconds for seconds in self._late]
        if len(late) < 2:
            return Lateness(probes=len(late))
        cuts = statistics.quantiles(late, n=1000)
        return Lateness(
            probes=len(late), p50_ms=cuts[499], p99_ms=cuts[989], p999_ms=cuts[998], max_ms=max(late)
        )

    def _look(self) -> None:
        now = self._loop.time()
        self._late.append(now - self._due_at)
        # From now and not from the last due moment: a loop that was blocked once is late once.
        self._due_at = now + _PROBE_INTERVAL
        self._timer = self._loop.call_at(self._due_at, self._look)


async def run(arguments: argparse.Namespace) -> Lateness:
    loop = asyncio.get_running_loop()
    told_to_stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told_to_stop.set)
    loop.add_signal_handler(signal.SIGUSR1, time.sleep, BLOCKED)
    probe = LoopProbe()
    if arguments.without_sender:
        print("up", flush=True)
        await told_to_stop.wait()
        return probe.end()
    # Here and not above: a process without a sender has not imported it.
    from heartbeat.facts import Facts  # noqa: PLC0415
    from heartbeat.sender import Sender  # noqa: PLC0415
    from wire import Kind  # noqa: PLC0415

    facts = Facts(agent_id=arguments.id, kind=Kind.PROGRAM, name=arguments.id, host="bench")
    token = SecretStr(os.environ["REGISTRY_TOKEN"]) if os.environ.get("REGISTRY_TOKEN") else None
    sender = Sender(arguments.url, token=token, describe=lambda: facts, loop=loop)
    sender.start()
    print("up", flush=True)
    await told_to_stop.wait()
    lateness = probe.end()
    await sender.stop_async("told to stop")
    return lateness


def command(
    *, url: str = "", agent_id: str = "", without_sender: bool = False, importing: Sequence[str] = ()
) -> list[str]:
    """What starts such a process."""
    parts = [sys.executable, "-m", "bench.registry.member", "--url", url, "--id", agent_id]
    if without_sender:
        parts.append("--without-sender")
    return parts + (["--importing", *importing] if importing else [])


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", help="the registry's")
    options.add_argument("--id", help="agent id")
    options.add_argument("--without-sender", action="store_true")
    options.add_argument(
        "--importing", nargs="*", default=[], metavar="MODULE", help="imported before anything"
    )
    arguments = options.parse_args()
    logging.basicConfig(level=logging.INFO)
    for module in arguments.importing:
        importlib.import_module(module)
    print(msgspec.json.encode(asyncio.run(run(arguments))).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
