"""Pictures that repeat and pictures that leak, of real runs and of plain files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser

from pixmo.cli import run
from tests.pictures import encode, photo
from tests.run.leaks_folders import HELD, TRAIN
from tests.run.leaks_folders import finished as finished_here
from tests.view.asking import ready, words
from tests.view.browser import Watched, apart, chromium
from tests.view.serving import PICTURE, Viewed, picture
from tests.view.test_server import Answer

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>‮evil‬"


def finished(*told: Any, **options: Any) -> None:
    """A run, whether or not a browser is open."""
    apart(lambda: finished_here(*told, **options))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train`: 9 pictures by a run, of which 4 stand in `eval` and one of those twice; those were left out. `kept` has repeats in it."""
    home = tmp_path_factory.mktemp("folders")
    finished(HELD, home / "eval")
    index = ["leaks", "build-index", str(home / "eval"), str(home / "my-eval.holdout"), "--name", "my-eval"]
    assert apart(lambda: run(index)) == 0
    finished(TRAIN | {"again.jpg": TRAIN["small.jpg"]}, home / "train", against=(str(home / "my-eval.holdout"),))
    large = encode(photo(1, (320, 240)), "PNG")
    near = encode(photo(1, (320, 240)).resize((200, 150)), "JPEG", quality=70)
    finished(
        {"a.png": large, "b.png": large, "c.jpg": near, "d.jpg": encode(photo(9))}, home / "kept", drop_duplicates=True
    )
    return home


@pytest.fixture(scope="module")
def kept(folders: Path) -> Iterator[str]:
    with Viewed(folders / "kept", folders / "home") as viewed:
        yield viewed.url


@pytest.fixture(scope="module")
def train(folders: Path) -> Iterator[str]:
    with Viewed(folders / "train", folders / "home", "--against", str(folders / "eval")) as viewed:
        yield viewed.url


def test_a_run_s_duplicates_stand_side_by_side(kept: str) -> None:
    """The one that was kept first, and the rows that select left out, with their pictures from the run's store."""
    told = words(ready(kept, "duplicates").text)
    assert re.search(r"Row 0 ✓ stands for the others size 320 × 240", told)
    assert "Not in the set the same bytes left out" in told
    assert "Not in the set looks the same left out size 200 × 150" in told
    page = ready(kept, "duplicates").text
    (left,) = re.findall(r'src="\./(left/[0-9a-f]{64})', page)
    answer = Answer(kept, left)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert page.count("/thumb/0/0") == 2  # the same bytes are shown from the row that is in the set


def test_what_differs_is_marked(kept: str) -> None:
    """Size and file of the near copy, not the split that all share."""
    marked = re.findall(r"<mark><bdi>(.*?)</bdi></mark>", ready(kept, "duplicates").text)
    assert "200 × 150" in marked
    assert "train" not in marked


def test_pictures_of_nobody_are_not_handed_out(kept: str) -> None:
    """Only those that the list names, whatever else the store has."""
    ready(kept, "duplicates")
    for asked in ("0" * 64, "..%2F..%2Fplan.json", "x"):
        assert Answer(kept, f"left/{asked}").status == 404


def test_a_picture_that_was_taken_down_is_not_shown(folders: Path, tmp_path: Path) -> None:
    """Its digest is a tombstone of the store."""
    finished(
        {"a.png": HELD["0.png"], "b.jpg": encode(photo(0).resize((200, 150)), "JPEG", quality=60)},
        tmp_path / "set",
        drop_duplicates=True,
    )
    with Viewed(tmp_path / "set", tmp_path / "home") as viewed:
        (left,) = re.findall(r'src="\./(left/[0-9a-f]{64})', ready(viewed.url, "duplicates").text)
        assert Answer(viewed.url, left).status == 200
        (tmp_path / "set" / ".pixmo" / "tombstones.txt").write_text(left.removeprefix("left/") + "\n")
        assert Answer(viewed.url, left).status == 404


def plain(path: Path, rows: int = 3, **more: list[str]) -> Path:
    """Rows of captions whose pictures are the same, but for the last one."""
    files = [picture()] * (rows - 1) + [picture(n=1)]
    columns = {
        "image_url": [f"https://e.org/{n % 2}.png" for n in range(rows)],
        "sha256": [hashlib.sha256(f).hexdigest() for f in files],
        "caption": ["a yellow cross on blue ground", "a small yellow cross on ground", "red"][:rows]
        + ["x"] * (rows - 3),
    } | more
    table = pa.table(columns).append_column("image", pa.array([{"bytes": f, "path": None} for f in files], PICTURE))
    pq.write_table(table, path)
    return path


def test_plain_files_are_grouped_by_their_digests_and_addresses(tmp_path: Path) -> None:
    """With the words that came and went between their captions."""
    with Viewed(plain(tmp_path / "a.parquet"), tmp_path / "home") as viewed:
        page = ready(viewed.url, "duplicates").text
        assert "the same bytes (1)" in page
        assert "the same address (1)" in page
        assert "marked by find_duplicates" not in page
        assert "<ins>small</ins>" in page
        assert "<del>blue</del>" in page
        other = words(ready(viewed.url, "duplicates?by=address").text)
        assert "Row 0" in other
        assert "Row 2" in other
        assert "Row 1" not in other


def test_a_large_group_has_pages(tmp_path: Path) -> None:
    """The first of its pictures, and the way to all of them."""
    data = plain(tmp_path / "a.parquet", 40, caption=["x"] * 40)
    with Viewed(data, tmp_path / "home") as viewed:
        page = ready(viewed.url, "duplicates").text
        assert page.count("<img") == 6
        assert "All 39 of them" in page
        rows = [
            int(n)
            for at in (1, 2)
            for n in re.findall(r"Row (\d+)</a>", ready(viewed.url, f"duplicates?by=bytes&group=0&page={at}").text)
        ]
        assert rows == list(range(39))


@pytest.mark.parametrize(
    "asked", ["by=other", "by=bytes&group=77", "by=bytes&group=-1", "page=0", "page=x", "page=" + "9" * 30]
)
def test_nonsense_is_told_in_a_line(kept: str, asked: str) -> None:
    """As a page with the way back."""
    ready(kept, "duplicates")
    answer = Answer(kept, f"duplicates?{asked}")
    assert answer.status in (400, 404)
    assert "This cannot be shown" in answer.text


def test_where_nothing_repeats_a_sentence_says_so(tmp_path: Path) -> None:
    """And another one where nothing could tell."""
    pq.write_table(pa.table({"sha256": ["a" * 64, "b" * 64]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"caption": ["same", "same"]}), tmp_path / "b.parquet")
    with Viewed(tmp_path / "a.parquet", tmp_path / "home") as viewed:
        assert "No picture stands here twice" in ready(viewed.url, "duplicates").text
    with Viewed(tmp_path / "b.parquet", tmp_path / "home") as viewed:
        assert "no digest, address or duplicate column" in ready(viewed.url, "duplicates").text


def test_what_was_computed_is_kept(tmp_path: Path) -> None:
    """The next viewer of the same files reads them no more; files that changed are read anew."""
    data = plain(tmp_path / "a.parquet")
    for _ in range(2):
        with Viewed(data, tmp_path / "home") as viewed:
            assert "the same bytes (1)" in ready(viewed.url, "duplicates").text
        assert len([*(tmp_path / "home" / "view").glob("*-pictures")]) == 1
    plain(data, 5)
    with Viewed(data, tmp_path / "home") as viewed:
        assert "4 pictures" in ready(viewed.url, "duplicates").text


def test_leaks_stand_beside_what_they_match(train: str) -> None:
    """Each with its kind and the held-out set; the picture of the evaluation set, where that is what is compared with."""
    page = ready(train, "leaks").text
    told = words(page)
    assert "leaks 4 pictures" in told
    for kind in ("the same bytes (1)", "looks the same (2)", "looks like its mirror image (1)"):
        assert kind in told
    assert told.count("In my-eval") == 4
    assert len(re.findall(r'src="\./left/', page)) == 4
    shown = re.findall(r'src="\./(against/thumb/\d+/0)', page)
    assert len(shown) == 4
    assert Answer(train, shown[0]).headers["content-type"] == "image/jpeg"
    assert Answer(train, "against/thumb/99/0").status == 404


def test_leaks_of_one_kind(train: str) -> None:
    """By a link; of a kind that there is not, none."""
    ready(train, "leaks")
    assert words(Answer(train, "leaks?kind=mirrored").text).count("In my-eval") == 1
    assert "In my-eval" not in words(Answer(train, "leaks?kind=%3Cscript%3E").text)


def test_sets_that_were_never_compared_say_so(folders: Path, tmp_path: Path, kept: str) -> None:
    """With the command that compares; of those that were, that nothing was found."""
    with Viewed(plain(tmp_path / "a b.parquet"), tmp_path / "home") as viewed:
        assert f"pixmo leaks &#39;{tmp_path}/a b.parquet&#39; --against" in ready(viewed.url, "leaks").text
    finished({"a.png": HELD["0.png"]}, tmp_path / "clean", against=(str(folders / "my-eval.holdout"),), keep_leaks=True)
    with Viewed(tmp_path / "clean", tmp_path / "home") as viewed:
        assert "still in the set 1" in words(ready(viewed.url, "leaks").text)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.mark.slow
def test_the_pages_are_sound_in_a_browser(browser: Browser, kept: str, train: str, tmp_path: Path) -> None:
    """Axe finds nothing, the console says nothing, nothing is wider than a telephone; hostile texts are text."""
    data = plain(
        tmp_path / "a.parquet",
        caption=[HOSTILE, HOSTILE + " and more", "x"],
        leak_set=[HOSTILE] * 3,
        leak_of=[HOSTILE] * 3,
        leak_kind=[HOSTILE] * 3,
    )
    table = pq.read_table(data).append_column("is_leak", pa.array([True] * 3))
    table = table.set_column(0, "image_url", pa.array([HOSTILE, HOSTILE, "x" * 1_000_000]))
    pq.write_table(table, data)
    with Viewed(data, tmp_path / "home") as hostile:
        for url, path in ((kept, "duplicates"), (train, "leaks"), (hostile.url, "duplicates"), (hostile.url, "leaks")):
            ready(url, path)
            for width in (360, 1280):
                with Watched(browser, url, width=width) as watched:
                    page = watched.go(path)
                    assert watched.faults() == []
                    assert watched.complaints == []
                    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pictures_of_rows_with_several_are_taken_apart(tmp_path: Path) -> None:
    """A picture that stands in two rows of several is found in both, with its number in the row."""
    same, other = picture(), picture(n=3)
    sha = [hashlib.sha256(f).hexdigest() for f in (same, other)]
    files = [[same, other], [other], []]
    cells = pa.array([[{"bytes": f, "path": None} for f in row] for row in files], pa.list_(PICTURE))
    urls = [["https://e.org/a", "https://e.org/b"], ["https://e.org/c"], None]
    pq.write_table(
        pa.table({"image_urls": urls, "sha256": [sha, sha[1:], None], "images": cells}), tmp_path / "a.parquet"
    )
    with Viewed(tmp_path / "a.parquet", tmp_path / "home") as viewed:
        told = words(ready(viewed.url, "duplicates").text)
        assert "Row 0, picture 2" in told
        assert "Row 1" in told
