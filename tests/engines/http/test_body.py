"""Bodies within bounds."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.ask import Outcome
from pixmo.engines.http.body import Meter, decoded, is_encoded
from pixmo.engines.http.guard import Refusal


@given(st.binary(max_size=5000))
def test_gzip_and_deflate_are_undone(data: bytes):
    """gzip, several gzip members, deflate with and without its wrapper come back as they were."""
    assert decoded(gzip.compress(data), "gzip", 10_000) == data
    assert decoded(gzip.compress(data) + gzip.compress(data), "X-GZIP ", 10_000) == data * 2
    assert decoded(zlib.compress(data), "deflate", 10_000) == data
    assert decoded(zlib.compress(data, wbits=-15), "deflate", 10_000) == data


def test_a_bomb_is_too_large():
    """Ten megabytes of zeros in ten kilobytes stop at the limit."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert decoded(bomb, "gzip", 1_000_000) == Refusal(Outcome.TOO_LARGE, "when decoded")


@pytest.mark.parametrize(
    ("data", "how"),
    [(b"\xff\xd8\xff", "gzip"), (b"\xff\xd8\xff", "deflate"), (b"x", "br"), (b"x", "zstd"), (b"x", "gzip, gzip"),
     (gzip.compress(b"x" * 99)[:-9], "gzip")],
)  # fmt: skip
def test_what_cannot_be_undone_is_said(data, how):
    """Wrong, unknown, stacked or cut-off encodings are BAD_ENCODING."""
    found = decoded(data, how, 1000)
    assert isinstance(found, Refusal)
    assert found.outcome is Outcome.BAD_ENCODING


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_no_bytes_break_the_decoder(data: bytes, how: str):
    """Any bytes are a body within bounds or a refusal."""
    found = decoded(data, how, 1000)
    assert isinstance(found, Refusal) or len(found) <= 1000


def test_identity_is_no_encoding():
    """Some servers name what they did not do."""
    assert not is_encoded("identity")
    assert not is_encoded("")
    assert is_encoded("gzip")


def test_the_meter_spreads_bytes():
    """At 8 Mbit/s a megabyte takes a second, and unused time is not saved up."""
    meter = Meter(8)
    assert meter.due(1_000_000, 100.0) == pytest.approx(1)
    assert meter.due(1_000_000, 100.5) == pytest.approx(1.5)
    assert meter.due(500_000, 200.0) == pytest.approx(0.5)
