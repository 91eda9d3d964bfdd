"""What `Models.stream` costs on a good server, against OpenAI's bare client: the first word, and many words."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import openai

from bench import harness
from bench.llm.asking import MODEL, Asker, BareClient, ask, be_quiet, our_models
from bench.llm.figures import milliseconds, raw, reached
from bench.llm.options import parser
from stack.children import Child
from stack.llm_stub import LlmStub
from stack.ports import free_port
from stack.probe import answers

_PEER = "openai client"
_FIRST_LIMIT = 0.001
_THROUGHPUT_LOSS = 0.02
_N_WARM_UP = 10
_N_ANSWERS = 20
_MOST_CONNECTIONS = 2
"""One for the answers, and one for the probe beside the first of them."""


@dataclass(slots=True, kw_only=True)
class Cost:
    """Of one side, in seconds."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    """To the end of a long answer."""

    cpu: list[float] = field(default_factory=list)
    """Of this process, for a long answer."""

    def rate(self, n_words: int) -> float:
        """Words in a second, median."""
        return n_words / harness.median(self.whole)


class Server:
    """The stub as a process of its own, so that its work is not ours."""

    def __init__(self, folder: Path, *, n_words: int) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        text = " ".join(["word"] * n_words)
        self._child = Child(
            [sys.executable, "-m", "stack.llm_stub", "--port", str(port), "--model", MODEL, "--answer", text],
            name="stub",
            log=folder / f"stub-{port}.log",
        )

    async def __aenter__(self) -> str:
        self._child.start()
        await self._child.ready(lambda: answers(f"{self.url}/models"), timeout=10)
        return self.url

    async def __aexit__(self, *_: object) -> None:
        await self._child.stop(timeout=2)


async def first_words(url: str, costs: Mapping[str, Cost], *, runs: int) -> None:
    async with AsyncExitStack() as undo:
        sides = await both(url, undo)
        for number in range(runs + _N_WARM_UP):
            for who, asker in in_turn(sides, number):
                answer = await ask(asker, to_the_end=True)
                assert not answer.error, answer
                if number >= _N_WARM_UP:
                    costs[who].first.append(answer.first_word)


async def long_answers(url: str, costs: Mapping[str, Cost], *, runs: int, n_words: int) -> None:
    async with AsyncExitStack() as undo:
        sides = await both(url, undo)
        for number in range(runs + 1):
            for who, asker in in_turn(sides, number):
                cpu_at = time.process_time()
                answer = await ask(asker, to_the_end=True)
                assert not answer.error, answer.error
                assert answer.text.count("word") == n_words
                if number:
                    costs[who].whole.append(answer.ended)
                    costs[who].cpu.append(time.process_time() - cpu_at)


async def connections(*, runs: int) -> dict[str, int]:
    """That each side opens for so many answers whose bodies end a moment after their last event."""
    opened = {}
    for who in (harness.OURS, _PEER):
        async with LlmStub() as stub, AsyncExitStack() as undo:
            stub.tail = 0.005
            asker = (await both(stub.url, undo))[who]
            for _ in range(runs):
                await ask(asker, to_the_end=True)
                await asyncio.sleep(0.02)
            opened[who] = stub.n_connections
    return opened


async def both(url: str, undo: AsyncExitStack) -> dict[str, Asker]:
    client = await undo.enter_async_context(openai.AsyncOpenAI(base_url=url, api_key="key", max_retries=0))
    return {harness.OURS: await undo.enter_async_context(our_models([url])), _PEER: BareClient(client)}


def in_turn(sides: dict[str, Asker], number: int) -> list[tuple[str, Asker]]:
    """Each side is first every other time."""
    pairs = list(sides.items())
    return pairs if number % 2 else pairs[::-1]


def rows_of(costs: dict[str, Cost], opened: dict[str, int], n_words: int) -> list[list[str]]:
    ours, peer = costs[harness.OURS], costs[_PEER]
    more = harness.median(ours.first) - harness.median(peer.first)
    gain = ours.rate(n_words) / peer.rate(n_words) - 1
    return [
        [
            "first word, ms",
            milliseconds(ours.first, 2),
            milliseconds(peer.first, 2),
            f"{1_000 * more:+.2f} ms",
            "≤ +1 ms",
            reached(more <= _FIRST_LIMIT),
        ],
        [
            f"{n_words:,} words, words/s",
            f"{ours.rate(n_words):,.0f}",
            f"{peer.rate(n_words):,.0f}",
            f"{100 * gain:+.1f} %",
            "≥ -2 %",
            reached(gain >= -_THROUGHPUT_LOSS),
        ],
        [
            "processor for a word, µs",
            *(f"{1e6 * harness.median(cost.cpu) / n_words:.1f}" for cost in (ours, peer)),
            "",
            "",
            "",
        ],
        [
            f"connections for {_N_ANSWERS} answers",
            *(str(opened[who]) for who in (harness.OURS, _PEER)),
            "",
            f"≤ {_MOST_CONNECTIONS}",
            reached(opened[harness.OURS] <= _MOST_CONNECTIONS),
        ],
    ]


async def measure(arguments: argparse.Namespace) -> harness.Report:
    be_quiet()
    costs = {harness.OURS: Cost(), _PEER: Cost()}
    with tempfile.TemporaryDirectory(prefix="roomkeeper-bench-") as root:
        async with Server(Path(root), n_words=6) as url:
            await first_words(url, costs, runs=arguments.runs)
        harness.say("first words: measured")
        async with Server(Path(root), n_words=arguments.words) as url:
            await long_answers(url, costs, runs=arguments.long_runs, n_words=arguments.words)
    opened = await connections(runs=_N_ANSWERS)
    return harness.Report(
        title="The price of Models.stream",
        columns=["what", harness.OURS, _PEER, "difference", "aim", "reached"],
        rows=rows_of(costs, opened, arguments.words),
        raw={who: {"first": raw(cost.first), "whole": raw(cost.whole)} for who, cost in costs.items()},
        notes=[
            f"First word: median / max of {arguments.runs} each; long answers: median of {arguments.long_runs} each, "
            "in turn, on connections that are open. The server is a process of its own and does not pause.",
        ],
    )


if __name__ == "__main__":
    options = parser(__doc__, quick={"runs": 50, "long_runs": 5}, runs=500, long_runs=30, words=2_000)
    sys.exit(harness.main(options, measure, limit=600))
