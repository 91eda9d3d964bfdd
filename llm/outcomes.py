"""What an answer says about the one who gave it: HTTP statuses and errors as outcomes. Pure."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from llm.health import Met, Outcome

_LOADING_WORDS = ("loading model", "model is loading", "is currently loading", "warming up", "still loading")
_BUSY_STATUSES = {503, 529}
_REFUSALS = {400, 413, 415, 422}
_NO_KEY_WORDS = re.compile(
    r"(no |the |your |an? )?(valid |invalid |incorrect |missing |wrong |expired )*(provided )?api[ _-]?key\b"
)
"""How a server begins that answers 400 to a key (Gemini, xAI). Further on, the words may be the request's own."""

_MOST_WORDS = 160
"""Characters of a server's message that are kept."""

_LEAST_SECRET = 8
"""Characters. What is shorter is no secret but a word, like the `ollama` that some put in a key's place."""


class AskingError(Exception):
    """A request met something else than an answer.

    Args:
        outcome: What that says about the endpoint. Its reason is in our own words and may be shown to anybody.
        status: HTTP status, where there was one.
        is_refusal: The request itself is refused, which says nothing about the endpoint.
        is_model_missing: The endpoint does not have the model that was asked for.
        is_unreachable: There was no connection at all.
        words: The server's own message, in one short line without the key. It may quote the request, so it is for
            whoever sent that, and for nobody else.
    """

    def __init__(
        self,
        outcome: Outcome,
        *,
        status: int | None = None,
        is_refusal: bool = False,
        is_model_missing: bool = False,
        is_unreachable: bool = False,
        words: str = "",
    ) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome
        self.status = status
        self.is_refusal = is_refusal
        self.is_model_missing = is_model_missing
        self.is_unreachable = is_unreachable
        self.words = words


def failed(reason: str, *, is_unreachable: bool = False) -> AskingError:
    """An error for what no HTTP status stands for."""
    return AskingError(Outcome(met=Met.FAILED, reason=reason), is_unreachable=is_unreachable)


def error_of(
    status: int,
    headers: Mapping[str, str],
    body: Any,
    *,
    model: str | None,
    now: datetime,
    key: str = "",
    had_own_wish: bool = False,
) -> AskingError:
    """What an HTTP status of 400 or more, or an error in a 200, means.

    Args:
        status: HTTP's; of an error inside a stream its own code, or 500.
        headers: Of the response; names in any case.
        body: Decoded JSON, or None.
        model: That was asked for; told in the reason, unless it may be the request's own wish.
        now: For a Retry-After that is a date.
        key: That was shown to the server: some repeat it in their errors, and it must not go on from here.
        had_own_wish: The request brought its own model or tools, or the endpoint has answered before. Then a 403 or
            404 is about this request, and not about the key or the address.
    """
    words = words_of(body, key=key)
    met, reason, is_model_missing = _judged(status, body, words.lower(), model=model)
    is_refusal = met is Met.CANCELLED
    if had_own_wish and (is_model_missing or status in {403, 404}):
        met, is_refusal = Met.CANCELLED, True
        reason = "it does not have the model that was asked for" if is_model_missing else _REFUSED
    retry_after = retry_after_of(headers, now=now) if met in {Met.RATE_LIMITED, Met.BUSY} else None
    return AskingError(
        Outcome(met=met, reason=f"{reason} (HTTP {status})", retry_after=retry_after),
        status=status,
        is_refusal=is_refusal,
        is_model_missing=is_model_missing,
        words=words,
    )


_REFUSED = "the server refuses the request"


def _judged(status: int, body: Any, lower: str, *, model: str | None) -> tuple[Met, str, bool]:
    """What was met, the reason in our words, and whether it is for want of the model."""
    codes = [_NAMED[code] for code in _codes_in(body) if code in _NAMED]
    if status in {401, 403} or (status == 400 and (401 in codes or _NO_KEY_WORDS.match(lower))):
        return Met.MISCONFIGURED, "the key is refused", False
    if status == 404 or (status == 400 and "model" in lower and "not" in lower and "exist" in lower):
        if "model" in lower:
            return Met.MISCONFIGURED, f"it has no model {model}", True
        return Met.MISCONFIGURED, "nothing answers at this URL", False
    if status in _REFUSALS:
        return Met.CANCELLED, _REFUSED, False
    if status == 429:
        return Met.RATE_LIMITED, "too many requests", False
    if any(said in lower for said in _LOADING_WORDS):
        return Met.LOADING, "it loads its model", False
    if status in _BUSY_STATUSES or "overloaded" in lower:
        return Met.BUSY, "it is too busy", False
    return Met.FAILED, "it answers an error", False


def status_in(body: Any) -> int:
    """The HTTP status that an error object names; 500 when it names none."""
    for code in _codes_in(body):
        if isinstance(code, int) and 400 <= code < 600:
            return code
        if code in _NAMED:
            return _NAMED[code]
    return 500


def _codes_in(body: Any) -> Iterator[int | str]:
    """All that an error object may have for a code, the most telling first."""
    error = _error_in(body)
    for name in ("code", "status", "http_code", "type"):
        code = error.get(name) if isinstance(error, dict) else None
        if isinstance(code, int | str):
            yield code


_NAMED: Mapping[int | str, int] = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "UNAUTHENTICATED": 401,
    "model_not_found": 404,
    "invalid_request_error": 400,
}


def words_of(body: Any, *, key: str = "") -> str:
    """The message in an error's body, in one line and without `key`; empty when there is none."""
    error = _error_in(body)
    if isinstance(error, dict):
        error = error.get("message")
    if not isinstance(error, str):
        return ""
    if len(key) >= _LEAST_SECRET:
        error = error.replace(key, "***")
    line = " ".join("".join(char if char.isprintable() else " " for char in error).split())
    return line if len(line) <= _MOST_WORDS else line[: _MOST_WORDS - 1] + "…"


def _error_in(body: Any) -> Any:
    if isinstance(body, list) and body:
        body = body[0]  # Gemini puts it into a list
    return body.get("error", body.get("detail", body.get("message"))) if isinstance(body, dict) else None


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
