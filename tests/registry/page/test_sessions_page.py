"""Sessions: the list without words, and one with what was said."""

from __future__ import annotations

import re

import aiohttp
from playwright.async_api import expect

from registry.session_records import TurnRow
from tests.registry.page.conftest import Open, Site
from tests.registry.page.pretend_keeping import a_session, ago
from tests.registry.page.test_html import source_of, text_of


def a_turn(number: int, text: str, *, session_id: str = "one", role: str = "user", **fields: bool) -> TurnRow:
    at = ago(1_000 - number)
    return TurnRow(session_id=session_id, number=number, role=role, text=text, at=at, **fields)


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
    assert "OPERATOR 1 three agent-1-room 40 s ago lasted 30 s" in await text_of(http, address)


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


async def test_words_stand_on_the_sessions_own_page_only(site: Site, http: aiohttp.ClientSession) -> None:
    secret = "my number is 4711"
    site.store.sessions.report(a_session("one"), [a_turn(0, secret), a_turn(1, "I see.", role="assistant")])
    assert secret not in await source_of(http, f"{site.url}/sessions")
    assert secret not in await source_of(http, f"{site.url}/rooms/agent-1-room")
    assert secret in await source_of(http, f"{site.url}/sessions/one")


async def test_a_conversation_is_told_with_what_it_went_on_with(
    site: Site, http: aiohttp.ClientSession
) -> None:
    sessions = site.store.sessions
    lost = a_session("one", started_at=ago(900), ended_at=ago(700), close_reason="lost")
    sessions.report(lost, [a_turn(0, "Hello?"), a_turn(1, "Good", role="assistant", interrupted=True)])
    usage = ({"model": "gpt-4.1", "inputTokens": 4021},)
    going = a_session("two", resumes="one", usage=usage, host="north", job_id="AJ_2")
    sessions.report(going, [a_turn(0, "Are you there?", session_id="two")])
    text = await text_of(http, f"{site.url}/sessions/two")
    assert re.search(
        r"From an earlier session Human \S+ \S+ Hello\? Agent \S+ \S+ Good – interrupted "
        r"This session Human \S+ \S+ Are you there\?",
        text,
    )
    assert "Goes on with an earlier session" in text
    assert '"inputTokens": 4021' in text
    assert "LOST" in await text_of(http, f"{site.url}/sessions/one")


async def test_a_database_that_fails_is_told(site: Site, http: aiohttp.ClientSession) -> None:
    site.store.close()
    assert "The sessions cannot be read" in await text_of(http, f"{site.url}/sessions")
    assert "The session cannot be read" in await text_of(http, f"{site.url}/sessions/one")


async def test_new_turns_appear_by_themselves(open_page: Open, site: Site) -> None:
    site.store.sessions.report(a_session("one"), [a_turn(0, "Hello?")])
    page = await open_page("/sessions/one")
    await expect(page.locator(".turn")).to_have_count(1)
    site.store.sessions.report(a_session("one"), [a_turn(1, "<b>Hi</b>", role="assistant")])
    await expect(page.locator(".turn.of-assistant p")).to_have_text("<b>Hi</b>")
