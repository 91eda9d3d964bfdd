"""Turns with their times, from what livekit-agents has measured."""

from __future__ import annotations

import math

import pytest
from livekit.agents.llm import ChatMessage, MetricsReport

from config import Endpoint, Providers
from session.measuring import local_usage, measured
from wire import DEFAULT_PROFILE, Delays

NOW = 1_000_000.0


def message(metrics: MetricsReport) -> ChatMessage:
    return ChatMessage(role="assistant", content=["Hello."], metrics=metrics)


def test_a_human_s_turn_has_the_delays_of_hearing() -> None:
    said = measured(
        message(
            MetricsReport(
                started_speaking_at=NOW - 3.5,
                stopped_speaking_at=NOW - 1.25,
                transcription_delay=0.31259,
                end_of_turn_delay=0.5,
            )
        ),
        "user",
        clock=lambda: NOW,
    )
    assert (said.role, said.text, said.began_ago, said.duration) == ("user", "Hello.", 3.5, 2.25)
    assert said.delays == Delays(stt=0.313, end_of_turn=0.5)


def test_an_agent_s_turn_has_the_delays_of_answering() -> None:
    said = measured(
        message(MetricsReport(llm_node_ttft=0.2, tts_node_ttfb=0.1, e2e_latency=0.9)),
        "assistant",
        clock=lambda: NOW,
    )
    assert said.delays == Delays(llm=0.2, tts=0.1, total=0.9)
    assert (said.began_ago, said.duration) == (None, None)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, 1e9], ids=str)
def test_what_cannot_be_a_duration_is_none(bad: float) -> None:
    said = measured(
        message(MetricsReport(e2e_latency=bad, started_speaking_at=NOW - bad, stopped_speaking_at=NOW)),
        "assistant",
        clock=lambda: NOW,
    )
    assert (said.delays, said.began_ago, said.duration) == (None, None, None)


def test_a_message_without_times_is_a_turn_all_the_same() -> None:
    said = measured(ChatMessage(role="user", content=["Hi."], interrupted=True), "user")
    assert (said.text, said.interrupted, said.delays, said.began_ago) == ("Hi.", True, None, None)


@pytest.mark.parametrize(
    ("stt", "tts", "expected"),
    [
        (None, None, {"tts_usage"}),
        ("local/whisper", "openai/tts-1", {"stt_usage"}),
        ("Deepgram", "local", {"tts_usage"}),
    ],
)
def test_models_of_one_s_own_are_known(stt: str | None, tts: str | None, expected: set[str]) -> None:
    def endpoint(*, is_local: bool) -> Endpoint:
        return Endpoint(protocol="deepgram", base_url="http://x", model=None, is_local=is_local)

    cloud = endpoint(is_local=False)
    providers = Providers(stt=cloud, llm=cloud, tts=endpoint(is_local=True))
    profile = DEFAULT_PROFILE.model_copy(update={"stt": stt, "tts": tts})
    assert local_usage(profile, providers) == expected
