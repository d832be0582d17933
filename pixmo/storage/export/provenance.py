"""Where rows came from, as it may be told to the world: no folders of this machine, no passwords, no signed addresses."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/?#]*@)?([^?#]*)")
_LOCAL = re.compile(r"file://|/|~|\.{1,2}/|[A-Za-z]:[\\/]")
_MORE = re.compile(r"(.*?)( and \d+ more)?", re.DOTALL)


def public_name(source: str) -> str:
    """A local path's last part; a URL without user, query and fragment; any other name as it is.

    The card is published and named by its digest in the manifest: the same list gives the same card on every machine.
    """
    found = _MORE.fullmatch(source)
    name, more = (found[1], found[2] or "") if found else (source, "")
    if _LOCAL.match(name):
        name = re.split(r"[\\/]", name.rstrip("\\/"))[-1]
    elif address := _ADDRESS.match(name):
        name = address[1] + address[2]
    return name + more
