"""A real Chromium without a screen that tells of every complaint and every request that leaves the viewer."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

T = TypeVar("T")
AXE = Path(__file__).parent.parent / "golden" / "axe.min.js"


def apart(work: Callable[[], T]) -> T:
    """What `work` gives, done in a thread of its own: a browser that is open here has this one's event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for many pages."""
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page; `complaints` are what its console said, what it could not load, and what it asked of anybody else."""

    def __init__(self, browser: Browser, url: str, width: int = 1280, height: int = 900, **context: Any) -> None:
        self.url, self.complaints = url, list[str]()
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        self.page: Page = self.context.new_page()
        self.page.on(
            "console",
            lambda m: self.complaints.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("dialog", lambda d: (self.complaints.append(f"dialog {d.message}"), d.dismiss()))
        self.page.on("request", lambda r: None if r.url.startswith(url) else self.complaints.append(f"asked {r.url}"))

    def go(self, path: str = "") -> Page:
        """Opens a page of the viewer, and waits until its pictures are there."""
        self.page.goto(self.url + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def faults(self) -> list[str]:
        """What axe-core finds wrong with the page as it is, one line each."""
        self.page.evaluate(
            AXE.read_text(encoding="utf-8") + "\n;0"
        )  # by the debugger, which the page's policy does not bind
        found = self.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
        )
        return [
            f"{v['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
            for v in found["violations"]
            for node in v["nodes"]
        ]

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *exc: object) -> None:
        self.context.close()


def yellow(png: bytes) -> tuple[float, float]:
    """The middle of what is yellow in a screenshot, in its pixels."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    down, across = np.nonzero((pixels[..., 0] > 200) & (pixels[..., 1] > 200) & (pixels[..., 2] < 110))
    assert len(down), "nothing is yellow"
    return float(across.mean()) + 0.5, float(down.mean()) + 0.5
