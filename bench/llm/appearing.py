"""A language model comes up on this machine: seconds until we know that it answers."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bench import harness
from bench.llm.asking import OurModels, ask, be_quiet, settings_of
from bench.llm.figures import NEVER, raw, reached, seconds
from bench.llm.options import parser
from llm.models import Models
from stack.llm_stub import Behaviour, LlmStub
from stack.ports import free_port

_LIMIT = 5.0
_PATIENCE = 30.0
_LONGEST_WAIT = 3.0
"""Seconds of chance, so that no try begins in step with our looks."""


async def found(stub: LlmStub, *, dice: random.Random) -> tuple[float, float]:
    """Nothing is known and nothing runs; then a server comes up on a port that is searched."""
    async with Models(settings_of(ports=[stub.port])) as models:
        await asyncio.sleep(4 + dice.uniform(0, _LONGEST_WAIT))
        return await _comes_up(models, stub)


async def back(stub: LlmStub, *, dice: random.Random, down: float) -> tuple[float, float]:
    """A known one answers, is killed under a request, is down for a while, and comes up again."""
    await stub.start()
    async with Models(settings_of([stub.url])) as models:
        await ask(OurModels(models))
        await stub.kill()
        await ask(OurModels(models))
        await asyncio.sleep(down + dice.uniform(0, _LONGEST_WAIT))
        return await _comes_up(models, stub)


async def unused(stub: LlmStub, *, dice: random.Random) -> tuple[float, float]:
    """A known one was never up, nobody asks for a word, and it comes up."""
    async with Models(settings_of([stub.url])) as models:
        await asyncio.sleep(4 + dice.uniform(0, _LONGEST_WAIT))
        return await _comes_up(models, stub)


async def loaded(stub: LlmStub, *, dice: random.Random) -> tuple[float, float]:
    """A known one says that it loads its model, for 5 to 8 s; counted from the end of that."""
    stub.loading_for = 5 + dice.uniform(0, _LONGEST_WAIT)
    stub.behaviour = Behaviour.LOADING
    await stub.start()
    loop = asyncio.get_running_loop()
    loaded_at = loop.time() + stub.loading_for
    async with Models(settings_of([stub.url])) as models:
        is_up = await models.wait_available(stub.loading_for + _PATIENCE)
        return (loop.time() - loaded_at if is_up else NEVER), (await ask(OurModels(models))).first_word


async def _comes_up(models: Models, stub: LlmStub) -> tuple[float, float]:
    """Seconds from when it listens until we know, and until the first word of one asked then."""
    assert not models.is_available
    loop = asyncio.get_running_loop()
    await stub.start()
    began_at = loop.time()
    is_up = await models.wait_available(_PATIENCE)
    took = loop.time() - began_at if is_up else NEVER
    return took, (await ask(OurModels(models))).first_word


async def tries(
    one: Callable[[LlmStub, random.Random], Awaitable[tuple[float, float]]], *, runs: int, at_once: int
) -> list[tuple[float, float]]:
    """A few at once: they mostly wait."""
    turn = asyncio.Semaphore(at_once)

    async def bounded(number: int) -> tuple[float, float]:
        async with turn:
            stub = LlmStub(port=free_port())
            try:
                return await one(stub, random.Random(number))
            finally:
                with suppress(OSError):
                    await stub.stop()

    return await asyncio.gather(*(bounded(number) for number in range(runs)))


async def measure(arguments: argparse.Namespace) -> harness.Report:
    be_quiet()
    cases: dict[str, Callable[[LlmStub, random.Random], Awaitable[tuple[float, float]]]] = {
        "a port that is searched, nothing known": lambda stub, dice: found(stub, dice=dice),
        "a known one, never up before": lambda stub, dice: unused(stub, dice=dice),
        "a known one, down for 4 to 7 s": lambda stub, dice: back(stub, dice=dice, down=4),
        "a known one, down for 30 to 33 s": lambda stub, dice: back(stub, dice=dice, down=30),
        "a known one, has loaded its model": lambda stub, dice: loaded(stub, dice=dice),
    }
    rows, values = [], {}
    for name, one in cases.items():
        pairs = await tries(one, runs=arguments.runs, at_once=arguments.at_once)
        known, words = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        rows.append(
            [
                name,
                str(len(pairs)),
                seconds(known),
                f"≤ {_LIMIT:g}",
                reached(max(known) <= _LIMIT),
                seconds(words),
            ]
        )
        values[name] = {"known": raw(known), "first_word": raw(words)}
        harness.say(f"{name}: measured")
    return harness.Report(
        title="A language model comes up",
        columns=["who comes up", "n", "until it is known, s", "aim", "reached", "then a first word, s"],
        rows=rows,
        raw=values,
        notes=[
            "Median / max, from the moment at which it listens (or has loaded). Nobody asks for words meanwhile."
        ],
    )


if __name__ == "__main__":
    options = parser(__doc__, quick={"runs": 3}, runs=10, at_once=5)
    sys.exit(harness.main(options, measure, limit=900))
