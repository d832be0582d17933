"""The index of a set: built once in the background, kept, and asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadSetting, UnknownName
from pixmo.view.index import Index
from pixmo.view.index_cache import PART, prune
from pixmo.view.query import Query
from pixmo.view.source import open_data
from tests.dataset.sets import finished, grouped

ROWS = [
    {"id": "a", "label": "red car", "score": 3.0, "ok": True, "caption": "A red car by the sea.", "url": "http://a.org/1"},
    {"id": "b", "label": "dog", "score": None, "ok": False, "caption": "The CAR is red; a dog sleeps.", "url": "http://b.org/2"},
    {"id": "c", "label": "Red", "score": 1.0, "ok": None, "caption": "Ein Café, 猫がいる。", "url": None},
    {"id": "d", "label": "dog", "score": 2.0, "ok": True, "caption": "carpet", "url": "http://a.org/4"},
]  # fmt: skip


def table_at(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def built(path: Path, cache: Path) -> Index:
    index = Index(open_data(str(path)), cache)
    index.begin()
    assert index.wait(60).name == "ready", index.state
    return index


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    return built(table_at(folder / "rows.parquet", ROWS), folder / "cache")


def found(index: Index, address: str) -> list[int]:
    told = index.find(Query.parse(address), 0, 100)
    assert told.total == len(told.numbers)
    return told.numbers


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("q=car", [0, 1]), ("q=CAR+red", [0, 1]), ('q="red+car"', [0]), ("q=car*", [0, 1, 3]), ("q=car+-dog", [0]), ("q=cafe", [2]),
        ("q=猫", [2]), ("q=いる猫", []), ("q=nowhere", []), ("q=...", [0, 1, 2, 3]),
    ],
)  # fmt: skip
def test_rows_are_found_by_their_words(index: Index, address: str, rows: list[int]) -> None:
    """Whole words in any case, phrases, beginnings; accents do not matter; `carpet` is no car."""
    assert found(index, address) == rows


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("f.label.is=dog", [1, 3]), ("f.label.is=dog&f.label.is=Red", [1, 2, 3]), ("f.label.not=dog", [0, 2]), ("f.label.has=RED", [0, 2]),
        ("f.label.starts=red", [0, 2]), ("f.score.ge=2", [0, 3]), ("f.score.lt=2&f.label.is=Red", [2]), ("f.score.not=3", [1, 2, 3]),
        ("f.ok.is=yes", [0, 3]), ("f.ok.is=no", [1]), ("f.ok.not=yes", [1, 2]), ("f.host.is=a.org", [0, 3]), ("f.caption_words.le=1", [3]),
    ],
)  # fmt: skip
def test_rows_are_found_by_their_facts(index: Index, address: str, rows: list[int]) -> None:
    """A row that has no value is not of any value, but other than each."""
    assert found(index, address) == rows


def test_rows_are_sorted(index: Index) -> None:
    """Both ways; those without a value last, equal ones as they stand."""
    assert found(index, "sort=score") == [2, 3, 0, 1]
    assert found(index, "sort=score&descending=1") == [0, 3, 2, 1]
    assert found(index, "sort=label&q=car*") == [1, 3, 0]
    assert found(index, "sort=score&f.label.is=dog") == [3, 1]


def test_a_seed_shuffles(index: Index) -> None:
    """The same order each time, another with another seed; what is filtered keeps it."""
    orders = {tuple(found(index, f"seed={n}")) for n in range(30)}
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(orders) > 10
    whole = found(index, "seed=5")
    assert found(index, "seed=5&f.label.is=dog") == [n for n in whole if n in (1, 3)]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("score > 1", [0, 3]), ("label = 'dog' OR score = 1;", [1, 2, 3]), ("score IS NULL -- none", [1]),
        ("SELECT number FROM rows ORDER BY score DESC NULLS LAST", [0, 3, 2, 1]), ("WITH t AS (SELECT 3 AS number) SELECT number FROM t", [3]),
        ("SELECT number + 2 AS number FROM rows", [2, 3]), ("SELECT number FROM rows UNION ALL SELECT 1 AS number", [0, 1, 2, 3]),
    ],
)  # fmt: skip
def test_sql_tells_rows(index: Index, sql: str, rows: list[int]) -> None:
    """A condition on the columns, or a SELECT, whose order holds; rows that are not there and repeated ones are passed over."""
    told = index.find(Query(sql=sql), 0, 10).numbers
    assert (told if "ORDER" in sql else sorted(told)) == rows


def test_sql_joins_with_the_other_ways(index: Index) -> None:
    """Filters, search and another order."""
    assert found(index, "sql=score>0&f.label.is=dog") == [3]
    assert found(index, "sql=score>0&sort=score") == [2, 3, 0]
    assert found(index, "sql=score>0&q=car") == [0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')", "SELECT content AS number FROM read_blob('/etc/*')", "SELECT number FROM '/etc/passwd'",
        "SELECT number FROM read_parquet('http://127.0.0.1:9/x.parquet')", "COPY rows TO '/tmp/rows.csv'", "ATTACH '/tmp/x.duckdb' AS x",
        "INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "PRAGMA enable_profiling", "DROP TABLE rows", "DELETE FROM rows",
        "SELECT number FROM rows; DROP TABLE rows", "1=1); DROP TABLE rows; --", "SELECT 1 AS n", "nope > 1", "score >", "", "SELECT 'x' AS number",
        "label LIKE '\x01", "SELECT a.number FROM rows a, rows b, rows c, rows d", "CREATE TABLE x AS SELECT 1", "EXPORT DATABASE '/tmp/x'",
    ],
)  # fmt: skip
def test_sql_reaches_nothing_but_the_facts(index: Index, sql: str) -> None:
    """No file, no network, no change, no setting; what is refused is told in one line, and the index is as it was."""
    if sql:
        with pytest.raises(BadSetting) as told:
            index.find(Query(sql=sql), 0, 10)
        assert "\n" not in str(told.value)
    assert found(index, "f.label.is=dog") == [1, 3]


def test_sql_that_does_not_end_is_ended(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next question is answered."""
    monkeypatch.setattr("pixmo.view.sql.SECONDS", 0.2)
    with pytest.raises(BadSetting, match="took longer"):
        index.find(Query(sql="(SELECT count(*) FROM range(10000000000) a, range(100000) b) > 3"), 0, 1)
    assert found(index, "q=car") == [0, 1]


@pytest.mark.parametrize(
    "sql", ["list_sum(range(100000000 + number)) > 1", "length(repeat('x', 2000000000 + number::INT)) > 1"]
)
def test_sql_that_wants_all_memory_has_its_own(index: Index, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """Single values are not bound by DuckDB's limit: the question ends, and nothing else."""
    monkeypatch.setattr("pixmo.view.sql.SECONDS", 5)
    with pytest.raises(BadSetting, match=r"ask for less|Out of Memory"):
        index.find(Query(sql=sql), 0, 1)
    assert found(index, "q=car") == [0, 1]


def test_unknown_columns_are_told_with_the_nearest(index: Index) -> None:
    """In a filter and in an order."""
    for address in ("f.labl.is=x", "sort=labl"):
        with pytest.raises(UnknownName, match="did you mean 'label'"):
            found(index, address)


def test_neighbours_follow_the_query(index: Index) -> None:
    """None at the ends, and none for a row that does not answer."""
    query = Query.parse("sort=score")
    assert [index.around(query, n) for n in (2, 3, 1)] == [(None, 3), (2, 0), (0, None)]
    assert index.around(Query.parse("f.label.is=dog"), 0) == (None, None)
    assert [index.around(Query(), n) for n in (0, 3, 9)] == [(None, 1), (2, None), (None, None)]


def test_pages_are_pieces_of_the_whole(index: Index) -> None:
    """Beyond the end there is nothing."""
    query = Query.parse("sort=score")
    assert [index.find(query, at, 3).numbers for at in (0, 3, 6)] == [[2, 3, 0], [1], []]
    assert index.find(Query(), 2, 10) == (4, [2, 3])


def test_facets_are_what_there_is(index: Index) -> None:
    """The frequent values of texts with their rows, the ends of numbers; what nearly every row has its own of has no values."""
    facets = {f.column: f for f in index.facets()}
    assert facets["label"].values == [("dog", 2), ("Red", 1), ("red car", 1)]
    assert (facets["ok"].kind, facets["ok"].values) == ("yes_no", [("true", 2), ("false", 1)])
    assert (facets["score"].low, facets["score"].high) == (1.0, 3.0)
    assert {c.name: c.kind for c in index.columns()}["caption_words"] == "number"


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    """All rows in order, and shuffled, need no index; filters do."""
    index = Index(open_data(str(table_at(tmp_path / "r.parquet", ROWS))), tmp_path / "cache")
    assert index.state.name == "none"
    assert index.find(Query(), 1, 2).numbers == [1, 2]
    assert sorted(index.find(Query(seed=1), 0, 9).numbers) == [0, 1, 2, 3]
    assert not (tmp_path / "cache").exists()
    with pytest.raises(BadSetting, match="still being counted"):
        index.find(Query("car"), 0, 1)


def test_an_index_is_kept_for_the_next_viewer(tmp_path: Path) -> None:
    """Two at once share it; a set that changed gets another."""
    path = table_at(tmp_path / "r.parquet", ROWS)
    one = built(path, tmp_path / "cache")
    written = (one.path / "facts.duckdb").stat().st_mtime_ns
    two = built(path, tmp_path / "cache")
    assert (two.path, (two.path / "facts.duckdb").stat().st_mtime_ns) == (one.path, written)
    assert found(one, "q=car") == found(two, "q=car")
    one.close()
    assert found(two, "sort=score") == [2, 3, 0, 1]
    other = built(table_at(tmp_path / "r.parquet", ROWS[:3]), tmp_path / "cache")
    assert found(other, "q=car*") == [0, 1]


def test_a_set_that_changes_meanwhile_leaves_no_index(tmp_path: Path) -> None:
    """Half of it would be of other rows."""
    path = table_at(tmp_path / "r.parquet", ROWS)
    index = Index(open_data(str(path)), tmp_path / "cache")
    table_at(path, ROWS[:2])
    index.begin()
    assert index.wait(60).name == "failed"
    assert "changed" in index.state.why
    assert not index.path.exists()


def test_a_damaged_index_is_built_anew(tmp_path: Path) -> None:
    """Cut short by a full disk, say."""
    path = table_at(tmp_path / "r.parquet", ROWS)
    first = built(path, tmp_path / "cache")
    first.close()
    (first.path / "facts.duckdb").write_bytes(b"no database")
    assert found(built(path, tmp_path / "cache"), "q=car") == [0, 1]


def test_a_set_that_is_a_file_of_no_rows(tmp_path: Path) -> None:
    """Nothing is found in it, and nothing breaks."""
    pq.write_table(pa.table({"caption": pa.array([], pa.string())}), tmp_path / "r.parquet")
    index = built(tmp_path / "r.parquet", tmp_path / "cache")
    assert (found(index, "q=car"), index.statistics().rows) == ([], 0)


def test_a_shard_that_breaks_leaves_the_others(tmp_path: Path) -> None:
    """Its rows are there without facts, and the file is named."""
    path = finished(tmp_path / "set", {"train": [grouped(0, 20), grouped(20, 20), grouped(40, 20)]})
    shard = sorted(path.rglob("*.parquet"))[1]
    data = bytearray(shard.read_bytes())
    data[200:1200] = bytes(1000)
    shard.write_bytes(bytes(data))
    data = open_data(str(path))
    index = Index(data, tmp_path / "cache")
    index.begin()
    index.wait(60)
    assert index.statistics().rows == 60
    assert found(index, "sql=points IS NULL") == list(range(20, 40))
    assert [Path(b.file).name for b in data.broken] == [shard.name]


def test_columns_that_differ_in_case_alone_are_both_there(tmp_path: Path) -> None:
    """SQL would take them for one; names may hold anything."""
    rows = [{"Score": 1, "score": 2, 'x"; DROP TABLE rows; --': 3, "a.b": 4, "": 5}]
    index = built(table_at(tmp_path / "r.parquet", rows), tmp_path / "cache")
    assert {"Score", "score_2", 'x"; DROP TABLE rows; --', "a.b"} <= {c.name for c in index.columns()}
    assert found(index, "f.score_2.is=2") == found(index, "f.a.b.is=4") == [0]


def test_building_stops_when_it_is_closed(tmp_path: Path) -> None:
    """And leaves nothing behind."""
    rows = [{"caption": "word " * 50}] * 30_000
    index = Index(open_data(str(table_at(tmp_path / "r.parquet", rows))), tmp_path / "cache")
    index.begin()
    while index.state.done == 0:
        time.sleep(0.01)
    index.close()
    assert index.state.name == "none"
    assert list((tmp_path / "cache").iterdir()) == []


BUILD = """
import sys, time
from pathlib import Path
from pixmo.view.index import Index
from pixmo.view.source import open_data
index = Index(open_data(sys.argv[1]), Path(sys.argv[2]))
index.begin()
while index.state.done == 0:
    time.sleep(0.01)
print("building", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_killed_build_leaves_no_half_index(tmp_path: Path) -> None:
    """The next viewer builds it whole, and removes what the killed one left."""
    path = table_at(tmp_path / "r.parquet", [{"caption": "word " * 50}] * 30_000)
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, str(path), str(tmp_path / "cache")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"building\n"
        process.send_signal(signal.SIGKILL)
    assert [p.name.startswith(PART) for p in (tmp_path / "cache").iterdir()] == [True]
    index = built(path, tmp_path / "cache")
    assert index.find(Query("word"), 0, 1).total == 30_000
    assert list((tmp_path / "cache").iterdir()) == [index.path]


def test_old_indexes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those nobody opened for two months, and the oldest while all are too large; never the one that was just made."""
    for name, age_days in (("old", 100), ("aged", 2), ("young", 1), ("mine", 200)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept.json").write_text("{}" * 50)
        at = time.time() - age_days * 86400
        os.utime(tmp_path / name, (at, at))
    (tmp_path / "flags").mkdir()
    assert prune(tmp_path, tmp_path / "mine") == 1
    assert not (tmp_path / "old").exists()
    monkeypatch.setattr("pixmo.view.index_cache.MOST_BYTES", 250)
    prune(tmp_path, tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["flags", "mine", "young"]
