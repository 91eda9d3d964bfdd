from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from llm.discovery.asking import Answer, Limits, Silence, Why, ask, http_only
from tests.llm.discovery.conftest import Servers
from tests.llm.discovery.shapes import Said

LIMITS = Limits(connect=0.5, total=1.0)


async def test_a_body_that_drips_is_cut_off(servers: Servers) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    port = await servers.tcp(drip)
    async with http_only() as client:
        answer = await ask(client, f"http://127.0.0.1:{port}/", limits=Limits(connect=0.2, total=0.2))
    assert answer == Silence(why=Why.LATE, words="does not answer within 0.2 s")


async def test_a_body_without_end_is_cut_off(servers: Servers) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()

    port = await servers.tcp(pour)
    async with http_only() as client:
        answer = await ask(client, f"http://127.0.0.1:{port}/", limits=LIMITS)
    assert answer == Silence(why=Why.TOO_LONG, words="answers more than 1,000,000 bytes")


async def test_redirects_are_followed_five_times(servers: Servers) -> None:
    to = {f"/{n}": Said(status=302, headers={"Location": f"/{n + 1}"}) for n in range(9)}
    server = await servers.http({**to, "/9": "here"})
    async with http_only() as client:
        for start, expected in ((4, b"here"), (3, None)):
            url = f"http://127.0.0.1:{server.port}/{start}"
            answer = await ask(client, url, limits=LIMITS, follow=True)
            assert (answer.body if isinstance(answer, Answer) else None) == expected
        assert answer == Silence(why=Why.REDIRECTS, words="redirects more than 5 times")


async def test_a_redirect_to_a_file_is_not_followed(servers: Servers) -> None:
    server = await servers.http({"/": Said(status=302, headers={"Location": "file:///etc/hostname"})})
    async with http_only() as client:
        answer = await ask(client, f"http://127.0.0.1:{server.port}/", limits=LIMITS, follow=True)
    assert isinstance(answer, Silence)
    assert answer.why is Why.REDIRECTS


@pytest.mark.parametrize("url", ["http://[::1", "http://", f"http://{'a' * 70}.{'b' * 70}:1/", "http://x y/"])
async def test_a_url_that_cannot_be_asked(url: str) -> None:
    async with http_only() as client:
        assert isinstance(await ask(client, url, limits=LIMITS), Silence)


async def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    async with http_only(socket=str(tmp_path / "nothing")) as client:
        answer = await ask(client, "http://docker/", limits=LIMITS)
    assert isinstance(answer, Silence)
    assert answer.why is Why.NO_SOCKET


async def test_a_closed_client_is_silence() -> None:
    client = http_only()
    await client.aclose()
    assert isinstance(await ask(client, "http://127.0.0.1:1/", limits=LIMITS), Silence)


async def test_a_page_is_told_from_data(servers: Servers) -> None:
    server = await servers.http({"/page": Said(body=" <html>"), "/data": {"a": 1}})
    async with http_only() as client:
        page = await ask(client, f"http://127.0.0.1:{server.port}/page", limits=LIMITS)
        data = await ask(client, f"http://127.0.0.1:{server.port}/data", limits=LIMITS)
    assert isinstance(page, Answer)
    assert isinstance(data, Answer)
    assert (page.is_html, page.json()) == (True, None)
    assert (data.is_html, data.json()) == (False, {"a": 1})
