"""OUT: what is ours, what is not, and who may touch it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmo.errors import BadFolder, InUse
from pixmo.run.folder import Folder, working_on
from pixmo.run.recipe import Recipe, Step, load_stage


def test_a_new_or_empty_folder_is_taken(tmp_path: Path) -> None:
    """And is ours from then on."""
    for out in (tmp_path / "new" / "deep", tmp_path / "empty"):
        if out.name == "empty":
            out.mkdir()
        with working_on(out) as (folder, store):
            assert folder.exists()
            assert store.folder == (out / ".pixmo").resolve()
        Folder(out).check_ours()


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    """Nor is a file; both are told, and nothing is written."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    for name, told in (("theirs", "was not made by pixmo"), ("file", "is a file")):
        with pytest.raises(BadFolder, match=told), working_on(tmp_path / name):
            pass
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "theirs", "thesis.tex"]


def test_a_folder_without_a_plan_is_no_finished_one(tmp_path: Path) -> None:
    """Commands that look at a folder say what makes one."""
    for made in (False, True):
        (tmp_path / ".pixmo").mkdir() if made else None
        for ask in (Folder(tmp_path).plan, Folder(tmp_path).recipe, Folder(tmp_path).must_exist):
            with pytest.raises(BadFolder, match="pixmo download"):
                ask()


def test_the_second_run_on_a_folder_is_told(tmp_path: Path) -> None:
    """And the first goes on."""
    with working_on(tmp_path / "out"), pytest.raises(InUse, match=str(tmp_path / "out")), working_on(tmp_path / "out"):
        pass


def test_a_shared_store_is_used_by_one_run_at_a_time(tmp_path: Path) -> None:
    """Two folders, one store: the second is told which is in use."""
    with working_on(tmp_path / "a", tmp_path / "store") as (_, store):
        assert store.folder == (tmp_path / "store").resolve()
        with pytest.raises(InUse, match="the store"), working_on(tmp_path / "b", tmp_path / "store"):
            pass
    with working_on(tmp_path / "b", tmp_path / "store"):
        pass


def test_a_folder_remembers_its_store(tmp_path: Path) -> None:
    """Without being told again; told another one, it says so; and both may move together."""
    with working_on(tmp_path / "x" / "out", tmp_path / "x" / "store"):
        pass
    with working_on(tmp_path / "x" / "out") as (_, store):
        assert store.folder == (tmp_path / "x" / "store").resolve()
    with pytest.raises(BadFolder, match="leave --store out"), working_on(tmp_path / "x" / "out", tmp_path / "other"):
        pass
    (tmp_path / "x").rename(tmp_path / "y")
    with working_on(tmp_path / "y" / "out") as (_, store):
        assert store.folder == (tmp_path / "y" / "store").resolve()


def test_leftovers_of_killed_runs_are_swept(tmp_path: Path) -> None:
    """Unfinished files wherever they lie, and the scratch of a plan; nothing else."""
    out, store = tmp_path / "out", tmp_path / "store"
    with working_on(out, store):
        pass
    left = [out / "data/.tmp-1-0-a.parquet", out / ".pixmo/columns/.tmp-plan-x/0.arrow", out / ".tmp-2-0-manifest.json",
            out / ".pixmo/published/.tmp-1-1-a.json", store / "packs/.tmp-1-0-a.idx"]  # fmt: skip
    for path in [*left, out / "data/kept.parquet"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    with working_on(out):
        assert not any(path.exists() for path in left)
        assert not (out / ".pixmo/columns/.tmp-plan-x").exists()
        assert (out / "data/kept.parquet").exists()


def test_a_recipe_is_kept_as_last_run(tmp_path: Path) -> None:
    """A run without an input of its own is about the list the folder was made from."""
    folder = Folder(tmp_path)
    (tmp_path / ".pixmo").mkdir()
    (tmp_path / ".pixmo" / "plan.json").write_text("{}")
    one = Recipe(
        "cap", (Step("download", load_stage("download", {"retries": 7})),), "urls.parquet", splits=("validation=5",)
    )
    folder.note_recipe(one)
    assert folder.recipe() == one
    before = (tmp_path / ".pixmo/run.toml").stat().st_mtime_ns
    folder.note_recipe(one)
    assert (tmp_path / ".pixmo/run.toml").stat().st_mtime_ns == before
    folder.note_recipe(Recipe("cap", one.steps, None))
    assert folder.recipe().input == "urls.parquet"


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    """Here because a file is in the way of its parent."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadFolder, match="may not be written"), working_on(tmp_path / "file" / "out"):
        pass
