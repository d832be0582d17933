"""The dataset card: README.md with YAML on top, for the Hub and for people. Made of plain facts; holds no clock."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pixmo.storage.export.features import features, portable_schema
from pixmo.storage.export.meanings import COLUMNS, outcome_meaning
from pixmo.storage.export.provenance import public_name
from pixmo.storage.export.writers import data_glob
from pixmo.storage.export.yaml import dump

_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")]
_SIZES += [(10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B")]
_LICENCE_ID = re.compile(r"[a-z0-9][a-z0-9.+-]{1,40}")
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """One split as written."""

    name: str
    rows: int
    bytes: int  # of its files
    files: int


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card says; filled by the run. Mappings are written in the order given."""

    name: str
    source: str  # as the user named it; told without what is this machine's own
    splits: tuple[SplitFacts, ...]
    schema: pa.Schema
    image_columns: Collection[str] = ("image",)
    format: str = "parquet"
    rows_in: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    clauses: Mapping[str, int] = field(default_factory=dict)  # select's clauses and how many rows each left out
    licence: str | None = None  # of the list: a Hub identifier such as odc-by
    revision: str | None = None  # of the source
    was_fetched: bool = True  # else: taken from the user's own files
    honours_opt_out: bool = True
    asks_robots: bool = False
    hash_policy: str = "mark"
    resized: str | None = None  # how, in words
    meanings: Mapping[str, str] = field(default_factory=dict)  # of columns of the source


def card(facts: CardFacts) -> str:
    """The whole README.md."""
    parts = [_about(facts), _counts(facts), _columns(facts), _how(facts), _rights(facts), _loading(facts)]
    return f"---\n{dump(front_matter(facts))}---\n\n# {_text(facts.name)}\n\n" + "\n".join(parts)


def front_matter(facts: CardFacts) -> dict[str, Any]:
    """The YAML block as data: licence, size, where each split's files are, features and counts."""
    matter: dict[str, Any] = {"pretty_name": facts.name}
    if facts.licence and _LICENCE_ID.fullmatch(facts.licence):
        matter["license"] = facts.licence
    elif facts.licence:
        matter |= {"license": "other", "license_name": facts.licence}
    matter["size_categories"] = [size_category(sum(s.rows for s in facts.splits))]
    matter["tags"] = ["pixmo", "image-text"]
    full = [s for s in facts.splits if s.rows]
    if full:
        files = [{"split": s.name, "path": data_glob(facts.format, s.name)} for s in full]
        matter["configs"] = [{"config_name": "default", "data_files": files}]
        if facts.format == "parquet":  # tars come as other columns, and an Arrow folder has a dataset_info.json
            matter["dataset_info"] = _dataset_info(facts, full)
    return matter


def size_category(rows: int) -> str:
    """The Hub's name for so many rows."""
    return next((name for limit, name in _SIZES if rows < limit), "10B<n<100B")


def _dataset_info(facts: CardFacts, full: list[SplitFacts]) -> dict[str, Any]:
    told = features(portable_schema(facts.schema, facts.image_columns), facts.image_columns)
    size = sum(s.bytes for s in full)
    return {
        "features": [{"name": name, **_yaml_feature(feature)} for name, feature in told.items()],
        "splits": [{"name": s.name, "num_bytes": s.bytes, "num_examples": s.rows} for s in full],
        "download_size": size,
        "dataset_size": size,
    }


def _yaml_feature(told: Any) -> dict[str, Any]:  # Any: a feature is a dict or a one-element list
    """A feature in the spelling of cards, which differs from that of JSON. The first key says the kind."""
    if isinstance(told, list):
        return {"list": _yaml_inner(told[0])}
    kind = told.get("_type")
    if kind == "LargeList":
        return {"large_list": _yaml_inner(told["feature"])}
    if kind == "Sequence":
        return {"list": _yaml_inner(told["feature"]), "length": told["length"]}
    if kind == "Value":
        return {"dtype": told["dtype"]}
    if kind == "Image":
        return {"dtype": "image"}
    if kind == "ClassLabel":
        return {"dtype": {"class_label": {"names": {str(i): name for i, name in enumerate(told["names"])}}}}
    return {"struct": [{"name": name, **_yaml_feature(inner)} for name, inner in told.items()]}


def _yaml_inner(told: Any) -> Any:  # Any: as above
    inner = _yaml_feature(told)
    return (
        inner["dtype"] if list(inner) == ["dtype"] and isinstance(inner["dtype"], str) else inner.get("struct", inner)
    )


def _about(facts: CardFacts) -> str:
    rows = sum(s.rows for s in facts.splits)
    revision = f", revision {_code(facts.revision)}" if facts.revision else ""
    pictures = "" if _has_pictures(facts) else " Pictures are not included: the rows say where they are."
    table = _table(
        ("Split", "Rows", "Files", "Bytes"),
        [(_code(s.name), f"{s.rows:,}", f"{s.files:,}", f"{s.bytes:,}") for s in facts.splits],
    )
    came = "fetched" if facts.was_fetched else "taken"
    source = _code(public_name(facts.source)) + revision
    return f"{rows:,} rows of image–text data, {came} from {source} with pixmo.{pictures}\n\n{table}"


def _counts(facts: CardFacts) -> str:
    lines = ["## From list to data set\n"]
    if facts.outcomes:
        total = sum(facts.outcomes.values())
        lines.append(f"The source has {facts.rows_in or total:,} rows. How obtaining their pictures ended:\n")
        known = [(_code(o), f"{n:,}", f"{n / total:.2%}", outcome_meaning(o)) for o, n in facts.outcomes.items() if n]
        lines.append(_table(("Outcome", "Rows", "Share", "Meaning"), known, right=(1, 2)))
    if facts.clauses:
        lines.append(
            "Rows were selected by these clauses. Each is counted over all rows, so one row may count twice:\n"
        )
        lines.append(_table(("Clause", "Rows left out"), [(_code(c), f"{n:,}") for c, n in facts.clauses.items()]))
    return "\n".join(lines)


def _columns(facts: CardFacts) -> str:
    schema = portable_schema(facts.schema, facts.image_columns)
    rows = []
    for name, kind in zip(schema.names, schema.types, strict=True):
        is_image = name in facts.image_columns
        meaning = facts.meanings.get(name) or COLUMNS.get(name) or ("a picture" if is_image else "as in the source")
        told = ("list of images" if pa.types.is_list(kind) else "image") if is_image else str(kind)
        rows.append((_code(name), _code(told), _text(meaning, keep_code=True)))
    return "## Columns\n\n" + _table(("Column", "Type", "Meaning"), rows, right=())


def _how(facts: CardFacts) -> str:
    return "## How the pictures were obtained\n\n" + "\n".join(f"- {line}" for line in _how_lines(facts)) + "\n"


def _how_lines(facts: CardFacts) -> Iterator[str]:
    if facts.was_fetched:
        yield "Each URL was asked for over http(s), within limits per host, obeying the pauses that hosts ask for."
        yield "robots.txt was " + ("obeyed." if facts.asks_robots else "not consulted.")
    yield "The bytes are those that came; each picture's sha256 was measured (`fetched_sha256`)."
    if facts.resized:
        yield f"Pictures were then resized ({_text(facts.resized)}); the digest is that of the original."
    yield (
        "Where the source promises a sha256, `hash_verdict` says whether the bytes are the same; others were "
        + ("left out." if facts.hash_policy == "strict" else "kept and marked.")
    )
    yield "`manifest.json` names every file with its sha256; `pixmo verify` compares them."


def _rights(facts: CardFacts) -> str:
    lines = ["## Licence and opt-out\n"]
    if facts.licence:
        lines.append(f"The list is published under {_code(facts.licence)}. That is the licence of its texts and links;")
    else:
        lines.append("The licence of the list is not known to us. Whatever it is, it covers texts and links only;")
    lines.append("each picture remains under the terms of whoever holds its rights.\n")
    if facts.was_fetched:
        honoured = "honoured: such pictures were not kept" if facts.honours_opt_out else "recorded but not acted on"
        lines.append(
            f"Headers that reserve a picture from such use (noai, noimageai, TDM reservation) were {honoured}."
        )
    lines.append("To take a picture out, for good, on request: `pixmo forget FOLDER URL`.\n")
    return "\n".join(lines)


def _loading(facts: CardFacts) -> str:
    first = next((s.name for s in facts.splits if s.rows), "train")
    python = {
        "parquet": "from datasets import load_dataset\n\n"
        f'rows = load_dataset("FOLDER", split="{first}")\nprint(rows[0])',
        "arrow": f'from datasets import load_from_disk\n\nrows = load_from_disk("FOLDER")["{first}"]\nprint(rows[0])',
        "webdataset": "import glob\nimport webdataset\n\n"
        f'shards = sorted(glob.glob("FOLDER/{data_glob("webdataset", first)}"))\n'
        'rows = webdataset.WebDataset(shards, shardshuffle=False).decode("pil")\nprint(next(iter(rows)).keys())',
    }
    return f"## How to load it\n\n```python\n{python[facts.format]}\n```\n"


def _has_pictures(facts: CardFacts) -> bool:
    return any(name in facts.image_columns for name in facts.schema.names)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[int, ...] | None = None) -> str:
    right = tuple(range(1, len(head))) if right is None else right
    rule = ["---:" if i in right else "---" for i in range(len(head))]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in [head, tuple(rule), *rows])


def _text(text: str, keep_code: bool = False) -> str:
    """Foreign text as Markdown that shows it and means nothing else."""
    calm = html.escape(_one_line(text), quote=False)
    marks = r"([\\*_{}\[\]()#|~!-])" if keep_code else r"([\\`*_{}\[\]()#|~!-])"
    return calm.replace("|", r"\|") if keep_code else re.sub(marks, r"\\\1", calm)


def _code(text: str) -> str:
    """Foreign text as a code span, also inside a table."""
    calm = _one_line(text) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", calm)), default=0) + 1)
    pad = " " if calm.startswith("`") or calm.endswith("`") else ""
    return f"{fence}{pad}{calm}{pad}{fence}".replace("|", r"\|")


def _one_line(text: str) -> str:
    calm = "".join(c if c.isprintable() else " " for c in text[: 2 * _LONGEST]).strip()
    return calm if len(calm) <= _LONGEST else calm[: _LONGEST - 1] + "…"
