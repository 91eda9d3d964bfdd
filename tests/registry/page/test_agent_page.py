"""An agent's page in a browser."""

from __future__ import annotations

import aiohttp
from playwright.async_api import expect

from registry.page.latency_part import MOST_TIMES
from registry.session_records import TurnRow
from tests.registry.page.conftest import Open, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.pretend_keeping import a_session, ago
from tests.registry.page.test_html import source_of, text_of
from wire import Delays


async def test_any_id_has_a_page(open_page: Open, agents: Senders) -> None:
    for agent_id in ("a/b", "ü 日本?#%&=+", "<b>", "a//..//b", ".", "..", "history", "x/stop"):
        await agents.beat(agent_id)
    page = await open_page()
    found = await page.locator("a.name").evaluate_all(
        """links => Promise.all(links.map(async link => {
          const text = await (await fetch(link.href)).text();
          const there = new DOMParser().parseFromString(text, "text/html");
          return [link.textContent, there.querySelector("#agent-now .id")?.textContent];
        }))"""
    )
    assert len(found) == 8
    assert all(one == other for one, other in found), found


async def test_the_page_is_live(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada", name="Ada")
    page = await open_page("/agents/ada", asks=False)
    await expect(page.locator("#pulse .word")).to_have_text("live")
    await page.wait_for_timeout(150)
    await agents.beat("ada", name="Ada", status="error", lastError="line 1\nline 2", errorAge=1)
    await expect(page.locator("#agent-now .badge")).to_have_text("ERROR")
    await expect(page.locator("#history")).to_contain_text("a recent error: line 1 line 2")
    await expect(page.locator("pre.error")).to_have_text("line 1\nline 2")
    await expect(page).to_have_title("ERROR: Ada · Roomkeeper")


async def test_the_log_is_asked_for_only_while_somebody_looks(open_page: Open, agents: Senders) -> None:
    async with agents.line("ada") as ada:
        page = await open_page("/agents/ada", asks=False)
        await expect(page.locator("#log-state")).to_contain_text("only while somebody looks")
        assert ada.orders == []
        await page.get_by_role("button", name="Watch the log").click()
        lines = page.locator("#log-lines")
        await expect(lines).to_have_text("first line\nsecond line\n")
        assert set(ada.orders) == {"logs"}
        await ada.write("<b>third</b>")
        await expect(lines).to_have_text("first line\nsecond line\n<b>third</b>\n")
        await page.get_by_role("button", name="Stop watching").click()
        await ada.write("fourth")
        await page.wait_for_timeout(150)
        await expect(lines).not_to_contain_text("fourth")


async def test_an_agent_without_a_line_has_no_log(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada")
    page = await open_page("/agents/ada")
    await page.get_by_role("button", name="Watch the log").click()
    await expect(page.locator("#log-state")).to_contain_text("has no line")
    await expect(page.get_by_role("button", name="Watch the log")).to_be_visible()


async def test_a_watched_log_says_when_the_line_is_lost(open_page: Open, agents: Senders) -> None:
    async with agents.line("ada"):
        page = await open_page("/agents/ada")
        await page.get_by_role("button", name="Watch the log").click()
        await expect(page.locator("#log-state")).to_contain_text("Live")
    await expect(page.locator("#log-state")).to_contain_text("lost its line")


async def test_how_long_people_wait_is_drawn_and_told(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada", kind="session", call={"room": "agent-ada-room", "phase": "active"})
    address = f"{site.url}/agents/ada"
    assert "Nothing was measured in the last 48 hours" in await text_of(http, address)
    turn = TurnRow(
        session_id="one", number=0, role="assistant", text="Hi", at=ago(5), delays=Delays(total=0.8, llm=0.2)
    )
    row = a_session("one", agent_id="ada", started_at=ago(9), first_audio=0.64)
    site.store.sessions.report(row, [turn])
    text = await text_of(http, address)
    assert "Answer after the end of speech p50 0.80 s, p95 0.80 s, of 1" in text
    assert "First words after joining p50 0.64 s, p95 0.64 s, of 1" in text
    assert "Hearing (STT)" not in text, "nothing was measured of it"
    assert 'class="p50" d="M' in await source_of(http, address)
    by_day = await text_of(http, f"{address}?latencies=day")
    assert "the last 30 days, by the day" in by_day
    assert "By the hour" in by_day


async def test_how_long_people_wait_is_told_of_the_last_turns(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada", kind="session", call={"room": "agent-ada-room", "phase": "active"})
    turns = [
        TurnRow(
            session_id="one", number=number, role="assistant", text="", at=ago(5), delays=Delays(total=0.8)
        )
        for number in range(MOST_TIMES + 1)
    ]
    site.store.sessions.report(a_session("one", agent_id="ada", started_at=ago(9)), turns)
    address = f"{site.url}/agents/ada"
    text = await text_of(http, address)
    assert f"of {MOST_TIMES} " in text
    assert "of the last 2,000 turns only" in text


async def test_workers_and_programs_have_nobody_who_waits(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("worker-1")
    assert "How long people wait" not in await text_of(http, f"{site.url}/agents/worker-1")
