"""`pixmo model` as people and machines call it: what it tells, what it writes, and what it refuses in one line."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    Molmo2ForConditionalGeneration,
    Olmo2Config,
    Olmo2ForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from pixmo.cli import run
from pixmo.molmo.folder import open_model
from pixmo.molmo.tiny import save_tiny, tiny_tokenizer
from pixmo.molmo.weights.read import load
from pixmo.molmo.weights.write import save

torch.set_num_threads(1)


@pytest.fixture
def molmo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny Molmo in the folder `m` of the working directory."""
    monkeypatch.chdir(tmp_path)
    return save_tiny(tmp_path / "m", "molmo-tiny")


@pytest.fixture
def molmo2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny Molmo2 in the folder `m`."""
    monkeypatch.chdir(tmp_path)
    return save_tiny(tmp_path / "m", "molmo2-tiny")


def edit(folder: Path, **tensors: torch.Tensor | None) -> None:
    """Put tensors into a checkpoint's only file, take others (None) out."""
    path = folder / "model.safetensors"
    held = load_file(path) | tensors
    save_file({name: tensor for name, tensor in held.items() if tensor is not None}, path, metadata={"format": "pt"})


# --- inspect ---------------------------------------------------------------------------------------------------------


def test_inspect_tells_what_a_checkpoint_is(molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Model, layout, parameters, sizes, and that every tensor is there; the same as JSON."""
    assert run(["model", "inspect", "m"]) == 0
    told = capsys.readouterr().out
    assert "molmo-tiny (molmo)" in told
    assert "hub-molmo, 1 file(s)" in told
    assert told.endswith("every tensor is there\n")
    assert run(["model", "inspect", "m", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], found["types"], found["files"]) == ("molmo-tiny", ["F32"], ["model.safetensors"])
    assert found["parameters"] == sum(tensor.numel() for tensor in load_file(molmo / "model.safetensors").values())
    assert found["tensors"] == {"missing": [], "unexpected": [], "misshaped": []}
    assert found["config"]["decoder"]["vocabulary"] == 256


def test_inspect_lists_what_differs_and_ends_with_1(molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tensor that is missing, one of another shape and one that nobody asked for."""
    norm = "model.transformer.ln_f.weight"
    edit(molmo, **{norm: None, "model.transformer.wte.new_embedding": torch.zeros(3, 64), "more": torch.zeros(1)})
    assert run(["model", "inspect", "m", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["tensors"] == {
        "missing": [norm],
        "unexpected": ["more"],
        "misshaped": ["model.transformer.wte.new_embedding [3, 64], needed [128, 64]"],
    }


# --- load ------------------------------------------------------------------------------------------------------------


def test_load_tells_what_it_took_and_that_the_model_answers(molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters, type, devices, seconds, memory, and the best logit after one token."""
    assert run(["model", "load", "m", "--dtype", "bfloat16", "--device", "cpu", "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert "215,224 parameters as bfloat16" in told
    assert "devices       cpu 430 kB" in told
    assert "of host memory beyond the model" in told
    with torch.inference_mode():
        best = float(load(molmo, dtype=torch.bfloat16)(torch.tensor([[0]])).max())
    assert f"its best word has logit {best:.3f}" in told


def test_load_refuses_weights_that_give_no_numbers(molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A checkpoint of a run that diverged is found by its answer."""
    edit(molmo, **{"model.transformer.ln_f.weight": torch.full((64,), float("nan"))})
    assert refused(capsys, "load", "m") == (
        "pixmo: the model answers nan to a token: its weights hold no finite numbers, or the type is too narrow"
    )


# --- convert ---------------------------------------------------------------------------------------------------------


def test_a_converted_checkpoint_answers_as_before(molmo2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Layout, type and size of files are as asked; tokenizer and settings come along, so that it can be asked."""
    (molmo2 / "processor_config.json").write_text('{"auto_map": {"AutoProcessor": "code.Processor"}, "kept": 1}')
    (molmo2 / "chat_template.jinja").write_text("{{ messages }}")
    assert run(["model", "convert", "m", "hub", "--layout", "hub-molmo2", "--shard-size", "200kB"]) == 0
    told = capsys.readouterr().out
    assert "hub: hub-molmo2, 207,564 parameters" in told
    assert "with it: tokenizer.json, preprocessor_config.json, processor_config.json, chat_template.jinja" in told
    assert len(list(Path("hub").glob("model-*.safetensors"))) > 3
    assert json.loads(Path("hub/processor_config.json").read_text()) == {"kept": 1}
    assert run(["model", "convert", "hub", "back"]) == 0
    before, after = load_file("m/model.safetensors"), load_file("back/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    picture = np.full((90, 120, 3), 200, np.uint8)
    answers = [open_model(folder).ask(picture, "What?", max_new_tokens=6) for folder in ("m", "hub", "back")]
    assert answers[0] == answers[1] == answers[2]


def test_what_is_exported_is_read_by_transformers(molmo2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the Hub's layout to that of transformers: its own class loads it and gives our logits."""
    save(load(molmo2), "hub", layout="hub-molmo2")
    assert run(["model", "convert", "hub", "native"]) == 0
    assert "hub has no tokenizer.json" in capsys.readouterr().out
    theirs, ids = Molmo2ForConditionalGeneration.from_pretrained("native").eval(), torch.arange(20)[None]
    with torch.inference_mode():
        assert (theirs(input_ids=ids).logits - load(molmo2)(ids)).abs().max() <= 2e-6


def test_no_model_is_written_over_another(molmo2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with anything in it is left as it is, the source itself too."""
    other = save_tiny("other", "molmo-tiny")
    before = {path.name: path.read_bytes() for path in other.iterdir()}
    assert "other: not empty" in refused(capsys, "convert", "m", "other")
    assert "m: not empty" in refused(capsys, "convert", "m", "m")
    assert {path.name: path.read_bytes() for path in other.iterdir()} == before


def test_an_impossible_layout_is_refused_before_anything_is_made(
    molmo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Molmo (2024) is not written as transformers' Molmo2."""
    assert "written as hub-molmo, not 'transformers'" in refused(
        capsys, "convert", "m", "o", "--layout", "transformers"
    )
    assert not Path("o").exists()


# --- bad input: one line and exit code 2 for each word -------------------------------------------------------------------


@pytest.mark.parametrize("argv", [("load", "m"), ("convert", "m", "out")])
def test_a_tokenizer_of_another_model_is_refused(
    molmo: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    """The model could not be asked, however whole its weights are; nothing is written."""
    tiny_tokenizer("molmo2").save(str(molmo / "tokenizer.json"))
    assert "m/tokenizer.json: the tokenizer lacks the special tokens <|endoftext|>" in refused(capsys, *argv)
    assert not Path("out").exists()


def test_a_full_disk_is_one_line_and_the_same_command_works_later(
    molmo2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was written of the folder is gone again."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        assert run(["model", "convert", "m", "out"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "out/model.safetensors: no space left" in capsys.readouterr().err
    assert list(Path("out").iterdir()) == []
    assert run(["model", "convert", "m", "out"]) == 0


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line that a refused command prints."""
    assert run(["model", *argv]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    return said.err.rstrip("\n")


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100_000])


def an_error_page(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<html>404</html>" * 100)


def of_another_model(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama"}')


def without_a_shard(folder: Path) -> None:
    save(load(folder), folder, shard_bytes=200_000)
    sorted(folder.glob("model-*.safetensors"))[1].unlink()


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def unreadable(folder: Path) -> None:
    (folder / "config.json").chmod(0)


def a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("weights")


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


BAD = {
    truncated: "model.safetensors: not a whole safetensors file",
    an_error_page: "model.safetensors: not a whole safetensors file",
    of_another_model: "the model is a 'llama', not 'molmo' or 'molmo2'",
    without_a_shard: "model-00002-of-",
    without_weights: "model.safetensors: no such file; is the checkpoint completely downloaded?",
    a_file: "m: a file; give the folder",
    gone: "m: no such folder; give the folder",
}


@pytest.mark.parametrize("word", ["inspect", "load", "convert"])
@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_a_damaged_checkpoint_is_one_line(
    molmo: Path, capsys: pytest.CaptureFixture[str], word: str, spoil: Any
) -> None:
    """What is wrong, with which file; nothing is written."""
    spoil(molmo)
    assert BAD[spoil] in refused(capsys, word, "m", *(["out"] if word == "convert" else []))
    assert not Path("out").exists()


def test_no_permission_is_one_line(molmo: Path) -> None:
    """A file that may not be read, a folder that may not be written; modes count, also for root."""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

    def said(*argv: str) -> str:
        command = [*bound, sys.executable, "-m", "pixmo", "model", *argv]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        return done.stderr

    Path("locked").mkdir(mode=0o555)
    assert "may not be written" in said("convert", "m", "locked/out")
    (molmo / "model.safetensors").chmod(0)
    assert "m/model.safetensors: " in said("inspect", "m")
    unreadable(molmo)
    assert "m/config.json: cannot be read" in said("inspect", "m")


@pytest.mark.parametrize("word", ["load", "convert"])
def test_other_tensors_are_reported_before_any_is_read(
    molmo: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    """Counts and names of what is missing, unexpected, of another shape."""
    edit(molmo, **{"model.transformer.ln_f.weight": None, "model.transformer.wte.new_embedding": torch.zeros(3, 64)})
    told = refused(capsys, word, "m", *(["out"] if word == "convert" else []))
    assert "1 missing (model.transformer.ln_f.weight)" in told
    assert "1 of another shape (model.transformer.wte.new_embedding [3, 64], needed [128, 64])" in told


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["eat"], "'eat' is nothing to do with a model; write `pixmo model inspect|load|convert|begin`"),
        (["load", "m", "--device", "gpu"], "no device named 'gpu'"),
        (["load", "m", "--model", "molmo2-8"], "no model named 'molmo2-8'; did you mean 'molmo2-8b'"),
        (["load", "m", "--dtype", "int8"], "'int8' is not one of"),
        (["convert", "m", "out", "--shard-size", "much"], "'much' is not a size"),
    ],
)
def test_a_wrong_request_is_one_line(
    molmo: Path, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    """What, and what there is instead."""
    assert told in refused(capsys, *argv)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_not_there_is_one_line(molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for cuda where there is none."""
    assert "cuda: there are" in refused(capsys, "load", "m", "--device", "cuda")


WITHOUT_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "safetensors", "tokenizers"):
            raise ImportError(name)
sys.meta_path.insert(0, NoTorch())
from pixmo.cli import main
main()
"""


@pytest.mark.parametrize("word", ["", "inspect", "load", "convert", "begin"])
def test_help_needs_no_torch(tmp_path: Path, word: str) -> None:
    """The extra is asked for when a checkpoint is opened, not before."""
    argv = ["model", *([word] if word else []), "--help"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *argv], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: " in done.stdout


@pytest.mark.parametrize(
    "argv",
    [["inspect", "m"], ["load", "m"], ["convert", "m", "out"], ["begin", "out", "--language", "a", "--tower", "b"]],
    ids=lambda argv: argv[0],
)
def test_without_torch_the_extra_is_named(molmo: Path, argv: list[str]) -> None:
    """One line that says what to install."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "model", *argv], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "pixmo: a Molmo needs an extra: pip install 'pixmo[molmo]'\n")


# --- begin -----------------------------------------------------------------------------------------------------------

SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 300,
    "max_position_embeddings": 512, "num_key_value_heads": 2, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1,
}  # fmt: skip
LANGUAGES = {
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**SMALL)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=16)),
    "olmo2": (Olmo2ForCausalLM, Olmo2Config(**SMALL)),
    "olmoe": (OlmoeForCausalLM, OlmoeConfig(**SMALL, num_experts=4, num_experts_per_tok=2)),
}
SIZES = {"hidden_size": 32, "num_hidden_layers": 9, "num_attention_heads": 4, "image_size": 70, "patch_size": 14}
TOWERS = {
    "clip": (CLIPVisionModel, CLIPVisionConfig(**SIZES, intermediate_size=64)),
    "siglip": (SiglipVisionModel, SiglipVisionConfig(**(SIZES | {"image_size": 80}), intermediate_size=64)),
    "dinov2": (Dinov2Model, Dinov2Config(**SIZES, mlp_ratio=2)),
}


def bases(folder: Path, language: str = "qwen2", tower: str = "clip", end: str = "<|endoftext|>") -> list[str]:
    """Tiny base models as transformers saves them, with a tokenizer of 257 tokens for a table of 300."""
    from tokenizers import AddedToken

    torch.manual_seed(0)
    for made, (kind, config) in {"lm": LANGUAGES[language], "eye": TOWERS[tower]}.items():
        kind(config).save_pretrained(folder / made)
    whole = tiny_tokenizer("molmo")
    tokenizer = type(whole)(whole.model)
    tokenizer.pre_tokenizer, tokenizer.decoder = whole.pre_tokenizer, whole.decoder
    tokenizer.add_special_tokens([AddedToken(end, special=True)])
    tokenizer.save(str(folder / "lm/tokenizer.json"))
    (folder / "lm/tokenizer_config.json").write_text(json.dumps({"eos_token": end}))
    return ["begin", "out", "--language", "lm", "--tower", "eye"]


@pytest.mark.parametrize(
    ("language", "tower", "family"),
    [
        ("qwen2", "clip", "molmo"), ("olmo2", "siglip", "molmo"), ("olmoe", "dinov2", "molmo"),
        ("qwen3", "siglip", "molmo2"), ("olmo2", "siglip", "molmo2"),
    ],
)  # fmt: skip
def test_a_captioner_begins_from_base_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    language: str, tower: str, family: str,
) -> None:  # fmt: skip
    """Kinds and sizes are found in both `config.json`; what comes out opens, and answers about a picture."""
    monkeypatch.chdir(tmp_path)
    end = "<|endoftext|>" if family == "molmo" else "<|im_end|>"
    argv = bases(tmp_path, language, tower, end)
    assert run(["model", *argv, "--family", family]) == 0
    assert capsys.readouterr().out.endswith("every tensor is there\n")
    ready = open_model("out")
    config, tokens = ready.model.config, ready.processor.tokens
    assert (config.family, config.vit.resize) == (family, {"clip": "default", "dinov2": "dino"}.get(tower, tower))
    assert config.vit.image_px == (70, 70)
    assert (config.connector.vit_layers, config.vit.depth) == ((6, 0), 7)
    assert config.first_special == 300
    assert tokens.picture(np.array([2]))[0] == config.patch_token == 302
    assert isinstance(ready.ask(np.full((90, 120, 3), 9, np.uint8), "What?", max_new_tokens=3), str)


def test_the_text_side_says_what_the_base_model_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights and numbers of rotary positions, norms and heads arrive: the logits are those of the base model."""
    monkeypatch.chdir(tmp_path)
    assert run(["model", *bases(tmp_path, "olmo2"), "--seed", "3"]) == 0
    theirs, ids = Olmo2ForCausalLM.from_pretrained("lm").eval(), torch.arange(40)[None]
    with torch.inference_mode():
        assert (load("out")(ids) - theirs(input_ids=ids).logits).abs().max() <= 2e-6


def test_crops_may_be_of_another_size_and_stretched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tower for 70 px serves crops of 112, pictures stretched as MetaCLIP has them; that survives in `config.json`."""
    monkeypatch.chdir(tmp_path)
    assert run(["model", *bases(tmp_path), "--image-px", "112", "--resize", "metaclip"]) == 0
    processor = open_model("out").processor
    assert (processor.cropping.crop_px, processor.cropping.resize) == (112, "metaclip")


def test_a_language_model_that_the_family_has_no_words_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Molmo (2024) knows no norms per head: a Qwen3 begins a Molmo2."""
    monkeypatch.chdir(tmp_path)
    argv = bases(tmp_path, "qwen3")
    capsys.readouterr()
    assert "the settings of hub-molmo have no words for this model" in (told := refused(capsys, *argv))
    assert told.endswith("try the family molmo2")


def spoil_tokenizer(folder: Path) -> None:
    (folder / "lm/tokenizer.json").write_text("{}")


def too_many_tokens(folder: Path) -> None:
    tokenizer = tiny_tokenizer("molmo2")
    tokenizer.add_special_tokens([f"<{n}>" for n in range(60)])
    tokenizer.save(str(folder / "lm/tokenizer.json"))


def tokens_of_pictures(folder: Path) -> None:
    tiny_tokenizer("molmo").save(str(folder / "lm/tokenizer.json"))


def no_end(folder: Path) -> None:
    (folder / "lm/tokenizer_config.json").write_text('{"eos_token": "</s>"}')


def a_llama(folder: Path) -> None:
    (folder / "lm/config.json").write_text('{"model_type": "llama"}')


def a_resnet(folder: Path) -> None:
    (folder / "eye/config.json").write_text('{"model_type": "resnet"}')


def swapped(folder: Path) -> None:
    (folder / "eye").rename(folder / "x")
    (folder / "lm").rename(folder / "eye")
    (folder / "x").rename(folder / "lm")


def unfinished(folder: Path) -> None:
    (folder / "lm/config.json").write_text('{"model_type": "qwen2"}')


def shallow(folder: Path) -> None:
    told = json.loads((folder / "eye/config.json").read_text())
    (folder / "eye/config.json").write_text(json.dumps(told | {"num_hidden_layers": 5}))


NO_BASE = {
    spoil_tokenizer: "lm/tokenizer.json: not a tokenizer",
    too_many_tokens: "lm/tokenizer.json: 330 tokens, but the language model has a table of 300 rows",
    tokens_of_pictures: "lm/tokenizer.json: has a token <im_start> of its own",
    no_end: "lacks the special tokens </s>",
    a_llama: "lm/config.json: no language model of a known kind (qwen2, qwen3, olmo2, olmo3, olmoe) but 'llama'",
    a_resnet: "eye/config.json: no vision tower of a known kind (clip, siglip, dinov2) but 'resnet'",
    swapped: "lm/config.json: no language model of a known kind",
    unfinished: "lm/config.json: not the settings of a base model: KeyError at 'num_attention_heads'",
    shallow: "a tower of 5 blocks",
}


@pytest.mark.parametrize("spoil", NO_BASE, ids=lambda spoil: spoil.__name__)
def test_what_no_captioner_begins_from_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spoil: Any
) -> None:
    """Other models, unfinished folders, tokenizers that do not fit; nothing is written."""
    monkeypatch.chdir(tmp_path)
    argv = bases(tmp_path)
    capsys.readouterr()
    spoil(tmp_path)
    assert NO_BASE[spoil] in refused(capsys, *argv)
    assert not Path("out").exists()
