"""The report, looked at with a real browser: it says what was judged, asks nobody for anything, and nothing shown in it acts."""

from __future__ import annotations

import io
import re
import shutil

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from pixmo.evaluate.captions.cases import MOST_CASES, worst_cases
from pixmo.evaluate.captions.write import write_results
from pixmo.page.html import page
from tests.evaluate.captions.rows import finished, row

HOSTILE = (
    "<script>document.title='taken'</script>",
    "</p></article><img src=x onerror=\"document.title='taken'\">",
    "\u202egnorw si siht\u202c \u2067right to left",
    "\x00\x07\x1b[2J\ufffe control \ud7ff",
    "مرحبا بالعالم",
    "<style>*{display:none}</style><base href=https://evil.example/>",
    "x" * 1_000_000,
    "{{7*7}} ${7*7} <!-- --> ]]> &lt;b&gt;",
)


@pytest.fixture(scope="module")
def browser():
    """A real Chromium without a screen."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the report of rows; every request it makes beyond the file and every fault it reports fails the test."""
    asked, faults = [], []
    context = browser.new_context(viewport={"width": 1280, "height": 4000})  # cards beyond its end have no text yet

    def open_(rows, **stamp):
        out = finished(tmp_path / "out", rows)
        write_results(out, stamp={"seed": 1, "settings": {"protocol": "pixmo", "kind": "image"}} | stamp, samples=50)
        page = context.new_page()
        page.on("request", lambda r: asked.append(r.url) if not r.url.startswith("data:") else None)
        page.on("console", lambda m: faults.append(m.text))
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.goto((out / "eval.html").as_uri())
        return page

    yield open_
    assert len(asked) == 1, asked
    assert faults == []
    context.close()


def jpeg():
    """A small picture."""
    data = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 30, 30)).save(data, "JPEG")
    return data.getvalue()


def visible(page, what="article"):
    """The texts of what is shown."""
    return [one.inner_text() for one in page.locator(what).all() if one.is_visible()]


def test_a_case_shows_what_was_judged(opened):
    """Picture, transcripts, caption, and each statement with a sign and a word of its verdict, not by colour alone."""
    page = opened([row("a", "m", "yn", "y?-", thumbnail=jpeg(), statement_categories=["Object", "Action", "Event"])])
    assert page.locator("article img").evaluate("image => image.naturalWidth") == 32
    (shown,) = visible(page)
    assert "People say this of a." in shown
    assert "A caption of a." in shown
    told = [re.sub(r"\s+", " ", text) for text in visible(page, "article li")]
    assert told == [
        "✓ consistent Object a claim 0", "? cannot tell Action a claim 1", "– unscored Event a claim 2",
        "✓ stated a fact 0", "✗ not stated a fact 1",
    ]  # fmt: skip


def test_the_worst_case_stands_first(opened):
    """By cap-F1; a case that has none comes last."""
    page = opened([row("good", "m", "yy", "yy"), row("none", "m", "--", "--"), row("bad", "m", "nn", "yn"), row("fair", "m", "yn", "yn")])  # fmt: skip
    links = page.locator("article .case > div:first-child > p.soft:first-of-type").all_text_contents()
    assert [link.rpartition("/")[2] for link in links] == ["bad", "fair", "good", "none"]


def test_filters_hide_what_was_not_asked_for(opened):
    """By model, metric and verdict, with the keyboard too; how many are left is told."""
    page = opened([row("a", "one", "yn", "y"), row("a", "two", "yy", "n"), row("b", "two", "yy", "y")])
    page.select_option("#verdict", "no")
    assert sorted(text.split(" ·")[0] for text in visible(page)) == ["one", "two"]
    assert all("✗" in text for text in visible(page, "article li"))
    page.select_option("#metric", "consistency")
    assert [text.split(" ·")[0] for text in visible(page)] == ["two"]
    assert page.locator("#shown").inner_text() == "1 of 3 cases"
    page.select_option("#metric", "")
    page.select_option("#verdict", "")
    page.locator("#model").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_text("1 of 3 cases").wait_for()  # a key is answered after `press` returns
    assert [text.split(" ·")[0] for text in visible(page)] == ["one"]


def test_repeats_that_differ_are_shown_as_such(opened):
    """How many of the repeats gave each verdict; the case is found by either."""
    page = opened([row("a", "m", ["y", "n", "y"], "y")])
    (told,) = [t for t in visible(page, "article li") if "fact" in t]
    assert "✗ not stated 1/3" in told
    assert "✓ stated 2/3" in told
    for verdict in ("no", "yes"):
        page.select_option("#verdict", verdict)
        assert len(visible(page)) == 1


def test_lines_of_a_free_answer_are_shown_as_the_judge_wrote_them(opened):
    """Where they are not as many as the statements, the judge's own lines stand beside their verdicts."""
    lines = "Here you go:\n1. Stated\n\n2. Not Stated"
    page = opened([row("a", "m", "-yn", None, reference_statements=["one", "two"], recall_text=[lines])])
    told = [re.sub(r"\s+", " ", text) for text in visible(page, "article li")]
    assert [t for t in told if "claim" not in t] == ["– unscored Here you go:", "✓ stated 1. Stated", "✗ not stated 2. Not Stated"]  # fmt: skip


def test_hostile_text_is_text(opened):
    """Markup, scripts, other directions, control characters, a megabyte: shown, cut, and never acted on."""
    rows = [
        row(f"p{i}{text[:99]}", text[:200], "y", "n", caption=text, transcripts=[text], reference_statements=[text], statements=[text],
            statement_categories=[text], image_url=text, thumbnail=text.encode("utf-8", "replace")[:100], recall_outcome=[text[:99]])
        for i, text in enumerate(HOSTILE)
    ]  # fmt: skip
    page = opened(rows, note=HOSTILE[0])
    assert page.title() != "taken"
    assert len(visible(page)) == len(HOSTILE)
    assert page.locator("script").count() == 1
    assert page.locator("article img, article style, base").count() == 0
    assert "<script>document.title='taken'</script>" in page.locator("main").inner_text()
    assert len(page.content()) < 500_000
    page.select_option("#verdict", "yes")
    assert len(visible(page)) == len(HOSTILE)


def test_a_narrow_dark_screen_shows_it_too(opened):
    """No sideways scrolling at 320 px; the ground is dark where dark is asked for."""
    page = opened([row("a" * 300, "m" * 200, "yn", "yn", caption="word" * 500)])
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"


def test_at_most_300_cases_are_shown_the_worst_of_each_model(tmp_path):
    """Says so, and where the rest is; a model that is worse throughout does not crowd out the others."""
    rows = [row(f"p{i:03}", m, ("n" if m == "bad" else "y") + "y" * (i % 7), "y") for i in range(400) for m in ("bad", "good")]  # fmt: skip
    out = finished(tmp_path, rows)
    write_results(out, stamp={"seed": 1}, samples=50)
    assert f"{MOST_CASES} of 800 captions, worst first; all verdicts are in statements.parquet" in (out / "eval.html").read_text()  # fmt: skip
    cases = worst_cases(out, models=2)
    assert [sum(c.row["model"] == m for c in cases) for m in ("bad", "good")] == [150, 150]
    scores = [c.row["cap_f1"] for c in cases]
    assert scores == sorted(scores)
    assert max(scores[:57]) == 0.0


def test_the_script_is_allowed_by_its_digest_alone():
    """A policy that names two digests and nothing else; text that could end the script is refused."""
    made = page("t", "<b>", style="p{}", script="1;")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', made)[1]
    assert re.fullmatch(
        r"default-src &#39;none&#39;; style-src &#39;sha256-[^ ]+&#39;; script-src &#39;sha256-[^ ]+&#39;; img-src data:; "
        r"base-uri &#39;none&#39;; form-action &#39;none&#39;",
        policy,
    )
    assert "&lt;b&gt;" in made
    with pytest.raises(ValueError, match="must not end its element"):
        page("t", script="'</script>'")
