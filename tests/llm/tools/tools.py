"""Tools that do what a test wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from llm.tools import Tool

ANY = {"type": "object", "properties": {"text": {"type": "string"}}, "required": []}


async def echo(arguments: Mapping[str, Any]) -> str:
    return f"echo of {arguments.get('text', 'nothing')}"


def a_tool(
    name: str,
    run: Callable[[Mapping[str, Any]], Awaitable[str]] = echo,
    *,
    parameters: Mapping[str, Any] = ANY,
    timeout: float = 10.0,
) -> Tool:
    return Tool(name=name, description="For a test", parameters=parameters, run=run, timeout=timeout)
