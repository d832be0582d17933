"""What cannot be used is told by name, before anything is asked."""

from __future__ import annotations

import pytest

from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSetting


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ""}, {"model": "a\nb"}, {"base_url": "localhost:8000"}, {"base_url": "ftp://h/v1"}, {"base_url": "http://"},
        {"base_url": "http://h:99999"}, {"temperature": float("nan")}, {"temperature": -1}, {"top_p": 1.5}, {"max_tokens": 0},
        {"max_tokens": 1.5}, {"seed": True}, {"structured": "xml"}, {"concurrency": 0}, {"timeout_s": 0}, {"retries": -1},
        {"requests_per_min": -1}, {"tokens_per_min": 0.5}, {"key_env": ""}, {"usd_per_mtok_in": -1}, {"budget_usd": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_out_of_range_is_named(changes):
    """The message begins with the setting's name."""
    with pytest.raises(BadSetting, match=f"^{next(iter(changes))} "):
        ChatSettings(**({"model": "m"} | changes))


def test_a_budget_needs_prices():
    """Without both prices nobody knows what is spent."""
    with pytest.raises(BadSetting, match="usd_per_mtok_out"):
        ChatSettings("m", budget_usd=1.0, usd_per_mtok_in=1.0)


@pytest.mark.parametrize("url", ["https://me:secret@h.example/v1", "https://h.example/v1?key=secret"])
def test_an_address_with_a_secret_is_refused_without_telling_it(url):
    """Keys belong into the environment; the message does not repeat them."""
    with pytest.raises(BadSetting) as told:
        ChatSettings("m", base_url=url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:8000/v1", True), ("http://localhost:8000/v1", True), ("http://gpu-box/v1", True),
        ("http://[::1]:1/v1", True), ("http://10.0.0.7/v1", True), ("http://vllm.internal/v1", True),
        ("https://api.openai.com/v1", False), ("http://8.8.8.8/v1", False),
    ],
)  # fmt: skip
def test_own_hosts_are_told_from_others(url, own):
    """Loopback, private networks and bare names are one's own."""
    assert ChatSettings("m", base_url=url).is_own_host is own


def test_prices_are_of_a_million_tokens():
    """0.5 and 2 USD: 1,000 in and 500 out are 0.0015 USD; without a price there is none."""
    assert ChatSettings("m", usd_per_mtok_in=0.5, usd_per_mtok_out=2).usd(1000, 500) == pytest.approx(0.0015)
    assert ChatSettings("m").usd(1000, 500) is None
