"""The peer: a plain livekit-agents starter agent, with the same models, voice activity and turn detector as ours.

Nothing of Roomkeeper's calls is in it, so that the difference is Roomkeeper. It gives the models the same
work: the prompt, examples and length of answers of the default profile.
Starts by `python bench/plain_agent.py start`.
"""

from __future__ import annotations

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli, inference, llm
from livekit.plugins import deepgram, openai

from wire import DEFAULT_PROFILE

MODELS_URL = os.environ.get("LOCAL_MODELS_URL", "http://127.0.0.1:8090")

server = AgentServer(port=0, num_idle_processes=2)


def prewarm(process: JobProcess) -> None:
    process.userdata["vad"] = inference.VAD(model="silero")


server.setup_fnc = prewarm


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    session: AgentSession[None] = AgentSession(
        stt=deepgram.STT(base_url=f"{MODELS_URL}/v1/listen", api_key="local"),
        llm=openai.LLM(
            base_url=f"{MODELS_URL}/v1",
            api_key="local",
            model="local",
            temperature=0.0,
            max_completion_tokens=DEFAULT_PROFILE.max_answer_tokens or 60,
        ),
        tts=deepgram.TTS(base_url=f"{MODELS_URL}/v1/speak", api_key="local"),
        vad=ctx.proc.userdata["vad"],
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "interruption": {"mode": "vad"},
        },
    )
    turns = llm.ChatContext.empty()
    for human, agent in DEFAULT_PROFILE.examples:
        turns.add_message(role="user", content=human)
        turns.add_message(role="assistant", content=agent)
    turns.add_message(role="user", content="Hello.")
    await session.start(agent=Agent(instructions=DEFAULT_PROFILE.prompt, chat_ctx=turns), room=ctx.room)
    session.say(os.environ.get("BENCH_GREETING") or DEFAULT_PROFILE.greeting)


if __name__ == "__main__":
    cli.run_app(server)
