"""A tool that a language model may call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any


async def _nothing() -> None:
    """Most tools leave nothing behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What the model is told of it, and what it does."""

    name: str
    """Letters, digits, `_` and `-`."""

    description: str
    """For the model: what it does, and when to use it."""

    parameters: Mapping[str, Any]
    """JSON schema of the arguments, an object. Of its words `checking` knows those that our tools use."""

    run: Callable[[Mapping[str, Any]], Awaitable[str]]
    """Takes arguments that fit `parameters`, returns what it found, of any length. Raises `ToolError`."""

    origin: str = "a program outside"
    """Whose words the result holds, as the model is told: "the web"."""

    timeout: float = 10.0
    """Seconds until it is abandoned."""

    aclose: Callable[[], Awaitable[None]] = _nothing
    """Waits for what calls have left to be done after their answer. Bounded; may be called twice."""

    def as_openai(self) -> dict[str, Any]:
        """As chat completions take it in `tools`."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }
        return {"type": "function", "function": function}
