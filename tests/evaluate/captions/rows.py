"""Judged rows as an evaluation publishes them, made by hand: verdicts in, columns out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXTS = pa.list_(pa.string())
LETTERS = {"y": "yes", "n": "no", "?": "cannot_tell", "-": "unscored"}
_USED = (("tokens_in", pa.int64()), ("tokens_out", pa.int64()), ("cost_usd", pa.float64()), ("by", pa.string()))
SCHEMA = pa.schema(
    [
        ("picture", pa.string()), ("image_url", pa.string()), ("thumbnail", pa.binary()), ("model", pa.string()), ("caption", pa.string()),
        ("transcripts", TEXTS), ("reference_statements", TEXTS), ("reference_categories", TEXTS), ("reference_outcome", pa.string()),
        ("statements", TEXTS), ("statement_categories", TEXTS), ("statements_outcome", pa.string()),
        *((f"{m}_verdicts", pa.list_(TEXTS)) for m in ("recall", "consistency")),
        *((f"{m}_{name}", TEXTS) for m in ("recall", "consistency") for name in ("outcome", "text")),
        ("repeated_share", pa.float64()), ("is_repeating", pa.bool_()), ("repetition_outcome", pa.string()),
        ("n_consistency_scored", pa.list_(pa.int64())),
        *((name, pa.float64()) for name in ("recall", "recall_at_10", "consistency", "cap_f1", "unscored_share")),
        *((name, pa.int64()) for name in ("n_statements", "n_reference_statements", "caption_words")),
        *((f"{q}_{name}", kind) for q in ("reference", "statements", "recall", "consistency", "repetition") for name, kind in _USED),
    ]
)  # fmt: skip


def row(
    picture: str, model: str, recall: Sequence[str] | str | None = "yn", consistency: Sequence[str] | str | None = "yn", **more: Any
) -> dict[str, Any]:  # fmt: skip  # Any: column values
    """A judged row; verdicts are letters, `"yyn"` or a list of such for repeats: y yes, n no, ? cannot tell, - unscored.

    Scores are computed here by the plain definitions, so that summaries are held against a second way of counting.
    """
    stated, agreed = (_repeats(verdicts) for verdicts in (recall, consistency))
    n_people, n_own = (max(map(len, repeats), default=0) for repeats in (stated, agreed))
    every = [v for repeat in (*stated, *agreed) for v in repeat]
    caption = more.pop("caption", f"A caption of {picture}.")
    made = {
        "picture": picture, "model": model, "image_url": f"https://pictures.example/{picture}", "caption": caption,
        "transcripts": [f"People say this of {picture}."],
        "reference_statements": [f"{picture} fact {i}" for i in range(n_people)], "reference_categories": [], "reference_outcome": "ok",
        "statements": [f"{picture} claim {i}" for i in range(n_own)], "statement_categories": [], "statements_outcome": "ok",
        "recall_verdicts": stated, "recall_outcome": ["ok"] * len(stated), "recall_text": [None] * len(stated),
        "consistency_verdicts": agreed, "consistency_outcome": ["ok"] * len(agreed), "consistency_text": [None] * len(agreed),
        "repeated_share": 0.0, "is_repeating": False,
        "n_consistency_scored": [sum(v in ("yes", "no") for v in repeat) for repeat in agreed],
        "recall": share(stated), "recall_at_10": share(stated, 10), "consistency": share(agreed),
        "unscored_share": every.count("unscored") / len(every) if every else None,
        "n_statements": n_own, "n_reference_statements": n_people, "caption_words": len(caption.split()),
    }  # fmt: skip
    made["cap_f1"] = f1(made["recall"], made["consistency"])
    return made | more


def share(repeats: list[list[str]], most: int = 10**9) -> float | None:
    """Mean over repeats of yes to yes and no."""
    pairs = [(r.count("yes"), r.count("yes") + r.count("no")) for r in repeats]
    shares = [min(yes, most) / min(n, most) for yes, n in pairs if n]
    return sum(shares) / len(shares) if shares else None


def f1(one: float | None, other: float | None) -> float | None:
    """The harmonic mean."""
    if one is None or other is None:
        return None
    return 2 * one * other / (one + other) if one + other else 0.0


def finished(out: Path, rows: Iterable[dict[str, Any]], files: int = 1) -> Path:  # Any: as above
    """A finished folder that holds these rows."""
    rows = list(rows)
    (out / "data").mkdir(parents=True, exist_ok=True)
    for i in range(files):
        some = rows[len(rows) * i // files : len(rows) * (i + 1) // files]
        path = out / "data" / f"train-{i:05}-of-{files:05}.parquet"
        pq.write_table(pa.Table.from_pylist(some, SCHEMA), path, row_group_size=50)
    return out


def _repeats(verdicts: Sequence[str] | str | None) -> list[list[str]]:
    repeats = [] if verdicts is None else [verdicts] if isinstance(verdicts, str) else verdicts
    return [[LETTERS[letter] for letter in repeat] for repeat in repeats]
