"""cap-F1 in the real inspect_ai, with its own mock model: `make harnesses` installs it in an environment of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.server.chat import ChatServer
from tests.server.judge import Judge

pytestmark = pytest.mark.slow

FILE = Path(__file__).parents[2] / "integrations" / "inspect_ai" / "cap_f1.py"
SAID = ["A cup stands near the door", "A dog stands near the wall"]


@pytest.fixture
def module() -> ModuleType:
    """The scorer's file, loaded by its path."""
    spec = importlib.util.spec_from_file_location("pixmo_cap_f1_scorer", FILE)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_real_harness_reports_what_the_judge_found(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock model says one of two things people said, and one nobody knows of: what the judge cannot tell is no part of consistency; the log has the metrics."""
    import inspect_ai
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.solver import generate

    monkeypatch.setenv("OPENAI_API_KEY", "")
    said = ModelOutput.from_content("mockllm/model", f"{SAID[0]}. So be it.")
    said.usage = ModelUsage()  # else its tokens are counted with a vocabulary from the network
    model = get_model("mockllm/model", custom_outputs=[said] * 2)
    samples = [
        Sample(input="Describe the picture.", target=[f"{SAID[0]}.", f"{SAID[1]}."], id=f"{n}.jpg") for n in range(2)
    ]
    with ChatServer(answer=Judge()) as server:
        scorer = module.cap_f1(judge="m", base_url=server.base_url, out=str(tmp_path / "judged"))
        task = inspect_ai.Task(dataset=samples, solver=generate(), scorer=scorer)
        (log,) = inspect_ai.eval(task, model=model, log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success", log.error
    found = {name: one.value for name, one in log.results.scores[0].metrics.items()}
    assert found == pytest.approx({"cap_f1": 2 / 3, "recall": 0.5, "consistency": 1.0, "unscored_share": 0.0}, abs=1e-6)
