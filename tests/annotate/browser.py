"""A real Chromium without a screen, whose microphone is fed from a WAV file that espeak-ng spoke."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from tests.speech import say

SAID = "A red bus stands in front of a brick house. Two people wait beside it, and a small dog sleeps on the pavement."


@contextmanager
def chromium(folder: Path, *more: str) -> Iterator[Browser]:
    """A browser that hears `SAID`, again and again."""
    sound = folder / "microphone.wav"
    sound.write_bytes(say(SAID))
    flags = [
        "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}", "--autoplay-policy=no-user-gesture-required", *more,
    ]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def opened(context: BrowserContext, link: str) -> Page:
    """A page of a link, consent given, at its first picture."""
    page = context.new_page()
    page.goto(link)
    page.wait_for_url("**/p/**")
    page.locator("#agree, #record").first.wait_for()
    if page.locator("#agree").count():
        page.keyboard.press("Enter")
    ready(page)
    return page


def ready(page: Page) -> None:
    """Waits until the page takes keys; it has looked then for what this browser still keeps."""
    page.locator("#record:enabled, h1:text('Thank you')").first.wait_for()


def picture_of(page: Page) -> str:
    """The number of the picture that is shown; empty when there is none left."""
    return page.locator("#facts").get_attribute("data-picture") or ""


def until(page: Page, said: str, value: object = None, patience_s: float = 30) -> None:
    """Waits until a function of the page says so. (Playwright's own way evaluates text within the page, which its policy forbids.)"""
    for _ in range(round(patience_s * 20)):
        if page.evaluate(said, value):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {said}; the page says {page.locator('#status').inner_text()!r}")


def record(page: Page, seconds: float, key: str = "Space") -> None:
    """Records by keyboard, as long as the page's own clock says."""
    page.keyboard.press(key)
    until(page, "s => recorder !== null && draft.ms >= 1000 * s", seconds)
    page.keyboard.press("Space")
    page.locator("#submit").wait_for()


class Line:
    """The line between a page and the server: `lets` pieces through, then it is cut until it is `mended`."""

    def __init__(self, context: BrowserContext, lets: int) -> None:
        self.lets, self.offsets = lets, list[int]()
        self._context = context
        context.route("**/uploads/**", self._handle)

    def _handle(self, route: Route) -> None:
        if route.request.method == "PATCH":
            self.lets -= 1
            self.offsets.append(int(route.request.url.rpartition("offset=")[2]))
        if self.lets < 0:
            route.abort()
        else:
            route.continue_()

    def mended(self) -> None:
        """As if nothing had been."""
        self.lets, self.offsets = 10**6, []


def next_picture(page: Page, before: str) -> None:
    """Waits until another picture, or none, is shown."""
    page.locator(f"#facts:not([data-picture='{before}'])").wait_for(state="attached")
    ready(page)


def heard(path: Path) -> tuple[float, float]:
    """Seconds and loudness (RMS, of 1) of a recording, as PyAV decodes it."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", 16_000)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.concatenate(parts)
    return len(samples) / 16_000, float(np.sqrt((samples**2).mean()))
