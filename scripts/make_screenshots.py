#!/usr/bin/env python
"""Makes docs/pictures/annotate-*.png: the real command, a real Chromium, a microphone fed by espeak-ng.

Needs chromium and espeak-ng on the path. Nothing compares the pictures byte for byte: fonts differ from machine to machine.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, ViewportSize

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from tests.annotate.browser import chromium, next_picture, opened, picture_of, ready, record, until  # noqa: E402
from tests.annotate.serving import Served  # noqa: E402

PICTURES = HERE / "docs" / "pictures"
DESK: ViewportSize = {"width": 1200, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


def main() -> int:
    """Writes the pictures and says how large they are."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "photos").mkdir()
        for number, sky in enumerate(("#cfe3f2", "#f2dcc4", "#c9d3e8", "#e8e3d2")):
            street(sky).save(home / "photos" / f"street-{number + 1}.png")
        options = ("--annotators", "anna,ben", "--per-picture", "2", "--min-s", "2", "--max-s", "6")
        with Served(home / "photos", home / "talk", *options) as served, chromium(home) as browser:
            at_the_desk(browser, served)
            on_the_phone(browser, served)
            progress(browser, served)
    for path in sorted(PICTURES.glob("annotate-*.png")):
        print(f"{path.relative_to(HERE)}: {path.stat().st_size / 1000:.0f} kB")
    return 0


def at_the_desk(browser: Browser, served: Served) -> None:
    """Consent, then a recording under way; then the picture is described and the next one skipped."""
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    page.goto(served.links["anna"])
    page.locator("#agree").wait_for()
    shoot(page, "consent")
    page.close()
    page = opened(context, served.links["anna"])
    page.keyboard.press("Space")
    until(page, "() => recorder !== null && draft.ms >= 3200 && document.getElementById('level').value > 0.4")
    shoot(page, "record")
    page.keyboard.press("Space")
    page.locator("#submit").wait_for()
    first = picture_of(page)
    page.keyboard.press("Enter")
    next_picture(page, first)
    second = picture_of(page)
    page.keyboard.press("s")
    page.keyboard.press("ArrowDown")
    shoot(page, "skip")
    page.keyboard.press("Enter")
    next_picture(page, second)
    context.close()


def on_the_phone(browser: Browser, served: Served) -> None:
    """After a recording: listen, record again, submit."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    page = opened(context, served.links["ben"])
    page.locator("#record").tap()
    until(page, "() => recorder !== null && draft.ms >= 3000")
    page.locator("#record").tap()
    page.locator("#submit").wait_for()
    shoot(page, "phone")
    before = picture_of(page)
    page.locator("#submit").tap()
    next_picture(page, before)
    ready(page)
    record(page, 3)
    page.keyboard.press("Enter")
    next_picture(page, picture_of(page))
    context.close()


def progress(browser: Browser, served: Served) -> None:
    """What the owner sees. The links are made unreadable: a real page shows real ones."""
    page = browser.new_context(viewport=DESK).new_page()
    page.goto(served.links["owner"])
    page.wait_for_url("**/o/**")
    page.evaluate(
        "document.querySelectorAll('code').forEach((c) => { c.textContent = c.textContent.replace(/[^/]+$/, '…'); })"
    )
    shoot(page, "progress")


def shoot(page: Page, name: str) -> None:
    """A picture of what is seen, in few colours, so that it is small."""
    path = PICTURES / f"annotate-{name}.png"
    page.wait_for_timeout(300)  # what was touched fades
    page.screenshot(path=path)
    with Image.open(path) as shot:
        small = shot.convert("RGB").quantize(96)
    small.save(path, optimize=True)


def street(sky: str) -> Image.Image:
    """A red bus before a brick house, two people and a dog: something to talk about."""
    picture = Image.new("RGB", (960, 720), sky)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 520, 960, 720), "#8d8d88")
    draw.rectangle((520, 130, 930, 520), "#a8553a")
    draw.polygon([(490, 130), (725, 20), (960, 130)], "#5c3b2e")
    for x in (560, 690, 820):
        for y in (180, 320):
            draw.rectangle((x, y, x + 70, y + 90), "#f4e6b5", "#ffffff", 5)
    draw.rounded_rectangle((60, 300, 640, 580), 30, "#c4262e")
    for x in range(95, 560, 95):
        draw.rectangle((x, 340, x + 75, 420), "#bcd9e6")
    draw.rectangle((580, 340, 625, 540), "#bcd9e6")
    draw.rectangle((90, 450, 330, 490), "#ffffff")
    draw.text((110, 455), "12 HARBOUR", "#1f2428", font_size=30)
    for x in (160, 470):
        draw.ellipse((x, 535, x + 90, 625), "#222222")
        draw.ellipse((x + 28, 563, x + 62, 597), "#cccccc")
    for x, coat in ((730, "#2b4c8a"), (810, "#c9a227")):
        draw.ellipse((x, 430, x + 44, 474), "#e2b48d")
        draw.rounded_rectangle((x - 8, 474, x + 52, 590), 16, coat)
        draw.rectangle((x, 590, x + 16, 650), "#333333")
        draw.rectangle((x + 28, 590, x + 44, 650), "#333333")
    draw.ellipse((640, 640, 720, 680), "#6b4a2b")
    draw.ellipse((700, 626, 736, 660), "#6b4a2b")
    return picture


if __name__ == "__main__":
    sys.exit(main())
