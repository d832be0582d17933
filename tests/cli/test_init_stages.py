"""Recipes to copy, and the list of stages."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pixmo.cli import run
from pixmo.cli.init import recipes
from pixmo.cli.stages import stages
from pixmo.run.recipe import load_recipe, load_stage, stage_names
from pixmo.stage import is_effort


@pytest.mark.parametrize("name", sorted(recipes()))
def test_each_recipe_that_ships_is_a_recipe(name):
    """It loads with all its stages and settings, is named as its file, and its first line says what it makes."""
    recipe = load_recipe(recipes()[name])
    assert recipe.name == name
    assert recipe.select is not None
    assert recipes()[name].read_text().startswith("# ")


def test_init_copies_a_recipe_and_never_overwrites(tmp_path, capsys):
    """The copy is the recipe itself; a second copy is refused and the first left as it is."""
    assert run(["init", "cap", str(tmp_path / "new")]) == 0
    copy = tmp_path / "new" / "cap.toml"
    assert copy.read_bytes() == recipes()["cap"].read_bytes()
    copy.write_text("mine")
    assert run(["init", "cap", str(tmp_path / "new")]) == 2
    assert copy.read_text() == "mine"
    assert "there already" in capsys.readouterr().err


def test_init_alone_lists_the_recipes(capsys):
    """Name and first line of each."""
    assert run(["init"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in told) == sorted(recipes())


def test_stages_are_told_without_importing_them():
    """The sources are read with ast: neither the stages nor Arrow are loaded."""
    code = ("import sys; from pixmo.cli.stages import stages; n = len(stages())\n"
            "print(n, [m for m in sys.modules if m.startswith(('pixmo.stages.', 'pyarrow', 'PIL'))])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split(" ", 1) == [str(len(stage_names())), "[]\n"]


def test_what_is_told_of_a_stage_is_what_it_is():
    """Names, settings, defaults and kinds read from the source are those of the loaded dataclass."""
    for told in stages():
        stage = load_stage(told.use, {})
        assert [s.name for s in told.settings] == [f.name for f in fields(stage)]
        assert [s.kind for s in told.settings] == ["effort" if is_effort(f) else "meaning" for f in fields(stage)]
        assert [s.help for s in told.settings] == [f.metadata["help"] for f in fields(stage)]
        for setting, field in zip(told.settings, fields(stage), strict=True):
            if "(" not in setting.default:  # a call is told as it is written
                assert ast.literal_eval(setting.default) == field.default


def test_settings_that_stages_share_are_told_of_each(tmp_path):
    """They are read from the module whose name begins with an underscore, which is no stage itself; a stage's own come after them."""
    (tmp_path / "_asking.py").write_text('class Asking:\n    name: str = meaning("", "who is asked")\n    n: int = 1\n')
    (tmp_path / "ask_anna.py").write_text(
        '"""Ask Anna."""\nfrom pixmo.stages._asking import Asking\n'
        "class AskAnna(Asking):\n    n: int = effort(2)\n    twice: bool = False\n"
    )
    (stage,) = stages(tmp_path)
    assert [(s.name, s.default, s.kind) for s in stage.settings] == [
        ("name", "''", "meaning"), ("n", "2", "effort"), ("twice", "False", "meaning"),
    ]  # fmt: skip


def test_stages_as_json(capsys):
    """Machines get the same facts."""
    assert run(["stages", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {s["use"] for s in told} == set(stage_names())


def test_a_stage_without_one_line_is_none(tmp_path):
    """A module tells its stage in the first line of its docstring."""
    (tmp_path / "check_length.py").write_text(
        '"""Mark short captions.\n\nMore words."""\nclass CheckLength:\n    minimum: int = meaning(20, "words")\n'
    )
    (stage,) = stages(Path(tmp_path))
    assert (stage.use, stage.does) == ("check_length", "Mark short captions.")
    assert [(s.name, s.default, s.kind, s.help) for s in stage.settings] == [("minimum", "20", "meaning", "words")]
