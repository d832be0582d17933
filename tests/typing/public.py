"""The public signatures as a type checker sees them: read by `mypy`, never run. A change here is a change for users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, assert_type

import pixmo
from pixmo.ask import Answer, AnyOutcome, Engine
from pixmo.dataset.rows import Rows
from pixmo.errors import PixmoError, UnknownName, nearest
from pixmo.ids import Digest, canonical_json, digest, digest_of, is_digest, short
from pixmo.records.base import Record
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.stage import Picture, RowStage, World, effort, fingerprint, meaning, settings_of


def digests(data: bytes) -> None:
    """Digests are text of a type of their own."""
    assert_type(digest(data), Digest)
    assert_type(digest_of({"a": 1}), Digest)
    assert_type(canonical_json([1, None]), bytes)
    assert_type(short(digest(data)), str)
    assert_type(is_digest("0"), bool)


def answers(answer: Answer[bytes]) -> None:
    """An answer says how it ended, and has a value where there is one."""
    assert_type(answer.outcome, AnyOutcome)
    assert_type(answer.value, bytes | None)
    assert_type(answer.detail, str)
    assert_type(answer.cost, float)
    assert_type(answer.outcome.worth_retrying, bool)


async def engines(engine: Engine[str, bytes], world: World, urls: Sequence[str]) -> None:
    """Engines answer one question, the world many."""
    assert_type(engine.fingerprint, str)
    assert_type(await engine.ask("what?"), Answer[bytes])
    assert_type(await world.ask("http", urls), list[Answer[Any]])


class Length(NamedTuple):
    """What a stage adds."""

    words: int
    is_short: bool


@dataclass(frozen=True)
class CheckLength(RowStage):
    """A stage of somebody else, written as the documentation says."""

    minimum: int = meaning(20, "words a caption needs")
    workers: int = effort(2)

    def row(self, caption: str) -> Length:
        """One row."""
        words = len(caption.split())
        return Length(words, words < self.minimum)


def stages(stage: CheckLength) -> None:
    """Settings keep their types."""
    assert_type(stage.minimum, int)
    assert_type(CheckLength(minimum=3).row("a b"), Length)
    assert_type(CheckLength.takes_picture(), bool)
    assert_type(fingerprint(stage), Digest)
    assert_type(settings_of(stage), dict[str, Any])
    assert_type(Picture(b"").data, bytes)


def errors(error: UnknownName) -> None:
    """Every error a user can act on is a PixmoError."""
    base: PixmoError = error
    assert_type(error.nearest, str | None)
    assert_type(nearest("a", ["b"]), str | None)
    assert_type(str(base), str)


def the_road(out: Path) -> None:
    """The façade: a recipe, a run, and what can be asked of a folder afterwards."""
    recipe = pixmo.road("urls.csv", per_host=8)
    assert_type(recipe, pixmo.Recipe)
    effort = pixmo.Effort(n_proc=4, store=out / "store")
    summary = pixmo.run_recipe(recipe, out, effort)
    assert_type(summary, pixmo.Summary)
    assert_type(summary.outcomes, dict[str, int])
    assert_type(pixmo.retry(out, ("timeout",), effort), pixmo.Summary)
    assert_type(pixmo.status(out).retryable, dict[str, int])
    assert_type(pixmo.verify(out, repair=True)[0].repaired, bool)
    assert_type(pixmo.forget(out, ["https://example.org/a.jpg"]).rows, int)
    assert_type(pixmo.export(out, out / "tars", "webdataset").files, int)
    assert_type(pixmo.clean(out, packs=True, dry_run=True).bytes, int)
    assert_type(pixmo.load_recipe(out / "cap.toml").to_toml(), str)
    assert_type(pixmo.__version__, str)


def typed_rows(out: Path) -> None:
    """Rows of a finished set, and what they say."""
    rows = pixmo.load(out, split="train")
    assert_type(rows, Rows)
    assert_type(rows[0].records, tuple[Record, ...])
    assert_type(rows[1:3], Rows)
    assert_type(pixmo.assign_split(["https://example.org/a.jpg", None], splits=["validation=1"]), list[str])
    point = Points(label="cup", points=(Point(1.0, 2.0),), unit=Unit.PERCENT, orientation=Orientation.UPRIGHT)
    assert_type(point.unit, Unit)
    assert_type(next(point.findings()).rule, str)
    assert_type(Points.from_dict(point.to_dict()), Points)
