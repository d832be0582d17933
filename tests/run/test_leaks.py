"""Comparing training pictures with held-out sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pixmo.cli.road import road
from pixmo.errors import BadSetting
from pixmo.ids import digest
from pixmo.run.job import run_recipe
from pixmo.run.leaks import (
    EXAMPLES,
    Compared,
    build_index,
    compare,
    opened_against,
    opened_train,
    pictures_of_held,
    pictures_of_train,
)
from pixmo.run.leaks_looks import Lookers
from pixmo.run.recipe import Recipe, Step, load_stage
from pixmo.storage.holdout import load
from tests.run.leaks_folders import EFFORT, FOUND, HELD, PICTURE, TRAIN, finished, listed, picture


class Folders:
    """A training folder and a held-out one, finished, and lists that bring the same pictures along."""

    def __init__(self, home: Path, lookers: Lookers) -> None:
        self.home, self.lookers = home, lookers
        self.train = str(finished(TRAIN, home / "train"))
        self.held = str(finished(HELD, home / "held"))
        schema = pa.schema([("image", PICTURE)])
        self.train_list, self.held_list = (
            str(listed(home / f"{name}.parquet", [{"image": picture(n, of)} for n in of], schema))
            for name, of in (("train", TRAIN), ("held", HELD))
        )

    def compared(self, train: str, *against: str, radius: int = 4) -> Compared:
        sets = opened_against(against, self.home, self.lookers)
        return compare(opened_train(train), sets, radius, self.lookers)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folders]:
    with Lookers(1) as lookers:
        yield Folders(tmp_path_factory.mktemp("leaks"), lookers)


def pairs(found: Compared) -> dict[str, tuple[str, str]]:
    """Kind and held-out file by training file."""
    return {leak.train["file"]: (leak.kind, leak.held["file"]) for leak in found.examples}


@pytest.mark.parametrize("train", ["train", "train_list"])
@pytest.mark.parametrize("held", ["held", "held_list"])
def test_copies_are_found_whatever_holds_the_pictures(folders: Folders, train: str, held: str) -> None:
    """The same bytes, smaller copies and mirrored ones, between finished folders and lists that bring pictures along; no blank ones."""
    found = folders.compared(getattr(folders, train), getattr(folders, held))
    assert pairs(found) == FOUND
    assert dict(found.kinds) == {"near": 1, "mirrored": 1, "sha256": 1}
    assert (found.leaks, found.leaking_rows, found.rows, found.pictures, found.hashed) == (3, 3, 8, 8, 8)
    (told,) = found.sets
    assert (len(told.held), int(told.found.sum())) == (6, 3)


def test_an_index_is_as_good_as_its_folder(folders: Folders, tmp_path: Path) -> None:
    """Built once, it needs neither the folder nor its pictures; built again it is the same."""
    path = tmp_path / "held.holdout"
    held, is_new = build_index(folders.held, path, None, folders.lookers)
    assert (held.name, is_new, load(path)) == ("held", True, held)
    assert held.counts() == {"url": 0, "sha256": 6, "near": 6, "mirrored": 6}
    assert pairs(folders.compared(folders.train, str(path))) == FOUND
    again, is_new = build_index(folders.held, path, None, folders.lookers)
    assert (again.digest, is_new) == (held.digest, False)
    with pytest.raises(BadSetting, match="frozen"):
        build_index(folders.train, path, None, folders.lookers)
    replaced, _ = build_index(folders.train, path, "mine", folders.lookers, replace=True)
    assert (load(path).name, load(path)) == ("mine", replaced)


def test_an_index_as_training_data(folders: Folders, tmp_path: Path) -> None:
    """Who may not see the pictures can still compare."""
    build_index(folders.train, tmp_path / "t", None, folders.lookers)
    assert pairs(folders.compared(str(tmp_path / "t"), folders.held)) == FOUND


def test_lists_of_urls(folders: Folders, tmp_path: Path) -> None:
    """By canonical URL and expected digest; nothing is fetched, and that looks are not known is counted."""
    (tmp_path / "train.csv").write_text(
        f"url,sha256\nhttps://EVAL.org/a.jpg#x,\nhttp://h/b,{digest(HELD['1.png'])}\nhttp://h/c,\n"
    )
    (tmp_path / "eval.csv").write_text("url\nhttp://eval.org/a.jpg\n")
    found = folders.compared(str(tmp_path / "train.csv"), str(tmp_path / "eval.csv"), folders.held)
    assert [(leak.kind, leak.train["row"], leak.set) for leak in found.examples] == [
        ("url", 0, str(tmp_path / "eval.csv")),
        ("sha256", 1, folders.held),
    ]
    assert (found.pictures, found.hashed) == (3, 0)


def test_sets_are_counted_each_and_pictures_once(folders: Folders, tmp_path: Path) -> None:
    """A picture in two sets leaks once, and stands in the counts of both; a set named twice is one."""
    build_index(f"{folders.held}:train", tmp_path / "h", "again", folders.lookers)
    found = folders.compared(folders.train, folders.held, str(tmp_path / "h"), folders.held)
    assert (found.leaks, [s.kinds.total() for s in found.sets]) == (3, [3, 3])
    assert json.loads(json.dumps(found.as_json()))["sets"][1]["name"] == "again"


def test_rows_of_several_pictures(folders: Folders, tmp_path: Path) -> None:
    """A row leaks once however many of its pictures do; each example says which of them."""
    schema = pa.schema([("images", pa.list_(PICTURE))])
    told = [["50.jpg", "small.jpg", "turned.webp"], ["51.jpg"], [], ["same.png"]]
    source = listed(tmp_path / "s.parquet", [{"images": [picture(n, TRAIN) for n in row]} for row in told], schema)
    run_recipe(road(str(source), media="embedded", where=()), tmp_path / "out", EFFORT)
    for train in (str(source), str(tmp_path / "out")):
        found = folders.compared(train, folders.held)
        assert (found.leaks, found.leaking_rows, found.pictures) == (3, 2, 5)
        assert sorted(leak.train["at"] for leak in found.examples) == [0, 1, 2]
        shown = pictures_of_train(opened_train(train), found.examples)
        assert {digest(data) for data in shown.values()} == {digest(TRAIN[n]) for n in FOUND}


def test_of_a_source_with_splits_train_is_compared(folders: Folders, tmp_path: Path) -> None:
    """Its held-out rows are no leaks of it; another split is compared on request."""
    out = str(finished(TRAIN, tmp_path / "out", splits=("validation=4",)))
    whole = {split: folders.compared(f"{out}:{split}", folders.held) for split in ("train", "validation")}
    assert [found.pictures for found in whole.values()] == [4, 4]
    assert pairs(whole["train"]) | pairs(whole["validation"]) == FOUND
    default = folders.compared(out, folders.held)
    assert (default.train, default.pictures, pairs(default)) == (f"{out}:train", 4, pairs(whole["train"]))
    assert folders.compared(out, f"{out}:validation").leaks == 0


def test_examples_are_few_and_counts_are_whole(folders: Folders, tmp_path: Path) -> None:
    """A training set that is its own evaluation set ten thousand times over."""
    (tmp_path / "many.csv").write_text("url\n" + "".join(f"http://h/{n}.jpg\n" for n in range(10_000)))
    found = folders.compared(str(tmp_path / "many.csv"), str(tmp_path / "many.csv"))
    assert (found.leaks, len(found.examples), int(found.sets[0].found.sum())) == (10_000, EXAMPLES, 10_000)


def test_the_pictures_of_both_sides_are_found_again(folders: Folders) -> None:
    """The training picture and the held-out one, from folders and lists; an index has none."""
    for train, held in ((folders.train, folders.held), (folders.train_list, folders.held_list)):
        sets = opened_against([held], folders.home, folders.lookers)
        found = compare(opened_train(train), sets, 4, folders.lookers)
        left, right = pictures_of_train(opened_train(train), found.examples), pictures_of_held(sets, found.examples)
        for number, leak in enumerate(found.examples):
            assert left[number] == TRAIN[leak.train["file"]]
            assert right[number] == HELD[FOUND[leak.train["file"]][1]]


def test_nothing_to_recognise_pictures_by(folders: Folders, tmp_path: Path) -> None:
    """A list whose pictures do not decode and have no URL makes digests at most; one of nulls makes no index."""
    schema = pa.schema([("image", PICTURE)])
    broken = listed(tmp_path / "b.parquet", [{"image": {"bytes": b"<html>", "path": "x"}}, {"image": None}], schema)
    held, _ = build_index(str(broken), tmp_path / "b", None, folders.lookers)
    assert (held.counts()["sha256"], held.counts()["near"], held.origin.unknown) == (1, 0, 1)
    nothing = listed(tmp_path / "n.parquet", [{"image": None}], schema)
    with pytest.raises(BadSetting, match="no picture"):
        build_index(str(nothing), tmp_path / "n", None, folders.lookers)
    assert not (tmp_path / "n").exists()


def test_a_run_says_of_its_rows_what_the_comparison_says(folders: Folders, tmp_path: Path) -> None:
    """find_leaks in a recipe, over rows of several pictures too: marked, counted, left out by `not is_leak`."""
    path = tmp_path / "held.holdout"
    build_index(folders.held, path, None, folders.lookers)
    schema = pa.schema([("images", pa.list_(PICTURE))])
    told = [["50.jpg", "small.jpg"], ["51.jpg", "52.jpg"], ["same.png"], ["turned.webp"]]
    source = listed(tmp_path / "s.parquet", [{"images": [picture(n, TRAIN) for n in row]} for row in told], schema)
    run_recipe(with_leaks(source, path, "not is_leak"), tmp_path / "out", EFFORT)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["written"], manifest["counts"]["left"]["not is_leak"]) == (1, 3)
    run_recipe(with_leaks(source, path), tmp_path / "kept", EFFORT)
    assert folders.compared(str(tmp_path / "kept"), folders.held).leaks == 3


def with_leaks(source: Path, index: Path, *clauses: str) -> Recipe:
    """The road with find_leaks before the selection."""
    *steps, select = road(str(source), media="embedded").steps
    told: dict[str, Any] = {"where": ["ok", *clauses]}
    leaks = Step("find_leaks", load_stage("find_leaks", {"against": [str(index)]}))
    return Recipe("test", (*steps, leaks, Step(select.use, load_stage("select", told))), str(source))
