"""Bytes by their hash: what was put is found whole, by any reader, whatever became of the writers."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import NoSpace
from pixmo.ids import digest
from pixmo.storage.compact import prefix
from pixmo.storage.pack_writer import ENTRY, PackWriter
from pixmo.storage.packs import Packs

FULL_THEN_FREE = """
import resource, signal, sys
from pathlib import Path
from pixmo.errors import NoSpace
from pixmo.storage.pack_writer import PackWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
packs = PackWriter(Path(sys.argv[1]), "w")
packs.put(b"a" * 600)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    packs.put(b"b" * 600)
except NoSpace:
    print("full")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
packs.put(b"c" * 600)
packs.put(b"d" * 600)
packs.close()
"""


def put(folder: Path, *pictures: bytes, writer: str = "w", pack_bytes: int = 2**30) -> PackWriter:
    packs = PackWriter(folder, writer, pack_bytes)
    for data in pictures:
        packs.put(data)
    packs.close()
    return packs


@given(pictures=st.lists(st.binary(max_size=50), max_size=30), pack_bytes=st.integers(1, 200))
def test_what_was_put_is_found(
    pictures: list[bytes], pack_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any bytes, empty and repeated ones too, in packs that roll over: each comes back by its digest, none is damaged."""
    folder = tmp_path_factory.mktemp("packs")
    put(folder, *pictures, pack_bytes=pack_bytes)
    packs = Packs(folder)
    assert [packs.get(digest(p)) for p in pictures] == pictures
    assert packs.get(digest(b"never put" * 10)) is None
    assert list(packs.damaged()) == []
    packs.close()


def test_a_pack_rolls_over_before_its_limit(tmp_path: Path) -> None:
    """No pack is larger than the limit, but for a picture that is larger itself."""
    put(tmp_path, b"a" * 60, b"b" * 40, b"c", b"d" * 300, pack_bytes=100)
    assert [p.stat().st_size for p in sorted(tmp_path.glob("*.pack"))] == [100, 1, 300]


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    """A writer that gets a picture again says where it lies already."""
    packs = PackWriter(tmp_path, "w")
    assert packs.put(b"picture") == packs.put(b"picture")
    assert "7 bytes" in repr(packs)
    packs.close()
    assert (tmp_path / "w-0.pack").read_bytes() == b"picture"


def test_an_index_entry_is_48_little_endian_bytes(tmp_path: Path) -> None:
    """The layout is a promise: sha256, offset, length."""
    put(tmp_path, b"one", b"three")
    expected = sha256(b"one").digest() + (0).to_bytes(8, "little") + (3).to_bytes(8, "little")
    expected += sha256(b"three").digest() + (3).to_bytes(8, "little") + (5).to_bytes(8, "little")
    assert (tmp_path / "w-0.idx").read_bytes() == expected


def test_a_writer_never_opens_the_files_of_another(tmp_path: Path) -> None:
    """A name used before is refused, so that nothing is ever appended to what a killed process left."""
    put(tmp_path, b"one")
    again = PackWriter(tmp_path, "w")
    with pytest.raises(FileExistsError):
        again.put(b"two")


@pytest.mark.parametrize("torn", [1, 47])
def test_a_torn_last_index_entry_is_ignored(torn: int, tmp_path: Path) -> None:
    """Entries before it are found, the torn one is as if it had never been."""
    put(tmp_path, b"one", b"two")
    with (tmp_path / "w-0.idx").open("r+b") as file:
        file.truncate(ENTRY.size + torn)
    packs = Packs(tmp_path)
    assert packs.get(digest(b"one")) == b"one"
    assert packs.get(digest(b"two")) is None
    assert [sha for sha, _, _ in packs.entries("w-0")] == [digest(b"one")]


def test_an_entry_past_the_end_of_its_pack_is_ignored(tmp_path: Path) -> None:
    """A power cut may keep the index and lose the bytes: they are then not here."""
    put(tmp_path, b"one", b"two")
    with (tmp_path / "w-0.pack").open("r+b") as file:
        file.truncate(5)
    packs = Packs(tmp_path)
    assert (packs.get(digest(b"one")), packs.get(digest(b"two"))) == (b"one", None)
    assert list(packs.damaged()) == []


def test_an_index_without_its_pack_holds_nothing(tmp_path: Path) -> None:
    """Killed between removing a pack and its index, `clean` leaves such a one; the others are still read."""
    put(tmp_path, b"one", writer="a")
    put(tmp_path, b"two", writer="b")
    (tmp_path / "a-0.pack").unlink()
    packs = Packs(tmp_path)
    assert (packs.get(digest(b"one")), packs.get(digest(b"two"))) == (None, b"two")
    assert list(packs.damaged()) == []


def test_an_unfinished_index_is_no_pack(tmp_path: Path) -> None:
    """A process killed while it published an index leaves a temporary file; nobody reads it."""
    put(tmp_path, b"one")
    (tmp_path / ".tmp-12-0-w-0.idx").write_bytes((tmp_path / "w-0.idx").read_bytes())
    assert Packs(tmp_path).names() == ["w-0"]
    assert Packs(tmp_path).get(digest(b"one")) == b"one"


def test_bytes_without_an_entry_harm_nobody(tmp_path: Path) -> None:
    """Killed between the bytes and their entry: what came before is found."""
    put(tmp_path, b"one")
    with (tmp_path / "w-0.pack").open("ab") as file:
        file.write(b"half a pic")
    assert Packs(tmp_path).get(digest(b"one")) == b"one"


def test_equal_prefixes_of_stored_pictures_are_told_apart_by_their_hash(tmp_path: Path) -> None:
    """Somebody may craft pictures whose digests begin alike: each is found by its whole digest."""
    put(tmp_path, b"one", b"two")
    one, two = digest(b"one"), digest(b"two")
    packs = Packs(tmp_path)
    where = packs.locate(two)
    assert where is not None
    packs.note(one, where)  # now two candidates under the prefix of `one`
    assert len(packs._loaded().find(prefix(one))) == 2
    assert packs.get(one) == b"one"


def test_a_picture_whose_digest_only_begins_like_a_stored_one_is_not_here(tmp_path: Path) -> None:
    """Equal first 64 bits are cheap to craft; the bytes of another picture must never be given for it."""
    put(tmp_path, b"one")
    alike = digest(b"one")[:16] + "0" * 48
    packs = Packs(tmp_path)
    assert packs.get(alike) is None
    assert packs.get(digest(b"one")) == b"one"


def test_a_reader_learns_of_what_a_writer_just_put(tmp_path: Path) -> None:
    """`note` makes bytes found that were not there when the index was loaded."""
    packs, writer = Packs(tmp_path), PackWriter(tmp_path, "w")
    assert packs.get(digest(b"new")) is None
    packs.note(digest(b"new"), writer.put(b"new"))
    assert packs.get(digest(b"new")) == b"new"
    writer.close()


def test_the_index_is_not_loaded_before_it_is_needed(tmp_path: Path) -> None:
    """A finished run opens no pack."""
    put(tmp_path, b"one")
    packs = Packs(tmp_path)
    assert "not loaded" in repr(packs)
    packs.locate(digest(b"one"))
    assert "1 entries" in repr(packs)


def test_damaged_bytes_are_named(tmp_path: Path) -> None:
    """One flipped bit: that picture, by pack and digest, and no other."""
    put(tmp_path, b"one", b"two")
    with (tmp_path / "w-0.pack").open("r+b") as file:
        file.seek(4)
        file.write(b"W")
    assert list(Packs(tmp_path).damaged()) == [("w-0", digest(b"two"))]


def test_dropped_pictures_are_gone_from_index_and_disk(tmp_path: Path) -> None:
    """A take-down overwrites the bytes wherever they lie, and leaves the others as they were."""
    put(tmp_path, b"keep 1", b"take down", b"keep 2", writer="a")
    put(tmp_path, b"take down", writer="b")
    packs = Packs(tmp_path)
    assert packs.drop({digest(b"take down"), digest(b"unknown")}) == 2
    assert packs.get(digest(b"take down")) is None
    assert [packs.get(digest(k)) for k in (b"keep 1", b"keep 2")] == [b"keep 1", b"keep 2"]
    assert not any(b"take down" in p.read_bytes() for p in tmp_path.iterdir())
    assert (tmp_path / "a-0.pack").stat().st_size == len(b"keep 1take downkeep 2")


@pytest.mark.parametrize("published", [False, True])
def test_a_drop_that_was_interrupted_is_finished_by_the_next(
    published: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before or after the index is published anew: after the next drop no byte of the picture is left."""
    put(tmp_path, b"keep", b"take down")

    def dies(path: Path, data: bytes) -> None:
        if published:
            path.write_bytes(data)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pixmo.storage.packs.publish_bytes", dies)
        with pytest.raises(KeyboardInterrupt):
            Packs(tmp_path).drop({digest(b"take down")})
    Packs(tmp_path).drop({digest(b"take down")})
    assert b"take down" not in (tmp_path / "w-0.pack").read_bytes()
    assert (Packs(tmp_path).get(digest(b"take down")), Packs(tmp_path).get(digest(b"keep"))) == (None, b"keep")


@pytest.mark.parametrize("limit", [1000, 600])
def test_after_a_full_disk_the_pack_goes_on_whole(limit: int, tmp_path: Path) -> None:
    """A picture cut off by a full disk leaves its writer able to go on: everything put later is found, the cut one not."""
    done = subprocess.run([sys.executable, "-c", FULL_THEN_FREE, tmp_path, str(limit)], capture_output=True, check=True)
    assert done.stdout == b"full\n"
    packs = Packs(tmp_path)
    assert [packs.get(digest(c * 600)) for c in (b"a", b"c", b"d")] == [b"a" * 600, b"c" * 600, b"d" * 600]
    assert packs.get(digest(b"b" * 600)) is None
    assert list(packs.damaged()) == []


def test_a_full_device_is_no_space(tmp_path: Path) -> None:
    """The system's refusal is told as one a user can act on."""
    full = PackWriter(tmp_path, "w")
    full.put(b"one")
    device = os.open("/dev/full", os.O_WRONLY)
    os.dup2(device, full._pack)
    os.close(device)
    with pytest.raises(NoSpace, match="free some"):
        full.put(b"two")


def test_more_packs_than_open_files_are_read(tmp_path: Path) -> None:
    """At most 64 packs are open at a time; all are found."""
    pictures = [b"%d" % i for i in range(100)]
    put(tmp_path, *pictures, pack_bytes=1)
    packs = Packs(tmp_path)
    assert [packs.get(digest(p)) for p in pictures * 2] == pictures * 2
    assert len(packs._files) <= 64
    packs.close()


def test_threads_may_read_at_the_same_time(tmp_path: Path) -> None:
    """More packs than may be open, read by several threads: everybody gets the bytes asked for."""
    pictures = [b"%d " % i * 2000 for i in range(150)]
    put(tmp_path, *pictures, pack_bytes=1)
    packs = Packs(tmp_path)
    places = [packs.locate(digest(p)) for p in pictures]

    def wrong(first: int) -> list[int]:
        order = [(first * 37 + n * 61) % 150 for n in range(600)]
        return [n for n in order if (where := places[n]) is None or packs.read(where) != pictures[n]]

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(wrong, range(8))) == [[]] * 8
    finally:
        sys.setswitchinterval(switching)
    packs.close()
