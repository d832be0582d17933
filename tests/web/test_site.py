"""Where a server may be reached, and by which names."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pixmo.errors import BadSetting
from pixmo.web.site import Address, Site, listen


def site_of(address: Address) -> Site:
    """The site of an address, which is let go at once."""
    sock, site = listen(address)
    sock.close()
    return site


def test_by_default_only_this_machine_is_served() -> None:
    """The socket is on the loopback; both names of it are answered to, with the port, and browsers may record."""
    sock, site = listen(Address(port=0))
    with sock:
        host, port = sock.getsockname()
    assert host == "127.0.0.1"
    assert site.origin == f"http://127.0.0.1:{port}"
    assert site.hosts == {f"127.0.0.1:{port}", f"localhost:{port}"}
    assert site.may_record


def test_behind_a_proxy_links_begin_with_its_name() -> None:
    """Also where it passes its own `Host` on; https makes cookies secure."""
    site = site_of(Address(port=0, url="https://Talk.Example.org/"))
    assert site.origin == "https://talk.example.org"
    assert {"talk.example.org", "talk.example.org:443"} < site.hosts
    assert "https://talk.example.org" in site.origins
    assert site.is_secure


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://box:80", "http://box"),
        ("https://box:8443", "https://box:8443"),
        ("http://[fd00::1]:80/", "http://[fd00::1]"),
    ],
)
def test_a_url_is_an_origin_as_browsers_write_it(url: str, origin: str) -> None:
    """The usual port is left out."""
    assert site_of(Address(port=0, url=url)).origin == origin


def test_without_https_browsers_do_not_record_on_other_machines() -> None:
    """So that the owner can be told."""
    assert not site_of(Address(port=0, url="http://box:8000")).may_record
    assert site_of(Address(port=0, url="https://box:8000")).may_record
    assert site_of(Address(port=0, url="http://localhost:8000")).may_record


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (Address(bind="0.0.0.0"), "say with --url which one"),
        (Address(bind="192.0.2.7"), "choose others with --bind and --port"),
        (Address(bind="no such host"), "choose others with --bind and --port"),
        (Address(url="talk.example.org"), "should be like https://"),
        (Address(url="https://talk.example.org/here"), "without a path"),
        (Address(url="javascript://talk"), "should be like https://"),
        (Address(certificate=Path("/nowhere.pem")), "go together"),
        (Address(certificate=Path("/nowhere.pem"), key=Path("/nowhere.key")), "no such file"),
    ],
    ids=lambda value: None if isinstance(value, str) else "address",
)
def test_what_cannot_be_served_is_told(address: Address, told: str) -> None:
    """In one line that names the remedy."""
    with pytest.raises(BadSetting, match=told) as caught:
        listen(Address(address.bind, 0, address.url, address.certificate, address.key))
    assert "\n" not in str(caught.value)


def test_a_port_in_use_is_told() -> None:
    """Two servers cannot have it."""
    with socket.create_server(("127.0.0.1", 0)) as sock, pytest.raises(BadSetting, match="in use"):
        listen(Address(port=sock.getsockname()[1]))
