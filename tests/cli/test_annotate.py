"""`pixmo annotate`, the command itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pixmo.cli import run
from tests.annotate.serving import Served, annotator, make_pictures
from tests.speech import say


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "pictures")


def test_links_stay_the_same_from_start_to_start(images: Path, tmp_path: Path) -> None:
    """Ctrl-C stops with how to go on; new annotators are added, and what was recorded is still there."""
    with Served(images, tmp_path / "out", "--annotators", "anna,ben") as served:
        first = served.links
        anna = annotator(served, "anna")
        assert anna.describe(anna.picture() or 0, say("a bus")).status == 200
        code, told = served.stop()
        assert code == 130
        assert "To go on, run the same again: pixmo annotate speech" in told
        served.command[served.command.index("anna,ben")] = "anna,ben,cleo"
        served.start()
        assert served.links.items() > first.items()
        assert set(served.links) == {"anna", "ben", "cleo", "owner"}
        assert len(served.manifest()) == 1
        assert served.stop(signal.SIGTERM)[0] == 143


def test_a_new_consent_text_is_asked_for_again(images: Path, tmp_path: Path) -> None:
    """Recordings say which text was in force; both texts are kept."""
    text = tmp_path / "consent.txt"
    text.write_text("First.\n\nSecond <b>part</b>.")
    with Served(images, tmp_path / "out", "--annotators", "anna", "--consent", str(text)) as served:
        anna = annotator(served, "anna")
        anna.describe(anna.picture() or 0, say("a bus"))
        served.stop()
        text.write_text("Another text.")
        served.start()
        assert b"Another text." in anna.ask("GET", "").body
        assert anna.append("0" * 32, 2, 0, b"RIFF").status == 403
        anna.agree()
        anna.describe(anna.picture() or 0, say("a train"))
        versions = [version for line in served.manifest() for version in line["consent"]]
        assert [(served.out / "consent" / f"{v}.txt").read_text() for v in versions] == [
            "First.\n\nSecond <b>part</b>.",
            "Another text.",
        ]


def test_withdraw_deletes_from_the_command_line(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says whose and how many, and how captions made of them are deleted; not while the server runs."""
    with Served(images, tmp_path / "out", "--annotators", "anna") as served:
        anna = annotator(served, "anna")
        anna.describe(anna.picture() or 0, say("a bus"))
        assert run(["annotate", "withdraw", str(served.out), "anna"]) == 2
        assert "is in use by another run" in capsys.readouterr().err
        served.stop()
    assert run(["annotate", "withdraw", str(served.out), "anna"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"1 recording of p-\w{12} deleted\n.*pixmo forget CAPTIONS --annotator p-\w{12}\n", told)
    assert list((served.out / "recordings").iterdir()) == []


def test_links_by_https_need_the_secure_cookie(images: Path, tmp_path: Path) -> None:
    """With a certificate of one's own; links, and cookies that never go over plain http."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    options = ("--certificate", str(certificate), "--key", str(key))
    with Served(images, tmp_path / "out", *options) as served:
        link = served.links["annotator-1"]
        assert link.startswith("https://127.0.0.1:")
        got = subprocess.run(["curl", "-sik", link], capture_output=True, text=True, check=True).stdout.lower()
        assert "200 ok" in got
        assert "; secure" in got


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--min-s", "90", "--max-s", "60"], "the first no longer than the second"),
        (["--min-s", "nan"], "should be above 0"),
        (["--annotators", "0"], "--annotators 0"),
        (["--per-picture", "0"], "--per-picture"),
        (["--consent", "none.txt"], "cannot be read"),
        (["--consent", "empty.txt"], "should be a text"),
        (["--bind", "0.0.0.0"], "say with --url"),
        (["--certificate", "empty.txt", "--key", "empty.txt"], "cannot be used"),
        (["--port", "70000"], "--port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_request_is_told_in_one_line(
    images: Path,
    tmp_path: Path,
    options: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what is wrong and what to do; the command ends with 2."""
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    port = [] if "--port" in options else ["--port", "0"]
    assert run(["annotate", "speech", "pictures", "out", *port, *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert told in said[0]


def test_what_else_could_be_collected_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """By the kinds there are."""
    assert run(["annotate", "smells", "a", "b"]) == 2
    assert "speech|points|qa" in capsys.readouterr().err


def test_a_missing_extra_is_told_at_the_start(images: Path, tmp_path: Path) -> None:
    """Before anything is made."""
    hidden = tmp_path / "hidden"
    (hidden / "uvicorn").mkdir(parents=True)
    (hidden / "uvicorn" / "__init__.py").write_text("raise ImportError('not installed')")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(hidden), os.getcwd()])}
    done = subprocess.run(
        [sys.executable, "-m", "pixmo", "annotate", "speech", str(images), str(tmp_path / "out")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'pixmo[annotate]'" in done.stderr
    assert not (tmp_path / "out").exists()
