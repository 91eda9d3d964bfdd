"""What operators do, in a browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.registry.page.conftest import Open, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.test_list_page import live, row


async def choose(page: Page, agent_id: str, item: str) -> None:
    """Open a row's menu and choose from it."""
    await row(page, agent_id).locator(".menu summary").click()
    await row(page, agent_id).get_by_text(item).click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def test_a_stop_reaches_the_agent_and_stands_in_its_history(open_page: Open, agents: Senders) -> None:
    async with agents.line("ada", name="Ada") as ada:
        page = await open_page()
        await choose(page, "ada", "Stop…")
        dialog = page.get_by_role("dialog", name="Stop")
        await dialog.get_by_label("Reason").fill("it hangs")
        await dialog.get_by_label("Your name").fill("Ann")
        await dialog.get_by_role("button", name="Stop").click()
        await expect(page.locator("#said")).to_have_text("“Stop” was sent to Ada.")
        await expect(dialog).to_be_hidden()
        [command] = ada.commands
        assert (command["order"], command["reason"]) == ("stop", "it hangs")
        await row(page, "ada").locator("a.name").click()
        history = page.locator("#history")
        await expect(history).to_contain_text("stop asked by Ann (on its line): it hangs")
        await expect(history).to_contain_text("stop asked by Ann was accepted: closing")


async def test_without_a_line_an_order_waits_for_the_next_beat(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada", name="Ada", kind="session")
    page = await open_page()
    await choose(page, "ada", "Leave the room…")
    await page.get_by_label("Reason").fill("wrong room")
    await page.keyboard.press("Enter")
    await expect(page.locator("#said")).to_have_text("“Leave the room” waits for the next beat of Ada.")


async def test_a_forced_status_says_by_whom_and_why_until_it_is_unlocked(
    open_page: Open, agents: Senders
) -> None:
    await agents.beat("ada", name="Ada")
    page = await open_page()
    await live(page)
    await choose(page, "ada", "Force status…")
    dialog = page.get_by_role("dialog", name="Force status")
    await dialog.get_by_label("Status").select_option("error")
    await dialog.get_by_label("Health").fill("7")
    await dialog.get_by_label("Reason").fill("it talks nonsense")
    await dialog.get_by_label("Your name").fill("Ann")
    await dialog.get_by_role("button", name="Force status").click()
    ada = row(page, "ada")
    await expect(ada.locator(".badge")).to_have_text("ERROR")
    await expect(ada.locator(".mark")).to_have_text("forced")
    await expect(ada).to_contain_text("by Ann")
    await expect(ada).to_contain_text("it talks nonsense")
    await expect(ada.locator(".number")).to_contain_text("7")
    await agents.beat("ada", name="Ada", model="new")  # its own beats do not undo it
    await expect(ada).to_contain_text("new")
    await expect(ada.locator(".badge")).to_have_text("ERROR")
    await choose(page, "ada", "Unlock status…")
    await expect(page.get_by_label("Your name")).to_have_value("Ann")
    await page.get_by_label("Reason").fill("it is well again")
    await page.keyboard.press("Enter")
    await expect(ada.locator(".badge")).to_have_text("RUNNING")
    await expect(ada.locator(".mark")).to_have_count(0)


async def test_a_living_agent_is_removed_only_when_that_is_said(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada", name="Ada")
    page = await open_page()
    await live(page)
    await choose(page, "ada", "Remove…")
    dialog = page.get_by_role("dialog", name="Remove")
    await dialog.get_by_label("Reason").fill("tidying up")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("stop it first")
    await expect(dialog.get_by_label("Reason")).to_have_value("tidying up")
    await dialog.get_by_label("Remove it although").check()
    await dialog.get_by_role("button", name="Remove").click()
    await expect(page.locator("#said")).to_have_text("Ada was removed. Its history stays.")
    await expect(row(page, "ada")).to_have_count(0)


async def test_a_half_typed_reason_survives_changes(open_page: Open, agents: Senders) -> None:
    await agents.beat("ada")
    page = await open_page()
    await live(page)
    await choose(page, "ada", "Stop…")
    await page.keyboard.type("it ha")
    await agents.beat("ada", status="error")
    await expect(row(page, "ada").locator(".badge")).to_have_text("ERROR")
    await page.keyboard.type("ngs")
    await expect(page.get_by_label("Reason")).to_have_value("it hangs")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(row(page, "ada").locator("summary")).to_be_focused()


async def test_an_act_on_an_agent_that_has_gone_says_so(open_page: Open, site: Site, agents: Senders) -> None:
    await agents.beat("ada")
    page = await open_page()
    await choose(page, "ada", "Stop…")
    await page.get_by_label("Reason").fill("it hangs")
    fleet = site.registry.fleet
    await fleet.remove(fleet.get("ada"), by="test", reason="gone", even_alive=True)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="no agent 'ada' is known here")).to_be_visible()


async def test_a_form_of_another_site_does_nothing(open_page: Open, site: Site, agents: Senders) -> None:
    await agents.beat("ada")
    other = site.url.replace("127.0.0.1", "localhost")  # another origin, though it is the same registry
    page = await open_page("/healthz", url=other)
    async with page.expect_response("**/act") as answer:
        await page.evaluate(
            """address => {
              document.body.innerHTML = `<form method="post" action="${address}"><input name="id" value="ada">
                <input name="act" value="remove"><input name="reason" value="x">
                <input name="alive" value="yes"></form>`;
              document.forms[0].submit();
            }""",
            f"{site.url}/act",
        )
    assert (await answer.value).status == 403
    assert site.registry.fleet.find("ada") is not None
