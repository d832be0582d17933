"""What a run may ask the world: each question once, answered ones never again, opened rounds once more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pixmo.ask import Outcome
from pixmo.errors import NoSpace
from pixmo.ids import digest
from pixmo.run.owners import Question
from pixmo.run.world import LocalWorld, http_key
from pixmo.storage.journal_writer import JournalWriter, Line, encode
from pixmo.storage.pack_writer import PackWriter
from pixmo.storage.store import Store

A, B = "https://example.org/a.jpg", "https://example.org/b.jpg"


class Scripted:
    """Owners that answer when told to, with the bytes of the URL, keeping and journalling them as owners do."""

    def __init__(self, world: LocalWorld) -> None:
        self.questions: list[Question] = []
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._world = world
        name = world.store.writer_name("http0")
        self._packs = PackWriter(world.store.folder / "packs", name)
        self._journal = JournalWriter(world.store.folder / "journal", name)

    def ask(self, question: Question) -> None:
        self.questions.append(question)

    def answer(self, number: int, outcome: Outcome = Outcome.OK, **facts: Any) -> None:
        """Answers the n-th question."""
        question = self.questions[number]
        line: Line = {"key": question.key, "round": question.round, "outcome": str(outcome), **facts}
        if outcome is Outcome.OK:
            data = question.url.encode(errors="surrogatepass")
            where = self._packs.put(data)
            line |= {"sha256": digest(data), "pack": where.pack, "offset": where.offset, "size": where.length}
        offset, raw = self._journal.size, encode(line)
        self._journal.write(raw)
        self._world.on_answer(line, raw, self._journal.path, offset)

    async def close(self) -> None:
        self._packs.close()
        self._journal.close()
        self.failed.cancel()


class Reused(NamedTuple):
    data: bytes
    origin: str


class Folder(dict[str, bytes]):
    """Pictures that somebody already has."""

    def get(self, url: str, sha256: str | None = None) -> Any:  # type: ignore[override]
        return Reused(self[url], "reused") if url in self else None


class Made:
    """Worlds over one store, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owners: list[Scripted] = []

    def world(self, enough: Callable[[Line], bool] = lambda line: True, reuse: Folder | None = None) -> LocalWorld:
        def start(world: LocalWorld) -> Any:
            self.owners.append(Scripted(world))
            return self.owners[-1]

        return LocalWorld(Store(self.folder), enough, start, reuse)

    @property
    def questions(self) -> list[Question]:
        return self.owners[-1].questions

    async def ask(self, world: LocalWorld, *urls: str) -> asyncio.Task[list[Any]]:
        """Asks and lets the questions go out."""
        task = asyncio.create_task(world.ask("http", urls))
        await asyncio.sleep(0.01)
        return task

    async def answered(self, *urls: str, outcome: Outcome = Outcome.OK, **facts: Any) -> None:
        """A run before this one, in which these were answered."""
        world = self.world()
        task = await self.ask(world, *urls)
        for number in range(len(self.questions)):
            self.owners[-1].answer(number, outcome, **facts)
        await task
        await world.close()
        world.store.close()


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


async def test_answers_come_in_the_order_of_the_questions(made: Made) -> None:
    """Whoever is answered first; the value of an answer is the digest of its bytes."""
    world = made.world()
    task = await made.ask(world, A, B)
    made.owners[0].answer(1)
    made.owners[0].answer(0, Outcome.NOT_FOUND, status=404, detail="gone fishing")
    a, b = await task
    assert (a.outcome, a.value, a.detail, a.facts["status"]) == (Outcome.NOT_FOUND, None, "gone fishing", 404)
    assert (b.outcome, b.value) == (Outcome.OK, digest(B.encode()))
    assert world.store.packs.get(b.value) == B.encode()
    assert (world.asked, world.filled, world.in_flight) == (2, 2, 0)
    assert world.counts == {"ok": 1, "not_found": 1}
    assert world.bytes_received == len(B)
    await world.close()


async def test_the_same_question_in_flight_is_asked_once(made: Made) -> None:
    """Within a shard and between shards."""
    world = made.world()
    one, other = await made.ask(world, A, A), await made.ask(world, A)
    assert [q.url for q in made.questions] == [A]
    made.owners[0].answer(0)
    answers = [*await one, *await other]
    assert [a.value for a in answers] == [digest(A.encode())] * 3
    await world.close()


async def test_an_answered_question_is_not_asked_again(made: Made) -> None:
    """Neither in the same run nor in the next, whatever the answer was; then no owner is even started."""
    await made.answered(A)
    await made.answered(B, outcome=Outcome.TIMEOUT)
    world = made.world()
    a, b = await world.ask("http", [A, B])
    assert (a.outcome, b.outcome) == (Outcome.OK, Outcome.TIMEOUT)
    assert (len(made.owners), world.asked) == (2, 0)


async def test_an_opened_round_is_asked_in_that_round(made: Made) -> None:
    """`retry` opens it; its answer then counts, and it is not asked a third time."""
    await made.answered(A, outcome=Outcome.TIMEOUT)
    Store(made.folder).journal.open_again([(http_key(A), 1)], "retry")
    world = made.world()
    task = await made.ask(world, A)
    assert made.questions == [Question(http_key(A), 1, A)]
    made.owners[-1].answer(0)
    assert (await task)[0].outcome is Outcome.OK
    await world.close()
    assert (await made.world().ask("http", [A]))[0].outcome is Outcome.OK


async def test_an_answer_that_does_not_suffice_is_asked_for_again(made: Made) -> None:
    """Once, in the next round, which stays open if this run dies before it is answered."""
    await made.answered(A, outcome=Outcome.TOO_LARGE, cut_at=10)
    for _ in range(2):
        world = made.world(enough=lambda line: line.get("cut_at") != 10)
        task = await made.ask(world, A)
        assert made.questions == [Question(http_key(A), 1, A)]
        task.cancel()  # dies here
        await asyncio.gather(task, return_exceptions=True)
        await world.close()
    await made.answered(A)
    world = made.world(enough=lambda line: line.get("cut_at") != 10)
    assert (await world.ask("http", [A]))[0].outcome is Outcome.OK


async def test_an_answer_whose_bytes_are_gone_is_asked_for_again(made: Made) -> None:
    """A pack that was lost or repaired away: the picture is fetched, not claimed."""
    await made.answered(A, B)
    Store(made.folder).packs.drop({digest(A.encode())})
    world = made.world()
    task = await made.ask(world, A, B)
    assert [(q.url, q.round) for q in made.questions] == [(A, 1)]
    made.owners[-1].answer(0)
    assert [a.outcome for a in await task] == [Outcome.OK, Outcome.OK]
    await world.close()


async def test_what_was_taken_down_is_never_asked(made: Made) -> None:
    """Though it had an answer before."""
    await made.answered(A)
    Store(made.folder).bury({digest(A.encode())})
    world = made.world()
    (answer,) = await world.ask("http", [A])
    assert (answer.outcome, answer.value, world.asked) == (Outcome.FORGOTTEN, None, 0)


async def test_a_reused_picture_answers_its_question(made: Made) -> None:
    """Without asking, in this run and, once it is journalled, in the next without the folder."""
    world = made.world(reuse=Folder({A: b"picture"}))
    a, again = await world.ask("http", [A, A])
    assert (a.outcome, a.value, a.detail) == (Outcome.OK, digest(b"picture"), "reused")
    assert again.value == a.value
    assert (world.asked, world.counts) == (0, {"reused": 1})
    world.store.close()
    assert (await made.world().ask("http", [A]))[0].value == digest(b"picture")


async def test_when_owners_cannot_go_on_everyone_who_waits_is_told(made: Made) -> None:
    """Also those who ask later; nobody hangs."""
    world = made.world()
    one, other = await made.ask(world, A), await made.ask(world, B)
    made.owners[0].failed.set_exception(NoSpace("the disk is full"))
    for task in (one, other, await made.ask(world, "https://example.org/c.jpg")):
        with pytest.raises(NoSpace):
            await task


async def test_an_absurd_url_has_a_key(made: Made) -> None:
    """Half a surrogate, a megabyte, nothing readable: a question like any other."""
    urls = ["https://example.org/\udcff", "x" * 10**6, "\x00\n"]
    world = made.world()
    task = await made.ask(world, *urls)
    assert len({q.key for q in made.questions}) == 3
    for number in range(3):
        made.owners[0].answer(number, Outcome.BAD_URL)
    assert {a.outcome for a in await task} == {Outcome.BAD_URL}
    await world.close()


def test_the_key_of_a_question_is_a_promise() -> None:
    """Every journal hangs on it: engine and URL, nothing else."""
    assert http_key(A) == digest(b"http/1\nhttps://example.org/a.jpg")
    assert "0 questions in flight" in repr(LocalWorld(Store(Path("nowhere")), bool, NotImplemented))
