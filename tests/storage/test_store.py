"""The store of a run: bytes and answers stay together, and what was taken down stays away."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pixmo.ask import Outcome
from pixmo.ids import Digest, digest
from pixmo.storage.journal_writer import JournalWriter, Line, encode
from pixmo.storage.pack_writer import PackWriter
from pixmo.storage.store import Store

KEY = digest(b"a question")


def owner_wrote(folder: Path, *pictures: bytes, sync: bool = False) -> list[Digest]:
    """What an owner that was killed leaves: packs and journal lines, with or without a checkpoint. The keys."""
    packs, journal = PackWriter(folder / "packs", "http0"), JournalWriter(folder / "journal", "http0")
    for data in pictures:
        where = packs.put(data)
        line: Line = {"key": digest(b"url of " + data), "round": 0, "outcome": "ok", "sha256": digest(data)}
        line |= {"pack": where.pack, "offset": where.offset, "size": where.length}
        journal.write(encode(line))
    if sync:
        packs.sync()
        journal.sync(journal.size)
    return [digest(b"url of " + data) for data in pictures]


def is_open(store: Store, key: Digest) -> bool:
    line = store.journal.get(key)
    assert line is not None
    return bool(line.get("open"))


def test_bytes_are_kept_once_and_found_again(tmp_path: Path) -> None:
    """By this store at once, and by the next one that opens the folder."""
    store = Store(tmp_path)
    assert store.put(b"picture") == store.put(b"picture") == digest(b"picture")
    assert store.packs.get(digest(b"picture")) == b"picture"
    store.close()
    store = Store(tmp_path)
    store.put(b"picture")
    store.close()
    assert sum(p.stat().st_size for p in tmp_path.rglob("*.pack")) == len(b"picture")


def test_an_answer_at_hand_is_journalled_with_its_bytes(tmp_path: Path) -> None:
    """Pictures reused from elsewhere answer their question as fetched ones do."""
    store = Store(tmp_path)
    line = store.answer(KEY, 2, b"picture", "reused")
    assert (line["outcome"], line["round"], line["sha256"]) == ("ok", 2, digest(b"picture"))
    assert store.journal.get(KEY) == line
    store.close()
    again = Store(tmp_path)
    assert again.journal.get(KEY) == line
    assert again.packs.get(line["sha256"]) == b"picture"
    again.close()


def test_a_power_cut_leaves_no_answer_without_its_bytes(tmp_path: Path) -> None:
    """The pack lost its end, the journal did not: the question is open again, the one before it is answered."""
    keys = owner_wrote(tmp_path, b"first picture", b"second picture")
    with (tmp_path / "packs/http0-0.pack").open("r+b") as file:
        file.truncate(20)
    store = Store(tmp_path)
    assert [is_open(store, key) for key in keys] == [False, True]
    store.close()


def test_a_power_cut_that_left_other_bytes_is_seen(tmp_path: Path) -> None:
    """Zeros where a page of the pack was not written: the length fits, the hash does not."""
    keys = owner_wrote(tmp_path, b"first picture", b"second picture")
    with (tmp_path / "packs/http0-0.pack").open("r+b") as file:
        file.seek(20)
        file.write(bytes(7))
    store = Store(tmp_path)
    assert [is_open(store, key) for key in keys] == [False, True]
    store.close()


def test_before_a_checkpoint_bytes_are_believed(tmp_path: Path) -> None:
    """What was synced is not hashed again on opening: that would read everything at every start."""
    keys = owner_wrote(tmp_path, b"picture", sync=True)
    with (tmp_path / "packs/http0-0.pack").open("r+b") as file:
        file.write(b"damaged")
    store = Store(tmp_path)
    assert not is_open(store, keys[0])
    store.close()


def test_an_answer_whose_pack_was_cleaned_away_is_believed_when_published(tmp_path: Path) -> None:
    """`clean --packs` drops packs whose pictures stand in published files: nothing is asked again for it."""
    keys = owner_wrote(tmp_path, b"published", b"lost")
    for path in (tmp_path / "packs").iterdir():
        path.unlink()
    store = Store(tmp_path, {str(digest(b"published")): b"published"}.get)
    assert [is_open(store, key) for key in keys] == [False, True]
    store.close()


def test_bytes_that_are_published_come_back_when_needed(tmp_path: Path) -> None:
    """`locate` puts them into the packs again; what is nowhere is None."""
    store = Store(tmp_path, {str(digest(b"published")): b"published"}.get)
    where = store.locate(digest(b"published"))
    assert where is not None
    assert store.packs.read(where) == b"published"
    assert store.locate(digest(b"nowhere")) is None
    store.close()


# take-downs


def test_a_buried_url_is_known_by_its_digest_alone(tmp_path: Path) -> None:
    """The tombstones do not say what was taken down; also a URL that is no Unicode is buried."""
    store = Store(tmp_path)
    for url in ("https://example.org/a.jpg", "https://example.org/\udcff"):
        assert not store.is_buried(url)
        store.bury({digest(url.encode(errors="surrogatepass"))})
        assert store.is_buried(url)
        assert Store(tmp_path).is_buried(url)
    assert "example" not in (tmp_path / "tombstones.txt").read_text()
    assert not store.is_buried("https://example.org/b.jpg")


def test_buried_bytes_are_not_taken_in(tmp_path: Path) -> None:
    """Neither embedded, nor back from published files."""
    store = Store(tmp_path, {str(digest(b"taken down")): b"taken down"}.get)
    store.bury({str(digest(b"taken down"))})
    assert store.put(b"taken down") == digest(b"taken down")
    assert store.locate(digest(b"taken down")) is None
    store.close()
    assert not any(b"taken down" in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_buried_bytes_do_not_come_back_as_an_answer(tmp_path: Path) -> None:
    """A reused folder may still hold the picture: its question is answered with `forgotten`, and no byte is kept."""
    store = Store(tmp_path)
    store.bury({str(digest(b"taken down"))})
    line = store.answer(KEY, 0, b"taken down", "reused")
    assert line["outcome"] == Outcome.FORGOTTEN
    assert "sha256" not in line
    assert store.journal.get(KEY) == line
    store.close()
    assert not any(b"taken down" in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_tombstones_add_up(tmp_path: Path) -> None:
    """Burying more keeps those before; burying again changes nothing."""
    store = Store(tmp_path)
    one, two = str(digest(b"1")), str(digest(b"2"))
    store.bury({one})
    store.bury({two, one})
    assert store.tombstones == Store(tmp_path).tombstones == {one, two}
    assert (tmp_path / "tombstones.txt").read_text().split() == sorted([one, two])


def test_a_take_down_dies_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the new tombstones have their name, the old ones stand."""
    store = Store(tmp_path)
    store.bury({str(digest(b"1"))})

    def dies(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", dies)
    with pytest.raises(KeyboardInterrupt):
        store.bury({str(digest(b"2"))})
    assert Store(tmp_path).tombstones == {str(digest(b"1"))}


def test_writers_have_names_of_their_own(tmp_path: Path) -> None:
    """However many runs and processes share a store."""
    store = Store(tmp_path)
    names = {store.writer_name("own") for _ in range(1000)}
    assert len(names) == 1000
    assert all(name.startswith("own-") for name in names)


def test_threads_may_put_at_the_same_time(tmp_path: Path) -> None:
    """Every picture is kept whole and once."""
    store = Store(tmp_path)
    pictures = [b"%d" % (i % 50) * 100 for i in range(400)]
    threads = [threading.Thread(target=lambda part=n: [store.put(p) for p in pictures[part::4]]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(store.packs.get(digest(p)) == p for p in pictures)
    store.close()
    assert list(Store(tmp_path).packs.damaged()) == []
    assert sum(len(list(store.packs.entries(n))) for n in store.packs.names()) == 50


def test_an_unused_store_writes_nothing(tmp_path: Path) -> None:
    """Looking at a folder leaves it as it was."""
    store = Store(tmp_path / "store")
    assert store.locate(digest(b"a")) is None
    assert store.journal.get(KEY) is None
    assert store.tombstones == frozenset()
    store.close()
    assert not (tmp_path / "store").exists()
