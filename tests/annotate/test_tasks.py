"""Who describes which picture."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixmo.annotate import tasks as module
from pixmo.annotate.answers import Answers
from pixmo.annotate.people import People
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import Tasks


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "private" / "tasks.sqlite")
    yield found
    found.close()


def begun(store: Store, people: str, pictures: int, per_picture: int) -> tuple[Tasks, list[str]]:
    """A collection, and the pseudonyms of its annotators."""
    tasks = Tasks(store, per_picture)
    tasks.take_in(f"{n}.png" for n in range(pictures))
    who = People(store)
    who.invite(people.split(","))
    return tasks, [p.id for p in who.annotators()]


def describe(store: Store, picture: int, person: str) -> None:
    """As an upload does at its end."""
    store.do("UPDATE assignments SET state = 'done' WHERE picture = ? AND person = ?", picture, person)


def test_each_picture_is_given_to_k_people_and_to_none_twice(store: Store) -> None:
    """Five pictures, three people, two for each picture: ten descriptions, whoever comes first."""
    tasks, people = begun(store, "anna,ben,cleo", 5, 2)
    given: list[tuple[int, str]] = []
    while any(found := [(tasks.next_for(who), who) for who in people]):
        now = [(picture, who) for picture, who in found if picture is not None]
        if not now:
            break
        given += now
        for picture, who in now:
            describe(store, picture, who)
    assert len(given) == len(set(given)) == 10
    assert sorted(picture for picture, _ in given) == sorted([*range(1, 6)] * 2)


def test_a_picture_that_is_open_stays_the_same(store: Store) -> None:
    """Whatever is reloaded: a recording that was begun belongs to it."""
    tasks, (anna, ben) = begun(store, "anna,ben", 3, 1)
    first = tasks.next_for(anna)
    assert tasks.next_for(ben) not in (None, first)
    assert tasks.next_for(anna) == first


def test_a_skipped_picture_goes_to_somebody_else(store: Store) -> None:
    """And not back to whom it was given."""
    tasks, (anna, ben) = begun(store, "anna,ben", 1, 1)
    assert tasks.next_for(anna) == 1
    assert tasks.next_for(ben) is None
    assert tasks.skip(1, anna, "unclear", "")
    assert tasks.next_for(anna) is None
    assert tasks.next_for(ben) == 1


def test_somebody_who_stays_away_does_not_hold_a_picture(store: Store) -> None:
    """After an hour it is given to another; what the first one recorded is still taken."""
    tasks, (anna, ben) = begun(store, "anna,ben", 1, 1)
    tasks.next_for(anna)
    assert tasks.next_for(ben) is None
    store.do("UPDATE assignments SET at = at - ?", module.LEASE_S + 1)
    assert tasks.next_for(ben) == 1
    assert tasks.state(1, anna) == "open"


def test_pictures_come_and_go(store: Store) -> None:
    """New ones are given out, those that left are not, those that came back are known again."""
    tasks, (anna,) = begun(store, "anna", 1, 1)
    assert tasks.next_for(anna) == 1
    tasks.take_in(["new.png"])
    assert tasks.next_for(anna) == 2
    assert tasks.file_of(1, anna) is None
    tasks.take_in(["0.png", "new.png"])
    assert tasks.file_of(1, anna) == "0.png"


@pytest.mark.parametrize("seed", range(12))
def test_k_people_do_each_picture_whatever_comes_between(store: Store, seed: int) -> None:
    """Skips, tasks sent back, skipped or done again then: in the end each picture has k submissions of k people, or as many as would do it."""
    chance = random.Random(seed)
    k = chance.choice((1, 2, 3))
    tasks, ids = begun(store, "anna,ben,cem,dana", 8, k)
    answers = Answers(store, tasks, lambda: None)
    refused: set[tuple[int, str]] = set()
    at_work = True
    while at_work:
        at_work = False
        for person in chance.sample(ids, len(ids)):
            picture = tasks.next_for(person)
            if picture is None:
                continue
            at_work = True
            if chance.random() < 0.25:
                assert tasks.skip(picture, person, "other", "")
                refused.add((picture, person))
            else:
                answers.give(person, chance.randbytes(16).hex(), picture, "c", dict)
            waiting = answers.to_review()
            if waiting is not None and chance.random() < 0.5:
                answers.review(waiting.id, chance.choice(("accept", "back")), "better", None)
    for number in range(1, 9):
        did = [one.person for one in answers.all() if one.picture == number]
        would = [person for person in ids if (number, person) not in refused]
        assert len(did) == len(set(did)) == min(k, len(would))


def test_a_clock_that_was_set_back_holds_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that was opened a year ahead is given to another all the same."""
    tasks, (anna, ben) = begun(store, "anna,ben", 1, 1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 365 * 24 * 3600)
    assert tasks.next_for(anna) == 1
    monkeypatch.setattr(time, "time", lambda: now)
    assert tasks.next_for(ben) == 1
