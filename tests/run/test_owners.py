"""Owners fetch; they may die at any moment, and no answer is lost and little is asked twice."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from pixmo.ask import Outcome
from pixmo.engines.http.site import site_of
from pixmo.errors import NoSpace, PixmoError
from pixmo.ids import digest
from pixmo.run.owners import Owners
from pixmo.run.ownership import owner_of
from pixmo.run.world import LocalWorld
from pixmo.storage.journal import read_lines
from pixmo.storage.store import Store
from tests.server.trouble import TroubleServer

SETTINGS: dict[str, Any] = {
    "allow_hosts": ("127.0.0.0/8",), "requests_per_s": 0, "per_host": 4, "retries": 1, "retry_base_s": 0.02, "first_park_s": 0.02,
    "trust_env": False,
}  # fmt: skip
ROOT = Path(__file__).parents[2]
Start = Callable[..., LocalWorld]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Makes worlds over one store whose owners are real processes; ends them afterwards."""
    worlds: list[LocalWorld] = []

    def made(count: int = 1, min_free: int = 0, **settings: Any) -> LocalWorld:
        def owners(world: LocalWorld) -> Owners:
            return Owners(count, SETTINGS | settings, world.store, min_free, world.on_answer)

        worlds.append(LocalWorld(Store(tmp_path / "store"), lambda line: True, owners))
        return worlds[-1]

    yield made
    for world in worlds:
        await world.close()
        world.store.close()


def owners_of(world: LocalWorld) -> Owners:
    assert world._owners is not None
    return world._owners


def process_of(world: LocalWorld, number: int = 0) -> int:
    process = owners_of(world)._owners[number]._process
    assert process is not None
    return process.pid


def pictures(server: TroubleServer, count: int) -> list[str]:
    """URLs of pictures that differ; each takes a moment."""
    for number in range(count):
        server.pictures[f"{number}.jpg"] = b"\xff\xd8\xff\xe0" + b"%d " % number * 400
    return [server.url(f"/slow:0.02/p/{number}.jpg") for number in range(count)]


async def test_pictures_come_with_their_bytes(trouble: TroubleServer, start: Start) -> None:
    """Answers in the order of the questions, bytes in packs, a line in the journal for each."""
    world = start()
    urls = [*pictures(trouble, 20), trouble.url("/status:404")]
    answers = await world.ask("http", urls)
    assert [a.outcome for a in answers] == [Outcome.OK] * 20 + [Outcome.NOT_FOUND]
    assert [world.store.packs.get(a.value) for a in answers[:20]] == [trouble.pictures[f"{n}.jpg"] for n in range(20)]
    assert "0 asked" in repr(owners_of(world))
    await world.close()
    lines = list(Store(world.store.folder).journal.lines())
    assert len(lines) == len({line["key"] for line in lines}) == 21
    assert all(path.read_bytes().endswith(b"}\n") for path in (world.store.folder / "journal").iterdir())


async def test_an_owner_killed_in_mid_run_loses_no_answer(trouble: TroubleServer, start: Start) -> None:
    """Killed three times: every picture arrives, and only what was in flight is asked twice."""
    world, kills = start(), 3
    urls = pictures(trouble, 60)
    asked = asyncio.create_task(world.ask("http", urls))
    for kill in range(kills):
        while world.filled < 10 + 15 * kill:  # noqa: ASYNC110 – the owner is another process
            await asyncio.sleep(0.005)
        os.kill(process_of(world), signal.SIGKILL)
    answers = await asked
    assert [a.outcome for a in answers] == [Outcome.OK] * 60
    assert all(world.store.packs.get(a.value) == trouble.pictures[f"{n}.jpg"] for n, a in enumerate(answers))
    times = Counter(seen.path for seen in trouble.log)
    assert len(times) == 60
    assert sum(times.values()) - 60 <= kills * SETTINGS["per_host"]
    again = start()
    assert [a.value for a in await again.ask("http", urls)] == [a.value for a in answers]
    assert again.asked == 0


async def test_a_killed_coordinator_is_finished_by_the_next(
    trouble: TroubleServer, start: Start, tmp_path: Path
) -> None:
    """Its owners see the end of the stream and leave; what they wrote counts, only what was in flight is asked twice."""
    urls = pictures(trouble, 40)
    told = repr((str(tmp_path / "store"), SETTINGS, urls))
    with subprocess.Popen([sys.executable, "-c", COORDINATOR, told], cwd=ROOT) as coordinator:  # noqa: ASYNC220
        while len(trouble.log) < 12:  # noqa: ASYNC110 – the owners are other processes
            await asyncio.sleep(0.005)
        coordinator.kill()
    before = len(trouble.log)
    async with asyncio.timeout(20):
        while trouble.open:  # noqa: ASYNC110 – as above: the orphan leaves by itself
            await asyncio.sleep(0.02)
    world = start()
    assert [a.outcome for a in await world.ask("http", urls)] == [Outcome.OK] * 40
    assert 0 < world.asked <= 40 - before + 2 * SETTINGS["per_host"]
    assert len(trouble.log) - 40 <= 2 * SETTINGS["per_host"]


COORDINATOR = """
import asyncio, sys
from pathlib import Path
from pixmo.run.owners import Owners
from pixmo.run.world import LocalWorld
from pixmo.storage.store import Store
store, settings, urls = eval(sys.argv[1])
async def main():
    start = lambda world: Owners(1, settings, world.store, 0, world.on_answer)
    await LocalWorld(Store(Path(store)), lambda line: True, start).ask("http", urls)
asyncio.run(main())
"""


def two_addresses() -> tuple[str, str]:
    """Loopback addresses that belong to the first and to the second of two owners."""
    of = {owner_of(site_of(f"127.0.{n}.1"), 2): f"127.0.{n}.1" for n in range(250)}
    return of[0], of[1]


async def test_a_redirect_to_a_host_of_another_owner_is_routed(start: Start) -> None:
    """Each hop is asked by the owner of its host; the answer is journalled by the last one, under the first URL."""
    one, other = two_addresses()
    with TroubleServer(addresses=(one, other)) as server:
        server.pictures["a.jpg"] = b"\xff\xd8\xff\xe0 picture"
        target = server.url("/p/a.jpg", other)
        url = server.url(f"/to:302?u={server.url(f'/to:302?u={target}', one)}", other)  # there and back again
        world = start(2)
        (answer,) = await world.ask("http", [url])
        await world.close()
    assert (answer.outcome, answer.value) == (Outcome.OK, digest(b"\xff\xd8\xff\xe0 picture"))
    assert answer.facts is not None
    assert answer.facts["final_url"] == target
    writers = {p.name.split("-")[0]: list(read_lines(p)) for p in (world.store.folder / "journal").iterdir()}
    assert writers["http0"] == []
    assert [line["outcome"] for line in writers["http1"]] == ["ok"]
    assert [seen.host.split(":")[0] for seen in server.log] == [other, one, other]


async def test_a_circle_between_two_owners_ends(start: Start) -> None:
    """The hops travel with the question, so no owner is fooled."""
    one, other = two_addresses()
    with TroubleServer(addresses=(one, other)) as server:
        world = start(2)
        urls = [server.url(f"/loop:2?at={n}", one) for n in range(3)]
        assert {a.outcome for a in await world.ask("http", urls)} == {Outcome.BAD_REDIRECT}


async def test_every_site_has_one_owner(start: Start) -> None:
    """Two owners, two hosts: each host saw the connections of one process only."""
    one, other = two_addresses()
    with TroubleServer(addresses=(one, other)) as server:
        server.pictures["a.jpg"] = b"\xff\xd8\xff\xe0"
        world = start(2)
        await world.ask("http", [server.url(f"/p/a.jpg?{n}", host) for n in range(10) for host in (one, other)])
        await world.close()
    for path in (world.store.folder / "journal").iterdir():
        assert len(list(read_lines(path))) == 10


# what ends a run


async def test_a_full_disk_ends_the_run_and_nothing_is_lost(trouble: TroubleServer, start: Start) -> None:
    """NoSpace, and when there is room again the answers before it are not asked for again."""
    world = start()
    urls = pictures(trouble, 200)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (100_000, hard)
    )  # inherited by the owner: its pack holds some sixty pictures
    try:
        with pytest.raises(NoSpace, match="no space left"):
            await world.ask("http", urls)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await world.close()
    again = start()
    assert [a.outcome for a in await again.ask("http", urls)] == [Outcome.OK] * 200
    assert 0 < again.asked < 190
    assert list(again.store.packs.damaged()) == []


async def test_too_little_free_space_ends_the_run(trouble: TroubleServer, start: Start) -> None:
    """Before the disk is full, when less is free than was asked to be left."""
    world = start(min_free=2**62)
    with pytest.raises(NoSpace, match="min-free-disk"):
        await world.ask("http", [trouble.url("/hang")])


async def test_a_store_that_cannot_be_written_ends_the_run(
    trouble: TroubleServer, start: Start, tmp_path: Path
) -> None:
    """Told by the owner that could not begin, not as its death."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "packs").write_text("a file where a folder should be")
    with pytest.raises(PixmoError, match="packs"):
        await start().ask("http", [trouble.url("/p/a.jpg")])


async def test_an_owner_that_cannot_start_ends_the_run(
    trouble: TroubleServer, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    """With an error and not a hang, after a few tries."""
    world = start(no_such_setting=1)
    async with asyncio.timeout(60):
        with pytest.raises(PixmoError, match="ended 6 times in a row"):
            await world.ask("http", [trouble.url("/p/a.jpg")])
    assert "no_such_setting" in capfd.readouterr().err


async def test_closing_ends_the_owners_with_questions_in_flight(trouble: TroubleServer, start: Start) -> None:
    """Ctrl-C does not wait for a host that hangs; no process is left, and the question is open for the next run."""
    world = start()
    asked = asyncio.create_task(world.ask("http", [trouble.url("/hang"), trouble.url("/p/a.jpg")]))
    while not world.filled:  # noqa: ASYNC110 – the owner is another process
        await asyncio.sleep(0.01)
    pid = process_of(world)
    asked.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(asked, return_exceptions=True)
        await world.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert len(list(Store(world.store.folder).journal.lines())) == 1


async def test_errors_of_an_owner_are_ours() -> None:
    """Whatever kind of error an owner tells, the run ends with one that a user can act on."""
    store = Store(Path("nowhere"))
    owners = Owners(1, {}, store, 0, lambda *answer: None)
    owners._owners[0]._hear(b'F {"kind":"SomethingElse","message":"of the disk"}')
    with pytest.raises(PixmoError, match="of the disk"):
        owners.failed.result()
    await owners.close()


async def test_a_taken_down_picture_is_not_kept(trouble: TroubleServer, start: Start) -> None:
    """Fetched from another URL, its bytes are known by their digest and thrown away."""
    buried = str(digest(trouble.pictures["a.jpg"]))
    world = start()
    world.store.bury({buried})
    (answer,) = await world.ask("http", [trouble.url("/p/a.jpg")])
    assert (answer.outcome, answer.value) == (Outcome.FORGOTTEN, None)
    await world.close()
    assert not any(p.stat().st_size for p in (world.store.folder / "packs").iterdir())


def test_partitions_never_move() -> None:
    """Golden: a site's owner is the same on every machine; each of n owners has its part, in contiguous partitions."""
    assert [owner_of(s, 8) for s in ("example.org", "example.com", "127.0.0.1", "")] == [5, 5, 7, 0]
    for owners in (1, 2, 3, 8, 12):
        shares = Counter(owner_of(f"site{n}.example", owners) for n in range(4000))
        assert set(shares) == set(range(owners))
        assert max(shares.values()) < 1.4 * 4000 / owners
