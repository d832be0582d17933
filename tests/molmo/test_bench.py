"""The two Molmo2 whose speed is compared load the same weights and say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pixmo.molmo.build import build

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_molmo.py"


@pytest.mark.slow
def test_what_is_compared_agrees() -> None:
    """Same logits, same tokens, ratios of pairs; the script ends with 0."""
    command = [sys.executable, str(SCRIPT), "--sizes", "tiny", "--pairs", "2", "--tokens", "4", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parents[1])
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)["tiny"]
    assert (found["agrees"], found["same_tokens"], found["prompt"]) == (True, True, 70)
    assert len(found["decode_speed_over_theirs"]) == len(found["prefill_time_over_theirs"]) == 3


def test_operations_are_counted_as_torch_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU is measured against: the matrix products of a forward pass, but for the half of attention that is masked."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import bench_molmo

    model = build("molmo-tiny")
    ids = torch.full((1, 3 * 9 + 20), 7)
    inputs = {
        "input_ids": ids, "images": torch.rand(1, 3, 36, 588), "image_masks": torch.ones(1, 3, 36),
        "image_input_idx": torch.arange(27).view(1, 3, 9),
    }  # fmt: skip
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:  # products that it can count
        model(**inputs)
    decoder = model.config.decoder
    masked = 2 * 47 * 47 * decoder.heads * decoder.head_width * decoder.depth
    told = bench_molmo.operations(model, 3 * 37, 27, 47) + masked
    assert told == pytest.approx(counted.get_total_flops(), rel=0.02)  # but for what pooling multiplies
