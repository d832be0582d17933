"""A query and its address, its SQL, and its words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.errors import BadSetting, UnknownName
from pixmo.view.query import OPS, Column, Filter, Query, match, spread, where

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12).map(str.strip)
SOME = st.sampled_from(["a", "a.b", "ü &=%+", "<b>", "f.x.is", "猫"])
FILTERS = st.builds(
    Filter, SOME | TEXT.map("x".__add__), st.sampled_from(sorted(OPS.values())), SOME | TEXT.map("x".__add__)
)
QUERIES = st.builds(
    Query,
    TEXT,
    st.lists(FILTERS, max_size=4).map(tuple),
    TEXT,
    st.booleans(),
    st.none() | st.integers(0, 10**18 - 1),
    TEXT,
)
COLUMNS = [Column('a "b"', "text"), Column("n", "number"), Column("ok", "yes_no"), Column("labels", "texts")]


@settings(max_examples=60, deadline=None)
@given(QUERIES)
def test_an_address_is_the_query_it_was_made_of(query: Query) -> None:
    """Whatever stands in columns, values, search and SQL; equal queries have one address."""
    assert Query.parse(query.address()) == query
    again = Query(query.search, tuple(reversed(query.filters)), query.sort, query.descending, query.seed, query.sql)
    assert again.address() == query.address()


def test_a_form_sends_what_is_empty_too() -> None:
    """Fields left blank are nothing, and so is what other pages put into an address."""
    told = {"q": " cat ", "f.n.ge": "", "f.n.lt": ["3", "4"], "sort": "", "descending": "1", "seed": "", "page": "7"}
    assert Query.parse(told) == Query("cat", (Filter("n", "<", "3"), Filter("n", "<", "4")))
    assert Query.parse("") == Query()
    assert Query().address() == ""


def test_a_column_may_have_dots_in_its_name() -> None:
    """The operator is what follows the last one."""
    assert Query.parse("f.a.b.c.is=1").filters == (Filter("a.b.c", "=", "1"),)


def test_a_seed_shuffles_whatever_the_order() -> None:
    """So that one order has one address."""
    assert Query(sort="n", descending=True, seed=3) == Query(seed=3)


@pytest.mark.parametrize(
    "address",
    [
        "f.n=1",
        "f.n.like=1",
        "f..is=1",
        "seed=x",
        "seed=-1",
        "seed=1e9",
        "seed=" + "9" * 19,
        "q=%00",
        "sql=" + "x" * 4001,
    ],
)
def test_nonsense_is_told_in_one_line(address: str) -> None:
    """Never a traceback, never a guess."""
    with pytest.raises(BadSetting) as told:
        Query.parse(address)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 250


def test_filters_are_parameters() -> None:
    """Nothing of a value, and of a column nothing that is none, becomes SQL."""
    sql, values = where(Query(filters=(Filter('a "b"', "=", "'; DROP TABLE rows; --"),)), COLUMNS)
    assert (sql, values) == ('("a ""b""" = ?)', ["'; DROP TABLE rows; --"])
    with pytest.raises(UnknownName):
        where(Query(filters=(Filter("n; DROP", "=", "1"),)), COLUMNS)


def test_several_values_of_a_column_are_alternatives() -> None:
    """Of different columns, all must hold."""
    told = Query(
        filters=tuple(Filter(*f) for f in (("n", "=", "1"), ("n", "=", "2"), ("ok", "=", "yes"), ("n", "!=", "3")))
    )
    sql, values = where(told, COLUMNS)
    assert sql == '"n" IS DISTINCT FROM ? AND ("n" = ? OR "n" = ?) AND ("ok" = ?)'
    assert values == [3.0, 1.0, 2.0, True]


@pytest.mark.parametrize(
    ("column", "op", "value"),
    [("n", "=", "x"), ("n", "<", "nan"), ("ok", "=", "maybe"), ("ok", "<", "yes"), ("labels", "<", "a")],
)
def test_a_value_its_column_cannot_have_is_refused(column: str, op: str, value: str) -> None:
    """A number for numbers, yes or no for yes and no; lists have no order."""
    with pytest.raises(BadSetting, match=column):
        where(Query(filters=(Filter(column, op, value),)), COLUMNS)


def test_a_search_is_words_and_phrases() -> None:
    """All must be there; * stands for a word's end, - before what must not be there."""
    assert match('cat "red  car" wo* a-b') == '"cat" AND "red car" AND "wo"* AND "a b"'
    assert match('cat -dog -"big tree"') == '("cat") NOT ("dog" OR "big tree")'
    assert match(' ,.! "" ') == ""
    with pytest.raises(BadSetting, match="what should be there"):
        match("-dog")


def test_words_of_fts_are_words_like_others() -> None:
    """Somebody may look for NEAR, OR and brackets."""
    assert match("NEAR OR (cat") == '"NEAR" AND "OR" AND "cat"'
    assert match('a "unended phrase') == '"a" AND "unended phrase"'


def test_characters_that_need_no_spaces_are_words() -> None:
    """A part of a Chinese sentence is found in it."""
    assert spread("a猫b").split() == ["a", "猫", "b"]
    assert match("猫狗") == '"猫 狗"'
