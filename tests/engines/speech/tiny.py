"""Whisper models small enough to make in a test: the real architecture and vocabulary, random weights, the same for both libraries."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import whisper
from ctranslate2.specs.whisper_spec import WhisperSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from whisper.model import ModelDimensions, Whisper
from whisper.tokenizer import get_encoding

LAYERS, HEADS, WIDTH = 2, 2, 32


def tiny_whisper(layers: int = LAYERS, width: int = WIDTH, seed: int = 0) -> Whisper:
    """A Whisper of random weights that writes a few dozen words and then ends."""
    torch.manual_seed(seed)
    vocabulary = get_encoding("multilingual").n_vocab
    model = Whisper(ModelDimensions(80, 1500, width, HEADS, layers, vocabulary, 448, width, HEADS, layers)).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() > 1 or "bias" in name:
                weights.normal_(0, 0.02 if "bias" in name else 1 / weights[0].numel() ** 0.5)
        model.decoder.positional_embedding.normal_(0, 1.0)  # each place differs: no endless repetition
        model.decoder.token_embedding.weight.normal_(0, 1 / width**0.5)
    return model


def save_whisper(path: Path, model: Whisper) -> Path:
    """A checkpoint that `whisper.load_model` takes."""
    torch.save({"dims": asdict(model.dims), "model_state_dict": model.state_dict()}, path)
    return path


def save_faster_whisper(folder: Path, model: Whisper) -> Path:
    """A folder that `faster_whisper.WhisperModel` takes, with the same weights."""
    dims = model.dims
    spec = WhisperSpec(dims.n_audio_layer, dims.n_audio_head, dims.n_text_layer, dims.n_text_head)
    _fill(spec, {name: value.numpy() for name, value in model.state_dict().items()})
    spec.register_vocabulary(tokens := _tokens())
    languages = [i for i, t in enumerate(tokens) if t[2:-2] in whisper.tokenizer.LANGUAGES and t.startswith("<|")]
    spec.config.suppress_ids, spec.config.suppress_ids_begin, spec.config.lang_ids = [], [220, 50257], languages
    spec.config.alignment_heads = [
        (layer, head) for layer in range(dims.n_text_layer // 2, dims.n_text_layer) for head in range(dims.n_text_head)
    ]
    spec.validate()
    spec.optimize()
    folder.mkdir(parents=True)
    spec.save(str(folder))
    _save_tokenizer(folder / "tokenizer.json", tokens)
    return folder


def _fill(spec: WhisperSpec, w: dict[str, np.ndarray]) -> None:
    for conv in ("conv1", "conv2"):
        _linear(getattr(spec.encoder, conv), w, f"encoder.{conv}")
    spec.encoder.position_encodings.encodings = w["encoder.positional_embedding"]
    _norm(spec.encoder.layer_norm, w, "encoder.ln_post")
    for number, layer in enumerate(spec.encoder.layer):
        _block(layer, w, f"encoder.blocks.{number}")
    decoder = spec.decoder
    decoder.embeddings.weight = decoder.projection.weight = w["decoder.token_embedding.weight"]
    decoder.position_encodings.encodings = w["decoder.positional_embedding"]
    _norm(decoder.layer_norm, w, "decoder.ln")
    for number, layer in enumerate(decoder.layer):
        name = f"decoder.blocks.{number}"
        _block(layer, w, name)
        _norm(layer.attention.layer_norm, w, f"{name}.cross_attn_ln")
        query, pair, out = layer.attention.linear
        _joined(query, w, f"{name}.cross_attn", ("query",))
        _joined(pair, w, f"{name}.cross_attn", ("key", "value"))
        _linear(out, w, f"{name}.cross_attn.out")


def _block(layer, w, name) -> None:
    _norm(layer.self_attention.layer_norm, w, f"{name}.attn_ln")
    _joined(layer.self_attention.linear[0], w, f"{name}.attn", ("query", "key", "value"))
    _linear(layer.self_attention.linear[1], w, f"{name}.attn.out")
    _norm(layer.ffn.layer_norm, w, f"{name}.mlp_ln")
    _linear(layer.ffn.linear_0, w, f"{name}.mlp.0")
    _linear(layer.ffn.linear_1, w, f"{name}.mlp.2")


def _linear(spec, w, name) -> None:
    spec.weight, spec.bias = w[f"{name}.weight"], w[f"{name}.bias"]


def _joined(spec, w, name, parts) -> None:
    """Projections that CTranslate2 keeps in one matrix; Whisper's key has no bias."""
    weights = [w[f"{name}.{part}.weight"] for part in parts]
    spec.weight = np.concatenate(weights)
    spec.bias = np.concatenate(
        [w.get(f"{name}.{part}.bias", np.zeros(len(m), np.float32)) for part, m in zip(parts, weights, strict=True)]
    )


def _norm(spec, w, name) -> None:
    spec.gamma, spec.beta = w[f"{name}.weight"], w[f"{name}.bias"]


def _tokens() -> list[str]:
    """The multilingual vocabulary in the byte-to-character spelling of tokenizer.json, then the special tokens."""
    lines = (Path(whisper.__file__).parent / "assets" / "multilingual.tiktoken").read_text().splitlines()
    spelled = _byte_spelling()
    plain = ["".join(spelled[b] for b in base64.b64decode(line.split()[0])) for line in lines]
    encoding = get_encoding("multilingual")
    special = sorted(encoding._special_tokens.items(), key=lambda item: item[1])
    return plain + [name for name, _ in special]


def _byte_spelling() -> list[str]:
    """One printable character for each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(moved)) for b in range(256)]


def _save_tokenizer(path: Path, tokens: list[str]) -> None:
    first = tokens.index("<|endoftext|>")
    vocabulary = {token: number for number, token in enumerate(tokens[:first])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens[first:]])
    tokenizer.save(str(path))
    assert json.loads(path.read_text())["added_tokens"][0]["id"] == first
