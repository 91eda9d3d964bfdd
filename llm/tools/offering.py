"""Which tools there are, by the settings and by what is installed."""

from __future__ import annotations

import functools
import logging

from config import Settings
from config.installed import is_installed
from llm.tools.sandboxes import PACKAGE as E2B
from llm.tools.sandboxes import run_code
from llm.tools.search import PACKAGE as TAVILY
from llm.tools.search import web_search
from llm.tools.tool import Tool

logger = logging.getLogger(__name__)


def tools_for(settings: Settings) -> tuple[Tool, ...]:
    """The tools whose key is set and whose package is there. None of them is imported or connected yet."""
    tools = []
    if settings.tavily_api_key and _has_client(TAVILY):
        tools.append(
            web_search(
                settings.tavily_api_key, base_url=settings.tavily_base_url, timeout=settings.tool_timeout
            )
        )
    if settings.e2b_api_key and _has_client(E2B):
        tools.append(
            run_code(settings.e2b_api_key, base_url=settings.e2b_base_url, timeout=settings.tool_timeout)
        )
    return tuple(tools)


@functools.cache
def say_not_installed() -> None:
    """Say it in the log, once in a process."""
    logger.warning(
        "a key for a tool is set, but its package is missing: pip install 'roomkeeper[tools]'",
        extra={"action": "tools_not_installed"},
    )


def _has_client(package: str) -> bool:
    if is_installed(package):
        return True
    say_not_installed()
    return False
