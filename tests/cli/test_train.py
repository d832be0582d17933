"""`pixmo train captioner` as people call it."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pixmo.cli import run
from pixmo.cli.train_captioner import Told
from pixmo.train.debug import debug_training, save_shapes
from pixmo.train.log import Line, read_lines
from tests.train.runs import model, shapes

HOUSE = Path(__file__).parents[2]
CAPTIONER = ["train", "captioner"]
RUN = """
model = "molmo-tiny"
steps = 3
batch = 2
context = 512
precision = "fp32"
checkpointing = false
[[source]]
path = "set.parquet"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, a set and a run that names them; one thread, as others are at work."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    return tmp_path


@pytest.fixture
def ready(here: Path) -> Path:
    """A model, a set and a run that names them."""
    model(here)
    shapes(here / "set.parquet", 4)
    (here / "small.toml").write_text(RUN)
    return here


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What is said of a wrong request, in one line."""
    assert run([*CAPTIONER, *argv]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told.removeprefix("pixmo: ").rstrip("\n")


def test_a_run_is_trained_goes_no_further_and_says_where_to_look(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder is named like its file."""
    assert run([*CAPTIONER, "small.toml", "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("small-out: 3 of 3 steps, loss ")
    assert "look at small-out/loss.html; the model is small-out/checkpoints/step-000003/model" in told
    assert run([*CAPTIONER, "small.toml", "--device", "cpu"]) == 0
    assert capsys.readouterr().out.startswith("small-out: all 3 steps were done before, loss ")
    assert refused(capsys, "small.toml", "--steps", "4") == (
        "small-out: holds another run (steps is 3 there, 4 here); name another folder, or delete this one"
    )
    assert run([*CAPTIONER, "small.toml", "--steps", "1", "-o", "one"]) == 0
    assert len(read_lines(ready / "one")) == 1


def test_rows_left_out_are_told(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason."""
    from tests.train.runs import caption, save_set, shape

    save_set(ready / "set.parquet", [caption(n) for n in range(3)], [b"GIF89a", shape(1), shape(2)])
    assert run([*CAPTIONER, "small.toml"]) == 0
    assert "left out, as told in small-out/left-out.jsonl:" in capsys.readouterr().out


@pytest.mark.slow
def test_debug_makes_its_own_model_and_pictures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two steps of it here; the command that asks the model afterwards works as printed."""
    assert run([*CAPTIONER, "debug", "--steps", "2", "-o", "dbg"]) == 0
    told = capsys.readouterr().out
    assert "dbg/run: 2 of 2 steps" in told
    asked = re.search(r"pixmo (predict .*)", told)
    assert asked
    assert run([*asked[1].split(), "--limit", "2", "--max-new-tokens", "3"]) == 0
    assert (here / "answers" / "predictions.json").is_file()


@pytest.mark.slow
def test_debug_learns_to_tell_what_it_sees(here: Path) -> None:
    """Below what one knows of the captions without their pictures: which of 48 it is costs 0.1 a token."""
    from pixmo.train.captioner import train

    assert train(debug_training(here / "dbg", 150), here / "dbg" / "run", device="cpu").loss < 0.06


def test_the_debug_set_is_the_same_everywhere(here: Path) -> None:
    """48 rows, drawn anew to the same bytes."""
    assert save_shapes(here / "a").read_bytes() == save_shapes(here / "b").read_bytes()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RUN.replace("batch", "bach"), "a training run has no setting 'bach'; did you mean 'batch'?"),
        (RUN.replace("set.parquet", "gone.parquet"), "gone.parquet"),
        (RUN.replace("molmo-tiny", "gone"), "gone: no such folder; give the folder with config.json"),
        (RUN + 'split = "train"\n', "train"),
        (RUN.replace("set.parquet", "small.toml"), "small.toml"),
    ],
)  # fmt: skip
def test_a_wrong_run_is_one_line(ready: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    """Before anything is learned."""
    (ready / "small.toml").write_text(text)
    assert told in refused(capsys, "small.toml")
    assert not (ready / "small-out" / "log.jsonl").exists()


def test_wrong_words_are_one_line(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, a device that is none, a word that is nothing to train."""
    assert "gone.toml: no such file; docs/train.md shows one to copy" in refused(capsys, "gone.toml")
    assert "no device named 'gpu'" in refused(capsys, "small.toml", "--device", "gpu")
    assert refused(capsys, "debug", "-o", "small.toml") == "small.toml: a file, not a folder; name a new folder"
    assert "may not be written (Not a directory)" in refused(capsys, "debug", "-o", "small.toml/x")
    assert "small.toml: not a folder of a training run" in refused(capsys, "small.toml", "-o", "small.toml")
    assert run(["train", "captoner", "debug"]) == 2
    assert "write `pixmo train captioner|probe`" in capsys.readouterr().err


WITHOUT = """
import sys
missing = sys.argv.pop(1).split(",")
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ImportError(name)
sys.meta_path.insert(0, Without())
from pixmo.cli import main
main()
"""


def without(modules: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """The command where some libraries are not installed."""
    environment = os.environ | {"PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WITHOUT, modules, *argv]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("argv", [["train"], CAPTIONER])
def test_help_needs_no_torch(argv: list[str]) -> None:
    """Whoever looks around need not install it."""
    done = without("torch,numpy,pyarrow,PIL", *argv, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Train a captioner" in done.stdout


def test_without_torch_the_extra_is_named(here: Path) -> None:
    """One line that says what to install."""
    done = without("torch", *CAPTIONER, "debug")
    assert (done.returncode, done.stderr) == (2, "pixmo: training needs an extra: pip install 'pixmo[molmo]'\n")
    assert list(here.iterdir()) == []


def test_wandb_is_asked_for_before_the_first_step(ready: Path) -> None:
    """Where it is not installed, one line says how to."""
    done = without("wandb", *CAPTIONER, "small.toml", "--wandb", "mine")
    assert (done.returncode, done.stderr) == (2, "pixmo: --wandb needs the library wandb: pip install wandb\n")


@pytest.mark.slow
def test_wandb_gets_every_step_of_one_run(ready: Path) -> None:
    """Offline: what would be sent lies in the folder; a run that goes on is the same run there."""
    environment = os.environ | {
        "PYTHONPATH": str(HOUSE), "WANDB_MODE": "offline", "WANDB_SILENT": "true", "OMP_NUM_THREADS": "1", "HOME": str(ready),
    }  # fmt: skip
    argv = [sys.executable, "-m", "pixmo", *CAPTIONER, "small.toml", "--wandb", "mine"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    (file,) = (ready / "small-out" / "wandb").glob("offline-run-*/run-*.wandb")
    assert (ready / "small-out" / "wandb-id").read_text() in file.name
    assert file.read_bytes().count(b"z_loss") >= 3


@pytest.mark.slow
def test_what_wandb_refuses_is_one_line(ready: Path) -> None:
    """Nobody is logged in here."""
    settings = {"PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1", "HOME": str(ready), "WANDB_SILENT": "true"}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")} | settings
    argv = [sys.executable, "-m", "pixmo", *CAPTIONER, "small.toml", "--wandb", "mine"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "pixmo: --wandb: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_sigterm_says_how_to_go_on_and_going_on_does(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The step under way is kept; no second signal is needed however long that takes."""
    environment = os.environ | {"PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"}
    argv = ["small.toml", "--steps", "500", "-o", "long"]
    command = [sys.executable, "-m", "pixmo", *CAPTIONER, *argv]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as going:
        while going.poll() is None and len(read_lines(ready / "long")) < 2:
            time.sleep(0.05)
        going.send_signal(signal.SIGTERM)
        _, told = going.communicate(timeout=60)
    assert going.returncode == 128 + signal.SIGTERM, told
    assert "To go on, run the same again: pixmo train captioner small.toml --steps 500 -o long" in told
    done = len(read_lines(ready / "long"))
    assert (ready / "long" / "checkpoints" / f"step-{done:06d}").is_dir()


def line(step: int) -> Line:
    """A step's line."""
    return {"step": step, "loss": 0.5, "examples_per_s": 12.0, "seconds": 0.5}


class Terminal(io.StringIO):
    """Text for a person."""

    def isatty(self) -> bool:
        """A person looks."""
        return True


def test_a_terminal_sees_loss_speed_and_the_time_left(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On one line that is drawn over; elsewhere a line of text now and then."""
    now = [0.0]
    monkeypatch.setattr("pixmo.cli.train_captioner.monotonic", lambda: now[0])
    training = debug_training(here / "dbg", 100)
    person, file = Terminal(), io.StringIO()
    with Told(training, here, None, person) as bar, Told(training, here, None, file) as text:
        for step, at in enumerate((1.0, 3.0, 20.0, 21.0), 1):
            now[0] = at
            bar.step(line(step))
            text.step(line(step))
    assert "4/100" in person.getvalue()
    assert "loss 0.5000, 12 examples/s" in person.getvalue()
    assert file.getvalue() == "train: step 3/100, loss 0.5000, 12 examples/s, 48 s left\n"
