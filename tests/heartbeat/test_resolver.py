"""Addresses of the registry's name."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from heartbeat.resolver import Resolver

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


class Names:
    """A name server."""

    def __init__(self) -> None:
        self.n_asked = 0
        self.is_away = False
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, host: bytes, port: int, **_: Any) -> object:
        self.n_asked += 1
        self.go_on.wait(3)
        if self.is_away:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return FOUND


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


async def test_a_name_is_looked_up(names: Names) -> None:
    (found,) = await Resolver().resolve("registry", 80)
    assert (found["hostname"], found["host"], found["port"]) == ("registry", "192.0.2.1", 80)


async def test_the_last_addresses_are_used_when_nobody_can_be_asked(names: Names) -> None:
    resolver = Resolver()
    first = await resolver.resolve("registry", 80)
    names.is_away = True
    assert await resolver.resolve("registry", 80) == first
    with pytest.raises(OSError, match="try again"):
        await resolver.resolve("another", 80)


async def test_at_the_end_of_the_interpreter_no_thread_is_needed(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert await Resolver().resolve("registry", 80)


async def test_a_look_up_that_hangs_is_not_begun_again(names: Names) -> None:
    names.go_on.clear()
    resolver = Resolver()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await resolver.resolve("registry", 80)
    assert names.n_asked == 1
    names.go_on.set()
    assert await resolver.resolve("registry", 80)


async def test_closing_does_not_wait_for_it(names: Names) -> None:
    names.go_on.clear()
    resolver = Resolver()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await resolver.resolve("registry", 80)
    await resolver.close()
    names.go_on.set()
