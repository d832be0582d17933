"""Recipes: TOML, Python and options say the same; mistakes are told by file and line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixmo.errors import BadSetting, PixmoError, UnknownName, UnknownSetting
from pixmo.run.recipe import Recipe, Step, load_recipe, load_stage, recipe_of, stage_names
from pixmo.stages.download import Download
from pixmo.stages.select import Select

TEXT = """\
name  = "cap"
input = "urls.parquet"

[[stage]]
use = "download"
per_host = 4

[[stage]]
use  = "inspect_image"
when = "fetched"

[[stage]]
use   = "select"
where = ["image_ok"]
"""
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1)


def loaded(text: str, folder: Path) -> Recipe:
    (folder / "cap.toml").write_text(text)
    return load_recipe(folder / "cap.toml")


def refused(text: str, folder: Path) -> str:
    with pytest.raises(PixmoError) as caught:
        loaded(text, folder)
    told = str(caught.value)
    assert "\n" not in told
    return told.removeprefix(f"{folder}/")


# what a recipe says


def test_a_recipe_is_its_stages_in_order(tmp_path: Path) -> None:
    """Settings given are set, others are at their defaults; `when` stands beside the stage."""
    recipe = loaded(TEXT, tmp_path)
    assert (recipe.name, recipe.input) == ("cap", "urls.parquet")
    assert [(s.use, s.when, s.kind) for s in recipe.steps] == [
        ("download", None, "world"), ("inspect_image", "fetched", "picture"), ("select", None, "select"),
    ]  # fmt: skip
    assert recipe.find("download") == Download(per_host=4)
    assert recipe.select == Select(where=("image_ok",))
    assert recipe.find("hash_image") is None


@settings(max_examples=50, deadline=None)
@example(name="\x7f", input="\r\n\u2028", agent='"\\', where=["\x85"], rate=float("inf"), robots=True)
@given(
    name=ANY_TEXT,
    input=ANY_TEXT,
    agent=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(str.strip),
    where=st.lists(ANY_TEXT, max_size=3),
    rate=st.floats(0, 1e300),
    robots=st.booleans(),
)
def test_toml_says_what_python_says(
    name: str,
    input: str,
    agent: str,
    where: list[str],
    rate: float,
    robots: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Any recipe reads back as itself, whatever stands in its texts."""
    download = Download(user_agent=agent, max_mbit=rate, robots=robots, allow_hosts=("127.0.0.0/8",))
    steps = Step("download", download), Step("select", Select(tuple(where)), None)
    recipe = Recipe(
        name, steps, input, url_column="u", splits=("validation=5",), source={"limit": 3, "revision": agent}
    )
    path = tmp_path_factory.mktemp("recipes") / "r.toml"
    path.write_text(recipe.to_toml(), newline="")
    assert load_recipe(path) == recipe


def test_defaults_are_not_spelled_out(tmp_path: Path) -> None:
    """A recipe printed for a person says only what was chosen."""
    printed = loaded(TEXT, tmp_path).to_toml()
    assert "per_host" not in printed, "4 is the default"
    assert "robots" not in printed
    assert 'when = "fetched"' in printed


def test_a_recipe_of_own_pictures_reads_back(tmp_path: Path) -> None:
    """A folder made by `pixmo import` keeps a recipe that can be read again."""
    recipe = Recipe(
        "own", (Step("unpack_pictures", load_stage("unpack_pictures", {})),), "photos", source={"pictures": True}
    )
    assert loaded(recipe.to_toml(), tmp_path) == recipe


def test_effort_does_not_change_the_meaning() -> None:
    """What the manifest keeps of a recipe: settings that change rows, no other."""
    one = Recipe("r", (Step("download", Download()),))
    other = Recipe("r", (Step("download", Download(per_host=1, retries=0, user_agent="me")),), input="elsewhere")
    assert one.meaning() == other.meaning()
    assert one.steps[0].fingerprint == other.steps[0].fingerprint
    changed = Recipe("r", (Step("download", Download(max_bytes=1)),))
    assert one.meaning() != changed.meaning()


def test_when_is_part_of_a_steps_fingerprint() -> None:
    """Other rows are nulls then: it is other work."""
    step = Step("download", Download())
    assert replace(step, when="fetched").fingerprint != step.fingerprint


def test_every_stage_that_comes_along_is_loaded_by_its_name() -> None:
    """With no settings at all."""
    assert "download" in stage_names()
    for name in stage_names():
        stage = load_stage(name, {})
        assert type(stage).__module__ == f"pixmo.stages.{name}"


def test_a_stage_of_ones_own_is_loaded_by_module_and_class() -> None:
    """`package.module:Class`, its side files named after the class."""
    stage = load_stage("tests.test_stage:CheckLength", {"minimum": 7})
    assert stage.minimum == 7
    assert Step("tests.test_stage:CheckLength", stage).name == "checklength"


def test_numbers_and_lists_are_taken_for_what_is_meant() -> None:
    """A whole number where a fraction is possible, a list where a tuple is kept."""
    stage = load_stage("download", {"requests_per_s": 5, "allow_hosts": ["a", "b"]})
    assert (stage.requests_per_s, stage.allow_hosts) == (5.0, ("a", "b"))
    assert isinstance(stage.requests_per_s, float)


# what is wrong with it


def test_an_unknown_setting_is_told_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    """The line where the key stands, though the stage has other settings before it."""
    told = refused(TEXT.replace("per_host = 4", "retries = 1\nper_hosts = 4"), tmp_path)
    assert told == "cap.toml:7: stage 'download' has no setting 'per_hosts'; did you mean 'per_host'?"


def test_the_line_is_that_of_the_stage_that_is_wrong(tmp_path: Path) -> None:
    """A key of the same name that is right in an earlier stage is not the one."""
    told = refused(TEXT.replace('when = "fetched"', "per_host = 4"), tmp_path)
    assert told.startswith("cap.toml:10: stage 'inspect_image' has no setting 'per_host'")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('input = "urls', 'inputs = "urls', "cap.toml:2: a recipe has no setting 'inputs'; did you mean 'input'?"),
        ("per_host = 4", 'per_host = "4"', "cap.toml:6: per_host of stage 'download' is '4', should be int"),
        ("per_host = 4", "per_host = true", "cap.toml:6: per_host of stage 'download' is True, should be int"),
        ("per_host = 4", "max_mbit = true", "cap.toml:6: max_mbit of stage 'download' is True, should be float"),
        ('["image_ok"]', '"image_ok"', "cap.toml:14: where of stage 'select' is 'image_ok', should be"),
        ('["image_ok"]', "[1]", "cap.toml:14: where of stage 'select' is [1], should be"),
        ('use = "download"', 'use = "downlod"', "cap.toml:5: no stage named 'downlod'; did you mean 'download'?"),
        ('use = "download"', 'use = "no.module:Thing"', "cap.toml:5: cannot load stage 'no.module:Thing'"),
        ('use = "download"', 'use = "pathlib:Thing"', "cap.toml:5: cannot load stage 'pathlib:Thing'"),
        ('use = "download"', 'use = "pathlib:Path"', "cap.toml:5: 'pathlib:Path' is not a stage"),
        ('use = "download"', "use = 3", "cap.toml: every [[stage]] needs `use`"),
        ('use = "download"', "", "cap.toml: every [[stage]] needs `use`"),
        ('when = "fetched"', "when = 3", "cap.toml:10: when of stage 'inspect_image' is 3, should be"),
        ('when = "fetched"', 'when = ""', "cap.toml:10: when of stage 'inspect_image' is '', should be"),
        ('name  = "cap"', "name = 3", "cap.toml:1: name is 3, should be str"),
        ('name  = "cap"', 'shard_size = "500MB"', "cap.toml:1: shard_size is '500MB', should be int"),
        ('name  = "cap"', "shard_size = 0", "cap.toml:1: shard_size is 0, should be"),
        ('name  = "cap"', 'splits = "validation=5"', "cap.toml:1: splits is 'validation=5', should be a list"),
        ('name  = "cap"', "limit = true", "cap.toml:1: limit is True, should be int"),
        ('name  = "cap"', 'format = "parqet"', "cap.toml:1: no format named 'parqet'; did you mean 'parquet'?"),
        ('use = "download"\nper_host = 4', 'use = "fold_outcome"\nhash_policy = "lax"', "cap.toml:6: hash policy 'lax' is none of keep, strict"),
        ('name  = "cap"', "name = ", "cap.toml: is not a recipe:"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(before: str, after: str, told: str, tmp_path: Path) -> None:
    """File, line, what it is and what it should be."""
    assert refused(TEXT.replace(before, after, 1), tmp_path).startswith(told)


@pytest.mark.parametrize(
    "text", ["", 'name = "x"', "stage = []", "[stage]\nuse = 'download'", "stage = 3", "stage = [3]"]
)
def test_a_recipe_without_stages_is_none(text: str, tmp_path: Path) -> None:
    """Also when `[stage]` was written for `[[stage]]`."""
    assert "[[stage]]" in refused(text, tmp_path)


def test_a_recipe_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    """With the command that makes one; a folder or a picture is no recipe."""
    with pytest.raises(BadSetting, match="pixmo init"):
        load_recipe(tmp_path / "nothing.toml")
    with pytest.raises(BadSetting, match="is not a recipe"):
        load_recipe(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\x00")
    with pytest.raises(BadSetting, match="is not a recipe"):
        load_recipe(tmp_path / "a.jpg")


@pytest.mark.parametrize("uses", [("select", "download"), ("download", "select", "select")])
def test_select_decides_once_and_last(uses: tuple[str, ...]) -> None:
    """Rows leave at one place."""
    with pytest.raises(BadSetting, match="decides once, as the last"):
        Recipe("r", tuple(Step(u, load_stage(u, {})) for u in uses))


def test_an_unknown_format_says_the_nearest() -> None:
    """Also from Python."""
    with pytest.raises(UnknownName, match="did you mean 'webdataset'"):
        Recipe("r", (), format="webdatset")


def test_settings_from_python_are_checked_too() -> None:
    """Without a file there is no place to name."""
    with pytest.raises(UnknownSetting, match=r"^stage 'download' has no setting 'perhost'; did you mean 'per_host'"):
        load_stage("download", {"perhost": 1})
    told: dict[str, Any] = {"stage": [{"use": "download", "retries": "x"}]}
    with pytest.raises(BadSetting, match=r"^recipe: retries of stage 'download' is 'x', should be int"):
        recipe_of(told)
