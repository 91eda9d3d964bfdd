"""What an answer says about the one who gave it: HTTP statuses and errors as outcomes. Pure."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llm.health import Met, Outcome

_LOADING_WORDS = ("loading model", "model is loading", "is currently loading", "warming up", "still loading")
_BUSY_STATUSES = {503, 529}
_KEY_STATUSES = {401, 403}
_REFUSALS = {400, 413, 415, 422}
_REASON = 160
_LEAST_SECRET = 8
"""Characters. What is shorter is no secret but a word, like the `ollama` that some put in a key's place."""


class AskingError(Exception):
    """A request met something else than an answer.

    Args:
        outcome: What that says about the endpoint.
        status: HTTP status, where there was one.
        is_refusal: The request itself is refused, which says nothing about the endpoint.
        is_model_missing: The endpoint does not have the model that was asked for.
    """

    def __init__(
        self,
        outcome: Outcome,
        *,
        status: int | None = None,
        is_refusal: bool = False,
        is_model_missing: bool = False,
    ) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome
        self.status = status
        self.is_refusal = is_refusal
        self.is_model_missing = is_model_missing


def failed(reason: str) -> AskingError:
    """An error for what no HTTP status stands for."""
    return AskingError(Outcome(met=Met.FAILED, reason=reason))


def error_of(
    status: int, headers: Mapping[str, str], body: Any, *, model: str | None, now: datetime, key: str = ""
) -> AskingError:
    """What an HTTP status of 400 or more, or an error in a 200, means.

    Args:
        status: HTTP's; of an error inside a stream its own code, or 500.
        headers: Of the response; names in any case.
        body: Decoded JSON, or None.
        model: That was asked for.
        now: For a Retry-After that is a date.
        key: That was shown to the server: some repeat it in their errors, and it must not go on from here.
    """
    words = words_of(body, key=key)
    lower = words.lower()
    told = f"HTTP {status}: {words}" if words else f"HTTP {status}"
    retry_after = retry_after_of(headers, now=now)
    if status in _KEY_STATUSES:
        return AskingError(
            Outcome(met=Met.MISCONFIGURED, reason=f"the key is refused ({told})"), status=status
        )
    if status == 404 or (status == 400 and "model" in lower and "not" in lower and "exist" in lower):
        is_missing = "model" in lower
        reason = (
            f"it has no model {model} ({told})" if is_missing else f"nothing answers at this URL ({told})"
        )
        return AskingError(
            Outcome(met=Met.MISCONFIGURED, reason=reason), status=status, is_model_missing=is_missing
        )
    if status in _REFUSALS:
        return AskingError(Outcome(met=Met.CANCELLED, reason=told), status=status, is_refusal=True)
    if status == 429:
        return AskingError(Outcome(met=Met.RATE_LIMITED, reason=told, retry_after=retry_after), status=status)
    if any(said in lower for said in _LOADING_WORDS):
        return AskingError(Outcome(met=Met.LOADING, reason=f"loads its model ({told})"), status=status)
    if status in _BUSY_STATUSES or "overloaded" in lower:
        return AskingError(Outcome(met=Met.BUSY, reason=told, retry_after=retry_after), status=status)
    return AskingError(Outcome(met=Met.FAILED, reason=told), status=status)


def status_in(body: Any) -> int:
    """The HTTP status that an error object names; 500 when it names none."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        for name in ("code", "status", "http_code"):
            code = error.get(name)
            if isinstance(code, int) and 400 <= code < 600:
                return code
            if isinstance(code, str) and code in _NAMED:
                return _NAMED[code]
        kind = error.get("type")
        if isinstance(kind, str) and kind in _NAMED:
            return _NAMED[kind]
    return 500


_NAMED = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "model_not_found": 404,
    "invalid_request_error": 400,
}


def words_of(body: Any, *, key: str = "") -> str:
    """The message in an error's body, in one line and without `key`; empty when there is none."""
    error = body.get("error", body.get("detail", body.get("message"))) if isinstance(body, dict) else None
    if isinstance(error, dict):
        error = error.get("message")
    if not isinstance(error, str):
        return ""
    if len(key) >= _LEAST_SECRET:
        error = error.replace(key, "***")
    line = " ".join("".join(char if char.isprintable() else " " for char in error).split())
    return line if len(line) <= _REASON else line[: _REASON - 1] + "…"


def retry_after_of(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds that a server wants to be left alone: Retry-After as seconds or as a date; None = it does not say."""
    given = {name.lower(): value for name, value in headers.items()}.get("retry-after", "").strip()
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(given)
        except ValueError:
            return None
        if until.tzinfo is None:
            return None
        seconds = (until - now).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None
