from __future__ import annotations

import pytest

from config import Settings
from llm.discovery.asking import Limits
from llm.discovery.backend import LIMITS, Backend
from llm.discovery.notes import Notes, in_order
from tests.llm.discovery.conftest import Servers
from tests.llm.discovery.shapes import Said

LISTING = [{"deploy_id": "d-1", "url": "http://gpu:8000", "model": "m"}, {"url": "http://other"}]


async def look(url: str | None, *, limits: Limits = LIMITS) -> Notes:
    backend, notes = Backend(Settings(agent_backend_url=url), limits=limits), Notes()
    await backend.look(notes)
    await backend.aclose()
    await backend.aclose()
    return notes


async def test_its_list_in_its_order(servers: Servers) -> None:
    server = await servers.http({"/api/models": {"models": LISTING}})
    notes = await look(f"http://127.0.0.1:{server.port}/api/models?token=secret")
    assert [endpoint.id for _, endpoint in notes.seen] == ["gpu:8000/d-1", "other"]
    assert notes.is_backend_read
    assert not notes.troubles
    assert server.asked == ["/api/models?token=secret"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            Said(body="<html>Welcome", type="text/html"),
            "answers HTML and not JSON: it is a page for people; it must",
        ),
        (Said(status=404), "answers HTTP 404; it must answer GET with JSON like [{"),
        (Said(status=401), "wants a login (HTTP 401)"),
        (Said(status=500, body="[]"), "answers HTTP 500;"),
        (Said(body='{"status": "ok"}'), "answers without a list of models;"),
        (Said(body="nothing"), "answers without a list of models;"),
        (Said(body="x" * 10_000_000), "answers more than 1,000,000 bytes"),
        (Said(status=302, headers={"Location": "/list"}), "redirects more than 5 times"),
    ],
)
async def test_a_bad_answer(servers: Servers, said: Said, words: str) -> None:
    server = await servers.http({"/list": said})
    url = f"http://127.0.0.1:{server.port}/list"
    notes = await look(f"{url}?token=secret")
    (trouble,) = in_order(notes.troubles)
    assert trouble.startswith(f"AGENT_BACKEND_URL={url} {words}")
    assert not notes.is_backend_read


async def test_a_redirect_is_followed(servers: Servers) -> None:
    there = await servers.http({"/list": LISTING})
    to = Said(status=307, headers={"Location": f"http://127.0.0.1:{there.port}/list"})
    here = await servers.http({"/": to})
    assert len((await look(f"http://127.0.0.1:{here.port}")).seen) == 2


async def test_a_backend_that_hangs(servers: Servers) -> None:
    url = f"http://127.0.0.1:{await servers.hanging()}"
    notes = await look(url, limits=Limits(connect=0.2, total=0.2))
    assert in_order(notes.troubles) == (f"AGENT_BACKEND_URL={url} does not answer within 0.2 s",)


async def test_a_backend_that_is_not_there(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    assert in_order((await look(url)).troubles) == (f"AGENT_BACKEND_URL={url} takes no connection",)


async def test_a_proxy_is_not_asked_for_this_machine(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")
    server = await servers.http({"/": LISTING})
    assert len((await look(f"http://127.0.0.1:{server.port}")).seen) == 2


async def test_many_bad_entries_are_summed_up(servers: Servers) -> None:
    server = await servers.http({"/": [{"id": n} for n in range(8)] + LISTING})
    notes = await look(f"http://127.0.0.1:{server.port}")
    words = [trouble.partition(": ")[2] for trouble in in_order(notes.troubles)]
    assert words == [*(f"entry {n + 1} ({n}) has no url" for n in range(5)), "3 more entries cannot be used"]
    assert len(notes.seen) == 2


async def test_without_a_url_nothing_is_asked() -> None:
    notes = await look(None)
    assert not notes.troubles
    assert not notes.is_backend_read
