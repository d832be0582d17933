"""A collection through its life: begun, killed, gone on with, handed on, taken back."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pixmo.annotate.folder import collection, keep_consent
from pixmo.annotate.people import People, names_of
from pixmo.annotate.pictures import pictures_of
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import Tasks
from pixmo.annotate.uploads import Uploads
from pixmo.annotate.withdraw import withdraw
from pixmo.errors import BadFolder, BadSetting, BadSource, InUse, NoSpace, UnknownName
from pixmo.ids import digest
from pixmo.sources.spoken import open_spoken
from tests.annotate.serving import make_pictures
from tests.speech import say

PEOPLE = ("anna", "ben")
HELLO = say("hello")


class Begun:
    """A collection that is open, without its server."""

    def __init__(self, images: Path, out: Path, store: Store) -> None:
        self.store, self.people, self.tasks = store, People(store), Tasks(store, 2)
        self.uploads = Uploads(out, images, store, self.tasks, 10**7)
        self.tasks.take_in(pictures_of(images).files)
        self.people.owner()
        self.people.invite(PEOPLE)
        self.uploads.settle()
        self.consent = keep_consent(out, "You will be recorded.")

    def id_of(self, name: str) -> str:
        found = self.people.named(name)
        assert found is not None
        return found.id

    def describe(self, name: str, sound: bytes) -> None:
        """Somebody describes what is next."""
        person = self.id_of(name)
        picture = self.tasks.next_for(person)
        assert picture is not None
        token = digest(sound + person.encode())[:32]
        self.uploads.append(person, token, picture, 0, sound)
        self.uploads.finish(person, token, picture, digest(sound), self.consent)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "pictures")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@contextmanager
def begun(images: Path, out: Path) -> Iterator[Begun]:
    with collection(out, images) as store:
        yield Begun(images, out, store)


def manifest(out: Path) -> list[dict[str, list[str]]]:
    return [json.loads(line) for line in (out / "recordings.jsonl").read_text().splitlines()]


def files(out: Path) -> set[str]:
    return {f"recordings/{path.name}" for path in (out / "recordings").iterdir()}


class Killed(BaseException):
    """The process ends here."""


OPERATIONS = ("replace", "fsync")


def describe_and_die(images: Path, out: Path, dying: Callable[[str], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """At one of the operations, or after the last."""
    with begun(images, out) as first:
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, dying(name))
        first.describe("anna", HELLO)
        raise Killed


@pytest.mark.parametrize("nth", range(8))
def test_a_kill_at_any_durable_step_loses_nothing(
    images: Path, out: Path, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each fsync and rename of an upload: after a restart the browser does the same again, and all is as if nothing had been."""
    count = iter(range(1000))

    def dying(name: str):  # type: ignore[no-untyped-def]
        real = getattr(os, name)

        def step(*values: object) -> object:
            if next(count) == nth:
                raise Killed
            return real(*values)

        return step

    with begun(images, out):
        pass
    with pytest.raises(Killed):
        describe_and_die(images, out, dying, monkeypatch)
    monkeypatch.undo()
    with begun(images, out) as again:
        person, token = again.id_of("anna"), digest(HELLO + again.id_of("anna").encode())[:32]
        have = again.uploads.have(person, token)
        assert have in (0, len(HELLO))
        if have == 0:
            again.uploads.append(person, token, 1, 0, HELLO)
        again.uploads.finish(person, token, 1, digest(HELLO), again.consent)
    (line,) = manifest(out)
    assert line["audio"] == [f"recordings/{digest(HELLO)[:16]}.wav"]
    assert (out / line["audio"][0]).read_bytes() == HELLO
    assert list((out / "private" / "uploads").iterdir()) == []


def test_captions_read_what_was_collected(images: Path, out: Path) -> None:
    """The pictures, the recordings, whose they are and what they agreed to, by the folder alone."""
    with begun(images, out) as first:
        first.describe("anna", HELLO)
        first.describe("ben", say("a house"))
        first.describe("ben", say("a tree"))
        anna = first.id_of("anna")
    opened = open_spoken(str(out))
    assert opened is not None
    rows = [row for batch in opened[0].batches() for row in batch.to_pylist()]
    assert [row["image"]["bytes"] for row in rows] == [path.read_bytes() for path in sorted(images.iterdir())]
    assert [len(row["recordings"]) for row in rows] == [1, 1, 1]
    told = [
        (who, clip["bytes"])
        for row in rows
        for who, clip in zip(row["recording_annotator"], row["recordings"], strict=True)
    ]
    assert (anna, HELLO) in told
    assert {version for row in rows for version in row["recording_consent"]} == {first.consent}


def test_withdrawing_deletes_all_of_one_and_nothing_of_others(images: Path, out: Path) -> None:
    """Recordings, name, key, consent, skips; also a recording that was never finished. What both said in the same bytes stays."""
    with begun(images, out) as first:
        anna, ben = first.id_of("anna"), first.id_of("ben")
        key = next(p.key for p in first.people.annotators() if p.id == anna)
        first.people.agree(anna, first.consent)
        first.describe("anna", HELLO)
        first.describe("ben", HELLO)
        first.describe("anna", say("a secret"))
        picture = first.tasks.next_for(anna)
        first.uploads.append(anna, "0" * 32, picture or 0, 0, b"RIFF")
    assert withdraw(out, "anna")[:2] == (anna, 2)
    assert {who for line in manifest(out) for who in line["annotator"]} == {ben}
    assert files(out) == {audio for line in manifest(out) for audio in line["audio"]}
    assert list((out / "private" / "uploads").iterdir()) == []
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert key.encode() not in everything
    assert b"anna" not in everything
    assert withdraw(out, "anna") == withdraw(out, anna) == (anna, 0, 0, "speech")
    with begun(images, out) as again:
        assert [p.name for p in again.people.annotators()] == ["ben"]
        assert again.people.known_by(key) is None


def test_a_withdrawal_that_was_cut_short_is_finished_by_the_same_command(
    images: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists go first, so that none names a file that is gone; the files go with the next try."""
    with begun(images, out) as first:
        first.describe("anna", HELLO)

    def dying(self: Path, missing_ok: bool = False) -> None:
        if "recordings" in self.parts:
            raise Killed
        os.unlink(self) if self.exists() else None

    monkeypatch.setattr(Path, "unlink", dying)
    with pytest.raises(Killed):
        withdraw(out, "anna")
    monkeypatch.undo()
    assert manifest(out) == []
    assert len(files(out)) == 1
    assert withdraw(out, "anna").recordings == 1
    assert files(out) == set()


def test_nobody_is_withdrawn_by_mistake(images: Path, out: Path) -> None:
    """A name that does not exist, the owner, a folder that is none, a server that runs."""
    with begun(images, out), pytest.raises(InUse):
        withdraw(out, "anna")
    with pytest.raises(UnknownName, match="did you mean 'anna'"):
        withdraw(out, "ana")
    with pytest.raises(UnknownName):
        withdraw(out, "owner")
    with pytest.raises(BadFolder, match="is not a folder that"):
        withdraw(images, "anna")


def test_another_folder_of_pictures_is_another_collection(images: Path, out: Path, tmp_path: Path) -> None:
    """The same names there mean other pictures."""
    with begun(images, out):
        pass
    with pytest.raises(BadFolder, match="begun with the pictures of"), begun(make_pictures(tmp_path / "others"), out):
        pass


def test_both_folders_may_move_together(images: Path, out: Path, tmp_path: Path) -> None:
    """What stands beside each other as before is the same collection; its lists still name the pictures."""
    with begun(images, out) as first:
        first.describe("anna", HELLO)
    moved = tmp_path / "moved"
    moved.mkdir()
    images.rename(moved / "pictures")
    out.rename(moved / "out")
    assert withdraw(moved / "out", "ben").recordings == 0
    assert (moved / "out" / str(manifest(moved / "out")[0]["image"])).is_file()
    with begun(moved / "pictures", moved / "out") as again:
        again.describe("anna", say("a house"))
    assert len(manifest(moved / "out")) == 2


def test_a_folder_of_something_else_is_left_alone(images: Path, tmp_path: Path) -> None:
    """A file, a folder with files of others, the pictures themselves."""
    (tmp_path / "file").write_text("mine")
    for other in (tmp_path / "file", images):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(BadFolder, match="is not a folder that"), begun(images, other):
            pass
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("damage", ["text", "torn", "newer"])
def test_a_damaged_folder_is_told(images: Path, out: Path, damage: str) -> None:
    """In one line; nothing in it is changed."""
    with begun(images, out):
        pass
    path = out / "private" / "tasks.sqlite"
    if damage == "text":
        path.write_text("these are not the tasks" * 100)
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    before = path.read_bytes()
    with pytest.raises(BadFolder, match=r"damaged|another version"), begun(images, out):
        pass
    assert path.read_bytes() == before


def test_pictures_that_no_browser_shows_are_left_out_one_by_one(images: Path) -> None:
    """Each with its reason; the rest goes on. A folder without any is told."""
    (images / "empty.jpg").touch()
    (images / "page.png").write_text("<html>")
    (images / "scan.tif").write_bytes(b"II*\0" + b"\0" * 100)
    found = pictures_of(images)
    assert found.files == ["a.png", "b.jpg", "c.png"]
    assert [line.split(": ", 1)[1] for line in found.left_out] == [
        "is empty; left out", "is no picture but html; left out", "browsers do not show TIFF; make it JPEG or PNG; left out",
    ]  # fmt: skip
    for path in images.iterdir():
        if path.name not in ("empty.jpg", "page.png"):
            path.unlink()
    with pytest.raises(BadSource, match="holds no pictures"):
        pictures_of(images)
    with pytest.raises(BadSource, match="no such folder"):
        pictures_of(images / "none")


def test_a_disk_that_is_full_keeps_what_was_there(images: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a written piece does not count; the same piece is taken when there is room."""
    with begun(images, out) as first:
        anna = first.id_of("anna")
        picture = first.tasks.next_for(anna) or 0
        assert first.uploads.append(anna, "0" * 32, picture, 0, HELLO[:100]) == 100
        real = os.pwrite

        def full(fd: int, data: bytes, offset: int) -> int:
            if offset > 100:
                raise OSError(28, "No space left on device")
            return real(fd, data[:10], offset)

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(Exception, match="no space left"):
            first.uploads.append(anna, "0" * 32, picture, 100, HELLO[100:300])
        monkeypatch.undo()
        assert first.uploads.have(anna, "0" * 32) == 100
        assert first.uploads.append(anna, "0" * 32, picture, 100, HELLO[100:300]) == 300


def test_a_disk_that_is_full_at_the_end_is_made_good_by_the_same_again(
    images: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that was accepted but could not be listed is listed when the browser asks again."""
    with begun(images, out) as first:
        real = os.replace

        def full(source: Path, to: Path) -> None:
            if Path(to).name == "recordings.jsonl":
                raise OSError(28, "No space left on device")
            real(source, to)

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(NoSpace):
            first.describe("anna", HELLO)
        monkeypatch.undo()
        anna = first.id_of("anna")
        first.uploads.finish(anna, digest(HELLO + anna.encode())[:32], 1, digest(HELLO), first.consent)
    assert [line["annotator"] for line in manifest(out)] == [[anna]]


@pytest.mark.parametrize("text", ["", ",", "0", "1001", "anna,anna", "owner", "x" * 41, "a\nb", "withdrawn 1"])
def test_names_that_will_not_do(text: str) -> None:
    """None, too many, one twice, one of ours, one that is no name."""
    with pytest.raises(BadSetting, match="--annotators"):
        names_of(text)


def test_annotators_are_named_or_counted() -> None:
    """`anna, ben` or a number."""
    assert names_of(" anna, Ben Ö ") == ["anna", "Ben Ö"]
    assert names_of("3") == ["annotator-1", "annotator-2", "annotator-3"]


def test_what_is_private_is_for_the_owner_alone(images: Path, out: Path) -> None:
    """No other user of the machine reads names and links."""
    with begun(images, out):
        assert (out / "private").stat().st_mode & 0o077 == 0
        assert (out / "private" / "tasks.sqlite").stat().st_mode & 0o077 == 0
