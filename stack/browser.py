"""A human with a browser on the talk page: headless Chromium whose microphone plays a recording."""

from __future__ import annotations

import asyncio
import tempfile
import wave
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, async_playwright

from stack.caller.voice import SAMPLE_RATE, speak
from stack.chromium import ARGUMENTS, chromium
from stack.until import until_answered

_ARGUMENTS = (
    *ARGUMENTS,
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",  # allows what a page asks for
)
_EARS = """
(() => {
  // When sound of others began to be heard, in milliseconds of the clock; it is over after 400 ms of silence.
  const heard = (window.__heard = []);
  const context = new AudioContext();
  const ears = new Map();
  const listen = () => {
    const now = Date.now();
    // By track, and looked up each time: LiveKit's client takes elements again for other tracks, and tracks, too.
    for (const element of document.querySelectorAll("audio")) {
      const track = element.srcObject?.getAudioTracks()[0];
      if (!track || element.paused || element.muted) continue;
      if (!ears.has(track)) {
        void context.resume();
        const analyser = context.createAnalyser();
        analyser.fftSize = 512;
        context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
        ears.set(track, { analyser, samples: new Float32Array(512), loudAt: -Infinity });
      }
      const ear = ears.get(track);
      ear.analyser.getFloatTimeDomainData(ear.samples);
      const rms = Math.sqrt(ear.samples.reduce((sum, one) => sum + one * one, 0) / ear.samples.length);
      if (rms < 0.006) continue;
      if (now - ear.loudAt > 400) heard.push(now);
      ear.loudAt = now;
    }
  };
  setInterval(listen, 15);
  // What the page has shown, and when.
  const seen = (window.__seen = []);
  const look = () => {
    for (const [what, query] of [["state", "#talk-state .word"], ["says", "#talk-says"], ["lines", "#talk-lines"]]) {
      const text = document.querySelector(query)?.innerText ?? "";
      if (seen.findLast((one) => one.what === what)?.text !== text) seen.push({ what, text, at: Date.now() });
    }
  };
  addEventListener("DOMContentLoaded", () => {
    look();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
})();
"""


class TalkPage:
    """One tab on the talk page of an agent."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def join(self) -> float:
        """Press the button. Returns when, in milliseconds of the clock."""
        await self.page.locator("#talk-join:not([disabled])").wait_for()
        return await self.press("join")

    async def press(self, button: str) -> float:
        """Press a button by the end of its id. Returns when, in milliseconds of the clock."""
        at: float = await self.page.evaluate(
            "id => { const at = Date.now(); document.getElementById(id).click(); return at; }",
            f"talk-{button}",
        )
        return at

    async def write(self, text: str) -> None:
        """Write to the agent."""
        await self.page.fill("#talk-text", text)
        await self.page.press("#talk-text", "Enter")

    async def heard(self, *, after: float, limit: float) -> float:
        """When somebody was first heard at or after `after`, in milliseconds of the clock.

        Raises:
            LateError: Nobody was, within `limit` seconds from now.
        """

        async def look() -> float | None:
            times: list[float] = await self.page.evaluate("window.__heard ?? []")
            return next((at for at in times if at >= after), None)

        return await until_answered(look, timeout=limit, what="the agent to be heard in the browser")

    async def seen(self, what: str, text: str, *, after: float = 0, limit: float) -> float:
        """When `text` was first shown, in milliseconds of the clock.

        Args:
            what: `state`, `says` or `lines`.
            after: In milliseconds of the clock; what was shown before does not count.

        Raises:
            LateError: It was not, within `limit` seconds from now.
        """

        async def look() -> float | None:
            found: list[dict[str, Any]] = await self.page.evaluate("window.__seen ?? []")
            return next(
                (
                    one["at"]
                    for one in found
                    if one["what"] == what and text in one["text"] and one["at"] >= after
                ),
                None,
            )

        return await until_answered(look, timeout=limit, what=f"the page to say {text!r}")

    async def identity(self) -> str:
        """Who this tab is in the room; empty = nobody yet."""
        found: str = await self.page.evaluate("sessionStorage.getItem('roomkeeper.talk.identity') ?? ''")
        return found

    async def close(self) -> None:
        """Leave, as whoever closes the tab does."""
        await self.page.close()


class Browser:
    """One browser for many tabs, as a context manager.

    Args:
        question: What the microphone says, `lead` seconds after it is opened; empty = nothing.
        lead: Seconds.
        tail: Seconds of silence after the question; the recording begins anew after that.
    """

    def __init__(self, *, question: str = "", lead: float = 8.0, tail: float = 60.0) -> None:
        self._question = question
        self._lead = lead
        self._tail = tail
        self._undo = AsyncExitStack()
        self._chromium: Chromium | None = None

    async def context(self, **options: Any) -> BrowserContext:
        """Storage of its own, as another person's browser. `options`: Playwright's."""
        assert self._chromium is not None, "use `async with Browser()`"  # noqa: S101
        context = await self._chromium.new_context(**options)
        await context.add_init_script(_EARS)
        return context

    async def open(self, address: str, context: BrowserContext | None = None) -> TalkPage:
        """A tab; None = in a context of its own."""
        page = await (context or await self.context()).new_page()
        await page.goto(address)
        return TalkPage(page)

    async def __aenter__(self) -> Self:
        program = chromium()
        # Each of a browser's messages would keep the stack that led to it.
        asyncio.get_running_loop().set_debug(False)
        async with AsyncExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="roomkeeper-browser-")))
            recording = folder / "microphone.wav"
            _record(recording, self._question, lead=self._lead, tail=self._tail)
            playwright = await undo.enter_async_context(async_playwright())
            self._chromium = await playwright.chromium.launch(
                executable_path=program,
                args=[*_ARGUMENTS, f"--use-file-for-fake-audio-capture={recording}"],
            )
            undo.push_async_callback(self._chromium.close)
            self._undo = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._undo.aclose()


def _record(path: Path, question: str, *, lead: float, tail: float) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(bytes(2 * round(lead * SAMPLE_RATE)))
        sound.writeframes(speak(question) if question else b"")
        sound.writeframes(bytes(2 * round(tail * SAMPLE_RATE)))
