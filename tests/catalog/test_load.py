"""The catalog knows the nine sets of PixMo."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from pixmo.catalog.load import MEDIA, Entry, entry, expand, group_names, names
from pixmo.errors import UnknownName

NINE = ["cap", "cap-qa", "ask-model-anything", "points", "points-eval", "point-explanations", "count", "docs", "clocks"]
FOLDER = Path(__file__).parents[2] / "pixmo" / "catalog"


def test_pixmo_is_nine_sets():
    """The group stands for all nine, in a fixed order; a set stands for itself."""
    assert expand("pixmo") == NINE == list(names())[:9]
    assert expand("cap") == ["cap"]
    assert group_names() == ("pixmo",)


@pytest.mark.parametrize("name", NINE)
def test_an_entry_is_complete(name):
    """Every set says where it is, under which licence, how many rows, and how its pictures come."""
    told = entry(name)
    assert told.hub == f"allenai/pixmo-{name}"
    assert (told.licence, told.name) == ("odc-by", name)
    assert told.rows == sum(told.splits.values()) > 0
    assert told.media in MEDIA
    assert (told.url is not None, told.picture is not None) == (told.media == "url", told.media == "embedded")
    assert (told.pictures is None) == (told.media == "none")
    assert all(isinstance(note, str) and note.endswith(".") for note in told.notes)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda p: p.stem)
def test_what_is_called_unverified_is_a_figure_of_the_entry(path):
    """`unverified` names fields that are there, and no field is unknown."""
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    known = {f.name for f in fields(Entry)} | {"sets"}
    assert set(told) <= known
    assert set(told.get("unverified", ())) <= set(told)


def test_figures_that_were_published():
    """Rows as the cards count them."""
    counted = {
        name: entry(name).rows
        for name in ("cap", "cap-qa", "ask-model-anything", "points", "points-eval", "count", "clocks")
    }
    assert counted == {
        "cap": 717_042, "cap-qa": 271_714, "ask-model-anything": 161_737, "points": 2_376_222, "points-eval": 436,
        "count": 37_996, "clocks": 825_869,
    }  # fmt: skip
    assert entry("docs").configs == ("charts", "diagrams", "tables", "other")


def test_expected_bytes_are_those_of_the_network():
    """A set of URLs costs itself and its pictures; one with pictures inside costs itself."""
    cap, docs = entry("cap"), entry("docs")
    assert cap.expected_bytes == cap.download_bytes + 716_551 * 250_000
    assert docs.expected_bytes == docs.download_bytes


def test_an_unknown_set_is_told_with_the_nearest():
    """A typing error names the set that was meant."""
    with pytest.raises(UnknownName, match=r"did you mean 'points'\?"):
        entry("point")
    with pytest.raises(UnknownName, match=r"did you mean 'pixmo'\?"):
        expand("pixmoo")
    with pytest.raises(UnknownName):
        entry("pixmo")
