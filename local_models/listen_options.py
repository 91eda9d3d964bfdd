"""What a client of `/v1/listen` asks of its stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local_models.audio import check_rate
from local_models.endpointing import EndpointingLimits
from local_models.parameters import check_linear16, flag, number


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    sample_rate: int
    channels: int
    interim_results: bool
    vad_events: bool
    is_punctuated: bool
    endpointing: float | None
    """Seconds of silence that end a turn; None = the client does not want to be told."""
    utterance_end: float | None
    """Seconds after the last word until `UtteranceEnd`; None = not wanted."""


def parse_options(query: Mapping[str, str]) -> ListenOptions:
    """The options of a live stream; those that a small model cannot serve are ignored.

    Raises:
        RequestError: A value is wrong.
    """
    check_linear16(query)
    sample_rate = number(query, "sample_rate", default=16_000, lowest=0, highest=10**9)
    check_rate(sample_rate)
    utterance_end_ms = number(query, "utterance_end_ms", default=0, lowest=0, highest=60_000)
    return ListenOptions(
        sample_rate=sample_rate,
        channels=number(query, "channels", default=1, lowest=1, highest=8),
        interim_results=flag(query, "interim_results"),
        vad_events=flag(query, "vad_events"),
        is_punctuated=flag(query, "punctuate") or flag(query, "smart_format"),
        endpointing=_endpointing(query),
        utterance_end=utterance_end_ms / 1000 if utterance_end_ms else None,
    )


def _endpointing(query: Mapping[str, str]) -> float | None:
    value = query.get("endpointing", "10")
    if value == "false":
        return None
    if value == "true":
        return EndpointingLimits().silence
    ms = number(query, "endpointing", default=10, lowest=0, highest=10_000)
    # A pause between two words is longer than the plugin's 25 ms, and half a sentence is badly understood.
    return max(ms / 1000, EndpointingLimits().silence)
