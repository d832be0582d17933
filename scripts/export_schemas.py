#!/usr/bin/env python
"""Writes schemas/v1: JSON Schema, Arrow schema (an IPC message) and text of every record, single and grouped.

scripts/export_schemas.py            write them
scripts/export_schemas.py --check    exit with 1 where they differ from the code
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pixmo.records.arrow import VERSION, Label, grouped_schema, labelled, schema_of
from pixmo.records.jsonschema import grouped_json_schema, json_schema
from pixmo.records.kinds import KINDS, is_groupable

FOLDER = Path(__file__).resolve().parent.parent / "schemas" / f"v{VERSION}"


def files() -> dict[str, bytes]:
    """Every file's content by name."""
    told: dict[str, bytes] = {}
    for name, kind in KINDS.items():
        made = [(name, schema_of(kind), json_schema(kind), False)]
        if is_groupable(kind):
            made.append((f"{name}.grouped", grouped_schema(kind), grouped_json_schema(kind), True))
        for stem, arrow, as_json, grouped in made:
            told[f"{stem}.schema.json"] = (json.dumps(as_json, indent=2, ensure_ascii=False) + "\n").encode()
            told[f"{stem}.arrow"] = labelled(arrow, Label(name, grouped)).serialize().to_pybytes()
            told[f"{stem}.txt"] = "".join(f"{f.name}: {f.type}\n" for f in arrow).encode()
    return told


def main() -> int:
    """Writes or checks; the exit code."""
    wanted = files()
    if "--check" in sys.argv[1:]:
        there = {p.name: p.read_bytes() for p in FOLDER.glob("*")}
        differ = sorted(n for n in there.keys() | wanted.keys() if there.get(n) != wanted.get(n))
        print("schemas: " + (f"differ: {', '.join(differ)}" if differ else f"{len(wanted)} files in step"))
        return 1 if differ else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*"):
        path.unlink()
    for name, data in wanted.items():
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
