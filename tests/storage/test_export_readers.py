"""What we write is read by the real `datasets` and the real `webdataset`, offline."""

from __future__ import annotations

import datetime
import decimal
import gc
import json
import tarfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
import yaml

from pixmo.errors import UnknownName
from pixmo.ids import digest
from pixmo.storage.export.arrow import arrow_folder_files
from pixmo.storage.export.card import CardFacts, SplitFacts, card
from pixmo.storage.export.features import PICTURE
from pixmo.storage.export.parquet import write_parquet
from pixmo.storage.export.sink import Written
from pixmo.storage.export.webdataset import WebDatasetShard
from pixmo.storage.export.writers import FORMATS, index_name, shard_name, writer
from tests.storage.export_rows import SCHEMA, batch, jpeg


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The real client, its caches in a temporary folder, the network out of reach."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    module: ModuleType = pytest.importorskip("datasets")
    monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(module.config, "HF_HUB_OFFLINE", True)
    module.disable_progress_bars()
    return module


def _folder(root: Path, format: str, splits: dict[str, list[pa.RecordBatch]]) -> dict[str, list[tuple[str, Written]]]:
    """A data set of one file per batch, with its card."""
    facts: dict[str, list[tuple[str, Written]]] = {}
    for split, batches in splits.items():
        for number, rows in enumerate(batches):
            name = shard_name(format, split, number, len(batches))
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            with writer(format)(root / name, SCHEMA) as shard:
                shard.write(rows)
                written = shard.close()
            facts.setdefault(split, []).append((name, written))
            if written.index is not None:
                (root / index_name(name)).write_bytes(written.index)
    told = tuple(SplitFacts(s, sum(w.rows for _, w in f), sum(w.bytes for _, w in f), len(f)) for s, f in facts.items())
    (root / "README.md").write_text(card(CardFacts("x", "urls.parquet", told, SCHEMA, format=format)), encoding="utf-8")
    return facts


def test_parquet_folder_is_a_data_set(tmp_path: Path, datasets: ModuleType) -> None:
    """`load_dataset(folder)` finds the splits by the card, decodes the pictures and keeps every other column."""
    out = tmp_path / "out"
    _folder(out, "parquet", {"train": [batch(0, 5), batch(5, 4)], "validation": [batch(9, 2)]})
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: rows.num_rows for name, rows in loaded.items()} == {"train": 9, "validation": 2}
    assert loaded["train"].features["image"] == datasets.Image()
    assert loaded["train"][7]["image"].size == (32, 32)
    assert loaded["train"]["caption"][8] == "The picture number 8, “quoted”."
    assert loaded["train"][5]["points"] == [{"x": 1.5, "label": "a"}] * 2
    raw = loaded["validation"].cast_column("image", datasets.Image(decode=False))
    assert raw[0]["image"] == {"bytes": jpeg(9), "path": "9.jpg"}


def test_parquet_files_need_no_card(tmp_path: Path, datasets: ModuleType) -> None:
    """A single file loaded by path decodes its pictures too: the features are in its schema."""
    write_parquet(tmp_path / "one.parquet", [batch(0, 3)], SCHEMA)
    rows = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "one.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert rows[2]["image"].size == (32, 32)


def test_parquet_folder_streams(tmp_path: Path, datasets: ModuleType) -> None:
    """Streaming reads the same rows without a cache."""
    _folder(tmp_path / "out", "parquet", {"train": [batch(0, 3), batch(3, 2)]})
    rows = list(datasets.load_dataset(str(tmp_path / "out"), split="train", streaming=True))
    assert [r["row_id"] for r in rows] == [f"{n:016x}" for n in range(5)]
    assert rows[4]["image"].size == (32, 32)


def test_arrow_folder_loads_from_disk(tmp_path: Path, datasets: ModuleType) -> None:
    """`load_from_disk` gives a DatasetDict with all splits, pictures decoded, straight from our files."""
    out = tmp_path / "out"
    facts = _folder(out, "arrow", {"train": [batch(0, 3), batch(3, 3)], "test": [batch(6, 1)]})
    named = {split: [(Path(name).name, written) for name, written in files] for split, files in facts.items()}
    for name, data in arrow_folder_files(named, SCHEMA).items():
        (out / name).write_bytes(data)
    loaded = datasets.load_from_disk(str(out))
    assert {name: rows.num_rows for name, rows in loaded.items()} == {"train": 6, "test": 1}
    assert loaded["train"][4]["image"].size == (32, 32)
    assert loaded["train"].cache_files[0]["filename"].startswith(str(out))
    assert loaded["train"].info.splits["train"].num_examples == 6


def test_webdataset_reads_whole_samples(tmp_path: Path) -> None:
    """The real reader finds each sample whole: picture, caption and a JSON with everything else, NaN as null."""
    facts = _folder(tmp_path, "webdataset", {"train": [batch(0, 3), batch(3, 2)]})
    shards = [str(tmp_path / name) for name, _ in facts["train"]]
    samples = _tar_samples(shards)
    assert [s["__key__"] for s in samples] == [f"{n:016x}" for n in range(5)]
    assert [s["jpg"] for s in samples] == [jpeg(n) for n in range(5)]
    assert samples[1]["txt"].decode() == "The picture number 1, “quoted”."
    told = json.loads(samples[1]["json"])
    assert told == {
        "caption": "The picture number 1, “quoted”.", "points": [{"label": "a", "x": 1.5}],
        "row_id": f"{1:016x}", "score": None,
    }  # fmt: skip


def test_webdataset_decodes_pictures(tmp_path: Path) -> None:
    """`.decode("pil")` knows the picture by its extension."""
    _folder(tmp_path, "webdataset", {"train": [batch(0, 1)]})
    (sample,) = _tar_samples([str(tmp_path / "data/train-00000.tar")], decode="pil")
    assert sample["jpg"].size == (32, 32)


def _tar_samples(shards: list[str], decode: str | None = None) -> list[dict[str, Any]]:  # Any: as decoded
    webdataset = pytest.importorskip("webdataset")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files to the garbage collector
        rows = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False)
        samples = list(rows.decode(decode) if decode else rows)
        del rows
        gc.collect()
    return samples


def test_tar_is_ordinary_and_has_no_clock(tmp_path: Path) -> None:
    """Python's own tarfile lists regular members of owner 0, of the beginning of time; samples lie together."""
    _folder(tmp_path, "webdataset", {"train": [batch(0, 2)]})
    with tarfile.open(tmp_path / "data/train-00000.tar") as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == [f"{n:016x}.{e}" for n in range(2) for e in ("jpg", "txt", "json")]
    assert {(m.type, m.mtime, m.uid, m.gid, m.mode, m.uname) for m in members} == {
        (tarfile.REGTYPE, 0, 0, 0, 0o644, "")
    }


def test_index_points_at_every_member(tmp_path: Path) -> None:
    """Each entry of the `.idx` (DALI's v1.2) says extension, offset, size and name, and the bytes are there."""
    _folder(tmp_path, "webdataset", {"train": [batch(0, 3)]})
    data = (tmp_path / "data/train-00000.tar").read_bytes()
    head, *lines = (tmp_path / "data/train-00000.idx").read_text().splitlines()
    assert head == "v1.2 3"
    words = lines[1].split()
    entries = {
        words[i]: data[int(words[i + 1]) : int(words[i + 1]) + int(words[i + 2])] for i in range(0, len(words), 4)
    }
    assert (entries["jpg"], entries["txt"].decode()) == (jpeg(1), "The picture number 1, “quoted”.")
    assert words[3::4] == [f"{1:016x}.{e}" for e in ("jpg", "txt", "json")]


def test_webdataset_keys_are_safe_and_unique(tmp_path: Path) -> None:
    """Ids with dots, slashes or other scripts, and repeated ones, become keys a tar reader cannot misread."""
    ids = ["a.b", "../x", "né", "same", "same", None, "ok_1-A", "000000005"]
    rows = pa.record_batch({"row_id": ids, "image": pa.array([{"bytes": jpeg(1), "path": None}] * 8, PICTURE)})
    with WebDatasetShard(tmp_path / "x.tar", rows.schema) as shard:
        shard.write(rows)
    with tarfile.open(tmp_path / "x.tar") as tar:
        names = tar.getnames()
    keys = [n.removesuffix(".jpg") for n in names if n.endswith(".jpg")]
    assert len(set(keys)) == 8
    assert all(k.isascii() and "." not in k and "/" not in k for k in keys)
    assert [json.loads(_member(tmp_path / "x.tar", f"{k}.json"))["row_id"] for k in keys] == ids


def test_webdataset_lists_and_missing_pictures(tmp_path: Path) -> None:
    """A list of pictures becomes numbered members by each one's format; a missing picture is no member."""
    png = b"\x89PNG\r\n\x1a\n" + b"rest"
    pictures = [[{"bytes": jpeg(1), "path": None}, None, {"bytes": png, "path": None}], None]
    rows = pa.record_batch({"images": pa.array(pictures, pa.list_(PICTURE)), "format": [["JPEG", None, None], None]})
    with WebDatasetShard(tmp_path / "x.tar", rows.schema, ("images",)) as shard:
        shard.write(rows)
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert tar.getnames() == ["000000000.0.jpg", "000000000.2.png", "000000000.json", "000000001.json"]


def _member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        found = tar.extractfile(name)
        assert found is not None
        return found.read()


def test_webdataset_json_says_every_type(tmp_path: Path) -> None:
    """Dates, decimals, bytes, years beyond Python's and text that is not UTF-8 are written, never refused."""
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0])), pa.py_buffer(b"a\xff"))
    columns: dict[str, Any] = {
        "day": pa.array([datetime.date(2024, 2, 29)]), "price": pa.array([decimal.Decimal("1.10")]),
        "raw": pa.array([b"\0\1"]), "far": pa.array([10**12], pa.timestamp("s")), "bad": bad,
        "late": pa.array([datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.UTC)]),
        "took": pa.array([datetime.timedelta(seconds=1.5)]), "infinite": pa.array([float("inf")]),
    }  # fmt: skip
    rows = pa.record_batch(columns)
    with WebDatasetShard(tmp_path / "x.tar", rows.schema) as shard:
        shard.write(rows)
    told = json.loads(_member(tmp_path / "x.tar", "000000000.json"))
    assert str(10**12) in told.pop("far")
    assert told == {
        "day": "2024-02-29", "price": "1.10", "raw": "AAE=", "bad": "a\ufffd", "late": "2024-01-02T03:00:00+00:00",
        "took": 1.5, "infinite": None,
    }  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_writing_twice_gives_the_same_bytes(tmp_path: Path, format: str) -> None:
    """Every format is deterministic, and its digest is that of the file."""
    both = []
    for name in ("a", "b"):
        with writer(format)(tmp_path / name, SCHEMA) as shard:
            for first in (0, 5):
                shard.write(batch(first, 5))
            both.append(shard.close())
    assert both[0] == both[1]
    assert (both[0].rows, both[0].sha256) == (10, digest((tmp_path / "a").read_bytes()))


def test_unknown_format_names_the_nearest() -> None:
    """A misspelt format is an error that knows what was meant."""
    with pytest.raises(UnknownName, match="did you mean 'webdataset'"):
        writer("webdatset")


def test_part_names_sort_behind_their_range() -> None:
    """The first part keeps the range's name; further ones stand between it and the next range."""
    names = [
        shard_name("parquet", "train", 0, 2),
        shard_name("parquet", "train", 0, 2, 1),
        shard_name("parquet", "train", 1, 2),
    ]
    assert names == [
        "data/train-00000-of-00002.parquet", "data/train-00000-of-00002.part1.parquet", "data/train-00001-of-00002.parquet",
    ]  # fmt: skip


def test_card_front_matter_is_yaml_that_datasets_reads(tmp_path: Path, datasets: ModuleType) -> None:
    """The features on the card are, to `datasets`, the features in the files."""
    _folder(tmp_path, "parquet", {"train": [batch(0, 1)]})
    matter = yaml.safe_load((tmp_path / "README.md").read_text("utf-8").split("---\n")[1])
    told = datasets.Features._from_yaml_list(matter["dataset_info"]["features"])
    found = datasets.load_dataset(str(tmp_path), split="train", streaming=True).features
    assert told == found
