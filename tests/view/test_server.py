"""What the viewer answers, asked by hand."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.view.asking import Answer, ready
from tests.view.serving import Viewed, picture, points, write_set


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """60 rows of points, of two files, one of which is broken."""
    home = tmp_path_factory.mktemp("served")
    records = [points(f"thing {n}", *[(i, i) for i in range(n % 5)]) for n in range(60)]
    write_set(home / "set" / "train-00000-of-00002.parquet", records, [picture(n=n) for n in range(60)])
    (home / "set" / "train-00001-of-00002.parquet").write_bytes(b"PAR1 nothing")
    with Viewed(home / "set", home / "home") as viewed:
        yield viewed.url


def test_pages_hold_24_rows(url: str) -> None:
    """The last has the rest; one beyond says how many there are."""
    assert Answer(url, "").text.count("data-row=") == 24
    assert re.findall(r'data-row="(\d+)"', Answer(url, "?page=3").text) == [str(n) for n in range(48, 60)]
    beyond = Answer(url, "?page=4")
    assert beyond.status == 200
    assert "There are 3 pages" in beyond.text


def test_a_broken_file_is_named_on_every_page(url: str) -> None:
    """And the rows of the others are shown."""
    for path in ("", "row/3"):
        assert "train-00001-of-00002.parquet" in Answer(url, path).text


@pytest.mark.parametrize(
    "path",
    [
        "row/60",
        "row/99999999999999999999",
        "thumb/60/0",
        "sound/0/0",
        "mask/0/0/0",
        "row/-1",
        "nothing",
        "row/nothing/at/all",
        "static/server.py",
    ],
)
def test_what_is_not_there_is_refused(url: str, path: str) -> None:
    """With 404 and a line, never a traceback."""
    answer = Answer(url, path)
    assert answer.status == 404
    assert "Traceback" not in answer.text
    assert path.startswith("static/") or "This cannot be shown" in answer.text


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=%F0%9F%98%80", "seed=x", "f.label.is.is=", "f.x.like=1", "q=" + "x" * 5000]
)
def test_nonsense_in_an_address_is_told_in_a_line(url: str, query: str) -> None:
    """As a page, with the way back."""
    answer = Answer(url, f"?{query}")
    assert answer.status in (200, 400)
    if answer.status == 400:
        assert "This cannot be shown" in answer.text
        assert 'href="./"' in answer.text


def test_every_answer_has_the_policy(url: str) -> None:
    """Own script and style, own pictures, own forms; nobody else's."""
    for path in ("", "row/0", "thumb/0/0", "row/0.json", "favicon.ico", "static/view.js"):
        policy = Answer(url, path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy


def test_strangers_are_refused(url: str) -> None:
    """Another name for this machine, a page of somebody else's that sends something."""
    assert Answer(url, "", host="evil.example").status == 421
    flag = {"number": 0, "id": "train-00000-of-00002.parquet:0", "flagged": True, "note": ""}
    assert Answer(url, "flag", "POST", flag, origin="http://evil.example").status == 403
    assert Answer(url, "flag", "POST", flag, x_pixmo="").status == 403


def test_flags_are_kept(url: str) -> None:
    """By the row's id; the note comes back, and is taken away again."""
    flag = {"number": 2, "id": "train-00000-of-00002.parquet:2", "flagged": True, "note": "too <dark>"}
    assert Answer(url, "flag", "POST", flag).status == 200
    assert 'value="too &lt;dark&gt;"' in Answer(url, "row/2").text
    assert Answer(url, "").text.count("⚑ flagged") == 1
    marked = ready(url, "?f.flagged.is=yes").text
    assert re.findall(r'data-row="(\d+)"', marked) == ["2"]
    assert "<legend><bdi>flagged</bdi></legend>" in marked
    assert "59 of 60 rows" in ready(url, "?f.flagged.is=no").text
    assert re.findall(r'data-row="(\d+)"', ready(url, "?f.flagged.is=yes&f.points.ge=3").text) == []
    exported = pq.read_table(io.BytesIO(Answer(url, "flags.parquet").body)).to_pylist()
    assert exported == [{"id": flag["id"], "is_flagged": True, "note": flag["note"]}]
    assert Answer(url, "flag", "POST", flag | {"flagged": False}).status == 200
    assert "too &lt;dark&gt;" not in Answer(url, "row/2").text
    assert "0 of 60 rows" in Answer(url, "?f.flagged.is=yes").text


def test_a_note_with_half_a_character_is_kept_without_it(url: str) -> None:
    """And told as it is kept."""
    flag = {"number": 9, "id": "train-00000-of-00002.parquet:9", "flagged": True, "note": "a\ud800"}
    answer = Answer(url, "flag", "POST", flag)
    assert (answer.status, json.loads(answer.body)) == (200, {"flagged": True, "note": "a?"})
    assert Answer(url, "flag", "POST", flag | {"flagged": False}).status == 200


def test_filters_are_those_that_leave_something_out(url: str) -> None:
    """A column with the same value in all rows is none; texts that are too many to offer are asked for by a part."""
    page = ready(url, "?q=thing").text
    assert "<legend><bdi>points</bdi></legend>" in page
    assert "<legend><bdi>unit</bdi></legend>" not in page
    assert "<legend><bdi>unit</bdi></legend>" in ready(url, "?f.unit.is=percent").text
    assert re.search(r'name="f.label.has"', page)
    kept = ready(url, "?f.label.has=thing+5").text
    assert kept.count('value="thing 5"') == 1
    assert len(re.findall("data-row=", kept)) == 11
    assert 'placeholder="points &gt; 5"' in page


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"id": "other"}, 409),
        ({"number": 60}, 404),
        ({"number": "2"}, 400),
        ({"flagged": 1}, 400),
        ({"note": None}, 400),
        ({"note": "x" * 2500}, 400),
    ],
)
def test_flags_that_make_no_sense_are_refused(url: str, change: dict[str, Any], status: int) -> None:
    """Another row than the page showed, no row, other types."""
    flag = {"number": 2, "id": "train-00000-of-00002.parquet:2", "flagged": True, "note": ""}
    assert Answer(url, "flag", "POST", flag | change).status == status


def test_a_row_is_there_as_json(url: str) -> None:
    """All its columns."""
    told = json.loads(Answer(url, "row/3.json").body)
    assert told["number"] == 3
    assert told["columns"]["label"] == "thing 3"
    assert len(told["columns"]["points"]) == 3


def test_a_random_order_has_its_seed_in_the_address(url: str) -> None:
    """So that it can be sent to somebody, and page two follows page one."""
    answer = Answer(url, "random?q=thing")
    assert answer.status == 303
    assert re.fullmatch(r"\./\?q=thing&seed=\d+", answer.headers["location"])
    pages = [re.findall(r'data-row="(\d+)"', Answer(url, f"?seed=5&page={n}").text) for n in (1, 2, 3)]
    assert sorted(int(n) for page in pages for n in page) == list(range(60))


@pytest.mark.parametrize("wrong", ["--port", "no.parquet", "split"])
def test_what_cannot_be_shown_is_told_in_one_line(tmp_path: Path, wrong: str) -> None:
    """A port in use, no set, a split there is not; each ends with 2."""
    data = str(write_set(tmp_path / "train.parquet", [points()]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = {
            "--port": [data, "--port", port],
            "no.parquet": [str(tmp_path / "no.parquet")],
            "split": [data, "--split", "x"],
        }[wrong]
        run = subprocess.run(
            [sys.executable, "-m", "pixmo", "view", *arguments, "--no-browser"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 2
    assert wrong in run.stderr
    assert run.stderr.count("\n") == 1


def test_plain_rows_are_shown_and_may_be_told_what_they_are(tmp_path: Path) -> None:
    """Columns of a file that says nothing of itself are texts and facts; with --as they are records."""
    rows = [{"image_url": "https://e.org/a.jpg", "label": "cat", "points": [{"x": 25.0, "y": 75.0}], "count": 1}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "plain.parquet")
    with Viewed(tmp_path / "plain.parquet", tmp_path / "home") as viewed:
        assert "cat" in Answer(viewed.url, "row/0").text
        assert "svg" not in Answer(viewed.url, "row/0").text
    with Viewed(tmp_path / "plain.parquet", tmp_path / "home", "--as", "points", "--unit", "percent") as viewed:
        assert 'x="25%"' in Answer(viewed.url, "row/0").text


def test_flags_are_exported_by_the_command(tmp_path: Path) -> None:
    """Into a file, without a server."""
    data = write_set(tmp_path / "a.parquet", [points()])
    with Viewed(data, tmp_path / "home") as viewed:
        flag = {"number": 0, "id": "a.parquet:0", "flagged": True, "note": "why"}
        assert Answer(viewed.url, "flag", "POST", flag).status == 200
    command = [sys.executable, "-m", "pixmo", "view", str(data), "--export-flags", str(tmp_path / "flags.parquet")]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={"PIXMO_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
    )
    assert run.stdout.endswith("flags.parquet: 1 flagged row\n")
    assert pq.read_table(tmp_path / "flags.parquet").to_pylist() == [
        {"id": "a.parquet:0", "is_flagged": True, "note": "why"}
    ]


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Ctrl-C."""
    with Viewed(write_set(tmp_path / "a.parquet", [points()]), tmp_path / "home") as viewed:
        assert viewed.told[0].endswith("a.parquet: 1 row")
        assert viewed.stop()[0] == 130
