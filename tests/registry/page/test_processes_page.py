"""Processes of the registry's host, and what operators do with them."""

from __future__ import annotations

import re

import aiohttp
import pytest
from playwright.async_api import expect

from processes import State, parse_definitions
from registry.page.process_acts import possible_for
from registry.page.sources import Process
from tests.registry.page.conftest import Kept, Open, Site
from tests.registry.page.pretend_keeping import a_process, ago
from tests.registry.page.test_html import source_of, text_of


async def test_an_empty_page_shows_a_file_that_works(
    open_page: Open, kept: Kept, http: aiohttp.ClientSession
) -> None:
    file = kept.children.supervisor.file
    page = await open_page("/processes", javascript=False)
    await expect(page.locator(".empty")).to_contain_text(str(file))
    example = await page.locator(".empty pre code").text_content()
    [definition] = parse_definitions(example or "", file=file).values()
    assert definition.command == ("python", "agent.py", "start")
    kept.children.supervisor.trouble = "agents.toml is not TOML; mend that line"
    assert "agents.toml is not TOML" in await text_of(http, f"{kept.url}/processes")


async def test_a_row_tells_all_that_matters(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.children.put(
        a_process("front-desk", restarts=1),
        a_process(
            "night-desk", state=State.BACKOFF, retry_at=ago(-17.5), exit_code=1, trouble="ended five times"
        ),
    )
    kept.children.rows = {"front-desk": ("front-desk", "a/b")}
    source = await source_of(http, f"{kept.url}/processes")
    assert re.findall(r'data-key="(.*?)"', source) == ["night-desk", "front-desk"], "trouble comes first"
    assert 'href="/agents/a%2Fb"' in source
    # The page counts down, and a busy machine takes a second for it.
    text = re.sub(
        r"starts again in 1[0-7] s", "starts again soon", await text_of(http, f"{kept.url}/processes")
    )
    for part in (
        "BACKOFF starts again soon Night desk night-desk ended five times python agent.py start exit code 1",
        "RUNNING for 1 min Front desk front-desk python agent.py start PID 4190 1 restart front-desk a/b",
        "1 Running 1 Back-off Start all…",
    ):  # fmt: skip
        assert part in text
    assert "<title>1 in trouble · Processes · Roomkeeper</title>" in source


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        (State.STOPPED, ["start"]),
        (State.EXITED, ["start"]),
        (State.BACKOFF, ["start", "stop"]),
        (State.STARTING, ["restart", "stop", "force-stop"]),
        (State.RUNNING, ["restart", "stop", "force-stop"]),
        (State.STOPPING, ["start", "force-stop"]),
    ],
    ids=lambda value: value.value if isinstance(value, State) else "",
)
def test_only_what_makes_sense_is_offered(state: State, acts: list[str]) -> None:
    process = Process(id="x", now=a_process("x", state=state), row_ids=())
    assert [act.value for act in possible_for(process)] == acts


@pytest.mark.parametrize(
    ("act", "done", "said"),
    [
        ("start", "start", "Front desk is being started."),
        ("restart", "restart", "Front desk is being restarted."),
        ("stop", "stop", "Front desk is asked to stop."),
        ("force-stop", "kill", "Front desk is killed."),
    ],
)
async def test_each_act_reaches_the_supervisor_with_its_reason(
    open_page: Open, kept: Kept, act: str, done: str, said: str
) -> None:
    kept.children.put(a_process("front-desk"))
    page = await open_page(f"/process-act?id=front-desk&act={act}&back=process", javascript=False)
    await page.get_by_label("Reason").fill("new version")
    await page.get_by_label("Your name").fill("Ann")
    await page.locator("button.primary").click()
    assert page.url == f"{kept.url}/processes/front-desk"
    await expect(page.locator("#said")).to_have_text(said)
    assert kept.children.asked == [(done, "front-desk", "Ann", "new version")]


async def test_all_are_started_from_the_list(open_page: Open, kept: Kept) -> None:
    kept.children.put(a_process("front-desk", state=State.STOPPED), a_process("spa", state=State.EXITED))
    page = await open_page("/processes")
    await page.get_by_role("link", name="Start all…").click()
    dialog = page.get_by_role("dialog", name="Start all")
    await expect(dialog).to_contain_text("Front desk, Spa")
    await dialog.get_by_label("Reason").fill("morning")
    await page.keyboard.press("Enter")
    await expect(page.locator("#said")).to_have_text("All processes are being started.")
    await expect(page.locator('tr[data-key="spa"] .badge')).to_have_text("RUNNING")
    assert [asked[:2] for asked in kept.children.asked] == [("start", "front-desk"), ("start", "spa")]


async def test_bad_forms_start_and_stop_nothing(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.children.put(a_process("front-desk"))
    address = f"{kept.url}/process-act"
    for form, status in (
        ({"id": "front-desk", "act": "stop"}, 400),
        ({"id": "front-desk", "act": "fly", "reason": "x"}, 400),
        ({"id": "another", "act": "stop", "reason": "x"}, 404),
    ):
        async with http.post(address, data=form) as answer:
            assert answer.status == status, form
    form = {"id": "front-desk", "act": "stop", "reason": "x"}
    async with http.post(address, data=form, headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
    assert kept.children.asked == []
    kept.children.is_closing = True
    async with http.post(address, data=form) as answer:
        assert answer.status == 409
        assert "the registry is ending" in await answer.text()


async def test_a_processs_page_has_its_last_lines(open_page: Open, kept: Kept) -> None:
    kept.children.put(a_process("front-desk"))
    log = kept.children.supervisor.log["front-desk"] = [f"line {number}" for number in range(300)]
    page = await open_page("/processes/front-desk")
    lines = page.locator(".output pre span")
    await expect(lines).to_have_count(200)
    await expect(lines.last).to_have_text("line 299\n")
    await expect(lines.last).to_be_in_viewport()
    log.append("<b>new</b>")
    await expect(lines.last).to_have_text("<b>new</b>\n")


async def test_what_is_not_there_is_said(kept: Kept, site: Site, http: aiohttp.ClientSession) -> None:
    assert "Unknown process" in await text_of(http, f"{kept.url}/processes/x", status=404)
    assert "Processes" in await text_of(http, f"{kept.url}/processes/")
    site.parts["children"] = None
    await site.down()
    await site.up()
    assert "This registry starts no processes" in await text_of(http, f"{site.url}/processes")
    text = await text_of(http, f"{site.url}/process-act?id=x&act=stop", status=404)
    assert "starts no processes" in text
