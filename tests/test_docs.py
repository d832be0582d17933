"""The pages tell everything there is, and what they show works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pixmo.ask import ChatOutcome, Outcome, SpeechOutcome
from pixmo.cli import VERBS, cli
from pixmo.cli.init import recipes
from pixmo.cli.stages import stages
from pixmo.run.recipe import recipe_of

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(bash|python) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| (yes)? ?\|$", re.MULTILINE)


def text_of(name: str) -> str:
    """A page."""
    return (ROOT / name).read_text(encoding="utf-8")


ALL = "\n".join(text_of(str(page.relative_to(ROOT))) for page in PAGES)


def test_the_readme_is_short():
    """At most 120 lines."""
    assert len(text_of("README.md").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_index_leads_to_each_page(page):
    """No page stands alone."""
    if page.name not in ("index.md", "README.md"):
        assert f"]({page.name})" in text_of("docs/index.md")


def test_the_table_of_outcomes_is_the_outcomes():
    """Each once, in the order of the code, and `yes` exactly where asking again is worth it."""
    of_pictures, _, of_speech = text_of("docs/concepts.md").partition("Recordings and captions have outcomes")
    told = {name: bool(again) for name, _, again in ROW.findall(of_pictures)}
    assert list(told.items()) == [(str(o), o.worth_retrying) for o in Outcome]
    of_recordings, _, of_captions = of_speech.partition("| of a caption")
    assert [o for o in SpeechOutcome if f"`{o}`" not in of_recordings] == []
    assert [o for o in ChatOutcome if f"`{o}`" not in of_captions] == []


def test_each_command_and_option_is_told():
    """All verbs, and all options of each, are in the reference."""
    page = text_of("docs/cli.md")
    sections = dict(re.findall(r"^## pixmo (\w+)$\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(VERBS)
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        options = [name for p in command.params if isinstance(p, click.Option) for name in p.opts + p.secondary_opts]
        assert [name for name in options if f"`{name}`" not in sections[verb]] == []


def test_each_stage_and_setting_is_told():
    """All stages, and all settings of each, are in the list of stages."""
    page = text_of("docs/stages.md")
    sections = dict(re.findall(r"^## (\w+)$\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert set(sections) == {s.use for s in stages()}
    for stage in stages():
        assert [s.name for s in stage.settings if f"`{s.name}`" not in sections[stage.use]] == []


def test_each_recipe_is_told():
    """docs/recipes.md and the shelf's own page name what `pixmo init` copies."""
    for name in recipes():
        assert f"`{name}`" in text_of("docs/recipes.md")
        assert f"`{name}.toml`" in text_of("pipelines/README.md")


def test_each_key_of_a_recipe_is_told():
    """The keys that the error about an unknown one lists are in the table."""
    from pixmo.errors import UnknownSetting

    with pytest.raises(UnknownSetting) as caught:
        recipe_of({"\x00": 1})
    known = re.findall(r"[a-z_0-9]+", str(caught.value).partition("known: ")[2])
    assert len(known) > 8
    for key in set(known) - {"stage"}:
        assert f"`{key}`" in text_of("docs/recipes.md")


def test_each_public_name_is_told():
    """docs/python-api.md names what the package offers."""
    import pixmo

    page = text_of("docs/python-api.md")
    assert [name for name in pixmo.__all__ if not re.search(rf"`{name}\b", page)] == []


def test_generated_pages_are_in_step():
    """Commands and stages as the code has them."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "export_cli_reference.py"), "--check"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


RUNNABLE = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda p: p.name)
def test_what_a_page_shows_works(page, tmp_path):
    """Every block marked `run`, in order, in one empty folder, as a reader would: with the real command and no network."""
    environment = reader_environment(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    for language, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=240
        )  # fmt: skip
        assert done.returncode == 0, f"{code}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def reader_environment(folder: Path) -> dict[str, str]:
    """A `pixmo` on the path that is this checkout's, caches of its own, and no way to the Hub."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    script = bin_folder / "pixmo"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pixmo "$@"\n')
    script.chmod(0o755)
    plain = {k: v for k, v in os.environ.items() if k != "PIXMO_HOME"}
    return plain | {
        "PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
