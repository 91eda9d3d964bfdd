"""What can go wrong when a tool is used."""

from __future__ import annotations

from llm.errors import LlmError


class ToolError(LlmError):
    """A tool gives no result. The message is for the language model: our own words, nothing of a stranger's, no key."""
