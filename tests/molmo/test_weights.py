"""Checkpoints of every published layout are read and written tensor for tensor; wrong ones are refused in one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from pixmo.errors import BadSetting, BadSource
from pixmo.molmo.build import MODELS, TOWERS, build, initialise, molmo_config
from pixmo.molmo.weights.inspect import inspect
from pixmo.molmo.weights.layouts import LAYOUTS
from pixmo.molmo.weights.published import read_config, write_config
from pixmo.molmo.weights.read import compare, layout_of, load, open_checkpoint, shapes
from pixmo.molmo.weights.write import save

GOLDEN = Path(__file__).parent.parent / "golden"
torch.set_num_threads(1)


def vision(kind: str) -> dict[str, object]:
    return json.loads((GOLDEN / f"molmo_v1_{kind}" / "meta.json").read_text())["vision"]


def tiny(name: str = "molmo2-tiny", **language: object) -> torch.nn.Module:
    """A tiny model with random weights in every tensor."""
    config = MODELS[name]
    model = build(replace(config, decoder=replace(config.decoder, **language)))
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.empty(parameter.shape).normal_(generator=generator)
    return model


def assert_equal(model: torch.nn.Module, other: torch.nn.Module) -> None:
    """The same tensors under the same names."""
    ours, theirs = model.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("kind", ["qwen2like", "olmolike", "olmoelike"])
def test_the_release_layout_round_trips_tensor_for_tensor(tmp_path, kind):
    """What was read from the layout of the released Molmo is written with the same names, shapes and bytes."""
    source = GOLDEN / f"molmo_v1_{kind}"
    save(load(source, vision=vision(kind)), tmp_path)
    before, after = load_file(source / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert_equal(load(tmp_path), load(source, vision=vision(kind)))


@pytest.mark.parametrize("layout", ["transformers", "hub-molmo2"])
@pytest.mark.parametrize("norms", ["head", "full"])
def test_molmo2_round_trips_through_its_layouts(tmp_path, layout, norms):
    """Weights and numbers of a Molmo2 come back from either layout as they were."""
    model = tiny(qk_norm=norms, norm_after=norms == "full")
    again = load(save(model, tmp_path, layout=layout))
    assert again.config == model.config
    assert_equal(again, model)


def test_shards_hold_what_one_file_holds(tmp_path):
    """A sharded checkpoint with its index loads like a single file, and several times over on the same folder."""
    model = tiny("molmo-tiny")
    save(model, tmp_path, shard_bytes=100_000)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 3
    assert_equal(load(tmp_path), model)
    save(model, tmp_path)
    assert open_checkpoint(tmp_path).files == [tmp_path / "model.safetensors"]


def test_the_type_may_be_another(tmp_path):
    """Written in bfloat16 a checkpoint is half as large and loads as bfloat16, or as what is asked."""
    model = tiny("molmo-tiny")
    save(model, tmp_path, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in load(tmp_path).parameters()} == {torch.bfloat16}
    again = load(tmp_path, dtype=torch.float32)
    assert_equal(again, model.bfloat16().float())


def test_blocks_may_lie_on_several_devices(tmp_path):
    """Spread over devices every part has one, in order, the first and the last where they should be."""
    from pixmo.molmo.weights.place import placed

    model = build("molmo-7b-d", device="meta")
    where = placed(model, ["cuda:0", "cuda:1", "cuda:2"])
    blocks = [where(f"decoder.blocks.{number}.mlp.down.weight").index for number in range(28)]
    assert blocks == sorted(blocks)
    assert set(blocks) == {0, 1, 2}
    assert (where("vit.cls").index, where("decoder.head.weight").index) == (0, 2)
    sizes = dict.fromkeys(range(3), 0)
    for name, parameter in model.named_parameters():
        sizes[where(name).index] += parameter.numel()
    assert max(sizes.values()) < 1.15 * min(sizes.values())


def test_ai2s_training_checkpoint_is_read(tmp_path):
    """`model.pt` with `config.yaml` gives the model that the release layout of the same weights gives."""
    source = GOLDEN / "molmo_v1_olmoelike"
    model = load(source)
    pieces = list(LAYOUTS["training"](model.config))
    ours = dict(model.named_parameters())
    state = {piece.name: piece.view(ours[piece.ours]).detach().clone() for piece in pieces}
    assert state["transformer.blocks.0.ffn.experts.mlp.w1"].shape == (8 * 20, 40)
    torch.save(state, tmp_path / "model.pt")
    settings = json.loads((source / "config.json").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"model": settings}))
    assert_equal(load(tmp_path), model)


def test_a_training_checkpoint_with_code_in_it_is_refused(tmp_path):
    """Pickles that hold anything but tensors are not run."""
    torch.save({"model": Path("x")}, tmp_path / "model.pt")
    (tmp_path / "config.yaml").write_text("model: {}")
    with pytest.raises(BadSource, match="not plain weights"):
        load(tmp_path)


def test_activations_follow_the_weights_to_another_device(tmp_path):
    """With its second half elsewhere the model gives its logits there, with and without a cache."""
    model = tiny("molmo-tiny")
    save(model, tmp_path)
    spread = load(tmp_path, devices=["cpu", "meta"])
    assert spread.decoder.embedding.base.device.type == "cpu"
    cache = spread.cache(2, 9)
    for ids in (torch.ones(2, 8, dtype=torch.long), torch.ones(2, 1, dtype=torch.long)):
        logits = spread(ids, cache=cache)
        assert (logits.device.type, logits.shape) == ("meta", (*ids.shape, 256))


@torch.inference_mode()
def test_a_tied_head_is_written_as_a_copy(tmp_path):
    """A model whose head is its embedding says the same when it is read with a head of its own, as others read it."""
    model = tiny(tied=True).eval()
    again = load(save(model, tmp_path))
    assert not again.config.decoder.tied
    ids = torch.arange(20)[None]
    torch.testing.assert_close(again(ids), model(ids))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of a process")
def test_loading_needs_little_more_than_the_model(tmp_path):
    """Peak memory of a fresh process: the model, and no more than 1.1 times the largest shard."""
    config = MODELS["molmo-tiny"]
    decoder = replace(config.decoder, width=512, head_width=128, depth=16, hidden=2048)
    model = build(replace(config, decoder=decoder, connector=replace(config.connector, hidden=2048)))
    save(model, tmp_path, shard_bytes=20_000_000)
    largest = max(file.stat().st_size for file in tmp_path.glob("*.safetensors"))
    script = (
        "import sys; from pathlib import Path; from pixmo.molmo.weights.read import load\n"
        # not ru_maxrss, which a process inherits from the one that started it
        "lines = lambda: Path('/proc/self/status').read_text().splitlines()\n"
        "peak = lambda: 1024 * next(int(line.split()[1]) for line in lines() if line.startswith('VmHWM'))\n"
        "load(sys.argv[2]); before = peak()\n"  # a first, small model: what the library needs by itself
        "model = load(sys.argv[1])\n"
        "print(peak() - before, sum(p.numel() * 4 for p in model.parameters()))"
    )
    save(build("molmo-tiny"), tmp_path / "small")
    command = [sys.executable, "-c", script, str(tmp_path), str(tmp_path / "small")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    grown, size = map(int, done.stdout.split())
    assert size > 10 * largest
    assert 0.9 * size < grown <= size + 1.1 * largest


def test_an_inspection_tells_what_a_checkpoint_is(tmp_path):
    """Layout, size, numbers, and every difference, from the headers."""
    save(build("molmo2-tiny"), tmp_path, dtype=torch.bfloat16)
    told = inspect(tmp_path)
    assert (told.name, told.layout, told.types) == ("molmo2-tiny", "transformers", ("BF16",))
    assert told.parameters == sum(parameter.numel() for parameter in build("molmo2-tiny").parameters())
    assert "every tensor is there" in str(told)
    edit(tmp_path, **{"lm_head.weight": None})
    assert "1 missing (lm_head.weight)" in str(inspect(tmp_path))


# --- wrong checkpoints -----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    """A good checkpoint to spoil."""
    shutil.copytree(GOLDEN / "molmo_v1_olmoelike", tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, **tensors: torch.Tensor | None) -> None:
    """Replace tensors, or leave those that are None out."""
    state = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        state.pop(name, None)
        if tensor is not None:
            state[name] = tensor
    save_file(state, folder / "model.safetensors")


def refusal(folder: Path) -> str:
    """The one line that the folder is refused with."""
    with pytest.raises(BadSource) as told:
        load(folder)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_missing_unexpected_and_misshaped_tensors_are_named(folder):
    """A checkpoint that differs is refused with the names of what differs, before weights are read."""
    edit(folder, **{"lm_head.weight": None, "rotary": torch.zeros(1), "model.transformer.ln_f.weight": torch.zeros(41)})
    told = refusal(folder)
    assert "1 missing (lm_head.weight)" in told
    assert "1 unexpected (rotary)" in told
    assert "model.transformer.ln_f.weight [41], needed [40]" in told
    checkpoint = open_checkpoint(folder)
    model = build(read_config(checkpoint.settings), device="meta")
    report = compare(checkpoint, shapes(LAYOUTS[layout_of(checkpoint)](model.config), model))
    assert report.missing == ("lm_head.weight",)
    assert report.unexpected == ("rotary",)


@pytest.mark.parametrize("kept", [0, 5, 3_000, 500_000])
def test_a_truncated_file_is_refused(folder, kept):
    """A download that broke off is found by its length."""
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert "not a whole safetensors file" in refusal(folder)


def test_a_file_that_is_no_safetensors_is_refused(folder):
    """An error page saved under the name of the weights is not read."""
    (folder / "model.safetensors").write_text("<html>404</html>" * 100)
    assert "not a whole safetensors file" in refusal(folder)


def test_the_config_of_another_model_is_refused(folder):
    """A Llama's settings are named as such."""
    (folder / "config.json").write_text('{"model_type": "llama"}')
    assert "'llama'" in refusal(folder)


@pytest.mark.parametrize("text", ["[1]", "{", '{"model_type": "molmo"}', '{"model_type": "molmo2", "vit_config": 3}'])
def test_damaged_settings_are_refused(folder, text):
    """Settings that are no JSON, no object or lack numbers are one line that names the file."""
    (folder / "config.json").write_text(text)
    assert "config.json" in refusal(folder)


def test_settings_of_a_larger_model_are_refused(folder):
    """Weights of one size under the settings of another: every shape that differs is counted."""
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"embedding_size": 256}))
    assert "of another shape (model.transformer.wte.embedding [128, 40], needed [256, 40]" in refusal(folder)


def test_a_missing_shard_is_named(tmp_path):
    """An index that names a file which is not there is an incomplete download."""
    save(tiny("molmo-tiny"), tmp_path, shard_bytes=200_000)
    gone = sorted(tmp_path.glob("model-*.safetensors"))[1]
    gone.unlink()
    assert gone.name in refusal(tmp_path)


def test_an_index_that_lies_or_leaves_the_folder_is_refused(tmp_path):
    """A weight map is believed only about files of its own folder that hold what it says."""
    save(tiny("molmo-tiny"), tmp_path, shard_bytes=200_000)
    index = tmp_path / "model.safetensors.index.json"
    whole = json.loads(index.read_text())
    name = next(iter(whole["weight_map"]))
    index.write_text(json.dumps({"weight_map": whole["weight_map"] | {"other": whole["weight_map"][name]}}))
    assert "lacks other" in refusal(tmp_path)
    index.write_text(json.dumps({"weight_map": {name: "../elsewhere.safetensors"}}))
    assert "no weight_map" in refusal(tmp_path)


def test_folders_without_weights_are_refused(tmp_path):
    """Nothing, no folder, or the names of another model."""
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "config.json" in refusal(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "molmo"}')
    assert "no such file" in refusal(tmp_path)
    save_file({"encoder.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    assert "named like no Molmo's: encoder.weight" in refusal(tmp_path)


def test_a_model_that_the_settings_cannot_tell_is_refused(tmp_path):
    """The release of Molmo has no word for heads that do not make up the width: nothing is written."""
    config = MODELS["molmo-tiny"]
    odd = build(replace(config, decoder=replace(config.decoder, head_width=24)))
    with pytest.raises(BadSetting, match="no words for this model"):
        save(odd, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_layout_of_the_other_model_is_refused(tmp_path):
    """Molmo (2024) has no transformers layout."""
    with pytest.raises(BadSetting, match="hub-molmo"):
        save(build("molmo-tiny"), tmp_path, layout="transformers")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_published_settings_come_back(name):
    """The numbers of every model survive each `config.json` that tells them."""
    config = MODELS[name]
    layouts = ["hub-molmo"] if config.family == "molmo" else ["hub-molmo2", "transformers"]
    for layout in layouts:
        assert read_config(json.loads(json.dumps(write_config(config, layout)))) == config


@pytest.mark.parametrize("tower", sorted(TOWERS))
def test_the_settings_of_a_captioner_on_another_tower_come_back(tower):
    """The release keeps its tower in code; ours is written beside it and read again."""
    config = molmo_config("qwen2-7b", TOWERS[tower])
    assert read_config(json.loads(json.dumps(write_config(config, "hub-molmo")))) == config


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hidden_size": "wide"}, "hidden_size is 'wide', not a number"),
        ({"hidden_size": -1}, "hidden_size is -1"),
        ({"hidden_size": 3584.5}, "width is 3584.5, not a whole number"),
        ({"num_hidden_layers": 10**9}, "no language model has 1000000000 blocks"),
        ({"num_key_value_heads": 5}, "28 heads over 5"),
        ({"rope_theta": float("nan")}, "theta is nan"),
        ({"max_position_embeddings": True}, "max_positions is True"),
        ({"layer_norm_type": "default"}, "layer_norm_type is 'default', which no released Molmo has"),
        ({"clip_qkv": 8}, "clip_qkv is 8"),
        ({"num_attention_heads": 0}, "ZeroDivisionError"),
        ({"vision_backbone": {"image_model_type": "resnet"}}, "no vision tower named 'resnet'"),
    ],
)
def test_settings_out_of_range_are_refused(change, told):
    """Values that no model has are told by their key."""
    settings = write_config(MODELS["molmo-7b-d"], "hub-molmo") | change
    with pytest.raises(BadSource, match=told):
        read_config(settings)


def test_tokens_out_of_order_are_refused():
    """The image tokens of a Molmo2 follow each other; a model where they do not would be read wrongly."""
    settings = write_config(MODELS["molmo2-8b"], "transformers") | {"frame_start_token_id": 7}
    with pytest.raises(BadSource, match="frame_start_token_id is 7"):
        read_config(settings)


def test_random_weights_are_those_of_the_seed():
    """Two models initialised alike are alike, another seed gives others, and norms are one."""
    models = [build("molmo-tiny") for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        initialise(model, seed)
    assert_equal(models[0], models[1])
    assert not torch.equal(models[0].vit.positions, models[2].vit.positions)
    assert models[0].decoder.norm.weight.eq(1).all()
