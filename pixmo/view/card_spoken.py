"""The recordings of a row, as `pixmo caption` leaves them in its columns: lists with one value per recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixmo.storage.export.meanings_spoken import SPOKEN as MEANINGS
from pixmo.view.card_pieces import Sound, Word

SPOKEN = frozenset(MEANINGS)
_SHOWN = frozenset(
    {"recording_sha256", "heard_text", "heard_words", "recording_outcome", "recording_findings", "transcript_findings"}
)


def sounds_of(columns: Mapping[str, Any]) -> list[Sound]:  # Any: column values
    """Each recording: what is heard in it, and what was found wrong with it."""
    digests = columns.get("recording_sha256")
    if not isinstance(digests, list):
        return []
    return [
        Sound(n, str(digest or ""), str(_at(columns, "heard_text", n) or ""), _words(_at(columns, "heard_words", n)), _told(columns, n), _SHOWN)
        for n, digest in enumerate(digests)
    ]  # fmt: skip


def _words(told: Any) -> tuple[Word, ...]:  # Any: a column value
    if not isinstance(told, list):
        return ()
    named = [w for w in told if isinstance(w, Mapping) and w.get("start_s") is not None]
    return tuple(
        Word(str(w.get("text", "")), float(w["start_s"]), float(w.get("end_s") or w["start_s"])) for w in named
    )


def _told(columns: Mapping[str, Any], n: int) -> str:  # Any: column values
    outcome = _at(columns, "recording_outcome", n)
    found = [*(_at(columns, "recording_findings", n) or []), *(_at(columns, "transcript_findings", n) or [])]
    length = _at(columns, "duration_s", n)
    told = [
        f"{length:.0f} s" if isinstance(length, int | float) else "",
        outcome if outcome not in (None, "ok") else "",
        *found,
    ]
    return ", ".join(str(one) for one in told if one)


def _at(columns: Mapping[str, Any], name: str, n: int) -> Any:  # Any: a column value
    values = columns.get(name)
    return values[n] if isinstance(values, list) and n < len(values) else None
