"""The journal remembers every answer, believes no line without its bytes, and reads fast."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.errors import NoSpace
from pixmo.ids import digest
from pixmo.storage import journal as journal_module
from pixmo.storage.journal import REOPENED, Journal, read_lines
from pixmo.storage.journal_writer import JournalWriter, Line, encode

GOLDEN = Path(__file__).parent.parent / "golden"


def key(name: str) -> str:
    return str(digest(name.encode()))


def answer(name: str, rnd: int = 0, **facts: Any) -> Line:
    return {"key": key(name), "round": rnd, "outcome": "ok", **facts}


def write(folder: Path, writer: str, *lines: Line, sync: bool = True) -> Path:
    file = JournalWriter(folder, writer)
    file.write(b"".join(map(encode, lines)))
    if sync:
        file.close()
    return file.path


def lost(folder: Path) -> Journal:
    """A journal whose bytes are all gone."""
    return Journal(folder, lambda line: "sha256" not in line)


# lines


def test_an_answer_is_found_by_its_key(tmp_path: Path) -> None:
    """Every fact of the line comes back, with any text in it; an unknown key has none."""
    line = answer("a", detail='a "quoted" \n line\x00 ünï😀', status=200, nothing=None)
    write(tmp_path, "w", line)
    journal = Journal(tmp_path)
    assert journal.get(key("a")) == line
    assert journal.get(key("b")) is None
    assert len(journal) == 1
    journal.close()


def test_the_bytes_of_a_line_are_a_promise(tmp_path: Path) -> None:
    """Lines written by this version equal the golden file, which later versions must still read."""
    lines = [
        {**answer("https://example.org/a.jpg"), "status": 200, "sha256": key("bytes"), "pack": "http0-ab-0", "offset": 7, "size": 5},
        {**answer("https://example.org/b.jpg", 1), "outcome": "timeout", "detail": "first byte; ünï"},
    ]  # fmt: skip
    path = write(tmp_path, "w", *lines)
    assert path.read_bytes() == (GOLDEN / "journal.jsonl").read_bytes()
    assert list(read_lines(GOLDEN / "journal.jsonl")) == lines


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """A first run has no answers."""
    journal = Journal(tmp_path / "nowhere")
    assert (len(journal), journal.get(key("a")), journal.reopened) == (0, None, set())


def test_a_line_longer_than_a_kilobyte_is_read_whole(tmp_path: Path) -> None:
    """Long URLs and headers: any length, also when the next line follows at once."""
    lines = [answer(f"n{n}", final_url="x" * n) for n in (900, 1024, 1100, 8192, 100_000)]
    write(tmp_path, "w", *lines)
    journal = Journal(tmp_path)
    assert [journal.get(line["key"]) for line in lines] == lines


def test_lines_longer_than_a_block_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where blocks end does not matter to what is found."""
    monkeypatch.setattr(journal_module, "_BLOCK", 300)
    lines = [answer(f"n{n}", detail="x" * n) for n in (0, 100, 170, 1000, 5)]
    write(tmp_path, "w", *lines)
    journal = Journal(tmp_path)
    assert [journal.get(line["key"]) for line in lines] == lines


def test_it_equals_a_dict_of_200_000_lines(tmp_path: Path) -> None:
    """Answers of several writers, rounds in any order: each key gives the line a dictionary would."""
    chosen = random.Random(1)
    oracle: dict[str, Line] = {}
    for writer in range(4):
        lines = []
        for _ in range(50_000):
            name, rnd = chosen.randrange(120_000), chosen.randrange(3)
            line = {"key": f"{name * 0x9E3779B97F4A7C15 % 2**64:016x}{name:048x}", "round": rnd, "writer": writer}
            lines.append(line)
            best = oracle.get(line["key"])
            if best is None or line["round"] > best["round"]:
                oracle[line["key"]] = line
        write(tmp_path, f"w{writer}", *lines)
    journal = Journal(tmp_path)
    assert len(journal) == 200_000
    some = chosen.sample(sorted(oracle), 5_000)
    assert all(journal.get(k) == oracle[k] for k in some)
    journal.close()


def test_equal_prefixes_are_told_apart_by_the_whole_key(tmp_path: Path) -> None:
    """Keys that agree in their first 64 bits have each their own answer."""
    alike = [key("a")[:16] + c * 48 for c in "0f"]
    write(tmp_path, "w", *({"key": k, "round": 0, "detail": k[-1]} for k in alike))
    journal = Journal(tmp_path)
    assert [line["detail"] for k in alike if (line := journal.get(k))] == ["0", "f"]
    assert journal.get(key("a")[:16] + "7" * 48) is None


def test_a_reader_learns_of_what_a_writer_just_wrote(tmp_path: Path) -> None:
    """`note` makes a line found that was written after the journal was read."""
    journal, writer = Journal(tmp_path), JournalWriter(tmp_path, "w")
    assert journal.get(key("a")) is None
    offset = writer.size
    writer.write(encode(answer("a")))
    journal.note(answer("a"), writer.path, offset)
    assert journal.get(key("a")) == answer("a")
    writer.close()


def test_it_is_not_read_before_it_is_asked(tmp_path: Path) -> None:
    """A finished run knows the reopened questions without reading the answers."""
    write(tmp_path, "w", answer("a"), answer("b"))
    Journal(tmp_path).open_again([(key("b"), 1)], "retry")
    journal = Journal(tmp_path)
    assert journal.reopened == {key("b")}
    assert "not read" in repr(journal)


# rounds


@settings(max_examples=20)
@given(rounds=st.permutations(range(5)))
def test_the_highest_round_wins_whatever_the_order(tmp_path_factory: pytest.TempPathFactory, rounds: list[int]) -> None:
    """Rounds may lie in any files, in any order."""
    folder = tmp_path_factory.mktemp("journal")
    for number, rnd in enumerate(rounds):
        write(folder, f"w{number % 2}-{number}", answer("q", rnd, n=rnd))
    journal = Journal(folder)
    assert journal.get(key("q")) == answer("q", 4, n=4)
    journal.close()


def test_an_answer_closes_its_round(tmp_path: Path) -> None:
    """Open and answered lines of one round, in different files, in any order: the answer."""
    for writer, line in (
        ("a", answer("q", 1, open=True)),
        ("b", answer("q", 1, n=1)),
        ("c", answer("q", 1, open=True)),
    ):
        write(tmp_path, writer, line)
    assert Journal(tmp_path).get(key("q")) == answer("q", 1, n=1)


def test_of_two_answers_of_a_round_the_first_counts(tmp_path: Path) -> None:
    """A question asked twice around a crash keeps the answer it had."""
    write(tmp_path, "a", answer("q", n=1), answer("q", n=2))
    assert Journal(tmp_path).get(key("q")) == answer("q", n=1)


def test_a_reopened_question_waits_until_it_is_answered(tmp_path: Path) -> None:
    """Seen at once by this journal and by the next; an answer of the new round ends the wait."""
    write(tmp_path, "a", answer("q"))
    journal = Journal(tmp_path)
    journal.open_again([(key("q"), 1)], "retry")
    for reader in (journal, Journal(tmp_path)):
        line = reader.get(key("q"))
        assert line is not None
        assert (line["open"], line["round"], line["why"]) == (True, 1, "retry")
    write(tmp_path, "b", answer("q", 1, n=2))
    assert Journal(tmp_path).get(key("q")) == answer("q", 1, n=2)


def test_a_voided_answer_is_open_in_the_next_round(tmp_path: Path) -> None:
    """What does not suffice any more is asked again, one round later."""
    write(tmp_path, "a", answer("q", 3))
    journal = Journal(tmp_path)
    journal.void(answer("q", 3), "cut at a smaller limit")
    line = journal.get(key("q"))
    assert line is not None
    assert (line["round"], line["open"], line["why"]) == (4, True, "cut at a smaller limit")


def test_a_line_appended_to_a_torn_one_is_not_lost(tmp_path: Path) -> None:
    """The file of reopened questions may end in a torn line: the next question stands on a line of its own."""
    write(tmp_path, "a", answer("q"))
    (tmp_path / REOPENED).write_bytes(encode(answer("other", 1, open=True))[:40])
    Journal(tmp_path).open_again([(key("q"), 1)], "retry")
    journal = Journal(tmp_path)
    assert journal.reopened == {key("q")}
    line = journal.get(key("q"))
    assert line is not None
    assert line["open"]


# damage


@pytest.mark.parametrize("left", [1, 70, 90])
def test_a_torn_last_line_is_ignored(left: int, tmp_path: Path) -> None:
    """Killed in the middle of a line: the lines before it stand, the torn one is not there."""
    path = write(tmp_path, "w", answer("a"), sync=False)
    with path.open("ab") as file:
        file.write(encode(answer("b", detail="y" * 50))[:left])
    journal = Journal(tmp_path)
    assert journal.get(key("a")) == answer("a")
    assert journal.get(key("b")) is None
    assert [line["key"] for line in journal.lines()] == [key("a")]


@pytest.mark.parametrize("where", range(0, 400, 7))
def test_a_hole_of_nul_bytes_costs_only_the_lines_it_lies_in(where: int, tmp_path: Path) -> None:
    """A power cut may leave zeros where a page was not written: other lines are read, those in the hole are not there."""
    lines = [answer(n, detail="z" * 40) for n in "abcd"]
    path = write(tmp_path, "w", *lines)
    data = bytearray(path.read_bytes())
    hole = range(where, min(where + 120, len(data)))
    data[hole.start : hole.stop] = bytes(len(hole))
    path.write_bytes(data)
    size = len(encode(lines[0]))
    untouched = {n for i, n in enumerate("abcd") if hole.stop <= i * size or hole.start >= (i + 1) * size}
    kept = {n for n in "abcd" if Journal(tmp_path).get(key(n)) is not None}
    after_newline_lost = {n for i, n in enumerate("abcd") if i * size - 1 in hole}  # its line has no beginning any more
    assert untouched - after_newline_lost <= kept <= untouched
    assert {line["key"] for line in Journal(tmp_path).lines()} == {key(n) for n in kept}


def test_a_hole_in_a_checkpoint_is_no_checkpoint(tmp_path: Path) -> None:
    """A checkpoint with zeros in it says nothing; the one before it counts."""
    path = write(tmp_path, "w", answer("a", sha256="x"))
    with path.open("ab") as file:
        file.write(encode(answer("b", sha256="x")) + b'{"synced":9\0\0\0}\n' + b'{"synced":')
    journal = lost(tmp_path)
    assert journal.get(key("a")) == answer("a", sha256="x")
    line = journal.get(key("b"))
    assert line is not None
    assert line["open"]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever a disk made of the end of a file, the journal opens and finds what is whole."""
    folder = tmp_path_factory.mktemp("journal")
    path = write(folder, "w", answer("a"), sync=False)
    with path.open("ab") as file:
        file.write(data + b"\n" + encode(answer("b")))
    journal = Journal(folder)
    assert journal.get(key("a")) == answer("a")
    assert journal.get(key("b")) == answer("b")
    journal.close()


# power cuts


def test_answers_behind_the_last_checkpoint_need_their_bytes(tmp_path: Path) -> None:
    """Without them the question is open again; answers without bytes, and those before the checkpoint, are believed."""
    writer = JournalWriter(tmp_path, "w")
    writer.write(encode(answer("synced", sha256="x")))
    writer.sync(writer.size)
    writer.write(encode(answer("unsynced", sha256="x")) + encode(answer("without bytes")))
    journal = lost(tmp_path)
    assert journal.get(key("synced")) == answer("synced", sha256="x")
    assert journal.get(key("without bytes")) == answer("without bytes")
    line = journal.get(key("unsynced"))
    assert line is not None
    assert (line["open"], line["round"]) == (True, 1)
    assert Journal(tmp_path).reopened == {key("unsynced")}


def test_a_checkpoint_covers_only_what_was_written_when_it_began(tmp_path: Path) -> None:
    """Lines written while the packs were being synced stand before the checkpoint and are not covered by it."""
    writer = JournalWriter(tmp_path, "w")
    writer.write(encode(answer("a", sha256="x")))
    covered = writer.size
    writer.write(encode(answer("b", sha256="x")))
    writer.sync(covered)
    journal = lost(tmp_path)
    assert journal.get(key("a")) == answer("a", sha256="x")
    assert (journal.get(key("b")) or {}).get("open") is True


def test_a_question_reopened_for_its_lost_bytes_is_reopened_once(tmp_path: Path) -> None:
    """However often the journal is read, and not at all once the new round has its answer."""
    write(tmp_path, "w", answer("a", sha256="x"), sync=False)
    for _ in range(3):
        assert len(lost(tmp_path)) == 2
    write(tmp_path, "z", answer("a", 1, n=2))
    for _ in range(2):
        assert lost(tmp_path).get(key("a")) == answer("a", 1, n=2)
    assert len(list(read_lines(tmp_path / REOPENED))) == 1


def test_a_closed_journal_is_covered_whole(tmp_path: Path) -> None:
    """After a clean end no bytes are hashed again, however many checkpoints came before."""
    writer = JournalWriter(tmp_path, "w")
    for name in "abc":
        writer.write(encode(answer(name, sha256="x")))
        writer.sync(writer.size)
        writer.sync(writer.size)  # nothing new: no further checkpoint
    writer.close()
    assert writer.path.read_bytes().count(b"synced") == 3
    asked: list[Line] = []
    journal = Journal(tmp_path, lambda line: bool(asked.append(line)) or True)
    assert (len(journal), asked) == (3, [])


@pytest.mark.parametrize("padding", [0, 2**20 - 30, 2**20, 3 * 2**20])
def test_the_last_checkpoint_is_found_however_far_back(padding: int, tmp_path: Path) -> None:
    """The file is searched from its end in blocks, and a checkpoint across two blocks is seen."""
    writer = JournalWriter(tmp_path, "w")
    writer.write(encode(answer("a", sha256="x")))
    writer.sync(writer.size)
    for offset in range(4):
        writer.write(encode(answer(f"b{offset}", detail="p" * (padding // 4 + offset))))
    assert journal_module._after_last_sync(writer.path) == len(encode(answer("a", sha256="x")))


def test_a_full_disk_is_no_space(tmp_path: Path) -> None:
    """The refusal of the system is told as one a user can act on."""
    writer = JournalWriter(tmp_path, "w")
    device = os.open("/dev/full", os.O_WRONLY)
    os.dup2(device, writer._fd)
    os.close(device)
    with pytest.raises(NoSpace):
        writer.write(encode(answer("a")))


def test_two_writers_never_share_a_file(tmp_path: Path) -> None:
    """A name used before is refused."""
    write(tmp_path, "w", answer("a"))
    with pytest.raises(FileExistsError):
        JournalWriter(tmp_path, "w")


# rewriting


def drop(*names: str) -> Callable[[Line], Line | None]:
    gone = {key(n) for n in names}
    return lambda line: None if line["key"] in gone else {**line, "seen": True}


def test_a_rewritten_journal_says_only_what_was_kept(tmp_path: Path) -> None:
    """At once and for the next reader: dropped lines are gone from every file, changed ones are changed."""
    write(tmp_path, "a", answer("keep"), answer("go"))
    write(tmp_path, "b", answer("go", 1))
    journal = Journal(tmp_path)
    journal.open_again([(key("go"), 2), (key("keep"), 1)], "retry")
    journal.rewrite(drop("go"))
    for reader in (journal, Journal(tmp_path)):
        assert reader.get(key("go")) is None
        assert (reader.get(key("keep")) or {})["round"] == 1
        assert reader.reopened == {key("keep")}
        assert all(line["seen"] for line in reader.lines())
    assert not any(key("go").encode() in p.read_bytes() for p in tmp_path.iterdir())


def test_a_rewrite_that_was_killed_leaves_no_second_journal(tmp_path: Path) -> None:
    """Its temporary file is not read as answers."""
    write(tmp_path, "a", answer("a"))
    (tmp_path / ".tmp-9-0-a.jsonl").write_bytes(encode(answer("a", 7)))
    assert Journal(tmp_path).get(key("a")) == answer("a")


def test_a_line_begins_with_its_key() -> None:
    """The reader finds keys without parsing; whoever writes another order is told at once."""
    with pytest.raises(AssertionError):
        encode({"round": 0, "key": key("a")})
    assert json.loads(encode(answer("a"))) == answer("a")
