"""The road of somebody who asks and answers, in a real browser, with a scripted model behind the server."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.annotate.browser import chromium, until
from tests.annotate.serving import Served, make_pictures
from tests.annotate.working import complaints_of_axe, opened, quiet, submit
from tests.server.chat import ChatServer

pytestmark = pytest.mark.slow
EVIL = "</textarea><script>window.bad = 1</script>\"'<img src=x onerror='window.bad = 1'>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def anna(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of her own, that complains of nothing but a model or line that fails, and asks nobody but our server."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    complaints, asked = quiet(context)
    yield context
    context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    assert {url.split("/")[2].split(":")[0] for url in asked if url.startswith("http")} <= {"127.0.0.1"}


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with ChatServer() as server:
        server.answer = lambda body: f"Draft {len(server.log) + 1} {EVIL}"
        yield server


@pytest.fixture
def served(chat: ChatServer, tmp_path: Path) -> Iterator[Served]:
    folder = make_pictures(tmp_path / "pictures", 2)
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps({"image": name, "caption": EVIL}) + "\n" for name in ("a.png", "b.jpg")))
    options = ("--annotators", "anna,ben", "--model", "m", "--base-url", chat.base_url)
    with Served(path, tmp_path / "out", *options, kind="qa") as running:
        yield running


def drafted(page: Page, number: int) -> None:
    """Waits for a draft."""
    until(page, "n => document.getElementById('answer').value.startsWith(`Draft ${n}`)", number)


def test_a_question_is_drafted_rejected_drafted_again_and_submitted(served: Served, anna: BrowserContext) -> None:
    """By keyboard alone; hostile drafts and reasons are text."""
    page = opened(anna, served.links["anna"])
    page.keyboard.type(f"What is it? {EVIL}")
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    drafted(page, 1)
    assert "submit it if it is right" in page.locator("#origin").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.keyboard.type(f"wrong {EVIL}")
    page.keyboard.press("Control+Enter")
    drafted(page, 2)
    assert page.evaluate("() => window.bad") is None
    submit(page)
    served.stop()
    (row,) = served.rows("qa.jsonl")
    assert (row["question"], row["answer"], row["source"]) == (f"What is it? {EVIL}", f"Draft 2 {EVIL}", "draft")
    assert row["rejected"] == [{"draft": f"Draft 1 {EVIL}", "reason": f"wrong {EVIL}"}]


def test_a_reload_keeps_question_answer_and_draft(served: Served, anna: BrowserContext, chat: ChatServer) -> None:
    """Also after the server was killed; nothing is asked again."""
    page = opened(anna, served.links["anna"])
    page.keyboard.type("What is it?")
    page.locator("#draft").click()
    drafted(page, 1)
    page.locator("#answer").fill("My own words")
    served.kill()
    served.start()
    page.reload()
    page.locator("body[data-ready]").wait_for()
    assert page.locator("#question").input_value() == "What is it?"
    assert page.locator("#answer").input_value() == "My own words"
    assert page.locator("#reject").is_visible()
    submit(page)
    served.stop()
    (row,) = served.rows("qa.jsonl")
    assert (row["answer"], row["source"]) == ("My own words", "edited")
    assert len(chat.log) == 1


def test_a_model_that_fails_leaves_room_for_an_answer_of_ones_own(
    served: Served, anna: BrowserContext, chat: ChatServer
) -> None:
    """The page says so; the answer is submitted, and the owner reviews it."""
    chat.script = ["400"]
    page = opened(anna, served.links["anna"])
    page.keyboard.type("What is it?")
    page.locator("#draft").click()
    page.locator("#status:text('No draft: the model')").wait_for()
    page.locator("#answer").fill(EVIL)
    submit(page)
    page.goto(served.links["owner"])
    page.locator("text=Review 1").click()
    page.locator("body[data-ready]").wait_for()
    assert page.locator("#answer").input_value() == EVIL
    page.locator("#review-note").fill("in English, please")
    page.locator("#back").click()
    page.locator("h1:text('Nothing to review')").wait_for()
    page.goto(served.links["anna"])
    page.locator("text=in English, please").wait_for()
    assert page.locator("#answer").input_value() == EVIL
    assert page.evaluate("() => window.bad") is None


def test_a_model_that_stalls_holds_nobody_up(served: Served, anna: BrowserContext, chat: ChatServer) -> None:
    """While it is asked nothing can be written that a draft would replace; one may stop waiting, and what is written then stays."""
    chat.script = ["hang"]
    page = opened(anna, served.links["anna"])
    page.keyboard.type("What is it?")
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    page.locator("#draft:has-text('Stop waiting')").wait_for()
    assert not page.locator("#answer").is_editable()
    page.keyboard.press("d")
    page.locator("#status:text('you stopped waiting')").wait_for()
    page.locator("#answer").fill("My own words")
    page.locator("#draft").click()
    page.locator("#status:text('There is an answer already')").wait_for()
    assert page.locator("#answer").input_value() == "My own words"
    page.reload()
    page.locator("body[data-ready]").wait_for()
    assert page.locator("#answer").input_value() == "My own words"
    submit(page)
    served.stop()
    (row,) = served.rows("qa.jsonl")
    assert (row["answer"], row["source"], row["model"]) == ("My own words", "own", None)


def test_a_draft_that_comes_too_late_takes_nothings_place(
    served: Served, anna: BrowserContext, chat: ChatServer
) -> None:
    """It was paid and is kept, but who stopped waiting and wrote finds their own words again."""
    answers = chat.answer
    release = threading.Event()
    chat.answer = lambda body: (release.wait(20), answers(body))[1]
    page = opened(anna, served.links["anna"])
    page.keyboard.type("What is it?")
    page.locator("#draft").click()
    page.locator("#draft:has-text('Stop waiting')").click()
    page.locator("#answer").fill("My own words")
    release.set()
    with sqlite3.connect(f"file:{served.out}/private/tasks.sqlite?mode=ro", uri=True) as db:
        while not db.execute("SELECT count(*) FROM drafts").fetchone()[0]:
            page.wait_for_timeout(50)
    db.close()
    page.reload()
    page.locator("body[data-ready]").wait_for()
    assert page.locator("#answer").input_value() == "My own words"


def test_pages_are_accessible(served: Served, anna: BrowserContext) -> None:
    """axe-core finds nothing while one asks, rejects, and reviews; nothing is wider than the narrowest screen."""
    page = opened(anna, served.links["anna"])
    page.set_viewport_size({"width": 360, "height": 740})
    page.keyboard.type("What is it?")
    page.locator("#draft").click()
    drafted(page, 1)
    found = {"asking": complaints_of_axe(page)}
    page.locator("#reject").click()
    found["rejecting"] = complaints_of_axe(page)
    page.keyboard.type("wrong")
    page.keyboard.press("Control+Enter")
    drafted(page, 2)
    submit(page)
    page.goto(served.links["owner"])
    page.locator("text=Review 1").wait_for()
    found["progress"] = complaints_of_axe(page)
    page.locator("text=Review 1").click()
    page.locator("body[data-ready]").wait_for()
    found["review"] = complaints_of_axe(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert found == {name: [] for name in found}
