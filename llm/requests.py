"""What is asked of a language model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question, as OpenAI's chat completions take it."""

    messages: Sequence[Mapping[str, Any]]
    model: str | None = None
    """Asked for where it is served; None, or not known there = the endpoint's own."""

    prefer: str | None = None
    """Id of the endpoint to ask before others that are as well as it is; None = in their usual order."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request: temperature, tools, tool_choice, max_completion_tokens, response_format…"""

    on_begin: Callable[[str, str], None] | None = None
    """Told the id of the endpoint whose answer comes, and the model that it was asked for, before its first piece."""
