"""Everything the fetcher can be told. Standard library only, so that plans and options may import it cheaply."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version

from pixmo.errors import BadSetting


def _user_agent() -> str:
    try:
        number = version("pixmo")
    except PackageNotFoundError:  # run from a checkout that was not installed
        number = "0"
    return f"pixmo/{number} (+https://github.com/pixmo/pixmo)"


@dataclass(frozen=True)
class HttpSettings:
    """How hard to ask, how long to wait and what to refuse; times in seconds, sizes in bytes. Raises BadSetting."""

    concurrency: int = 64  # requests in flight, per process
    per_host: int = 4  # connections per site (registrable domain)
    requests_per_s: float = 20.0  # per site, paced: starts are at least 1/rate apart; 0 is no limit
    retries: int = 3  # further tries of what may pass
    connect_timeout_s: float = 10.0  # name, connection and TLS
    first_byte_timeout_s: float = 20.0  # from the request to the end of the headers
    idle_timeout_s: float = 15.0  # without a byte of the body
    total_timeout_s: float = 120.0  # one request, waits of our own not counted
    min_bytes_per_s: int = 1024  # over each `speed_window_s` of body; 0 is no minimum
    speed_window_s: float = 5.0
    max_bytes: int = 32 * 2**20  # of a body, on the wire and decoded
    max_park_s: float = 60.0  # the longest Retry-After that is waited for
    first_park_s: float = 1.0  # after the first 429 that does not say how long; doubles
    retry_base_s: float = 1.0  # the first further try comes within this, the next within twice this, …
    probe_every_s: float = 30.0  # how often a host that was given up is tried again
    max_redirects: int = 10
    user_agent: str = _user_agent()
    headers: tuple[str, ...] = ()  # "HOST:NAME=VALUE"
    allow_hosts: tuple[str, ...] = ()  # names, addresses or networks that may be non-public
    ignore_optout: bool = False
    robots: bool = False
    max_mbit: float = 0.0  # megabits per second of this process; 0 is no limit
    trust_env: bool = True  # the standard proxy variables

    def __post_init__(self) -> None:
        for name in ("concurrency", "per_host", "max_bytes", "total_timeout_s", "connect_timeout_s", "max_park_s"):
            _require(getattr(self, name) > 0, name, "must be more than 0", getattr(self, name))
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, int | float):
                _require(value >= 0, setting.name, "cannot be negative", value)
        _require(
            _plain(self.user_agent) and bool(self.user_agent.strip()), "user_agent", "must be one line", self.user_agent
        )
        self.extra_headers()

    @property
    def agent_token(self) -> str:
        """The name robots.txt and X-Robots-Tag know us by: the user agent up to its version, in lower case."""
        return re.split(r"[/\s(]", self.user_agent.strip(), maxsplit=1)[0].lower()

    def extra_headers(self) -> dict[str, dict[str, str]]:
        """`headers` by host (or host:port), in lower case."""
        by_host: dict[str, dict[str, str]] = {}
        for text in self.headers:
            where, equals, value = text.partition("=")
            host, colon, name = where.rpartition(":")
            usable = equals and colon and host and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) and _plain(value)
            _require(bool(usable), "header", "must be HOST:NAME=VALUE", text)
            by_host.setdefault(host.strip().lower(), {})[name] = value.strip()
        return by_host


def allowed(
    entries: tuple[str, ...],
) -> tuple[frozenset[str], tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]]:
    """`allow_hosts` as (names, networks)."""
    names, networks = set(), []
    for entry in entries:
        text = entry.strip().lower().strip("[]").rstrip(".")
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            _require(
                bool(re.fullmatch(r"[\w.-]+", text)),
                "allow_host",
                "must be a host name, an address or a network",
                entry,
            )
            names.add(text)
    return frozenset(names), tuple(networks)


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _require(true: bool, name: str, what: str, value: object) -> None:
    if not true:
        raise BadSetting(f"--{name.replace('_', '-')} {what}, not {value!r}")
