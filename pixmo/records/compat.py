"""Whether rows written under one schema can be read under another: what may change inside a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def breaks(old: pa.Schema, new: pa.Schema) -> list[str]:
    """What a reader of the old schema would miss in the new one, a line each; none when only nullable fields were added."""
    return list(_of_fields(list(old), list(new), ""))


def _of_fields(old: list[pa.Field], new: list[pa.Field], path: str) -> list[str]:
    now = {f.name: f for f in new}
    before = {f.name for f in old}
    told = []
    for field in old:
        if field.name not in now:
            told.append(f"{path}{field.name} is gone")
        else:
            told += _of_types(field.type, now[field.name].type, path + field.name)
            if field.nullable and not now[field.name].nullable:
                told.append(f"{path}{field.name} may no longer be null")
    told += [f"{path}{f.name} is new and may not be null" for f in new if f.name not in before and not f.nullable]
    return told


def _of_types(old: pa.DataType, new: pa.DataType, path: str) -> list[str]:
    import pyarrow.types as pt

    if pt.is_struct(old) and pt.is_struct(new):
        return _of_fields(list(old), list(new), f"{path}.")
    if pt.is_list(old) and pt.is_list(new):
        return _of_types(old.value_type, new.value_type, f"{path}[]")
    return [] if old == new else [f"{path} was {old} and is {new}"]
