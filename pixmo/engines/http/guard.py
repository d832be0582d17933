"""Which URLs may be asked: scheme, spelling, length, and addresses that are public.

Everything here is pure. A URL is parsed into the very object that is requested: what was judged is what is asked.
Names are judged again when they are resolved (`resolve.py`), by connecting only to addresses that `Guard.admits`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urljoin

from yarl import URL

from pixmo.ask import Outcome
from pixmo.engines.http.settings import allowed

MAX_URL = 8192  # characters

Address = IPv4Address | IPv6Address


class Target(NamedTuple):
    """A URL fit to be asked: `host` in lower-case ASCII, `address` where the host is one."""

    url: URL
    host: str
    address: Address | None


class Refusal(NamedTuple):
    """Why a URL is not asked."""

    outcome: Outcome
    detail: str


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HTTP = re.compile(r"([Hh][Tt][Tt][Pp][Ss]?):(?://([^/?#\\]*))?([^#]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?\Z")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z")
_SCHEMES = frozenset({"http:", "https:"})
# a URL that needs no change: its host in lower case, its path and query of legal characters and escapes
_PLAIN = re.compile(
    r"https?://([a-z0-9_.-]++(?::[1-9][0-9]{1,4})?)/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]++|%[0-9A-Fa-f]{2})*+\Z"
)
_ODD = re.compile(rb"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%\[\]]")


class Place(NamedTuple):
    """The host part of a URL: `netloc` as it is requested."""

    netloc: str
    host: str
    address: Address | None


class _Split(NamedTuple):
    scheme: str
    place: Place
    tail: str  # path and query as written


def place_of(text: str) -> Place | Refusal:
    """The host part of a URL: `parse` without the costly rest, for who only wants to know whose queue it belongs to."""
    parts = text.split("/", 3)
    if len(parts) == 4 and not parts[1] and parts[0] in _SCHEMES:  # the plain spelling, a tenth of the work
        place = _place(parts[2])
        if isinstance(place, Place):
            return place
    split = _split(text)
    return split if isinstance(split, Refusal) else split.place


def parse(text: str) -> Target | Refusal:
    """The target of a URL as written in a list or a Location header, or why it cannot be one.

    Spaces around it are dropped, odd characters are percent-encoded, existing escapes stay as they are (signed URLs
    break otherwise), the fragment is dropped.
    """
    plain = _PLAIN.match(text)
    if plain and len(text) <= MAX_URL and isinstance(known := _place(plain.group(1)), Place):
        return Target(URL(text, encoded=True), known.host, known.address)
    split = _split(text)
    if isinstance(split, Refusal):
        return split
    scheme, place, tail = split
    try:
        path = _encoded(tail)
    except UnicodeEncodeError:  # half a surrogate pair
        return Refusal(Outcome.BAD_URL, "not Unicode")
    return Target(URL(f"{scheme}://{place.netloc}{path}", encoded=True), place.host, place.address)


def _split(text: str) -> _Split | Refusal:
    text = text.strip()
    if len(text) > MAX_URL:
        return Refusal(Outcome.BAD_URL, f"{len(text)} characters")
    if _CONTROL.search(text):
        return Refusal(Outcome.BAD_URL, "control characters")
    found = _HTTP.match(text)
    if found is None:
        return _not_http(text)
    scheme, authority, tail = found.groups()
    if not authority:
        return Refusal(Outcome.BAD_URL, "no host")
    place = _place(authority)
    return place if isinstance(place, Refusal) else _Split(scheme.lower(), place, tail)


def _not_http(text: str) -> Refusal:
    if not text:
        return Refusal(Outcome.NO_URL, "")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Refusal(Outcome.BAD_URL, "not absolute")
    return Refusal(Outcome.REFUSED_SCHEME, scheme.group(1).lower()[:40])


@lru_cache(maxsize=16_384)
def _place(authority: str) -> Place | Refusal:
    """The place of an authority (`host`, `host:port`, `[v6]:port`)."""
    if "@" in authority:
        return Refusal(Outcome.BAD_URL, "credentials in the URL")
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", authority)
    if not found or not found.group(1):
        return Refusal(Outcome.BAD_URL, "no host")
    name, digits = found.groups()
    if digits and not (len(digits) < 6 and 0 < int(digits) < 65_536):
        return Refusal(Outcome.BAD_URL, f"port {digits}"[:40])
    port = f":{int(digits)}" if digits else ""
    if name.startswith("["):
        return _place_of_ipv6(name[1:-1], port)
    host = _ascii_host(name)
    if host is None or not _HOST.match(host) or len(host) > 253:
        return Refusal(Outcome.BAD_URL, "no usable host name")
    return _place_of_name(host, port)


def _place_of_ipv6(text: str, port: str) -> Place | Refusal:
    try:
        address = IPv6Address(text)
    except ValueError:
        return Refusal(Outcome.BAD_URL, "no IPv6 address")
    if address.scope_id is not None:
        return Refusal(Outcome.REFUSED_ADDRESS, str(address))
    return Place(f"[{address}]{port}", str(address), address)


def _place_of_name(host: str, port: str) -> Place | Refusal:
    """A host whose last label is a number is an IPv4 address to every client; only the canonical spelling is taken."""
    if not _NUMBER.match(host.rstrip(".").rpartition(".")[2]):
        return Place(host + port, host, None)
    try:
        return Place(host + port, host, IPv4Address(host))  # refuses leading zeros, which some read as octal
    except ValueError:
        return Refusal(Outcome.REFUSED_ADDRESS, f"an address in an odd spelling: {host}"[:80])


def _ascii_host(name: str) -> str | None:
    """The name in lower-case ASCII (IDNA), or None."""
    if name.isascii():
        return name.lower()
    try:
        return (URL.build(scheme="http", host=name).raw_host or "").lower()
    except (ValueError, UnicodeError):
        return None


def _encoded(tail: str) -> str:
    """Percent-encodes what may not stand in a request line, and nothing else; begins with a slash."""
    tail = tail if tail.startswith("/") else "/" + tail
    data = tail.encode("utf-8", "surrogateescape")  # a Location's bytes that were no UTF-8 come back as they were
    return _ODD.sub(lambda found: b"".join(b"%%%02X" % byte for byte in found.group()), data).decode("ascii")


def join(base: URL, location: str) -> str:
    """Where a Location header leads from here, not yet judged; empty where it cannot be read."""
    try:
        return urljoin(str(base), location.strip(" \t"))
    except ValueError:  # brackets without their partners
        return ""


_EMBEDDING = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))  # IPv4-mapped, NAT64: the last 32 bits
_SIX_TO_FOUR = IPv6Network("2002::/16")  # bits 16 to 48
_NEVER = (IPv6Network("64:ff9b:1::/48"), IPv6Network("fec0::/10"), IPv6Network("2001::/32"), IPv6Network("100::/8"))

_NEVER_IPV4 = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
)  # older Pythons take parts of these for global


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet, seen through IPv4 embedded in IPv6."""
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address.is_reserved or any(address in network for network in _NEVER):
            return False
    if address.version == 4 and any(address in network for network in _NEVER_IPV4):
        return False
    return address.is_global and not address.is_multicast and not (address.version == 4 and address.is_reserved)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return None


class Guard:
    """Judges hosts and addresses: public ones, and those the user named."""

    def __init__(self, allow_hosts: tuple[str, ...] = ()) -> None:
        self._names, self._networks = allowed(allow_hosts)
        self._admitted: set[str] = set()  # addresses as hosts, judged before: there are few, asked often

    def __repr__(self) -> str:
        return f"Guard(names={sorted(self._names)}, networks={[str(n) for n in self._networks]})"

    def admits(self, host: str, address: str | Address) -> bool:
        """Whether this address may be connected to on behalf of this host."""
        if host.rstrip(".") in self._names:
            return True
        place = ip_address(address.partition("%")[0]) if isinstance(address, str) else address
        return is_public(place) or any(place in n for n in self._networks if n.version == place.version)

    def judge(self, target: Target | Place) -> Refusal | None:
        """A refusal for a host that is a non-public address; names are judged when they are resolved."""
        if target.address is None or target.host in self._admitted:
            return None
        if self.admits(target.host, target.address):
            self._admitted.add(target.host)
            return None
        return Refusal(Outcome.REFUSED_ADDRESS, str(target.address))
