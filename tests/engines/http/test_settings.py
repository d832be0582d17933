"""What the fetcher can be told, and what it does not take."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pixmo.engines.http.settings import HttpSettings
from pixmo.errors import BadSetting


@pytest.mark.parametrize(
    ("name", "value"),
    [("concurrency", 0), ("per_host", -1), ("requests_per_s", -0.5), ("max_bytes", 0), ("retries", -1),
     ("user_agent", ""), ("user_agent", "two\nlines"), ("headers", ("a.test:X-Key",)), ("headers", ("X-Key=1",)),
     ("headers", ("a.test:X Key=1",)), ("headers", ("a.test:X-Key=1\r\nHost: b",)), ("total_timeout_s", 0)],
)  # fmt: skip
def test_unusable_values_are_said_at_once(name, value):
    """A setting out of range is a wrong request that names its option."""
    with pytest.raises(BadSetting, match="--"):
        HttpSettings(**{name: value})


def test_headers_belong_to_hosts():
    """`HOST:NAME=VALUE`, the host with or without a port, the value with whatever signs it has."""
    told = HttpSettings(headers=("A.test:X-Key=a=b:c", "a.test:Other=1", "b.test:8080:X-Key=2"))
    assert told.extra_headers() == {"a.test": {"X-Key": "a=b:c", "Other": "1"}, "b.test:8080": {"X-Key": "2"}}


def test_robots_know_us_by_the_first_word():
    """The product token of the user agent, in lower case."""
    assert HttpSettings().agent_token == "pixmo"
    assert HttpSettings(user_agent="MyBot (me@example.org)").agent_token == "mybot"


def test_settings_import_nothing_heavy():
    """Plans and options import them without loading a client."""
    code = (
        "import sys; import pixmo.engines.http.settings; assert not {'aiohttp', 'yarl', 'protego'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_freed_memory_is_used_again():
    """Where the allocator can be told so, a body in the place of the last one costs no new pages."""
    code = """if 1:
        import resource
        from pixmo.engines.http.memory import keep_freed_memory
        told = keep_freed_memory()
        def faults(rounds):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(rounds):
                for size in (300_000, 700_000, 150_000):
                    bytearray(b"x") * size
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        faults(5)
        found = faults(100)
        assert not told or found < 500, found
    """
    subprocess.run([sys.executable, "-c", code], check=True)
