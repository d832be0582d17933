"""cap-F1 in lmms-eval: the task's file against the fields that lmms-eval knows, and its functions with a scripted judge."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.server.chat import ChatServer
from tests.server.judge import Judge

HOME = Path(__file__).parents[2] / "integrations" / "lmms_eval"
FIELDS = Path(__file__).parents[1] / "golden" / "lmms_eval_task_fields.json"
SAID = ["A cup stands near the door", "A dog stands near the wall"]


@pytest.fixture
def utils() -> ModuleType:
    """The functions, loaded by their path as the harness does."""
    spec = importlib.util.spec_from_file_location("pixmo_cap_f1_utils", HOME / "utils.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def doc(n: int) -> dict[str, Any]:
    """What people said of a picture: two things, and that a third is not so, which the scripted judge counts as said too."""
    return {
        "image_url": f"http://h.test/{n}.jpg",
        "transcripts": [f"{SAID[0]} {n}. {SAID[1]} {n}. It is not: fine {n}."],
    }


def judged_at(server: ChatServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in [
        ("PIXMO_JUDGE", "m"),
        ("PIXMO_JUDGE_URL", server.base_url),
        ("PIXMO_OUT", str(folder / "judged")),
    ]:
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENAI_API_KEY", "")


def task_file() -> tuple[dict[str, Any], list[str]]:
    """The task's settings, and the functions of utils.py that it names."""
    named: list[str] = []

    class Loader(yaml.SafeLoader):
        pass

    def function(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
        named.append(str(loader.construct_scalar(node)))
        return named[-1]

    Loader.add_constructor("!function", function)
    return yaml.load((HOME / "pixmo_cap_f1.yaml").read_text(encoding="utf-8"), Loader), named


def test_the_task_file_says_what_the_harness_knows(utils: ModuleType) -> None:
    """Every key is a field of lmms-eval's task configuration (0.7.3), every function is there."""
    settings, functions = task_file()
    assert set(settings) <= set(json.loads(FIELDS.read_text(encoding="utf-8")))
    assert {name.partition(".")[0] for name in functions} == {"utils"}
    assert all(callable(getattr(utils, name.partition(".")[2])) for name in functions)


def test_every_metric_of_the_task_is_filled(utils: ModuleType) -> None:
    """What process_results gives a picture and what the task's file aggregates have the same names."""
    settings, _ = task_file()
    assert set(utils.process_results(doc(0), ["x"])) == {metric["metric"] for metric in settings["metric_list"]}


def test_a_set_without_names_of_pictures_is_refused(utils: ModuleType) -> None:
    """Verdicts are tied to pictures; without a column that names them nothing is judged."""
    with pytest.raises(ValueError, match="no column tells pictures apart"):
        utils.process_results({"transcripts": ["x"]}, ["x"])


@pytest.mark.slow
def test_captions_are_judged_once_for_all_metrics(
    utils: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three statements of people is in each caption, one of its own two agrees with them; a second model asks nothing of the references again."""
    with ChatServer(answer=Judge()) as server:
        judged_at(server, tmp_path, monkeypatch)
        rows = [utils.process_results(doc(n), [f"{SAID[0]} {n}. Fine {n}."])["cap_f1"] for n in range(3)]
        found = utils.cap_f1(rows), utils.recall(rows), utils.consistency(rows)
        assert found == pytest.approx((40.0, 100 / 3, 50.0), abs=1e-3)
        assert len(server.log) == 3 * 4
        better = [utils.process_results(doc(n), [f"{SAID[0]} {n}. {SAID[1]} {n}."])["cap_f1"] for n in range(3)]
        assert utils.cap_f1(better) == pytest.approx(80.0, abs=1e-3)
        assert len(server.log) == 3 * 4 + 3 * 3


@pytest.mark.slow
def test_what_is_wrong_is_told_by_the_command(
    utils: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a judge the harness stops with the exit code; the reason is the command's own line."""
    monkeypatch.setenv("PIXMO_OUT", str(tmp_path / "judged"))
    monkeypatch.delenv("PIXMO_JUDGE", raising=False)
    with pytest.raises(RuntimeError, match="ended with 2"):
        utils.cap_f1([utils.process_results(doc(0), ["x"])["cap_f1"]])
