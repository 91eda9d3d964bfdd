"""The peer: a plain livekit-agents starter agent, with the same models, voice activity and turn detection as ours.

Nothing of Roomkeeper is in it, so that the difference is Roomkeeper. It gives the models the same
work: the same prompt, examples and length of answers.
Starts by `python bench/plain_agent.py start`.
"""

from __future__ import annotations

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli, inference, llm
from livekit.plugins import deepgram, openai

MODELS_URL = os.environ.get("LOCAL_MODELS_URL", "http://127.0.0.1:8090")

GREETING = "Hello, this is Ada at Harbour Hotel. How can I help you?"
PROMPT = """\
You are Ada, the voice assistant of Harbour Hotel. Answer in one short sentence, with these facts only.
- Breakfast is from seven to ten in the morning, on the ground floor.
- Check-out is at eleven in the morning.
- The wifi password is sunrise.
- The pool is on the fifth floor and is open until nine in the evening.
If the answer is not in these facts, say: I am sorry, I do not know that."""
EXAMPLES = (
    ("When is check-out?", "Check-out is at eleven in the morning."),
    ("Do you have a helicopter?", "I am sorry, I do not know that."),
)

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
            max_completion_tokens=60,
        ),
        tts=deepgram.TTS(base_url=f"{MODELS_URL}/v1/speak", api_key="local"),
        vad=ctx.proc.userdata["vad"],
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "interruption": {"mode": "vad"},
        },
    )
    turns = llm.ChatContext.empty()
    for human, agent in EXAMPLES:
        turns.add_message(role="user", content=human)
        turns.add_message(role="assistant", content=agent)
    await session.start(agent=Agent(instructions=PROMPT, chat_ctx=turns), room=ctx.room)
    session.say(GREETING)


if __name__ == "__main__":
    cli.run_app(server)
