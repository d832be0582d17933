"""A picture may kill its decoder, never the run, and is blamed for nothing but its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import types
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pixmo.ask import Outcome
from pixmo.ids import digest
from pixmo.run.decoder import PictureStep, PictureTask, is_true
from pixmo.run.decoders import CHUNK, Decoders
from pixmo.stage import Picture, RowStage
from tests.run.killer_stages import Killer, Seen, WhoLooks

ROOT = Path(__file__).parents[2]
Look = Callable[..., Any]  # Any: results per picture


@pytest.fixture
async def decoders(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Decoders]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # where the workers find the stages of these tests
    made = Decoders(1, 30.0)
    yield made
    await made.close()


def tasks(folder: Path, *pictures: bytes) -> list[PictureTask]:
    """The pictures in one pack, as the stages of a run get them."""
    pack = folder / "w-0.pack"
    found, offset = [], 0
    for data in pictures:
        found.append(PictureTask(str(pack), offset, len(data), digest(data), {}))
        offset += len(data)
    pack.write_bytes(b"".join(pictures))
    return found


def seen(data: bytes) -> list[tuple[Any, ...] | None]:
    return [tuple(Seen("ok", True, len(data)))]


STEPS = (PictureStep(Killer(), None),)


async def test_every_picture_is_looked_at_in_its_place(decoders: Decoders, tmp_path: Path) -> None:
    """Several chunks over one process: results in the order of the pictures."""
    pictures = [b"x" * n for n in range(1, 2 * CHUNK + 4)]
    assert await decoders.look(STEPS, tasks(tmp_path, *pictures)) == [seen(p) for p in pictures]
    assert await decoders.look(STEPS, []) == []


@pytest.mark.parametrize("order", [b"abort", b"segv", b"exit", b"leak"])
async def test_a_picture_that_kills_its_decoder_costs_only_itself(
    order: bytes, decoders: Decoders, tmp_path: Path
) -> None:
    """The others of its chunk have their results, and so have later ones."""
    found = await decoders.look(STEPS, tasks(tmp_path, b"before", order, b"after"))
    assert found == [seen(b"before"), Outcome.DECODER_CRASHED, seen(b"after")]
    assert await decoders.look(STEPS, tasks(tmp_path, b"later")) == [seen(b"later")]


async def test_a_picture_that_hangs_in_c_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel ends the decoder after the limit; the others of its chunk have their results."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    decoders = Decoders(1, 0.6)
    found = await decoders.look(STEPS, tasks(tmp_path, b"before", b"hang", b"after"))
    await decoders.close()
    assert found == [seen(b"before"), Outcome.DECODER_HUNG, seen(b"after")]


async def test_memory_that_a_stage_hoards_is_no_pictures_fault(decoders: Decoders, tmp_path: Path) -> None:
    """A decoder that runs out of memory after many pictures is replaced; alone, each picture passes."""
    pictures = [b"hoard"] * 10
    assert await decoders.look(STEPS, tasks(tmp_path, *pictures)) == [seen(b"hoard")] * 10


async def test_a_decoder_killed_from_outside_once_blames_nobody(decoders: Decoders, tmp_path: Path) -> None:
    """As the kernel does when memory is short: the chunk is looked at again, also when it strikes a picture alone."""
    pictures = [b"a", b"die_once %s" % bytes(tmp_path / "first"), b"b"]
    assert await decoders.look(STEPS, tasks(tmp_path, *pictures)) == [seen(p) for p in pictures]


async def test_a_decoder_killed_between_two_looks_is_replaced(decoders: Decoders, tmp_path: Path) -> None:
    """Its death is seen only when it is asked next."""
    steps = (*STEPS, PictureStep(WhoLooks(), None))
    before = (await decoders.look(steps, tasks(tmp_path, b"a")))[0][1][0]
    os.kill(before, signal.SIGKILL)
    after = (await decoders.look(steps, tasks(tmp_path, b"a")))[0][1][0]
    assert after != before


async def test_a_bug_in_a_stage_keeps_its_traceback(decoders: Decoders, tmp_path: Path) -> None:
    """It is no picture's fault: the run ends with the lines that show where."""
    with pytest.raises(ExceptionGroup) as caught:
        await decoders.look(STEPS, tasks(tmp_path, b"a", b"raise hands", b"b"))
    (error,) = caught.value.exceptions
    assert isinstance(error, RuntimeError)
    assert "RuntimeError: a bug in the stage, hands" in str(error)
    assert "killer_stages.py" in str(error)


async def test_a_chatty_library_does_not_stop_a_decoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Any amount of warnings on stderr: nobody waits for a reader, and no picture is called hung."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    decoders = Decoders(1, 5.0)
    pictures = [b"complain 20000"] * (CHUNK + 2)  # 400 kB each
    found = await decoders.look(STEPS, tasks(tmp_path, *pictures))
    await decoders.close()
    assert found == [seen(p) for p in pictures]


async def test_stages_share_a_decoder_and_see_each_others_columns(decoders: Decoders, tmp_path: Path) -> None:
    """A later stage needs what an earlier one added, and rows for which its `when` does not hold get nothing."""
    pictures = tasks(tmp_path, b"a", b"b")
    steps = (*STEPS, PictureStep(WhoLooks(), "image_ok"), PictureStep(WhoLooks(), "not image_ok"))
    for _, worker, nothing in await decoders.look(steps, pictures):
        assert worker is not None
        assert nothing is None


async def test_a_when_reads_the_rows_own_columns(decoders: Decoders, tmp_path: Path) -> None:
    """True, false and null: only true lets the stage look, and `not` takes both others."""
    pictures = [
        t._replace(values={"good": v})
        for t, v in zip(tasks(tmp_path, b"a", b"b", b"c"), [True, False, None], strict=True)
    ]
    steps = PictureStep(Killer(), "good"), PictureStep(Killer(), "not good")
    found = await decoders.look(steps, pictures)
    assert [[r is not None for r in row] for row in found] == [[True, False], [False, True], [False, True]]
    assert [is_true(p.values, "good") for p in pictures] == [True, False, False]


async def test_bytes_that_cannot_be_read_are_no_picture(decoders: Decoders, tmp_path: Path) -> None:
    """A place past the end of the pack gives no bytes, not another picture's."""
    (task,) = tasks(tmp_path, b"only")
    assert await decoders.look(STEPS, [task._replace(offset=100)]) == [seen(b"")]


@dataclass(frozen=True)
class NotThere(RowStage):
    """A stage of a module that the worker cannot import."""

    def row(self, picture: Picture) -> Seen:
        return Seen("ok", True, 0)


async def test_a_stage_the_worker_cannot_import_is_told(
    decoders: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than called a crash of the first picture."""
    module = types.ModuleType("nowhere_to_be_found")
    module.NotThere = NotThere  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nowhere_to_be_found", module)
    monkeypatch.setattr(NotThere, "__module__", "nowhere_to_be_found")
    with pytest.raises(ExceptionGroup) as caught:
        await decoders.look([PictureStep(NotThere(), None)], tasks(tmp_path, b"a"))
    assert "No module named 'nowhere_to_be_found'" in str(caught.value.exceptions[0])


async def test_closing_ends_a_look_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C does not wait for pictures: the processes are killed, and none is left."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    decoders = Decoders(2, 60.0)
    looking = asyncio.create_task(decoders.look(STEPS, tasks(tmp_path, *[b"hang"] * (CHUNK * 3))))
    while not all(d._process for d in decoders._all):  # noqa: ASYNC110 – threads start them
        await asyncio.sleep(0.01)
    processes = [d._process for d in decoders._all]
    await asyncio.sleep(0.3)
    looking.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(looking, return_exceptions=True)
        await decoders.close()
    assert all(p is not None and p.poll() is not None for p in processes)


async def test_closing_unused_decoders_starts_none() -> None:
    """A run without pictures has no decoder."""
    decoders = Decoders(2, 1.0)
    await decoders.close()
    assert all(d._process is None for d in decoders._all)
    assert "free" in repr(decoders)
