"""An agent's page in a browser."""

from __future__ import annotations

from playwright.async_api import expect

from tests.registry.page.conftest import Open
from tests.registry.page.pretend import Senders


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
    page = await open_page("/agents/ada")
    await expect(page.locator("#pulse .word")).to_have_text("live")
    await page.wait_for_timeout(150)
    await agents.beat("ada", name="Ada", status="error", lastError="line 1\nline 2", errorAge=1)
    await expect(page.locator("#agent-now .badge")).to_have_text("ERROR", timeout=1_000)
    await expect(page.locator("#history")).to_contain_text("a recent error: line 1 line 2")
    await expect(page.locator("pre.error")).to_have_text("line 1\nline 2")
    await expect(page).to_have_title("ERROR: Ada · Roomkeeper")


async def test_the_log_is_asked_for_only_while_somebody_looks(open_page: Open, agents: Senders) -> None:
    async with agents.line("ada") as ada:
        page = await open_page("/agents/ada")
        await expect(page.locator("#log-state")).to_contain_text("only while somebody looks")
        assert ada.orders == []
        await page.get_by_role("button", name="Watch the log").click()
        lines = page.locator("#log-lines")
        await expect(lines).to_have_text("first line\nsecond line\n")
        assert set(ada.orders) == {"logs"}
        await ada.write("<b>third</b>")
        await expect(lines).to_have_text("first line\nsecond line\n<b>third</b>\n", timeout=1_000)
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
