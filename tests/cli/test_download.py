"""The commands over real folders, against the demo's web host."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from pixmo.cli import run
from pixmo.cli.demo import web_host
from pixmo.cli.demo_cases import Row
from pixmo.cli.demo_pictures import drawn, encoded

LOOPBACK = [
    "--allow-host",
    "127.0.0.0/8",
    "--n-proc",
    "1",
    "--quiet",
    "--min-free-disk",
    "1MB",
    "--requests-per-s",
    "0",
]


@pytest.fixture(scope="module")
def host() -> Iterator[list[Row]]:
    """The rows of the demo's host, at work."""
    with web_host() as rows:
        yield rows


@pytest.fixture
def listed(host, tmp_path, monkeypatch) -> Callable[..., Path]:
    """Writes a list of the rows of some kinds, in a folder that is the present one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIXMO_HOME", raising=False)

    def write(*kinds: str, name: str = "urls.csv") -> Path:
        Path(name).write_text(as_csv([row for row in host if row.kind in kinds]))
        return Path(name)

    return write


def as_csv(rows: list[Row]) -> str:
    """A list with URL, digest and a column of the list's own."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["url", "image_sha256", "kind"])
    writer.writerows([row.url, row.sha256, row.kind] for row in rows)
    return out.getvalue()


def manifest(out: str) -> dict:
    """What was published."""
    return json.loads(Path(out, "manifest.json").read_text())


def test_a_list_becomes_a_data_set(listed, capsys):
    """Exit 0, counts and where to look on stdout, nothing on stderr when quiet."""
    listed("a good picture", "not found")
    assert run(["download", "urls.csv", "out", *LOOPBACK]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("out: 12 of 13 rows kept, 13 asked")
    assert "  ok         12\n  not_found   1\n" in out
    assert "out/report.html" in out
    assert err == ""
    assert manifest("out")["written"] == 12


def test_a_second_run_has_nothing_to_do(listed, capsys):
    """And asks nobody."""
    listed("a good picture")
    assert run(["download", "urls.csv", "out", *LOOPBACK]) == 0
    before = manifest("out")
    capsys.readouterr()
    assert run(["download", "urls.csv", "out", *LOOPBACK, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["asked"], told["files_written"], told["written"]) == (0, 0, 12)
    assert manifest("out") == before


def test_rows_that_may_be_retried_are_exit_code_3(listed, capsys):
    """With the line to copy; retry asks those rows and no others."""
    listed("a good picture", "nobody listens")
    assert run(["download", "urls.csv", "my out", *LOOPBACK, "--retries", "0"]) == 3
    assert "1 row may end otherwise if asked again: pixmo retry 'my out'" in capsys.readouterr().out
    assert run(["retry", "my out", "--outcome", "connect,timeout", "--n-proc", "1", "--quiet", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["asked"], told["outcomes"]) == (1, {"connect": 1, "ok": 12})
    assert run(["retry", "my out", "--outcome", "not_found", "--n-proc", "1", "--quiet", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["asked"] == 0


def test_out_is_derived_and_said(listed, capsys):
    """One argument: a folder named as the list, told on stderr."""
    listed("WebP", name="some.urls.csv")
    assert run(["download", "some.urls.csv", *[a for a in LOOPBACK if a != "--quiet"]]) == 0
    assert "writing into some\n" in capsys.readouterr().err
    assert manifest("some")["written"] == 1


@pytest.mark.slow
def test_a_printed_recipe_does_as_its_command(listed, capsys):
    """`--as-recipe`, then `pixmo run`: the same manifest."""
    listed("a good picture", "the same bytes twice")
    options = [*LOOPBACK, "--drop-duplicates", "--split", "validation=2"]
    assert run(["download", "urls.csv", "one", *options, "--as-recipe"]) == 0
    Path("own.toml").write_text(capsys.readouterr().out)
    assert not Path("one").exists()
    assert run(["download", "urls.csv", "one", *options]) == 0
    assert run(["run", "own.toml", "two", "--n-proc", "1", "--quiet"]) == 0
    assert manifest("one") == manifest("two")
    assert manifest("one")["counts"]["left"]["not is_duplicate"] == 1


def test_a_dry_run_does_nothing(listed, capsys):
    """Rows, pictures, hosts; no folder."""
    listed("a good picture", "429 with Retry-After, then good", "no URL")
    assert run(["download", "urls.csv", "out", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["pictures"], told["hosts"]) == (15, 14, 2)
    assert not Path("out").exists()


@pytest.mark.slow
def test_a_list_comes_on_standard_input(host, tmp_path):
    """`-`, with OUT."""
    text = as_csv([row for row in host if row.kind == "WebP"])
    done = subprocess.run(
        [sys.executable, "-m", "pixmo", "download", "-", str(tmp_path / "out"), *LOOPBACK, "--json"],
        input=text, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["outcomes"] == {"ok": 1}


@pytest.mark.slow
def test_another_list_does_not_replace_the_first(listed, capsys):
    """Told with the command that is meant; `update` then does only what is new."""
    listed("a good picture")
    assert run(["download", "urls.csv", "out", *LOOPBACK]) == 0
    listed("a good picture", "WebP")
    assert run(["download", "urls.csv", "out", *LOOPBACK]) == 2
    assert "pixmo update out urls.csv" in capsys.readouterr().err
    assert run(["update", "out", "urls.csv", "--n-proc", "1", "--quiet", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["asked"], told["outcomes"]) == (13, 1, {"ok": 13})


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["urls.csv", "out", "--format", "parkett"], "no format named 'parkett'; did you mean 'parquet'?"),
        (["urls.csv", "out", "--url-column", "ulr"], "did you mean 'url'?"),
        (["urls.cvs", "out"], "urls.cvs"),
        (["urls.csv", "foreign"], "foreign: is not empty and was not made by pixmo"),
        (["urls.csv", "urls.csv"], "urls.csv: is a file"),
        (["urls.csv", "out", "--hash-policy", "strikt"], "hash policy 'strikt'"),
        (["urls.csv", "out", "--max-bytes", "1 bushel"], "is not a size such as 500MB"),
        (["urls.csv", "out", "--split", "validation"], "NAME=COUNT"),
        (["urls.csv", "out", "--concurrency", "0"], "concurrency"),
        (["urls.csv", "out", "--per-hosts", "1"], "no option --per-hosts; did you mean --per-host?"),
        (["urls.csv", "out", "--no-decode", "--drop-duplicates"], "--no-decode or --drop-duplicates"),
        (["cap", "points"], "./points"),
        (["capp", "out"], "cap"),
        (["-"], "say where to write"),
    ],
)
def test_a_wrong_request_is_one_line(argv, said, listed, capsys):
    """Exit 2, the nearest name or the remedy, and nothing of the user's touched."""
    listed("WebP")
    Path("foreign").mkdir()
    Path("foreign/mine.txt").write_text("mine")
    assert run(["download", *argv, "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("pixmo: ")) == ("", 1, True)
    assert said in err
    assert [p.name for p in Path("foreign").iterdir()] == ["mine.txt"]
    assert not Path("out/data").exists()


@pytest.mark.slow
def test_ctrl_c_stops_within_two_seconds_and_the_same_command_goes_on(listed):
    """In the middle of a request that hangs; what had come is kept and not asked again."""
    listed("a good picture", "never answers")
    command = [sys.executable, "-m", "pixmo", "download", "urls.csv", "out", *LOOPBACK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: journal("out").count('"ok"') == 12)
        began = monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        seconds = monotonic() - began
    assert process.returncode == 130
    assert said.splitlines()[-1].endswith("pixmo download urls.csv out " + " ".join(LOOPBACK))
    assert "Traceback" not in said
    assert seconds < 2.5
    again = [*command, "--first-byte-timeout", "0.3", "--retries", "0", "--json"]
    done = subprocess.run(again, capture_output=True, text=True, check=False, timeout=60)
    told = json.loads(done.stdout)
    assert (done.returncode, told["asked"], told["outcomes"]) == (3, 1, {"ok": 12, "timeout": 1})


def test_own_pictures_walk_the_same_road(tmp_path, monkeypatch, capsys):
    """`pixmo import`: captions beside them travel along, a broken file has its outcome; what it wrote verifies."""
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for number in range(3):
        Path(f"mine/{number}.jpg").write_bytes(encoded(drawn(number)))
        Path(f"mine/{number}.txt").write_text(f"picture {number}")
    Path("mine/broken.png").write_bytes(encoded(drawn(9), "PNG")[:500])
    assert run(["import", "mine", "set", "--n-proc", "1", "--quiet", "--json", "--min-free-disk", "1MB"]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"] == {"broken_image": 1, "ok": 3}
    assert run(["verify", "set", "--quiet"]) == 0
    assert run(["export", "set", "--format", "webdataset", "--quiet"]) == 0
    assert list(Path("set-webdataset/data").glob("*.tar"))


def test_damage_is_found_and_repaired(listed, capsys):
    """Exit 1 and the file's name; `--repair` makes it again, without the network."""
    listed("a good picture")
    assert run(["download", "urls.csv", "out", *LOOPBACK]) == 0
    (shard,) = Path("out/data").glob("*.parquet")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-9] + b"X" + whole[-8:])
    capsys.readouterr()
    assert run(["verify", "out", "--quiet"]) == 1
    assert f"data/{shard.name}: content differs" in capsys.readouterr().out
    assert run(["verify", "out", "--repair", "--n-proc", "1", "--quiet"]) == 0
    assert shard.read_bytes() == whole


def test_forgotten_pictures_do_not_come_back(listed, host, capsys):
    """Gone from the data; the same list downloaded again leaves them out."""
    listed("a good picture")
    assert run(["download", "urls.csv", "out", *LOOPBACK]) == 0
    url = next(row.url for row in host if row.kind == "a good picture")
    assert run(["forget", "out", url, "--n-proc", "1", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["download", "urls.csv", "out", *LOOPBACK, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcomes"] == {"forgotten": 1, "ok": 11}


def test_status_is_for_people_and_machines(listed, capsys):
    """The same counts."""
    listed("a good picture", "not found")
    assert run(["download", "urls.csv", "out", *LOOPBACK]) == 0
    capsys.readouterr()
    assert run(["status", "out", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["outcomes"], told["pending"], told["formats"]) == ({"ok": 12, "not_found": 1}, 0, {"JPEG": 12})
    assert run(["status", "out"]) == 0
    assert "ok         12" in capsys.readouterr().out


def journal(out: str) -> str:
    """All that was answered so far."""
    return "".join(path.read_text() for path in Path(out, ".pixmo", "journal").glob("*.jsonl"))


def wait_for(ready: Callable[[], bool], seconds: float = 30) -> None:
    """Until it is so."""
    end = monotonic() + seconds
    while not ready():
        assert monotonic() < end, "it did not come"
        sleep(0.02)
