"""The dataset card says what the data set is, to machines and to people."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pixmo.ask import Outcome
from pixmo.storage.export.card import CardFacts, SplitFacts, card, front_matter, size_category
from pixmo.storage.export.meanings import OUTCOMES
from pixmo.storage.export.provenance import public_name
from pixmo.storage.export.yaml import dump
from tests.storage.export_rows import SCHEMA

FACTS = CardFacts(
    name="Cats & dogs",
    source="allenai/pixmo-cap",
    revision="abc123",
    splits=(SplitFacts("train", 1500, 10**6, 2), SplitFacts("validation", 0, 0, 0)),
    schema=SCHEMA,
    rows_in=2000,
    outcomes={"ok": 1600, "not_found": 400, "timeout": 0},
    clauses={"image_ok": 400, "not is_duplicate": 100},
    licence="odc-by",
)


def _matter(text: str) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return loaded


def test_front_matter_is_what_the_hub_reads() -> None:
    """Licence, size and files per split; a split without rows has no files to name."""
    matter = _matter(card(FACTS))
    assert (matter["license"], matter["pretty_name"], matter["size_categories"]) == (
        "odc-by",
        "Cats & dogs",
        ["1K<n<10K"],
    )
    files = [{"split": "train", "path": "data/train-*.parquet"}]
    assert matter["configs"] == [{"config_name": "default", "data_files": files}]
    info = matter["dataset_info"]
    assert isinstance(info, dict)
    assert info["splits"] == [{"name": "train", "num_bytes": 10**6, "num_examples": 1500}]
    assert info["features"][:2] == [{"name": "image", "dtype": "image"}, {"name": "row_id", "dtype": "string"}]
    assert info["features"][4] == {
        "name": "points",
        "list": [{"name": "x", "dtype": "float64"}, {"name": "label", "dtype": "string"}],
    }


def test_body_counts_outcomes_and_clauses() -> None:
    """Every outcome that occurred is there with its count, share and meaning, and every clause of select."""
    text = card(FACTS)
    assert "| `not_found` | 400 | 20.00% | The server knows no such picture (404). |" in text
    assert "timeout" not in text
    assert "| `not is_duplicate` | 100 |" in text
    assert "The source has 2,000 rows." in text


def test_every_column_is_explained() -> None:
    """Known columns have their meaning, foreign ones that of the source."""
    facts = dataclasses.replace(FACTS, meanings={"score": "how sure the rater was, 0 to 1"})
    text = card(facts)
    assert "| `row_id` | `string` | row id: digest of the row's content" in text
    assert "| `score` | `double` | how sure the rater was, 0 to 1 |" in text
    assert "| `points` | `list<item: struct<x: double, label: string>>` | as in the source |" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"honours_opt_out": False}, "were recorded but not acted on"),
        ({"asks_robots": True}, "robots.txt was obeyed"),
        ({"hash_policy": "strict"}, "others were left out"),
        ({"licence": None}, "The licence of the list is not known to us."),
        ({"resized": "longest edge 512 px"}, "longest edge 512 px"),
        ({"format": "arrow"}, "load_from_disk"),
        ({"format": "webdataset"}, "webdataset.WebDataset"),
    ],
)
def test_card_says_how_it_was_done(change: dict[str, object], said: str) -> None:
    """Settings that change what the pictures are, or whether they may be used, are told in words."""
    assert said in card(dataclasses.replace(FACTS, **change))  # type: ignore[arg-type]
    assert said not in card(FACTS)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("/home/ann/lists/urls.parquet", "urls.parquet"),
        ("~/urls.csv", "urls.csv"),
        ("file:///home/ann/urls.csv", "urls.csv"),
        ("../lists/urls.csv and 3 more", "urls.csv and 3 more"),
        (r"C:\lists\urls.csv", "urls.csv"),
        ("s3://bucket/urls.parquet", "s3://bucket/urls.parquet"),
        ("https://me:secret@example.org/urls.csv?signature=x#y", "https://example.org/urls.csv"),
        ("allenai/pixmo-cap", "allenai/pixmo-cap"),
        ("urls.parquet", "urls.parquet"),
        ("-", "-"),
    ],
)
def test_card_names_the_list_not_the_machine(source: str, told: str) -> None:
    """Neither folders nor passwords are published, and the same list elsewhere gives the same card."""
    assert public_name(source) == told
    assert f"fetched from `{told}`" in card(dataclasses.replace(FACTS, source=source, revision=None))


def test_own_pictures_were_not_fetched() -> None:
    """An imported folder's card speaks neither of robots.txt nor of opt-out headers."""
    text = card(dataclasses.replace(FACTS, was_fetched=False))
    assert "robots" not in text
    assert "TDM" not in text


def test_unknown_licence_is_other() -> None:
    """A licence that is no identifier of the Hub is named, not taken for one."""
    matter = _matter(card(dataclasses.replace(FACTS, licence="Ask my boss: really")))
    assert (matter["license"], matter["license_name"]) == ("other", "Ask my boss: really")


def test_hostile_names_stay_text() -> None:
    """Names from the outside can neither end the YAML, nor break a table, nor become HTML."""
    evil = 'a": b\n---\n<script>alert(1)</script> | `x` \u2028 [y](javascript:z)'
    facts = dataclasses.replace(
        FACTS, name=evil, source=evil, schema=pa.schema([(evil, pa.int8())]), clauses={evil: 1}, licence=evil
    )
    text = card(facts)
    assert front_matter(facts)["pretty_name"] == evil
    assert _matter(text)["pretty_name"] == evil
    body = text.split("---\n", 2)[2]
    outside_code = "".join(part for i, part in enumerate(body.split("``")) if i % 2 == 0)
    assert "<script>" not in outside_code
    assert "](javascript" not in outside_code
    rows = [line for line in body.splitlines() if line.startswith("| ``") and "int8" in line]
    assert len(rows) == 1
    assert rows[0].replace(r"\|", "").count("|") == 4


def test_the_same_facts_give_the_same_card() -> None:
    """No clock, no machine: the card can stand in the manifest."""
    assert card(FACTS) == card(dataclasses.replace(FACTS))


def test_every_outcome_has_a_meaning() -> None:
    """Whoever adds an outcome says what it means."""
    assert set(OUTCOMES) == set(Outcome)


@pytest.mark.parametrize(
    ("rows", "name"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**12, "10B<n<100B")]
)
def test_size_categories(rows: int, name: str) -> None:
    """The Hub's names, with their odd bounds."""
    assert size_category(rows) == name


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), _values, min_size=1))
def test_yaml_comes_back_as_it_went(value: dict[str, object]) -> None:
    """A YAML reader finds what was written, whatever the strings, also after splitting at all Unicode line breaks."""
    text = dump(value)
    assert yaml.safe_load(text) == value
    assert yaml.safe_load("\n".join(text.splitlines())) == value
