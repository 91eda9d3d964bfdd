from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from llm.discovery.names import Names


async def test_known_and_unknown_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(name: str, *_: object, **__: object) -> list[object]:
        if name != "gpu":
            raise socket.gaierror(-2, "Name or service not known")
        return [object()]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    names = Names()
    assert await names.is_known("gpu")
    assert not await names.is_known("nothing")
    names.close()


async def test_a_look_up_that_hangs_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, n_asked = threading.Event(), 0

    def hang(*_: object, **__: object) -> list[object]:
        nonlocal n_asked
        n_asked += 1
        go_on.wait(4)
        return [object()]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    names = Names()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await names.is_known("slow")
    waiting = asyncio.create_task(names.is_known("slow"))
    await asyncio.sleep(0)
    go_on.set()
    assert await waiting
    assert n_asked == 1


async def test_close_gives_up_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: go_on.wait(4))
    names = Names()
    waiting = asyncio.create_task(names.is_known("slow"))
    await asyncio.sleep(0)
    names.close()
    names.close()
    assert not await waiting
    go_on.set()
