"""The answers of a finished evaluation as one file, so that others get the same numbers without a key; and back."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.engine import ChatEngine
from pixmo.engines.chat.question import ChatQuestion
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSource
from pixmo.ids import canonical_json, is_digest
from pixmo.run.asking import answer_in
from pixmo.run.recipe import Recipe, Step
from pixmo.storage.journal_writer import Line
from pixmo.storage.store import Store

ANSWERS = "answers.jsonl"
KEPT = ("key", "round", "outcome", "detail", "text", "model", "prompt", "tokens_in", "tokens_out", "cost_usd")
TEXTS, COUNTS = ("detail", "text", "model", "prompt"), ("round", "tokens_in", "tokens_out")
_MOST = 2**53  # what JSON's numbers hold exactly
_ROWS = 1024


def prompts_of(recipe: Recipe) -> set[str]:
    """The prompts, name@digest, of all stages that ask a judge."""
    return {p for step in _judging(recipe) for p in step.stage.content()}


def answers_of(recipe: Recipe, out: Path, store: Store) -> bytes:
    """A file of the answers that the published rows of a folder are made of, in the order of their keys.

    The stages are gone through once more and what they ask is looked up, so that nothing else of the store, which may be shared by
    other evaluations, gets in.
    """
    found: dict[str, bytes] = {}
    for step in _judging(recipe):
        asyncio.run(_note(step, out, store, found))
    return b"".join(found[key] for key in sorted(found))


def take_answers(path: Path, store: Store) -> int:
    """Puts answers of such a file into the journal where it has none; how many. Raises BadSource for another file."""
    taken = 0
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSource(f"{path}: is no file of answers: {error}") from error
    lines = [  # not splitlines: answers may hold other ends of lines. All are read before the first is kept
        _line(path, number, said) for number, said in enumerate(text.split("\n"), 1) if said.strip()
    ]
    for line in lines:
        known = store.journal.get(line["key"])
        if known is None or known.get("open"):
            store.record(line)
            taken += 1
    return taken


class _Witness:
    """A world in which all is answered already: it notes the answers that are asked for."""

    def __init__(self, stage: Any, store: Store, found: dict[str, bytes]) -> None:  # Any: a stage that asks a judge
        self._engine = ChatEngine(ChatSettings(**stage.chat_settings()))
        self._store, self._found = store, found

    async def ask(self, engine: str, questions: Sequence[ChatQuestion]) -> list[Answer[Any]]:
        """See `pixmo.stage.World.ask`."""
        return [self._answer(question) for question in questions]

    def _answer(self, question: ChatQuestion) -> Answer[Any]:
        key = self._engine.key(question)
        line = self._store.journal.get(key)
        if line is None or line.get("open"):  # taken out of the journal, or to be asked again
            return Answer(ChatOutcome.SERVER_ERROR)
        if key not in self._found:
            self._found[key] = canonical_json({k: v for k, v in line.items() if k in KEPT}) + b"\n"
        return answer_in(line, ChatOutcome, "text")


async def _note(step: Step, out: Path, store: Store, found: dict[str, bytes]) -> None:
    witness = _Witness(step.stage, store, found)
    for batch in _rows(out, step.stage.needs):
        await step.stage(batch, witness)


def _rows(out: Path, needs: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The published rows with the columns a stage needs, nulls for those they lack."""
    for path in sorted((out / "data").glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            there = [n for n in needs.names if n in file.schema_arrow.names]
            for batch in file.iter_batches(_ROWS, columns=there):
                columns = [batch.column(f.name) if f.name in there else pa.nulls(batch.num_rows, f.type) for f in needs]
                yield pa.RecordBatch.from_arrays(columns, names=needs.names)


def _judging(recipe: Recipe) -> list[Step]:
    return [step for step in recipe.steps if getattr(step.stage, "asks", "") == "chat"]


def _line(path: Path, number: int, said: str) -> Line:
    try:
        line: Line = json.loads(said)
        if _is_answer(line):
            return {"key": line["key"]} | {
                k: line[k] for k in KEPT if k in line
            }  # as a journal writes them: the key first
    except (ValueError, RecursionError):
        pass  # told below, like all that is no answer
    raise BadSource(
        f"{path}:{number}: is no answer of `pixmo eval caption`; copy the {ANSWERS} that it wrote again, or delete this one"
    )


def _is_answer(line: Any) -> bool:  # Any: JSON
    """Whether it is what `answers_of` writes: a file from elsewhere must not bring in what no judge can say."""
    if not isinstance(line, dict) or line.get("open") or not isinstance(line.get("key"), str):
        return False
    usd = line.get("cost_usd")
    return (
        is_digest(line["key"])
        and line.get("outcome") in list(ChatOutcome)
        and all(_is_text(line.get(name)) for name in TEXTS)
        and all(_is_count(line.get(name)) for name in COUNTS)
        and line.get("round") is not None
        and (line["outcome"] != ChatOutcome.OK or line.get("text") is not None)
        and (
            usd is None
            or (isinstance(usd, int | float) and not isinstance(usd, bool) and math.isfinite(usd) and usd >= 0)
        )
    )


def _is_text(value: object) -> bool:
    """Whether it can be written; None can."""
    if isinstance(value, str) and not value.isascii():
        return value == value.encode("utf-8", "replace").decode()
    return value is None or isinstance(value, str)


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST)
