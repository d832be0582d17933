"""What every stage in `pixmo/stages` promises; a new one is found here by being there.

The digests of `tests/golden/stages.json` pin what each stage makes of a fixed batch. When one moves, either the change was not
meant, or the stage's `version` must be raised, so that finished folders compute its columns anew; then write the new line.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import io
import json
from collections.abc import Sequence
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pixmo.ask import Answer, ChatOutcome, Outcome, SpeechOutcome
from pixmo.ids import digest, digest_of
from pixmo.records.judgement import Verdict
from pixmo.run.recipe import Step, load_stage, stage_names
from pixmo.stage import Picture
from pixmo.storage.export.meanings import COLUMNS
from pixmo.text.caption_prompt import SCHEMA_NAME
from tests.server.judge import Judge
from tests.text.writer import answer

GOLDEN: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent.parent / "golden" / "stages.json").read_text())
ROWS = 24
NAMES = stage_names()


# the fixed batch


def picture(seed: int) -> bytes:
    """A PNG of seeded blocks: decoded, it is the same pixels with any version of any library."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(blocks.repeat(16, 0).repeat(16, 1)).save(out, "PNG")
    return out.getvalue()


PICTURES: list[bytes | None] = [picture(n % 7) if n % 5 else None for n in range(ROWS)]
PICTURES[3:6] = [b"<html>not a picture</html>", picture(3)[:-50], b""]


def value(name: str, kind: pa.DataType, row: int) -> Any:  # Any: a column value
    """A plausible value of a column, now and then null; a list has one per recording of the row, none to two of them."""
    if pa.types.is_list(kind):
        return [inner(name, kind.value_type, row * 3 + n) for n in range(row % 3)]
    if name in ("given_text", "reference_text", "statements_text") and row % 2:
        return None
    if row % 6 == 5 and name != "row_id":
        return None
    if name.endswith("sha256"):
        return digest(b"%d" % (row % 9))
    if name.endswith("fingerprint"):
        return digest(b"%d" % (row % 4)) * 4
    if name.endswith("hash"):
        return f"{(row % 8) * 0x0123456789ABCDEF:016x}"
    if name in ("caption", "heard_text", "second_text"):
        return f"There is a red barn on the left. {row} cows stand before it."
    if name in ("recording_outcome", "heard_outcome", "second_outcome", "caption_outcome"):
        return ("ok", "ok", "ok", "broken_audio")[row % 4] if name == "recording_outcome" else "ok"
    if name.endswith("outcome"):
        return str(list(Outcome)[row % 4 * 7])
    known = {
        "row_id": f"{row:032x}", "split": ("train", "validation")[row % 4 == 1], "hash_verdict": ("equal", "differs")[row % 2],
        "image_url": f"https://example.org/{row % 10}.jpg",
    }  # fmt: skip
    if name in known:
        return known[name]
    by_type = {
        pa.string(): f"text {row} ü",
        pa.bool_(): row % 3 == 0,
        pa.int64(): row * 37 % 11 * 100,
        pa.float64(): row / 7,
    }
    return by_type[kind]


def inner(name: str, kind: pa.DataType, at: int) -> Any:  # Any: a column value
    """A value within a list."""
    if pa.types.is_list(kind):
        return [inner(name, kind.value_type, n) for n in range(2)]
    if pa.types.is_struct(kind):
        times = {"start_s": at * 2.0, "end_s": at * 2.0 + 1.5, "start": 0, "end": 5, "transcript": 0}
        return {f.name: times[f.name] if f.name in times else inner(f.name, f.type, at) for f in kind}
    if name == "transcripts":
        return f"um there is a red barn on the left and {at} cows"
    if name.endswith("_verdicts"):
        return str(list(Verdict)[at % 4])
    if name == "recording_fault":
        return "missing" if at % 5 == 0 else None
    if name == "transcript_recording":
        return at % 3
    return value(name, kind, at)


def batch_for(stage: Any) -> pa.RecordBatch:  # Any: one of the stage protocols
    columns = [pa.array([value(f.name, f.type, row) for row in range(ROWS)], f.type) for f in stage.needs]
    return pa.RecordBatch.from_arrays(columns, schema=stage.needs)


class Scripted:
    """A world whose answers depend on the question alone."""

    async def ask(self, engine: str, questions: Sequence[Any]) -> list[Answer[Any]]:
        of = {"http": self.answer, "listen": self.sound, "hear": self.words, "chat": self.text}[engine]
        told = [str(q.messages if engine == "chat" else q) for q in questions]
        return [of(int(digest(t.encode())[:2], 16), q) for t, q in zip(told, questions, strict=True)]

    @staticmethod
    def sound(chance: int, question: str) -> Answer[Any]:
        if chance % 3 == 0:
            return Answer(SpeechOutcome.NOT_AUDIO, None, "looks like HTML", {})
        facts = {
            "duration_s": chance / 2,
            "speech_s": chance / 4,
            "speech_spans": [[0.5, chance / 4 + 0.5]],
            "loudness_lufs": -20.0,
        }
        return Answer(SpeechOutcome.OK, None, "", facts)

    @staticmethod
    def words(chance: int, question: Any) -> Answer[Any]:
        if chance % 3 == 0:
            return Answer(SpeechOutcome.TIMEOUT, None, "too slow", {})
        facts = {
            "text": "a barn",
            "language": "en",
            "segments": [["a barn", 0.0, 1.0, -0.2, None]],
            "words": [["a", 0.0, 0.5, None]],
        }
        return Answer(SpeechOutcome.OK, "a barn", "", facts)

    @staticmethod
    def text(chance: int, question: Any) -> Answer[Any]:
        if chance % 3 == 0:
            return Answer(ChatOutcome.REFUSED, None, "I cannot", {"model": "m"})
        messages = [{"role": m.role, "content": m.content} for m in question.messages]
        said = answer(messages) if question.schema_name == SCHEMA_NAME else Judge(noise=0.2)({"messages": messages})
        facts = {"text": said, "model": "m-1", "tokens_in": chance, "tokens_out": 10, "cost_usd": 0.01}
        return Answer(ChatOutcome.OK, said, "", facts)

    @staticmethod
    def answer(chance: int, question: str) -> Answer[Any]:
        if chance % 3 == 0:
            return Answer(Outcome.TIMEOUT, None, "idle", {})
        facts = {
            "status": 200,
            "size": chance * 100,
            "content_type": "image/jpeg",
            "optout": "noai" if chance % 7 == 0 else None,
        }
        return Answer(Outcome.OK, digest(question.encode()), "", facts)


def made_by(name: str, cuts: tuple[int, ...] = ()) -> pa.Table:
    """What a stage with its default settings makes of the batch, cut at some rows."""
    stage = load_stage(name, {})
    kind = Step(name, stage).kind
    if kind == "picture":
        return pa.Table.from_pylist(list(looked_at(stage)), schema=stage.adds)
    batch = batch_for(stage)
    bounds = [0, *cuts, ROWS]
    parts = [batch.slice(a, b - a) for a, b in pairwise(bounds)]
    if kind == "select":
        return pa.table({"stays": np.concatenate([stage.keep(part)[0] for part in parts])})
    if kind == "world":
        return pa.Table.from_batches([asyncio.run(stage(part, Scripted())) for part in parts])
    return pa.Table.from_batches(stage(iter(parts)) if kind == "reduce" else [stage(part) for part in parts])


def looked_at(stage: Any) -> Any:  # Any: a RowStage; rows as dictionaries
    fields = {f.name: f.type for f in stage.needs}
    for row, data in enumerate(PICTURES):
        if data is None:
            yield dict.fromkeys(stage.adds_names())
            continue
        shown = Picture(data, digest(data))
        arguments = [shown if n is None else value(n, fields[n], row) for n in stage.parameter_columns()]
        yield dict(zip(stage.adds_names(), stage.row(*arguments), strict=True))


def pinned(table: pa.Table) -> str:
    """The digest of all columns but those that depend on Pillow's version: encoded pictures, and its words on a broken one."""
    ours = [f.name for f in table.schema if not pa.types.is_binary(f.type) and f.name != "image_detail"]
    return digest_of({name: table.column(name).to_pylist() for name in ours})


def whole_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).digest()


# what all promise


@pytest.mark.parametrize("name", NAMES)
def test_a_module_holds_one_stage_of_its_own_name(name: str) -> None:
    """`find_duplicates.py` holds `FindDuplicates`, so that `use = "find_duplicates"` needs no registration."""
    module = importlib.import_module(f"pixmo.stages.{name}")
    stages = [
        k for k in vars(module).values()
        if isinstance(k, type) and k.__module__ == module.__name__ and is_dataclass(k) and hasattr(k, "version")
    ]  # fmt: skip
    assert [k.__name__ for k in stages] == ["".join(part.capitalize() for part in name.split("_"))]
    assert stages[0].__dataclass_params__.frozen, "settings fingerprint the stage: they must not change"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_says_what_it_does_in_one_line(name: str) -> None:
    """The first line of the module is what `pixmo stages` prints; the class says more."""
    module = importlib.import_module(f"pixmo.stages.{name}")
    line = (module.__doc__ or "").partition("\n")[0]
    assert line.endswith((".", ";"))
    assert 20 < len(line) <= 120
    assert inspect.getdoc(type(load_stage(name, {})))


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_keeps_the_rows(name: str) -> None:
    """As many as came in, with exactly the columns it announces."""
    made = made_by(name)
    assert made.num_rows == ROWS
    stage = load_stage(name, {})
    if Step(name, stage).kind != "select":
        assert made.schema == stage.adds


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_gives_the_same_bytes_twice(name: str) -> None:
    """Made anew, of the same rows, also when they come in other batches."""
    assert whole_bytes(made_by(name)) == whole_bytes(made_by(name)) == whole_bytes(made_by(name, (1, 7, 20)))


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_adds_no_column_it_needs(name: str) -> None:
    """It writes only its own columns."""
    stage = load_stage(name, {})
    if Step(name, stage).kind != "select":
        assert not set(stage.needs.names) & set(stage.adds.names)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stage_makes_moves_only_with_its_version(name: str) -> None:
    """Else folders keep columns of the old meaning beside new ones."""
    now = {"version": load_stage(name, {}).version, "digest": pinned(made_by(name))}
    assert GOLDEN.get(name) == now, (
        f"raise {name}'s version if its meaning changed, then pin: {name!r}: {json.dumps(now)}"
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_column_a_stage_adds_has_its_meaning(name: str) -> None:
    """In words, for the card of the set."""
    stage = load_stage(name, {})
    if Step(name, stage).kind != "select":
        added = [f.name + "_sha256" * pa.types.is_binary(f.type) for f in stage.adds]  # pictures are kept by digest
        assert [n for n in added if n not in COLUMNS] == []


def test_nothing_else_is_pinned() -> None:
    """A stage that is gone has no line."""
    assert sorted(GOLDEN) == NAMES
