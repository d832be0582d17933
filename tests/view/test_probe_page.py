"""The answers of a real training probe, in the viewer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pixmo.train.probe import probe
from pixmo.train.probe_settings import Probe
from pixmo.view.pages_probe import numbers_of
from pixmo.view.source import open_data
from tests.train.shapes import captioned, drawn, shapes, things
from tests.view.asking import ready, words
from tests.view.browser import Watched, chromium
from tests.view.serving import Viewed
from tests.view.test_server import Answer

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>‮evil‬"


@pytest.fixture(scope="module")
def set_and_answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """32 pictures of shapes, and a probe of four steps, which is too short to learn anything."""
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("probed")
    data = shapes(home / "shapes.parquet", 32)
    probe(Probe(str(data), steps=4, rows=32), home / "shapes-probe")
    return data, home / "shapes-probe"


@pytest.fixture(scope="module")
def url(set_and_answers: tuple[Path, Path]) -> Iterator[str]:
    """The viewer finds the folder beside the set by itself."""
    data, _ = set_and_answers
    with Viewed(data, data.parent / "home") as viewed:
        yield viewed.url


def test_verdicts_and_curves_are_the_probe_s(set_and_answers: tuple[Path, Path], url: str) -> None:
    """As they stand in probe.json."""
    told = json.loads((set_and_answers[1] / "probe.json").read_text())
    page = ready(url, "probe").text
    said = words(page)
    for name in ("overfit", "shuffle"):
        assert told[name]["verdict"] in said
    assert f"loss {told['overfit']['loss']:.3f} in 4 steps" in said
    assert f"scored rows {told['suspicious']['scored']}" in said
    assert page.count('class="chart"') == 3
    assert [each["why"] in said for each in told["overfit"]["left"]] == [True] * 8


def test_rows_lead_to_their_pages(set_and_answers: tuple[Path, Path], url: str) -> None:
    """The most suspicious first, each with its own number, caption and picture."""
    rows = pq.read_table(set_and_answers[1] / "rows.parquet").to_pylist()
    pages = [ready(url, f"probe?page={n}").text for n in (1, 2)]
    shown = [int(n) for page in pages for n in re.findall(r'src="\./thumb/(\d+)/0', page)]
    assert shown == [int(row["row_id"][1:]) for row in rows]
    assert f'href="./row/{shown[0]}"' in pages[0]
    caption = Answer(url, f"row/{shown[0]}.json").text
    assert json.loads(caption)["columns"]["caption"] in words(pages[0])
    assert f"loss {rows[0]['loss']:.3f}" in words(pages[0])


def test_rows_that_are_not_in_the_set_are_told(set_and_answers: tuple[Path, Path], tmp_path: Path) -> None:
    """As where the probe was of another version; a folder is named."""
    seen = things(4, seed=9)
    other = captioned(tmp_path / "other.parquet", [drawn(s, n) for n, s in enumerate(seen)], [s.caption for s in seen])
    with Viewed(other, tmp_path / "home", "--probe", str(set_and_answers[1])) as viewed:
        pages = words(ready(viewed.url, "probe").text + ready(viewed.url, "probe?page=2").text)
        assert pages.count("is not in this set") >= 28
        assert "Row 3" in pages


def test_rows_of_plain_files_are_found_by_file_and_number(tmp_path: Path) -> None:
    """Ids that are no such, or of a file that is not there, are nobody's."""
    for name, rows in (("a", 3), ("b", 4)):
        pq.write_table(pa.table({"caption": ["x"] * rows}), tmp_path / f"{name}.parquet", row_group_size=2)
    data = open_data(str(tmp_path))
    ids = {
        "a.parquet:2",
        "b.parquet:0",
        "b.parquet:3",
        "b.parquet:4",
        "a.parquet:3",
        "c.parquet:0",
        "a.parquet:",
        "a.parquet:-1",
        "x",
        "",
    }
    assert numbers_of(data, ids, lambda done: None) == {"a.parquet:2": 2, "b.parquet:0": 3, "b.parquet:3": 6}


def test_a_set_without_a_probe_says_how_it_is_made(tmp_path: Path) -> None:
    """With the command."""
    data = shapes(tmp_path / "shapes.parquet", 3)
    with Viewed(data, tmp_path / "home") as viewed:
        assert f"pixmo train probe {data}" in Answer(viewed.url, "probe").text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"suspicious": 3}',
        '{"overfit": {"curve": ["x", NaN, -1], "left": [3], "loss": "y", "rows": null}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_probe_is_told(tmp_path: Path, content: str) -> None:
    """Never by a traceback."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "probe.json").write_text(content)
    (tmp_path / "p" / "rows.parquet").write_bytes(b"PAR1")
    with Viewed(shapes(tmp_path / "shapes.parquet", 3), tmp_path / "home", "--probe", str(tmp_path / "p")) as viewed:
        page = ready(viewed.url, "probe")
        assert "holds no answers of a probe" in page.text or "is no probe" in page.text
        (tmp_path / "p" / "rows.parquet").unlink()
        page = ready(viewed.url, "probe?again=1")
        assert page.status in (200, 500)
        assert "Traceback" not in page.text


@pytest.mark.slow
def test_the_page_is_sound_in_a_browser(set_and_answers: tuple[Path, Path], url: str, tmp_path: Path) -> None:
    """Axe finds nothing, the console says nothing; hostile answers are text."""
    told = json.loads((set_and_answers[1] / "probe.json").read_text())
    told |= {"data": HOSTILE, "model": HOSTILE}
    told["overfit"] |= {"verdict": HOSTILE, "left": [{"row_id": HOSTILE, "loss": 1.0, "why": HOSTILE * 200}]}
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "probe.json").write_text(json.dumps(told))
    pq.write_table(
        pa.table({"row_id": [HOSTILE, "x" * 100_000], "style": [HOSTILE] * 2, "loss": [1.0, None]}),
        tmp_path / "p" / "rows.parquet",
    )
    with Viewed(set_and_answers[0], tmp_path / "home", "--probe", str(tmp_path / "p")) as viewed, chromium() as browser:
        for at in (url, viewed.url):
            ready(at, "probe")
            for width in (360, 1280):
                with Watched(browser, at, width=width) as watched:
                    page = watched.go("probe")
                    assert watched.faults() == []
                    assert watched.complaints == []
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
