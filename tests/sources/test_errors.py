"""Whatever is wrong with a list is told in one line that names the file, the place in it, and what to do."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pytest

from pixmo.errors import BadSetting, BadSource, UnknownName
from pixmo.sources.open import open_source
from tests.sources.lists import TABLE, arrow_file, arrow_stream, csv, jsonl, parquet, write


def message(*args, kind=BadSource, **kw):
    """The one line that reading a source ends with."""
    with pytest.raises(kind) as error:
        for _ in open_source(*args, **kw)[0].batches():
            pass
    assert "\n" not in str(error.value)
    return str(error.value)


WHOLE = {"parquet": parquet(TABLE), "arrow": arrow_file(TABLE), "arrows": arrow_stream(TABLE)}

CASES = [
    ("a.csv", b"", "a.csv: is empty"),
    ("a.txt", b" \n\n", "a.txt: is empty"),
    ("a.txt", b"# only\n# comments\n", "a.txt: has no rows"),
    ("a.csv", b"url,caption\n", "a.csv: has no rows"),
    ("a.csv", b"<!DOCTYPE html><html>no such page</html>", "a.csv: is HTML, not a list; did a download give a web page?"),
    ("a.parquet", b"<html>", "a.parquet: is HTML"),
    ("a.csv", b"url,n\nhttp://a.org/1,1\nhttp://a.org/2\n", "a.csv:3: has 1 fields where the first line has 2; quote fields"),
    ("a.csv", b'url,n\n"http://a.org/\n1",1\nhttp://a.org/2,3,4\n', "a.csv:4: has 3 fields where the first line has 2"),
    ("a.tsv", b"url\tn\nhttp://a.org/1\t1\t2\n", "a.tsv:2: has 3 fields where the first line has 2"),
    ("a.csv", b'url,n\nhttp://a.org/1,1\nhttp://a.org/2,"2\nhttp://a.org/3,3\n', "a.csv:3: a quote is opened in this line and never closed"),
    ("a.csv", b"url,n\nhttp://a.org/1,1\nhttp://a.org/2,caf\xe9\n", "a.csv:3: is not UTF-8 (near 'http://a.org/2,caf\ufffd'); save the file as UTF-8"),
    ("a.csv", b"url,url\nhttp://a.org/1,http://a.org/1\n", "a.csv: two columns are called 'url'; rename one in its first line"),
    ("a.txt", b"http://a.org/1\nhttp://a.org/caf\xe9\n", "a.txt:2: is not UTF-8"),
    ("a.txt", b"dear reader,\nthis is no list\n", "a.txt: is no list of URLs: 'dear reader,' is none; --url-column url takes it"),
    ("a.csv", "url\nhttp://a.org\n".encode("utf-16"), "a.csv: is UTF-16; save it as UTF-8"),
    ("a.jsonl", b'{"url":"http://a.org/1"}\n\n{"url":\n', "a.jsonl:3: is not a JSON object of one line: Expecting value"),
    ("a.jsonl", b'{"url":"http://a.org/1"}\n["http://a.org/2"]\n', "a.jsonl:2: is list [\"http://a.org/2\"], not an object {"),
    ("a.jsonl", b'{"url":"http://a.org/1","n":1}\n{"url":"http://a.org/2","n":"x"}\n', "a.jsonl:2: 'n' is string, before it was number; write it one way in all rows"),
    ("a.jsonl", b'{"url":"http://a.org/caf\xe9"}\n', "a.jsonl:1: is not UTF-8"),
    ("a.json", b'[\n {"url":"http://a.org/1"},\n {"url":}\n]', "a.json:3: is not a JSON array of objects: Expecting value"),
    ("a.json", b'[{"url":"http://a.org/1"},\n', "a.json:2: is not a JSON array of objects: the array is not closed"),
    ("a.json", b'[{"url":"http://a.org/1"},\n"x"]', "a.json:2: holds \"x\", not an object {"),
    ("a.json", b'{\n "rows": []\n}', "a.json:1: is not a JSON object of one line"),
    ("a.parquet", WHOLE["parquet"][:-10], "a.parquet: is cut off or damaged (Parquet magic bytes not found in footer"),
    ("a.parquet", b"PAR1", "a.parquet: is cut off or damaged"),
    ("a.parquet", b"url\nhttp://a.org/1\n", "a.parquet: is not Parquet inside; is it cut off, or named wrongly?"),
    ("a.arrow", WHOLE["arrow"][:-10], "a.arrow: is cut off or damaged"),
    ("a.arrows", WHOLE["arrows"][:-200], "a.arrows: is cut off or damaged"),
    ("a.csv.gz", gzip.compress(csv(TABLE), mtime=0)[:-20], "a.csv.gz: is cut off or damaged (Truncated compressed stream)"),
    ("a.jsonl.gz", gzip.compress(jsonl(TABLE), mtime=0)[:60], "a.jsonl.gz: is cut off or damaged"),
    ("a.csv", b"PK\x03\x04....", "a.csv: is a zip archive; unpack it first"),
    ("a.csv", b"\x89PNG\r\n\x1a\n", "a.csv: is a picture; `pixmo import FOLDER OUT` takes"),
    ("a.csv", b"version https://git-lfs.github.com/spec/v1\n", "a.csv: is a Git LFS pointer"),
    ("a.bin", b"abc\x00\x01", "a.bin: is a binary file of a kind pixmo does not read"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "told"), CASES, ids=[told for _, _, told in CASES])
def test_a_broken_file_is_told(tmp_path, name, content, told):
    """Each kind of damage has its own line."""
    assert told in message(write(tmp_path / name, content))


def test_a_broken_line_far_down_is_found(tmp_path, monkeypatch):
    """The line number counts from the file's first line, over blocks."""
    monkeypatch.setattr("pixmo.sources.jsonlines.line_blocks.__defaults__", (300,))
    text = b"".join(b'{"url":"http://a.org/%d"}\n' % i for i in range(200)) + b'{"url": nothing}\n'
    assert "a.jsonl:201: is not a JSON object" in message(write(tmp_path / "a.jsonl", text))


def test_a_type_that_changes_between_blocks_is_told(tmp_path, monkeypatch):
    """Text where numbers were before is named with its column, also when Arrow saw the two in different blocks."""
    lines = [b'{"url":"http://a.org/1","n":111}\n', b'{"url":"http://a.org/2","n":"x"}\n']
    monkeypatch.setattr("pixmo.sources.jsonlines.line_blocks.__defaults__", (len(lines[0]),))
    told = message(write(tmp_path / "a.jsonl", b"".join(lines)))
    assert "a.jsonl:2: from about this line 'n' is string, before it was int64; write it one way in all rows" in told


def test_files_that_do_not_agree_are_told(tmp_path):
    """The file and the column that differ are named, for another type and for a missing column."""
    a = write(tmp_path / "a.parquet", parquet(TABLE))
    b = write(tmp_path / "b.parquet", parquet(TABLE.set_column(3, "n", pa.array(["x"] * 20))))
    c = write(tmp_path / "c.parquet", parquet(TABLE.drop_columns(["caption"])))
    assert f"{b}: column 'n' is string, but int64 in {a}" in message([a, b])
    assert f"{c}: has no column 'caption', which {a} has" in message([a, c])
    assert f"{c}: has no column 'caption', which {a} has" in message([c, a])


def test_columns_of_one_name_are_told(tmp_path):
    """Parquet may hold two columns of one name; which is meant cannot be known."""
    table = pa.Table.from_arrays([pa.array(["http://a.org/1"])] * 2, names=["url", "url"])
    assert "two columns are called 'url'" in message(write(tmp_path / "a.parquet", parquet(table)))


def test_a_folder_of_several_kinds_is_told(tmp_path):
    """What is meant is asked, with the kinds and a glob to write."""
    write(tmp_path / "lists" / "a.parquet", parquet(TABLE))
    write(tmp_path / "lists" / "b.csv", csv(TABLE))
    assert "holds lists of several kinds (1 parquet, 1 csv); give those meant" in message(str(tmp_path / "lists"))


def test_a_folder_without_lists_is_told(tmp_path):
    """A folder of pictures is sent to `pixmo import`."""
    write(tmp_path / "empty" / "README.md", "x")
    write(tmp_path / "pictures" / "a.jpg", "x")
    assert "holds no list" in message(str(tmp_path / "empty"))
    assert f"`pixmo import {tmp_path / 'pictures'} OUT` takes them" in message(str(tmp_path / "pictures"))


def test_a_missing_file_is_told_with_the_nearest(tmp_path):
    """A typing error in a path names the file that is there."""
    write(tmp_path / "urls.csv", csv(TABLE))
    assert f"did you mean '{tmp_path / 'urls.csv'}'?" in message(str(tmp_path / "url.csv"))
    assert "no file matches" in message(str(tmp_path / "*.parquet"))


def test_an_unknown_name_is_told_with_the_nearest(tmp_path, monkeypatch):
    """A word that is neither set nor file names the nearest of both."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mylist", "http://a.org/1\n")
    assert "no set or file named 'cp'; did you mean 'cap'?" in message("cp", kind=UnknownName)
    assert "did you mean 'mylist'?" in message("mylst", kind=UnknownName)
    assert "is a group of sets (cap, cap-qa, " in message("pixmo")


def test_a_name_is_a_set_and_a_path_a_file(tmp_path, monkeypatch):
    """`cap` is the set though a file is called so; `./cap` is the file; `a/b` that is here must be written `./a/b`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write(tmp_path / "cap", "http://a.org/1\n")
    write(tmp_path / "own" / "lists" / "a.txt", "http://a.org/1\n")
    write(tmp_path / "mine", "http://a.org/1\n")
    for path in ("./cap", "mine", "./own/lists", "own/lists/a.txt", str(tmp_path / "cap")):
        assert sum(b.num_rows for b in open_source(path)[0].batches()) == 1
    assert "own/lists: is here and could be a set on the Hub; write ./own/lists" in message("own/lists")
    from pixmo.sources.resolve import HubName, SetName, resolve

    assert resolve("cap") == SetName("cap")
    assert resolve("allenai/pixmo-cap") == HubName("allenai/pixmo-cap")
    assert resolve("https://huggingface.co/datasets/own/lists") == HubName("own/lists")


def test_addresses_that_cannot_be_opened_are_told():
    """An unknown protocol, a missing file, a library that is not installed: each in one line."""
    assert "no protocol named 'memry'; did you mean 'memory'?" in message("memry://x/a.csv", kind=UnknownName)
    assert message("memory://nowhere/a.csv") == "memory://nowhere/a.csv: no such file"
    assert "pip install" in message("s3://bucket/a.csv")


def test_a_password_is_not_shown():
    """An address is repeated without the password in it."""
    told = message("s3://me:secret@bucket/a.csv")
    assert "secret" not in told
    assert "s3://me@bucket/a.csv" in told


def test_options_of_the_hub_are_refused_for_files(tmp_path):
    """A config, split or revision of a file is a misunderstanding."""
    path = write(tmp_path / "a.csv", csv(TABLE))
    assert "--config x: only sets on the Hub have that" in message(path, config="x", kind=BadSetting)
    assert "--limit 0: give a number of rows" in message(path, limit=0, kind=BadSetting)
    assert "cap: a set cannot be read together with other lists" in message([path, "cap"])


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_text_that_is_no_unicode_is_told(tmp_path, suffix):
    """A column called text that holds other bytes: the file is named, whoever wrote it."""
    urls = pa.array([b"http://a.org/1", b"http://a.org/\xff"]).view(pa.string())
    table = pa.table({"url": urls})
    made = {"parquet": parquet, "arrow": arrow_file}[suffix](table)
    path = write(tmp_path / f"a.{suffix}", made)
    assert f"a.{suffix}: holds values that cannot be read: In column 0: Invalid: Invalid UTF8" in message(path)
