"""Measure the reference Molmo2 beside that of transformers: reading a prompt with a picture, and answering token by token.

    python scripts/bench_molmo.py [--sizes tiny,small] [--pairs 9] [--tokens 32] [--threads 1] [--json]
    python scripts/bench_molmo.py --device cuda [--pairs 5] [--json]

Both load the same checkpoint of random weights, get the same inputs and give the same logits (within 2e-6 in float32) and tokens, or the
script ends with 1. Runs take turns; ratios are medians over the pairs, with their quartiles. On the CPU float32, one thread and processor time; bars: reading
at most 1.05 times their time, answering at least 1.3 times their tokens a second.

With `--device cuda`: bfloat16, 7B-D as released and Molmo2-8B beside transformers'; each with its share of what the GPU can do, measured
there too: decoding of the bandwidth of a large copy, reading and a training step (activation checkpointing) of the rate of a large
product of matrices.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pixmo.molmo.build import MODELS, initialise
from pixmo.molmo.build import build as build_model
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.generate import Generation, generate
from pixmo.molmo.loss import chunked_losses
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.weights.read import load
from pixmo.molmo.weights.write import save

PREFILL_BAR, DECODE_BAR, TOLERANCE = 1.05, 1.3, 2e-6
TINY = MODELS["molmo2-tiny"]
SMALL = replace(
    TINY,
    vit=replace(TINY.vit, width=256, heads=8, mlp_width=768, image_px=(196, 196), positions=196),
    connector=replace(TINY.connector, width=256, heads=8, hidden=1024),
    decoder=replace(
        TINY.decoder, width=512, depth=8, heads=8, kv_heads=2, head_width=64, hidden=1536, vocabulary=8192
    ),
    first_special=8192,
)  # fmt: skip
SIZES = {"tiny": TINY, "small": SMALL}
Times = list[tuple[float, float]]  # seconds of ours and theirs, run one after the other


def inputs_of(config: MolmoConfig, crops: int, text: int, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """A picture of some crops, pooled two by two, before `text` tokens; our names."""
    (high, wide), first = config.vit.grid, config.first_special
    high, wide = high // 2 * 2, wide // 2 * 2
    numbers = torch.arange(crops * config.vit.positions).view(crops, *config.vit.grid)[:, :high, :wide]
    pooling = numbers.reshape(crops, high // 2, 2, wide // 2, 2).transpose(2, 3).reshape(-1, 4)
    ids = [5, first, *[first + 2] * len(pooling), first + 1, *range(20, 20 + text)]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(crops, config.vit.positions, config.vit.patch_values, generator=generator)
    return {
        "input_ids": torch.tensor([ids], device=device),
        "images": images.to(device, dtype),
        "pooling": pooling.to(device),
    }


def theirs_of(inputs: dict[str, Tensor], config: MolmoConfig) -> dict[str, Tensor]:
    """The same under the names of transformers."""
    ids, pooling, images = inputs["input_ids"], inputs["pooling"], inputs["images"]
    return {
        "input_ids": ids,
        "pixel_values": images,
        "image_token_pooling": pooling,
        "image_grids": torch.tensor([[1, len(pooling) - 1, 1, 1]], device=ids.device),
        "image_num_crops": torch.tensor([len(images)], device=ids.device),
        "mm_token_type_ids": (ids >= config.first_special).long(),
    }


def both(config: MolmoConfig, device: str, dtype: torch.dtype) -> tuple[Molmo | Molmo2, Any]:  # Any: their class
    """One checkpoint of random weights, loaded by us and by them."""
    from transformers import Molmo2ForConditionalGeneration

    kind: Any = Molmo2ForConditionalGeneration  # its decorators hide its type
    with tempfile.TemporaryDirectory() as folder:
        made = build_model(config, dtype=dtype)
        initialise(made)
        save(made, folder)
        del made
        theirs = kind.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
        return load(folder, dtype=dtype, devices=device), theirs.to(device).eval()


def clock(run: Callable[[], object], device: str) -> float:
    """Seconds of one run: by the clock on a GPU, of processor time on the CPU, where others may be at work too."""
    if device == "cpu":
        began = time.process_time()
        run()
        return (time.process_time() - began) / torch.get_num_threads()
    torch.cuda.synchronize()
    began = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - began


def pairs_of(ours: Callable[[], object], theirs: Callable[[], object], pairs: int, device: str) -> Times:
    """Timed by turns, after one of each."""
    ours(), theirs()
    return [(clock(ours, device), clock(theirs, device)) for _ in range(pairs)]


def decoding(
    ours: Callable[[int], object], theirs: Callable[[int], object], tokens: int, pairs: int, device: str
) -> Times:
    """Seconds per token: an answer of `tokens` less one of two, in which a GPU's graph is recorded already."""
    long = pairs_of(lambda: ours(tokens), lambda: theirs(tokens), pairs, device)
    short = pairs_of(lambda: ours(2), lambda: theirs(2), pairs, device)
    return [((a - c) / (tokens - 2), (b - d) / (tokens - 2)) for (a, b), (c, d) in zip(long, short, strict=True)]


def ratio(times: Times) -> list[float]:
    """Theirs over ours: first quartile, median, third."""
    return statistics.quantiles((theirs / ours for ours, theirs in times), n=4)


def compared(
    config: MolmoConfig, device: str, dtype: torch.dtype, crops: int, pairs: int, tokens: int
) -> dict[str, Any]:
    """Reading and answering of both, and whether they agree."""
    ours, theirs = both(config, device, dtype)
    inputs = inputs_of(config, crops, 40, device, dtype)
    told = theirs_of(inputs, config)

    def say(most: int) -> list[int]:
        return generate(ours, inputs, Generation(ends=(), max_new_tokens=most))[0].ids

    def they_say(most: int) -> list[int]:
        how = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, "min_new_tokens": most}
        said: Tensor = theirs.generate(**told, **how, max_new_tokens=most)
        return said[0, told["input_ids"].shape[1] :].tolist()

    with torch.inference_mode():
        off = float((ours(**inputs) - theirs(**told).logits).abs().max())
        equal = say(tokens) == they_say(tokens)
        prefill = pairs_of(
            lambda: ours(**inputs, last_only=True), lambda: theirs(**told, logits_to_keep=1), pairs, device
        )
        decode = decoding(say, they_say, tokens, pairs, device)
    weights = sum(each.nbytes for name, each in ours.decoder.named_parameters() if "embedding" not in name)
    reading = [1 / each for each in reversed(ratio(prefill))]
    return {
        "prompt": inputs["input_ids"].shape[1], "weights_mb": weights / 1e6, "largest_difference": off, "same_tokens": equal,
        "prefill_ms": [1e3 * statistics.median(side) for side in zip(*prefill, strict=True)],
        "prefill_time_over_theirs": reading,
        "tokens_per_s": [1 / statistics.median(side) for side in zip(*decode, strict=True)],
        "decode_speed_over_theirs": ratio(decode),
    }  # fmt: skip


# --- the CPU ------------------------------------------------------------------------------------------------------------


def on_cpu(sizes: list[str], pairs: int, tokens: int) -> dict[str, Any]:
    """Both sizes, with the bars."""
    found = {name: compared(SIZES[name], "cpu", torch.float32, 3, pairs, tokens) for name in sizes}
    for each in found.values():
        each["agrees"] = each["same_tokens"] and each["largest_difference"] <= TOLERANCE
        # no answer comes faster than the weights of the decoder are read once a token
        each["bandwidth_gb_s"] = cpu_bandwidth()
        each["share_of_bandwidth"] = each["tokens_per_s"][0] * each["weights_mb"] / 1e3 / each["bandwidth_gb_s"]
    return found


def cpu_bandwidth() -> float:
    """GB/s at which a vector is multiplied by matrices of the small size that no cache holds: the best of several."""
    matrices, x = [torch.randn(3072, 512) for _ in range(20)], torch.randn(1, 512)
    size = sum(each.nbytes for each in matrices)
    return max(size / clock(lambda: [x @ each.T for each in matrices], "cpu") for _ in range(9)) / 1e9


# --- a GPU --------------------------------------------------------------------------------------------------------------


def gpu_limits() -> tuple[float, float]:
    """Bytes a second of a large copy (read and written), and operations a second of a large product in bfloat16."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    copied = min(clock(lambda: target.copy_(source), "cuda") for _ in range(10))
    multiplied = min(clock(lambda: a @ b, "cuda") for _ in range(10))
    return 2 * 2**30 / copied, 2 * 8192**3 / multiplied


def operations(model: Molmo | Molmo2, patches: int, pooled: int, tokens: int) -> float:
    """Of one forward pass: two for each weight and row that it multiplies, and the products of attention. Each feature pools 4 patches."""
    vit, decoder = model.config.vit, model.config.decoder
    blocks = model.vit.blocks[: max(model.config.connector.vit_layers) + 1]  # those that run

    def dense(*parts: torch.nn.Module | None) -> int:
        return sum(each.numel() for part in parts if part is not None for each in part.parameters() if each.ndim == 2)

    total = 2.0 * patches * (dense(blocks) + model.vit.patch.weight.numel())
    total += 4.0 * patches * vit.positions * vit.width * len(blocks)
    pool = model.connector.pool
    total += 2.0 * pooled * (4 * dense(pool.key_value) + dense(pool.query, pool.out, model.connector.project))
    total += 2.0 * tokens * dense(model.decoder.blocks, model.decoder.head)
    return (
        total + 2.0 * tokens * tokens * decoder.heads * decoder.head_width * decoder.depth
    )  # causal: half of all pairs


def on_gpu(pairs: int, tokens: int) -> dict[str, Any]:
    """Molmo-7B-D alone and Molmo2-8B beside transformers', in bfloat16."""
    bandwidth, rate = gpu_limits()
    found: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(), "copy_gb_s": bandwidth / 1e9, "product_tflop_s": rate / 1e12,
        "molmo-7b-d": seven_b(bandwidth, rate, pairs, tokens),
    }  # fmt: skip
    torch.cuda.empty_cache()
    beside = compared(MODELS["molmo2-8b"], "cuda", torch.bfloat16, 9, pairs, tokens)
    beside["share_of_bandwidth"] = beside["tokens_per_s"][0] * beside["weights_mb"] * 1e6 / bandwidth
    return found | {"molmo2-8b": beside}


def seven_b(bandwidth: float, rate: float, pairs: int, tokens: int) -> dict[str, Any]:
    """Decoding, reading a picture of 12 crops, and a training step of four such rows."""
    config = MODELS["molmo-7b-d"]
    model = build_model(config, device="cuda", dtype=torch.bfloat16)
    for each in model.parameters():
        each.data.normal_(0, 0.02)
    text, crops, pooled = 128, 13, 144
    ids = torch.full((1, crops * pooled + text), 1000, device="cuda")
    inputs = {
        "input_ids": ids,
        "images": torch.randn(1, crops, 576, 588, device="cuda", dtype=torch.bfloat16),
        "image_masks": torch.ones(1, crops, 576, device="cuda"),
        "image_input_idx": torch.arange(crops * pooled, device="cuda").view(1, crops, pooled),
    }
    cost = operations(model, crops * 577, crops * pooled, ids.shape[1])
    with torch.inference_mode():

        def say(most: int) -> object:
            return generate(model, inputs, Generation(ends=(), max_new_tokens=most))

        few, many = (statistics.median(clock(partial(say, n), "cuda") for _ in range(pairs)) for n in (2, tokens))
        model(**inputs, last_only=True)
        read = statistics.median(clock(lambda: model(**inputs, last_only=True), "cuda") for _ in range(pairs))
    weights = sum(each.nbytes for name, each in model.decoder.named_parameters() if "embedding" not in name)
    per_token = (many - few) / (tokens - 2)
    step = training_step_s(model, {name: each.expand(4, *each.shape[1:]) for name, each in inputs.items()}, pairs)
    head = 2.0 * (ids.shape[1] - 1) * config.decoder.width * config.decoder.vocabulary  # reading asks it for one token
    return {
        "prompt": ids.shape[1], "tokens_per_s": 1 / per_token, "share_of_bandwidth": weights / per_token / bandwidth,
        "prefill_ms": 1e3 * read, "prefill_share_of_rate": (cost - head) / read / rate,
        # the backward pass costs twice the forward; what checkpointing computes again is not counted
        "training_step_s": step, "training_share_of_rate": 4 * 3 * cost / step / rate,
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9,
    }  # fmt: skip


def training_step_s(model: Molmo | Molmo2, inputs: dict[str, Any], pairs: int) -> float:
    """Seconds of forward, loss and backward over all parameters, blocks computed again in the backward pass; no optimizer."""
    model.train()
    model.vit.checkpointing = model.decoder.checkpointing = True
    ids = inputs["input_ids"]
    weights = torch.ones_like(ids, dtype=torch.float32)

    def step() -> None:
        losses = chunked_losses(model.decoder.logits, model.states(**inputs), ids, weights)
        torch.autograd.backward(losses.ce / losses.weight)
        model.zero_grad(set_to_none=True)

    step()
    return statistics.median(clock(step, "cuda") for _ in range(pairs))


def lines(name: str, found: dict[str, Any]) -> str:
    """One size for people."""
    low, middle, high = found["prefill_time_over_theirs"]
    slow, speed, fast = found["decode_speed_over_theirs"]
    reading = "met" if middle <= PREFILL_BAR else "missed"
    answering = "met" if speed >= DECODE_BAR else "missed"
    return (
        f"{name}: {found['prompt']} tokens, decoder {found['weights_mb']:.0f} MB, off by {found['largest_difference']:.1e}\n"
        f"  reading    {found['prefill_ms'][0]:.1f} ms, theirs {found['prefill_ms'][1]:.1f}: "
        f"{middle:.2f} of their time ({low:.2f}-{high:.2f}), bar {PREFILL_BAR} {reading}\n"
        f"  answering  {found['tokens_per_s'][0]:.1f} tokens/s, theirs {found['tokens_per_s'][1]:.1f}: "
        f"{speed:.2f} times ({slow:.2f}-{fast:.2f}), bar {DECODE_BAR} {answering}; "
        f"{found['share_of_bandwidth']:.0%} of what reading the weights allows"
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="tiny,small")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.device == "cuda":
        found = on_gpu(given.pairs, given.tokens)
        print(json.dumps(found, indent=1))
        sys.exit(0)
    found = on_cpu(given.sizes.split(","), given.pairs, given.tokens)
    print(json.dumps(found, indent=1) if given.json else "\n".join(lines(*each) for each in found.items()))
    sys.exit(0 if all(each["agrees"] for each in found.values()) else 1)


if __name__ == "__main__":
    main()
