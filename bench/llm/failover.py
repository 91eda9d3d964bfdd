"""The first language model fails: seconds to the first word of the second one, which takes 50 ms."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from bench import harness
from bench.llm.asking import Answer, Asker, ask, be_quiet, fallback, our_models, own_address
from bench.llm.figures import NEVER, milliseconds, raw, reached, seconds
from bench.llm.options import parser
from stack.llm_stub import Behaviour, LlmStub

_DELAY = 0.05
_BUDGET = 3.0
_FIRST_LIMIT = _BUDGET + 0.3
_KNOWN_LIMIT = 0.005
PEER = "FallbackAdapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """How the first model fails."""

    behaviour: Behaviour | None
    """None = it was killed, and nothing listens any more."""

    lists_well: bool = False
    """It fails at chats only, although its kind of failure is mostly of the whole server."""

    is_distant: bool = False
    """On an address that does not look like this machine: asking it for a word may cost money."""


BAD: dict[str, Bad] = {
    "nothing listens": Bad(behaviour=None),
    "hangs before headers": Bad(behaviour=Behaviour.HANG),
    "silent after headers": Bad(behaviour=Behaviour.SILENT),
    "keep-alives only": Bad(behaviour=Behaviour.KEEP_ALIVE),
    "first word after 60 s": Bad(behaviour=Behaviour.SLOW_LOAD),
    "says that it loads, 60 s": Bad(behaviour=Behaviour.LOADING),
    "dies early": Bad(behaviour=Behaviour.DIES_EARLY),
    "dies in mid-sentence": Bad(behaviour=Behaviour.DIES),
    "401": Bad(behaviour=Behaviour.UNAUTHORIZED),
    "403": Bad(behaviour=Behaviour.FORBIDDEN),
    "404, no such model": Bad(behaviour=Behaviour.MISSING),
    "429": Bad(behaviour=Behaviour.RATE_LIMITED),
    "500": Bad(behaviour=Behaviour.ERROR),
    "500 to chats only": Bad(behaviour=Behaviour.ERROR, lists_well=True),
    "529": Bad(behaviour=Behaviour.OVERLOADED),
    "200, a page": Bad(behaviour=Behaviour.HTML),
    "200, an error": Bad(behaviour=Behaviour.ERROR_BODY),
    "200, an error as an event": Bad(behaviour=Behaviour.ERROR_IN_STREAM),
    "200, broken events": Bad(behaviour=Behaviour.BROKEN_FRAMES),
    "200, an empty stream": Bad(behaviour=Behaviour.EMPTY),
    "distant, nothing listens": Bad(behaviour=None, is_distant=True),
    "distant, hangs before headers": Bad(behaviour=Behaviour.HANG, is_distant=True),
    "distant, silent after headers": Bad(behaviour=Behaviour.SILENT, is_distant=True),
    "distant, dies in mid-sentence": Bad(behaviour=Behaviour.DIES, is_distant=True),
    "distant, 500 to chats only": Bad(behaviour=Behaviour.ERROR, lists_well=True, is_distant=True),
}

Side = Callable[[Sequence[str]], AbstractAsyncContextManager[Asker]]


@dataclass(slots=True, kw_only=True)
class Cell:
    """One side with one bad server; seconds to the first word."""

    first: list[float] = field(default_factory=list)
    """Of the first request of all. To the error, where words were said before it."""

    second: list[float] = field(default_factory=list)
    """Asked again at once."""

    later: list[float] = field(default_factory=list)
    """Asked again after a while, in which the bad one was looked after."""

    warm: list[float] = field(default_factory=list)
    """Of the first request after one that went well, in another run. To the error, as above."""

    errors: set[str] = field(default_factory=set)


def server(bad: Bad) -> LlmStub:
    """One that is good so far."""
    return LlmStub(delay=_DELAY, host=own_address() if bad.is_distant else "127.0.0.1")


async def spoil(stub: LlmStub, bad: Bad) -> None:
    """Make it fail."""
    if bad.behaviour is None:
        await stub.kill()
        return
    stub.behaviour = bad.behaviour
    stub.probe_behaviour = Behaviour.OK if bad.lists_well else None


async def cold(bad: Bad, side: Side, cell: Cell, *, pause: float) -> None:
    async with server(bad) as first, LlmStub(delay=_DELAY) as good:
        await spoil(first, bad)
        async with side([first.url, good.url]) as asker:
            answer = await _ask(asker, bad)
            cell.first.append(_moment(answer))
            cell.errors |= {answer.error} - {""}
            cell.second.append(_known(await _ask(asker, bad)))
            if pause:
                await asyncio.sleep(pause)
                cell.later.append(_known(await _ask(asker, bad)))


async def warm(bad: Bad, side: Side, cell: Cell) -> None:
    async with (
        server(bad) as first,
        LlmStub(delay=_DELAY) as good,
        side([first.url, good.url]) as asker,
    ):
        await ask(asker, to_the_end=True)
        await spoil(first, bad)
        cell.warm.append(_moment(await _ask(asker, bad)))


async def _ask(asker: Asker, bad: Bad) -> Answer:
    return await ask(asker, to_the_end=bad.behaviour is Behaviour.DIES)


def _moment(answer: Answer) -> float:
    return answer.ended if answer.error and answer.text else answer.first_word


def _known(answer: Answer) -> float:
    return NEVER if answer.error else answer.first_word


async def healthy(side: Side, *, runs: int) -> float:
    """Median seconds to the first word when there are two good servers."""
    values = []
    async with (
        LlmStub(delay=_DELAY) as one,
        LlmStub(delay=_DELAY) as other,
        side([one.url, other.url]) as asker,
    ):
        await ask(asker)
        for _ in range(runs):
            values.append((await ask(asker)).first_word)
    return harness.median(values)


def row(name: str, ours: Cell, peer: Cell, base: dict[str, float]) -> list[str]:
    again, later, its = (
        [value - base[who] for value in values]
        for who, values in ((harness.OURS, ours.second), (harness.OURS, ours.later), (PEER, peer.second))
    )
    is_reached = (
        max(ours.first + ours.warm) <= _FIRST_LIMIT,
        harness.median(again) <= _KNOWN_LIMIT,
        not later or harness.median(later) <= _KNOWN_LIMIT,
    )
    return [
        name + (f" ({', '.join(sorted(ours.errors))})" if ours.errors else ""),
        seconds(ours.first),
        seconds(ours.warm),
        milliseconds(again),
        milliseconds(later),
        reached(*is_reached),
        seconds(peer.first),
        milliseconds(its),
    ]


def notes(arguments: argparse.Namespace, base: dict[str, float]) -> list[str]:
    ours, its = (f"{1_000 * base[who]:.1f} ms" for who in (harness.OURS, PEER))
    return [
        f"Median / max of {arguments.runs} ({PEER}: {arguments.peer_runs}). “More” than with two good servers, where "
        f"the first word takes {ours} ({PEER}: {its}). Aims: first word ≤ {_FIRST_LIMIT:g} s always; again, and "
        f"later, ≤ {1_000 * _KNOWN_LIMIT:g} ms more (medians). In mid-sentence: seconds to the error. "
        "Never: not in 20 s, or broken off, or without a word.",
    ]


async def measure(arguments: argparse.Namespace) -> harness.Report:
    be_quiet()
    sides: dict[str, Side] = {harness.OURS: our_models, PEER: fallback}
    base = {who: await healthy(side, runs=20) for who, side in sides.items()}
    rows, values = [], {}
    for name, bad in BAD.items():
        if arguments.only not in name:
            continue
        cells = {who: Cell() for who in sides}
        for number in range(arguments.runs):
            await cold(bad, our_models, cells[harness.OURS], pause=arguments.pause)
            await warm(bad, our_models, cells[harness.OURS])
            if number < arguments.peer_runs:
                await cold(bad, fallback, cells[PEER], pause=0.0)
        rows.append(row(name, cells[harness.OURS], cells[PEER], base))
        harness.say(" | ".join(rows[-1]))
        values[name] = {
            who: {what: raw(getattr(cell, what)) for what in ("first", "warm", "second", "later")}
            for who, cell in cells.items()
        }
    return harness.Report(
        title="The first language model fails",
        columns=[
            "first model",
            "first word, s",
            "it was well before, s",
            "again, ms more",
            f"{arguments.pause:g} s later, ms more",
            "reached",
            f"{PEER}: first word, s",
            "again, ms more",
        ],
        rows=rows,
        raw={"healthy": base, "values": values},
        notes=notes(arguments, base),
    )


if __name__ == "__main__":
    options = parser(__doc__, quick={"runs": 1, "peer_runs": 1}, runs=5, peer_runs=2, pause=5.0)
    options.add_argument("--only", default="", metavar="WORD", help="measure those whose name has it")
    sys.exit(harness.main(options, measure, limit=3_600))
