"""For all tests."""

import asyncio


def pytest_configure() -> None:
    # looptime asks the policy for a loop before tests that have none. A policy that was never told of a loop
    # makes one then, which nobody closes, and the warning about it fails a later test.
    asyncio.set_event_loop(None)
