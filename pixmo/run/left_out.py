"""What is beside the shards: `left-out.jsonl`, every row and recording that is not in them with its reasons, and `audio/`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmo.ids import digest
from pixmo.run.selecting import Selection
from pixmo.run.shard import Shard
from pixmo.storage.manifest import ManifestFile
from pixmo.storage.publish import publish_bytes
from pixmo.storage.sidecar import ROW_ID
from pixmo.storage.store import Store

LEFT_OUT = "left-out.jsonl"
AUDIO = "audio"
OK = "ok"
HEAVY = frozenset({"heard_words", "heard_segments", "speech_spans", "recording_fingerprint"})
Row = dict[str, Any]  # Any: column values


def publish_left_out(out: Path, selection: Selection, shards: Sequence[Shard]) -> ManifestFile:
    """One line per row that is not published, and per recording that the caption of a published row does not rest on."""
    lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in _lines(selection, shards)]
    data = "".join(lines).encode(errors="surrogatepass")
    path = out / LEFT_OUT
    if not path.is_file() or path.read_bytes() != data:
        publish_bytes(path, data)
    return ManifestFile(LEFT_OUT, digest(data), len(data))


def _lines(selection: Selection, shards: Sequence[Shard]) -> Iterator[Row]:
    for shard in shards:
        table, stays, failed = selection.left_out(shard)
        for row, kept, clause in zip(table.to_pylist(), stays.tolist(), failed, strict=True):
            if not kept:
                told = {k: v for k, v in row.items() if k not in HEAVY and v is not None}
                yield {"left_out": "row", "why": reasons(row), "clause": clause} | told
                continue
            for n, why in recordings_left(row):
                name = row["recording_file"][n]
                yield {"left_out": "recording", "why": [f"{name}: {why}"], ROW_ID: row[ROW_ID], "recording_file": name}


def reasons(row: Mapping[str, Any]) -> list[str]:  # Any: column values
    """Why a row is not published: one line for each thing that is wrong, naming it."""
    name = row.get("picture_file") or row.get("image_url") or "a recording without a picture"
    why = []
    if row.get("outcome") not in (None, OK):
        why.append(f"{name}: {row.get('picture_fault') or row['outcome']}")
    if row.get("is_leak"):
        why.append(f"{name}: stands in a held-out set")
    if row.get("recording_sha256") == []:
        why.append(f"{name}: no recordings")
    why += [f"{row['recording_file'][n]}: {reason}" for n, reason in recordings_left(row)]
    outcome = row.get("caption_outcome")
    if outcome not in (None, OK, "no_transcripts" if why else OK):
        why.append(f"{name}: caption: {outcome}" + (f" ({row['caption_detail']})" if row.get("caption_detail") else ""))
    why += [f"{name}: caption: {finding}" for finding in row.get("caption_findings") or () if outcome == OK]
    return why


def recordings_left(row: Mapping[str, Any]) -> Iterator[tuple[int, str]]:  # Any: column values
    """(number, reason) of each recording that gave no transcript."""
    ok = row.get("transcript_ok") or row.get("recording_ok") or ()
    for n, passed in enumerate(ok):
        if not passed:
            yield n, _reason(row, n)


def _reason(row: Mapping[str, Any], n: int) -> str:  # Any: column values
    outcome, heard = _nth(row, "recording_outcome", n), _nth(row, "heard_outcome", n)
    if outcome not in (None, OK):
        detail = _nth(row, "recording_detail", n)
        return f"{outcome} ({detail})" if detail else str(outcome)
    if findings := _nth(row, "recording_findings", n):
        return ", ".join(findings)
    if heard not in (None, OK):
        return f"not heard: {heard}" + (f" ({d})" if (d := _nth(row, "heard_detail", n)) else "")
    return ", ".join(_nth(row, "transcript_findings", n) or ("left out",))


def _nth(row: Mapping[str, Any], name: str, n: int) -> Any:  # Any: a column value
    values = row.get(name)
    return values[n] if values else None


def publish_audio(out: Path, selection: Selection, shards: Sequence[Shard], store: Store) -> Iterator[ManifestFile]:
    """The recordings that published captions rest on, each under its digest."""
    wanted: dict[str, str] = {}
    for shard in shards:
        table, stays, _ = selection.left_out(shard)
        for row, kept in zip(table.to_pylist(), stays.tolist(), strict=True):
            if kept and row.get("recording_sha256"):
                for n in row.get("transcript_recording") or ():
                    wanted[row["recording_sha256"][n]] = Path(row["recording_file"][n]).suffix.lower()
    for sha, suffix in sorted(wanted.items()):
        where = store.locate(sha)
        if where is None or sha in store.tombstones:
            continue
        name = f"{AUDIO}/{sha}{suffix if suffix[1:].isalnum() else '.bin'}"
        path = out / name
        if not path.is_file() or path.stat().st_size != where.length:
            path.parent.mkdir(parents=True, exist_ok=True)
            publish_bytes(path, store.packs.read(where))
        yield ManifestFile(name, sha, where.length)
