"""Which owner a host belongs to: a pure function, the same on every machine and for every list."""

from __future__ import annotations

from zlib import crc32

PARTITIONS = 1024  # fixed, so that a site's partition never depends on how many owners there are


def owner_of(site: str, owners: int) -> int:
    """The number of the owner of a registrable domain, 0 … owners-1."""
    return crc32(site.encode()) % PARTITIONS * owners // PARTITIONS
