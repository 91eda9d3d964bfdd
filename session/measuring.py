"""A turn with its times, as livekit-agents has measured them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from livekit.agents.llm import ChatMessage

from config import Providers
from config.provider_table import split_choice
from session.utterance import Utterance
from wire import Delays, Profile

_LONGEST = 86_400.0
"""Seconds. What is longer comes from a clock that was set."""


def measured(
    message: ChatMessage, role: Literal["user", "assistant"], *, clock: Callable[[], float] = time.time
) -> Utterance:
    """What was said in `message`, which has just come to its end.

    Costs one look at what is there already: nothing is measured here.

    Args:
        message: With a text. Its `metrics` (livekit-agents 1.8.9, `llm/chat_context.py`) hold moments of this machine's
            clock, and durations in seconds; each may be missing.
        role: Who said it.
        clock: That clock, which may be set while somebody speaks.
    """
    metrics = message.metrics
    started = metrics.get("started_speaking_at")
    stopped = metrics.get("stopped_speaking_at")
    delays = Delays(
        stt=_seconds(metrics.get("transcription_delay")),
        end_of_turn=_seconds(metrics.get("end_of_turn_delay")),
        llm=_seconds(metrics.get("llm_node_ttft")),
        tts=_seconds(metrics.get("tts_node_ttfb")),
        total=_seconds(metrics.get("e2e_latency")),
    )
    return Utterance(
        role=role,
        text=message.text_content or "",
        interrupted=message.interrupted,
        began_ago=None if started is None else _seconds(clock() - started),
        duration=None if started is None or stopped is None else _seconds(stopped - started),
        delays=None if delays == Delays() else delays,
    )


def local_usage(profile: Profile, providers: Providers) -> frozenset[str]:
    """Types of livekit-agents' usage whose models run on a machine of one's own, which names do not always tell."""
    parts = {"stt": (profile.stt, providers.stt), "tts": (profile.tts, providers.tts)}
    return frozenset(
        f"{part}_usage"
        for part, (choice, endpoint) in parts.items()
        if (endpoint.is_local if choice is None else split_choice(choice)[0] == "local")
    )


def _seconds(value: float | None) -> float | None:
    """A duration, to the millisecond; None = there is none, or it cannot be one."""
    if value is None or not 0 <= value <= _LONGEST:  # NaN is not either
        return None
    return round(value, 3)
