"""`GET /test_llm`: one short question to the current model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from llm.chunks import text_of
from llm.errors import LlmError
from llm.errors import NoModelError as NoModel
from llm.requests import ChatRequest
from service.language_models import Answering, LanguageModels

LIMIT = 20.0
"""Seconds for the whole of it."""

_LONGEST = 200
"""Characters of the answer that are waited for, and shown."""

_QUESTION = ChatRequest(messages=({"role": "user", "content": "Say hello in one short sentence."},))


async def ask(models: LanguageModels, *, clock: Callable[[], float], limit: float = LIMIT) -> dict[str, Any]:
    """What came of it; `ok` says whether a model answered. Times are seconds."""
    asked_at = clock()
    by = Answering()
    first_token: float | None = None
    text = ""
    reasons: dict[str, str] = {}
    try:
        async with asyncio.timeout(limit), aclosing(models.stream(by.asked(_QUESTION))) as chunks:
            async for chunk in chunks:
                if first_token is None:
                    first_token = round(clock() - asked_at, 4)
                text += text_of(chunk)
                if len(text) >= _LONGEST:
                    break
    except NoModel as error:
        reasons = error.reasons or {"llm": str(error)}
    except LlmError as error:
        reasons = {by.endpoint: str(error)}
    except TimeoutError:
        reasons = {by.endpoint: f"no whole answer in {limit:g} s"}
    return {
        "ok": not reasons,
        "model": by.model,
        "endpoint": None if by.model is None else by.endpoint,
        "first_token": first_token,
        "total": round(clock() - asked_at, 4),
        "text": text[:_LONGEST],
        "reasons": reasons,
    }
