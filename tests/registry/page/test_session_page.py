"""A session's page: what was said, what happened, how long people waited, what it cost."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import aiohttp
from playwright.async_api import expect

from registry.session_records import EventRow, TurnRow
from tests.registry.page.conftest import Build, Open, Site
from tests.registry.page.pretend_keeping import a_session, ago
from tests.registry.page.test_html import source_of, text_of
from wire import Delays


def a_turn(number: int, text: str, *, session_id: str = "one", role: str = "user", **fields: Any) -> TurnRow:
    at = ago(1_000 - number)
    return TurnRow(session_id=session_id, number=number, role=role, text=text, at=at, **fields)


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
    usage = ({"model": "gpt-4.1", "input_tokens": 4021},)
    going = a_session("two", resumes="one", usage=usage, host="north", job_id="AJ_2")
    sessions.report(going, [a_turn(0, "Are you there?", session_id="two")])
    text = await text_of(http, f"{site.url}/sessions/two")
    assert re.search(
        r"From an earlier session Human \S+ \S+ Hello\? Agent \S+ \S+ Good – interrupted "
        r"This session Human \S+ \S+ Are you there\?",
        text,
    )
    assert "Goes on with an earlier session" in text
    assert '"input_tokens": 4021' in text
    assert "gpt-4.1 4,021 tokens read, 0 written $0.0080" in text
    assert "LOST" in await text_of(http, f"{site.url}/sessions/one")


async def test_waits_are_of_the_whole_session_and_of_no_other_one(
    site: Site, http: aiohttp.ClientSession
) -> None:
    """As in the API, however many turns the page shows."""
    sessions = site.store.sessions
    sessions.report(
        a_session("one"), [a_turn(0, "before", role="assistant", delays=Delays(total=9.0)), a_turn(1, "x")]
    )
    turns = [
        a_turn(number, "long", session_id="two", role="assistant", delays=Delays(total=0.4))
        for number in range(502)
    ]
    sessions.report(a_session("two", resumes="one"), turns)
    assert "Answer after the end of speech 0.40 0.40 502" in await text_of(http, f"{site.url}/sessions/two")
    async with http.get(f"{site.url}/api/sessions/two") as answer:
        assert (await answer.json())["latencies"]["total"]["count"] == 502


async def test_a_database_that_fails_is_told(site: Site, http: aiohttp.ClientSession) -> None:
    site.store.close()
    assert "The session cannot be read" in await text_of(http, f"{site.url}/sessions/one")


async def test_the_record_tells_what_happened_and_how_long_people_waited(
    site: Site, http: aiohttp.ClientSession
) -> None:
    over = a_session(
        "one",
        started_at=ago(100),
        ended_at=ago(10),
        close_reason="humans_left",
        exit_code=0,
        first_audio=0.64,
    )
    said = [
        a_turn(0, "Hello?", started=10.0, duration=1.5, delays=Delays(stt=0.31, end_of_turn=0.5)),
        a_turn(1, "Hi.", role="assistant", started=12.4, duration=0.9, delays=Delays(llm=0.2, total=0.84)),
    ]
    site.store.sessions.report(over, said)
    happened = [
        ("human_came", "client; 1 human is there now", 98),
        ("closed", "humans_left", 10),
        ("new_kind", "x", 9),
    ]
    site.store.sessions.happened(
        "one",
        [
            EventRow(
                session_id="one",
                number=number,
                kind=kind,
                text=text,
                at=over.started_at + timedelta(seconds=100 - at),
            )
            for number, (kind, text, at) in enumerate(happened)
        ],
    )
    text = await text_of(http, f"{site.url}/sessions/one")
    for words in (
        "Timeline 1:30",
        "(at 0:10, 1.50 s long) Hello? heard after 0.31 s over after 0.50 s",
        "Hi. answered after 0.84 s model 0.20 s",
        "First words after joining 0.64 0.64 1",
        "Answer after the end of speech 0.84 0.84 1",
        "0:02 a human came: client; 1 human is there now",
        "1:30 the session ended: All humans left, and the wait for them was over",
        "new kind: x",
        "Why it ended: All humans left, and the wait for them was over.",
        "What was said is kept for 30 days after the session.",
    ):
        assert words in text, words


async def test_what_is_not_kept_is_said_and_shown_nowhere(build: Build, http: aiohttp.ClientSession) -> None:
    site = await build(journal_days=7, history_days=90)
    silent = [a_turn(0, "", is_kept=False, started=1.0, duration=2.0)]
    site.store.sessions.report(a_session("one", is_transcribed=False), silent)
    text = await text_of(http, f"{site.url}/sessions/one")
    assert "What is said is not kept, as its agent's profile or its host's settings have it." in text
    assert "The rest of this page is kept for 90 days" in text
    assert re.search(r"Human .* \(at 0:01, 2.00 s long\) not kept", text)
    site.store.sessions.report(a_session("two"), [a_turn(0, "Hi", session_id="two")])
    assert "What was said is kept for 7 days" in await text_of(http, f"{site.url}/sessions/two")


async def test_what_was_said_can_be_saved_from_the_page(site: Site, open_page: Open) -> None:
    site.store.sessions.report(a_session("a/b"), [a_turn(0, "Hello?", session_id="a/b", started=1.0)])
    page = await open_page("/sessions/a%2Fb", javascript=False)
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="WebVTT").click()
    saved = await saving.value
    assert saved.suggested_filename == "transcript-a_b.vtt"
    assert "<v Human>Hello?" in (await asyncio.to_thread((await saved.path()).read_text, "utf-8"))


async def test_words_of_others_are_no_markup_in_the_timeline(site: Site, http: aiohttp.ClientSession) -> None:
    row = a_session("one")
    site.store.sessions.report(row, [])
    bad = '"><script>alert(1)</script>'
    site.store.sessions.happened(
        "one", [EventRow(session_id="one", number=0, kind="note", text=bad, at=row.started_at)]
    )
    source = await source_of(http, f"{site.url}/sessions/one")
    assert "<script>alert" not in source
    assert source.count("&lt;script&gt;alert") == 2


async def test_new_turns_appear_by_themselves(open_page: Open, site: Site) -> None:
    site.store.sessions.report(a_session("one"), [a_turn(0, "Hello?")])
    page = await open_page("/sessions/one")
    await expect(page.locator(".turn")).to_have_count(1)
    site.store.sessions.report(a_session("one"), [a_turn(1, "<b>Hi</b>", role="assistant")])
    await expect(page.locator(".turn.of-assistant p")).to_have_text("<b>Hi</b>")


async def test_a_turn_is_on_an_open_page_at_once(
    open_page: Open, site: Site, http: aiohttp.ClientSession
) -> None:
    report = {"agentId": "1", "rowId": "1", "room": "agent-1-room"}
    address = f"{site.url}/api/sessions/one"
    await http.put(address, json=report)
    page = await open_page("/sessions/one", asks=False)
    await expect(page.locator("#pulse")).to_have_text("live")
    for number in range(2):
        before = await page.locator(".turn").count()
        turn = {"number": number, "role": "user", "text": f"turn {number}"}
        async with http.put(address, json=report | {"turns": [turn]}) as taken:
            assert taken.status == 200
        await expect(page.locator(".turn")).to_have_count(before + 1)
