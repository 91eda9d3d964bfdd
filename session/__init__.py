"""One call: the worker, the job, humans in the room, STT-LLM-TTS, greeting, leaving. The only LiveKit room code."""

from livekit.agents.cli import run_app

from session.worker import Worker

__all__ = ["Worker", "run_app"]
