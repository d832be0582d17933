"""Every format, plain and compressed, gives the rows that were written."""

from __future__ import annotations

import functools
import io
import json
import shlex
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from pixmo.errors import BadSource
from pixmo.sources.open import Columns, open_source
from tests.sources.lists import FORMATS, PACKED, ROWS, TABLE, arrow_stream, csv, jsonl, parquet, rows, write

CHOSEN = Columns("image_url", None, "image_sha256", None)


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_list_is_read_as_it_was_written(tmp_path, kind, packing):
    """Rows, order, values and the two columns that matter are the same in every format and compression."""
    path = write(tmp_path / f"list.{kind}{packing}", PACKED[packing](FORMATS[kind](TABLE)))
    source, columns = open_source(path)
    assert columns == CHOSEN
    assert rows(source) == ROWS
    assert rows(source) == ROWS, "a source can be read twice"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_name_without_suffix_is_read_by_content(tmp_path, kind):
    """A file called anything is told by its first bytes."""
    path = write(tmp_path / "list", FORMATS[kind](TABLE))
    assert rows(open_source(path)[0]) == ROWS


def test_a_wrong_suffix_does_not_mislead(tmp_path):
    """Parquet that is called .csv is Parquet."""
    assert rows(open_source(write(tmp_path / "list.csv", parquet(TABLE)))[0]) == ROWS


@pytest.mark.parametrize("packing", PACKED)
def test_text_is_one_url_a_line(tmp_path, packing):
    """Comments and blank lines are not rows; line ends of any system, a byte order mark and spaces around do not matter."""
    text = "\ufeff# mine\r\nhttps://a.org/1,2.jpg \r\n\n  https://a.org/ü b.jpg\n#x\nnot a url\nhttps://a.org/3#top"
    path = write(tmp_path / f"list.txt{packing}", PACKED[packing](text.encode()))
    source, columns = open_source(path)
    assert columns == Columns("url", None, None, None)
    assert [r["url"] for r in rows(source)] == [
        "https://a.org/1,2.jpg",
        "https://a.org/ü b.jpg",
        "not a url",
        "https://a.org/3#top",
    ]


def test_text_over_many_blocks_keeps_every_line(tmp_path, monkeypatch):
    """Lines that lie across two blocks are whole, and none is lost between batches."""
    monkeypatch.setattr("pixmo.sources.text.BLOCK_BYTES", 64)
    monkeypatch.setattr("pixmo.sources.text.line_blocks.__defaults__", (64,))
    urls = [f"https://example.org/{'x' * (i % 150)}/{i}" for i in range(500)]
    source, _ = open_source(write(tmp_path / "list.txt", "\n".join(urls)))
    assert [r["url"] for r in rows(source)] == urls


NESTED = pa.table(
    {
        "url": ["https://a.org/1", "https://a.org/2", None],
        "points": pa.array([[{"x": 1.5, "y": 2.5}], [], None], pa.list_(pa.struct([("x", pa.float32()), ("y", pa.float32())]))),
        "masks": pa.array([[[[True, False]]], None, []], pa.list_(pa.list_(pa.list_(pa.bool_())))),
        "questions": pa.array([{"q": ["a"], "a": []}, None, {"q": None, "a": ["b"]}], pa.struct([("q", pa.list_(pa.string())), ("a", pa.list_(pa.string()))])),
        "label": pa.array(["cat", "dog", "cat"]).dictionary_encode(),
        "count": pa.array([1, None, 3], pa.int16()),
        "at": pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
        "blob": pa.array([b"\x00\xff", b"", None], pa.large_binary()),
        "long": pa.array(["a", None, "b"], pa.large_string()),
        "tags": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
    }
)  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows"])
def test_nested_columns_keep_their_types(tmp_path, kind):
    """Lists, structs, masks, dictionaries, maps and odd widths come out with the type and values they went in with."""
    source, _ = open_source(write(tmp_path / f"list.{kind}", FORMATS[kind](NESTED)))
    assert source.schema().equals(NESTED.schema)
    assert pa.Table.from_batches(source.batches()).to_pylist() == NESTED.to_pylist()


def test_nested_json_is_one_type_for_all_rows(tmp_path):
    """Keys that come late, nulls first, whole and broken numbers, and text that looks like a date are read without loss."""
    text = (
        '{"url":"https://a.org/1","p":null,"when":"2020-01-01","n":1}\n\n'
        '{"url":"https://a.org/2","p":[{"x":1}],"when":"2020-01-01T10:00:00","n":2.5}\n'
        '{"p":[{"x":0.5,"label":"é"}],"url":"https://a.org/3","late":[[true]]}\n'
    )
    source, _ = open_source(write(tmp_path / "list.jsonl", text))
    assert source.schema().field("when").type == pa.string()
    assert rows(source) == [
        {"url": "https://a.org/1", "p": None, "when": "2020-01-01", "n": 1.0, "late": None},
        {
            "url": "https://a.org/2",
            "p": [{"x": 1.0, "label": None}],
            "when": "2020-01-01T10:00:00",
            "n": 2.5,
            "late": None,
        },
        {"url": "https://a.org/3", "p": [{"x": 0.5, "label": "é"}], "when": None, "n": None, "late": [[True]]},
    ]


@pytest.mark.parametrize("kind", ["jsonl", "json"])
def test_json_types_hold_over_many_blocks(tmp_path, monkeypatch, kind):
    """A column that is null, or whole numbers, for many blocks may become text, or broken numbers, in the last."""
    monkeypatch.setattr("pixmo.sources.jsonlines.BLOCK_BYTES", 256)
    monkeypatch.setattr("pixmo.sources.jsonlines.line_blocks.__defaults__", (256,))
    told = [{"url": f"https://a.org/{i}", "x": None, "n": i} for i in range(100)] + [
        {"url": "https://a.org/z", "x": "at last", "n": 0.5}
    ]
    source, _ = open_source(write(tmp_path / f"list.{kind}", FORMATS[kind](pa.Table.from_pylist(told))))
    assert rows(source) == told


def test_a_json_array_of_many_blocks_keeps_every_object(tmp_path, monkeypatch):
    """Objects that lie across blocks, with brackets and quotes in their texts, one line or many, are cut where they end."""
    monkeypatch.setattr("pixmo.sources.jsonlines.BLOCK_BYTES", 50)
    told = [{"url": f"https://a.org/{i}", "text": '}], {"[é\\' * (i % 7), "in": [{"a": i}]} for i in range(60)]
    for indent in (None, 2):
        path = write(tmp_path / f"{indent}.json", "\n " + json.dumps(told, indent=indent, ensure_ascii=False) + "\n")
        assert rows(open_source(path)[0]) == told


def test_csv_types_hold_for_the_last_row(tmp_path, monkeypatch):
    """A column empty, whole or dated for many blocks may hold text in the last: it is text then, and nothing is lost."""
    monkeypatch.setattr("pixmo.sources.delimited.BLOCK_BYTES", 512)
    lines = [f"https://a.org/{i},,{i},2020-01-01,{i}" for i in range(200)] + [
        "https://a.org/z,at last,0.5,some day,007x"
    ]
    source, _ = open_source(write(tmp_path / "list.csv", "url,caption,score,day,id\n" + "\n".join(lines)))
    got = rows(source)
    assert got[-1] == {"url": "https://a.org/z", "caption": "at last", "score": 0.5, "day": "some day", "id": "007x"}
    assert (got[0]["score"], got[0]["day"], got[0]["id"], len(got)) == (0.0, "2020-01-01", "0", 201)


def test_whole_numbers_in_csv_stay_whole(tmp_path):
    """An id column is read as Arrow reads it: 64-bit integers."""
    source, _ = open_source(write(tmp_path / "list.csv", "id,url\n9007199254740993,https://a.org/1\n"))
    assert rows(source) == [{"id": 9007199254740993, "url": "https://a.org/1"}]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "https://a.org/1\nhttps://a.org/2\n", [{"url": "https://a.org/1"}, {"url": "https://a.org/2"}]),
        ("a.csv", "a cat,https://a.org/1,3\n", [{"f0": "a cat", "url": "https://a.org/1", "f2": 3}]),
        ("a.tsv", "a cat\thttps://a.org/1\n", [{"f0": "a cat", "url": "https://a.org/1"}]),
        ("a.csv", "url;caption\nhttps://a.org/1,2;x\n", [{"url": "https://a.org/1,2", "caption": "x"}]),
        ("a.csv", "\ufeffurl\nhttps://a.org/1\n\n", [{"url": "https://a.org/1"}]),
        ("a.txt", "a cat\thttps://a.org/1\n", [{"f0": "a cat", "url": "https://a.org/1"}]),
        ("a", "url\nhttps://a.org/1\n", [{"url": "https://a.org/1"}]),
        ("a", "https://a.org/1\nhttps://a.org/2\n", [{"url": "https://a.org/1"}, {"url": "https://a.org/2"}]),
        ("a.json", '{"url":"https://a.org/1"}\n', [{"url": "https://a.org/1"}]),
    ],
)  # fmt: skip
def test_tables_as_people_keep_them(tmp_path, name, text, expected):
    """Without a header, with semicolons, with a byte order mark, with a suffix that says little."""
    assert rows(open_source(write(tmp_path / name, text))[0]) == expected


@pytest.mark.parametrize("kind", ["parquet", "arrows", "csv", "jsonl"])
def test_standard_input_is_told_by_its_content(kind):
    """`-` reads any format from a pipe, more than once."""
    code = (
        "from pixmo.sources.open import open_source\n"
        "source, columns = open_source('-')\n"
        "assert [sum(len(b) for b in source.batches()) for _ in range(2)] == [20, 20]\n"
        "print(columns.url, source.identity()['stdin'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=FORMATS[kind](TABLE), capture_output=True, check=False, timeout=60
    )
    assert (done.stdout.split(), done.stderr) == ([b"image_url", b"True"], b"")


def test_several_files_are_one_list(tmp_path):
    """A glob, a folder and a list of names give the files' rows one after the other, sorted by name."""
    for name, part in (("b", TABLE.slice(10)), ("a", TABLE.slice(0, 10))):
        write(tmp_path / "lists" / f"{name}.csv.gz", PACKED[".gz"](csv(part)))
    write(tmp_path / "lists" / ".hidden.csv", "x")
    write(tmp_path / "lists" / "README.md", "about")
    folder = tmp_path / "lists"
    assert rows(open_source(str(folder))[0]) == ROWS
    assert rows(open_source(str(folder / "*.csv.gz"))[0]) == ROWS
    assert rows(open_source([str(folder / "a.csv.gz"), str(folder / "b.csv.gz")])[0]) == ROWS


def test_files_of_different_kinds_may_be_given_together(tmp_path):
    """Parquet with 32-bit numbers, then JSON lines without the caption: numbers are widened, what lacks is null."""
    first = TABLE.slice(0, 10).set_column(3, "n", TABLE.slice(0, 10).column("n").cast(pa.int32()))
    a = write(tmp_path / "a.parquet", parquet(first))
    b = write(tmp_path / "b.jsonl", jsonl(TABLE.slice(10).drop_columns(["caption"])))
    source, _ = open_source([a, b])
    assert source.schema().field("n").type == pa.int64()
    assert rows(source) == ROWS[:10] + [r | {"caption": None} for r in ROWS[10:]]


def test_a_saved_data_set_is_read_with_its_splits(tmp_path):
    """A folder of `save_to_disk` is read in its own order; with several splits the column `split` says which."""
    import datasets

    one = datasets.Dataset.from_list(ROWS)
    one.save_to_disk(str(tmp_path / "one"), num_shards=3)
    assert rows(open_source(str(tmp_path / "one"))[0]) == ROWS
    datasets.DatasetDict({"train": one, "validation": one.select(range(2))}).save_to_disk(str(tmp_path / "two"))
    source, _ = open_source(str(tmp_path / "two"))
    assert source.splits == ("train", "validation")
    assert rows(source) == [r | {"split": "train"} for r in ROWS] + [r | {"split": "validation"} for r in ROWS[:2]]


def test_any_fsspec_address_is_read():
    """Files, globs and folders behind fsspec, here in its memory."""
    import fsspec

    for name, part in (("a", TABLE.slice(0, 10)), ("b", TABLE.slice(10))):
        with fsspec.open(f"memory://lists/{name}.parquet", "wb") as file:
            file.write(parquet(part))
    with fsspec.open("memory://more/c.csv.zst", "wb") as file:
        file.write(PACKED[".zst"](csv(TABLE)))
    assert rows(open_source("memory://lists")[0]) == ROWS
    assert rows(open_source("memory://lists/*.parquet")[0]) == ROWS
    assert rows(open_source("memory://lists/a.parquet")[0]) == ROWS[:10]
    assert rows(open_source("memory://more/c.csv.zst")[0]) == ROWS


def test_a_list_is_read_from_the_web(tmp_path):
    """A list behind http, compressed, through fsspec; a page that is not there is told."""
    write(tmp_path / "list.csv.gz", PACKED[".gz"](csv(TABLE)))
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            assert rows(open_source(f"{url}/list.csv.gz")[0]) == ROWS
            with pytest.raises(BadSource, match=r"list\.txt: no such file"):
                open_source(f"{url}/list.txt")
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_pipe_with_a_name_is_read(tmp_path):
    """What a shell writes for <(command) can be read once only: it is copied."""
    code = "import sys; from pixmo.sources.open import open_source; s, _ = open_source(sys.argv[1]); print(sum(len(b) for b in s.batches()))"
    path = write(tmp_path / "list.csv", csv(TABLE))
    shell = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} <(cat {shlex.quote(path)})"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == (b"20\n", b"")


def test_folders_of_lists_may_hold_links(tmp_path):
    """A link to a folder elsewhere is read, one that leads back up is not."""
    write(tmp_path / "elsewhere" / "b.csv", csv(TABLE.slice(10)))
    write(tmp_path / "lists" / "a.csv", csv(TABLE.slice(0, 10)))
    (tmp_path / "lists" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "lists" / "up").symlink_to(tmp_path / "lists")
    assert rows(open_source(str(tmp_path / "lists"))[0]) == ROWS


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_row_of_megabytes_is_read(tmp_path, kind):
    """A field longer than many blocks, between short ones."""
    told = [
        {"url": "https://a.org/1", "text": "x"},
        {"url": "https://a.org/2", "text": "é" * 5_000_000},
        {"url": "https://a.org/3", "text": "z"},
    ]
    source, _ = open_source(write(tmp_path / f"list.{kind}", FORMATS[kind](pa.Table.from_pylist(told))))
    assert [(r["url"], len(r["text"])) for r in rows(source)] == [(t["url"], len(t["text"])) for t in told]


def test_limit_stops_reading(tmp_path):
    """The first rows, exactly as many, and no look at what comes after: here a file whose end is missing."""
    source, _ = open_source(write(tmp_path / "list.arrows", arrow_stream(TABLE)[:-300]), limit=9)
    assert rows(source) == ROWS[:9]


def test_rows_are_expected_where_the_files_tell(tmp_path):
    """Parquet knows its rows before they are read, and a limit lowers what is expected."""
    path = write(tmp_path / "list.parquet", parquet(TABLE))
    assert open_source(path)[0].expected.rows == 20
    assert open_source(path, limit=9)[0].expected.rows == 9
    assert open_source(write(tmp_path / "list.csv", csv(TABLE)))[0].expected is None


def test_identity_changes_with_the_file_and_the_columns(tmp_path):
    """The same file is the same source; another content, date, limit or choice of columns is another."""
    path = Path(write(tmp_path / "list.csv", csv(TABLE)))
    first = open_source(str(path))[0].identity()
    assert first == open_source(str(path))[0].identity()
    others = [open_source(str(path), limit=3)[0].identity(), open_source(str(path), url_column="caption")[0].identity()]
    path.write_bytes(csv(TABLE.slice(1)))
    others.append(open_source(str(path))[0].identity())
    assert first not in others


def test_pictures_in_rows_come_in_small_batches(tmp_path):
    """Rows of 8 MB each are not given by the thousand."""
    picture = pa.StructArray.from_arrays(
        [pa.array([bytes([i]) * 2**23 for i in range(20)]), pa.array(["a.jpg"] * 20)], ["bytes", "path"]
    )
    for kind, data in (
        ("parquet", parquet(pa.table({"image": picture}))),
        ("arrow", FORMATS["arrow"](pa.table({"image": picture}))),
    ):
        source, columns = open_source(write(tmp_path / f"list.{kind}", data))
        assert columns.picture == "image"
        sizes = [b.num_rows for b in source.batches()]
        assert (sum(sizes), max(sizes)) == (20, 7)


MEASURE = """
import resource, sys
from pixmo.sources.open import open_source
import fsspec, pyarrow.csv, pyarrow.parquet
source, _ = open_source(sys.argv[1], limit=1000)
list(source.batches())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source, _ = open_source(sys.argv[1])
rows = sum(b.num_rows for b in source.batches())
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["txt", "csv", "parquet", "jsonl"])
def test_two_million_rows_do_not_fill_memory(tmp_path, kind):
    """Reading 2 million URLs, some 150 MB, takes at most 200 MB more than reading a thousand."""
    path = tmp_path / f"list.{kind}"
    urls = [f"https://host{i % 1000}.example.org/some/longer/path/to/a/picture/{i}.jpg" for i in range(100_000)]
    table = pa.table({"url": urls, "caption": ["c" * 20] * len(urls)})
    if kind == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetWriter(path, table.schema) as writer:
            for _ in range(20):
                writer.write_table(table)
    else:
        with path.open("wb") as file:
            if kind == "csv":
                file.write(b"url,caption\n")
            data = (
                "\n".join(urls).encode() + b"\n"
                if kind == "txt"
                else jsonl(table)
                if kind == "jsonl"
                else csv(table).split(b"\n", 1)[1]
            )
            for _ in range(20):
                file.write(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, check=True, text=True, timeout=200
    )
    count, grown_mb = map(int, done.stdout.split())
    assert count == 2_000_000
    assert grown_mb < 200


def test_reading_from_a_stream_object():
    """Standard input may be any binary stream."""
    from pixmo.sources.place import StdinPlace

    place = StdinPlace(io.BytesIO(b"url\nhttps://a.org/1\n"))
    with place.open() as file:
        assert bytes(file.read(3)) == b"url"
