"""A static site, opened from `file://` in a real browser: no server answers here."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from pixmo.records.caption import Caption
from pixmo.storage.manifest import Manifest, ManifestFile
from tests.speech import say
from tests.view.browser import Watched, chromium, yellow
from tests.view.serving import picture, points, write_set
from tests.view.static_sites import HOSTILE, Opened, captions_site, points_site, site_of


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return points_site(tmp_path_factory.mktemp("points"))


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return captions_site(tmp_path_factory.mktemp("captions"))


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
@pytest.mark.parametrize("presses", ["", "++"])
def test_a_point_lies_on_the_pixel_it_means(browser: Browser, site: Path, row: int, presses: str) -> None:
    """A point at 25 %, 75 % is drawn within a pixel of what the upright picture has there, at every zoom and EXIF turn."""
    with Opened(browser, site, height=1100) as opened:
        page = opened.go(f"rows/{row}.html")
        for key in presses:
            page.keyboard.press(key)
        page.evaluate("document.querySelector('.point').scrollIntoView({block: 'center', inline: 'center'})")
        drawn, seen = where(page, ".point rect"), yellow(without_marks(page))
        assert drawn == pytest.approx(seen, abs=1.0)
        assert opened.complaints == []


def test_the_grid_draws_points_where_the_row_does(browser: Browser, site: Path) -> None:
    """The card of the first row has its point on the yellow spot too."""
    with Opened(browser, site) as opened:
        page = opened.go()
        card = page.locator(".small-card").first.locator(".thumb")
        box = card.bounding_box()
        assert box is not None
        drawn = where(page, ".small-card .over circle")
        page.evaluate("document.querySelectorAll('.over').forEach(e => e.style.visibility = 'hidden')")
        across, down = yellow(page.screenshot(clip=box))
        assert drawn == pytest.approx((box["x"] + across, box["y"] + down), abs=1.0)


def test_pages_lead_through_all_rows(browser: Browser, site: Path) -> None:
    """24 rows on a page, in order, with keys and with links."""
    with Opened(browser, site) as opened:
        page = opened.go()
        assert opened.numbers() == list(range(24))
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**page=2")
        page.locator(".small-card").first.wait_for()
        assert opened.numbers() == list(range(24, 48))
        page.locator(".paging a", has_text="3").click()
        page.wait_for_url("**page=3")
        page.locator(".small-card").first.wait_for()
        assert opened.numbers() == list(range(48, 60))
        assert opened.complaints == []


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ("q=unicorn", [4]),
        ("q=thing+7", [7, 27, 47]),
        ("q=%22thing+7%22", [7, 27, 47]),
        ("q=thing+1*+-10+-11+-12+-13+-14+-15+-16+-17+-18", [19, 21, 39, 41, 59]),
        ("f.label.is=unicorn&f.label.is=thing+9", [4, 9, 29, 49]),
        ("f.label.not=cat&f.score.lt=0.9", [4, 7, 8]),
        ("f.label.has=ORN", [4]),
        ("f.label.starts=un", [4]),
        ("f.points.ge=5&f.score.le=1.5", [9, 14]),
        ("f.score.ge=5.7&sort=score&descending=1", [59, 58, 57]),
        ("f.number.lt=9&f.number.gt=5&sort=label", [6, 7, 8]),
        ("q=nothing-of-that-kind", []),
    ],
)
def test_rows_are_found_as_the_viewer_finds_them(browser: Browser, site: Path, asked: str, rows: list[int]) -> None:
    """Words, phrases, filters and order, by the addresses of `pixmo view`."""
    with Opened(browser, site) as opened:
        opened.go(f"index.html?{asked}")
        assert opened.numbers() == rows
        assert opened.complaints == []


def test_the_form_asks(browser: Browser, site: Path) -> None:
    """What is chosen in the form holds, is told, stays in the form, and each part can be taken away."""
    with Opened(browser, site) as opened:
        page = opened.go()
        page.locator("summary").click()
        page.locator("input[name='f.label.is'][value=cat]").check()
        page.locator("input[name='f.score.ge']").fill("0.2")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url("**f.label.is=cat**")
        page.locator(".small-card").first.wait_for()
        assert "f.score.le" not in page.url
        assert opened.numbers() == [2, 3, 5, 6]
        assert page.locator("input[name='f.label.is'][value=cat]").is_checked()
        assert page.locator("#told").inner_text() == "4 of 60 rows here"
        page.locator("#active a", has_text="score").click()
        page.wait_for_url(lambda url: "score" not in url)
        page.locator(".small-card").first.wait_for()
        assert opened.numbers() == [0, 1, 2, 3, 5, 6]
        assert opened.complaints == []


def test_a_random_order_stands_in_its_address(browser: Browser, site: Path) -> None:
    """The same seed gives the same order, another seed another one, filters leave it as it is."""
    with Opened(browser, site) as opened:
        orders = []
        for asked in ("seed=1", "seed=2", "seed=1"):
            opened.go(f"index.html?{asked}")
            orders.append(opened.numbers())
        assert orders[0] == orders[2] != orders[1]
        assert len(set(orders[0])) == 24
        opened.go("index.html?seed=1&f.number.lt=30")
        kept = [n for n in orders[0] if n < 30]
        assert [n for n in opened.numbers() if n in kept] == kept
        page = opened.go()
        page.get_by_role("link", name="Random order").click()
        page.wait_for_url("**seed=*")


def test_a_row_knows_its_neighbours_in_what_was_asked(browser: Browser, site: Path) -> None:
    """From a filtered grid into a row, to the next that answers, and back, by keys alone."""
    with Opened(browser, site) as opened:
        page = opened.go("index.html?f.label.is=unicorn&f.label.is=thing+9&f.number.lt=20")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/rows/4.html?*")
        page.locator("body[data-ready]").wait_for(state="attached")
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**/rows/9.html?*")
        page.locator("body[data-ready]").wait_for(state="attached")
        assert page.locator("a[rel=next]").count() == 0
        page.keyboard.press("Escape")
        page.wait_for_url("**/index.html?f.label*")
        assert opened.complaints == []


def test_rows_have_addresses(browser: Browser, site: Path) -> None:
    """`#row-N` leads to a row, so does its number in the box; a number that is not there is told."""
    with Opened(browser, site) as opened:
        page = opened.page
        page.goto(f"{opened.url}index.html#row-9")
        page.wait_for_url("**/rows/9.html")
        page = opened.go()
        page.locator("#number").fill("1234")
        page.get_by_role("button", name="Go").click()
        page.get_by_text("Row 1234 is not among the 60 rows here").wait_for()
        page.locator("#number").fill("41")
        page.get_by_role("button", name="Go").click()
        page.wait_for_url("**/rows/41.html")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("f.nothing.is=1", "no column nothing"), ("f.score.ge=many", "score is a number"), ("seed=minus", "give a whole number"),
        ("f.x.like=1", "write f.COLUMN.OP"), ("q=-cat", "say what should be there"), ("page=99", "There are 3 pages"),
    ],
)  # fmt: skip
def test_nonsense_in_an_address_is_told(browser: Browser, site: Path, asked: str, told: str) -> None:
    """In one line, with a way back to all rows."""
    with Opened(browser, site) as opened:
        page = opened.go(f"index.html?{asked}")
        assert told in page.locator("#rows").inner_text()
        assert page.locator("#rows a").get_attribute("href") == f"{opened.url}index.html"
        assert opened.complaints == []


def test_masks_lie_over_their_picture(browser: Browser, site: Path) -> None:
    """As large as the picture, half seen through; the slider hides them."""
    with Opened(browser, site) as opened:
        page = opened.go("rows/6.html")
        photo, mask = page.locator(".photo").bounding_box(), page.locator(".mask").bounding_box()
        assert photo == pytest.approx(mask, abs=1)
        page.locator(".opacity").fill("0")
        assert page.locator(".mask").evaluate("e => getComputedStyle(e).opacity") == "0"


def test_what_is_absent_or_broken_is_told(browser: Browser, site: Path) -> None:
    """A thing that is not in the picture, and a picture that does not decode."""
    with Opened(browser, site) as opened:
        assert opened.go("rows/4.html").get_by_text("not in the picture").first.is_visible()
        opened.go("rows/5.html")
        with Image.open(site / "pictures" / "5-0.webp") as stand_in:
            assert stand_in.size == (400, 300)
        assert opened.complaints == []


def test_without_its_script_rows_can_still_be_read(browser: Browser, site: Path) -> None:
    """A row page is whole as it is written, and leads to the next."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/index.html")
    page.get_by_role("link", name="the first").click()
    page.get_by_role("link", name="Next →").click()
    assert page.url.endswith("/rows/1.html")
    assert page.locator(".point").count() == 1
    context.close()


@pytest.mark.parametrize("path", ["index.html", "rows/1.html", "rows/2.html", "index.html?q=alert", "statistics.html"])
def test_foreign_text_is_only_text(browser: Browser, captions: Path, path: str) -> None:
    """Captions, addresses, columns, file names and folders full of markup: nothing runs, nothing is asked for, nothing complains."""
    with Opened(browser, captions) as opened:
        page = opened.go(path)
        assert opened.complaints == []
        assert page.locator("img[src=x]").count() == 0
    assert len((captions / "rows/2.html").read_text()) < 100_000  # of a million characters, the beginning


def test_hostile_text_is_shown_and_found(browser: Browser, captions: Path) -> None:
    """As it was written."""
    with Opened(browser, captions) as opened:
        page = opened.go("rows/1.html")
        assert HOSTILE[:40] in (page.locator(".text").first.text_content() or "")
        opened.go("index.html?q=cafe+%E7%8C%AB")
        assert opened.numbers() == [3]


def test_words_that_differ_are_marked(browser: Browser, captions: Path) -> None:
    """A caption beside its transcript."""
    with Opened(browser, captions) as opened:
        page = opened.go("rows/0.html")
        assert page.locator("ins").all_text_contents() == ["by"]
        assert page.locator("del").all_text_contents() == ["near"]


def test_statistics_lead_to_their_rows(browser: Browser, site: Path) -> None:
    """A frequent value is a link to the rows that have it."""
    with Opened(browser, site) as opened:
        page = opened.go("statistics.html")
        assert page.locator(".heat-map").is_visible()
        page.get_by_role("link", name="cat", exact=True).click()
        page.wait_for_url("**f.label.is=cat")
        page.locator(".small-card").first.wait_for()
        assert opened.numbers() == [0, 1, 2, 3, 5, 6]
        assert opened.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["index.html", "index.html?q=thing", "rows/0.html", "rows/4.html", "rows/6.html", "statistics.html"]
)
def test_axe_finds_nothing_wrong(browser: Browser, site: Path, path: str, scheme: str) -> None:
    """Contrast, names, roles and order of everything, light and dark."""
    with Opened(browser, site, scheme=scheme) as opened:
        page = opened.go(path)
        if path.endswith("thing"):
            page.locator("summary").first.click()
        assert opened.faults() == []


@pytest.mark.parametrize("width", [360, 1280, 2560])
@pytest.mark.parametrize("path", ["index.html?q=thing", "rows/6.html", "statistics.html"])
def test_pages_fit_every_screen(browser: Browser, site: Path, captions: Path, path: str, width: int) -> None:
    """Nothing is wider than the screen, from a phone to a wall."""
    for folder in (site, captions):
        with Opened(browser, folder, width=width) as opened:
            page = opened.go(
                path if folder == site else re.sub(r"/6|thing", lambda m: "/1" if m[0] == "/6" else "alert", path)
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_policy_lets_nothing_else_run(browser: Browser, site: Path) -> None:
    """An inline script, even one that got into a page, does not run; a picture of another machine is not asked for."""
    with Opened(browser, site) as opened:
        page = opened.go()
        page.evaluate(
            "const s = document.createElement('script'); s.textContent = 'globalThis.ran = 1'; document.body.append(s)"
        )
        page.evaluate(
            "const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i)"
        )
        assert page.evaluate("globalThis.ran") is None
        assert len([told for told in opened.complaints if "Content Security Policy" in told]) == 2


def test_pictures_are_upright_webp(site: Path) -> None:
    """A picture turned by EXIF is stored as it is shown, without EXIF."""
    with Image.open(io.BytesIO((site / "pictures" / "1-0.webp").read_bytes())) as stored:
        assert (stored.format, stored.size) == ("WEBP", (400, 300))
        assert not stored.getexif()


def test_a_web_host_serves_it_too(browser: Browser, site: Path) -> None:
    """Any that serves files as they are, in any folder: pages, queries and rows work without a complaint."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(site.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with Watched(browser, f"http://127.0.0.1:{server.server_port}/site/") as watched:
            watched.page.goto(f"{watched.url}index.html?f.label.is=unicorn")
            watched.page.locator(".small-card").click()
            watched.page.wait_for_url("**/site/rows/4.html?f.label.is=unicorn")
            watched.page.locator("body[data-ready]").wait_for(state="attached")
            assert [told for told in watched.complaints if "favicon" not in told and "404" not in told] == []
        server.shutdown()


def test_recordings_are_played_from_files(browser: Browser, tmp_path: Path) -> None:
    """The recording of a row comes along, and the word is lit whose time it is."""
    digest, out = "ab" * 32, tmp_path / "out"
    (out / "audio").mkdir(parents=True)
    (out / "audio" / f"{digest}.wav").write_bytes(say("One two three four five six."))
    words = [{"text": f" word{n}", "start_s": n * 0.3, "end_s": n * 0.3 + 0.3, "probability": None} for n in range(5)]
    spoken = {"recording_sha256": [[digest]], "heard_words": [[words]]}
    told = Caption(caption="One two.", transcripts=("one two three",))
    file = write_set(out / "data/train-00000-of-00001.parquet", [told], [picture()], **spoken)
    entry = ManifestFile("data/" + file.name, digest, file.stat().st_size, 1, "train")
    Manifest((entry,), rows=1, written=1).publish(out)
    with Opened(browser, site_of(out, tmp_path / "site")) as opened:
        page = opened.go("rows/0.html")
        sound = "document.querySelector('audio')"
        page.evaluate(f"new Promise(done => {{ {sound}.onseeked = done; {sound}.currentTime = 0.65; }})")
        assert page.locator(".word.lit").all_inner_texts() == ["word2 "]
        assert opened.complaints == []


def test_a_row_of_very_many_points_stays_small(tmp_path: Path) -> None:
    """Of 100,000 points the first are drawn, and it is told how many there are."""
    many = points("ant", *[(n % 100, n // 1000) for n in range(100_000)])
    site = site_of(write_set(tmp_path / "set.parquet", [many], [picture()]), tmp_path / "site")
    page = (site / "rows/0.html").read_text()
    assert len(page) < 200_000
    assert page.count('class="point"') + page.count("<circle") == 500
    assert "100,000 values" in page
