"""Digests and canonical JSON: the same on every machine, for ever."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.ids import canonical_json, digest, digest_of, is_digest, short

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"])), inner, max_size=3),
)  # fmt: skip


def test_a_digest_is_a_sha256() -> None:
    """Of the bytes, as FIPS 180-4 gives it for "abc"."""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(b"abc") == digest(memoryview(b"abc")) == expected
    assert short(expected) == "ba7816bf8f01cfea"


def test_canonical_json_is_one_spelling() -> None:
    """Sorted keys, no spaces, UTF-8: the golden bytes that every fingerprint hangs on."""
    value = {"b": [1, 2.5, True, None], "a": "ü\n", "ä": {}}
    assert canonical_json(value) == '{"a":"ü\\n","b":[1,2.5,true,null],"ä":{}}'.encode()
    assert digest_of(value) == digest(canonical_json(value))


@given(VALUES)
def test_canonical_json_says_what_was_meant(value: object) -> None:
    """It reads back as the value, and a tuple is spelled as a list."""
    assert json.loads(canonical_json(value)) == value
    assert canonical_json((value,)) == canonical_json([value])


@given(st.dictionaries(st.text(alphabet="abc", max_size=3), st.integers()))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    """However a dictionary was filled: one digest."""
    assert digest_of(dict(reversed(value.items()))) == digest_of(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"bytes"])
def test_what_json_cannot_say_has_no_digest(value: object) -> None:
    """Rather an error than two spellings of one thing."""
    with pytest.raises((ValueError, TypeError)):
        digest_of([value])


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("0" * 64, True), ("f" * 64, True), ("F" * 64, False), ("0" * 63, False), ("0" * 65, False), ("g" * 64, False), ("", False), ("٠" * 64, False)],
)  # fmt: skip
def test_what_looks_like_a_digest(text: str, is_one: bool) -> None:
    """64 lower-case hexadecimal digits and nothing else."""
    assert is_digest(text) is is_one
