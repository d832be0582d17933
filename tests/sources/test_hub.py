"""Sets of the Hub, read by the real clients in a process of their own from a stand-in on loopback."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.hub import Hub
from tests.sources.lists import ROWS, TABLE, csv, parquet

pytestmark = pytest.mark.slow  # `datasets` takes seconds to begin

READ = """
import base64, json, sys
from pixmo.errors import PixmoError
from pixmo.sources.open import open_source
for spec, options in json.loads(sys.argv[1]):
    try:
        source, columns = open_source(spec, **options)
        batches = list(source.batches(8))
        assert all(b.schema.equals(source.schema()) for b in batches)
        rows = [row for b in batches for row in b.to_pylist()]
        told = {"rows": rows, "columns": columns, "splits": source.splits, "identity": source.identity(), "licence": source.licence}
        told |= {"types": {f.name: str(f.type) for f in source.schema()}, "expected": source.expected}
    except PixmoError as error:
        told = {"error": type(error).__name__ + ": " + str(error)}
    print(json.dumps(told, default=lambda v: base64.b64encode(v).decode()))
from pixmo.cli import leave  # as the command does: threads of `datasets` may abort Python's own way out
leave(0)
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A Hub with sets of every build."""
    card = b"---\nlicense: odc-by\n---\n"
    with Hub() as hub:
        first = hub.add(
            "allenai/pixmo-cap", {"README.md": card, "data/train-00000-of-00001.parquet": parquet(TABLE.slice(0, 5))}
        )
        halves = {f"data/train-0000{i}-of-00002.parquet": parquet(TABLE.slice(10 * i, 10)) for i in range(2)}
        second = hub.add("allenai/pixmo-cap", {"README.md": card, **halves})
        hub.shas = (first, second)  # type: ignore[attr-defined]
        hub.add(
            "me/splits",
            {f"data/{s}-00000-of-00001.parquet": parquet(TABLE.slice(0, 3)) for s in ("train", "validation", "test")},
        )
        hub.add("me/csv", {"list.csv": csv(TABLE)})
        documents = {"README.md": _docs_card(), **{f"{c}/train-00000-of-00001.parquet": _docs(c) for c in _DOCS}}
        hub.add("allenai/pixmo-docs", documents)
        hub.add("me/configs", documents)
        hub.add("me/gated", {"a.csv": csv(TABLE)})
        hub.gated.add("me/gated")
        hub.add("me/nothing", {"README.md": card})
        yield hub


_DOCS = ("charts", "diagrams", "tables", "other")
PNG = b"\x89PNG no real picture: decoding it would fail"


def _docs(config: str) -> bytes:
    from datasets import Dataset, Features, Image, Value

    features = Features({"image": Image(), "image_id": Value("string"), "questions": {"question": [Value("string")]}})
    rows = [
        {"image": {"bytes": PNG, "path": f"{config}.png"}, "image_id": config, "questions": {"question": ["q"]}}
    ] * 3
    table = Dataset.from_list(rows, features).data.table
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _docs_card() -> bytes:
    split = "\n  splits:\n  - name: train\n    num_bytes: 9\n    num_examples: 3\n"
    info = "dataset_info:\n" + "".join(f"- config_name: {c}{split}" for c in _DOCS)
    configs = "".join(f"- config_name: {c}\n  data_files:\n  - split: train\n    path: {c}/train-*\n" for c in _DOCS)
    return f"---\nlicense: odc-by\nconfigs:\n{configs}{info}---\n".encode()


@pytest.fixture(scope="module")
def read(hub, tmp_path_factory):
    """Reads several sources in one process, which costs a second, not one each."""

    def read(*asked):
        env = hub.env(tmp_path_factory.mktemp("home"))
        argument = json.dumps([(spec, options) for spec, options in asked])
        done = subprocess.run(
            [sys.executable, "-c", READ, argument], env=env, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return read


@pytest.fixture(scope="module")
def told(hub, read):
    """What all good requests of this file gave, by name."""
    asked = {
        "cap": ("cap", {}),
        "by page": ("https://huggingface.co/datasets/allenai/pixmo-cap", {"limit": 3}),
        "old": ("allenai/pixmo-cap", {"revision": hub.shas[0]}),
        "splits": ("me/splits", {}),
        "one split": ("me/splits", {"split": "validation"}),
        "train only": ("me/splits", {"split": "train"}),
        "csv": ("me/csv", {}),
        "docs": ("docs", {}),
        "charts": ("docs", {"config": "charts"}),
    }
    return dict(zip(asked, read(*asked.values()), strict=True))


def test_a_short_name_reads_the_set_of_the_hub(told, hub):
    """`cap` is allenai/pixmo-cap: all files in order, types and nulls unchanged, the URL column found, the commit pinned."""
    cap = told["cap"]
    assert cap["rows"] == ROWS
    assert cap["columns"] == ["image_url", None, "image_sha256", None, None]
    assert cap["types"]["n"] == "int64"
    assert (cap["identity"]["hub"], cap["identity"]["revision"]) == ("allenai/pixmo-cap", hub.shas[1])
    assert (cap["splits"], cap["licence"], cap["expected"]) == ([], "odc-by", [717_042, 716_551, 250_000])


def test_a_page_address_is_the_set(told):
    """The address of the set's page, copied from a browser, means the set."""
    assert told["by page"]["rows"] == ROWS[:3]


def test_a_revision_is_read_as_it_was(told, hub):
    """An older commit gives its own rows and another identity."""
    assert told["old"]["rows"] == ROWS[:5]
    assert told["old"]["identity"]["revision"] == hub.shas[0]


def test_splits_of_the_hub_come_as_a_column(told):
    """Several splits are read one after the other and told by the column `split`; `train` alone has none, so rows can be held out."""
    assert told["splits"]["splits"] == ["train", "validation", "test"]
    assert [r["split"] for r in told["splits"]["rows"]] == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3
    assert [r["split"] for r in told["one split"]["rows"]] == ["validation"] * 3
    assert told["train only"]["rows"] == ROWS[:3]


def test_other_formats_of_the_hub_are_read_too(told):
    """A set that is a CSV file there."""
    assert told["csv"]["rows"] == ROWS


def test_embedded_pictures_are_not_decoded(told):
    """Bytes come as they are stored, here none that a decoder would take, in a struct with their path."""
    import base64

    first = told["charts"]["rows"][0]
    assert first["image"] == {"bytes": base64.b64encode(PNG).decode(), "path": "charts.png"}
    assert told["charts"]["columns"] == [None, None, None, "image", None]
    assert told["charts"]["types"]["questions"].startswith("list<item: struct<question: string, answer: string")


def test_rows_are_expected_as_the_card_counts_them(told):
    """What the set says of the config that is read; what the catalog says of the whole set is not said of a part."""
    assert told["charts"]["expected"] == [3, None, 215_000]
    assert told["docs"]["expected"] == [12, 255_249, 215_000]


def test_all_configs_of_docs_are_read(told):
    """The four configs one after the other, told by the column `config`; one alone has no such column."""
    assert [r["config"] for r in told["docs"]["rows"]] == [c for c in _DOCS for _ in range(3)]
    assert "config" not in told["charts"]["types"]


def test_what_the_hub_does_not_have_is_told(read):
    """Set, revision, split, config: each in one line that says what there is or what to do."""
    errors = [
        answer["error"]
        for answer in read(
            ("me/missing", {}),
            ("me/csv", {"revision": "v9"}),
            ("me/splits", {"split": "valid"}),
            ("me/configs", {}),
            ("allenai/pixmo-docs", {"config": "chart"}),
            ("me/gated", {}),
            ("me/nothing", {}),
        )
    ]
    expected = [
        "BadSource: me/missing: no such data set on the Hub, and no such file here (for a private set, set HF_TOKEN)",
        "BadSource: me/csv: has no revision 'v9'",
        "UnknownName: me/splits default: no split named 'valid'; did you mean 'validation'?",
        "BadSource: me/configs: has the configs charts, diagrams, tables, other; say which with --config",
        "UnknownName: allenai/pixmo-docs: no config named 'chart'; did you mean 'charts'?",
        "BadSource: me/gated: is gated: accept its terms on the Hub, then set HF_TOKEN",
        "BadSource: me/nothing: holds no files that `datasets` can read",
    ]
    assert errors == expected


def test_a_hub_out_of_reach_is_told(tmp_path):
    """No server behind HF_ENDPOINT: one line, soon, and no traceback."""
    with Hub() as hub:
        env = hub.env(tmp_path)
    argument = json.dumps([("cap", {})])
    done = subprocess.run(
        [sys.executable, "-c", READ, argument], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert "BadSource: allenai/pixmo-cap: cannot be read from the Hub: ConnectError" in done.stdout


def test_the_stand_in_serves_whole_sets_to_datasets(hub, tmp_path: Path):
    """`datasets.load_dataset` without streaming downloads from it as from the Hub."""
    code = "import datasets; print(len(datasets.load_dataset('allenai/pixmo-cap', split='train')))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=hub.env(tmp_path), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.split() == ["20"], done.stderr
