"""The standard proxy variables: http_proxy, https_proxy, all_proxy, no_proxy (either case).

Behind a proxy it is the proxy that connects, so the guard sees less: literal addresses are judged as always, and names
are resolved here too where this machine can; a name that resolves only at the proxy is trusted to the proxy.
"""

from __future__ import annotations

import urllib.request

from yarl import URL

from pixmo.errors import BadSetting


class Proxies:
    """The proxies of the environment as it was when this was made; false when there are none."""

    def __init__(self) -> None:
        found = {k: v for k, v in urllib.request.getproxies_environment().items() if v}
        self._rules = found
        self._by_scheme = {s: _proxy(found.get(s) or found.get("all", "")) for s in ("http", "https")}

    def __bool__(self) -> bool:
        return any(self._by_scheme.values())

    def of(self, url: URL) -> URL | None:
        """The proxy to ask for this URL, or None."""
        proxy = self._by_scheme.get(url.scheme)
        host = url.raw_host or ""
        if proxy is None or _bypassed(f"{host}:{url.port}", self._rules):
            return None
        return proxy


def _bypassed(place: str, rules: dict[str, str]) -> bool:
    # in the standard library since 2.6, missing from its type stubs
    return bool(urllib.request.proxy_bypass_environment(place, rules))  # type: ignore[attr-defined]


def _proxy(text: str) -> URL | None:
    if not text:
        return None
    try:
        url = URL(text if "://" in text else "http://" + text)
    except ValueError as error:
        raise BadSetting(f"the proxy {text!r} of the environment is no address: {error}") from error
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise BadSetting(f"the proxy {text!r} of the environment is no http proxy; unset it or use another")
    return url
