"""What did not come, of a real download from a host with every kind of trouble."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.cli import run
from pixmo.cli.demo import web_host
from pixmo.run.folder import Folder
from pixmo.storage.journal import read_lines
from tests.cli.test_download import LOOPBACK, as_csv
from tests.view.asking import ready, words
from tests.view.browser import Watched, apart, chromium
from tests.view.serving import Viewed
from tests.view.test_server import Answer

KINDS = ("a good picture", "not found", "gone", "nobody listens", "no URL", "SVG")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>‮evil‬"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A download of 12 good pictures and one of each kind of trouble, asked for once more."""
    return apart(lambda: _downloaded(tmp_path_factory.mktemp("failures")))


def _downloaded(home: Path) -> Path:
    with web_host() as host:
        (home / "urls.csv").write_text(as_csv([row for row in host if row.kind in KINDS]))
        options = [*LOOPBACK, "--retries", "0", "--retry-base", "0.01"]
        assert (
            run(["download", str(home / "urls.csv"), str(home / "the set"), *options]) == 3
        )  # some may come when asked again
        assert run(["retry", str(home / "the set"), "--quiet", "--min-free-disk", "1MB"]) == 3
    return home / "the set"


@pytest.fixture(scope="module")
def url(out: Path) -> Iterator[str]:
    with Viewed(out, out.parent / "home") as viewed:
        yield viewed.url


def test_outcomes_are_those_of_the_manifest(out: Path, url: str) -> None:
    """Each with its number, what it means, and whether asking again is worth it."""
    told = json.loads((out / "manifest.json").read_text())["counts"]["outcome"]
    assert set(told) == {"ok", "not_found", "gone", "connect", "no_url", "not_an_image"}
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", ready(url, "failures").text, re.DOTALL)
    for outcome, number in told.items():
        (row,) = [words(r) for r in rows if words(r).split()[0] == outcome]
        assert f" {number} " in row
        assert ("worth retrying" in row) == (outcome == "connect")


def test_the_command_asks_again_for_what_may_come(out: Path, url: str, tmp_path: Path) -> None:
    """It can be copied as it stands, and is a command that runs."""
    page = ready(url, "failures").text
    assert "pixmo retry would ask again for 1 address: connect 1." in words(page)
    (line,) = re.findall(r'data-copy="(pixmo retry [^"]*)"', page)
    told = shlex.split(html.unescape(line))
    assert told == ["pixmo", "retry", str(out), "--outcome", "connect"]
    assert run([*told[1:], "--help"]) == 0


def test_rounds_are_those_of_the_journal(out: Path, url: str) -> None:
    """What was asked again stands in a line of its own."""
    journal = Folder(out).store_path() / "journal"
    answers = Counter(
        line["round"]
        for file in journal.glob("*.jsonl")
        for line in read_lines(file)
        if line.get("outcome") and not line.get("open")
    )
    told = words(ready(url, "failures").text)
    assert set(answers) == {0, 1}
    assert f"first {answers[0]} 13" in told  # the SVG came, and is no picture
    assert f"asked again, 1 {answers[1]} 0 connect 1" in told


def test_rows_tell_why_and_their_address_is_only_text(url: str) -> None:
    """Nothing that did not come is loaded or led to."""
    page = ready(url, "failures").text
    told = words(page)
    assert "5 pictures that did not come" in told
    assert "not_found HTTP 404 http://127.0.0." in told
    assert "no_url" in told
    assert not re.findall(r'(?:src|href)="http', page)
    assert "left out" in told


def test_rows_of_one_outcome_or_host(url: str) -> None:
    """By the links of the tables; both hold together."""
    page = ready(url, "failures").text
    (link,) = re.findall(r'href="\./(failures\?outcome=gone)', page)
    assert "1 picture that did not come" in words(Answer(url, link).text)
    hosts = [html.unescape(host) for host in re.findall(r'href="\./(failures\?host=[^"#]*)', page)]
    numbers = [
        int(re.findall(r"(\d+) pictures? that did not come", words(Answer(url, host).text))[0]) for host in hosts
    ]
    assert sum(numbers) == 5
    assert "0 pictures that did not come" in words(Answer(url, hosts[0] + "&outcome=nothing%27%20OR%201=1").text)


def test_rows_have_pages(tmp_path: Path) -> None:
    """25 each, and beyond the last none."""
    columns = {
        "image_url": [f"https://h{n % 3}.example/{n}" for n in range(60)],
        "fetch_outcome": ["not_found"] * 59 + ["ok"],
        "fetch_detail": [HOSTILE] * 60,
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with Viewed(tmp_path / "a.parquet", tmp_path / "home") as viewed:
        pages = [re.findall(r"Row (\d+)</a>", ready(viewed.url, f"failures?page={n}").text) for n in (1, 2, 3, 4)]
        assert [len(p) for p in pages] == [25, 25, 9, 0]
        assert [int(n) for p in pages for n in p] == list(range(59))
        assert "It does so where the folder of the run is" not in Answer(viewed.url, "failures").text
        assert "no picture ended in a way that another time may change" in Answer(viewed.url, "failures").text


def test_sets_that_nobody_downloaded_say_so(tmp_path: Path) -> None:
    """In a sentence."""
    pq.write_table(pa.table({"caption": ["a"]}), tmp_path / "a.parquet")
    with Viewed(tmp_path / "a.parquet", tmp_path / "home") as viewed:
        assert "not made by a download" in ready(viewed.url, "failures").text


@pytest.mark.parametrize("asked", ["page=0", "page=-1", "outcome=" + "x" * 5000])
def test_nonsense_is_told_in_a_line(url: str, asked: str) -> None:
    """With the way back."""
    ready(url, "failures")
    answer = Answer(url, f"failures?{asked}")
    assert answer.status == 400
    assert "This cannot be shown" in answer.text


def test_a_folder_that_lost_its_side_files_is_read_by_its_rows(tmp_path: Path, out: Path) -> None:
    """As it is after being copied without the hidden folder."""
    (tmp_path / "copy").mkdir()
    for name in ("data", "manifest.json"):
        (tmp_path / "copy" / name).symlink_to(out / name)
    with Viewed(tmp_path / "copy", tmp_path / "home") as viewed:
        assert "came 12 100" in words(ready(viewed.url, "failures").text)


def test_rows_whose_columns_are_broken_are_told(tmp_path: Path) -> None:
    """The page says why, and offers to try again."""
    data = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image_url": [f"https://e.org/{n}" * 20 for n in range(5000)], "outcome": ["gone"] * 5000}), data, compression="none", use_dictionary=False)  # fmt: skip
    raw = bytearray(data.read_bytes())
    raw[2000:60000] = b"\xff" * 58000
    data.write_bytes(raw)
    with Viewed(data, tmp_path / "home") as viewed:
        page = ready(viewed.url, "failures")
        assert page.status == 500
        assert "could not be read to the end" in page.text
        assert "again=1" in page.text


@pytest.mark.slow
def test_the_page_is_sound_in_a_browser(url: str, tmp_path: Path) -> None:
    """Axe finds nothing, the console says nothing, no address is asked for anything; hostile texts are text."""
    hostile = {
        "image_url": [HOSTILE, "x" * 1_000_000, f"https://{HOSTILE}/"],
        "outcome": [HOSTILE, "gone", "connect"],
        "fetch_detail": [HOSTILE, HOSTILE * 100, None],
    }
    pq.write_table(pa.table(hostile), tmp_path / "a.parquet")
    with Viewed(tmp_path / "a.parquet", tmp_path / "home") as viewed, chromium() as browser:
        for at in (url, viewed.url):
            ready(at, "failures")
            for width in (360, 1280):
                with Watched(browser, at, width=width) as watched:
                    page = watched.go("failures")
                    assert watched.faults() == []
                    assert watched.complaints == []
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
