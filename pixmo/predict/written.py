"""The files of a run: each rank's share while it is made, and predictions.json when every share is there."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from pixmo.errors import BadFolder, InUse
from pixmo.ids import digest_of
from pixmo.storage.lock import locked
from pixmo.storage.publish import publish_bytes, publishing

PREDICTIONS, META, LEFT_OUT = "predictions.json", "predictions.meta.json", "left-out.jsonl"
Line = dict[str, Any]  # Any: JSON values


class Folder:
    """OUT: what is published, and below `.pixmo` what was asked, the journal and the ranks' shares."""

    def __init__(self, out: Path) -> None:
        self.out, self.work = out, out / ".pixmo"
        self.journal = self.work / "answers"
        self._asked = self.work / "predict.json"

    def claim(self, meaning: Line) -> None:
        """Makes OUT the folder of these answers. Raises BadFolder where it holds others, or other things."""
        if not self._asked.is_file():
            if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())) and not self._is_ours():
                raise BadFolder(f"{self.out}: is not empty and holds no predictions; choose another folder")
            publish_bytes(self._asked, encoded(meaning))
            return
        try:
            before = json.loads(self._asked.read_bytes())
            changed = [f"{name} {before.get(name)!r}" for name in meaning if before.get(name) != meaning[name]]
        except (ValueError, AttributeError) as error:
            raise BadFolder(f"{self._asked}: is damaged; choose another folder") from error
        if changed:
            told = ", ".join(each[:100] for each in changed)
            raise BadFolder(
                f"{self.out}: its answers were made otherwise, with {told}; choose another folder, or delete it"
            )

    def _is_ours(self) -> bool:
        """Whether another rank is just about to claim it: nothing is there but the folder for it."""
        return [path.name for path in self.out.iterdir()] == [self.work.name] and all(
            path.name.startswith(".tmp-") or path in (self._asked, self.journal, self.work / "ranks")
            for path in self.work.iterdir()
        )

    def share(self, rank: int, world_size: int) -> Path:
        """The folder of a rank."""
        return self.work / "ranks" / f"{rank:05}-of-{world_size:05}"


def encoded(value: Any) -> bytes:  # Any: JSON
    """JSON for people. Half a character, which UTF-8 cannot say, is escaped as JSON does."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode(errors="backslashreplace")


def line(value: Line) -> bytes:
    """JSON on one line."""
    return (json.dumps(value, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def write_share(path: Path, head: Line, lines: Iterable[Line]) -> None:
    """A rank's answers, in the order of its rows; there when all are."""
    with publishing(path) as temporary, temporary.open("wb") as file:
        file.write(line(head))
        file.writelines(map(line, lines))


def publish(folder: Folder, head: Line, world_size: int, meta: Line) -> bool:
    """Writes predictions.json if every rank's share of this run is there; whether it did, or another process does."""
    if not all(_head(folder.share(rank, world_size) / "share.jsonl") == head for rank in range(world_size)):
        return False  # at the first that is not there
    paths = [folder.share(rank, world_size) / "share.jsonl" for rank in range(world_size)]
    with suppress(InUse), locked(folder.work / "publishing", str(folder.out)):  # who else is at it writes the same
        _publish(folder, paths, meta)
    return True


def _publish(folder: Folder, paths: list[Path], meta: Line) -> None:
    counts = {"predictions": 0, "left_out": 0}
    left_out = folder.out / LEFT_OUT
    with ExitStack() as stack:
        shares = [stack.enter_context(path.open(encoding="utf-8")) for path in paths]
        merged = heapq.merge(*map(_lines, shares), key=lambda told: (told["row"], told["place"]))
        with publishing(folder.out / PREDICTIONS) as temporary, publishing(left_out) as other:
            with temporary.open("wb") as answers, other.open("wb") as left:
                answers.write(b"[")
                for told in merged:
                    if "why" in told:
                        left.write(line({"row": told["row"], **told["told"], "why": [told["why"]]}))
                        counts["left_out"] += 1
                        continue
                    answers.write(b"\n" if not counts["predictions"] else b",\n")
                    answers.write(line(told["told"]).rstrip(b"\n"))
                    counts["predictions"] += 1
                answers.write(b"\n]\n")
            publish_bytes(folder.out / META, encoded(meta | counts))
    if not counts["left_out"]:
        left_out.unlink()


def _head(path: Path) -> Line | None:
    try:
        with path.open(encoding="utf-8") as file:
            head: Line = json.loads(file.readline())
            return head
    except (OSError, ValueError):
        return None


def _lines(file: Iterable[str]) -> Iterator[Line]:
    lines = iter(file)
    next(lines)  # the head
    return map(json.loads, lines)


def head_of(meaning: Line, rows: int, selection: Line) -> Line:
    """What shares of one run have in common."""
    return {"run": digest_of([meaning, selection]), "rows": rows}
