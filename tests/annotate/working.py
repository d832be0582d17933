"""What the browser tests of points and questions share: pages that are opened, pointed at and submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

AXE = Path(__file__).parent.parent / "golden" / "axe.min.js"
Place = tuple[float, float]


def quiet(context: BrowserContext) -> tuple[list[str], list[str]]:
    """What its pages complain of, and what they ask for."""
    complaints: list[str] = []
    asked: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    context.on("request", lambda request: asked.append(request.url))
    return complaints, asked


def ready(page: Page) -> None:
    """The picture is there, or there is none left."""
    page.locator("body[data-ready], h1:text('Thank you')").first.wait_for()


def opened(context: BrowserContext, link: str) -> Page:
    page = context.new_page()
    page.goto(link)
    page.locator("#agree, #picture, h1:text('Thank you')").first.wait_for()
    if page.locator("#agree").count():
        page.wait_for_load_state()  # the page's script hears keys only then
        page.keyboard.press("Enter")
    ready(page)
    return page


def at(page: Page, place: Place) -> Place:
    """Where a place of the picture, in percent, is on the screen; by what the browser lays out, not by our script."""
    box = page.locator("#picture").bounding_box()
    assert box is not None
    return box["x"] + place[0] * box["width"] / 100, box["y"] + place[1] * box["height"] / 100


def click(page: Page, *places: Place) -> None:
    for place in places:
        page.mouse.click(*at(page, place))


def points(page: Page) -> list[list[float]]:
    """Those on the page."""
    found: list[list[float]] = page.evaluate("() => points")
    return found


def near(found: list[Any], *places: Place, within: float = 0.1) -> None:
    """In percent of the picture."""
    flat = [(p["x"], p["y"]) if isinstance(p, dict) else tuple(p) for p in found]
    assert len(flat) == len(places), flat
    for (x, y), (wanted_x, wanted_y) in zip(flat, places, strict=True):
        assert abs(x - wanted_x) <= within, (flat, places)
        assert abs(y - wanted_y) <= within, (flat, places)


def submit(page: Page) -> None:
    before = page.locator("#facts").get_attribute("data-picture")
    page.keyboard.press("Control+Enter")
    page.locator(f"#facts:not([data-picture='{before}'])").wait_for(state="attached")
    ready(page)


def complaints_of_axe(page: Page) -> list[str]:
    """What axe-core finds on a page."""
    session = page.context.new_cdp_session(page)  # not the page's own script: its policy allows no other
    session.send("Runtime.evaluate", {"expression": AXE.read_text()})
    run = "axe.run(document).then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target).join(', ')))"
    told = session.send("Runtime.evaluate", {"expression": run, "awaitPromise": True, "returnByValue": True})
    found: list[str] = told["result"]["value"]
    return found
