"""The viewer in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from pixmo.records.caption import Caption
from pixmo.records.explanation import Explanation
from pixmo.records.places import Mask, Orientation, Point, Unit
from pixmo.storage.manifest import Manifest, ManifestFile
from tests.speech import say
from tests.view.browser import Watched, chromium, yellow
from tests.view.serving import Viewed, picture, points, write_set

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>‮evil‬ </title></script> ]]> {{7*7}}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def points_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """30 rows: 0 upright, 1 turned by EXIF, 2 taken on its head, 3 pixels of the stored picture, 4 none, 5 broken, 6 with a mask."""
    home = tmp_path_factory.mktemp("points")
    square = Mask(
        height_px=300,
        width_px=400,
        runs=(120 * 400 + 100, *(60, 340) * 39, 60, 300 * 400 - 120 * 400 - 100 - 40 * 60 - 39 * 340),
    )
    stored = points(
        "cat", (225, 300), unit=Unit.PIXELS, orientation=Orientation.STORED
    )  # of 300 x 400 stored, shown as 400 x 300
    records = [
        points("cat", (25, 75)), points("cat", (25, 75)), points("cat", (25, 75)), stored, points("unicorn"), points("cat", (25, 75)),
        points("cat", (25, 75), (60, 30), masks=(square,), image_width_px=400, image_height_px=300),
        *[points(f"thing {n}", (25, 75), (50, 50)) for n in range(7, 30)],
    ]  # fmt: skip
    pictures = [
        picture(),
        picture(exif=6),
        picture(exif=3),
        picture(exif=6),
        picture(),
        b"no picture",
        *[picture(n=n) for n in range(6, 30)],
    ]
    data = write_set(home / "set.parquet", records, pictures)
    with Viewed(data, home / "home") as viewed:
        yield viewed.url


def where(page: Page, selector: str) -> tuple[float, float]:
    """The middle of a mark, on the screen."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def without_marks(page: Page) -> bytes:
    """A screenshot of the pictures alone."""
    page.evaluate("document.querySelectorAll('.over').forEach(e => e.style.visibility = 'hidden')")
    shot = page.screenshot()
    page.evaluate("document.querySelectorAll('.over').forEach(e => e.style.visibility = '')")
    return shot


@pytest.mark.parametrize("row", [0, 1, 2, 3])
@pytest.mark.parametrize("presses", ["", "+++", "--"])
def test_a_point_lies_on_the_pixel_it_means_at_every_zoom(
    browser: Browser, points_url: str, row: int, presses: str
) -> None:
    """25 %, 75 % is drawn within a pixel of the one yellow spot there, also in pictures that EXIF turns, and by pixels of these."""
    with Watched(browser, points_url) as watched:
        page = watched.go(f"row/{row}")
        for key in presses:
            page.keyboard.press(key)
        page.evaluate("document.querySelector('.point').scrollIntoView({block: 'center', inline: 'center'})")
        x, y = yellow(without_marks(page))
        at_x, at_y = where(page, ".point rect")
        assert abs(at_x - x) <= 1
        assert abs(at_y - y) <= 1
        assert page.locator(".zoomed").inner_text() == {"": "100 %", "+++": "338 %", "--": "44 %"}[presses]


def test_a_point_of_the_grid_lies_on_the_pixel_it_means(browser: Browser, points_url: str) -> None:
    """Small pictures are drawn by the same numbers."""
    with Watched(browser, points_url) as watched:
        page = watched.go()
        for row in (0, 1):
            card = page.locator(f"[data-row='{row}'] .thumb")
            at_x, at_y = where(page, f"[data-row='{row}'] .over circle")
            page.evaluate("document.querySelectorAll('.over').forEach(e => e.style.visibility = 'hidden')")
            box = card.bounding_box()
            assert box is not None
            x, y = yellow(card.screenshot())
            page.evaluate("document.querySelectorAll('.over').forEach(e => e.style.visibility = '')")
            assert abs(at_x - box["x"] - x) <= 1.5
            assert abs(at_y - box["y"] - y) <= 1.5


def test_the_mask_lies_where_its_pixels_are(browser: Browser, points_url: str) -> None:
    """Its first pixel is at 100, 120 of 400 by 300, and its opacity follows the slider."""
    with Watched(browser, points_url) as watched:
        page = watched.go("row/6")
        assert page.evaluate(
            "(([m, p]) => m.left === p.left && m.width === p.width && m.height === p.height)(['.mask', '.photo'].map(s => document.querySelector(s).getBoundingClientRect()))"
        )
        data = page.request.get(points_url + page.locator(".mask").get_attribute("src").removeprefix("./../")).body()  # type: ignore[union-attr]
        assert Image.open(io.BytesIO(data)).convert("RGBA").getchannel("A").getbbox() == (100, 120, 160, 160)
        page.locator(".opacity").fill("20")
        assert page.evaluate("getComputedStyle(document.querySelector('.mask')).opacity") == "0.2"


def test_everything_is_done_by_keyboard_alone(browser: Browser, points_url: str) -> None:
    """Cards, pages, rows, zoom, help, flags and search."""
    with Watched(browser, points_url) as watched:
        page = watched.go()
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**/?page=2")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        page.wait_for_url("**/row/24")
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**/row/23")
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#keys").is_visible()
        page.keyboard.press("f")
        page.locator("#flag[aria-pressed=true]").wait_for()
        page.keyboard.type("blurred")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        page.keyboard.press("Escape")
        page.reload()
        assert page.locator("#note").input_value() == "blurred"
        page.keyboard.press("Escape")
        page.wait_for_url(points_url)
        page.keyboard.press("/")
        page.keyboard.type('"thing 12"')
        page.keyboard.press("Enter")
        page.locator(".small-card").wait_for()
        assert page.locator(".small-card").get_attribute("data-row") == "12"
        assert page.locator(".active").inner_text().startswith('search: "thing 12"')
        assert watched.complaints == []


def test_the_wheel_zooms_where_the_mouse_is_and_dragging_moves(browser: Browser, points_url: str) -> None:
    """With Ctrl, or once the picture has the focus; else the page scrolls. What the mouse was on stays under it."""
    with Watched(browser, points_url) as watched:
        page = watched.go("row/8")
        middle = ".point[data-point='2'] rect"
        x, y = where(page, middle)
        page.mouse.move(x, y)
        page.mouse.wheel(0, -300)
        assert page.locator(".zoomed").inner_text() == "100 %"
        page.evaluate("scrollTo(0, 0)")
        page.mouse.click(x, y)
        page.mouse.wheel(0, -300)
        page.locator(".zoomed", has_text="272 %").wait_for()
        assert where(page, middle) == pytest.approx((x, y), abs=3)
        page.mouse.down()
        page.mouse.move(x + 50, y - 30, steps=3)
        page.mouse.up()
        assert where(page, middle) == pytest.approx((x + 50, y - 30), abs=3)
        page.keyboard.press("0")
        assert where(page, middle) == pytest.approx((x, y), abs=1)
        assert watched.complaints == []


def test_two_fingers_zoom(browser: Browser, points_url: str) -> None:
    """Twice as far apart is twice as large."""
    with Watched(browser, points_url, has_touch=True) as watched:
        page = watched.go("row/0")
        page.evaluate("""() => {
            const pane = document.querySelector(".pane"), box = pane.getBoundingClientRect();
            const finger = (type, id, x) => pane.dispatchEvent(new PointerEvent(type, {
                pointerId: id, pointerType: "touch", clientX: box.left + x, clientY: box.top + 100, bubbles: true }));
            finger("pointerdown", 11, 100); finger("pointerdown", 12, 200); finger("pointermove", 12, 300); finger("pointerup", 12, 300); finger("pointerup", 11, 100);
        }""")
        assert page.locator(".zoomed").inner_text() == "200 %"


def test_the_way_between_rows_keeps_the_query(browser: Browser, points_url: str) -> None:
    """In a random order the next row is the next card."""
    with Watched(browser, points_url) as watched:
        page = watched.go("?seed=7")
        order = [card.get_attribute("data-row") for card in page.locator(".small-card").all()]
        assert order != sorted(order, key=lambda n: int(n or 0))
        page.locator(".small-card").first.click()
        page.wait_for_url(f"**/row/{order[0]}?seed=7")
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**/row/{order[1]}?seed=7")
        page.keyboard.press("Escape")
        page.wait_for_url("**/?seed=7")


def test_points_and_words_light_each_other(browser: Browser, tmp_path: Path) -> None:
    """The words of an answer light their points, by mouse and by focus."""
    told = Explanation(
        question="Where?", response="r", parsed_response="There: <|POINT|> and <|POINT|>.", alt_text=("dogs", "cat"), inline_text=("two dogs", "a cat"),
        points=((Point(20, 20), Point(40, 40)), (Point(70, 70),)), unit=Unit.PERCENT, orientation=Orientation.UPRIGHT,
    )  # fmt: skip
    data = write_set(tmp_path / "told.parquet", [told], [picture()])
    with Viewed(data, tmp_path / "home") as viewed, Watched(browser, viewed.url) as watched:
        page = watched.go("row/0")
        assert page.locator(".text .chip").all_inner_texts() == ["A two dogs ×2", "B a cat"]
        assert page.locator(".point text").all_text_contents() == ["A1", "A2", "B1"]
        page.locator(".text .chip").nth(1).focus()
        assert page.locator("g.expression.lit").get_attribute("data-expression") == "1"
        page.locator(".text .chip").nth(0).hover()
        assert "0" in [g.get_attribute("data-expression") for g in page.locator("g.expression.lit").all()]
        page.locator(".point").nth(2).hover()
        assert page.locator(".text .chip.lit").inner_text() == "B a cat"
        assert watched.complaints == []


def test_words_light_up_as_they_are_spoken(browser: Browser, tmp_path: Path) -> None:
    """The word that is lit is the one whose time it is; a click on a word goes there."""
    sound = say("One two three four five six.")
    digest = "ab" * 32
    (tmp_path / "out" / "data").mkdir(parents=True)
    (tmp_path / "out" / "audio").mkdir()
    (tmp_path / "out" / "audio" / f"{digest}.wav").write_bytes(sound)
    words = [{"text": f" word{n}", "start_s": n * 0.3, "end_s": n * 0.3 + 0.3, "probability": None} for n in range(5)]
    told = Caption(image_url="https://pictures.example/a.jpg", caption="One two.", transcripts=("one two three",))
    file = write_set(
        tmp_path / "out" / "data" / "train-00000-of-00001.parquet",
        [told],
        [picture()],
        recording_sha256=[[digest]],
        heard_words=[[words]],
    )
    entry = ManifestFile("data/" + file.name, digest, file.stat().st_size, 1, "train")
    Manifest((entry,), rows=1, written=1).publish(tmp_path / "out")
    with Viewed(tmp_path / "out", tmp_path / "home") as viewed, Watched(browser, viewed.url) as watched:
        page = watched.go("row/0")
        sound_is = "document.querySelector('audio')"
        page.locator(".word").nth(3).click()
        page.wait_for_timeout(50)
        page.evaluate(f"{sound_is}.pause()")
        assert page.evaluate(f"{sound_is}.currentTime") >= 0.9
        for at, word in ((0.05, "word0"), (0.65, "word2"), (1.45, "word4")):
            page.evaluate(f"new Promise(done => {{ {sound_is}.onseeked = done; {sound_is}.currentTime = {at}; }})")
            assert page.locator(".word.lit").all_inner_texts() == [word + " "]
        assert watched.complaints == []


@pytest.fixture(scope="module")
def hostile_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Rows that say the worst in every text, under a file name that does too."""
    home = tmp_path_factory.mktemp("hostile")
    said = [
        Caption(
            image_url=f"https://pictures.example/{HOSTILE}", caption=HOSTILE, transcripts=(HOSTILE, "x" * 1_000_000)
        ),
        Caption(image_url="javascript:alert(3)", caption="word " * 200_000, transcripts=()),
        Caption(image_url="https://pictures.example/a.jpg", caption="שלום עולם، مرحبا بالعالم", transcripts=("‮abc",)),
    ]
    columns = {"<b onclick=alert(4)>": [HOSTILE, "", "a"], "prediction": [HOSTILE, None, "b"]}
    data = write_set(home / "a'\"<img src=x>.parquet", said, [picture(), HOSTILE.encode(), None], **columns)
    with Viewed(data, home / "home") as viewed:
        yield viewed.url


@pytest.mark.parametrize(
    "path",
    ["", "row/0", "row/1", "row/2", "?q=%3Cscript%3Ealert(1)%3C/script%3E", "?sort=%3Cb%3E", "row/9", "?page=99"],
)
def test_whatever_rows_say_is_only_text(browser: Browser, hostile_url: str, path: str) -> None:
    """No script of theirs runs, nothing is asked of anybody, and the page does not grow wider than the screen."""
    with Watched(browser, hostile_url, width=360) as watched:
        page = watched.go(path)
        assert page.locator("script").count() == 1
        assert page.locator("img[onerror], b[onclick]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        refused = {"row/9": "404", "?sort=%3Cb%3E": "400"}.get(path)
        assert [c for c in watched.complaints if refused is None or refused not in c] == []


def test_addresses_of_pictures_are_told_and_never_asked(browser: Browser, hostile_url: str) -> None:
    """Only plain web addresses become links, which tell nobody where one came from."""
    with Watched(browser, hostile_url) as watched:
        page = watched.go("row/1")
        assert page.locator(".urls code").inner_text() == "javascript:alert(3)"
        assert page.locator(".urls a").count() == 0
        page = watched.go("row/2")
        assert "noreferrer" in (page.locator(".urls a").get_attribute("rel") or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "row/0", "row/4", "row/5", "row/6", "?q=thing"])
def test_axe_finds_nothing_wrong(browser: Browser, points_url: str, path: str, scheme: str) -> None:
    """Contrast, names, roles and order of everything, light and dark."""
    with Watched(browser, points_url, color_scheme=scheme) as watched:
        page = watched.go(path)
        if path.startswith("?q"):
            page.locator(".facets").wait_for(state="attached")
            page.locator("details > summary").first.click()
        assert watched.faults() == []


@pytest.mark.parametrize("width", [360, 1280, 2560])
@pytest.mark.parametrize("path", ["", "row/6"])
def test_pages_fit_every_screen(browser: Browser, points_url: str, path: str, width: int) -> None:
    """Nothing is wider than the screen, from a phone to a wall."""
    with Watched(browser, points_url, width=width) as watched:
        page = watched.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pages_work_without_a_script(browser: Browser, points_url: str) -> None:
    """Rows, points, search and paging are there; nothing that would need the script shows."""
    with Watched(browser, points_url, java_script_enabled=False) as watched:
        page = watched.go("row/0")
        assert page.locator(".point").count() == 1
        assert not page.locator("#flagging").is_visible()
        page.locator("#back").click()
        page.locator("#search").fill("unicorn")
        page.get_by_role("button", name="Search").click()
        page.locator("[data-row='4']").wait_for()
        assert page.locator(".small-card").count() == 1
