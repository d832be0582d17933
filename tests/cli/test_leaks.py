"""`pixmo leaks` and `pixmo leaks build-index`, over real folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixmo.cli import run
from tests.run.leaks_folders import HELD, TRAIN, finished


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `train` and `held`, finished."""
    home = tmp_path_factory.mktemp("cli")
    finished(TRAIN, home / "train")
    finished(HELD, home / "held")
    return home


@pytest.fixture
def here(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """That folder as the present one, and a home without indexes."""
    monkeypatch.chdir(made)
    monkeypatch.setenv("PIXMO_HOME", str(tmp_path / "home"))
    return made


def test_leaks_are_told_and_end_with_1(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts by set and kind, and examples."""
    assert run(["leaks", "train", "--against", "held"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "train: 3 pictures of 8 held out, in 3 rows",
        "held: 3 of its 6 pictures found",
        "  sha256    1",
        "  near      1",
        "  mirrored  1",
        "examples",
        "  sha256: same.png = 2.png (held)",
        "  near: small.jpg = 0.png (held)",
        "  mirrored: turned.webp = 1.png (held)",
    ]


def test_none_ends_with_0(here: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the count of what was compared, and what could not be."""
    (tmp_path / "a.csv").write_text("url\nhttp://example.org/a.jpg\n")
    assert run(["leaks", str(tmp_path / "a.csv"), "--against", "held"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'a.csv'}: none of 1 picture is held out\n")
    assert "have no hash" in out
    assert run(["leaks", "train", "--against", str(tmp_path / "a.csv")]) == 0
    assert "known by URL and digest only" in capsys.readouterr().out


def test_several_sets_behind_one_option(here: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`--against A B`, or the option twice; an option ends the list."""
    for name in ("b", "c"):
        assert run(["leaks", "build-index", "held", str(tmp_path / name)]) == 0
    capsys.readouterr()
    b, c = str(tmp_path / "b"), str(tmp_path / "c")
    for spelled in (
        ["--against", "held", b, c],
        ["--against", "held", "--against", b, c],
        ["--against", "held", b, "--radius", "4", "--against", c],
    ):
        assert run(["leaks", "train", *spelled, "--json"]) == 1
        assert [s["name"] for s in json.loads(capsys.readouterr().out)["sets"]] == ["held", "b", "c"]
    assert run(["leaks", "--against", "held", "train"]) == 2
    assert "TRAIN" in capsys.readouterr().err


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that people are told, and the whole of each example."""
    assert run(["leaks", "train", "--against", "held", "--json", "--radius", "0"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["leaks"], told["rows"], told["sets"][0]["pictures"]) == (sum(told["kinds"].values()), 8, 6)
    assert told["kinds"]["sha256"] == 1
    (example,) = [e for e in told["examples"] if e["kind"] == "sha256"]
    assert (example["train"]["file"], example["held"]["file"], example["set"]) == ("same.png", "2.png", "held")


def test_a_page(here: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With three pairs of pictures inside it."""
    assert run(["leaks", "train", "--against", "held", "--page", str(tmp_path / "leaks.html")]) == 1
    assert capsys.readouterr().out.endswith(f"look at {tmp_path / 'leaks.html'}\n")
    assert (tmp_path / "leaks.html").read_text().count("<img ") == 6


def test_an_index(here: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Built, named, as it was, and refused where it would change."""
    path = str(tmp_path / "eval.holdout")
    assert run(["leaks", "build-index", "held", path, "--name", "my eval", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["pictures"], told["known_by"]["mirrored"], told["written"]) == ("my eval", 6, 6, True)
    assert run(["leaks", "build-index", "held", path, "--name", "my eval"]) == 0
    assert "as it was" in capsys.readouterr().out
    assert run(["leaks", "build-index", "train", path]) == 2
    assert "--replace" in capsys.readouterr().err
    assert run(["leaks", "build-index", "train", path, "--replace"]) == 0
    assert run(["leaks", "train", "--against", path]) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "--against", "hold"], "hold"),
        (["trian", "--against", "held"], "train"),
        (["train:test", "--against", "held"], "train"),
        (["train", "--against", "held", "--radius", "9"], "--radius 9"),
        (["train", "--against", "gone.holdout"], "gone.holdout"),
        (["train", "--against", "held", "--page", "held"], "--page"),
        (["build-index", "held"], "FILE"),
        (["build-index", "held", "train"], "train"),
        (["build-index", "held", "x", "--nam", "y"], "--name"),
    ],
)
def test_wrong_requests(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    """One line that names the thing, exit code 2, nothing written."""
    before = sorted(here.iterdir())
    assert run(["leaks", *arguments]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1
    assert sorted(here.iterdir()) == before


def test_both_helps(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verb's, which tells of the other, and the other's."""
    assert run(["leaks", "--help"]) == 0
    assert "build-index" in capsys.readouterr().out
    assert run(["leaks", "build-index", "--help"]) == 0
    assert "pixmo leaks build-index" in capsys.readouterr().out
