"""docs/catalog.md says what the catalogue says."""

from __future__ import annotations

from pathlib import Path

from pixmo.catalog.load import entry, names

PAGE = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")


def rows_under(head: str) -> list[list[str]]:
    """The cells of the table whose first line begins so, without marks."""
    table = PAGE.split(f"\n{head}", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")] for line in table]


def test_each_set_is_told_as_it_is():
    """Hub, record, media, grouping, unit and hold-outs, in the order of the catalogue."""
    told = [
        [
            known.name, known.hub, known.record, known.media, "per picture" if known.grouped else "as listed",
            known.constants.get("unit", "–"), ", ".join(known.holdouts) or "–",
        ]
        for known in map(entry, names())
    ]  # fmt: skip
    assert rows_under("| set | on the Hub |") == told


def test_each_defect_is_told():
    """With what is done about it."""
    told = [[name, *(text.replace("`", "") for text in defect)] for name in names() for defect in entry(name).defects]
    assert rows_under("| set | what is wrong |") == told


def test_each_variant_is_told():
    """And whether it is read."""
    told = [[name, v.what, "refused" if v.refused else "read"] for name in names() for v in entry(name).variants]
    assert rows_under("| set | has |") == told
