"""Whose host is it: the registrable domain, to which politeness applies."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=65_536)
def site_of(host: str) -> str:
    """The registrable domain of a host name in lower-case ASCII; the host itself where there is none.

    `upload.wikimedia.org` → `wikimedia.org`, `a.b.co.uk` → `b.co.uk`; addresses and single labels are their own site.
    Source: the Public Suffix List with its private part, so `a.github.io` and `b.github.io` are two sites.
    """
    host = host.rstrip(".").lower()
    if "." not in host or ":" in host or host.rpartition(".")[2].isdigit():
        return host
    return str(_suffixes().privatesuffix(host) or host)


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # 45 ms: only for who asks real hosts

    return PublicSuffixList()
