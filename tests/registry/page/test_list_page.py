"""The System Status Panel in a browser."""

from __future__ import annotations

import re

import aiohttp
from playwright.async_api import Locator, Page, expect

from registry.status import Limits
from tests.registry.page.conftest import Build, Open, Site
from tests.registry.page.pretend import Senders


def row(page: Page, agent_id: str) -> Locator:
    return page.locator(f'tr[data-key="{agent_id}"]')


async def keys(page: Page) -> list[str]:
    """Ids of the agents on the page, in order."""
    found: list[str] = await page.locator("tr[data-key]").evaluate_all("rows => rows.map(r => r.dataset.key)")
    return found


async def live(page: Page) -> None:
    """Wait until the page is told of changes."""
    await expect(page.locator("#pulse .word")).to_have_text("live")
    await expect(page.locator("#pulse")).not_to_have_class("is-off")
    await page.wait_for_timeout(150)  # the stream's greeting makes it look once more


async def test_an_empty_panel_says_how_to_start_an_agent(open_page: Open, site: Site) -> None:
    page = await open_page()
    await expect(page.get_by_role("heading", name="System Status Panel")).to_be_visible()
    await expect(page.get_by_role("heading", name="Deployed Agents")).to_be_visible()
    await expect(page.locator(".empty code").first).to_have_text(
        f"export WEB_UI_URL={site.url}\npython agent.py dev"
    )


async def test_an_agent_and_its_end_appear_by_themselves(open_page: Open, agents: Senders) -> None:
    page = await open_page()
    await live(page)
    async with agents.line("ada", name="Ada", kind="session", deployment="cloud", processId=42, host="north"):
        await row(page, "ada").filter(has_text="RUNNING").wait_for()
        await expect(row(page, "ada")).to_contain_text("PID 42")
        await expect(row(page, "ada").locator(".tag").first).to_have_text("Cloud")
        await expect(page).to_have_title("System Status Panel")
        await page.get_by_label("Host").select_option("north")  # the filters have come too
        await page.wait_for_timeout(500)
    await row(page, "ada").filter(has_text="suspect").wait_for()
    await expect(row(page, "ada").locator(".badge")).to_have_text("OFFLINE")
    await expect(page).to_have_title("1 offline · System Status Panel")


async def test_ages_count_up_and_a_beat_sets_them_back(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada")
    page = await open_page()
    age = row(page, "ada").locator(".beat time")
    await expect(age).to_have_text(re.compile("[2-9] s ago"))
    before = await age.get_attribute("datetime") or ""
    await agents.beat("ada")  # says nothing new, so no event tells of it
    await expect(age).not_to_have_attribute("datetime", before)
    await expect(age).to_have_text(re.compile("now|1 s ago"))


async def test_search_and_filters_work_while_one_types(open_page: Open, agents: Senders) -> None:
    await agents.beat("one", name="Ada", host="north", kind="worker")
    await agents.beat("two", name="Max", host="south", deployment="cloud", status="error")
    await agents.beat("three", name="Adam", host="south")
    page = await open_page()
    await page.get_by_label("Search").press_sequentially("ada")
    await expect(page.locator("tr[data-key]")).to_have_count(2)
    assert "search=ada" in page.url
    await page.get_by_label("Host").select_option("south")
    await expect(page.locator("tr[data-key]")).to_have_count(1)
    assert await keys(page) == ["three"]
    await expect(page.locator(".found")).to_contain_text("1 agent of 3")
    await page.get_by_role("link", name="Show all").click()
    await expect(page.locator("tr[data-key]")).to_have_count(3)
    assert (await keys(page))[0] == "two", "trouble comes first"
    await page.get_by_label("Deployment").select_option("cloud")
    await expect(page.locator("tr[data-key]")).to_have_count(1)
    await page.get_by_label("Search").fill("nobody")
    await expect(page.get_by_role("heading", name="No agent matches")).to_be_visible()


async def test_an_open_menu_and_the_focus_survive_changes(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada")
    page = await open_page()
    await live(page)
    menu = row(page, "ada").locator(".menu")
    await menu.locator("summary").click()
    await menu.get_by_text("Drain…").focus()
    await agents.beat("ada", status="error", reason="it broke")
    await agents.beat("before", status="error", name="A")
    await expect(row(page, "ada").locator(".badge")).to_have_text("ERROR")
    await expect(page.locator("tr[data-key]")).to_have_count(2)
    await expect(menu.get_by_text("Drain…")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu.get_by_text("Drain…")).to_be_hidden()
    await expect(menu.locator("summary")).to_be_focused()


async def test_changes_are_spoken(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada", name="Ada")
    page = await open_page()
    await live(page)
    await agents.beat("ada", name="Ada", status="error")
    await expect(page.get_by_role("status").filter(has_text="Ada: error")).to_have_count(1)


async def test_a_registry_that_has_just_started_says_whom_it_waits_for(
    open_page: Open, site: Site, agents: Senders
) -> None:
    await agents.beat("ada")
    page = await open_page()
    await live(page)
    await site.down()
    notice = page.locator("#not-live")
    await expect(notice).to_contain_text("not live: the registry does not answer")
    await expect(page.locator("#pulse .word")).to_have_text("not live")
    await site.up()
    await expect(notice).to_be_hidden()
    await expect(page.locator(".notices")).to_contain_text("waiting for beats of 1 agent")
    await expect(row(page, "ada").locator(".badge")).to_have_text("UNKNOWN")
    await agents.beat("ada")
    await expect(row(page, "ada").locator(".badge")).to_have_text("RUNNING")
    await expect(page.locator(".notices")).to_have_count(0)


async def test_trouble_with_the_database_is_told(open_page: Open, site: Site, agents: Senders) -> None:
    await agents.beat("ada", name="Ada")
    page = await open_page()
    await live(page)
    site.store.close()
    site.registry.fleet.note(site.registry.fleet.get("ada"), "cannot be written", by="test")
    await expect(page.locator(".notices")).to_contain_text("the database cannot be written")
    await expect(row(page, "ada")).to_be_visible()
    await page.goto(f"{site.url}/agents/ada")
    await expect(page.locator("#history")).to_contain_text("The history cannot be read")


async def test_an_agent_that_left_the_list_leaves_the_page(open_page: Open, build: Build) -> None:
    short = await build(limits=Limits(visible=1.0))
    async with aiohttp.ClientSession() as session:
        await Senders(session, short.url).beat("ada")
        page = await open_page(url=short.url)
        await live(page)
        await Senders(session, short.url).beat("ada", status="stopped", reason="done")
        await expect(row(page, "ada").locator(".badge")).to_have_text("STOPPED")
        await expect(row(page, "ada")).to_have_count(0)
        await page.goto(f"{short.url}/agents/ada")
        await expect(page.locator("#agent-now")).to_contain_text("not on the page any more")
        await expect(page.locator("#history")).to_contain_text("it stopped: done")


HOSTILE = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


async def test_hostile_names_neither_run_nor_break_the_page(
    open_page: Open, site: Site, agents: Senders
) -> None:
    for number, text in enumerate(
        (HOSTILE, "W" * 200, "\u202e" * 60 + "מימין", "\u200b" * 200, "{{7*7}}", "'\"><b>")
    ):
        await agents.beat(
            f"{number}/{text}"[:200],
            name=text,
            host=text,
            model=text,
            voice=text,
            description=text * 3,
            prompt=text * 9,
            lastError=text * 3,
            errorAge=1,
            hints=[{"points": 1, "text": text}],
            kind="session",
            call={"room": text, "phase": text[:20], "humans": [{"identity": text, "role": text[:20]}] * 6},
        )
    page = await open_page()
    await live(page)
    await agents.beat("0", name=HOSTILE, status="error")  # a row that scripts put there
    await expect(row(page, "0")).to_contain_text("<script>")
    paths = await page.locator("a.name").evaluate_all("links => links.map(a => a.getAttribute('href'))")
    assert len(paths) == 7
    for path in ("", "/", *paths[:3]):
        if path:
            await page.set_viewport_size({"width": 360, "height": 800})
            await page.goto(site.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert await page.evaluate("window.hacked") is None
