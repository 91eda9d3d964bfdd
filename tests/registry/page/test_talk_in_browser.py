"""The talk page in a browser before and without a call: what it says when something is missing, and how it looks."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.registry.page.conftest import Kept, Open
from tests.registry.page.test_accessibility import axe, findings

__all__ = ["axe"]

WEB = Path(__file__).resolve().parents[3] / "web"

_SHIFTS = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 300);
})"""
_MICROPHONE = """
  // Two microphones, “desk” and “broken”, which can be unplugged: after `__vanish(error)` asking fails with `error`, or
  // finds another one. Who asks waits for `__permission`.
  window.__streams = [];
  navigator.mediaDevices.enumerateDevices = async () =>
    ["desk", "broken"].map((id) => ({ kind: "audioinput", deviceId: id, label: id, groupId: "" }));
  navigator.mediaDevices.getUserMedia = async ({ audio }) => {
    await window.__permission;
    if (window.__error) throw window.__error;
    if (audio.deviceId?.exact === "broken") throw new DOMException("it is taken", "NotReadableError");
    window.__stream = new AudioContext().createMediaStreamDestination().stream;
    window.__streams.push(window.__stream);
    return window.__stream;
  };
  window.__n_live = () => window.__streams.filter((one) => one.getAudioTracks()[0].readyState === "live").length;
  window.__vanish = (error) => {
    window.__error = error;
    const track = window.__stream.getAudioTracks()[0];
    track.stop();
    track.dispatchEvent(new Event("ended"));
  };
"""
_CAMERA = """
  // No microphone; and a camera. The human is asked for it, which `__asked` waits for, and answers by `__allow()`;
  // `__stopped` waits for its end.
  const moment = (name) => {
    let come;
    window[name] = new Promise((done) => { come = done; });
    return come;
  };
  const [asked, stopped, allowed] = ["__asked", "__stopped", "__allowed"].map(moment);
  window.__allow = allowed;
  navigator.mediaDevices.getUserMedia = async ({ video }) => {
    if (!video) throw new DOMException("none", "NotFoundError");
    asked();
    await window.__allowed;
    const canvas = document.createElement("canvas");
    canvas.getContext("2d");
    const stream = canvas.captureStream();
    const [track] = stream.getTracks();
    const stop = track.stop.bind(track);
    track.stop = () => { stop(); stopped(); };
    return stream;
  };
"""
_STATES = """
  // As the page is in a call, with all that it can say: the styles are those of the page.
  () => {
    document.getElementById("talk-lobby").hidden = true;
    document.getElementById("talk-page").dataset.phase = "in_call";
    for (const id of ["text", "send", "leave", "camera", "screen", "microphone"]) {
      const each = document.getElementById(`talk-${id}`);
      each.disabled = each.hidden = false;
    }
    for (const [tone, text] of [["warning", "It is gone."], ["info", "It translates."], ["done", "It is back."]]) {
      const says = document.createElement("div");
      says.className = `banner is-${tone}`;
      says.append(Object.assign(document.createElement("span"), { className: "text", textContent: text }));
      document.getElementById("talk-says").append(says);
    }
    for (const who of ["you", "agent"]) for (const more of ["", " is-interim", " is-written"]) {
      const line = Object.assign(document.createElement("li"), { className: `line from-${who}${more}` });
      line.append(Object.assign(document.createElement("span"), { className: "who", textContent: who }));
      const text = "word ".repeat(30) + "x".repeat(300);
      line.append(Object.assign(document.createElement("p"), { className: "text", textContent: text }));
      document.getElementById("talk-lines").append(line);
    }
  }
"""

_REMEMBER = """(text) => {
  // As the page remembers a call with one line.
  const line = { who: "you", identity: "guest", text, isWritten: true, sentAt: 0 };
  sessionStorage.setItem("roomkeeper.talk.call", "ada");
  sessionStorage.setItem("roomkeeper.talk.lines.ada", JSON.stringify([line]));
}"""


_IS_SEEN = """() => {
  const line = document.querySelector("#talk-lines li:last-child");
  const { left, top, width, height } = line.getBoundingClientRect();
  return line.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""
"""Whether nothing lies on the last line."""


async def opened(open_page: Open, kept: Kept, *, script: str = "", width: int = 1400) -> Page:
    """The page of ada, loaded after `script` has changed the browser."""
    page = await open_page("/healthz", width=width)
    if script:
        await page.add_init_script(script)
    await page.goto(f"{kept.url}/talk/ada")
    return page


@pytest.mark.parametrize("width", [320, 390, 1400])
async def test_axe_finds_nothing_and_all_of_it_fits(
    open_page: Open, kept: Kept, axe: str, width: int
) -> None:
    page = await opened(open_page, kept, width=width)
    await expect(page.get_by_role("button", name="Join the call")).to_be_enabled()
    assert await findings(page, axe) == []
    await page.evaluate(_STATES)
    assert await findings(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    leave = await page.get_by_role("button", name="Leave").bounding_box()
    assert leave is not None
    assert leave["y"] + leave["height"] <= 900, "the controls are on the first screen"


async def test_nothing_moves_while_it_loads(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept)
    await expect(page.get_by_role("button", name="Join the call")).to_be_enabled()
    assert await page.evaluate(_SHIFTS) < 0.01


async def test_all_of_it_can_be_reached_by_keyboard(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept)
    await expect(page.get_by_role("button", name="Join the call")).to_be_enabled()
    reached = []
    await page.locator("main").focus()
    for _ in range(5):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.id"))
    assert "talk-join" in reached
    assert "talk-mute" in reached


async def test_a_browser_that_is_too_old_is_told(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept, script="delete window.RTCPeerConnection;")
    await expect(page.get_by_role("alert").last).to_contain_text("too old for calls")
    await expect(page.locator("#talk-join")).to_be_disabled()


async def test_plain_http_is_told(open_page: Open, kept: Kept) -> None:
    script = "Object.defineProperty(window, 'isSecureContext', { value: false });"
    page = await opened(open_page, kept, script=script)
    await expect(page.get_by_role("alert").last).to_contain_text("plain http")


async def test_a_script_that_does_not_come_is_told(open_page: Open, kept: Kept) -> None:
    page = await open_page("/healthz")
    await page.route("**/static/talk/talk.js", lambda route: route.abort())
    await page.goto(f"{kept.url}/talk/ada")
    await expect(page.get_by_role("alert").last).to_contain_text("could not be loaded whole")


async def test_a_registry_that_lets_nobody_in_is_told(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept)
    refusal = '{"error": {"code": "not_keeping", "message": "the keys are <b>wrong</b>"}}'
    await page.route(
        "**/api/livekit/token",
        lambda route: route.fulfill(status=409, body=refusal, content_type="application/json"),
    )
    await page.get_by_role("button", name="Join the call").click()
    await expect(page.locator("#talk-says")).to_contain_text("The keys are <b>wrong</b>.")
    await expect(page.get_by_role("button", name="Join again")).to_be_focused()


async def test_a_login_that_is_over_is_told(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept)
    await page.route("**/api/livekit/token", lambda route: route.fulfill(status=401, body="{}"))
    await page.get_by_role("button", name="Join the call").click()
    link = page.get_by_role("link", name="Log in again")
    await expect(link).to_have_attribute("href", "/login?next=%2Ftalk%2Fada")


async def test_a_registry_that_is_away_is_asked_again(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept)
    await page.route("**/api/livekit/token", lambda route: route.abort())
    await page.get_by_role("button", name="Join the call").click()
    await expect(page.locator("#talk-says")).to_contain_text("The registry does not answer.")
    for _ in range(2):
        async with page.expect_request("**/api/livekit/token"):
            pass
    await page.get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("button", name="Join again")).to_be_enabled()


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("new DOMException('none', 'NotFoundError')", "The microphone has vanished. You can write"),
        ("null", "is used instead"),
    ],
    ids=["no other one", "another one"],
)
async def test_a_microphone_that_vanishes_is_told(open_page: Open, kept: Kept, then: str, said: str) -> None:
    page = await opened(open_page, kept, script=_MICROPHONE)
    await page.get_by_role("button", name="Test microphone").click()
    await expect(page.get_by_role("button", name="Mute")).to_be_visible()
    await page.evaluate(f"window.__vanish({then})")
    await expect(page.locator("#talk-says")).to_contain_text(said)


async def test_a_microphone_can_be_had_later(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept, script=_MICROPHONE)
    await page.evaluate("window.__error = new DOMException('no', 'NotAllowedError')")
    await page.get_by_role("button", name="Test microphone").click()
    await expect(page.locator("#talk-says")).to_contain_text("may not use the microphone")
    await page.evaluate("window.__error = null")
    await page.get_by_role("button", name="Unmute").click()
    await expect(page.locator("#talk-says")).to_be_empty()
    await page.get_by_role("button", name="Mute").click()
    await expect(page.get_by_role("button", name="Unmute")).to_be_visible()


async def test_a_microphone_that_cannot_be_opened_does_not_cost_the_one_that_works(
    open_page: Open, kept: Kept
) -> None:
    page = await opened(open_page, kept, script=_MICROPHONE)
    await page.get_by_role("button", name="Test microphone").click()
    await expect(page.get_by_role("button", name="Mute")).to_be_visible()
    await page.select_option("#talk-microphone", "broken")
    await expect(page.locator("#talk-says")).to_contain_text("that you chose cannot be opened")
    await expect(page.get_by_role("button", name="Mute")).to_be_visible()
    assert await page.evaluate("[window.__streams.length, window.__n_live()]") == [2, 1]
    assert await page.evaluate("localStorage.getItem('roomkeeper.talk.microphone')") is None
    await page.select_option("#talk-microphone", "desk")
    await expect(page.locator("#talk-says")).to_be_empty()
    assert await page.evaluate("[window.__streams.length, window.__n_live()]") == [3, 1]
    assert await page.evaluate("localStorage.getItem('roomkeeper.talk.microphone')") == "desk"


async def test_a_microphone_that_is_allowed_after_the_call_stays_closed(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept, script=_MICROPHONE)
    await page.route("**/api/livekit/token", lambda route: route.abort())
    await page.evaluate("void (window.__permission = new Promise((allow) => { window.__allow = allow; }))")
    await page.get_by_role("button", name="Join the call").click()
    await expect(page.locator("#talk-says")).to_contain_text("Allow the microphone")
    await page.get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("button", name="Join again")).to_be_enabled()
    await page.evaluate("window.__allow()")
    await page.wait_for_function("window.__streams.length === 1")
    await expect(page.get_by_role("button", name="Test microphone")).to_be_enabled()
    assert await page.evaluate("window.__n_live()") == 0
    await page.evaluate("void (window.__permission = new Promise(() => {}))")
    await page.get_by_role("button", name="Join again").click()
    await page.get_by_role("button", name="Leave").click()
    await page.wait_for_timeout(2_000)  # longer than a question that is not answered goes unmentioned
    await expect(page.get_by_role("button", name="Test microphone")).to_be_enabled()


async def test_a_camera_that_is_allowed_after_the_call_stays_closed(open_page: Open, kept: Kept) -> None:
    page = await open_page("/healthz")
    called = asyncio.Event()
    # LiveKit says nothing: the room is there, and nobody gets in.
    await page.route_web_socket(re.compile("^ws://localhost:7880/"), lambda _: called.set())
    await page.add_init_script(_CAMERA)
    await page.goto(f"{kept.url}/talk/ada")
    given = {"url": "ws://localhost:7880", "token": "any", "room": "agent-ada-room", "identity": "guest"}
    await page.route("**/api/livekit/token", lambda route: route.fulfill(json=given))
    await page.get_by_role("button", name="Join the call").click()
    async with asyncio.timeout(20):
        await called.wait()
    # Its button is shown for agents with eyes.
    await page.evaluate("document.getElementById('talk-camera').click()")
    async with asyncio.timeout(20):
        await page.evaluate("window.__asked")
    await page.get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("button", name="Join again")).to_be_enabled()
    async with asyncio.timeout(20):
        await page.evaluate("() => { window.__allow(); return window.__stopped; }")
    await expect(page.locator("#talk-says")).to_have_text("You have left the call.")


async def test_a_microphone_that_is_plugged_in_again_is_taken(open_page: Open, kept: Kept) -> None:
    page = await opened(open_page, kept, script=_MICROPHONE)
    await page.get_by_role("button", name="Test microphone").click()
    await expect(page.get_by_role("button", name="Mute")).to_be_visible()
    await page.evaluate("window.__vanish(new DOMException('none', 'NotFoundError'))")
    await expect(page.locator("#talk-says")).to_contain_text("The microphone has vanished. You can write")
    await page.evaluate(
        "window.__error = null; navigator.mediaDevices.dispatchEvent(new Event('devicechange'))"
    )
    await expect(page.locator("#talk-says")).to_be_empty()
    await expect(page.get_by_role("button", name="Mute")).to_be_visible()
    assert await page.evaluate("window.__n_live()") == 1


async def test_what_was_said_is_there_after_a_reload_until_the_human_leaves(
    open_page: Open, kept: Kept
) -> None:
    page = await opened(open_page, kept)
    await page.route("**/api/livekit/token", lambda route: route.abort())
    await page.evaluate(_REMEMBER, "<b>Where</b> is the pool?")
    await page.reload()
    lines = page.locator("#talk-lines li")
    await expect(lines).to_have_text(["Earlier in this call", "You<b>Where</b> is the pool?"])
    # As a page that the browser has kept whole, while another one was in the same call.
    await page.evaluate(_REMEMBER, "On the roof.")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await expect(lines).to_have_text(["Earlier in this call", "YouOn the roof."])
    await page.get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("button", name="Join again")).to_be_enabled()
    assert await page.evaluate("sessionStorage.getItem('roomkeeper.talk.lines.ada')") is None
    assert await page.evaluate(_IS_SEEN), "the last line can still be read"
    await page.evaluate(_REMEMBER, "Of a call that the human has joined anew since.")
    await page.get_by_role("button", name="Join again").click()
    assert await page.evaluate("sessionStorage.getItem('roomkeeper.talk.lines.ada')") is None


def test_the_parts_in_typescript() -> None:
    """Their own tests, which run in Node.js."""
    assert (WEB / "node_modules").is_dir(), "run scripts/build-web"
    done = subprocess.run(
        ["npm", "test", "--silent"], cwd=WEB, capture_output=True, text=True, timeout=55, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
