"""What captions from speech would take: recordings to hear, questions to a model, tokens, dollars; shown with its assumptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pixmo.cli.printing import many
from pixmo.engines.chat.estimate import Estimate, estimate
from pixmo.engines.chat.settings import ChatSettings
from pixmo.run.folder import Folder
from pixmo.run.recipe import Recipe
from pixmo.run.runner import Works, asked_by, one_batch, shards_of
from pixmo.sources.recordings import RecordingsSource
from pixmo.stage import AnyStage
from pixmo.storage.store import Store

if TYPE_CHECKING:
    from pixmo.engines.chat.question import ChatQuestion

RECORDING_S = 75.0  # of one recording, where nothing is known: people were asked for 60 to 90 seconds
WORDS_PER_S = 2.3  # of somebody who describes a picture
USUAL_ANSWER = 700  # tokens of a caption of 200 words with its units


@dataclass(frozen=True)
class Spoken:
    """What a set asks for; `heard` when the questions are known exactly, because the transcripts are there."""

    recordings: int
    heard: bool
    hours: float
    chat: Estimate | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "recordings": self.recordings,
            "hours": self.hours,
            "exact": self.heard,
            "chat": self.chat and asdict(self.chat),
        }


def spoken(recipe: Recipe, source: Any, out: Path) -> Spoken | None:  # Any: a Source
    """For a recipe that writes captions; None for another."""
    writer = recipe.find("write_caption")
    if writer is None:
        return None
    recordings = source.counts() if isinstance(source, RecordingsSource) else []
    hours = sum(recordings) * RECORDING_S / 3600
    if writer.writer != "llm":
        return Spoken(sum(recordings), False, hours, None)
    settings = ChatSettings(**writer.chat_settings())
    exact = _unanswered(recipe, out) if Folder(out).exists() else None
    if exact is None and not isinstance(source, RecordingsSource):
        exact = [q for batch in source.batches() for q in _questions(writer, batch.column("transcripts"))]
    questions = _typical(writer, recordings) if exact is None else exact
    return Spoken(sum(recordings), exact is not None, hours, estimate(questions, settings, USUAL_ANSWER))


def spoken_lines(found: Spoken) -> Iterator[str]:
    """For people."""
    if found.recordings:
        yield f"{many(found.recordings, 'recording')}, about {found.hours:.1f} h at {RECORDING_S:.0f} s each"
    if found.chat is None:
        yield "captions are written by rules: nothing is asked of a model"
        return
    e = found.chat
    known = (
        "the transcripts are there" if found.heard else f"transcripts of {RECORDING_S * WORDS_PER_S:.0f} words assumed"
    )
    yield f"{many(e.questions, 'question')} to the model ({known}): {e.tokens_in:,} tokens in, {e.tokens_out:,} out"
    if e.usd is None:
        yield "  dollars are not known: give --usd-per-mtok-in and --usd-per-mtok-out"
    else:
        yield f"  about {e.usd:.2f} USD, {e.usd_at_most:.2f} at the very most; --budget-usd stops before it is passed"


def _unanswered(recipe: Recipe, out: Path) -> list[ChatQuestion] | None:
    """The questions of an earlier run's transcripts that have no answer yet; None when not all transcripts are there."""
    folder = Folder(out)
    side_files, store = folder.side_files(), Store(folder.store_path(), looks_only=True)
    shards = shards_of(folder.plan(), side_files)
    Works(side_files, store).attach_finished(recipe, shards)
    step = next(s for s in recipe.steps if s.use == "write_caption")
    found = []
    for shard in shards:
        if not all(shard.source_of(f.name) for f in step.stage.needs if f.name not in step.stage.optional):
            return None
        questions = step.stage.questions(one_batch(shard.table(step.stage.needs)))
        for key, question in zip(asked_by(shard, step, store.journal), questions, strict=True):
            line = store.journal.get(key)
            if line is None or line.get("open"):
                found.append(question)
    return found


def _typical(writer: AnyStage, recordings: list[int]) -> Iterator[ChatQuestion]:
    """Questions about transcripts of the usual length, for so many recordings of each picture."""
    text = " ".join(["spoken"] * round(RECORDING_S * WORDS_PER_S))
    of_size = {n: _questions(writer, pa.array([[text] * n], pa.list_(pa.string()))) for n in set(recordings)}
    for n in recordings:
        yield from of_size[n]


def _questions(writer: AnyStage, transcripts: pa.Array) -> list[ChatQuestion]:
    """About these transcripts, lists of them row by row."""
    columns = {f.name: pa.nulls(len(transcripts), f.type) for f in writer.needs}
    columns["transcripts"] = transcripts.cast(pa.list_(pa.string()))
    asked: list[ChatQuestion] = writer.questions(pa.RecordBatch.from_pydict(columns, schema=writer.needs))
    return asked
