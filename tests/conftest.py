"""For all tests."""

import asyncio
import asyncio.constants


def pytest_configure() -> None:
    # looptime asks the policy for a loop before tests that have none. A policy that was never told of a loop
    # makes one then, which nobody closes, and the warning about it fails a later test.
    asyncio.set_event_loop(None)
    # Debug mode keeps the stack that led to each callback, which is dear. The last line of it is enough to find one.
    asyncio.constants.DEBUG_STACK_DEPTH = 1  # type: ignore[misc]
