"""The agent service as a process, with 200 questions at once; and while one of its two language models is killed."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from bench import harness
from bench.harness import percentile
from bench.llm.asking import MODEL
from bench.llm.burst import Line, Reply, burst, lines, post
from bench.llm.figures import raw, reached
from bench.llm.options import parser
from stack.children import Child
from stack.ports import free_port
from stack.probe import answers

_ANSWER = "It is a fine day."
_DELAY = 0.05
_KILL_AFTER = 0.02
"""Seconds into a burst: all questions are on their way, and no first word is."""

_LIMIT = 0.15
_HEADLINE = ["what", "n", "p50, ms", "p99, ms", "max, ms", "lost", "aim", "reached"]

_EMPTY = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "JWT_SECRET", "TAVILY_API_KEY", "E2B_API_KEY", "DATABASE_URL")
_NOBODYS = ("USE_CLOUD_LLM", "LLM_CONTAINER_NAME", "AGENT_BACKEND_URL")


class Process:
    """A program with a port, and its log."""

    def __init__(self, command: Sequence[str], *, name: str, folder: Path, env: dict[str, str]) -> None:
        self.port = free_port()
        self.child = Child(
            [sys.executable, "-m", *command, "--port", str(self.port)],
            name=name,
            log=folder / f"{name}.log",
            env=env,
            cwd=folder,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Seconds of the processor that it has taken."""
        times = psutil.Process(self.child.pid).cpu_times()
        return float(times.user + times.system)

    async def ready(self, path: str) -> None:
        await self.child.ready(lambda: answers(f"{self.url}{path}"), timeout=20)

    async def __aenter__(self) -> Self:
        self.child.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.child.stop(timeout=5)


def stub(folder: Path, name: str) -> Process:
    command = ["stack.llm_stub", "--model", MODEL, "--delay", str(_DELAY), "--answer", _ANSWER]
    return Process(command, name=name, folder=folder, env={})


def service(folder: Path, urls: Sequence[str]) -> Process:
    env = {
        "LLM_URLS": ",".join(f"{url}/v1#{MODEL}" for url in urls),
        "AGENT_AUTO_DISCOVERY": "false",
        "ROOMKEEPER_HOME": str(folder / "state"),
        **dict.fromkeys((*_EMPTY, *_NOBODYS), ""),
    }
    return Process(["service"], name="service", folder=folder, env=env)


def n_lost(replies: Sequence[Reply]) -> int:
    """Those that got no answer of a model."""
    return sum(reply.status != 200 or reply.body.get("response") != _ANSWER for reply in replies)


def row(what: str, replies: Sequence[Reply], *, limit: float | None, may_lose: bool = False) -> list[str]:
    times = [reply.took for reply in replies]
    shown = [f"{1_000 * percentile(times, share):.0f}" for share in (0.5, 0.99, 1.0)]
    lost = n_lost(replies)
    aims = [f"p99 ≤ {1_000 * limit:g} ms"] if limit is not None else []
    aims += [] if may_lose else ["none lost"]
    is_reached = (limit is None or percentile(times, 0.99) <= limit) and (may_lose or not lost)
    return [
        what,
        str(len(times)),
        *shown,
        "" if may_lose else str(lost),
        ", ".join(aims),
        reached(is_reached) if aims else "",
    ]


def question(port: int) -> bytes:
    return post("/poll_requests", {"message": "How is the day?"}, port=port)


async def healthy(folder: Path, *, runs: int, n: int) -> tuple[list[Reply], list[Reply], list[Reply], float]:
    """First burst on new connections, further bursts, the stub alone, and the service's milliseconds for a question."""
    async with stub(folder, "stub") as model:
        await model.ready("/v1/models")
        chat = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "How is the day?"}]}
        alone: list[Reply] = []
        open_lines = await lines(model.port, n)
        for _ in range(runs + 1):
            alone += await burst(open_lines, post("/v1/chat/completions", chat, port=model.port))
        close(open_lines)
        async with service(folder, [model.url]) as ours:
            await ours.ready("/ready")
            open_lines = await lines(ours.port, n)
            request = question(ours.port)
            first = await burst(open_lines, request)
            further: list[Reply] = []
            cpu_at = ours.cpu()
            for _ in range(runs):
                await asyncio.sleep(0.5)
                further += await burst(open_lines, request)
            each = 1_000 * (ours.cpu() - cpu_at) / max(1, len(further))
            close(open_lines)
            return first, further, alone[n:], each


async def killed(folder: Path, *, n: int) -> list[Reply]:
    """A burst in the middle of which the model that is asked dies."""
    async with stub(folder, "stub-1") as one, stub(folder, "stub-2") as other:
        await asyncio.gather(one.ready("/v1/models"), other.ready("/v1/models"))
        async with service(folder, [one.url, other.url]) as ours:
            await ours.ready("/ready")
            open_lines = await lines(ours.port, n)
            request = question(ours.port)
            await burst(open_lines, request)
            await asyncio.sleep(0.5)
            asking = asyncio.create_task(burst(open_lines, request), name="burst")
            await asyncio.sleep(_KILL_AFTER)
            one.child.kill()
            replies = await asking
            close(open_lines)
            return replies


def close(open_lines: Sequence[Line]) -> None:
    for line in open_lines:
        line.close()


async def measure(arguments: argparse.Namespace) -> harness.Report:
    n = arguments.n
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        first, further, alone, each = await healthy(Path(root), runs=arguments.runs, n=n)
    harness.say("healthy: measured")
    broken: list[Reply] = []
    for number in range(arguments.kills):
        with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
            broken += await killed(Path(root), n=n)
        harness.say(f"killed: {number + 1} of {arguments.kills}")
    cases: dict[str, Sequence[Reply]] = {
        f"{n} at once": further,
        "the first of them": first,
        "the stub killed before its first word": broken,
        "the stub alone, without the service": alone,
    }
    limits = (_LIMIT, None, None, None)
    values: dict[str, Any] = {what: raw([reply.took for reply in replies]) for what, replies in cases.items()}
    return harness.Report(
        title=f"The agent service, {n} questions at once",
        columns=_HEADLINE,
        rows=[
            row(what, replies, limit=limit, may_lose=replies is alone)
            for (what, replies), limit in zip(cases.items(), limits, strict=True)
        ],
        raw=values,
        notes=[
            f"POST /poll_requests without a thread, on open connections, {arguments.runs} times; the stub's first word "
            f"takes {1_000 * _DELAY:g} ms. Service, stubs and load are processes on the same cores. The service takes "
            f"{each:.2f} ms of the processor for a question. Killed (SIGKILL) after {1_000 * _KILL_AFTER:g} ms, "
            f"{arguments.kills} times, with a second stub beside it.",
        ],
    )


if __name__ == "__main__":
    options = parser(__doc__, quick={"runs": 3, "kills": 1}, runs=10, kills=3, n=200)
    sys.exit(harness.main(options, measure, limit=600))
