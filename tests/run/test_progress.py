"""What people see: nothing on short runs, a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from pixmo.run import progress as progress_module
from pixmo.run.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


NOBODY: Any = SimpleNamespace(engines={})


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(progress_module, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_short_work_shows_nothing(clock: Clock) -> None:
    """Neither a bar nor a line before two seconds."""
    for stream in (Terminal(), io.StringIO()):
        with Progress(stream=stream) as progress:
            clock.now += 1.9
            progress.rows_read(10)
            progress.files(1, 2)
        assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_that_ends(clock: Clock) -> None:
    """With the total where it is known; what comes next gets a bar of its own."""
    stream = Terminal()
    with Progress(stream=stream) as progress:
        clock.now += 3
        progress.rows_read(10)
        progress.files(3, 4)
        progress.files(4, 4)
    told = stream.getvalue()
    assert "read: 10.0row" in told
    assert "4.00/4.00" in told
    assert told.endswith("\n")


def test_a_file_gets_a_line_now_and_then(clock: Clock) -> None:
    """Plain, whole and without control characters, however often something happens."""
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        for second in range(1, 41):
            clock.now = 1000 + second
            progress.files(second, 40)
    lines = stream.getvalue().splitlines()
    assert lines == ["write: 16/40 files, 1/s", "write: 32/40 files, 1/s"]


def test_quiet_is_silent(clock: Clock) -> None:
    """Also about what begins."""
    stream = io.StringIO()
    with Progress(quiet=True, stream=stream) as progress:
        clock.now += 100
        progress.note("reading urls.parquet")
        progress.rows_read(10)
    assert stream.getvalue() == ""


def test_what_begins_is_said_at_once(clock: Clock) -> None:
    """One line."""
    stream = io.StringIO()
    Progress(stream=stream).note("reading urls.parquet")
    assert stream.getvalue() == "reading urls.parquet\n"


async def test_a_run_is_watched_until_it_ends(clock: Clock) -> None:
    """Rows done, never more than there are, with live counts; samples for the report's chart."""
    stream = io.StringIO()
    world: Any = SimpleNamespace(filled=0, counts=Counter(), failed=None, in_flight=0, asked=0, bytes_received=0)
    pictures: Any = SimpleNamespace(decoded=0)
    with Progress(stream=stream) as progress:
        clock.now += 20
        world.filled, world.counts, pictures.decoded = 70, Counter(ok=60, not_found=10), 55
        watch = asyncio.create_task(progress.watch(world, pictures, NOBODY, 100))
        await asyncio.sleep(0.01)
        progress.on_shard(
            SimpleNamespace(kind="world", use="download"), SimpleNamespace(planned=SimpleNamespace(rows=500))
        )  # type: ignore[arg-type]
        clock.now += 20
        await asyncio.sleep(0.6)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("fetch: 70/100 rows, ")
    assert "ok=60 not_found=10 decoded=55" in lines[0]
    assert lines[1].startswith("fetch: 100/100 rows")
    assert [rows for _, rows in progress.samples] == [70, 100]


async def test_a_long_run_keeps_few_samples(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thinned out evenly, first and last kept."""
    world: Any = SimpleNamespace(filled=0, counts=Counter(), failed=None, in_flight=0, asked=0, bytes_received=0)
    ticks = 0

    async def soon(seconds: float) -> None:
        nonlocal ticks
        ticks, clock.now, world.filled = ticks + 1, clock.now + seconds, world.filled + 1
        if ticks > 5000:
            raise asyncio.CancelledError

    monkeypatch.setattr(progress_module.asyncio, "sleep", soon)
    progress = Progress(quiet=True)
    with pytest.raises(asyncio.CancelledError):
        await progress.watch(world, SimpleNamespace(decoded=0), NOBODY, 10**6)  # type: ignore[arg-type]
    rows = [r for _, r in progress.samples]
    assert len(rows) <= 2001
    assert (rows[0], rows[-1]) == (0, 5000)
    assert rows == sorted(rows)
