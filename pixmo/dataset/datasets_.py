"""Rows as the `datasets` library knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets

from pixmo.errors import BadSetting

if TYPE_CHECKING:
    from pixmo.dataset.rows import Rows


def as_datasets(rows: Rows, streaming: bool) -> datasets.Dataset | datasets.IterableDataset:
    """The rows in their order, with the features the files tell of, so that pictures decode.

    Raises BadSetting for a stream of every n-th row.
    """
    features = datasets.Features.from_arrow_schema(rows.schema)
    if streaming:
        return _streamed(rows, features)
    files = rows.groups.files
    parts = [
        datasets.Dataset.from_file(f.path).select_columns(list(rows.columns))
        if f.is_arrow
        else datasets.Dataset.from_parquet(f.path, columns=list(rows.columns), features=features)
        for f in files
        if sum(f.rows)
    ]
    if not parts:
        return datasets.Dataset.from_dict({name: [] for name in rows.columns}, features=features)
    whole = datasets.concatenate_datasets(parts)
    return whole if rows.span == range(len(whole)) else whole.select(rows.span)


def _streamed(rows: Rows, features: datasets.Features) -> datasets.IterableDataset:
    if rows.span.step != 1:
        raise BadSetting(
            f"streaming=True: rows that are each {rows.span.step}th cannot be streamed; leave streaming out"
        )
    kinds = {f.is_arrow for f in rows.groups.files}
    if len(kinds) > 1:
        raise BadSetting("streaming=True: Parquet and Arrow files cannot be streamed together; load them one by one")
    told: dict[str, Any] = {"data_files": rows.files, "split": "train", "streaming": True}  # Any: options
    if True in kinds:
        whole = datasets.Features.from_arrow_schema(rows.groups.schema)
        stream = datasets.load_dataset("arrow", features=whole, **told).select_columns(list(rows.columns))
    else:
        stream = datasets.load_dataset("parquet", features=features, columns=list(rows.columns), **told)
    return stream.skip(rows.span.start).take(len(rows)) if len(rows) < len(rows.groups) else stream
