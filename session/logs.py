"""Make livekit-agents' own log lines fit ours: no identities, and a failing provider is not told in tracebacks."""

from __future__ import annotations

import logging

from livekit.agents import APIError

_PERSONAL = ("lk.pii.", "participant", "identity", "text", "transcript", "user_input", "user_transcript")
"""Beginnings of the keys that livekit-agents puts beside its messages and that say who or what was heard."""


class Quieter(logging.Filter):
    """For the handlers of a process.

    Takes identities and transcripts out of the records of livekit-agents. Its retries and tracebacks about
    a provider become DEBUG: `session.trouble` says once when a provider fails and once when it works again.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("livekit."):
            return True
        for key in [key for key in record.__dict__ if key.startswith(_PERSONAL)]:
            del record.__dict__[key]
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, APIError) or (record.levelno == logging.WARNING and _is_retry(record)):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
            return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)
        return True


def quiet() -> None:
    """Put the filter on every handler of this process. May be called twice."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(present, Quieter) for present in handler.filters):
            handler.addFilter(Quieter())


def _is_retry(record: logging.LogRecord) -> bool:
    return isinstance(record.msg, str) and record.msg.startswith(
        (
            "failed to recognize speech",
            "failed to synthesize speech",
            "failed to generate LLM",
            "failed to prewarm",
        )
    )
