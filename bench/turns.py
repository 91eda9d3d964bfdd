"""How turns are taken: waiting for an answer, being cut off in a pause, cutting the agent off, coughing at it.

Each setting of a profile's `turns` beside a plain LiveKit agent, with spoken sentences on the local models.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bench import harness
from stack.caller import Caller, speak
from stack.errors import LateError
from wire import DEFAULT_PROFILE, Turns

GREETING = (
    "Hello, this is Ada at Harbour Hotel, and I am glad that you are here with us today. Breakfast is served from "
    "seven to ten on the ground floor, and the pool on the fifth floor is open until nine. "
    "Please tell me now how I can help you."
)
"""Long enough to be interrupted twice."""

QUESTION = "Please tell me the wi-fi password."
HALVES = ("Please tell me where", "the swimming pool is.")
PAUSES = (0.6, 1.0)
"""Seconds between the halves."""

BARGE_IN = "Excuse me, I have a question about breakfast."
COUGH = 0.2
"""Seconds of noise."""

MURMUR = "Okay."
"""What a listener says who does not want to interrupt."""

_LIMIT = 20.0
_INTO = 1.5
"""Seconds of the greeting before somebody says something."""
_STOPS_WITHIN = 4.0
"""Seconds after which an agent that still speaks was not interrupted."""
_GAP = 0.6
"""Seconds of silence that are no pause between two sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One setting, and which half of the measurements tells something about it."""

    name: str
    turns: Turns | None
    """None = the plain agent."""
    agent_id: str = "1"
    interrupts: bool = True
    ends: bool = True


MODES = (
    Mode(name="default: voice, model", turns=Turns(), agent_id="default-turns"),
    Mode(name="words", turns=Turns(interruptions="words"), agent_id="words", ends=False),
    Mode(name="no interruptions", turns=Turns(interruptions="off"), agent_id="off", ends=False),
    Mode(name="voice from 0.2 s", turns=Turns(min_speech=0.2), agent_id="quick", ends=False),
    Mode(name="silence, 0.5 s", turns=Turns(end="silence"), agent_id="silence", interrupts=False),
    Mode(
        name="silence, 1.2 s", turns=Turns(end="silence", min_delay=1.2), agent_id="patient", interrupts=False
    ),
    Mode(name="model, at most 3 s", turns=Turns(max_delay=3.0), agent_id="model-3", interrupts=False),
    Mode(name=harness.PEER, turns=None),
)


@dataclass(slots=True)
class Measured:
    answers: list[float] = field(default_factory=list)
    """Seconds from the end of a question to the first audio of its answer."""
    false_ends: dict[float, list[bool]] = field(default_factory=lambda: {pause: [] for pause in PAUSES})
    """Whether the agent took the turn in a pause of so many seconds."""
    stops: list[float] = field(default_factory=list)
    """Seconds from the human's first sound to the agent's last one."""
    n_not_stopped: int = 0
    coughs: list[float] = field(default_factory=list)
    """Seconds for which the agent fell silent after a cough; 0 = it went on."""
    murmurs: list[float] = field(default_factory=list)
    n_lost: int = 0
    """Times that nothing was heard."""


async def quiet(caller: Caller) -> None:
    await caller.wait_for_silence(limit=40, pause=1.2)


async def interrupt(caller: Caller, measured: Measured) -> None:
    """Cut the greeting off, and let the agent finish what it says then."""
    loop = asyncio.get_running_loop()
    identity, started_at = await caller.hear_start(after=0, limit=_LIMIT)
    await asyncio.sleep(max(0.0, started_at + _INTO - loop.time()))
    said = await caller.say(BARGE_IN)
    await asyncio.sleep(max(0.0, said.started_at + _STOPS_WITHIN + _GAP - loop.time()))
    stopped_at = _falls_silent(caller, identity, said.started_at, said.started_at + _STOPS_WITHIN)
    if stopped_at is None:
        measured.n_not_stopped += 1
    else:
        measured.stops.append(stopped_at - said.started_at)
        with suppress(LateError):  # the answer to it: the next question must not be spoken into it
            await caller.hear_start(after=max(said.ended_at, stopped_at), limit=_LIMIT)
    await quiet(caller)


async def disturb(caller: Caller, measured: Measured) -> None:
    """Cough into the greeting, and murmur into it later."""
    loop = asyncio.get_running_loop()
    identity, started_at = await caller.hear_start(after=0, limit=_LIMIT)
    await asyncio.sleep(max(0.0, started_at + _INTO - loop.time()))
    coughed_at = loop.time()
    await caller.make_noise(COUGH)
    await asyncio.sleep(4.0)
    murmur = await caller.say(MURMUR)
    await asyncio.sleep(4.0)
    measured.coughs.append(_gap_after(caller, identity, coughed_at, within=2.0))
    measured.murmurs.append(_gap_after(caller, identity, murmur.started_at, within=2.0))


async def ask(caller: Caller, measured: Measured) -> None:
    said = await caller.say(QUESTION)
    _, answered_at = await caller.hear_start(after=said.ended_at, limit=_LIMIT)
    measured.answers.append(answered_at - said.ended_at)
    await quiet(caller)


async def hesitate(caller: Caller, measured: Measured, pause: float) -> None:
    """Ask with a pause in the middle."""
    loop = asyncio.get_running_loop()
    first = await caller.say(HALVES[0])
    states: set[str] = set()

    async def watch() -> None:
        while True:
            states.update(one.attributes.get("lk.agent.state", "") for one in caller.others)
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch(), name="bench-states")
    await asyncio.sleep(max(0.0, first.ended_at + pause - loop.time()))
    second = await caller.say(HALVES[1])
    watching.cancel()
    await asyncio.wait({watching})
    took_turn = bool(states & {"thinking", "speaking"})
    measured.false_ends[pause].append(took_turn)
    await caller.hear_start(after=second.ended_at if not took_turn else first.ended_at, limit=_LIMIT)
    await quiet(caller)


def _falls_silent(caller: Caller, identity: str, start: float, end: float) -> float | None:
    """When the last sound before a gap was heard that begins between two moments; None = there is no gap."""
    sound = caller.sound_of(identity)
    at: float | None = start
    while at is not None and at <= end:
        following = sound.first_audible(at + 0.001)
        if following is None or following - at >= _GAP:
            return at
        at = following
    return None


def _gap_after(caller: Caller, identity: str, start: float, *, within: float) -> float:
    """Seconds of silence that begin soon after `start`, as far as they are over by now; 0 = the agent went on."""
    at = _falls_silent(caller, identity, start, start + within)
    if at is None:
        return 0.0
    following = caller.sound_of(identity).first_audible(at + 0.001)
    return (asyncio.get_running_loop().time() if following is None else following) - at


@asynccontextmanager
async def call(side: harness.Side, mode: Mode, measured: Measured) -> AsyncIterator[Caller]:
    """A call whose agent has `mode`. What is not heard in time is counted, and the call ends."""
    room = f"agent-{mode.agent_id}-room"
    try:
        async with side.caller(room) as caller:
            yield caller
    except LateError as error:
        measured.n_lost += 1
        harness.say(f"{mode.name}: {error}")
    try:
        await side.end_call(room)
    except LateError as error:  # a plain worker calls itself full while the processor is busy
        harness.say(f"{mode.name}: {error}")


async def one_round(side: harness.Side, mode: Mode, measured: Measured) -> None:
    async with call(side, mode, measured) as caller:
        if mode.interrupts:
            await interrupt(caller, measured)
        else:
            await caller.hear_start(after=0, limit=_LIMIT)
            await quiet(caller)
        await ask(caller, measured)
        if mode.ends:
            for pause in PAUSES:
                await hesitate(caller, measured, pause)
    if mode.interrupts:
        async with call(side, mode, measured) as caller:
            await disturb(caller, measured)


def write_profiles(side: harness.Side) -> None:
    folder = side.worker.folder / "home" / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    for mode in MODES:
        if mode.turns is not None:
            profile = DEFAULT_PROFILE.model_copy(update={"greeting": GREETING, "turns": mode.turns})
            (folder / f"{mode.agent_id}.json").write_text(profile.model_dump_json())


async def measure(arguments: argparse.Namespace) -> harness.Report:
    for text in (QUESTION, BARGE_IN, MURMUR, *HALVES):
        speak(text)  # once: making it takes time, too
    modes = [mode for mode in MODES if arguments.only in mode.name]
    measured = {mode.name: Measured() for mode in modes}
    agents = harness.agents_of(arguments)
    async with harness.Bench(agents, env={"BENCH_GREETING": GREETING}) as bench:
        sides: Mapping[str, harness.Side] = {side.name: side for side in bench.sides}
        write_profiles(sides[harness.OURS])
        for number in range(1, arguments.rounds + 1):
            for mode in modes:
                side = sides[harness.PEER if mode.turns is None else harness.OURS]
                await one_round(side, mode, measured[mode.name])
                harness.say(f"{mode.name}: {_raw(measured[mode.name])}")
            harness.say(f"{number} of {arguments.rounds} rounds")
    return harness.Report(
        title="Turns",
        columns=(
            "turns",
            "question → answer, p50 s",
            "worst s",
            *(f"cut off in a pause of {pause:g} s" for pause in PAUSES),
            "interruption → silence, p50 s",
            "worst s",
            f"silent after {COUGH:g} s of noise",
            f"after “{MURMUR}”",
            "lost",
        ),
        rows=[(name, *_row(one)) for name, one in measured.items()],
        raw={name: _raw(one) for name, one in measured.items()},
        notes=(
            f"{arguments.rounds} rounds each, alternating; local models. Cut off: the agent took the turn before the "
            "sentence was over. Silent: times that the agent stopped for longer than between two sentences, and for "
            "how long (p50).",
        ),
    )


def _row(one: Measured) -> list[str]:
    def worst(values: list[float]) -> str:
        return f"{max(values):.2f}" if values else "–"

    def half(values: list[float]) -> str:
        return f"{harness.median(values):.2f}" if values else "–"

    def gaps(values: list[float]) -> str:
        silent = [value for value in values if value]
        if not values:
            return "–"
        length = f" ({harness.median(silent):.1f} s)" if silent else ""
        return f"{len(silent)} of {len(values)}{length}"

    n_tried = len(one.stops) + one.n_not_stopped
    return [
        half(one.answers),
        worst(one.answers),
        *(f"{sum(ends)} of {len(ends)}" if ends else "–" for ends in one.false_ends.values()),
        half(one.stops) if one.stops else ("never" if n_tried else "–"),
        worst(one.stops) + (f", {one.n_not_stopped} never" if one.n_not_stopped and one.stops else ""),
        gaps(one.coughs),
        gaps(one.murmurs),
        str(one.n_lost),
    ]


def _raw(one: Measured) -> dict[str, object]:
    return {
        "answers": one.answers,
        "false_ends": {str(pause): ends for pause, ends in one.false_ends.items()},
        "stops": one.stops,
        "not_stopped": one.n_not_stopped,
        "coughs": one.coughs,
        "murmurs": one.murmurs,
        "lost": one.n_lost,
    }


def options() -> argparse.ArgumentParser:
    found = harness.parser(__doc__, rounds=5)
    found.add_argument("--only", default="", metavar="TEXT", help="settings whose name has this in it")
    return found


if __name__ == "__main__":
    sys.exit(harness.main(options(), measure, limit=3600))
