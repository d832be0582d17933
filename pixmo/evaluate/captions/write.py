"""What is made of judged rows: `results.json`, `statements.parquet`, `eval.html`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pixmo.evaluate.captions.human import agreement_with, read_human
from pixmo.evaluate.captions.page import PAGE_FILE, eval_page
from pixmo.evaluate.captions.results import RESULTS_FILE, Results
from pixmo.evaluate.captions.rows import judged_rows
from pixmo.evaluate.captions.statements import STATEMENTS_FILE, VERDICT_COLUMNS, write_statements
from pixmo.evaluate.captions.summary import summarise
from pixmo.evaluate.captions.tally import COLUMNS
from pixmo.evaluate.statistics.resample import SAMPLES
from pixmo.storage.publish import publish_bytes, publishing


def write_results(
    out: Path,
    *,
    stamp: Mapping[str, Any],  # Any: JSON values
    human: Path | None = None,
    samples: int = SAMPLES,
) -> Results:
    """The results of a finished folder of judged captions, published in it as three files, `results.json` last.

    `stamp` says how the rows came about: `seed`, `protocol`, `kind` and the like, the last two also under `settings`; the version of pixmo
    is added. `human` is a file of people's verdicts. Raises BadFolder when the folder holds no judged captions.
    """
    verdicts = judged_rows(out, VERDICT_COLUMNS)
    agreed = agreement_with(read_human(human), verdicts) if human is not None else {}
    stamped = {"pixmo": _version(), **stamp}
    results = summarise(judged_rows(out, COLUMNS), stamp=stamped, human=agreed, samples=samples)
    with publishing(out / STATEMENTS_FILE) as path:
        write_statements(path, judged_rows(out, VERDICT_COLUMNS))
    publish_bytes(out / PAGE_FILE, eval_page(out, results).encode())
    publish_bytes(out / RESULTS_FILE, results.data())
    return results


def _version() -> str:
    try:
        return version("pixmo")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0+unknown"
