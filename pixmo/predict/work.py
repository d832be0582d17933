"""One rank's work: its rows in windows, sorted by length, answered batch by batch, each batch durable before the next begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import torch

from pixmo.dataset.rows_ahead import ahead
from pixmo.errors import BadSetting
from pixmo.molmo.folder import Ready
from pixmo.molmo.generate import Answer, Generation, generate
from pixmo.predict.asked import Asker, Question
from pixmo.predict.prepare import Prepared, batches, likely_length, prepared
from pixmo.predict.rows import Table
from pixmo.predict.settings import Effort, Settings
from pixmo.storage.journal import Journal
from pixmo.storage.journal_writer import JournalWriter, encode

WINDOW_BATCHES = 16
"""Batches whose rows are sorted by length together: enough for little padding, few enough for the memory of their pictures."""
WINDOW_BYTES = 256 * 2**20


class Done(NamedTuple):
    """How far a rank is: rows done, of how many; answers got now, their tokens, and those that were there before."""

    rows: int
    of: int
    answers: int
    tokens: int
    before: int


class Answers:
    """The journal of answers: those of all ranks are read, ours are added. A batch is on the disk when `add` returns."""

    def __init__(self, folder: Path, rank: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._journal, self._rank = Journal(folder), rank
        self._writer: JournalWriter | None = None

    def get(self, key: str) -> dict[str, object] | None:
        """The answer of a key: text, n_tokens, reason."""
        return self._journal.get(key)

    def add(self, answers: Sequence[tuple[str, Answer]]) -> None:
        """Keeps the answers of a batch."""
        writer = self._writer = self._writer or self._opened()
        lines, offset = [], writer.size
        for key, answer in answers:
            told = {"text": (answer.text or "").strip(), "n_tokens": len(answer.ids), "reason": answer.reason}
            lines.append({"key": key, "round": 0, **told})
        data = [encode(line) for line in lines]
        writer.write(b"".join(data))
        writer.sync(writer.size)
        for line, raw in zip(lines, data, strict=True):
            self._journal.note(line, writer.path, offset)
            offset += len(raw)

    def close(self) -> None:
        """Closes all files."""
        if self._writer is not None:
            self._writer.close()
        self._journal.close()

    def _opened(self) -> JournalWriter:
        for number in count():
            try:
                return JournalWriter(self._journal.folder, f"{self._rank:05}-{number:04}")
            except FileExistsError:
                continue
        raise AssertionError  # count() does not end


class Work:
    """Answers the rows of one rank."""

    def __init__(self, ready: Ready, asker: Asker, settings: Settings, effort: Effort) -> None:
        self._ready, self._asker, self._settings = ready, asker, settings
        self._workers = effort.workers
        self._rank, self._world_size = effort.rank, effort.world_size
        # A generator of chance belongs to a batch: rows asked alone draw the same whatever the others are.
        self._batch_size = 1 if settings.temperature else effort.batch_size
        self._limit = self._batch_size

    def places(self, table: Table) -> range:
        """The rows that are this rank's."""
        rows = min(len(table), self._settings.limit or len(table))
        return range(self._rank, rows, self._world_size)

    def run(
        self, table: Table, answers: Answers, note: Callable[[Question], None], left_out: Callable[[Question, str], None],
        on_progress: Callable[[Done], None],
    ) -> Done:  # fmt: skip
        """Answers what has no answer yet. Every question goes through `note`, in the order of rows, without its pictures."""
        seen, failed, got, tokens, of = _Seen(answers, note), 0, 0, 0, len(self.places(table))

        def report() -> None:
            on_progress(Done(max(0, seen.rows - (seen.asked - got - failed)), of, got, tokens, seen.before))

        rows = prepared(
            self._asked(self._windows(table), seen, report),
            self._ready.processor,
            self._workers,
            self._workers + self._batch_size,
        )

        def sound() -> Iterator[Prepared]:
            nonlocal failed
            for row in rows:
                if row.why is None:
                    yield row
                else:
                    failed += 1
                    left_out(row.question, row.why)

        context = self._ready.processor.context
        for batch in batches(sound(), self._batch_size, self._settings.longest, context):
            told = self._answered(batch)
            answers.add([(row.question.key, answer) for row, answer in zip(batch, told, strict=True)])
            got, tokens = got + len(told), tokens + sum(len(answer.ids) for answer in told)
            report()
        return Done(seen.rows, seen.rows, got, tokens, seen.before)

    def _windows(self, table: Table) -> Iterator[list[list[Question]]]:
        """The questions of rows, some rows at a time."""
        window: list[list[Question]] = []
        held = 0
        for row in table.rows(self.places(table)):
            window.append(list(self._asker.questions(row)))
            held += sum(len(data) for data in window[-1][0].pictures) if window[-1] else 0
            if len(window) >= WINDOW_BATCHES * self._batch_size or held >= WINDOW_BYTES:
                yield window
                window, held = [], 0
        yield window

    def _asked(
        self, windows: Iterable[list[list[Question]]], seen: _Seen, report: Callable[[], None]
    ) -> Iterator[Question]:
        for window in ahead(windows, 1):
            todo = [question for row in window for question in seen.unanswered(row)]
            report()  # also where nothing of it is asked, as after a run that was whole
            yield from sorted(todo, key=lambda question: likely_length(question, self._ready.processor), reverse=True)

    def _answered(self, batch: list[Prepared]) -> list[Answer]:
        """The answers to a batch, asked in smaller ones where the memory does not suffice; those that follow then are small too."""
        answers: list[Answer] = []
        while len(answers) < len(batch):
            some = batch[len(answers) : len(answers) + self._limit]
            try:
                answers += self._generated(some)
                continue
            except torch.OutOfMemoryError as error:
                if len(some) == 1:
                    raise BadSetting(
                        "the memory of the GPU does not suffice for a single row: spread the model over several (--device twice), "
                        "use --dtype bfloat16, or fewer --max-new-tokens"
                    ) from error
            torch.cuda.empty_cache()  # behind the except, which holds what was allocated
            self._limit = len(some) // 2
        return answers

    def _generated(self, rows: list[Prepared]) -> list[Answer]:
        processor = self._ready.processor
        inputs = processor.batch([row.inputs for row in rows if row.inputs is not None])
        how = self._generation(rows[0].question.key)
        return generate(self._ready.model, inputs, how, processor.tokens.decode)

    def _generation(self, key: str) -> Generation:
        own = self._settings
        return Generation(
            ends=(self._ready.processor.tokens.end_id,), max_new_tokens=own.longest, temperature=own.temperature, top_p=own.top_p,
            beams=own.beams, seed=int(key[:12], 16) if own.temperature else 0,
        )  # fmt: skip


class _Seen:
    """What was looked at; a question that has an answer, or was met before, is not asked."""

    def __init__(self, answers: Answers, note: Callable[[Question], None]) -> None:
        self._answers, self._note = answers, note
        self._keys: set[bytes] = set()
        self.rows = self.before = 0

    @property
    def asked(self) -> int:
        """How many questions the model is given."""
        return len(self._keys)

    def unanswered(self, row: Iterable[Question]) -> Iterator[Question]:
        """The questions of a row that the model is to be given."""
        self.rows += 1
        for question in row:
            self._note(replace(question, pictures=()))
            if question.why is not None or (key := bytes.fromhex(question.key)) in self._keys:
                continue
            if self._answers.get(question.key) is not None:
                self.before += 1
                continue
            self._keys.add(key)
            yield question
