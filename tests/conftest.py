"""For all tests."""

from __future__ import annotations

import asyncio
import asyncio.constants
from collections.abc import Callable, Mapping

import pytest

from tests.steady import SteadyLoop


def pytest_configure() -> None:
    # looptime asks the policy for a loop before tests that have none. A policy that was never told of a loop
    # makes one then, which nobody closes, and the warning about it fails a later test.
    asyncio.set_event_loop(None)
    # Debug mode keeps the stack that led to each callback, which is dear. The last line of it is enough to find one.
    asyncio.constants.DEBUG_STACK_DEPTH = 1  # type: ignore[misc]


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Calls are measured in real time; elsewhere the machine's standstills do not count."""
    is_call = item.get_closest_marker("e2e") is not None
    return {"loop": asyncio.SelectorEventLoop if is_call else SteadyLoop}
