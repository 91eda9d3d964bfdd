"""Make livekit-agents' own log lines fit ours: no identities, and a failing provider is not told in tracebacks."""

from __future__ import annotations

import logging
import re

from livekit.agents import APIError

_PERSONAL = ("lk.pii.", "participant", "identity", "text", "transcript", "user_input", "user_transcript")
"""Beginnings of the keys that livekit-agents puts beside its messages and that say who or what was heard."""


class Quieter(logging.Filter):
    """For the handlers of a process.

    Takes identities and transcripts out of the records of livekit-agents. Its retries and tracebacks about
    a provider become DEBUG and lose the provider's words: `session.trouble` and `session.fallbacks` say once when a
    provider fails and once when it works again.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("livekit."):
            return True
        for key in [key for key in record.__dict__ if key.startswith(_PERSONAL)]:
            del record.__dict__[key]
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, APIError):
            _without_traceback(record)
        if _without_tail(record) or isinstance(error, APIError):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
            return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)
        return True


def quiet() -> None:
    """Put the filter on every handler of this process. May be called twice."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(present, Quieter) for present in handler.filters):
            handler.addFilter(Quieter())


_ABOUT_PROVIDERS = re.compile(
    r"^failed to (?:recognize speech|synthesize speech|generate LLM|prewarm)"
    r"|(?:failed|timed out|error),? switching to next (?:STT|TTS|LLM)"
    r"|recovery (?:attempt )?failed|recovery timed out|recovery unexpected error"
)
"""What livekit-agents 1.8.9 says when a provider fails (`stt/stt.py`; `fallback_adapter.py` of `stt`, `tts` and `llm`).
What follows is the provider's own answer, which may quote a key or what was said."""


def _without_tail(record: logging.LogRecord) -> bool:
    """Cut off what a provider says; returns whether the record is about one that fails."""
    text = record.getMessage()
    found = _ABOUT_PROVIDERS.search(text)
    if found is None:
        return False
    record.msg, record.args = text[: found.end()], None
    _without_traceback(record)
    return True


def _without_traceback(record: logging.LogRecord) -> None:
    """Its last line is the provider's answer. The kind of error stays."""
    if record.exc_info and record.exc_info[0] is not None:
        record.error = record.exc_info[0].__name__
    record.exc_info = record.exc_text = None
