"""OUT: which files of a folder are whose, and who may touch it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from pixmo.errors import BadFolder
from pixmo.run.plan import Plan, load_plan
from pixmo.run.recipe import Recipe, load_recipe
from pixmo.storage.lock import locked
from pixmo.storage.publish import disk_errors, publish_bytes, sweep
from pixmo.storage.published import PublishedPictures
from pixmo.storage.sidecar import SideFiles
from pixmo.storage.store import Store

HIDDEN = ".pixmo"


class Folder:
    """The paths of one OUT."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.hidden = out / HIDDEN

    def __repr__(self) -> str:
        return f"Folder({self.out})"

    @property
    def plan_path(self) -> Path:
        """Where the plan is."""
        return self.hidden / "plan.json"

    def exists(self) -> bool:
        """Whether a pixmo run made it."""
        return self.hidden.is_dir()

    def check_ours(self) -> None:
        """Raises BadFolder when something else is in the way: a file, or a folder pixmo did not make."""
        if self.out.exists() and not self.out.is_dir():
            raise BadFolder(f"{self.out}: is a file; give a folder to write into")
        if not self.exists() and self.out.is_dir() and any(self.out.iterdir()):
            raise BadFolder(
                f"{self.out}: is not empty and was not made by pixmo; nothing was touched, choose another folder"
            )

    def must_exist(self) -> None:
        """Raises BadFolder unless a pixmo run made it."""
        if not self.exists() or not self.plan_path.is_file():
            why = f"no finished plan in {HIDDEN}/" if self.out.exists() else "there is nothing of that name"
            raise BadFolder(f"{self.out}: is not a pixmo folder ({why}); make one with `pixmo download`")

    def plan(self) -> Plan:
        """The plan; raises BadFolder when there is none."""
        self.must_exist()
        plan = load_plan(self.plan_path)
        assert plan is not None
        return plan

    def recipe(self) -> Recipe:
        """The recipe as last run."""
        self.must_exist()
        return with_indexes(load_recipe(self.hidden / "run.toml"), lambda path: str(self.out / path))

    def note_recipe(self, recipe: Recipe) -> None:
        """Keeps the recipe as run, if it changed; one without input is the same list's, worked on afterwards."""
        path = self.hidden / "run.toml"
        if recipe.input is None and path.is_file():
            recipe = replace(recipe, input=load_recipe(path).input)
        recipe = with_indexes(recipe, lambda index: os.path.relpath(index, self.out))
        data = recipe.to_toml().encode()
        if not path.is_file() or path.read_bytes() != data:
            publish_bytes(path, data)

    def side_files(self) -> SideFiles:
        """Its columns."""
        return SideFiles(self.hidden / "columns")

    def store_path(self, wanted: Path | None = None) -> Path:
        """Where its store is: as noted, else as wanted, else inside. Raises BadFolder when the two differ."""
        note = self.hidden / "store.txt"
        if note.is_file():
            noted = (self.hidden / note.read_text().strip()).resolve()
            if wanted is not None and noted != wanted.resolve():
                raise BadFolder(f"{self.out}: its pictures are in {noted}, not in {wanted}; leave --store out")
            return noted
        return (wanted or self.hidden).resolve()

    def note_store(self, store: Path) -> None:
        """Remembers the store, relative to the folder where that is possible."""
        note = self.hidden / "store.txt"
        if not note.is_file():
            publish_bytes(note, os.path.relpath(store, self.hidden.resolve()).encode() + b"\n")


def with_indexes(recipe: Recipe, path_of: Callable[[str], str]) -> Recipe:
    """The recipe with other paths to the indexes of held-out pictures its stages use."""
    steps = [
        replace(s, stage=replace(s.stage, against=tuple(path_of(p) for p in s.stage.against)))
        if getattr(s.stage, "against", ())
        else s
        for s in recipe.steps
    ]
    return replace(recipe, steps=tuple(steps))


@contextmanager
def working_on(out: Path, store: Path | None = None, reading: bool = False) -> Iterator[tuple[Folder, Store]]:
    """Holds the folder and its store for one run; leftovers of killed ones are swept first.

    `reading` lets it be a folder on a read-only disk, or of another user.
    """
    folder = Folder(out)
    folder.check_ours()
    with ExitStack() as stack:
        with disk_errors(out):
            folder.hidden.mkdir(parents=True, exist_ok=True)
        stack.enter_context(locked(folder.hidden, str(out), _writable(folder.hidden) or not reading))
        store_path = folder.store_path(store)
        if store_path != folder.hidden.resolve():
            what = f"the store {store_path}"
            stack.enter_context(locked(store_path, what, _writable(store_path) or not reading))
        folder.note_store(store_path)
        for place in (out, store_path):
            if _writable(place) or not reading:
                sweep(place)
        opened = Store(store_path, PublishedPictures(out).get)
        stack.callback(opened.close)
        yield folder, opened


def _writable(folder: Path) -> bool:
    return not folder.exists() or os.access(folder, os.W_OK)
