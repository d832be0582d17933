"""Writing a static site: which rows, how large, and never half."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixmo.cli import run
from pixmo.errors import BadFolder, BadSetting
from pixmo.records.caption import Caption
from pixmo.view.source import open_data
from pixmo.view.static import Plan, write_static
from tests.view.serving import picture, points, write_set
from tests.view.static_sites import site_of


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file by its name."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def numbers(site: Path) -> list[int]:
    """The rows that have a page."""
    return sorted(int(f.stem) for f in (site / "rows").iterdir())


def photo(number: int) -> bytes:
    """A JPEG that takes as much room as a photograph of its size: soft shapes, and texture on them."""
    draw = np.random.default_rng(number)
    seen = np.zeros((480, 640, 3), np.float32) + draw.uniform(60, 180, 3)
    for cells, strength in ((8, 45), (32, 25), (128, 14), (320, 7)):
        noise = Image.fromarray(draw.integers(0, 255, (cells * 3 // 4, cells, 3), dtype=np.uint8))
        seen += (np.asarray(noise.resize((640, 480), Image.Resampling.BICUBIC), np.float32) - 127) * strength / 127
    sink = io.BytesIO()
    Image.fromarray(seen.clip(0, 255).astype(np.uint8)).save(sink, "JPEG", quality=90)
    return sink.getvalue()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """40 rows with pictures."""
    records = [points(f"thing {n}", (25, 75)) for n in range(40)]
    return write_set(tmp_path / "set.parquet", records, [picture(n=n) for n in range(40)])


def test_the_first_rows_or_a_draw(tmp_path: Path, data: Path) -> None:
    """Without a seed the first rows; with one some of all, the same for the same seed."""
    assert numbers(site_of(data, tmp_path / "first", Plan(rows=5))) == [0, 1, 2, 3, 4]
    draws = [numbers(site_of(data, tmp_path / f"draw{n}", Plan(rows=5, seed=seed))) for n, seed in enumerate((1, 1, 2))]
    assert draws[0] == draws[1] != draws[2]
    assert all(len(draw) == 5 for draw in draws)
    assert numbers(site_of(data, tmp_path / "all", Plan(rows=500, seed=1))) == list(range(40))


def test_the_same_rows_give_the_same_bytes(tmp_path: Path, data: Path) -> None:
    """Nothing of a site depends on when or where it was written."""
    assert files_of(site_of(data, tmp_path / "a")) == files_of(site_of(data, tmp_path / "b"))


def test_a_draw_keeps_numbers_and_ids_of_the_set(tmp_path: Path, data: Path) -> None:
    """A row of a draw is called as in the whole set, in its page and in the data."""
    site = site_of(data, tmp_path / "site", Plan(rows=3, seed=5))
    told = json.loads((site / "data/0.js").read_text().removeprefix("pixmoRows(0,").removesuffix(");\n"))
    found = [(row["n"], row["id"], row["facts"][0]) for row in told["rows"]]
    assert found == [(n, f"set.parquet:{n}", n) for n in numbers(site)]


def test_splits_are_a_filter(tmp_path: Path) -> None:
    """Of a folder with two splits, each row is told with its own."""
    for split, rows in (("train", 3), ("validation", 2)):
        write_set(tmp_path / f"set/{split}-00000-of-00001.parquet", [points("cat", (1, 2))] * rows)
    site = site_of(tmp_path / "set", tmp_path / "site")
    told = json.loads((site / "data/0.js").read_text().removeprefix("pixmoRows(0,").removesuffix(");\n"))
    at = [name for name, _ in told["columns"]].index("split")
    assert [row["facts"][at] for row in told["rows"]] == ["train"] * 3 + ["validation"] * 2
    assert 'name="f.split.is"' in (site / "index.html").read_text()


def test_a_broken_file_is_named_and_the_rest_shown(tmp_path: Path) -> None:
    """As in the viewer."""
    write_set(tmp_path / "set/a.parquet", [points("cat", (1, 2))] * 3)
    (tmp_path / "set/b.parquet").write_bytes(b"PAR1 is not one PAR1")
    site = site_of(tmp_path / "set", tmp_path / "site")
    assert numbers(site) == [0, 1, 2]
    assert "b.parquet" in (site / "index.html").read_text()


def test_rows_of_pictures_alone_are_shown(tmp_path: Path) -> None:
    """A set with no column but pictures has nothing to filter by, and its pictures are there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = pa.array([{"bytes": picture(n=n), "path": None} for n in range(3)])
    pq.write_table(pa.table({"image": cells}), tmp_path / "set.parquet")
    site = site_of(tmp_path / "set.parquet", tmp_path / "site")
    assert len(list((site / "pictures").iterdir())) == 3


@pytest.mark.slow
def test_a_thousand_photographs_fit_into_20_mb(tmp_path: Path) -> None:
    """With captions and transcripts of usual length; pictures stay larger than 300 px."""
    words = "A red bus stands in front of a brick house while two people wait beside it and a dog sleeps. " * 9
    records = [Caption(caption=words, transcripts=(words[:800],) * 3) for _ in range(1000)]
    photos = [photo(n) for n in range(20)]
    data = write_set(tmp_path / "set.parquet", records, photos * 50)
    written = write_static(open_data(str(data)), tmp_path / "site")
    size = sum(f.stat().st_size for f in (tmp_path / "site").rglob("*") if f.is_file())
    assert written.bytes == size <= 20 * 10**6
    assert written.made is not None
    assert written.made.side_px >= 300
    assert len(photos[0]) * 1000 > 20 * 10**6


def test_pictures_are_made_smaller_until_they_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The size holds, and it is said how pictures were made."""
    data = write_set(
        tmp_path / "set.parquet", [Caption(caption="A photograph.", transcripts=())] * 30, [photo(n) for n in range(30)]
    )
    assert run(["view", str(data), "--static", str(tmp_path / "site"), "--max-mb", "0.3"]) == 0
    size = sum(f.stat().st_size for f in (tmp_path / "site").rglob("*") if f.is_file())
    assert size <= 300_000
    told = capsys.readouterr().out
    assert "30 rows of 30 in 0." in told
    assert "pictures were made smaller to fit: " in told
    with Image.open(tmp_path / "site/pictures/0-0.webp") as made:
        assert 32 <= max(made.size) < 640


@pytest.mark.parametrize(("most", "told"), [("0.05", "the texts of"), ("0.19", "even with small pictures")])
def test_what_cannot_fit_is_refused(tmp_path: Path, most: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with what to give instead; nothing is written."""
    data = write_set(
        tmp_path / "set.parquet", [Caption(caption="A photograph.", transcripts=())] * 40, [photo(n) for n in range(40)]
    )
    assert run(["view", str(data), "--static", str(tmp_path / "site"), "--max-mb", most]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "--max-mb" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set.parquet"]


def test_options_of_pages_need_pages(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--rows` alone says nothing to the server."""
    assert run(["view", str(data), "--rows", "5"]) == 2
    assert "need --static OUT" in capsys.readouterr().err


def test_a_foreign_folder_is_left_alone(tmp_path: Path, data: Path) -> None:
    """A folder that holds anything else is refused; an empty one, or an older site, is taken."""
    out = tmp_path / "out"
    out.mkdir()
    site_of(data, out, Plan(rows=2))
    site_of(data, out, Plan(rows=3))
    assert numbers(out) == [0, 1, 2]
    (out / "site.json").write_text('{"made_by": "me"}')
    with pytest.raises(BadFolder, match="holds something else"):
        site_of(data, out)
    assert numbers(out) == [0, 1, 2]
    with pytest.raises(BadFolder, match="holds something else"):
        site_of(data, data)


def test_a_failed_write_leaves_the_old_site(tmp_path: Path, data: Path) -> None:
    """Whole as it was, with nothing beside it."""
    out = site_of(data, tmp_path / "out", Plan(rows=2))
    before = files_of(out)
    with pytest.raises(BadSetting, match="give fewer"):
        site_of(data, out, Plan(mb=0.01))
    assert files_of(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "set.parquet"]


def test_a_killed_write_leaves_the_old_site(tmp_path: Path, data: Path) -> None:
    """What a killed writer had begun is removed by the next."""
    out = site_of(data, tmp_path / "out", Plan(rows=2))
    before = files_of(out)
    process = subprocess.Popen([sys.executable, "-m", "pixmo", "view", str(data), "--static", str(out)])
    while not (begun := list(tmp_path.glob(".building-*/site/rows/*.html"))) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert begun
    assert files_of(out) == before
    site_of(data, out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "set.parquet"]
    assert len(numbers(out)) == 40


def test_a_site_between_two_names_is_found_again(tmp_path: Path, data: Path) -> None:
    """A writer killed between moving the old site away and the new one in: the next has the old one back, and replaces it."""
    out = site_of(data, tmp_path / "out", Plan(rows=2))
    os.rename(out, tmp_path / ".out.before")
    with pytest.raises(BadSetting):
        site_of(data, out, Plan(mb=0.01))
    assert numbers(out) == [0, 1]
