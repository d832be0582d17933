"""Picture stages over a shard: each picture is decoded once, and not again when its values are known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pixmo.run.decoders import Decoders
from pixmo.run.pictures import PictureStages
from pixmo.run.recipe import Step, load_stage
from pixmo.run.shard import with_ids
from pixmo.storage.sidecar import SideFiles
from pixmo.storage.store import Store
from tests.pictures import jpeg, truncated
from tests.run.killer_stages import Killer, WhoLooks

ROOT = Path(__file__).parents[2]
INSPECT = Step("inspect_image", load_stage("inspect_image", {}), "fetched")
HASH = Step("hash_image", load_stage("hash_image", {}), "image_ok")
GROUP = [INSPECT, HASH]


class Work:
    """A store, side files, decoders, and picture stages that count what they decode."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.sides = SideFiles(folder / "columns")
        self.decoders = Decoders(1, 30.0)
        self.stages = self.again()

    def again(self) -> PictureStages:
        """As a later run has them."""
        return PictureStages(self.store, self.decoders, self.store, self.sides)  # type: ignore[arg-type]  # of a world only `put`

    async def run(
        self, steps: list[Step], pictures: list[bytes | None], shard: int = 0, **columns: list[Any]
    ) -> list[pa.Table]:
        """The steps over rows of these pictures, fetched where there is one; their side files are written as a run does."""
        shas = [None if p is None else self.store.put(p) for p in pictures]
        ids = pa.array([f"r{i}" for i in range(len(shas))])
        told = {
            "row_id": ids,
            "fetched_sha256": pa.array(shas, pa.string()),
            "fetched": [s is not None for s in shas],
        } | columns
        tables = await self.stages.run(steps, pa.table(told), shard)
        for step, table in zip(steps, tables, strict=True):
            made = with_ids(pa.table(told), table).replace_schema_metadata(table.schema.metadata)
            self.sides.write(step.name, shard, f"{len(self.sides):016x}", made)
        return tables


@pytest.fixture
async def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Work]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = Work(tmp_path)
    yield made
    await made.decoders.close()
    made.store.close()


async def test_each_row_gets_its_picture_s_values(work: Work) -> None:
    """In its place; a row without a picture gets nulls, a broken picture its outcome and no hash."""
    inspected, hashed = await work.run(GROUP, [jpeg(1, (32, 24)), None, b"no picture", jpeg(2, (16, 8))])
    assert inspected.column("width").to_pylist() == [32, None, None, 16]
    assert inspected.column("image_outcome").to_pylist() == ["ok", None, "not_an_image", "ok"]
    assert [h is not None for h in hashed.column("phash").to_pylist()] == [True, False, False, True]
    assert inspected.column("picture_sha256").null_count == 1


async def test_the_same_picture_in_many_rows_is_decoded_once(work: Work) -> None:
    """Lists repeat themselves: a tenth of the rows, or the logo that a host sends for everything."""
    one = jpeg(1, (32, 24))
    inspected, _ = await work.run(GROUP, [one, jpeg(2), one, one, None])
    assert inspected.column("width").to_pylist() == [32, 320, 32, 32, None]
    assert work.stages.decoded == 2


async def test_after_a_retry_only_new_pictures_are_decoded(work: Work) -> None:
    """The other rows of the shard are taken from the older files of the same stages, bit for bit."""
    before = await work.run(GROUP, [jpeg(1), None, jpeg(2), truncated(jpeg(3))])
    work.stages = work.again()
    after = await work.run(GROUP, [jpeg(1), jpeg(4, (32, 24)), jpeg(2), truncated(jpeg(3))])
    assert work.stages.decoded == 1, "the rescued one"
    for old, new in zip(before, after, strict=True):
        for row in (0, 2, 3):
            assert old.slice(row, 1) == new.slice(row, 1)
    assert after[0].column("width").to_pylist()[1] == 32
    assert after[1].column("phash").to_pylist()[1] is not None


async def test_values_of_other_settings_are_not_taken(work: Work) -> None:
    """A file of the same stage with another fingerprint says something else."""
    await work.run([INSPECT], [jpeg(1)])
    work.stages = work.again()
    small = Step("inspect_image", load_stage("inspect_image", {"max_pixels": 10}), "fetched")
    (table,) = await work.run([small], [jpeg(1)])
    assert table.column("image_outcome").to_pylist() == ["too_many_pixels"]


async def test_a_when_that_differs_between_rows_of_one_picture(work: Work) -> None:
    """One picture, in one row looked at and in the other not, in either order."""
    step = Step("inspect_image", load_stage("inspect_image", {}), "wanted")
    for wanted in ([False, True, None], [True, None, False]):
        (table,) = await work.run([step], [jpeg(1)] * 3, wanted=pa.array(wanted))
        assert table.column("width").to_pylist() == [320 if w else None for w in wanted]
    refused = Step("inspect_image", load_stage("inspect_image", {}), "not wanted")
    (table,) = await work.run([refused], [jpeg(1)] * 2, shard=1, wanted=pa.array([True, None]))
    assert table.column("width").to_pylist() == [None, 320]


async def test_a_row_that_was_not_looked_at_before_is_looked_at_now(work: Work) -> None:
    """An older file's nulls for it are no values of the picture."""
    step = Step("inspect_image", load_stage("inspect_image", {}), "wanted")
    await work.run([step], [jpeg(1)], wanted=pa.array([False]))
    (table,) = await work.run([step], [jpeg(1)], wanted=pa.array([True]))
    assert table.column("width").to_pylist() == [320]


async def test_a_picture_that_kills_its_decoder_says_so(work: Work) -> None:
    """In the columns of the stage that tells outcomes; other stages of the group have nothing for it."""
    steps = [
        Step("tests.run.killer_stages:Killer", Killer()),
        Step("tests.run.killer_stages:WhoLooks", WhoLooks(), "image_ok"),
    ]
    killed, worker = await work.run(steps, [b"before", b"abort", b"after"])
    assert killed.column("image_outcome").to_pylist() == ["ok", "decoder_crashed", "ok"]
    assert killed.column("image_ok").to_pylist() == [True, False, True]
    assert [w is not None for w in worker.column("process").to_pylist()] == [True, False, True]


async def test_bytes_that_a_stage_makes_go_into_the_store(work: Work) -> None:
    """The column then holds their digest."""
    step = Step("resize_image", load_stage("resize_image", {"longest_edge_px": 16}))
    (table,) = await work.run([step], [jpeg(1), None])
    sha = table.column("resized_sha256").to_pylist()
    assert sha[1] is None
    small = work.store.packs.get(sha[0])
    assert small is not None
    assert len(small) < len(jpeg(1))


async def test_no_rows_make_empty_columns(work: Work) -> None:
    """A shard of which nothing was fetched needs no decoder."""
    for pictures in ([], [None, None]):
        inspected, _ = await work.run(GROUP, list(pictures))
        assert inspected.num_rows == len(pictures)
        assert inspected.column("width").null_count == len(pictures)
    assert work.stages.decoded == 0
