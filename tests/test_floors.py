"""The map of the house: a room imports from lower floors only, never a neighbour, never up; lazily too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "pixmo"
FLOORS = (
    {"errors", "ids", "ask"},
    {"records"},
    {"page", "image", "text", "audio", "judge"},
    {"storage", "engines", "web", "sources", "catalog"},
    {"dataset", "stage"},
    {"stages", "run"},
    {"evaluate", "molmo", "view", "annotate"},
    {"train", "predict"},
    {"cli", "__init__", "__main__"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# Neighbours that may be asked all the same, each with its reason.
MAY = {
    ("ids", "errors"), ("ask", "errors"), ("ask", "ids"),  # the first words of the house, in the order they are said
    ("sources", "catalog"),  # a short name such as `cap` opens as the catalog says
    ("__main__", "cli"), ("__init__", "cli"), ("cli", "__init__"),  # the ways in: the command, and the same from Python
}  # fmt: skip
HEAVY = {"aiohttp", "datasets", "imagehash", "numpy", "openai", "pandas", "PIL", "pyarrow", "scipy", "torch"}
LIGHT = {
    "errors",
    "ids",
    "ask",
    "stage",
    "cli",
    "__init__",
    "__main__",
}  # of cli its top module; verbs load when called


def room_of(path: Path, house: Path) -> str:
    """The room a file belongs to: the first part of its path."""
    return path.relative_to(house).with_suffix("").parts[0]


def imports(tree: ast.Module) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Every import wherever it stands: line, module (dots for relative ones), the names taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or ""), tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, ()) for alias in node.names)


def faults(house: Path) -> list[str]:
    """One line for each import that goes up, sideways, or is not written `from pixmo.room.module import name`."""
    found = []
    for path in sorted(house.rglob("*.py")):
        here, tree = room_of(path, house), ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(house.parent).as_posix()
        if here not in FLOOR:
            found.append(f"{where}: the room {here!r} is on no floor")
            continue
        for line, module, names in imports(tree):
            if module.startswith("."):
                found.append(f"{where}:{line}: relative import")
            elif module.split(".")[0] == "pixmo":
                found += (f"{where}:{line}: {why}" for why in [wrong(here, module, names, house)] if why)
        if here in LIGHT and (here != "cli" or path.name == "__init__.py"):
            found += (f"{where}:{line}: {name} at the top of a light module" for line, name in heavy_at_top(tree))
    return found


def wrong(here: str, module: str, names: tuple[str, ...], house: Path) -> str:
    """What is wrong with one import of ours; empty when nothing is."""
    there = module.split(".")[1] if "." in module else "__init__"
    if not names:
        return f"write from {module} import name"
    if there == "__init__" and (rooms := [name for name in names if name in FLOOR or (house / name).is_dir()]):
        return f"write from pixmo.{rooms[0]} import name"
    if there != here and (here, there) not in MAY and FLOOR.get(there, len(FLOORS)) >= FLOOR[here]:
        return f"{here} (floor {FLOOR[here]}) imports {there} (floor {FLOOR.get(there, 'none')})"
    package = house.joinpath(*module.split(".")[1:])
    if inner := [
        name for name in names if (package / f"{name}.py").exists() or (package / name / "__init__.py").exists()
    ]:
        return f"write from {module}.{inner[0]} import name"
    return ""


def heavy_at_top(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Heavy libraries imported when the module is, not within a function and not for types only."""
    top = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))]
    top = [node for node in top if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    for line, module, _ in imports(ast.Module(top, [])):
        if (name := module.split(".")[0]) in HEAVY:
            yield line, name


def build(house: Path, **files: str) -> Path:
    """A small house: file contents by path with `__` for `/`."""
    for name, text in files.items():
        path = house / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return house


def test_each_import_goes_down():
    """Every module of pixmo imports from lower floors, in the one style, and light modules stay light."""
    assert faults(HOUSE) == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"storage__a": "from pixmo.stages.b import c"}, "storage (floor 3) imports stages (floor 5)"),
        ({"storage__a": "def f():\n    from pixmo.engines.b import c"}, "a.py:2: storage (floor 3) imports engines"),
        ({"stages__a": "from pixmo.run.plan import Plan"}, "stages (floor 5) imports run (floor 5)"),
        ({"run__a": "from pixmo.stages.download import Download"}, "run (floor 5) imports stages (floor 5)"),
        ({"run__a": "from pixmo.attic.b import c"}, "imports attic (floor none)"),
        ({"attic__a": ""}, "the room 'attic' is on no floor"),
        ({"run__a": "import pixmo.storage.packs"}, "write from pixmo.storage.packs import name"),
        ({"run__a": "from pixmo import storage"}, "write from pixmo.storage import name"),
        ({"run__a": "from pixmo.storage import packs", "storage__packs": ""}, "write from pixmo.storage.packs import"),
        ({"run__a": "from . import plan"}, "relative import"),
        ({"ask": "import pyarrow as pa"}, "pyarrow at the top of a light module"),
        ({"cli__x": "", "stage": "try:\n    from PIL import Image\nfinally:\n    pass"}, "PIL at the top"),
    ],
)
def test_a_wrong_import_is_caught(tmp_path, files, told):
    """An import that goes up, sideways, nowhere, or is written otherwise is told with its file and line."""
    (fault,) = faults(build(tmp_path / "pixmo", **files))
    assert told in fault


def test_right_imports_are_left_alone(tmp_path):
    """Downward imports, within one's room, for types only, lazily, and heavy ones below the light modules all pass."""
    house = build(
        tmp_path / "pixmo",
        ask="from pixmo.ids import Digest",
        stage="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pyarrow\ndef f():\n    import pyarrow",
        storage__packs="import pyarrow\nfrom pixmo.errors import NoSpace\nfrom pixmo.storage.publish import publish",
        storage__publish="import os.path",
        cli____init__="import click",
        cli__download="import pyarrow\nfrom pixmo.run.plan import plan",
    )
    assert faults(house) == []
