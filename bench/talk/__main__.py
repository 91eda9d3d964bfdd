"""How long a human with a browser waits: for the first word, for captions, after a reload, and after a kill -9."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from bench import harness
from bench.rooms.figures import NEVER, Aim, Figures
from bench.rooms.stage import Fleet, Stage, scenery
from bench.talk.writer import write_captions
from stack.browser import Browser, TalkPage
from stack.errors import LateError
from stack.until import until_answered

QUESTION = "Please tell me the wi-fi password."

_LEAD = 7.0
"""Seconds of silence before the question: the greeting is over by then."""
_LIMIT = 20.0
_SETTLED = 1.0
"""Seconds that a page is open before somebody presses its button."""

_SENTENCES = 4
_WORDS = 10
"""Captions that are written in one call, and how often each of them grows."""

_CAPTIONS = """
  // For every caption that is new, or newer: milliseconds from when it was sent until it stood on the page.
  (() => {
    const delays = (window.__captions = []);
    const texts = (window.__texts = {});  // when each text of a line was first shown, in milliseconds of the clock
    const known = new WeakMap();
    addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
      for (const each of document.querySelectorAll("#talk-lines .text")) texts[each.textContent] ??= Date.now();
      for (const line of document.querySelectorAll("#talk-lines [data-sent]")) {
        const sent = Number(line.dataset.sent);
        if (known.get(line) === sent) continue;
        known.set(line, sent);
        delays.push(Date.now() - sent);
      }
    }).observe(document.body, {
      subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-sent"],
    }));
  })();
"""


def now_ms() -> float:
    return time.time() * 1000


async def opened(stage: Stage, browser: Browser, room: str) -> TalkPage:
    """The talk page of the agent that belongs in `room`, loaded and at rest."""
    context = await browser.context()
    await context.add_init_script(_CAPTIONS)
    agent_id = room.removeprefix("agent-").removesuffix("-room")
    talk = await browser.open(f"{stage.registry.url}/talk/{agent_id}", context)
    await asyncio.sleep(_SETTLED)
    return talk


async def done(stage: Stage, talk: TalkPage, room: str) -> None:
    await talk.page.context.close()
    await stage.end(room)
    await stage.be_ready()


async def one_call(stage: Stage, browser: Browser, figures: Figures) -> None:
    """Join, hear the greeting, ask by voice, read both."""
    room = stage.new_room()
    talk = await opened(stage, browser, room)
    at = await talk.join()
    figures.add(
        harness.OURS,
        "click on join → first audible word, s",
        await waited(talk.heard(after=at, limit=_LIMIT), at),
        aim=Aim(share=0.95, limit=1.5),
    )
    await asyncio.sleep(_LEAD + 5)  # the greeting, the question and the beginning of its answer
    delays: list[float] = await talk.page.evaluate("window.__captions")
    for delay in delays:
        figures.add(harness.OURS, "a call's caption: stream begun → shown, ms", delay)
    await one_writer(stage, talk, room, figures)
    await done(stage, talk, room)


async def one_writer(stage: Stage, talk: TalkPage, room: str, figures: Figures) -> None:
    """Let a participant write captions whose every word has its moment, and see when it is shown."""
    told = await write_captions(stage.server.address, room, sentences=_SENTENCES, words=_WORDS)
    await asyncio.sleep(_SETTLED)
    shown: dict[str, float] = await talk.page.evaluate("window.__texts")
    for text, at in told:
        figures.add(
            harness.OURS,
            "a caption's word: there → shown, ms",
            _shown_at(shown, text) - at,
            aim=Aim(share=0.95, limit=300),
        )


def _shown_at(shown: dict[str, float], text: str) -> float:
    """When `text`, or a longer one that it begins, was first shown: two words may come together."""
    return min((at for found, at in shown.items() if f"{found} ".startswith(f"{text} ")), default=NEVER)


async def one_reload(stage: Stage, browser: Browser, figures: Figures) -> None:
    """Reload the page in a call. It talks again when an answer is heard; it is back when agent and microphone are."""
    room = stage.new_room()
    talk = await opened(stage, browser, room)
    at = await talk.join()
    await talk.heard(after=at, limit=_LIMIT)
    # The greeting is over, or its rest would be taken for the answer.
    at = await talk.seen("state", "Speaking", after=at, limit=_LIMIT)
    await talk.seen("state", "Listening", after=at, limit=_LIMIT)
    identity = await talk.identity()
    old = {one.sid for one in await stage.rooms.participants(room)}
    at = now_ms()
    await talk.page.reload(wait_until="commit")

    async def is_back() -> float | None:
        there = await stage.rooms.participants(room)
        me = [one for one in there if one.identity == identity and one.sid not in old and len(one.tracks)]
        return now_ms() if me else None

    published = await waited(
        until_answered(is_back, timeout=_LIMIT, what="the microphone", interval=0.02), at
    )
    seen = await waited(first_seen(talk, "Listening", "Speaking", after=at), at)
    figures.add(
        harness.OURS, "reload → back in the call, s", max(published, seen), aim=Aim(share=0.95, limit=3)
    )
    asked_at = now_ms()
    await talk.write("Where is the swimming pool?")
    heard = await waited(answered(talk, after=asked_at), asked_at)
    figures.add(harness.OURS, "a question that is written then → first audible word of its answer, s", heard)
    # Without what the bench itself took between the two.
    figures.add(
        harness.OURS,
        "reload → the answer to a question is heard, s",
        max(published, seen) + heard,
        aim=Aim(share=0.95, limit=3),
    )
    await done(stage, talk, room)


async def one_kill(stage: Stage, browser: Browser, figures: Figures) -> None:
    room = stage.new_room()
    talk = await opened(stage, browser, room)
    at = await talk.join()
    await talk.heard(after=at, limit=_LIMIT)
    await asyncio.sleep(5)  # the greeting is over
    _, job = stage.job()
    at = now_ms()
    job.kill()
    for what, text, limit in (
        ("agent killed → the page says that something is wrong, s", "agent", 1.5),
        ("agent killed → the page says that it is being replaced, s", "replaced", 1.5),
        ("agent killed → the page says that another one is here, s", "taken over", 4.0),
    ):
        value = await waited(talk.seen("says", text, after=at, limit=_LIMIT), at)
        figures.add(harness.OURS, what, value, aim=Aim(share=0.95, limit=limit))
    figures.add(
        harness.OURS,
        "agent killed → the next one is heard, s",
        await waited(talk.heard(after=at + 200, limit=_LIMIT), at),
        aim=Aim(share=0.95, limit=4),
    )
    await done(stage, talk, room)


async def first_seen(talk: TalkPage, *states: str, after: float) -> float:
    """When the agent's state was first one of `states`, in milliseconds of the clock.

    Raises:
        LateError: None of them was shown.
    """

    async def look() -> float | None:
        found: list[dict[str, Any]] = await talk.page.evaluate("window.__seen ?? []")
        times = (
            one["at"]
            for one in found
            if one["what"] == "state" and one["text"].strip() in states and one["at"] >= after
        )
        return next(times, None)

    return await until_answered(look, timeout=_LIMIT, what=f"the state {' or '.join(states)}", interval=0.02)


async def answered(talk: TalkPage, *, after: float) -> float:
    """When the answer to what was asked at `after` was first heard, both in milliseconds of the clock.

    Raises:
        LateError: The agent did not think about it, or nothing was heard since.
    """
    thought_at = await talk.seen("state", "Thinking", after=after, limit=_LIMIT)
    return await talk.heard(after=thought_at, limit=_LIMIT)


async def waited(moment: Awaitable[float], since: float) -> float:
    """Seconds from `since` until `moment`, both in milliseconds of the clock; `NEVER` when it does not come."""
    try:
        at = await moment
    except LateError as error:
        harness.say(str(error))
        return NEVER
    return (at - since) / 1000


async def measure(arguments: argparse.Namespace) -> harness.Report:
    figures = Figures()
    async with scenery() as all_stages:
        fleet = Fleet(name=harness.OURS, agent=arguments.ours, seed=7)
        async with all_stages.stage(fleet) as stage:
            for measured, question, n_runs in (
                (one_call, QUESTION, arguments.calls),
                (one_reload, "", arguments.reloads),
                (one_kill, "", arguments.kills),
            ):
                async with Browser(question=question, lead=_LEAD) as browser:
                    for number in range(1, n_runs + 1):
                        await measured(stage, browser, figures)
                        harness.say(f"{measured.__name__}: {number} of {n_runs}")
    return figures.report(
        "The talk page in a browser",
        notes=(
            "Headless Chromium, whose microphone plays a recording, on the same machine as everything else; warm "
            "processes, local models. Audible: the sound of the page's audio element, measured every 15 ms. A call's "
            "caption begins with the header of its text stream. A caption's word is there when a participant of the "
            "bench, which writes as agents do, hands it to LiveKit's SDK; all clocks are one.",
        ),
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, metavar="FILE", help="write all values there")
    options.add_argument(
        "--ours", type=Path, default=Path("agent.py"), metavar="PATH", help="default: agent.py"
    )
    for name, default in (("calls", 10), ("reloads", 5), ("kills", 5)):
        options.add_argument(f"--{name}", type=int, default=default, help=f"default: {default}")
    sys.exit(harness.main(options, measure, limit=1_800))
