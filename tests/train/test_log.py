"""What a run tells of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pixmo.train.log import LOG, Log, loss_page, read_lines, smoothed
from pixmo.train.settings import Source, Training

RUN = Training(model="begun", source=(Source("cap"),), steps=5)


def line(step: int) -> dict[str, object]:
    """A step's line."""
    return {
        "step": step, "loss": 1 / step, "z_loss": 0.1, "accuracy": 0.5, "norm": {"vit": 2.0}, "rate": {"vit": 1e-6},
        "tokens": 10, "left_out": 1, "seconds": 0.5, "examples_per_s": 16.0,
    }  # fmt: skip


def logged(out: Path, steps: int) -> Path:
    """A log of as many steps."""
    with Log(out, 0) as log:
        for step in range(1, steps + 1):
            log.add(line(step))
    return out / LOG


def test_a_line_a_step(tmp_path: Path) -> None:
    """JSON, readable while the run goes on."""
    with Log(tmp_path, 0) as log:
        log.add(line(1))
        assert json.loads((tmp_path / LOG).read_text()) == line(1)


def test_lines_beyond_the_checkpoint_are_cut_off(tmp_path: Path) -> None:
    """A run that was killed at step 5 and goes on from step 3 has one line for each step."""
    before = logged(tmp_path, 5).read_text().splitlines()
    with Log(tmp_path, 3) as log:
        assert [told["step"] for told in log.lines] == [1, 2, 3]
        log.add(line(4))
    assert (tmp_path / LOG).read_text().splitlines() == before[:4]


@pytest.mark.parametrize("torn", ['{"step": 3, "lo', '{"step": 3, "lo\n', "\x00\x00\x00", "[3]\n"])
def test_a_line_torn_by_a_kill_is_dropped(tmp_path: Path, torn: str) -> None:
    """With whatever the disk left of it."""
    path = logged(tmp_path, 2)
    path.write_text(path.read_text() + torn)
    assert [told["step"] for told in read_lines(tmp_path)] == [1, 2]
    with Log(tmp_path, 3) as log:
        log.add(line(3))
    assert [told["step"] for told in read_lines(tmp_path)] == [1, 2, 3]


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    """The others keep the lines to themselves."""
    with Log(tmp_path, 0, is_ours=False) as log:
        log.add(line(1))
        log.save(RUN)
    assert list(tmp_path.iterdir()) == []


def test_smoothed_values_are_means_of_those_before() -> None:
    """The first is itself, a constant stays, an old value fades."""
    assert smoothed([4.0]) == [4.0]
    assert smoothed([2.0] * 9) == pytest.approx([2.0] * 9)
    assert smoothed([1.0, 2.0], keep=0.5) == pytest.approx([1.0, (0.5 * 1 + 2) / 1.5])


class Seen(HTMLParser):
    """The elements of a page, and what charts say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.charts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "svg":
            self.charts.append(str(dict(attrs)["aria-label"]))


def test_the_page_draws_loss_rates_and_norms(tmp_path: Path) -> None:
    """With the figures of the last step in words."""
    logged(tmp_path, 5)
    page = loss_page(RUN, read_lines(tmp_path))
    charts = Seen(page).charts
    assert [label.split(".")[0] for label in charts] == [
        "Loss of each step", "Loss, mean of the steps before", "Accuracy",
        "Rate of the vit, millionths", "Gradient of the vit, norm",
    ]  # fmt: skip
    assert "0.2 to 1" in charts[0]
    assert "5 of 5 steps" in page
    assert "0.2000" in page


def test_the_page_of_a_long_run_stays_small() -> None:
    """Charts have a few hundred points, however many steps there are."""
    assert len(loss_page(replace(RUN, steps=20_000), [line(n) for n in range(1, 20_001)])) < 100_000


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """A path may hold anything."""
    hostile = replace(
        RUN, model="</style><script>alert(1)</script>", source=(Source('"><img src=x onerror=alert(1)>'),)
    )
    seen = Seen(loss_page(hostile, [line(1)]))
    assert not {"script", "img"} & set(seen.tags)
