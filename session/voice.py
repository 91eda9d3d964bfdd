"""Hearing, thinking and speaking: the pipeline of one call, from its providers and its profile."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from livekit.agents import NOT_GIVEN, Agent, AgentSession, APIConnectOptions, inference, llm, vad
from livekit.agents.utils import http_context
from livekit.agents.voice import room_io
from livekit.agents.voice.agent_session import SessionConnectOptions

from config import Providers, Settings
from llm.tools import DATA_RULE, Tool, call
from session import avatar_list, choosing
from session.fallbacks import Fallbacks
from session.hearing import build_stt
from session.language_model import NO_RETRY, RoutedModel
from session.speaking import build_tts
from session.turns import turn_options
from wire import Profile

FOREVER = 1_000_000_000
"""Failures in a row after which a session closes for good. A provider's failure never ends a call here."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a process makes ready while it waits for a call."""

    detector: vad.VAD
    tls: ssl.SSLContext


def prepare(settings: Settings) -> Prepared:
    """Do once, before there is a call, what would keep a caller waiting.

    A TLS context reads the machine's certificates, which holds up the event loop for about 0.1 s.
    """
    choosing.preload(settings)
    avatar_list.preload()
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
    settings: Settings,
    fallbacks: Fallbacks,
) -> AgentSession[None]:
    """The pipeline: who hears and speaks, and when.

    Args:
        providers: Who hears and speaks when the profile says nothing, or wants what this host has not.
        profile: Of the agent.
        prepared: Of this process.
        model: What thinks.
        http: For speech; closed by whoever opened it.
        settings: Of this host.
        fallbacks: Is told what of the profile cannot be had.
    """
    detector = prepared.detector
    translates = profile.translate is not None
    return AgentSession(
        stt=build_stt(
            providers.stt, profile, settings=settings, fallbacks=fallbacks, detector=detector, http=http
        ),
        llm=model,
        tts=build_tts(providers.tts, profile, settings=settings, fallbacks=fallbacks, http=http),
        vad=detector,
        turn_handling=turn_options(profile.turns, translates=translates),
        # Seconds of its first words in which livekit-agents hears nothing, so as not to hear itself.
        aec_warmup_duration=None if translates else NOT_GIVEN,
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
    """The session outlives its caller: a page reload is a polite leave. What is written, `session.written` reads."""
    return room_io.RoomOptions(close_on_disconnect=False, text_input=False)
