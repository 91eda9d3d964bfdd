"""Hearing, thinking and speaking: the pipeline of one call, from its providers and its profile."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from livekit.agents import Agent, AgentSession, APIConnectOptions, inference, llm, vad
from livekit.agents.utils import http_context
from livekit.agents.voice import room_io
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import deepgram, openai

from config import Endpoint, Providers
from llm.tools import DATA_RULE, Tool, call
from session.language_model import NO_RETRY, RoutedModel
from wire import Profile

MAX_TURN_DELAY = 1.5
"""Seconds of silence after which a human's turn is over even if it does not sound so. LiveKit's 2.5 to 3 feel like a
dead line when the detector is wrong."""

FOREVER = 1_000_000_000
"""Failures in a row after which a session closes for good. A provider's failure never ends a call here."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a process makes ready while it waits for a call."""

    detector: vad.VAD
    tls: ssl.SSLContext


def prepare(providers: Providers) -> Prepared:
    """Do once, before there is a call, what would keep a caller waiting.

    A TLS context reads the machine's certificates, which holds up the event loop for about 0.1 s.
    """
    return Prepared(
        detector=inference.VAD(model="silero"),
        # livekit-agents' own, of which there is one in a process. It has no public name. If it is not there at the end
        # of a call, it is made then, on the event loop, to close a session that was never opened.
        tls=http_context._create_ssl_context(),
    )


def build_session(
    providers: Providers,
    profile: Profile,
    prepared: Prepared,
    *,
    model: RoutedModel,
    http: aiohttp.ClientSession,
) -> AgentSession[None]:
    """The pipeline. All turn-taking is decided on this machine, whatever mode the worker runs in.

    LiveKit's defaults send audio to its cloud when ``LIVEKIT_DEV_MODE`` is set; hence the pinned detectors.

    Args:
        providers: Who hears and speaks.
        profile: Of the agent.
        prepared: Of this process.
        model: What thinks.
        http: For speech; closed by whoever opened it.
    """
    return AgentSession(
        stt=build_stt(providers.stt, http=http),
        llm=model,
        tts=build_tts(providers.tts, profile, http=http),
        vad=prepared.detector,
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "interruption": {"mode": "vad"},
            "endpointing": {"max_delay": MAX_TURN_DELAY},
        },
        conn_options=SessionConnectOptions(
            stt_conn_options=APIConnectOptions(max_retry=3, retry_interval=1.0, timeout=5.0),
            llm_conn_options=NO_RETRY,
            # A human waits for it: two tries, then say so aloud.
            tts_conn_options=APIConnectOptions(max_retry=1, retry_interval=0.5, timeout=5.0),
            max_unrecoverable_errors=FOREVER,
        ),
        user_away_timeout=None,
    )


def build_agent(profile: Profile, *, tools: Sequence[Tool] = ()) -> Agent:
    """The character: prompt, the turns shown to the model before the call, and the tools that it may use."""
    turns = llm.ChatContext.empty()
    for human, agent in profile.examples:
        turns.add_message(role="user", content=human)
        turns.add_message(role="assistant", content=agent)
    if profile.examples and profile.greeting:
        # The greeting comes next. Without a turn to answer, a small model takes it for the answer to the last example.
        turns.add_message(role="user", content="Hello.")
    prompt = f"{profile.prompt}\n\n{DATA_RULE}" if tools else profile.prompt
    return Agent(instructions=prompt, chat_ctx=turns, tools=[_as_function(tool, tools) for tool in tools])


def _as_function(tool: Tool, tools: Sequence[Tool]) -> llm.RawFunctionTool[..., Any]:
    async def run(raw_arguments: dict[str, object]) -> str:
        return await call(tools, tool.name, json.dumps(raw_arguments))

    schema = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return llm.function_tool(run, raw_schema=schema)


def room_options() -> room_io.RoomOptions:
    """The session outlives its caller: a page reload is a polite leave."""
    return room_io.RoomOptions(close_on_disconnect=False)


def build_stt(endpoint: Endpoint, *, http: aiohttp.ClientSession) -> deepgram.STT:
    return deepgram.STT(
        model=endpoint.model or "nova-3",
        api_key=endpoint.api_key.get_secret_value(),
        base_url=f"{endpoint.base_url}/v1/listen",
        http_session=http,
    )


def build_tts(
    endpoint: Endpoint, profile: Profile, *, http: aiohttp.ClientSession
) -> openai.TTS | deepgram.TTS:
    key = endpoint.api_key.get_secret_value()
    voice = profile.voice or endpoint.voice
    if endpoint.protocol == "openai":
        return openai.TTS(
            model=endpoint.model or "gpt-4o-mini-tts",
            voice=voice or "ash",
            api_key=key,
            base_url=endpoint.base_url,
        )
    # Deepgram's voices are its models.
    return deepgram.TTS(
        model=voice or endpoint.model or "aura-2-andromeda-en",
        api_key=key,
        base_url=f"{endpoint.base_url}/v1/speak",
        http_session=http,
    )
