"""Any record of any kind: what its fields can hold, drawn from their declarations."""

from __future__ import annotations

import enum
import typing
from typing import Any

from hypothesis import strategies as st

from pixmo.records.base import Part, Record, shapes
from pixmo.records.kinds import KINDS

INT64 = st.integers(-(2**63), 2**63 - 1)
Plain = dict[type, st.SearchStrategy[Any]]

STORABLE: Plain = {str: st.text(max_size=12), int: INT64, float: st.floats(), bool: st.booleans()}
"""Values that Arrow and JSON can hold; NaN and infinities are among them."""

_HUGE = st.sampled_from([2**63, -(2**70), 10**400, -(10**400)])  # no int64, and the last two no float
HELD: Plain = {
    str: st.text(st.characters() | st.characters(categories=["Cc", "Cs"]), max_size=12),
    int: st.integers(-2, 3) | INT64 | _HUGE,
    float: st.floats() | _HUGE,
    bool: st.booleans(),
}
"""Values a dataclass can hold, though no file may: half characters, numbers of any size (a type checker takes int for float)."""


def parts(kind: type[Part], plain: Plain = STORABLE) -> st.SearchStrategy[Any]:
    """Records or parts of a kind."""
    return st.builds(kind, **{s.name: _values(s.hint, s.optional, plain) for s in shapes(kind)})


def records(plain: Plain = STORABLE) -> st.SearchStrategy[Record]:
    """Records of every kind."""
    return st.sampled_from(list(KINDS.values())).flatmap(lambda kind: parts(kind, plain))


def lists_of_one_kind(plain: Plain = STORABLE) -> st.SearchStrategy[tuple[type[Record], list[Record]]]:
    """A kind and some records of it."""
    kinds = st.sampled_from(list(KINDS.values()))
    return kinds.flatmap(lambda kind: st.tuples(st.just(kind), st.lists(parts(kind, plain), max_size=5)))


def _values(hint: Any, optional: bool, plain: Plain) -> st.SearchStrategy[Any]:
    if optional:
        return st.none() | _values(hint, False, plain)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        options = [a for a in typing.get_args(inner) if a is not type(None)]
        may_be_none = type(None) in typing.get_args(inner)
        return st.lists(_values(options[0] if may_be_none else inner, may_be_none, plain), max_size=3).map(tuple)
    if issubclass(hint, Part):
        return parts(hint, plain)
    return st.sampled_from(hint) if issubclass(hint, enum.StrEnum) else plain[hint]
