"""Measure the metrics that have many examples: VQA score, ANLS, and pointing with masks.

    python scripts/bench_metrics.py [--examples 200000] [--pictures 5000] [--json]

Prints examples per second of one process, the best of three runs over the same examples, and exits 1 when a score of a thousand of them
differs from the one by one. The examples: VQA has ten answers of people, three different ones in the mean, with the words, marks and
numbers that VQA v2 has, and predictions that are mostly not seen before; ANLS one to three references of up to forty characters, half
of the predictions right, the rest with letters changed or something else; pointing pictures of 640x480 with one to fifteen things,
masks as run lengths of one to two hundred rows, and answers that miss, repeat and add points.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import string
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one thread: what is measured is one

import numpy as np
from numpy.typing import NDArray

from pixmo.evaluate.tasks.anls import anls, anls_scores
from pixmo.evaluate.tasks.pointing import pointing_score, pointing_scores
from pixmo.evaluate.tasks.vqa import vqa_score, vqa_scores
from pixmo.text.molmo1 import format_points

WIDTH, HEIGHT = 640, 480
CHECKED = 1000
_COMMON = [
    "yes",
    "no",
    "2",
    "1",
    "white",
    "red",
    "blue",
    "3",
    "0",
    "left",
    "right",
    "none",
    "two",
    "black and white",
    "a dog",
    "on table",
]


def word(rng: random.Random) -> str:
    """A word of one to twelve letters."""
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(1, 12)))


def phrase(rng: random.Random) -> str:
    """An answer of one to four words, some with articles, marks, numbers and contractions."""
    words = [word(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4)))]
    if rng.random() < 0.25:
        words.insert(0, rng.choice(("the", "a", "dont", "two", "1,000", "2.5", "U.S.", "left/right", "it's")))
    text = " ".join(words)
    return rng.choice((text.capitalize(), text + ".", text + "!")) if rng.random() < 0.2 else text


def vqa_examples(n: int, rng: random.Random) -> tuple[list[str], list[list[str]]]:
    """Predictions, mostly new, and ten references of each."""
    predictions, answers = [], []
    for _ in range(n):
        main = rng.choice(_COMMON) if rng.random() < 0.5 else phrase(rng)
        others = [phrase(rng) if rng.random() < 0.4 else rng.choice(_COMMON) for _ in range(2)]
        n_main = rng.randint(3, 10)
        here = [main] * n_main + [rng.choice(others) for _ in range(10 - n_main)]
        rng.shuffle(here)
        answers.append(here)
        predictions.append(main if rng.random() < 0.2 else phrase(rng))
    return predictions, answers


def anls_examples(n: int, rng: random.Random) -> tuple[list[str], list[list[str]]]:
    """Predictions and one to three references of each."""
    predictions, answers = [], []
    for _ in range(n):
        main = " ".join(phrase(rng) for _ in range(rng.choice((1, 1, 2))))[:40]
        draw = rng.random()
        changed = "".join(rng.choice(string.ascii_lowercase) if rng.random() < 0.2 else letter for letter in main)
        predictions.append(main if draw < 0.5 else changed if draw < 0.75 else phrase(rng))
        answers.append([main, *(phrase(rng) for _ in range(rng.choice((0, 0, 1, 2))))])
    return predictions, answers


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> dict[str, Any]:
    """The run lengths of an ellipse."""
    counts, at = [], 0
    for row in range(max(0, int(y - radius_y) + 1), min(HEIGHT, int(y + radius_y) + 1)):
        half = radius_x * max(0.0, 1 - ((row - y) / radius_y) ** 2) ** 0.5
        begin, end = max(0, round(x - half)), min(WIDTH, round(x + half) + 1)
        counts += [row * WIDTH + begin - at, end - begin]
        at = row * WIDTH + end
    return {"size": [HEIGHT, WIDTH], "counts": [*counts, WIDTH * HEIGHT - at]}


def pointing_examples(n: int, rng: random.Random) -> tuple[list[str], list[Any], list[Any], list[Any]]:
    """Answers, points, masks and sizes."""
    answers, points, masks = [], [], []
    for _ in range(n):
        here = [(rng.uniform(2, 98), rng.uniform(2, 98)) for _ in range(min(15, 1 + int(rng.expovariate(0.3))))]
        masks.append(
            [ellipse(x * WIDTH / 100, y * HEIGHT / 100, rng.uniform(3, 80), rng.uniform(3, 100)) for x, y in here]
        )
        told = [(x + rng.gauss(0, 1), y + rng.gauss(0, 1)) for x, y in here if rng.random() < 0.9]
        told += [(rng.uniform(0, 100), rng.uniform(0, 100)) for _ in range(rng.choice((0, 0, 1, 2)))]
        answers.append(format_points([(min(max(x, 0), 100), min(max(y, 0), 100)) for x, y in told], "x"))
        points.append(here)
    return answers, points, masks, [(WIDTH, HEIGHT)] * n


def speed(
    fast: Callable[..., NDArray[np.float64]], simple: Callable[..., Any], examples: tuple[list[Any], ...]
) -> float:
    """Examples a second; exits 1 where the fast function is wrong."""
    best = min(timed(fast, examples) for _ in range(3))
    few = [column[:CHECKED] for column in examples]
    if fast(*few).tolist() != [list(s) if isinstance(s, tuple) else s for s in map(simple, *few)]:
        sys.exit(f"{fast.__name__} differs from {simple.__name__}")
    return len(examples[0]) / best


def timed(fast: Callable[..., NDArray[np.float64]], examples: tuple[list[Any], ...]) -> float:
    """CPU seconds of one run over all examples."""
    begin = time.process_time()
    fast(*examples)
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=200_000)
    parser.add_argument("--pictures", type=int, default=5_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rng = random.Random(5)
    found = {
        "vqa_per_s": speed(vqa_scores, vqa_score, vqa_examples(options.examples, rng)),
        "anls_per_s": speed(anls_scores, anls, anls_examples(options.examples, rng)),
        "pointing_per_s": speed(pointing_scores, pointing_score, pointing_examples(options.pictures, rng)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(
        json.dumps(found) if options.json else "\n".join(f"{name:16} {value:12,.0f}" for name, value in found.items())
    )


if __name__ == "__main__":
    main()
