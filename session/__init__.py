"""One call: the worker, the job, humans in the room, STT-LLM-TTS, greeting, leaving. The only LiveKit room code."""

from session.worker import Worker

__all__ = ["Worker"]
