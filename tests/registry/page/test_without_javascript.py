"""The page in a browser that runs no scripts."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.registry.page.conftest import Open, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.test_list_page import keys, row


async def act(page: Page, agent_id: str, item: str, reason: str) -> None:
    """Choose from a row's menu and send the form that comes."""
    await row(page, agent_id).locator(".menu summary").click()
    await row(page, agent_id).get_by_text(item).click()
    await page.get_by_label("Reason").fill(reason)


async def test_filters_are_a_form(open_page: Open, agents: Senders) -> None:
    await agents.beat("one", name="Ada", host="north")
    await agents.beat("two", name="Max", host="south")
    page = await open_page("/?status=running", javascript=False)
    await page.get_by_label("Search").fill("max")
    await page.get_by_label("Order").select_option("name")
    await page.get_by_role("button", name="Apply").click()
    assert await keys(page) == ["two"]
    assert "status=running" in page.url, "other filters stay"


async def test_a_stop_is_a_form_that_leads_back(open_page: Open, site: Site, agents: Senders) -> None:
    async with agents.line("a/b", name="Ada") as ada:
        page = await open_page("/?search=ada", javascript=False)
        await act(page, "a/b", "Stop…", "it hangs")
        await page.get_by_role("button", name="Stop").click()
        assert page.url == f"{site.url}/?search=ada"
        await expect(page.locator("#said")).to_have_text("“Stop” was sent to Ada.")
        assert ada.orders == ["stop"]
        await page.reload()
        await expect(page.locator("#said")).to_be_hidden()


async def test_forcing_and_unlocking_on_the_agents_page(open_page: Open, site: Site, agents: Senders) -> None:
    await agents.beat("a/b", name="Ada")
    page = await open_page("/agents/a%2Fb", javascript=False)
    await page.get_by_role("link", name="Force status…").click()
    await page.get_by_label("Reason").fill("it talks nonsense")
    await page.get_by_label("Status").select_option("warning")
    await page.get_by_label("Your name").fill("Jörg")
    await page.get_by_role("button", name="Force status").click()
    assert page.url == f"{site.url}/agents/a%2Fb"
    await expect(page.locator("#agent-now .badge")).to_have_text("WARNING")
    await expect(page.locator("#agent-now")).to_contain_text("by Jörg")
    await expect(page.locator("#history")).to_contain_text("forced by Jörg: it talks nonsense")
    await page.get_by_role("link", name="Unlock status…").click()
    await expect(page.get_by_label("Your name")).to_have_value("Jörg")
    await page.get_by_label("Reason").fill("well again")
    await page.get_by_role("button", name="Unlock status").click()
    await expect(page.locator("#agent-now .badge")).to_have_text("RUNNING")


async def test_what_is_wrong_with_a_form_stands_in_it(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada", name="Ada")
    page = await open_page(javascript=False)
    await act(page, "ada", "Remove…", "tidying up")
    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("alert").first).to_contain_text("stop it first")
    await expect(page.get_by_label("Reason")).to_have_value("tidying up")
    await page.get_by_label("Remove it although").check()
    await page.get_by_role("button", name="Remove").click()
    await expect(page.locator("#said")).to_contain_text("was removed")


async def test_the_log_is_a_link(open_page: Open, agents: Senders) -> None:
    async with agents.line("ada") as ada:
        ada.log = ["first", "<b>second</b>"]
        page = await open_page("/agents/ada", javascript=False)
        assert ada.orders == []
        await page.get_by_role("link", name="Load the last log lines").click()
        await expect(page.locator("#log-lines")).to_have_text("first\n<b>second</b>\n")
    await agents.beat("lineless")
    page = await open_page("/agents/lineless?log=last", javascript=False)
    await expect(page.locator("#log-state")).to_contain_text("no line")


async def test_a_phone_needs_no_sideways_scrolling(open_page: Open, site: Site, agents: Senders) -> None:
    async with agents.line(
        "frontdesk/4f2a",
        name="Ada",
        kind="session",
        host="a-rather-long-host-name.of-a-region.example.net",
        model="gpt-4.1-mini",
        processId=4190,
        call={"room": "agent-frontdesk-room", "phase": "active", "humans": [{"identity": "guest"}]},
    ):
        page = await open_page(width=360, javascript=False)
        for path in ("/", "/agents/frontdesk%2F4f2a?log=last", "/act?id=frontdesk%2F4f2a&act=force&back="):
            await page.goto(site.url + path)
            box = await page.locator("html").bounding_box()
            assert box is not None
            assert box["width"] == 360
            widest = await page.locator("body *:visible").evaluate_all(
                """all => Math.max(...all.filter(one => !one.closest("pre, .for-ears"))
                  .map(one => one.getBoundingClientRect().right))"""
            )
            assert widest <= 360, path
