"""Pictures that are at hand: Ai2's cache and the three formats of img2dataset."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadSource
from pixmo.sources.reuse import open_reuse
from tests.sources.lists import write

JPEG = b"\xff\xd8\xff\xe0 a picture \x00\x01"
URL = "https://a.org/ü.jpg"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cache(tmp_path):
    """A cache of Ai2's downloader with one picture."""
    write(tmp_path / sha(URL.encode()), JPEG)
    return tmp_path


def test_a_picture_of_ai2s_cache_is_taken(cache):
    """It lies under the sha256 of its URL; other URLs are not there; the expected digest must be met."""
    reuse = open_reuse(cache)
    assert reuse.get(URL, None) == (JPEG, f"reused from {cache}", True)
    assert reuse.get(URL, sha(JPEG).upper()).data == JPEG
    assert reuse.get(URL, "0" * 64) is None
    assert reuse.get("https://a.org/other.jpg", None) is None


@pytest.mark.parametrize(
    "text",
    [
        b"404 Client Error: Not Found for url: https://a.org/1.jpg",
        b"HTTPSConnectionPool(host='a.org', port=443): Max retries exceeded with url: /1.jpg (Caused by \xc3\xbc)",
        b"Client error '403 Forbidden' for url 'https://a.org/1.jpg'\nFor more information",
        b"<html>gone</html>",
        b"\xc3\xbc" * 511 + b"x\xc3\xbc",
        b"",
    ],
)
def test_text_in_ai2s_cache_is_not_believed(tmp_path, text):
    """A failure was kept as text in the picture's place: it is asked for again."""
    write(tmp_path / sha(URL.encode()), text)
    assert open_reuse(tmp_path).get(URL, None) is None


ROWS = [
    {"url": URL, "key": "000000000", "status": "success", "sha256": sha(JPEG), "caption": "a"},
    {
        "url": "https://a.org/small.jpg",
        "key": "000000001",
        "status": "success",
        "sha256": sha(b"the original"),
        "caption": "b",
    },
    {
        "url": "https://a.org/gone.jpg",
        "key": "000000002",
        "status": "failed_to_download",
        "sha256": None,
        "caption": "c",
    },
    {"url": "https://a.org/lost.jpg", "key": "000000003", "status": "success", "sha256": sha(b"lost"), "caption": "d"},
]
PICTURES = {"000000000": JPEG, "000000001": JPEG + b"smaller"}


def _metadata(folder, rows=ROWS):
    pq.write_table(pa.Table.from_pylist(rows), folder / "00000.parquet")
    write(folder / "00000_stats.json", "{}")


def _files(folder):
    for key, data in PICTURES.items():
        write(folder / "00000" / f"{key}.jpg", data)
    _metadata(folder)


def _files_with_json(folder):
    _files(folder)
    (folder / "00000.parquet").unlink()
    for row in ROWS:
        write(folder / "00000" / f"{row['key']}.json", json.dumps(row))


def _tar(folder, members):
    with tarfile.open(folder / "00000.tar", "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _webdataset(folder):
    _tar(folder, {f"{key}.jpg": data for key, data in PICTURES.items()})
    _metadata(folder)


def _webdataset_alone(folder):
    told = {f"{row['key']}.json": json.dumps(row).encode() for row in ROWS}
    _tar(folder, {f"{key}.jpg": data for key, data in PICTURES.items()} | told)


def _parquet(folder):
    rows = [row | {"jpg": PICTURES.get(row["key"])} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), folder / "00000.parquet", row_group_size=1)


@pytest.mark.parametrize(
    "make", [_files, _files_with_json, _webdataset, _webdataset_alone, _parquet], ids=lambda f: f.__name__
)
def test_pictures_of_img2dataset_are_taken(tmp_path, make):
    """Found by URL in every format; `original` only where the bytes have the hash noted when they came."""
    make(tmp_path)
    reuse = open_reuse(tmp_path)
    assert reuse.get(URL, None) == (JPEG, f"reused from {tmp_path}", True)
    small = reuse.get("https://a.org/small.jpg", None)
    assert (small.data, small.original) == (JPEG + b"smaller", False)
    for url in ("https://a.org/gone.jpg", "https://a.org/lost.jpg", "https://a.org/never.jpg"):
        assert reuse.get(url, None) is None


def test_an_expected_digest_rules_over_img2dataset(tmp_path):
    """A picture that its host had replaced is not taken; a re-encoded copy of the expected one is, and says so."""
    _files(tmp_path)
    reuse = open_reuse(tmp_path)
    assert reuse.get(URL, sha(JPEG)).original
    assert reuse.get(URL, "0" * 64) is None
    assert not reuse.get("https://a.org/small.jpg", sha(b"the original")).original


@pytest.mark.parametrize("kind", ["md5", "sha512"])
def test_other_hashes_of_img2dataset_prove_as_well(tmp_path, kind):
    """`--compute_hash md5` and `sha512`."""
    row = {"url": URL, "key": "000000000", "status": "success", kind: hashlib.new(kind, JPEG).hexdigest()}
    _metadata(tmp_path, [row])
    write(tmp_path / "00000" / "000000000.jpg", JPEG)
    assert open_reuse(tmp_path).get(URL, None).original


def test_no_hash_proves_nothing(tmp_path):
    """Without a noted hash, bytes equal to the expected digest are still the original."""
    _metadata(tmp_path, [{"url": URL, "key": "000000000", "status": "success"}])
    write(tmp_path / "00000" / "000000000.jpg", JPEG)
    reuse = open_reuse(tmp_path)
    assert not reuse.get(URL, None).original
    assert reuse.get(URL, sha(JPEG)).original


def test_damaged_shards_are_left_out(tmp_path, caplog):
    """A run that was killed leaves a cut tar and cut metadata: what is whole is taken, the rest is said and fetched."""
    _webdataset(tmp_path)
    whole = (tmp_path / "00000.tar").read_bytes()
    write(tmp_path / "00000.tar", whole[: 512 + 512 + 512 + 4])
    write(tmp_path / "00001.parquet", b"PAR1 cut")
    reuse = open_reuse(tmp_path)
    assert reuse.get(URL, None).data == JPEG
    assert reuse.get("https://a.org/small.jpg", None) is None
    assert "shard not reused" in caplog.text
    assert "00001" in caplog.text


def test_many_shards_are_searched_by_index(tmp_path):
    """URLs of a hundred shards are all found, in any order, with equal URLs in two shards."""
    for shard in range(100):
        rows = [
            {"url": f"https://a.org/{shard}-{i}", "key": f"{shard:05d}{i:04d}", "status": "success"} for i in range(5)
        ]
        rows.append({"url": "https://a.org/same", "key": f"{shard:05d}9999", "status": "success"})
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{shard:05d}.parquet")
        for row in rows[:5] if shard != 7 else rows:
            write(tmp_path / f"{shard:05d}" / f"{row['key']}.jpg", JPEG + row["url"].encode())
    reuse = open_reuse(tmp_path)
    for shard in (99, 0, 50, 3):
        assert reuse.get(f"https://a.org/{shard}-4", None).data == JPEG + f"https://a.org/{shard}-4".encode()
    assert reuse.get("https://a.org/same", None).data == JPEG + b"https://a.org/same"


def test_a_folder_that_is_neither_is_told(tmp_path):
    """One line says what can be reused."""
    write(tmp_path / "a.jpg", JPEG)
    with pytest.raises(BadSource, match=r"is neither Ai2's image cache .* nor an img2dataset folder"):
        open_reuse(tmp_path)
    with pytest.raises(BadSource, match="no such folder"):
        open_reuse(tmp_path / "nowhere")
