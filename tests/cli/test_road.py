"""The road as a recipe, and SOURCE and OUT."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmo.cli.places import Places, places
from pixmo.cli.road import fitting, name_of, road
from pixmo.errors import BadSetting, UnknownSetting
from pixmo.run.recipe import load_recipe

WHOLE = ["download", "inspect_image", "hash_image", "find_duplicates", "fold_outcome", "select"]


def uses(recipe) -> list[str]:
    """The names of a recipe's stages."""
    return [step.use for step in recipe.steps]


def test_the_default_road():
    """Fetch, look, hash, duplicates, fold, select; every row that is ok is kept."""
    recipe = road("urls.csv")
    assert uses(recipe) == WHOLE
    assert recipe.select.where == ("ok",)
    assert [step.when for step in recipe.steps] == [None, "fetched", "image_ok", None, None, None]


def test_settings_reach_their_stages():
    """One flat set of names, each to the stage or part that has it."""
    recipe = road("urls.csv", per_host=9, max_pixels=10, hash_policy="strict", images=False, format="arrow", limit=3)
    assert recipe.find("download").per_host == 9
    assert recipe.find("inspect_image").max_pixels == 10
    assert recipe.find("fold_outcome").hash_policy == "strict"
    assert (recipe.select.images, recipe.format, recipe.source) == (False, "arrow", {"limit": 3})


def test_splits_keep_a_held_out_picture_out_of_training():
    """With splits, a row whose picture stands in another split leaves, unless that is wanted."""
    assert road("u.csv", splits=("validation=5",)).select.where == ("ok", "not in_other_split")
    assert road("u.csv", splits=("validation=5",), keep_other_splits=True).select.where == ("ok",)


def test_duplicates_leave_when_asked():
    """`drop_duplicates` is a clause like any other."""
    assert road("u.csv", drop_duplicates=True).select.where == ("ok", "not is_duplicate")


def test_without_decoding_nothing_looks_at_pictures():
    """Only the fetch and its outcome."""
    assert uses(road("u.csv", decode=False)) == ["download", "fold_outcome", "select"]
    with pytest.raises(BadSetting, match="--no-decode"):
        road("u.csv", decode=False, drop_duplicates=True)


def test_media_decide_how_pictures_come():
    """Pictures inside the rows are unpacked; a set of annotations has none, and all its rows are kept."""
    assert uses(road("docs", media="embedded")) == ["unpack_pictures", *WHOLE[1:]]
    bare = road("clocks", media="none")
    assert uses(bare) == ["select"]
    assert (bare.select.where, bare.select.images) == ((), False)


def test_a_setting_that_nobody_has_is_named_with_the_nearest():
    """As in a recipe file."""
    with pytest.raises(UnknownSetting, match="did you mean 'per_host'"):
        road("u.csv", per_hosts=3)


def test_a_setting_of_a_stage_that_is_not_on_the_road_is_refused():
    """Silence would let a person believe it had an effect; when several sets are done in one go it is left out."""
    with pytest.raises(BadSetting, match="'per_host'"):
        road("docs", media="embedded", per_host=3)
    assert fitting("embedded", {"per_host": 3, "max_pixels": 4}) == {"max_pixels": 4}
    assert fitting("none", {"per_host": 3, "format": "arrow"}) == {"format": "arrow"}


@pytest.mark.parametrize(
    "settings",
    [{}, {"decode": False}, {"splits": ("validation=5", "test=1%")}, {"limit": 5, "url_column": "u", "per_host": 2},
     {"allow_hosts": ("127.0.0.1", "::1"), "media": "url"}, {"media": "none"}],
)  # fmt: skip
def test_the_printed_recipe_is_the_recipe(settings, tmp_path):
    """What `--as-recipe` prints loads as what the command runs."""
    recipe = road("urls.csv", **settings)
    path = tmp_path / "r.toml"
    path.write_text(recipe.to_toml())
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("source", "name"),
    [("lists/urls.csv.gz", "urls"), ("allenai/pixmo-cap", "pixmo-cap"), ("https://x.org/a%20b.parquet?v=1", "a20b"),
     ("folder/", "folder"), (("a.csv", "b.csv"), "a"), ("-", "-"), (None, "pixmo"), ("./…", "pixmo")],
)  # fmt: skip
def test_a_road_is_named_after_its_source(source, name):
    """File, folder or set, without suffixes or characters that make trouble in names."""
    assert name_of(source) == name


def test_the_last_of_several_arguments_is_out():
    """As with cp."""
    assert places(("a.csv", "b.csv", "out"), None) == Places(("a.csv", "b.csv"), Path("out"), False)
    assert places(("a.csv", "b.csv"), Path("out")) == Places(("a.csv", "b.csv"), Path("out"), False)


def test_one_argument_has_its_out_derived(monkeypatch):
    """A list's beside you, a set's in $PIXMO_HOME."""
    monkeypatch.setenv("PIXMO_HOME", "/big/disk")
    assert places(("lists/urls.csv",), None) == Places(("lists/urls.csv",), Path("urls"), True)
    assert places(("cap",), None) == Places(("cap",), Path("/big/disk/cap"), True)
    monkeypatch.delenv("PIXMO_HOME")
    assert places(("cap",), None).out == Path("pixmo-data/cap")


@pytest.mark.parametrize("arguments", [("-",), ("lists/*.csv",), (), ("cap", "points")])
def test_what_cannot_be_told_apart_is_asked_for(arguments):
    """Standard input and globs have no name to derive OUT from; a set's name as OUT is more likely meant as a source."""
    with pytest.raises(BadSetting):
        places(arguments, None)
