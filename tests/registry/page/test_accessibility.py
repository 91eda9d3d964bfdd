"""axe-core finds nothing serious on any page, light or dark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from registry.fleet import Fleet
from registry.records import Forced, Status
from tests.registry.npm import installed
from tests.registry.page.conftest import Build, Kept, Open, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.rich import RED, SESSION, fill
from tests.registry.page.rich_models import tell
from tests.registry.page.test_acts_in_browser import choose
from tests.registry.page.test_profile_import_page import a_file, entry
from tests.registry.page.test_profiles_page import put

_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script."""
    script = installed(Path(__file__).parent / "axe") / "node_modules/axe-core/axe.min.js"
    return script.read_text(encoding="utf-8")


async def findings(page: Page, axe: str) -> list[str]:
    """What axe finds that is serious or critical, in light and in dark."""
    await page.evaluate(axe)
    return [finding for scheme in _SCHEMES for finding in await _findings(page, scheme)]


async def _findings(page: Page, scheme: Literal["light", "dark"]) -> list[str]:
    await page.emulate_media(color_scheme=scheme)
    found: list[str] = await page.evaluate(
        """async () => (await axe.run({ resultTypes: ["violations"] })).violations
          .filter(one => ["serious", "critical"].includes(one.impact))
          .flatMap(one => one.nodes.map(node => `${one.id}: ${node.target} ${node.failureSummary}`))"""
    )
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(site: Site, agents: Senders) -> Fleet:
    """One agent of each status, and a registry that has just started and says so."""
    await agents.beat("unknown")
    await site.down()
    await site.up()
    for status in ("starting", "running", "warning", "error", "stopped"):
        await agents.beat(
            status,
            status=status,
            name=status.capitalize(),
            kind="session",
            deployment="cloud",
            model="m",
            voice="v",
            host="h",
            processId=1,
            reason="because",
            prompt="You are Ada.",
            description="It answers.",
            lastError="boom",
            errorAge=1,
            idle=3,
            call={"room": "r", "phase": "grace_period", "graceLeft": 9, "humans": [{"identity": "guest"}]},
        )
    fleet = site.registry.fleet
    await agents.beat("offline")
    await fleet.tell_gone(fleet.get("offline"), cause="its process is gone", by="test")
    await agents.beat("forced")
    forced = Forced(status=Status.ERROR, health=5, by="Ann", reason="nonsense", at=fleet.clock.utc())
    await fleet.force(fleet.get("forced"), forced, by="Ann", reason="nonsense")
    return fleet


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("width", [360, 1400])
async def test_the_list(open_page: Open, axe: str, width: int) -> None:
    page = await open_page(width=width)
    await page.locator(".menu summary").first.click()
    assert await findings(page, axe) == []


@pytest.mark.usefixtures("fleet")
async def test_an_agents_page_and_a_dialog(open_page: Open, site: Site, axe: str) -> None:
    page = await open_page("/agents/warning")
    await page.get_by_role("button", name="Watch the log").click()
    await expect(page.locator("#log-state")).to_contain_text("no line")
    assert await findings(page, axe) == []
    await page.goto(site.url)
    await choose(page, "warning", "Force status…")
    assert await findings(page, axe) == []


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize(
    "path",
    [
        "/rooms", f"/rooms/{RED}", "/sessions", f"/sessions/{SESSION}", "/processes", "/processes/night-desk",
        f"/room-act?id={RED}&back=", "/process-act?act=start-all", "/agents/7",
    ],
)  # fmt: skip
async def test_rooms_sessions_and_processes(
    open_page: Open, kept: Kept, axe: str, path: str, width: int
) -> None:
    fill(kept)
    page = await open_page(path, width=width)
    await page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    assert await findings(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [320, 1400])
@pytest.mark.parametrize("path", ["/models", "/agents/worker-north", "/"])
async def test_language_models(open_page: Open, agents: Senders, axe: str, path: str, width: int) -> None:
    await tell(agents)
    page = await open_page(path, width=width)
    assert await findings(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [320, 1400])
@pytest.mark.parametrize(
    "path",
    ["/profiles", "/profiles/new", "/profiles/ada", "/profiles/nobody", "/profiles/import", "/agents/ada"],
)
async def test_profiles(open_page: Open, site: Site, axe: str, path: str, width: int) -> None:
    put(site, "ada", name="Verylongnamewithoutblanks" * 5, group="Hotel", description="x" * 300)
    put(site, "bob", language="de", translate={"to": "es"}, vision=True, avatar={"provider": "bithuman"})
    page = await open_page(path, width=width)
    if path == "/profiles/new":
        await page.locator("[name=name]").fill("Ada")
        await page.locator("[name=prompt]").fill("x")
        await page.locator("[name=agent_id]").fill("a/b")
        await page.get_by_role("button", name="Create").click()
        await expect(page.get_by_role("alert").first).to_be_visible()
    if path == "/profiles/import":
        good, bad = entry("eve"), entry("a/b")
        await page.locator("[name=file]").set_input_files(a_file([good, bad]))
        await page.get_by_role("button", name="Look at it").click()
        await expect(page.locator(".entries")).to_be_visible()
    await page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    assert await findings(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_what_there_is_when_there_is_nothing(open_page: Open, kept: Kept, axe: str) -> None:
    kept.keeper.is_now(is_on=False, livekit_url=None)
    page = await open_page("/rooms")
    for path in ("/rooms", "/rooms/x", "/sessions", "/sessions/x", "/models", "/processes", "/processes/x"):
        await page.goto(kept.url + path)
        assert await findings(page, axe) == [], path


async def test_the_login_and_the_empty_list(open_page: Open, build: Build, axe: str) -> None:
    page = await open_page()
    assert await findings(page, axe) == []
    guarded = await build(token="a long token")
    await page.goto(f"{guarded.url}/login")
    await page.get_by_label("Token").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert").first).to_be_visible()
    assert await findings(page, axe) == []
