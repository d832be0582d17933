"""The report: what is counted, and a page that holds whatever the rows hold."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.ask import Outcome
from pixmo.run import gather as gathering
from pixmo.run.gather import Aggregates, gather
from pixmo.run.report import ReportFacts, rates, report_html, retry_command, tone_of

EVIL = "<script>alert(1)</script>\" onmouseover='x' \u202e" + "a" * 10**6


def _table(first: int = 0, rows: int = 6) -> pa.Table:
    numbers = range(first, first + rows)
    return pa.table(
        {
            "image_url": [f"https://H{n % 2}.example:8443/p?u=http://other.example/{n}" for n in numbers],
            "outcome": ["ok" if n % 3 else "timeout" for n in numbers],
            "fetched": [bool(n % 3) for n in numbers],
            "fetched_bytes": pa.array([1_000 * n if n % 3 else None for n in numbers], pa.int64()),
            "width": pa.array([100 * n if n % 3 else None for n in numbers], pa.int64()),
            "height": pa.array([64] * rows, pa.int32()),
            "format": ["JPEG" if n % 2 else None for n in numbers],
            "hash_verdict": ["equal"] * rows,
            "duplicate_of": [f"{5:064x}"[::-1] if n == 1 else None for n in numbers],
            "duplicate_kind": ["near" if n == 1 else None for n in numbers],
            "something_else": [{"x": n} for n in numbers],
        }
    )


def test_columns_are_counted() -> None:
    """Rows, bytes, outcomes, formats, verdicts and bins are those of the columns; foreign columns are ignored."""
    total = gather([_table()])
    assert (total.rows, total.pictures, total.fetched, total.bytes) == (6, 6, 4, 12_000)
    assert total.of("outcome") == {"ok": 4, "timeout": 2}
    assert (total.of("format"), total.of("hash_verdict"), total.of("nothing")) == ({"JPEG": 3}, {"equal": 6}, {})
    assert total.histograms["height"][2] == 6  # 64 is the lower edge of its bin
    assert [n for n in total.histograms["width"] if n] == [1, 1, 2]  # 100, 200; 400 and 500


def test_hosts_are_those_asked(tmp_path: Path) -> None:
    """The host of a URL in lower case, without port, user or what its query says; what is no URL has none."""
    urls = [
        "HTTP://User:p@Host.Example:80/x",
        "https://host.example?u=@b.example",
        "https://[::1]/",
        "nonsense",
        None,
        "",
    ]
    total = gather([pa.table({"url": urls, "outcome": ["ok", "gone", "ok", "bad_url", "no_url", "no_url"]})])
    assert total.hosts == {"host.example": {"ok": 1, "gone": 1}, "[::1]": {"ok": 1}}


def test_folding_is_the_same_in_any_cut() -> None:
    """One table or many give the same counts."""
    many = gather(_table(n, 1) for n in range(6))
    assert many == gather([_table()])


def test_lists_are_counted_by_picture() -> None:
    """Rows that hold several URLs count each of them."""
    table = pa.table(
        {
            "image_urls": [["http://a.example/1", "http://b.example/2"], [], ["http://a.example/3"]],
            "outcome": [["ok", "gone"], [], ["ok"]],
            "width": [[10, None], [], [20]],
        }
    )
    total = gather([table])
    assert (total.rows, total.pictures) == (3, 3)
    assert total.hosts == {"a.example": {"ok": 2}, "b.example": {"gone": 1}}
    assert total.histograms["width"][0] == 2


def test_duplicate_groups() -> None:
    """Groups are counted across tables; the biggest come first, each with the picture that is kept."""
    ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(20)]
    tables = [pa.table({"duplicate_of": [ids[0], ids[n], None]}) for n in range(1, 15)]
    total = gather(tables)
    assert (total.duplicates, total.groups) == (28, 15)
    assert total.biggest[0] == (ids[0][:16], 15)
    assert len(total.biggest) == 10


def test_many_hosts_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound the rarest hosts are only counted together; the common ones stay exact."""
    monkeypatch.setattr(gathering, "_MAX_HOSTS", 10)
    urls = [f"http://rare{n}.example/" for n in range(50)] + ["http://common.example/"] * 5
    total = gather(pa.table({"image_url": urls[n::5], "outcome": ["ok"] * len(urls[n::5])}) for n in range(5))
    assert len(total.hosts) <= 20
    assert total.hosts["common.example"].total() == 5
    assert total.hosts_forgotten + sum(c.total() for c in total.hosts.values()) == 55


def test_no_rows_and_no_columns_are_a_report() -> None:
    """A list without a valid row has a report too."""
    assert "What became" not in report_html(_facts(gather([])))
    assert report_html(_facts(gather([pa.table({"outcome": pa.array([], pa.string())})]))).endswith("</html>\n")


def _facts(counts: Aggregates, **more: object) -> ReportFacts:
    facts = ReportFacts("cap", "urls.parquet", "out", counts, 3, 10_000)
    return dataclasses.replace(facts, **more)  # type: ignore[arg-type]


class _Text(HTMLParser):
    def __init__(self, markup: str) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_page_says_what_was_counted() -> None:
    """Headline, outcomes with meaning, hosts, duplicates, clauses, splits and settings stand on the page."""
    facts = _facts(
        gather([_table()]), clauses={"image_ok": 2}, splits={"train": 3}, settings={"download": {"per_host": 4, "robots": False}},
        samples=[(0.0, 0), (1.0, 10), (2.0, 30), (3.0, 36)], seconds=3.2, finished="2031-01-01", version="9.9",
    )  # fmt: skip
    page = _Text(report_html(facts))
    for said in (
        "No answer, or not all of it, in the time allowed.",
        "h0.example",
        "image_ok",
        "train",
        "per_host",
        "near",
    ):
        assert f"{said}\n" in page.text
    assert "1 picture repeats another" in page.text
    assert "pixmo retry out --outcome timeout\n" in page.text
    assert "12 answers per second\n" in page.text
    assert not page.open


def test_page_needs_nothing_but_itself() -> None:
    """No script, no handler, no address to load anything from."""
    page = _Text(report_html(_facts(gather([_table()]))))
    assert not {"script", "link", "img", "iframe", "object", "embed"} & page.names.keys()
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("href", "src", "style")]


def test_hostile_strings_stay_strings() -> None:
    """Markup, quotes, direction marks and a megabyte, anywhere from the rows or the user: still one small page."""
    table = pa.table(
        {
            "image_url": [f"https://{EVIL}/", "https://<b>x</b>/", 'https://"onload=x/'],
            "outcome": [EVIL, "ok", "ok"], "format": [EVIL] * 3, "optout": [EVIL] * 3, "hash_verdict": [EVIL] * 3,
            "duplicate_of": [EVIL] * 3, "duplicate_kind": [EVIL] * 3, "width": [10**12, -5, 0],
        }
    )  # fmt: skip
    facts = ReportFacts(
        EVIL,
        EVIL,
        "it's; rm -rf /",
        gather([table]),
        1,
        1,
        {EVIL: 1},
        {EVIL: 1},
        {EVIL: {EVIL: EVIL}},
        (),
        None,
        EVIL[:50],
        "1",
    )
    markup = report_html(facts)
    page = _Text(markup)
    assert len(markup) < 100_000
    assert not {"script", "b"} & page.names.keys()
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not page.open


def test_secrets_and_folders_are_not_told() -> None:
    """The report lies beside the data and is published with it: no header values, passwords, signed addresses."""
    settings = {"download": {"headers": ("example.org:Authorization=hunter2",), "per_host": 4, "proxy": None}}
    source = "https://me:hunter2@example.org/list.parquet?signature=hunter2"
    markup = report_html(_facts(gather([_table()]), settings=settings, source=source))
    assert "hunter2" not in markup
    assert "https://example.org/list.parquet" in markup
    assert "set; not shown" in markup


def test_retry_command_can_be_copied() -> None:
    """It names the outcomes worth retrying, most frequent first, and quotes the folder for the shell."""
    outcomes = {"ok": 5, "timeout": 1, "throttled": 7, "not_found": 9, "dns": 0}
    assert retry_command("my data", outcomes) == "pixmo retry 'my data' --outcome throttled,timeout"
    assert retry_command("out", {"ok": 5, "not_found": 1}) is None


def test_every_outcome_has_a_fate() -> None:
    """Obtained, perhaps later, lost, or left alone by our own rules; what is worth retrying is never called lost."""
    fates = {outcome: tone_of(outcome) for outcome in Outcome}
    assert set(fates.values()) == {"ok", "again", "lost", "left"}
    assert all((fates[o] == "again") == o.worth_retrying for o in Outcome)
    assert (fates[Outcome.OPTED_OUT], fates[Outcome.NOT_FOUND], tone_of("unheard of")) == ("left", "lost", "lost")


def test_rates_of_running_totals() -> None:
    """Answers per second between samples, each at the middle of its stretch."""
    assert rates([(0, 0), (1, 10), (2, 30)]) == [(0.5, 10.0), (1.5, 20.0)]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**9))))
def test_rates_survive_any_clock(samples: list[tuple[float, int]]) -> None:
    """Repeated, unordered, backward: never an error, never a negative rate, never more points than asked."""
    points = rates(samples, 20)
    assert len(points) <= 20
    assert all(rate >= 0 for _, rate in points)
