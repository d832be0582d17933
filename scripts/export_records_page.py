#!/usr/bin/env python
"""Writes docs/records.md: every kind of record with its fields, every rule; `--check` only compares."""

from __future__ import annotations

import sys
import typing
from pathlib import Path

from pixmo.records.base import Part, Shape, shapes
from pixmo.records.kinds import KINDS, is_groupable
from pixmo.records.places import Mask, Orientation, Point, Unit
from pixmo.records.rules import RULES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "records.md"
HEAD = """# Records

What one row says, as a small frozen dataclass: `pixmo.records.points.Points`, `pixmo.records.caption.Caption`, … The same fields are its
Arrow columns and its JSON; [schemas/v1](../schemas/README.md) publishes them for other languages. This page is made from the code.

- **No unit is guessed.** Whatever holds points says what their numbers count, and which way up the picture was. A source that does
  not say is refused, with the reason.
- **Nothing is mended on the way.** Coordinates are not clipped, labels not lower-cased. `findings()` yields what is wrong as data and
  never raises; [`pixmo check`](check.md) counts it, a clause of `select` may leave it out.
- **No points are data too**: the thing is not in the picture.

```python run
from pixmo.records.arrow import batch_of, records_of
from pixmo.records.caption import Caption

said = Caption(image_url="https://pictures.example/1.jpg", caption="A cup.", transcripts=("a cup",))
assert [(f.rule, f.path, str(f.level)) for f in said.findings()] == [("caption_short", "caption", "warning")]
assert Caption.from_dict(said.to_dict()) == said  # plain dicts, and back
assert list(records_of(batch_of([said], Caption), Caption)) == [said]  # Arrow, and back
```

`from_dict` raises `BadRecord` and names the value: `Caption.caption is missing`. A null where a record needs a value stays a null in
Arrow; only when that row is asked for as a record is it refused. NaN and infinity are kept, and told as `not_finite`.

Downloaded in groups, a row is a picture: `image_url`, `image_sha256`, and `annotations`, a list of structs of all other fields. Files say
what they hold in the metadata of their schema, under the key `pixmo`.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Units and orientations\n"]
    parts += [_listed("`unit`", [str(u) for u in Unit]), _listed("`orientation`", [str(o) for o in Orientation])]
    parts.append(
        "The origin is the upper left corner; x goes right, y down. Pixels are those of the picture of the size beside them.\n"
    )
    parts.append("## Kinds\n")
    for name, kind in KINDS.items():
        also = "; can be grouped" if is_groupable(kind) else ""
        parts.append(
            f"### {name}\n\n{_line(kind.__doc__)} (`{kind.__module__}.{kind.__name__}`{also})\n\n{_table(kind)}"
        )
        parts += [
            f"Each of `{s.name}`:\n\n{_table(part)}"
            for s in shapes(kind)
            if (part := _part(s)) and part not in (Point, Mask)
        ]
    parts.append(
        f"### Point and Mask\n\n{_line(Point.__doc__)}\n\n{_table(Point)}\n{_line(Mask.__doc__)}\n\n{_table(Mask)}"
    )
    parts.append("## Rules\n\nThe number is that of the invariant of PixMo's data the rule comes from.\n")
    rows = [f"| `{name}` | {rule.level} | {rule.meaning} | {rule.number or ''} |" for name, rule in RULES.items()]
    parts.append("\n".join(["| rule | level | meaning | |", "|---|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _table(kind: type[Part]) -> str:
    rows = ["| field | type | meaning |", "|---|---|---|"]
    for s in shapes(kind):
        unit = f" ({s.about.unit})" if s.about.unit else ""
        rows.append(
            f"| `{s.name}` | {_type(s.hint)}{' or null' if s.optional else ''} | {s.about.doc.replace('|', chr(92) + '|')}{unit} |"
        )
    return "\n".join([*rows, ""])


def _type(hint: typing.Any) -> str:  # Any: a type form
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return f"list of {_type(next((a for a in typing.get_args(inner) if a is not type(None)), inner) if type(None) in typing.get_args(inner) else inner)}"
    return f"`{hint.__name__}`"


def _part(shape: Shape) -> type[Part] | None:
    hint = shape.hint
    while typing.get_origin(hint) is tuple:
        hint = typing.get_args(hint)[0]
    return hint if isinstance(hint, type) and issubclass(hint, Part) else None


def _listed(name: str, values: list[str]) -> str:
    return f"- {name}: " + ", ".join(f"`{v}`" for v in values)


def _line(doc: str | None) -> str:
    return " ".join((doc or "").split())


def main() -> int:
    """Writes or checks; the exit code."""
    text = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        print("docs/records.md: " + ("in step" if same else "differs; run scripts/export_records_page.py"))
        return 0 if same else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
