"""The list of sessions, without words."""

from __future__ import annotations

import re

import aiohttp

from tests.registry.page.conftest import Site
from tests.registry.page.pretend_keeping import a_session, ago
from tests.registry.page.test_html import source_of, text_of


def ids_in(source: str) -> list[str]:
    return re.findall(r'data-key="(.*?)"', source)


async def test_the_list_can_be_narrowed(site: Site, http: aiohttp.ClientSession) -> None:
    sessions = site.store.sessions
    sessions.report(a_session("one", started_at=ago(30)), [])
    sessions.report(a_session("two", agent_id="2", room="a/b", started_at=ago(20)), [])
    over = a_session("three", started_at=ago(40), ended_at=ago(10), close_reason="operator", exit_code=0)
    sessions.report(over, [])
    address = f"{site.url}/sessions"
    assert ids_in(await source_of(http, address)) == ["two", "one", "three"]
    assert ids_in(await source_of(http, f"{address}?room=a%2Fb")) == ["two"]
    assert ids_in(await source_of(http, f"{address}?agent=1")) == ["one", "three"]
    assert ids_in(await source_of(http, f"{address}?state=over")) == ["three"]
    assert ids_in(await source_of(http, f"{address}?state=open&before=nonsense")) == ["two", "one"]
    assert "No session matches" in await text_of(http, f"{address}?room=none")
    assert re.search(r"OPERATOR 1 three agent-1-room 4\d s ago lasted 30 s", await text_of(http, address))


async def test_older_sessions_are_on_further_pages(site: Site, http: aiohttp.ClientSession) -> None:
    for number in range(52):
        site.store.sessions.report(a_session(f"s{number:02}", started_at=ago(100 + number)), [])
    source = await source_of(http, f"{site.url}/sessions")
    assert len(ids_in(source)) == 50
    older = source.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert ids_in(await source_of(http, site.url + older)) == ["s50", "s51"]


async def test_no_sessions_is_said(site: Site, http: aiohttp.ClientSession) -> None:
    assert "No session yet" in await text_of(http, f"{site.url}/sessions")
    assert "Unknown session" in await text_of(http, f"{site.url}/sessions/x%2Fy", status=404)
    assert "No session yet" in await text_of(http, f"{site.url}/sessions/")


async def test_a_database_that_fails_is_told(site: Site, http: aiohttp.ClientSession) -> None:
    site.store.close()
    assert "The sessions cannot be read" in await text_of(http, f"{site.url}/sessions")
