"""What happens in a call, as events; and how soon the agent was first heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession

from lifecycle import CloseReason, Phase
from llm.models import Switch
from session.phase_log import PhaseLog
from session.roster import Human, Role
from session.story import Story, new_switches
from session.trouble import Part, Trouble

pytestmark = pytest.mark.looptime

ANN = Human(identity="ann", role=Role.CLIENT)
BOB = Human(identity="bob", role=Role.CLIENT)
COACH = Human(identity="coach-1", role=Role.COACH)


class Source:
    """Of events, as a room and a session are."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Callable[..., None]] = {}

    def on(self, event: str, callback: Callable[..., None]) -> None:
        self.callbacks[event] = callback

    def tell(self, event: str, **fields: object) -> None:
        self.callbacks[event](*([SimpleNamespace(**fields)] if fields else []))


class Switching:
    """Models that go from one endpoint to another."""

    def __init__(self, *switches: Switch) -> None:
        self.all = switches
        self.callbacks: list[Callable[[], None]] = []

    def switches(self) -> tuple[Switch, ...]:
        return self.all

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: None


def switch(source: str | None, target: str | None, *, age: float = 0.0, reason: str = "no answer") -> Switch:
    return Switch(age=age, source=source, target=target, reason=reason)


class Call:
    """A story with all that it follows."""

    def __init__(self, models: Switching | None = None) -> None:
        self.story = Story()
        self.session, self.room = Source(), Source()
        self.models = models or Switching()
        self.trouble = Trouble()
        self.story.follow(
            cast("AgentSession[Any]", self.session),
            cast(rtc.Room, self.room),
            models=self.models,
            trouble=self.trouble,
        )

    def speaks(self) -> None:
        for state in ("listening", "thinking", "speaking", "listening"):
            self.session.tell("agent_state_changed", new_state=state)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event.kind, event.text) for event in self.story.unsent.batch(now=0)]


async def test_humans_come_and_go_without_a_name(looptime: float) -> None:
    call = Call()
    for humans in ([], [ANN], [ANN], [ANN, COACH], [COACH], [BOB], []):
        call.story.counted(humans)
    assert call.told == [
        ("human_came", "client; 1 human is there now"),
        ("human_came", "coach; 2 humans are there now"),
        ("human_left", "client; 1 human is there now"),
        ("human_came", "client; 1 human is there now"),
        ("human_left", "coach; 1 human is there now"),
        ("human_left", "client; 0 humans are there now"),
    ]
    assert "ann" not in str(call.told)


@pytest.mark.parametrize(("is_there_before", "expected"), [(True, 3.5), (False, 1.5)])
async def test_the_first_word_is_timed_from_the_first_human(
    is_there_before: bool, expected: float, looptime: float
) -> None:
    call = Call()
    await asyncio.sleep(1)
    call.story.counted([ANN] if is_there_before else [])
    await asyncio.sleep(1)
    call.story.counted([ANN])
    await asyncio.sleep(1)
    call.story.counted([ANN, BOB])
    await asyncio.sleep(0.5)
    call.speaks()
    await asyncio.sleep(9)
    call.speaks()
    assert call.story.first_audio == expected


async def test_an_agent_that_waits_to_be_spoken_to_is_not_timed_by_its_answer(looptime: float) -> None:
    call = Call()
    call.story.counted([ANN])
    await asyncio.sleep(5)
    call.story.somebody_spoke()
    call.speaks()
    assert call.story.first_audio is None


async def test_a_word_that_nobody_was_there_to_hear_is_not_timed(looptime: float) -> None:
    call = Call()
    call.story.counted([])
    call.speaks()
    await asyncio.sleep(1)
    call.story.counted([ANN])
    await asyncio.sleep(1)
    call.speaks()
    assert call.story.first_audio == 1


async def test_grace_connections_and_providers_are_told(looptime: float) -> None:
    call = Call()
    log = PhaseLog(call.story.happened)
    log.entered(Phase.ACTIVE, n_humans=1, grace_left=None, reason=None)
    call.room.tell("reconnecting")
    call.room.tell("reconnected")
    call.trouble.failed(Part.STT, "APIConnectionError", now=1)
    call.trouble.failed(Part.STT, "APIConnectionError", now=2)
    call.trouble.worked(Part.STT)
    call.trouble.worked(Part.STT)
    call.trouble.failed(
        Part.LLM, "no language model answers now (https://u:p@h/v1: words of a server)", now=3
    )
    log.entered(Phase.GRACE_PERIOD, n_humans=0, grace_left=60, reason=None)
    log.entered(Phase.ACTIVE, n_humans=1, grace_left=None, reason=None)
    log.entered(Phase.GRACE_PERIOD, n_humans=0, grace_left=None, reason=None)
    log.entered(Phase.CLOSING, n_humans=0, grace_left=None, reason=CloseReason.HUMANS_LEFT)
    assert call.told == [
        ("reconnecting", ""),
        ("reconnected", ""),
        ("provider_failed", "hearing: APIConnectionError"),
        ("provider_recovered", "hearing"),
        ("provider_failed", "thinking"),
        ("grace_began", "for 60 s"),
        ("grace_ended", "a human is there again"),
        ("grace_began", ""),
        ("grace_ended", "nobody came back"),
    ]


async def test_what_the_room_is_told_of_the_agent_is_told_here_too(looptime: float) -> None:
    call = Call()
    call.story.noted("waiting", "llm")
    call.story.noted("fallback", ["tts: acme is not installed"])
    call.story.noted("fallback", ["tts: acme is not installed", "stt: acme is no provider"])
    call.story.noted("avatar", "failed: it did not start")
    call.story.noted("avatar", None)
    call.story.noted("vision", "not understood")
    assert call.told == [
        ("note", "tts: acme is not installed"),
        ("note", "stt: acme is no provider"),
        ("note", "avatar: failed: it did not start"),
        ("note", "avatar: works"),
        ("note", "vision: not understood"),
    ]


async def test_another_model_is_told_once(looptime: float) -> None:
    old = switch(None, "a", age=90)
    call = Call(Switching(old))
    call.models.all = (switch("a", "b"), old)
    for _ in range(3):
        for callback in call.models.callbacks:
            callback()
    call.models.all = (switch("b", None, reason=""), *call.models.all)
    call.models.callbacks[0]()
    assert call.told == [("model_switched", "a → b: no answer"), ("model_switched", "b → none")]


A, B, C = switch("a", "b"), switch("b", "a"), switch("a", "c")


@pytest.mark.parametrize(
    ("before", "now", "n_new"),
    [
        ([], [], 0),
        ([], [A], 1),
        ([A], [A], 0),
        ([A], [B, A], 1),
        ([A], [A, B, A], 2),
        ([B, A], [C, B], 1),
        ([A, B], [B, A], 1),
        ([A, B], [C, C], 2),
        ([switch("a", "b", age=5)], [switch("a", "b", age=1)], 1),
        ([switch("a", "b", age=5)], [switch("a", "b", age=6)], 0),
    ],
)
async def test_new_switches_are_those_that_were_not_there(
    before: list[Switch], now: list[Switch], n_new: int
) -> None:
    assert list(new_switches(before, now)) == now[:n_new]
