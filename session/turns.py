"""Who speaks when: a profile's turns as options of livekit-agents."""

from __future__ import annotations

from livekit.agents import TurnHandlingOptions, inference
from livekit.agents.voice.turn import EndpointingOptions, InterruptionOptions

from wire import Turns

_LEAST_DELAY = {"model": 0.3, "silence": 0.5}
"""Livekit-agents' own shortest silences, seconds; measured: see docs/benchmarks.md."""

UNREACHABLE_WORDS = 1_000_000_000
"""Words that interrupt an interpreter."""

_WHILE_TRANSLATING = InterruptionOptions(
    mode="vad",
    enabled=True,
    min_words=UNREACHABLE_WORDS,
    discard_audio_if_uninterruptible=False,
    resume_false_interruption=False,  # it would pause the agent first
)
"""See `session.held_turns`."""


def turn_options(turns: Turns, *, translates: bool = False) -> TurnHandlingOptions:
    """All turn-taking is decided on this machine, whatever mode the worker runs in.

    LiveKit's defaults send audio to its cloud when ``LIVEKIT_DEV_MODE`` is set; hence the pinned detectors.

    Args:
        turns: Of the profile.
        translates: The agent is an interpreter: nothing stops it, whatever `turns` says, and it hears all meanwhile.
    """
    endpointing = EndpointingOptions(max_delay=turns.max_delay)
    least = _LEAST_DELAY[turns.end] if turns.min_delay is None else turns.min_delay
    endpointing["min_delay"] = min(least, turns.max_delay)
    return TurnHandlingOptions(
        turn_detection=inference.TurnDetector(version="v1-mini") if turns.end == "model" else "vad",
        interruption=_WHILE_TRANSLATING.copy() if translates else _interruption(turns),
        endpointing=endpointing,
    )


def _interruption(turns: Turns) -> InterruptionOptions:
    interruption = InterruptionOptions(
        mode="vad", enabled=turns.interruptions != "off", min_duration=turns.min_speech
    )
    if turns.interruptions == "words":
        interruption["min_words"] = turns.min_words
    return interruption
