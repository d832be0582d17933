"""The road of somebody who points, in a real browser: what is clicked is what is stored, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext

from tests.annotate.browser import chromium, until
from tests.annotate.serving import Served, make_pictures
from tests.annotate.working import Place, at, click, complaints_of_axe, near, opened, points, quiet, ready, submit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def anna(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of her own, that complains of nothing but a line that was cut, and asks nobody but our server."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    complaints, asked = quiet(context)
    yield context
    context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    assert {url.split("/")[2].split(":")[0] for url in asked if url.startswith("http")} <= {"127.0.0.1"}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "pictures", 2)


@pytest.fixture
def served(images: Path, tmp_path: Path) -> Iterator[Served]:
    options = ("--annotators", "anna,ben", "--per-picture", "2", "--labels", "cats")
    with Served(images, tmp_path / "out", *options, kind="points") as running:
        yield running


def stored(served: Served, number: int = 0) -> list[Any]:
    found: list[Any] = served.rows("points.jsonl")[number]["points"]
    return found


def test_points_are_clicked_dragged_removed_undone_and_submitted(served: Served, anna: BrowserContext) -> None:
    """By mouse; what is drawn is numbered, and what is stored is what is seen at the end."""
    page = opened(anna, served.links["anna"])
    click(page, (25, 75), (50, 50), (80, 20))
    near(points(page), (25, 75), (50, 50), (80, 20), within=0.15)
    assert (
        page.locator("#overlay text").all_inner_texts() == ["1", "2", "3"] or page.locator("#overlay text").count() == 3
    )
    page.mouse.move(*at(page, (50, 50)))
    page.mouse.down()
    page.mouse.move(*at(page, (55, 52)), steps=3)
    page.mouse.move(*at(page, (60, 40)), steps=3)
    page.mouse.up()
    near(points(page), (25, 75), (60, 40), (80, 20), within=0.2)
    page.keyboard.press("Control+z")
    near(points(page), (25, 75), (50, 50), (80, 20), within=0.15)
    page.keyboard.press("Control+y")
    click(page, (80, 20))  # selects it: no other is added on top
    page.keyboard.press("Delete")
    near(points(page), (25, 75), (60, 40), within=0.2)
    submit(page)
    served.stop()
    near(stored(served), (25, 75), (60, 40), within=0.2)


@pytest.mark.parametrize("zooms", [1, 6, 16])
def test_a_zoomed_click_lands_where_it_should(served: Served, anna: BrowserContext, zooms: int) -> None:
    """Within 0.1 % of the picture at every zoom, and the point is drawn within a pixel of it."""
    page = opened(anna, served.links["anna"])
    wanted = (33.3, 66.7)
    page.mouse.move(*at(page, wanted))
    for _ in range(zooms):
        page.mouse.wheel(0, -100)
    until(page, "n => Math.abs(Math.log(view.zoom) - 0.25 * n) < 1e-6 || view.zoom === 40", zooms)
    target = at(page, wanted)
    click(page, wanted)
    near(points(page), wanted)
    box = page.locator("#overlay .point circle").first.bounding_box()
    assert box is not None
    assert abs(box["x"] + box["width"] / 2 - target[0]) <= 1
    assert abs(box["y"] + box["height"] / 2 - target[1]) <= 1
    page.keyboard.press("0")
    near(points(page), wanted)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_rotated_picture_is_pointed_at_upright(
    tmp_path: Path, anna: BrowserContext, images: Path, orientation: int
) -> None:
    """As EXIF turns it: the red corner is clicked where it is seen, and stored as percent of the upright picture with its size."""
    upright = Image.new("RGB", (300, 200), "white")
    upright.paste("red", (0, 0, 60, 40))  # its middle is at 10 %, 10 %
    turns = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = turns[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    folder = tmp_path / "turned"
    folder.mkdir()
    (upright if turn is None else upright.transpose(turn)).save(folder / "a.jpg", exif=exif, quality=95)
    with Served(folder, tmp_path / "out", "--labels", "red", "--annotators", "anna", kind="points") as served:
        page = opened(anna, served.links["anna"])
        click(page, (10, 10))
        shot = tmp_path / "shot.png"
        x, y = at(page, (16, 16))
        page.screenshot(path=shot)
        with Image.open(shot) as seen:
            red, green, _ = seen.convert("RGB").getpixel((round(x), round(y)))  # type: ignore[misc]
        assert (red > 200, green < 80) == (True, True)
        submit(page)
        served.stop()
        (row,) = served.rows("points.jsonl")
    near(row["points"], (10, 10), within=0.15)
    assert (row["image_width_px"], row["image_height_px"], row["orientation"]) == (300, 200, "upright")


def test_all_is_possible_by_keyboard_alone(served: Served, anna: BrowserContext) -> None:
    """A cross that arrows move, Enter places; points are selected, nudged, removed; undone; submitted; and one is not in the picture."""
    page = opened(anna, served.links["anna"])
    for key in ("ArrowRight", "ArrowRight", "Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    first, second = points(page)
    box = page.locator("#picture").bounding_box()
    assert box is not None
    near([first], (50 + 1000 / box["width"], 50), within=0.2)
    near([second], (first[0], first[1] + 1000 / box["height"]), within=0.01)
    page.keyboard.press("]")
    page.keyboard.press("Shift+ArrowLeft")
    near([points(page)[0]], (first[0] - 1000 / box["width"], first[1]), within=0.01)
    page.keyboard.press("]")
    page.keyboard.press("Backspace")
    assert len(points(page)) == 1
    page.keyboard.press("Control+z")
    assert len(points(page)) == 2
    page.keyboard.press("Escape")
    before = page.locator("#facts").get_attribute("data-picture")
    page.keyboard.press("Enter")
    page.locator(f"#facts:not([data-picture='{before}'])").wait_for(state="attached")
    ready(page)
    for key in ("ArrowRight", "Enter", "n"):
        page.keyboard.press(key)
    assert page.locator("#absent-dialog[open]").count() == 1
    page.keyboard.press("Enter")
    assert points(page) == []
    submit(page)
    served.stop()
    assert [len(row["points"]) for row in served.rows("points.jsonl")] == [2, 0]


def test_a_reload_in_the_middle_loses_nothing(served: Served, anna: BrowserContext) -> None:
    """Neither points nor what can be undone; also not when the server was killed and came back."""
    page = opened(anna, served.links["anna"])
    click(page, (20, 20), (70, 70))
    served.kill()
    served.start()
    page.reload()
    ready(page)
    near(points(page), (20, 20), (70, 70), within=0.15)
    page.keyboard.press("Control+z")
    near(points(page), (20, 20), within=0.15)
    assert "before the page was closed" in page.locator("#status").inner_text()


def test_without_a_server_a_submission_waits_in_the_browser(served: Served, anna: BrowserContext) -> None:
    """It is sent when the server is back, once, also from a page that was closed and opened again."""
    page = opened(anna, served.links["anna"])
    click(page, (20, 20))
    served.kill()
    page.keyboard.press("Control+Enter")
    page.locator("#status:text('No connection')").wait_for()
    page.close()
    served.start()
    page = opened(anna, served.links["anna"])
    page.locator("#facts[data-picture='2']").wait_for(state="attached")
    served.stop()
    assert len(served.rows("points.jsonl")) == 1
    near(stored(served), (20, 20), within=0.15)


def test_by_touch_a_tap_adds_and_a_drag_moves(browser: Browser, served: Served) -> None:
    """On a phone: what is tapped is there, and two fingers zoom."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    complaints, _ = quiet(context)
    page = opened(context, served.links["anna"])
    page.touchscreen.tap(*at(page, (30, 40)))
    near(points(page), (30, 40), within=0.35)
    session = context.new_cdp_session(page)
    (x, y), (to_x, to_y) = at(page, (30, 40)), at(page, (60, 60))
    touch(session, "touchStart", [(x, y)])
    touch(session, "touchMove", [((x + to_x) / 2, (y + to_y) / 2)])
    touch(session, "touchMove", [(to_x, to_y)])
    touch(session, "touchEnd", [])
    near(points(page), (60, 60), within=1)
    (a_x, a_y), (b_x, b_y) = at(page, (40, 50)), at(page, (60, 50))
    touch(session, "touchStart", [(a_x, a_y)])
    touch(session, "touchStart", [(a_x, a_y), (b_x, b_y)])
    touch(session, "touchMove", [(a_x - 30, a_y), (b_x + 30, b_y)])
    touch(session, "touchEnd", [])
    assert page.evaluate("() => view.zoom") > 1.3
    assert len(points(page)) == 1
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    context.close()
    assert complaints == []


def touch(session: Any, kind: str, places: list[Place]) -> None:
    session.send(
        "Input.dispatchTouchEvent",
        {"type": kind, "touchPoints": [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(places)]},
    )


def test_the_owner_corrects_and_two_agree(served: Served, anna: BrowserContext) -> None:
    """In the same editor; and the agreement of two people stands on the owner's page."""
    for name in ("anna", "ben"):
        page = opened(anna, served.links[name])
        click(page, (20, 20), (70, 70))
        submit(page)
        page.close()
    page = anna.new_page()
    page.goto(served.links["owner"])
    page.locator("text=Review 2 submissions").click()
    page.locator("body[data-ready]").wait_for()
    near(points(page), (20, 20), (70, 70), within=0.15)
    assert page.locator("#correct").is_hidden()
    page.keyboard.press("Enter")
    page.locator("#facts[data-answer='2']").wait_for(state="attached")
    page.locator("body[data-ready]").wait_for()
    click(page, (40, 40))
    assert page.locator("#accept").is_disabled()
    page.locator("#correct").click()
    page.locator("h1:text('Nothing to review')").wait_for()
    page.locator("text=Progress").click()
    page.locator("text=F1 of points").wait_for()
    assert "1.00" in page.locator("main, body").first.inner_text()
    served.stop()
    assert [(row["review"], len(row["points"])) for row in served.rows("points.jsonl")] == [
        ("accepted", 2),
        ("corrected", 3),
    ]


def test_what_the_owner_puts_off_comes_last(images: Path, tmp_path: Path, anna: BrowserContext) -> None:
    """Also after others were judged; then it is there again."""
    with Served(images, tmp_path / "out", "--annotators", "anna", "--labels", "cats,dogs", kind="points") as served:
        page = opened(anna, served.links["anna"])
        for _ in range(3):
            click(page, (20, 20))
            submit(page)
        page.goto(served.links["owner"])
        page.locator("text=Review 3 submissions").click()
        page.locator("text=Later").click()
        for answer in (2, 3, 1):
            page.locator(f"#facts[data-answer='{answer}']").wait_for(state="attached")
            page.locator("#accept:enabled").click()
        page.locator("h1:text('Nothing to review')").wait_for()


def test_a_text_that_changed_meanwhile_is_asked_first(images: Path, tmp_path: Path, anna: BrowserContext) -> None:
    """The submission waits in the browser and is sent when the new text was agreed to."""
    text = tmp_path / "text.txt"
    text.write_text("The first text.")
    options = ("--annotators", "anna", "--labels", "cats", "--consent", str(text))
    with Served(images, tmp_path / "out", *options, kind="points") as served:
        page = opened(anna, served.links["anna"])
        click(page, (20, 20))
        text.write_text("Another text.")
        served.stop()
        served.start()
        page.keyboard.press("Enter")
        page.locator("text=Another text.").wait_for()
        page.keyboard.press("Enter")
        page.locator("#facts[data-picture='2']").wait_for(state="attached")
        served.stop()
        near(stored(served), (20, 20), within=0.15)


def test_hostile_labels_are_inert(images: Path, tmp_path: Path, anna: BrowserContext) -> None:
    """Markup, quotes, marks that turn the direction of text: shown as they are; and one written by an annotator, read by the owner."""
    evil = "</h1><script>window.bad = 1</script>\"'><img src=x onerror='window.bad = 1'>\u202etac"
    with Served(images, tmp_path / "out", "--annotators", "anna", kind="points") as served:
        page = opened(anna, served.links["anna"])
        page.locator("#label").fill(evil)
        click(page, (50, 50))
        submit(page)
        page.goto(served.links["owner"])
        page.locator("text=Review 1").click()
        page.locator("body[data-ready]").wait_for()
        assert "<script>" in page.locator("h1").inner_text()
        assert page.evaluate("() => window.bad") is None
        served.stop()
        assert served.rows("points.jsonl")[0]["label"] == evil


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(browser: Browser, served: Served, scheme: Any) -> None:
    """axe-core finds nothing on any page, and nothing is wider than the narrowest screen."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = complaints_of_axe(page)
        if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
            found[name].append("wider than the screen")

    page.goto(served.links["anna"])
    page.locator("#agree").wait_for()
    look("consent")
    page.close()
    page = opened(context, served.links["anna"])
    click(page, (50, 50), (20, 20))
    look("points")
    page.locator("#skip").click()
    look("skip")
    page.keyboard.press("Escape")
    submit(page)
    click(page, (50, 50))
    submit(page)
    look("finished")
    page.goto(served.links["owner"])
    page.locator("h1:text('Progress')").wait_for()
    look("progress")
    page.locator("text=Review 2").click()
    page.locator("body[data-ready]").wait_for()
    look("review")
    context.close()
    assert found == {name: [] for name in found}
