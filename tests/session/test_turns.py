"""A profile's turns as options of livekit-agents."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import AgentSession, inference

from session.turns import UNREACHABLE_WORDS, turn_options
from wire import Turns


async def options_of(turn_handling: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What a session makes of it: interruption, endpointing, and who finds the end of a turn."""
    session: AgentSession[None] = AgentSession(turn_handling=turn_handling, vad=inference.VAD(model="silero"))
    detection = session.turn_detection
    name = detection if isinstance(detection, str) else getattr(detection, "model", "none")
    options = dict(session.options.interruption), dict(session.options.endpointing), str(name)
    await session.aclose()
    return options


@pytest.mark.parametrize("dev_mode", [False, True], ids=["start", "dev"])
async def test_a_profile_that_says_nothing_gets_the_sound_defaults(
    dev_mode: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of every call before profiles could say anything, and nothing of them asks LiveKit's cloud."""
    monkeypatch.setenv("LIVEKIT_DEV_MODE", "1" if dev_mode else "0")
    assert await options_of(turn_options(Turns())) == await options_of(
        {
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "interruption": {"mode": "vad"},
            "endpointing": {"max_delay": 1.5},
        }
    )


@pytest.mark.parametrize(
    ("turns", "interruption"),
    [
        pytest.param({}, {"enabled": True, "min_duration": 0.5, "min_words": 0}, id="voice"),
        pytest.param({"min_speech": 0.2}, {"min_duration": 0.2, "min_words": 0}, id="a shorter voice"),
        pytest.param({"min_words": 3}, {"min_words": 0}, id="words do not count for a voice"),
        pytest.param({"interruptions": "words"}, {"enabled": True, "min_words": 1}, id="words"),
        pytest.param({"interruptions": "words", "min_words": 3}, {"min_words": 3}, id="three words"),
        pytest.param({"interruptions": "off"}, {"enabled": False}, id="nothing"),
    ],
)
async def test_what_stops_the_agent(turns: dict[str, Any], interruption: dict[str, Any]) -> None:
    found, _, _ = await options_of(turn_options(Turns(**turns)))
    assert {name: found[name] for name in interruption} == interruption
    assert found["mode"] == "vad"


@pytest.mark.parametrize("interruptions", ["speech", "words", "off"])
async def test_nothing_stops_an_interpreter_and_it_hears_all_meanwhile(interruptions: Any) -> None:
    turns = Turns(interruptions=interruptions, max_delay=0.7)
    found, endpointing, _ = await options_of(turn_options(turns, translates=True))
    assert found["min_words"] == UNREACHABLE_WORDS
    assert found["enabled"], "what cannot be interrupted at all loses the turns that end meanwhile"
    assert not found["discard_audio_if_uninterruptible"]
    assert not found["resume_false_interruption"]
    assert found["mode"] == "vad"
    assert endpointing["max_delay"] == 0.7


@pytest.mark.parametrize(
    ("turns", "delays", "by"),
    [
        pytest.param({}, (0.3, 1.5), "turn-detector-v1-mini", id="a model"),
        pytest.param({"end": "silence"}, (0.5, 1.5), "vad", id="silence"),
        pytest.param({"end": "silence", "min_delay": 1.2}, (1.2, 1.5), "vad", id="a longer silence"),
        pytest.param({"min_delay": 0, "max_delay": 0}, (0, 0), "turn-detector-v1-mini", id="at once"),
        pytest.param({"max_delay": 0.2}, (0.2, 0.2), "turn-detector-v1-mini", id="shorter than usual"),
        pytest.param(
            {"end": "silence", "max_delay": 0.4}, (0.4, 0.4), "vad", id="a shorter silence than usual"
        ),
    ],
)
async def test_what_ends_a_turn(turns: dict[str, Any], delays: tuple[float, float], by: str) -> None:
    _, endpointing, detection = await options_of(turn_options(Turns(**turns)))
    assert (endpointing["min_delay"], endpointing["max_delay"], detection) == (*delays, by)
