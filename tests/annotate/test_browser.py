"""The road of an annotator in a real browser: nothing that was recorded is lost, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.annotate.browser import chromium, heard, next_picture, opened, picture_of, record, until
from tests.annotate.serving import Served, make_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("microphone")) as running:
        yield running


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    options = ("--annotators", "anna,ben", "--per-picture", "2", "--min-s", "1", "--max-s", "20")
    with Served(make_pictures(tmp_path / "pictures"), tmp_path / "out", *options) as running:
        yield running


def test_a_description_is_recorded_again_heard_and_submitted(served: Served, browser: Browser) -> None:
    """By keyboard alone; what is kept is the second recording, it decodes, and somebody speaks in it."""
    page = opened(browser.new_context(), served.links["anna"])
    first = picture_of(page)
    record(page, 1)
    record(page, 3)
    page.keyboard.press("l")
    until(page, "() => document.getElementById('sound').currentTime > 0.2")
    page.keyboard.press("Enter")
    next_picture(page, first)
    (line,) = served.manifest()
    (audio,) = line["audio"]
    seconds, loudness = heard(served.out / audio)
    assert audio.endswith(".webm")
    assert 2.5 < seconds < 6
    assert loudness > 0.01
    assert (served.out / line["image"]).is_file()
