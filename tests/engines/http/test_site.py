"""Whose host is it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pixmo.engines.http.site import site_of


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("upload.wikimedia.org", "wikimedia.org"),
        ("UPLOAD.wikimedia.org.", "wikimedia.org"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("someone.github.io", "someone.github.io"),
        ("github.io", "github.io"),
        ("a.b.test", "b.test"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("2606:4700::1111", "2606:4700::1111"),
        ("cdn.xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_belongs_to_its_registrable_domain(host, site):
    """Politeness holds for the domain somebody registered; addresses and single labels are their own site."""
    assert site_of(host) == site


def test_addresses_do_not_load_the_list():
    """The suffix list costs 45 ms and is loaded only for names that need it."""
    code = "import sys; from pixmo.engines.http.site import site_of; site_of('127.0.0.1'); site_of('localhost')"
    subprocess.run([sys.executable, "-c", code + "; assert 'publicsuffixlist' not in sys.modules"], check=True)
