"""Run one call of a language model, and tell it in words whatever comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from llm.tools.checking import arguments_of
from llm.tools.errors import ToolError
from llm.tools.framing import framed
from llm.tools.tool import Tool

logger = logging.getLogger(__name__)

LEAVE_TIMEOUT = 0.2
"""Seconds that a tool has to end once it is cancelled. Those that do not are left behind."""

_abandoned: set[asyncio.Task[str]] = set()  # the loop itself holds its tasks weakly


async def call(tools: Sequence[Tool], name: str, arguments_json: str) -> str:
    """Run the tool called `name`, and return the text of the `tool` message.

    Nothing is raised: whatever is wrong is told, for the model to do better or to do without. A result is framed as
    data.

    Args:
        tools: Those that were offered.
        name: As the model wrote it.
        arguments_json: As the model wrote it.
    """
    tool = next((each for each in tools if each.name == name), None)
    if tool is None:
        return (
            f"There is no tool of that name. There are: {', '.join(each.name for each in tools) or 'none'}."
        )
    try:
        arguments = arguments_of(tool, arguments_json)
    except ToolError as error:
        logger.debug("a tool was called wrongly", extra={"action": "tool_misused", "tool": tool.name})
        return str(error)
    try:
        return framed(await _bounded(tool, arguments), origin=tool.origin)
    except ToolError as error:
        reason = {"action": "tool_failed", "tool": tool.name, "reason": str(error)}
        logger.warning("a tool gave no result", extra=reason)
        return str(error)


async def aclose(tools: Sequence[Tool]) -> None:
    """Wait for what the calls have left to be done, before the event loop ends. May be called twice."""
    async with asyncio.TaskGroup() as group:
        for tool in tools:
            group.create_task(_closed(tool), name=f"closing {tool.name}")


async def _closed(tool: Tool) -> None:
    await tool.aclose()


async def _run(tool: Tool, arguments: Mapping[str, Any]) -> str:
    return await tool.run(arguments)


async def _bounded(tool: Tool, arguments: Mapping[str, Any]) -> str:
    running = asyncio.create_task(_run(tool, arguments), name=f"tool {tool.name}")
    try:
        # Not `asyncio.timeout`: that waits for a tool which does not heed its cancellation.
        await asyncio.wait({running}, timeout=tool.timeout)
        is_late = not running.done()
    finally:
        await _ended(running)
    if is_late or running.cancelled():
        raise ToolError(f"{tool.name} was abandoned: it gave no answer within {tool.timeout:g} s.")
    error = running.exception()
    if error is None:
        return running.result()
    if isinstance(error, ToolError):
        raise error
    # No traceback: the message of a library's error may hold the key, as part of a header.
    logger.error(
        "a tool is broken",
        extra={"action": "tool_broken", "tool": tool.name, "error": type(error).__name__},
    )
    raise ToolError(f"{tool.name} failed: {type(error).__name__}.") from error


async def _ended(running: asyncio.Task[str]) -> None:
    if running.done():
        return
    _abandoned.add(running)
    running.add_done_callback(_forget)
    running.cancel()
    await asyncio.wait({running}, timeout=LEAVE_TIMEOUT)


def _forget(running: asyncio.Task[str]) -> None:
    _abandoned.discard(running)
    if not running.cancelled():
        running.exception()  # seen, so that nothing says it never was
