"""One row per picture, the same whatever the batches, the memory and the order of the source."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadSource
from pixmo.records.arrow import Label, batch_of, grouped_schema, label_of, labelled, schema_of
from pixmo.records.clock import Clock
from pixmo.records.points import Points
from pixmo.sources.files import FileSource, Part
from pixmo.sources.grouped import GroupedSource, ungrouped
from pixmo.sources.place import LocalPlace
from pixmo.sources.reader import BATCH_BYTES
from pixmo.sources.source import Expected

SMALL = pa.schema(
    [
        ("image_url", pa.string()),
        ("image_sha256", pa.string()),
        ("label", pa.string()),
        ("points", pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())]))),
        ("split", pa.string()),
    ]
)
Rows = list[dict[str, Any]]


class Typed:
    """A source of records in memory, in batches of the sizes given, over and over."""

    name = "typed"
    licence = "odc-by"

    def __init__(self, rows: Rows | pa.Table, schema: pa.Schema = SMALL, sizes: Sequence[int] = (3,)) -> None:
        self._schema = labelled(schema, Label("points"))
        self._table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, self._schema)
        self._sizes = sizes
        self.splits: tuple[str, ...] = ()
        self.expected: Expected | None = Expected(len(rows), 2, 1000)

    def schema(self) -> pa.Schema:
        return self._schema

    def identity(self) -> dict[str, Any]:
        return {"typed": True}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        at = turn = 0
        while at < len(self._table):
            size = self._sizes[turn % len(self._sizes)]
            yield from self._table.slice(at, size).cast(self._schema).combine_chunks().to_batches()
            at, turn = at + size, turn + 1


def grouped(source: Any, batch_rows: int = 8192, **settings: Any) -> Rows:
    """What comes out, each batch as its schema says."""
    told = GroupedSource(source, **settings)
    batches = list(told.batches(batch_rows))
    for batch in batches:
        batch.validate(full=True)
        assert batch.schema.equals(told.schema(), check_metadata=True)
        assert batch.num_rows <= batch_rows
    return [row for batch in batches for row in batch.to_pylist()]


def by_hand(rows: Rows, keys: Sequence[str] = ("image_url", "image_sha256", "split")) -> Rows:
    """The same in Python lists."""
    found: dict[tuple[Any, ...], Rows] = {}
    for number, row in enumerate(rows):
        alone = number if row["image_url"] is None and row["image_sha256"] is None else None
        others = {name: value for name, value in row.items() if name not in keys}
        found.setdefault((*(row[k] for k in keys), alone), []).append(others)
    return [dict(zip(keys, key, strict=False)) | {"annotations": of} for key, of in found.items()]


def row(
    url: str | None, label: str, sha: str | None = None, split: str | None = None, points: Any = ()
) -> dict[str, Any]:
    told = {"image_url": url, "image_sha256": sha, "label": label, "split": split}
    return told | {"points": None if points is None else [{"x": x, "y": y} for x, y in points]}


def test_a_picture_is_one_row_with_all_its_annotations_in_order() -> None:
    """Pictures come in the order they first appear, each with what was said of it in the order of the source."""
    rows = [row("b", "cat", "1", points=[(1.5, 2.0)]), row("a", "dog"), row("b", "tree", "1"), row("a", "cup")]
    first, second = grouped(Typed(rows))
    assert (first["image_url"], first["image_sha256"], second["image_url"]) == ("b", "1", "a")
    assert [a["label"] for a in first["annotations"]] == ["cat", "tree"]
    assert [a["points"] for a in first["annotations"]] == [[{"x": 1.5, "y": 2.0}], []]
    assert [a["label"] for a in second["annotations"]] == ["dog", "cup"]


NAMES = st.sampled_from([None, "", "a", "b", "a\x1f1", "1\x1fa", "ü", "3"])
ROWS = st.lists(
    st.builds(
        row, NAMES, st.text(max_size=3), NAMES, st.sampled_from([None, "train", "test"]),
        st.none() | st.lists(st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)), max_size=3),
    ),
    max_size=40,
)  # fmt: skip


@given(
    ROWS,
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(1, 9),
    st.sampled_from([4, 300, 2_000, BATCH_BYTES]),
)
def test_it_is_what_python_lists_give(rows: Rows, sizes: list[int], batch_rows: int, pile_bytes: int) -> None:
    """Whatever the batches that come in and go out, in memory or on disk, rows are those of the plain way."""
    assert grouped(Typed(rows, sizes=sizes), batch_rows, pile_bytes=pile_bytes) == by_hand(rows)


def test_names_are_compared_one_by_one() -> None:
    """URL and digest that read alike when written one after the other are two pictures; so are a null and an empty digest."""
    rows = [
        row("ab", "1", "c"),
        row("a", "2", "bc"),
        row("abc", "3", ""),
        row("abc", "4", None),
        row("1\x1fa", "5", ""),
    ]
    assert [len(r["annotations"]) for r in grouped(Typed(rows))] == [1] * 5


def test_rows_without_a_name_stay_alone() -> None:
    """Nothing says that two rows without URL and digest are of one picture; one of the two is name enough."""
    rows = [row(None, "1"), row(None, "2"), row(None, "3", "d"), row(None, "4", "d"), row("u", "5"), row("u", "6")]
    assert [[a["label"] for a in r["annotations"]] for r in grouped(Typed(rows))] == [
        ["1"],
        ["2"],
        ["3", "4"],
        ["5", "6"],
    ]


def test_splits_and_configs_are_never_merged() -> None:
    """A picture of two splits is two rows, each saying its split and config."""
    schema = SMALL.append(pa.field("config", pa.dictionary(pa.int32(), pa.string())))
    said = [("train", "x"), ("test", "x"), ("train", "y"), ("train", "x")]
    rows = [row("u", str(i), split=s) | {"config": c} for i, (s, c) in enumerate(said)]
    found = grouped(Typed(rows, schema))
    assert [(r["split"], r["config"], len(r["annotations"])) for r in found] == [
        ("train", "x", 2), ("test", "x", 1), ("train", "y", 1),
    ]  # fmt: skip
    assert set(found[0]["annotations"][0]) == {"label", "points"}


def test_a_config_that_is_no_text_is_what_the_row_says() -> None:
    """A column `config` of settings is part of the annotation."""
    schema = SMALL.append(pa.field("config", pa.struct([("size", pa.int64())])))
    (found,) = grouped(Typed([row("u", "1") | {"config": {"size": n}} for n in (1, 2)], schema))
    assert [a["config"]["size"] for a in found["annotations"]] == [1, 2]


def test_the_schema_is_that_of_the_record_grouped() -> None:
    """Of a source with all fields of its record: fields in order, and a label that says what rows are."""
    told = GroupedSource(Typed([], schema_of(Points))).schema()
    assert told.equals(grouped_schema(Points))
    assert label_of(told) == Label("points", True)
    assert list(GroupedSource(Typed([], schema_of(Points))).batches()) == []


def test_metadata_of_columns_that_are_gone_is_left_out() -> None:
    """`datasets` and pandas describe columns one by one: that would be wrong now. What else a source says of itself stays."""
    schema = SMALL.with_metadata({"huggingface": "{}", "pandas": "{}", "made_by": "us"})
    assert set(GroupedSource(Typed([], schema)).schema().metadata) == {b"made_by", b"pixmo"}


def test_the_rest_of_a_source_is_as_it_was() -> None:
    """Name, licence and splits; rows are expected as many as pictures; the identity says that rows are grouped."""
    told = GroupedSource(Typed([row("u", "1")]))
    assert (told.name, told.licence, told.splits, told.expected) == ("typed", "odc-by", (), Expected(2, 2, 1000))
    assert told.identity() == {"typed": True, "grouped": True}


def test_a_name_the_source_lacks_is_null() -> None:
    """A list without digests is gathered by URL; the column is there all the same."""
    schema = pa.schema([f for f in SMALL if f.name != "image_sha256"])
    (found,) = grouped(Typed([row("u", "1"), row("u", "2")], schema))
    assert (found["image_sha256"], len(found["annotations"])) == (None, 2)
    schema = pa.schema([f for f in SMALL if f.name != "image_url"])
    assert [r["image_url"] for r in grouped(Typed([row(None, "1", "d"), row(None, "2", "e")], schema))] == [None, None]


OTHERS = {
    "dictionary": pa.array(["x", None, "y", "x"]).dictionary_encode(),
    "binary": pa.array([b"\xff", b"", None, b"\0"]),
    "time": pa.array([datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)] * 4, pa.timestamp("us", "UTC")),
    "decimal": pa.array([Decimal("1.10")] * 4),
    "map": pa.array([[("k", 1)], [], None, [("a", 2)]], pa.map_(pa.string(), pa.int64())),
    "pairs": pa.array([[[1.0, 2.0]], [], None, [[3.0, 4.0]]], pa.list_(pa.list_(pa.float32(), 2))),
    "large": pa.array([["a"], None, [], ["b"]], pa.large_list(pa.large_string())),
    "nothing": pa.nulls(4),
    "image": pa.array([{"bytes": b"1", "path": None}] * 4, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    "nested": pa.array([[{"a": ["x", None]}], None, [], [None]], pa.list_(pa.struct([("a", pa.list_(pa.string()))]))),
    "annotations": pa.array(["a", "b", "c", "d"]),
    "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(pa.array(range(8)).to_numpy().reshape(4, 2)),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("pile_bytes", [4, BATCH_BYTES], ids=["disk", "memory"])
def test_columns_left_over_travel_in_the_annotation(name: str, pile_bytes: int) -> None:
    """Of any type, values and nulls unchanged; taken apart again the rows are those of the source, gathered."""
    named = pa.table({"image_url": ["a", "b", "a", "b"], "image_sha256": pa.nulls(4, pa.string())})
    table = named.append_column(name, OTHERS[name])
    source = GroupedSource(Typed(table, table.schema, (1, 2)), pile_bytes=pile_bytes)
    found = pa.Table.from_batches([ungrouped(batch) for batch in source.batches()])
    assert found.schema.equals(labelled(table.schema, Label("points")), check_metadata=True)
    assert found.column(name).to_pylist() == table.take([0, 2, 1, 3]).column(name).to_pylist()


@given(ROWS)
def test_ungrouped_is_the_way_back(rows: Rows) -> None:
    """Rows taken apart are those of the source, picture by picture; so are slices of them."""
    (batch,) = list(GroupedSource(Typed(rows)).batches(10**6)) or [
        pa.RecordBatch.from_pylist([], GroupedSource(Typed([])).schema())
    ]
    told = [
        {k: v for k, v in group.items() if k != "annotations"} | one
        for group in by_hand(rows)
        for one in group["annotations"]
    ]
    assert ungrouped(batch).to_pylist() == told
    assert ungrouped(batch).schema.names == SMALL.names
    assert label_of(ungrouped(batch).schema) == Label("points")
    last = by_hand(rows)[-1:]
    assert len(ungrouped(batch.slice(max(len(batch) - 1, 0)))) == sum(len(r["annotations"]) for r in last)


def test_taking_apart_keeps_columns_of_one_name_apart() -> None:
    """A finished row has a width of its picture; one in the annotation keeps its name. No annotations make no rows."""
    kind = pa.list_(pa.struct([("label", pa.string()), ("width", pa.int64())]))
    told = {"row_id": ["1", "2", "3"], "image_url": ["a", "b", "c"], "width": [640, 1, 2]}
    annotations = pa.array([[{"label": "x", "width": 3}, None], [], None], kind)
    batch = pa.RecordBatch.from_pydict(told | {"annotations": annotations})
    one = {"image_url": "a", "label": "x", "width": 3, "row_id": "1", "picture:width": 640}
    assert ungrouped(batch).to_pylist() == [one, one | {"label": None, "width": None}]


def test_a_picture_may_have_a_hundred_thousand_annotations(tmp_path: Path) -> None:
    """It is one row, however small a pile should be; its neighbours are whole too."""
    rows = 100_000
    table = pa.table({"image_url": ["a", *["b"] * rows, "a"], "label": [str(i) for i in range(rows + 2)]})
    first, second = grouped(Typed(table, table.schema, (7_000,)), scratch=tmp_path, pile_bytes=100_000)
    assert [a["label"] for a in first["annotations"]] == ["0", str(rows + 1)]
    assert [a["label"] for a in second["annotations"]] == [str(i) for i in range(1, rows + 1)]


def test_no_batch_is_much_larger_than_its_bound() -> None:
    """Sixteen pictures of eight megabytes, asked for by the thousand, come in several batches."""
    text = "x" * (4 * 2**20)
    table = pa.table({"image_url": [f"{i % 16}" for i in range(32)], "label": [text] * 32})
    found = list(GroupedSource(Typed(table, table.schema, (1,))).batches(1000))
    assert sum(len(batch) for batch in found) == 16
    assert max(batch.nbytes for batch in found) <= BATCH_BYTES + 2**23


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    """What is put aside has no name, so that not even a killed process leaves it; nor does a reader that stops half way."""
    rows = [row(str(i % 50), "x" * 100) for i in range(500)]
    batches = GroupedSource(Typed(rows), tmp_path, pile_bytes=1_000).batches(5)
    next(batches)
    assert list(tmp_path.iterdir()) == []
    batches.close()
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
from pixmo.errors import NoSpace
from tests.sources.test_grouped import GroupedSource, Typed, row
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # the kernel refuses what is beyond, as a full disk does
try:
    list(GroupedSource(Typed([row(str(i), "x" * 1000) for i in range(1000)]), Path(sys.argv[1]), pile_bytes=100_000).batches())
except NoSpace as error:
    print(error)
"""


@pytest.mark.slow
def test_a_full_disk_is_an_error_to_act_on(tmp_path: Path) -> None:
    """What does not fit is told in one line that names the folder and TMPDIR."""
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path) in done.stdout
    assert "TMPDIR" in done.stdout


def test_a_file_of_records_is_a_typed_source(tmp_path: Path) -> None:
    """A Parquet file that says what its rows are is gathered as it is."""
    told = [Points.from_dict(p | {"unit": "percent", "orientation": "unknown"}) for p in [
        {"image_url": "u", "label": "cat", "points": [{"x": 1.0, "y": 2.0}]}, {"image_url": "u", "label": "dog", "points": []},
    ]]  # fmt: skip
    pq.write_table(pa.Table.from_batches([batch_of(told, Points)]), tmp_path / "records.parquet")
    source = FileSource("records", [Part(LocalPlace(tmp_path / "records.parquet"))])
    (found,) = GroupedSource(source).batches()
    assert [Points.from_dict(row) for row in ungrouped(found).to_pylist()] == told
    assert GroupedSource(source).expected == Expected()


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (SMALL, "says not what its rows are"),
        (GroupedSource(Typed([])).schema(), "one row per picture already"),
        (labelled(schema_of(Clock), Label("clock")), "do not say by URL or digest"),
        (labelled(pa.schema([("label", pa.string())]), Label("points")), "do not say by URL or digest"),
        (labelled(SMALL.append(pa.field("odd", pa.string_view())), Label("points")), "cannot be gathered"),
    ],
    ids=["no label", "grouped", "no pictures", "no names", "a type that cannot be taken from"],
)  # fmt: skip
def test_what_cannot_be_gathered_is_refused(schema: pa.Schema, reason: str) -> None:
    """In one line that names the source and says what else to do."""
    source = Typed([])
    source._schema = schema
    source._table = pa.table([pa.nulls(1, f.type) for f in schema], schema=schema)
    with pytest.raises(BadSource, match=rf"^typed: .*{reason}"):
        list(GroupedSource(source).batches())


@pytest.mark.slow
def test_the_bench_counts_what_it_generated(tmp_path: Path) -> None:
    """Two thousand rows come out as the pictures, annotations and points that went in; the bars are for the full size."""
    script = Path(__file__).parents[2] / "scripts" / "bench_grouping.py"
    command = [sys.executable, str(script), "--rows", "2000", "--order", "source", "--only", "ours"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=script.parents[1], timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2,000 rows of 192 pictures" in done.stdout
