"""The road of an annotator in a real browser: nothing that was recorded is lost, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from pixmo.ids import digest
from tests.annotate.browser import Line, chromium, heard, next_picture, opened, picture_of, record, until
from tests.annotate.serving import Served, make_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("microphone")) as running:
        yield running


@pytest.fixture
def anna(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of her own; whatever a page of hers complained of fails the test, unless it is the line that was cut."""
    context = browser.new_context()
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield context
    context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    options = ("--annotators", "anna,ben", "--per-picture", "2", "--min-s", "1", "--max-s", "20")
    with Served(make_pictures(tmp_path / "pictures"), tmp_path / "out", *options) as running:
        yield running


def test_a_description_is_recorded_again_heard_and_submitted(served: Served, anna: BrowserContext) -> None:
    """By keyboard alone; what is kept is the second recording, it decodes, and somebody speaks in it."""
    page = opened(anna, served.links["anna"])
    first = picture_of(page)
    record(page, 1)
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    assert page.evaluate(
        "() => recorder === null && draft.state === 'recorded'"
    )  # the bar pressed once too often loses nothing
    record(page, 3, key="r")
    page.keyboard.press("l")
    until(page, "() => document.getElementById('sound').currentTime > 0.2")
    page.keyboard.press("Enter")
    next_picture(page, first)
    (line,) = served.manifest()
    (audio,) = line["audio"]
    seconds, loudness = heard(served.out / audio)
    assert audio.endswith(".webm")
    assert 2.5 < seconds < 6
    assert loudness > 0.01
    assert (served.out / line["image"]).is_file()


def test_a_reload_in_mid_recording_leaves_what_was_said(served: Served, anna: BrowserContext) -> None:
    """The pieces that the recorder had delivered are offered after the reload, and can be submitted."""
    page = opened(anna, served.links["anna"])
    first = picture_of(page)
    page.on("dialog", lambda dialog: dialog.accept())  # the browser asks whether to leave
    page.keyboard.press("Space")
    until(page, "() => recorder !== null && draft.pieces >= 2")
    page.reload()
    page.locator("#submit").wait_for()
    assert "before the page was closed" in page.locator("#status").inner_text()
    page.keyboard.press("Enter")
    next_picture(page, first)
    assert heard(served.out / served.manifest()[0]["audio"][0])[0] > 1.5


def test_a_reload_in_mid_upload_goes_on_where_the_server_is(served: Served, anna: BrowserContext) -> None:
    """The first piece is not sent twice."""
    page = opened(anna, served.links["anna"])
    first, line = picture_of(page), Line(anna, lets=1)
    record(page, 5)
    page.keyboard.press("Enter")
    until(page, "() => document.getElementById('status').innerText.includes('No connection')")
    page.reload()
    until(page, "() => document.getElementById('status').innerText.includes('No connection')")
    line.mended()
    next_picture(page, first)
    assert line.offsets[0] == 16 * 1024
    assert heard(served.out / served.manifest()[0]["audio"][0])[0] > 4


def test_a_server_that_is_killed_in_mid_upload_gets_the_rest_when_it_is_back(
    served: Served, anna: BrowserContext
) -> None:
    """The page needs nobody's help; the link and the consent hold, and nothing is sent twice."""
    page = opened(anna, served.links["anna"])
    first, line = picture_of(page), Line(anna, lets=1)
    record(page, 5)
    page.keyboard.press("Enter")
    until(page, "() => document.getElementById('status').innerText.includes('No connection')")
    served.kill()
    line.mended()
    page.wait_for_timeout(1500)
    served.start()
    next_picture(page, first)
    assert page.locator("#record").count() == 1
    assert line.offsets[0] == 16 * 1024
    assert heard(served.out / served.manifest()[0]["audio"][0])[0] > 4


def test_a_closed_browser_sends_when_the_link_is_opened_again(served: Served, anna: BrowserContext) -> None:
    """A recording that was submitted without a connection waits in the browser, for days if need be."""
    page = opened(anna, served.links["anna"])
    first, line = picture_of(page), Line(anna, lets=0)
    record(page, 2)
    page.keyboard.press("Enter")
    until(page, "() => document.getElementById('status').innerText.includes('No connection')")
    page.close()
    line.mended()
    page = anna.new_page()
    page.goto(served.links["anna"])
    page.wait_for_url("**/p/**")
    next_picture(page, first)
    assert len(served.manifest()) == 1


def test_two_annotators_at_once_describe_all_pictures(served: Served, browser: Browser, anna: BrowserContext) -> None:
    """Each describes each picture once; every recording stands with its picture, its pseudonym and the consent text."""
    ben = browser.new_context()
    pages = [opened(anna, served.links["anna"]), opened(ben, served.links["ben"])]
    for _ in range(3):
        shown = [picture_of(page) for page in pages]
        for page in pages:
            page.keyboard.press("Space")
        for page in pages:
            until(page, "() => recorder !== null && draft.ms >= 1000")
        for page in pages:
            page.keyboard.press("Space")
            page.locator("#submit").wait_for()
            page.keyboard.press("Enter")
        for page, before in zip(pages, shown, strict=True):
            next_picture(page, before)
    assert [page.locator("h1").inner_text() for page in pages] == ["Thank you!"] * 2
    ben.close()
    lines = served.manifest()
    assert [line["image"] for line in lines] == ["../pictures/a.png", "../pictures/b.jpg", "../pictures/c.png"]
    assert len({who for line in lines for who in line["annotator"]}) == 2
    assert all(len(set(line["annotator"])) == 2 for line in lines)
    files = [served.out / audio for line in lines for audio in line["audio"]]
    assert len(files) == 6
    assert [path.stem for path in files] == [digest(path.read_bytes())[:16] for path in files]
    assert {(served.out / "consent" / f"{version}.txt").is_file() for line in lines for version in line["consent"]} == {
        True
    }
    assert all(heard(path)[1] > 0.005 for path in files)


def test_two_tabs_of_one_annotator_do_not_mix(served: Served, anna: BrowserContext) -> None:
    """Both record the same picture; the first to submit counts, the other is told, and each recording is whole."""
    one, two = opened(anna, served.links["anna"]), opened(anna, served.links["anna"])
    first = picture_of(one)
    assert picture_of(two) == first
    record(one, 4)
    record(two, 1)
    one.bring_to_front()
    one.keyboard.press("Enter")
    next_picture(one, first)
    two.bring_to_front()
    two.keyboard.press("Enter")
    until(two, "() => document.getElementById('status').innerText.includes('already')")
    next_picture(two, first)
    until(two, "async () => (await mine()).length === 0")
    (line,) = served.manifest()
    assert len(line["audio"]) == 1
    assert heard(served.out / line["audio"][0])[0] > 3.5


def test_a_picture_is_skipped_by_keyboard(served: Served, anna: BrowserContext) -> None:
    """S opens the reasons, arrows choose, Enter skips; Escape goes back; the reason is told to the owner."""
    page = opened(anna, served.links["anna"])
    first = picture_of(page)
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    assert picture_of(page) == first
    page.keyboard.press("s")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    next_picture(page, first)
    page.goto(served.links["owner"])
    page.wait_for_url("**/o/**")
    assert "It is too blurred or too small" in page.locator("body").inner_text()
    assert '"reason": "unclear"' in (served.out / "skips.jsonl").read_text()


def test_by_tab_a_button_is_what_it_says(served: Served, anna: BrowserContext) -> None:
    """Enter on a button that has the focus presses that button, whatever Enter means elsewhere on the page."""
    page = opened(anna, served.links["anna"])
    first = picture_of(page)
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    page.locator("#keep-it").focus()
    page.keyboard.press("Enter")
    page.locator("#skip-dialog").wait_for(state="hidden")
    assert picture_of(page) == first
    page.locator("#record").focus()
    page.keyboard.press("Enter")
    until(page, "() => recorder !== null && draft.ms >= 1000")
    page.keyboard.press("Enter")
    page.locator("#submit").wait_for()
    page.locator("#submit").focus()
    page.keyboard.press("Space")
    next_picture(page, first)


def test_a_phone_shows_it_all_in_its_width(served: Served, browser: Browser) -> None:
    """Nothing to scroll sideways at 320 px, and buttons large enough for a thumb; recorded and submitted by touch."""
    context = browser.new_context(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    page = opened(context, served.links["ben"])
    first = picture_of(page)
    page.locator("#record").tap()
    until(page, "() => recorder !== null && draft.ms >= 1000")
    page.locator("#record").tap()
    page.locator("#submit").wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320
    heights = page.evaluate("() => [...document.querySelectorAll('.card button')].map((one) => one.offsetHeight)")
    assert min(heights) >= 44
    page.locator("#submit").tap()
    next_picture(page, first)
    context.close()
    assert len(served.manifest()) == 1


def test_no_script_sees_the_key(served: Served, browser: Browser) -> None:
    """It is in no address and no cookie that scripts read; the page may run nothing that is not its own file."""
    context = browser.new_context()
    page = opened(context, served.links["anna"])
    key = served.links["anna"].rpartition("/")[2]
    assert key not in page.url
    assert page.evaluate("document.cookie") == ""
    assert key not in page.content()
    (cookie,) = context.cookies(page.url)
    assert (cookie["value"], cookie["httpOnly"], cookie["sameSite"]) == (key, True, "Strict")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit = 1\"><p style=\"color: red\">')"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
