"""Errors a user can act on: what, where, what now, in one line."""

from __future__ import annotations

import pytest

from pixmo import errors
from pixmo.errors import MissingExtra, PixmoError, UnknownName, UnknownSetting, nearest


def test_an_unknown_name_says_the_nearest() -> None:
    """Whatever its case."""
    error = UnknownName("format", "Parqet", ["arrow", "parquet", "webdataset"])
    assert str(error) == "no format named 'Parqet'; did you mean 'parquet'?"
    assert error.nearest == "parquet"


def test_a_name_unlike_all_others_says_what_there_is() -> None:
    """At most twelve of them, sorted."""
    assert (
        str(UnknownName("set", "zzz", ["docs", "cap"], "list.toml"))
        == "list.toml: no set named 'zzz'; known: cap, docs"
    )
    assert str(UnknownName("set", "#", [f"s{i:02}" for i in range(13)])).endswith("s10, s11, …")
    assert str(UnknownName("set", "#", [])) == "no set named '#'; there are none"


def test_an_unknown_setting_says_where_it_stands() -> None:
    """File and line, owner, and the nearest key."""
    error = UnknownSetting("stage 'download'", "per_hosts", ["per_host", "retries"], "cap.toml:7")
    assert str(error) == "cap.toml:7: stage 'download' has no setting 'per_hosts'; did you mean 'per_host'?"


def test_a_missing_extra_says_how_to_install_it() -> None:
    """The line to copy."""
    assert str(MissingExtra("speech", "transcribe")) == "transcribe needs an extra: pip install 'pixmo[speech]'"


@pytest.mark.parametrize(
    ("name", "found"), [("perhost", "per_host"), ("PER_HOST", "per_host"), ("zzz", None), ("", None)]
)
def test_the_nearest_name(name: str, found: str | None) -> None:
    """A likely slip of the pen has one, another word none."""
    assert nearest(name, ["per_host", "retries"]) == found


def test_every_error_is_one_a_user_can_act_on_and_drawn_on_top() -> None:
    """All are PixmoErrors, and the picture in the module's docstring shows each."""
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert len(kinds) > 8
    assert all(issubclass(k, PixmoError) for k in kinds)
    assert all(k.__name__ in (errors.__doc__ or "") for k in kinds)
