#!/usr/bin/env python
"""Makes docs/pictures/annotate-*.png: the real command, a real Chromium, a microphone fed by espeak-ng.

The points and the questions are those of the docs; the model is a scripted one. Needs chromium and espeak-ng on the path. Nothing compares the pictures byte for byte: fonts differ from machine to machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, ViewportSize

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from tests.annotate import working  # noqa: E402
from tests.annotate.browser import chromium, next_picture, opened, picture_of, ready, record, until  # noqa: E402
from tests.annotate.serving import Served  # noqa: E402
from tests.server.chat import ChatServer  # noqa: E402

PICTURES = HERE / "docs" / "pictures"
BIRDS = ((508, 410), (232, 345), (610, 436), (525, 363), (582, 385), (670, 328), (606, 297))
"""Where they swim, in px of a picture of 960 by 640."""
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
            progress(browser, served, "progress")
            points(browser, home)
            questions(browser, home)
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


def points(browser: Browser, home: Path) -> None:
    """Birds on a pond, pointed at by two people who do not quite agree."""
    (home / "ponds").mkdir()
    for number, meadow in enumerate(("#bcd3c0", "#d3d0bc")):
        pond(meadow).save(home / "ponds" / f"pond-{number + 1}.png")
    options = ("--labels", "birds", "--annotators", "anna,ben", "--per-picture", "2")
    with Served(home / "ponds", home / "birds", *options, kind="points") as served:
        for name, missed, apart in (("anna", 6, 0.0), ("ben", 3, 1.0)):
            context = browser.new_context(viewport=DESK)
            page = working.opened(context, served.links[name])
            for number in range(2):
                seen = [(x / 9.6 + apart, y / 6.4) for n, (x, y) in enumerate(BIRDS) if n != missed or number]
                working.click(page, *seen)
                page.keyboard.press("]")
                if (name, number) == ("anna", 0):
                    shoot(page, "points")
                working.submit(page)
            context.close()
        progress(browser, served, "points-progress")


def questions(browser: Browser, home: Path) -> None:
    """A draft of a model that was told of the picture, and is wrong."""
    told = {"image": "street-1.png", "question": "What colour is the bus?", "caption": "A bus stands before a house."}
    (home / "photos" / "list.jsonl").write_text(json.dumps(told) + "\n")
    with ChatServer(lambda body: "The bus is blue, and two people wait beside it.") as chat:
        options = ("--annotators", "anna", "--model", "my-model", "--base-url", chat.base_url)
        with Served(home / "photos" / "list.jsonl", home / "asked", *options, kind="qa") as served:
            page = working.opened(browser.new_context(viewport=DESK), served.links["anna"])
            page.keyboard.press("Escape")
            page.keyboard.press("d")
            page.locator("#reject:visible:enabled").wait_for()
            shoot(page, "qa")
            page.keyboard.press("r")
            page.keyboard.type("The bus is red.")
            shoot(page, "qa-reject")
            page.context.close()


def progress(browser: Browser, served: Served, name: str) -> None:
    """What the owner sees. The links are made unreadable: a real page shows real ones."""
    page = browser.new_context(viewport=DESK).new_page()
    page.goto(served.links["owner"])
    page.wait_for_url("**/o/**")
    page.evaluate(
        "document.querySelectorAll('code').forEach((c) => { c.textContent = c.textContent.replace(/[^/]+$/, '…'); })"
    )
    shoot(page, name)
    page.context.close()


def shoot(page: Page, name: str) -> None:
    """A picture of what is seen, in few colours, so that it is small."""
    path = PICTURES / f"annotate-{name}.png"
    page.wait_for_timeout(300)  # what was touched fades
    page.screenshot(path=path)
    with Image.open(path) as shot:
        small = shot.convert("RGB").quantize(96)
    small.save(path, optimize=True)


def pond(meadow: str) -> Image.Image:
    """Seven birds on a pond, close enough that one is easily missed."""
    picture = Image.new("RGB", (960, 640), meadow)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((50, 45, 176, 160), "#a8553a")
    draw.polygon([(34, 48), (113, 2), (192, 48)], "#7a3d2b")
    draw.ellipse((96, 160, 880, 608), "#81a7ca")
    for x, y in BIRDS:
        draw.ellipse((x - 36, y - 18, x + 36, y + 18), "#f2ede1")
        draw.ellipse((x + 20, y - 34, x + 48, y - 6), "#f2ede1")
        draw.polygon([(x + 47, y - 23), (x + 64, y - 18), (x + 47, y - 15)], "#c4562e")
    return picture


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
