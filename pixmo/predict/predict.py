"""`predict`: a Molmo's answers about the rows of a set, in a folder; the same call again goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch

from pixmo.ids import digest, digest_of
from pixmo.molmo.device import device_named
from pixmo.molmo.folder import Ready, open_model, weights_digest
from pixmo.predict.asked import Asker, Question, require_askable
from pixmo.predict.prepare import inputs_of
from pixmo.predict.rows import Table, open_rows
from pixmo.predict.settings import Effort, Settings
from pixmo.predict.work import Answers, Done, Work
from pixmo.predict.written import Folder, Line, head_of, line, publish, write_share
from pixmo.storage.lock import locked
from pixmo.storage.publish import sweep
from pixmo.text.counting import parse_count
from pixmo.text.molmo1 import parse_points as parse_v1
from pixmo.text.molmo2 import parse_points as parse_v2

_PROCESSING = ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class Summary:
    """What a call did. `is_published`: predictions.json is there; else other ranks are not done."""

    out: Path
    rows: int
    answers: int  # got now
    before: int  # that were there before
    left_out: int
    tokens: int  # of the answers got now
    is_published: bool

    def as_json(self) -> Line:
        """Plain values."""
        return asdict(self) | {"out": str(self.out)}


def predict(
    data: str | Path,
    out: str | Path,
    model: str | Path,
    settings: Settings = Settings(),  # noqa: B008 – frozen
    effort: Effort = Effort(),  # noqa: B008 – frozen
    *,
    on_progress: Callable[[Done], None] = lambda done: None,
) -> Summary:
    """Asks a checkpoint folder about rows, as `settings` say, and writes `out`/predictions.json when all ranks are done.

    `data` is what `pixmo.load` reads, a list beside its pictures, or a folder of pictures. A row that cannot be asked is listed
    in left-out.jsonl. Raises PixmoError for wrong requests, before the first row; BadFolder where `out` holds other answers.
    """
    devices = [device_named(name) for name in effort.device or (None,)]
    settings = replace(settings, dtype=settings.dtype or ("bfloat16" if devices[0].type == "cuda" else "float32"))
    table, folder = open_rows(data, settings.split), Folder(Path(out).expanduser())
    ready = open_model(model, dtype=getattr(torch, str(settings.dtype)), devices=devices)
    answers_as = model_digest(ready.folder)
    asker = Asker(settings, answers_as, ready.model.config.family)
    require_ready(asker, ready)
    if not table.is_typed and (first := next(table.rows(range(min(1, len(table)))), None)):
        require_askable(settings, list(first.columns), table.is_typed, table.name)
    meaning = {
        "data": table.name, "model": ready.folder.resolve().name, "model_sha256": answers_as, "task": settings.task,
        "prompt": settings.prompt, "prompts": asker.name, "style": settings.style, **asker.meaning(),
    }  # fmt: skip
    folder.claim(meaning)
    with locked(share := folder.share(effort.rank, effort.world_size), f"{folder.out}, rank {effort.rank}"):
        return _work(_Run(folder, share, meaning, asker, ready, table), settings, effort, on_progress)


@dataclass(frozen=True)
class _Run:
    folder: Folder
    share: Path
    meaning: Line
    asker: Asker
    ready: Ready
    table: Table


def _work(run: _Run, settings: Settings, effort: Effort, on_progress: Callable[[Done], None]) -> Summary:
    sweep(run.share)
    share = run.share / "share.jsonl"
    share.unlink(missing_ok=True)
    answers = Answers(run.folder.journal, effort.rank)
    left_out: dict[str, str] = {}
    work = Work(run.ready, run.asker, settings, effort)
    rows = min(len(run.table), settings.limit or len(run.table))
    head = head_of(run.meaning, rows, {"split": settings.split, "limit": settings.limit, "rows": len(run.table)})
    try:
        listing = run.share / ".tmp-questions.jsonl"  # as the rows come, which may be more than the memory holds
        with listing.open("wb") as file:

            def note(question: Question) -> None:
                file.write(line(_listed(question)))

            def leave_out(question: Question, why: str) -> None:
                left_out[question.key] = why

            done = work.run(run.table, answers, note, leave_out, on_progress)
        made = _Share(run, answers, left_out)
        write_share(share, head, made.lines(listing))
        listing.unlink()
    finally:
        answers.close()
    meta = run.meaning | {"rows": rows, "versions": {"pixmo": version("pixmo"), "torch": torch.__version__}}
    is_published = publish(run.folder, head, effort.world_size, meta)
    return Summary(run.folder.out, done.rows, done.answers, done.before, made.left_out, done.tokens, is_published)


class _Share:
    """The questions of a rank joined with their answers."""

    def __init__(self, run: _Run, answers: Answers, reasons: dict[str, str]) -> None:
        self._run, self._answers, self._reasons = run, answers, reasons
        self.left_out = 0

    def lines(self, listing: Path) -> Iterator[Line]:
        """Each question with its answer, or why it has none."""
        with listing.open(encoding="utf-8") as file:
            for told in map(json.loads, file):
                why = told.pop("why", None) or self._reasons.get(told["key"])
                self.left_out += why is not None
                key = told.pop("key")
                yield told | ({"why": why} if why is not None else {"told": self._prediction(told["told"], key)})

    def _prediction(self, told: Line, key: str) -> Line:
        answer = self._answers.get(key)
        assert answer is not None, key
        text = str(answer["text"])
        found = {"prediction": text, "n_tokens": answer["n_tokens"], "reason": answer["reason"]}
        return told | found | _read(text, self._run.meaning["task"], self._run.ready.model.config.family)


def _read(text: str, task: str, family: str) -> Line:
    """What an answer points at, in percent, and counts."""
    if task not in ("point", "count"):
        return {}
    points = parse_v1(text) if family == "molmo" else parse_v2(text)
    count = len(points) or (parse_count(text) if task == "count" else 0)
    return {"points": [list(point) for point in points], "count": count}


def _listed(question: Question) -> Line:
    told: Line = {"row": question.number, "place": question.place, "told": question.told, "key": question.key}
    return told if question.why is None else told | {"why": question.why}


def model_digest(folder: Path) -> str:
    """A digest of all that answers: weights, their config, the tokenizer and the settings of the processor."""
    files = [folder / name for name in _PROCESSING]
    return digest_of([weights_digest(folder), {f.name: digest(f.read_bytes()) for f in files if f.is_file()}])


def require_ready(asker: Asker, ready: Ready) -> None:
    """Raises BadRecord, before the first row, for a question of our own that does not even fit without a picture."""
    turns = asker.fixed()
    if turns is not None:
        inputs_of(ready.processor, [], tuple(turns))
