"""Published files serve as a store: each picture is found by its digest."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.ids import digest
from pixmo.storage.manifest import Manifest, ManifestFile
from pixmo.storage.published import PublishedPictures

PICTURES = [b"one", b"two", None, b"three", b"one"]


def publish(out: Path, name: str, pictures: list[bytes | None], column: str = "image", **more: list[object]) -> None:
    """Writes a file and a manifest that names all files of the folder."""
    path = out / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    shown = [None if p is None else {"bytes": p, "path": "x.jpg"} for p in pictures]
    shas = [None if p is None else digest(p) for p in pictures]
    columns = {column: pa.array(shown, kind), "fetched_sha256": pa.array(shas, pa.string()), **more}
    pq.write_table(pa.table(columns), path, row_group_size=2)
    files = [ManifestFile(p.relative_to(out).as_posix(), "", 0) for p in (out / "data").iterdir()]
    Manifest(tuple(files), 0, 0).publish(out)


def test_every_published_picture_is_found(tmp_path: Path) -> None:
    """In any file and any row group; what is not published is not here."""
    publish(tmp_path, "train-0.parquet", PICTURES)
    publish(tmp_path, "train-1.parquet", [b"four"])
    published = PublishedPictures(tmp_path)
    for data in (b"one", b"two", b"three", b"four"):
        assert published.has(digest(data))
        assert published.get(digest(data)) == data
    assert not published.has(digest(b"five"))
    assert published.get(digest(b"five")) is None
    assert "pictures" in repr(published)


def test_a_folder_without_manifest_has_published_nothing(tmp_path: Path) -> None:
    """An unfinished run is no store."""
    assert PublishedPictures(tmp_path).get(digest(b"one")) is None


def test_a_file_that_is_gone_costs_only_its_own_pictures(tmp_path: Path) -> None:
    """The others are still found."""
    publish(tmp_path, "a.parquet", [b"one"])
    publish(tmp_path, "b.parquet", [b"two"])
    (tmp_path / "data/a.parquet").unlink()
    published = PublishedPictures(tmp_path)
    assert (published.get(digest(b"one")), published.get(digest(b"two"))) == (None, b"two")


def test_bytes_that_are_not_what_the_row_says_are_not_given(tmp_path: Path) -> None:
    """A published picture is believed by its hash, never by its column."""
    publish(tmp_path, "a.parquet", [b"one"])
    table = pq.read_table(tmp_path / "data/a.parquet")
    lying = table.set_column(1, "fetched_sha256", pa.array([digest(b"other")], pa.string()))
    pq.write_table(lying, tmp_path / "data/a.parquet")
    published = PublishedPictures(tmp_path)
    assert published.get(digest(b"other")) is None
    assert not published.has(digest(b"other")), "a pack must not be dropped for a picture that is not there"


def test_a_digest_that_only_begins_alike_is_not_published(tmp_path: Path) -> None:
    """Equal first 64 bits are not the same picture."""
    publish(tmp_path, "a.parquet", [b"one"])
    alike = digest(b"one")[:16] + "0" * 48
    published = PublishedPictures(tmp_path)
    assert not published.has(alike)
    assert published.get(alike) is None


def test_rows_published_without_bytes_are_no_store(tmp_path: Path) -> None:
    """A row whose picture is null shows nothing, though its digest is known; nor does a file without pictures."""
    publish(tmp_path, "a.parquet", [None])
    table = pq.read_table(tmp_path / "data/a.parquet")
    known = table.set_column(1, "fetched_sha256", pa.array([digest(b"one")], pa.string()))
    pq.write_table(known, tmp_path / "data/a.parquet")
    pq.write_table(known.drop_columns(["image"]), tmp_path / "data/b.parquet")
    files = tuple(ManifestFile(f"data/{n}.parquet", "", 0) for n in "ab")
    Manifest(files, 0, 0).publish(tmp_path)
    published = PublishedPictures(tmp_path)
    assert published.get(digest(b"one")) is None
    assert not published.has(digest(b"one"))


@pytest.mark.parametrize("own", [{"image": ["theirs"]}, {"image": [{"bytes": b"theirs", "path": "y.jpg"}]}])
def test_a_column_of_the_sources_own_does_not_hide_ours(own: dict[str, list[object]], tmp_path: Path) -> None:
    """Where the source has a column `image`, ours is `pixmo_image`."""
    publish(tmp_path, "a.parquet", [b"one"], column="pixmo_image", **own)
    assert PublishedPictures(tmp_path).get(digest(b"one")) == b"one"


def test_resized_pictures_are_published_under_their_own_digest(tmp_path: Path) -> None:
    """Where copies were published, the originals are not: their packs must stay."""
    resized = [digest(b"small")]
    publish(tmp_path, "a.parquet", [b"small"], resized_sha256=[*resized])
    table = pq.read_table(tmp_path / "data/a.parquet")
    original = table.set_column(1, "fetched_sha256", pa.array([digest(b"large")], pa.string()))
    pq.write_table(original, tmp_path / "data/a.parquet")
    published = PublishedPictures(tmp_path)
    assert (published.has(digest(b"small")), published.get(digest(b"small"))) == (True, b"small")
    assert (published.has(digest(b"large")), published.get(digest(b"large"))) == (False, None)
