"""Which URLs may be asked."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.ask import Outcome
from pixmo.engines.http.guard import MAX_URL, Guard, Place, Refusal, Target, is_public, join, parse, place_of
from pixmo.errors import BadSetting


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", Outcome.NO_URL),
        ("   ", Outcome.NO_URL),
        ("/etc/passwd", Outcome.BAD_URL),
        ("//example.org/a.jpg", Outcome.BAD_URL),
        ("example.org/a.jpg", Outcome.BAD_URL),
        ("http:a.jpg", Outcome.BAD_URL),
        ("http:///a.jpg", Outcome.BAD_URL),
        ("http://?x", Outcome.BAD_URL),
        ("http://user:pass@example.org/", Outcome.BAD_URL),
        ("http://example.org@127.0.0.1/", Outcome.BAD_URL),
        ("http://exa mple.org/", Outcome.BAD_URL),
        ("http://example.org:0/", Outcome.BAD_URL),
        ("http://example.org:65536/", Outcome.BAD_URL),
        ("http://example.org:8x/", Outcome.BAD_URL),
        ("http://%6c%6fcalhost/", Outcome.BAD_URL),
        ("http://a..b/", Outcome.BAD_URL),
        ("http://" + "a" * 64 + ".org/", Outcome.BAD_URL),
        ("http://[::1/", Outcome.BAD_URL),
        ("http://[fe80::1%25eth0]/", Outcome.REFUSED_ADDRESS),
        ("http://example.org/a\nb", Outcome.BAD_URL),
        ("http://example.org/a\x00b", Outcome.BAD_URL),
        ("http://exam\tple.org/", Outcome.BAD_URL),
        ("http://example.org/\ud800", Outcome.BAD_URL),
        ("http:\\\\example.org\\a", Outcome.BAD_URL),
        ("http://example.org/" + "a" * MAX_URL, Outcome.BAD_URL),
        ("file:///etc/passwd", Outcome.REFUSED_SCHEME),
        ("data:image/png;base64,AAAA", Outcome.REFUSED_SCHEME),
        ("s3://bucket/key", Outcome.REFUSED_SCHEME),
        ("ftp://example.org/a.jpg", Outcome.REFUSED_SCHEME),
        ("javascript:alert(1)", Outcome.REFUSED_SCHEME),
    ],
)
def test_unusable_urls_are_refused(text, outcome):
    """What is no absolute http(s) URL without credentials is an outcome, never an exception."""
    found = parse(text)
    assert isinstance(found, Refusal)
    assert found.outcome is outcome


@pytest.mark.parametrize(
    ("text", "requested"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTP://EXAMPLE.ORG/A", "http://example.org/A"),
        (" https://example.org/a.jpg\n", "https://example.org/a.jpg"),
        ("http://example.org?x=1", "http://example.org/?x=1"),
        ("http://example.org/a b.jpg", "http://example.org/a%20b.jpg"),
        ("http://example.org/é.jpg", "http://example.org/%C3%A9.jpg"),
        ("http://example.org/100%.jpg", "http://example.org/100%25.jpg"),
        ("http://example.org/a%2Fb%7e?sig=%2B%2f,", "http://example.org/a%2Fb%7e?sig=%2B%2f,"),
        ("http://example.org/a.jpg#part", "http://example.org/a.jpg"),
        ("http://example.org:8080/\\x", "http://example.org:8080/%5Cx"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://under_score.example.org/", "http://under_score.example.org/"),
        ("http://[2606:4700::1111]:81/", "http://[2606:4700::1111]:81/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
    ],
)
def test_odd_but_usable_urls_are_requested_as_meant(text, requested):
    """Odd characters are percent-encoded, escapes that stand stay as they are: signed URLs depend on them."""
    found = parse(text)
    assert isinstance(found, Target)
    assert str(found.url) == requested


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "127.1", "127.0.1", "017700000001", "1.2.3.4.5", "8.8.8.08",
     "１２７.1", "127.0.0.1."],
)  # fmt: skip
def test_addresses_in_odd_spelling_are_refused(host):
    """Decimal, octal, hexadecimal and shortened IPv4 addresses are refused whatever they lead to."""
    found = parse(f"http://{host}/")
    assert isinstance(found, Refusal)
    assert found.outcome is Outcome.REFUSED_ADDRESS


NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "2001:0:53aa:64c::1",
    "100::1",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_known(text):
    """Private, local, shared, reserved and multicast addresses, and IPv6 that carries such an IPv4, are not public."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2002:808:808::1",
                                  "64:ff9b::808:808", "::ffff:8.8.8.8"])  # fmt: skip
def test_public_addresses_are_public(text):
    """Addresses of the Internet are public, also inside IPv6."""
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_embedding_an_address_in_ipv6_does_not_change_the_verdict(address: IPv4Address):
    """An IPv4 address is as public as its mapped, NAT64 and 6to4 forms."""
    number = int(address)
    forms = [(0xFFFF << 32) | number, (0x64FF9B << 96) | number, (0x2002 << 112) | (number << 80)]
    assert {is_public(IPv6Address(form)) for form in forms} == {is_public(address)}


@given(st.text())
def test_no_text_breaks_the_parser(text: str):
    """Whatever a list holds is a target or a refusal, and both ways of looking agree."""
    for url in (text, "http://" + text, "https://example.org/" + text):
        found, place = parse(url), place_of(url)
        if isinstance(found, Target):
            assert isinstance(place, Place)
            assert (place.host, place.address) == (found.host, found.address)
            assert str(found.url).isascii()
            assert found.url.raw_host == found.host
            assert not set(str(found.url)) & set(" \r\n\t")


@given(st.text(max_size=80))
def test_a_parsed_url_parses_to_itself(text: str):
    """What is requested is a fixed point: hops can be compared as text."""
    found = parse("http://example.org/" + text)
    if isinstance(found, Target):
        assert parse(str(found.url)) == found


def test_allowed_names_addresses_and_networks_are_admitted():
    """A name admits whatever it resolves to, an address and a network admit themselves, and nothing else."""
    guard = Guard(("intern.example", "10.0.0.7", "192.168.0.0/24", "[::1]"))
    assert guard.admits("intern.example", "10.9.9.9")
    assert guard.admits("other.example", "10.0.0.7")
    assert guard.admits("other.example", "192.168.0.200")
    assert guard.admits("::1", "::1")
    assert not guard.admits("other.example", "10.0.0.8")
    assert not guard.admits("sub.intern.example", "10.9.9.9")
    assert guard.judge(_target("http://10.0.0.7/")) is None
    assert guard.judge(_target("http://10.0.0.8/")) == Refusal(Outcome.REFUSED_ADDRESS, "10.0.0.8")


def test_an_unreadable_exception_is_a_wrong_request():
    """`--allow-host` with something that is no host is said at once."""
    with pytest.raises(BadSetting, match="--allow-host"):
        Guard(("http://intern.example/",))


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("b.jpg", "https://example.org/a/b.jpg"),
        ("/b.jpg", "https://example.org/b.jpg"),
        ("//cdn.example/b.jpg", "https://cdn.example/b.jpg"),
        ("http://example.org/b.jpg", "http://example.org/b.jpg"),
        ("?x=1", "https://example.org/a/x.jpg?x=1"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("http://[::1", ""),
    ],
)
def test_locations_are_read_from_where_they_stand(location, there):
    """A Location may be relative; one that cannot be read leads nowhere."""
    assert join(_target("https://example.org/a/x.jpg").url, location) == there


def _target(url: str) -> Target:
    found = parse(url)
    assert isinstance(found, Target)
    return found
