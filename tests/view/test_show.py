"""`pixmo.show`: rows in a notebook, in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator

from pixmo.dataset.load import load
from pixmo.errors import BadSetting, BadSource
from pixmo.view.show import Shown, show
from tests.view.browser import Watched, chromium, yellow
from tests.view.serving import picture, points, write_set
from tests.view.static_sites import HOSTILE

NOTEBOOK = "<!doctype html><html lang=en><meta charset=utf-8><title>Notebook</title><style>h1,p{color:rgb(1,2,3)}</style><main><h1>Cell</h1><p class=soft id=own>mine</p><article class=row id=row>mine</article>%s</main>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 rows: the first upright, the second turned by EXIF, the third hostile, the fourth with a broken picture."""
    records = [
        points("cat", (25, 75)),
        points("cat", (25, 75)),
        points(HOSTILE, (25, 75)),
        points("dog"),
        *[points("cat", (50, 50))] * 16,
    ]
    pictures = [picture(), picture(exif=6), picture(), b"none", *[picture()] * 16]
    return write_set(tmp_path_factory.mktemp("show") / "set.parquet", records, pictures)


def opened(browser: Browser, folder: Path, shown: Shown) -> tuple[Watched, FrameLocator]:
    """A notebook page with the rows in it."""
    (folder / "notebook.html").write_text(NOTEBOOK % shown._repr_html_())
    watched = Watched(browser, f"{folder.as_uri()}/", height=1600)
    watched.page.goto(watched.url + "notebook.html")
    frame = watched.page.frame_locator("iframe")
    frame.locator("img").first.wait_for()
    return watched, frame


@pytest.mark.parametrize("row", [0, 1])
def test_points_lie_on_their_pixels(browser: Browser, tmp_path: Path, data: Path, row: int) -> None:
    """A point at 25 %, 75 % is drawn within a pixel of what the picture has there."""
    watched, frame = opened(browser, tmp_path, show(load(data)[row : row + 1]))
    with watched:
        box = frame.locator(".point rect").first.bounding_box()
        stage = frame.locator("img").first.bounding_box()
        assert box is not None
        assert stage is not None
        hidden = show(load(data)[row : row + 1])._replace(cards=(show(load(data)[3:4]).cards[0],))
        assert watched.complaints == []
    watched, frame = opened(browser, tmp_path, hidden)
    with watched:
        bare = frame.locator("img").first.bounding_box()
        assert bare == stage
        across, down = yellow(watched.page.screenshot(clip=stage))
    assert (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx(
        (stage["x"] + across, stage["y"] + down), abs=1
    )


def test_foreign_text_is_only_text(browser: Browser, tmp_path: Path, data: Path) -> None:
    """A hostile label runs nothing, asks for nothing, and does not leave its frame; styles stay in theirs, both ways."""
    watched, frame = opened(browser, tmp_path, show(data, 4))
    with watched:
        assert watched.complaints == []
        assert frame.locator("article > h2").nth(2).inner_text().startswith("2 <script>alert(1)")
        assert watched.page.locator("h1, article").count() == 2
        assert watched.page.locator("#row").evaluate("e => getComputedStyle(e).display") == "block"
        assert watched.page.locator("#own").evaluate("e => getComputedStyle(e).color") == "rgb(1, 2, 3)"
        assert frame.locator("h1").evaluate("e => getComputedStyle(e).color") != "rgb(1, 2, 3)"


def test_the_frame_lets_nothing_run(browser: Browser, tmp_path: Path, data: Path) -> None:
    """It is sandboxed without any leave, and its own policy forbids scripts and requests."""
    watched, frame = opened(browser, tmp_path, show(data, 1))
    with watched:
        assert watched.page.locator("iframe").get_attribute("sandbox") == ""
        policy = frame.locator("meta[http-equiv]").get_attribute("content") or ""
        assert "default-src 'none'" in policy
        assert "script-src" not in policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(browser: Browser, tmp_path: Path, data: Path, scheme: str) -> None:
    """The document in the frame, light and dark."""
    (tmp_path / "frame.html").write_text(show(data, 4).page())
    with Watched(browser, f"{tmp_path.as_uri()}/", color_scheme=scheme) as watched:
        watched.go("frame.html")
        assert watched.faults() == []


def test_it_says_plainly_what_it_shows(data: Path) -> None:
    """Where there is no notebook: a line per row."""
    lines = repr(show(data, 2)).splitlines()
    assert lines == ["the first 2 of 20 rows:", "  0: cat, 1 point", "  1: cat, 1 point"]


def test_rows_at_hand_are_taken(data: Path) -> None:
    """A path, rows, a slice of them with its own numbers, a list of rows."""
    rows = load(data)
    assert [card.number for card in show(rows).cards] == list(range(12))
    assert [card.number for card in show(rows[5:7]).cards] == [5, 6]
    assert len(show([rows[0], rows[3]]).cards) == 2


def test_nonsense_is_told(tmp_path: Path, data: Path) -> None:
    """A limit that no notebook bears, a path that is no set, something that is no row."""
    with pytest.raises(BadSetting, match="give 1 to 200"):
        show(data, 0)
    with pytest.raises(BadSource, match="nowhere"):
        show(tmp_path / "nowhere")
    with pytest.raises(BadSetting, match="dict is no row"):
        show([{"caption": "a cat"}])  # type: ignore[list-item]


def test_neither_server_nor_database_is_needed(data: Path) -> None:
    """Only what `pixmo.load` needs."""
    program = f"import sys\nfor name in ('duckdb', 'starlette', 'uvicorn'): sys.modules[name] = None\nfrom pixmo.view.show import show\nprint(repr(show({str(data)!r}, 1)))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cat" in told.stdout
