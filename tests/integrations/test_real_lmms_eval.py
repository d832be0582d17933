"""cap-F1 in the real lmms-eval: `make harnesses` installs it in an environment of its own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.integrations.test_lmms_eval import HOME, SAID, doc, judged_at
from tests.server.chat import ChatServer
from tests.server.judge import Judge


def references(folder: Path) -> Path:
    """A caption set with pictures, as the Hub and pixmo lay it out."""
    import datasets

    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    rows = [doc(n) | {"image": {"bytes": png.getvalue(), "path": None}} for n in range(3)]
    features = datasets.Features(
        {"image_url": datasets.Value("string"), "transcripts": [datasets.Value("string")], "image": datasets.Image()}
    )
    (folder / "data").mkdir(parents=True)
    datasets.Dataset.from_list(rows, features=features).to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    return folder


@pytest.mark.slow
def test_the_real_harness_runs_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """lmms-eval finds the task, shows its dummy model every picture, and reports what the judge found."""
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    here = tmp_path / "task"
    here.mkdir()
    settings = (HOME / "pixmo_cap_f1.yaml").read_text(encoding="utf-8")
    (here / "pixmo_cap_f1.yaml").write_text(settings.replace("./references", str(references(tmp_path / "references"))))
    (here / "utils.py").write_bytes((HOME / "utils.py").read_bytes())
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with ChatServer(answer=Judge()) as server:
        judged_at(server, tmp_path, monkeypatch)
        found = simple_evaluate(
            model="dummy", model_args=f"response={SAID[0]} 0.", tasks=["pixmo_cap_f1"], bootstrap_iters=0,
            task_manager=TaskManager(include_path=str(here), include_defaults=False),
        )  # fmt: skip
    told = found["results"]["pixmo_cap_f1"]
    assert told["recall,none"] == pytest.approx(100 / 9, abs=1e-3)  # of picture 0 one of three, of the others none
    assert len(found["samples"]["pixmo_cap_f1"]) == 3
