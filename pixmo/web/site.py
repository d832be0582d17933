"""Where a server of ours is reached: the socket it listens on, the links it gives out, the names it answers to."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pixmo.errors import BadSetting

_URL = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?/?", re.IGNORECASE)
_PORTS = {"http": ":80", "https": ":443"}
BACKLOG = 128


@dataclass(frozen=True)
class Address:
    """What the owner of a server asks for.

    `bind` is an address of this machine; `url` is how others write it, where a proxy stands before it or it is bound to all
    addresses; `certificate` and `key` are PEM files, for https without a proxy.
    """

    bind: str = "127.0.0.1"
    port: int = 8765
    url: str | None = None
    certificate: Path | None = None
    key: Path | None = None


class Site(NamedTuple):
    """A listening server: what its links begin with, and the `Host` and `Origin` headers it answers to."""

    origin: str
    hosts: frozenset[str]
    origins: frozenset[str]

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.origin.startswith("https:")

    @property
    def may_record(self) -> bool:
        """Whether browsers let a page of it use the microphone: by https, or on this machine."""
        return self.is_secure or is_loopback(self.origin.removeprefix("http://").rpartition(":")[0].strip("[]"))


def listen(address: Address) -> tuple[socket.socket, Site]:
    """A listening socket and its site. Raises BadSetting for what cannot be listened on."""
    _check_certificate(address)
    url = _url(address.url)
    try:
        family = socket.AF_INET6 if ":" in address.bind else socket.AF_INET
        sock = socket.create_server((address.bind, address.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadSetting(
            f"cannot listen on {address.bind}, port {address.port}: {why}; choose others with --bind and --port"
        ) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it: else small answers wait 40 ms
    host, port = sock.getsockname()[:2]
    if url is None and ipaddress.ip_address(host).is_unspecified:
        sock.close()
        raise BadSetting(
            f"--bind {address.bind} means every address of this machine; say with --url which one the links should begin with"
        )
    return sock, _site(host, port, "https" if address.certificate else "http", url)


def is_loopback(host: str) -> bool:
    """Whether a name or number of a host is this machine's own."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _site(host: str, port: int, scheme: str, url: str | None) -> Site:
    names = [f"[{host}]" if ":" in host else host] + (["localhost"] if is_loopback(host) else [])
    own = [f"{scheme}://{name}:{port}" for name in names]
    origins = frozenset(_plain(o) for o in ([url] if url else []) + own)
    return Site(url or own[0], frozenset(h for o in origins for h in _spellings(o)), origins)


def _spellings(origin: str) -> list[str]:
    """The `Host` headers that mean an origin: its usual port may be left out or written."""
    scheme, _, host = origin.partition("://")
    return [host] if re.search(r":\d+$", host) else [host, host + _PORTS[scheme]]


def _plain(origin: str) -> str:
    """An origin as browsers write it: without the usual port."""
    scheme, _, host = origin.partition("://")
    return f"{scheme}://{host.removesuffix(_PORTS[scheme])}"


def _url(url: str | None) -> str | None:
    if url is None:
        return None
    if not _URL.fullmatch(url):
        raise BadSetting(f"--url {url}: should be like https://talk.example.org, without a path")
    return _plain(url.rstrip("/").lower())


def _check_certificate(address: Address) -> None:
    if (address.certificate is None) != (address.key is None):
        raise BadSetting("--certificate and --key go together: name both PEM files, or none")
    for path in (address.certificate, address.key):
        if path is not None and not path.is_file():
            raise BadSetting(f"{path}: no such file; --certificate and --key are PEM files")
