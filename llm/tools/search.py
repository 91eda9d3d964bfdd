"""Search the web with Tavily."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import SecretStr

from llm.tools.errors import ToolError
from llm.tools.framing import cut, without_key
from llm.tools.tool import Tool

PACKAGE = "tavily"

MAX_QUERY = 400
"""Characters of a question, Tavily's own limit."""

_RESULTS = 5
_MAX_TITLE = 200
_MAX_URL = 300
_MAX_CONTENT = 1_000
"""Characters of one result, so that one long page does not push out the others."""


def web_search(key: SecretStr, *, base_url: str | None, timeout: float) -> Tool:
    """The tool. Its package is imported at the first search.

    Args:
        key: Tavily's.
        base_url: Another server that speaks its protocol.
        timeout: Seconds for one search.
    """
    search = _Search(key.get_secret_value(), base_url=base_url, timeout=timeout)
    query = {
        "type": "string",
        "description": "What to look for, in a few words",
        "minLength": 1,
        "maxLength": MAX_QUERY,
    }
    return Tool(
        name="web_search",
        description=(
            "Search the web. Use it for what is newer than you, or what you are not sure of. "
            "Returns titles, addresses and extracts of pages."
        ),
        parameters={"type": "object", "properties": {"query": query}, "required": ["query"]},
        run=search.run,
        origin="the web",
        timeout=timeout,
    )


class _Search:
    def __init__(self, key: str, *, base_url: str | None, timeout: float) -> None:
        self._key = key
        self._base_url = base_url
        self._timeout = timeout

    async def run(self, arguments: Mapping[str, Any]) -> str:
        # In a thread: the import takes half a second, and making a TLS context some hundredths.
        try:
            client, errors = await asyncio.to_thread(self._open)
        except ImportError as error:
            raise ToolError("the search failed: its client cannot be loaded.") from error
        reasons = _reasons(errors, timeout=self._timeout)
        try:
            async with client:
                found = await client.search(
                    arguments["query"], max_results=_RESULTS, search_depth="basic", timeout=self._timeout
                )
        except tuple(reasons) as error:
            raise _failed(reasons[type(error)]) from error
        except httpx.HTTPStatusError as error:
            raise _failed(f"its server answered {error.response.status_code}") from error
        except httpx.HTTPError as error:
            raise _failed("its server is out of reach") from error
        # The client does not check what it is given.
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise _failed("its server's answer cannot be read") from error
        return _told(found, key=self._key)

    def _open(self) -> tuple[Any, Any]:
        client = importlib.import_module(PACKAGE).AsyncTavilyClient(
            api_key=self._key, api_base_url=self._base_url
        )
        return client, importlib.import_module(f"{PACKAGE}.errors")


def _reasons(errors: Any, *, timeout: float) -> dict[type[Exception], str]:
    return {
        errors.InvalidAPIKeyError: "the key is refused (401)",
        errors.ForbiddenError: "the key's plan does not allow it, or is used up (403, 432 or 433)",
        errors.UsageLimitExceededError: "too many searches at present (429)",
        errors.BadRequestError: "the query is refused (400)",
        errors.TimeoutError: f"no answer within {timeout:g} s",
    }


def _failed(reason: str) -> ToolError:
    return ToolError(f"the search failed: {reason}; answer without it, and say so.")


def _told(found: object, *, key: str) -> str:
    results = found.get("results") if isinstance(found, Mapping) else None
    if not isinstance(results, list):
        raise _failed("its server's answer holds no results")
    told = [
        _told_one(number, result, key=key)
        for number, result in enumerate(results[:_RESULTS], 1)
        if isinstance(result, Mapping)
    ]
    return "\n\n".join(told) or "Nothing was found."


def _told_one(number: int, result: Mapping[str, Any], *, key: str) -> str:
    # Before the cut, which could leave half a key.
    title, url, content = (
        without_key(str(result.get(name) or ""), key) for name in ("title", "url", "content")
    )
    return f"{number}. {title[:_MAX_TITLE]}\n{url[:_MAX_URL]}\n{cut(content, _MAX_CONTENT)}"
