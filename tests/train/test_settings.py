"""What a run's TOML may say, and how it is told what it may not."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pixmo.errors import BadSetting, PixmoError
from pixmo.train.settings import Component, Source, Training, difference, meaning, read_training, written

SMALL = 'model = "begun"\nsteps = 10\n[[source]]\npath = "cap"\n'


def read(folder: Path, text: str) -> Training:
    """What is read from a file of that text."""
    (folder / "run.toml").write_text(text, encoding="utf-8")
    return read_training(folder / "run.toml")


def test_what_is_not_said_is_as_the_released_captioner_was_trained(tmp_path: Path) -> None:
    """A model, steps and a source suffice."""
    run = read(tmp_path, SMALL)
    assert (run.batch, run.context, run.z_loss, run.clip, run.betas, run.eps) == (
        128,
        2304,
        1e-4,
        1.0,
        (0.9, 0.95),
        1e-6,
    )
    assert (run.connector, run.vit, run.decoder) == (Component(2e-4, 200), Component(6e-6, 2000), Component(2e-5, 2000))
    assert (run.dropout, run.response_dropout, run.seed, run.data_seed) == (0.0, 0.1, 6198, 95818)


def test_paths_are_seen_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file means the same from anywhere; absolute paths and addresses stay."""
    text = SMALL + '[[source]]\npath = "/abs/set"\n[[source]]\npath = "hf://sets/a"\n'
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path / "runs")
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    run = read_training(Path("../run.toml"))
    assert run.model == str(tmp_path / "begun")
    assert [source.path for source in run.source] == [str(tmp_path / "cap"), "/abs/set", "hf://sets/a"]


def test_a_run_that_is_written_reads_the_same(tmp_path: Path) -> None:
    """Every setting, with paths of any characters."""
    odd = 'a "b"\\c\n\x7f é'
    run = Training(
        model="/" + odd, steps=7, vit=Component(1e-5, 3), betas=(0.8, 0.9), checkpointing=False,
        source=(Source("/x", as_="caption", styles=("long_caption", "transcript"), share=0.25), Source("/" + odd, weight=2.0)),
    )  # fmt: skip
    assert read(tmp_path, written(run)) == run


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SMALL.replace("steps", "step"), "a training run has no setting 'step'; did you mean 'steps'?"),
        (SMALL + "pth = 1\n", "[source] has no setting 'pth'; did you mean 'path'?"),
        (SMALL.replace("[[", "[vit]\nrates = 1\n[["), "[component] has no setting 'rates'; did you mean 'rate'?"),
        (SMALL.replace("steps = 10\n", ""), "a training run needs steps"),
        ('steps = 1\nmodel = "m"\nsource = []\n', "no [[source]]"),
        (SMALL.replace("10", '"10"'), "steps of a training run is '10', should be a whole number"),
        (SMALL.replace("10", "true"), "steps of a training run is True, should be a whole number"),
        (SMALL.replace("10", "0"), "steps is at least 1 and below 2^31, not 0"),
        (SMALL.replace("10", "9" * 30), "steps is at least 1 and below 2^31"),
        ("seed = -5\n" + SMALL, "seeds are from 0 to below 2^32"),
        (f"data_seed = {2**32}\n" + SMALL, "seeds are from 0 to below 2^32"),
        ("eps = 0.0\n" + SMALL, "eps above 0"),
        ("floor = 5.0\n" + SMALL, "floor is from 0 to 1"),
        ("clip = nan\n" + SMALL, "clip of a training run is nan, should be a number"),
        ("clip = inf\n" + SMALL, "clip of a training run is inf, should be a number"),
        ("clip = -1\n" + SMALL, "clip, z_loss and weight_decay are not negative"),
        ("dropout = 1.0\n" + SMALL, "dropout rates are from 0 to below 1"),
        ("betas = [0.9]\n" + SMALL, "betas are two numbers"),
        ('precision = "fp16"\n' + SMALL, "no precision named 'fp16'"),
        ('vit = "slow"\n' + SMALL, "vit of a training run is 'slow', should be a table"),
        (SMALL + 'prompts = "molmo1-captionr"\n', "did you mean 'molmo1-captioner'?"),
        (SMALL + "share = 0\n", "share is above 0"),
        (SMALL + "weight = 1e-320\n", "weight is from 1e-6 to 1e6"),
        (SMALL + 'styles = "long_caption"\n', "styles of [source] is 'long_caption', should be a list"),
        ("model = ", "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    """The file, the key and, where one is near, the key that was meant."""
    with pytest.raises(PixmoError) as caught:
        read(tmp_path, text)
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "run.toml"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_leads_to_one_to_copy(tmp_path: Path) -> None:
    """docs/train.md has one."""
    with pytest.raises(BadSetting, match=r"gone\.toml: no such file; docs/train\.md"):
        read_training(tmp_path / "gone.toml")


def test_the_difference_of_two_runs_has_a_name(tmp_path: Path) -> None:
    """The setting, nested ones too, with what it is in either; how hard is tried makes no difference."""
    run = read(tmp_path, SMALL)
    assert difference(run, run) is None
    assert difference(replace(run, micro_batch=1, save_every=3, loaders=9, checkpointing=False), run) is None
    assert difference(replace(run, seed=1), run) == "seed is 6198 there, 1 here"
    assert difference(replace(run, vit=Component(6e-6, 5)), run) == "vit warmup is 2000 there, 5 here"
    other = replace(run.source[0], split="train")
    assert difference(replace(run, source=(other,)), run) == "source 1 split is '' there, 'train' here"
    assert difference(replace(run, source=(*run.source, other)), run) == (
        f"source 2 path is None there, {other.path!r} here"
    )
    assert set(tomllib.loads(written(run))) == set(meaning(run)) | {
        "micro_batch",
        "save_every",
        "loaders",
        "checkpointing",
    }


def test_each_setting_is_told() -> None:
    """docs/train.md names every one."""
    page = (Path(__file__).parents[2] / "docs" / "train.md").read_text(encoding="utf-8")
    names = {field.name.rstrip("_") for kind in (Training, Source, Component) for field in fields(kind)} - {"source"}
    assert {name for name in names if f"`{name}`" not in page} == set()
