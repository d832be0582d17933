"""A finished folder goes to the Hub, as the real client sends it to a stand-in, and comes back equal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pixmo.cli import run
from tests.hub import Hub
from tests.pictures import jpeg

READ_BACK = "import datasets, json, sys; print(json.dumps([[r['caption'], r['image'].size] for r in datasets.load_dataset('me/set', split='train')]))"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder of three pictures with captions."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "in").mkdir()
    for n in range(3):
        (folder / "in" / f"{n}.jpg").write_bytes(jpeg(n, (40 + n, 30)))
        (folder / "in" / f"{n}.txt").write_text(f"picture {n}")
    assert (
        run(["import", str(folder / "in"), str(folder / "out"), "--n-proc", "1", "--min-free-disk", "1MB", "--quiet"])
        == 0
    )
    return folder / "out"


def pixmo(hub: Hub, home: Path, *arguments: str, token: str | None = "hf_test") -> subprocess.CompletedProcess[str]:
    env = hub.env(home) | ({"HF_TOKEN": token} if token else {})
    return subprocess.run([sys.executable, "-m", "pixmo", *arguments], env=env, capture_output=True, text=True, check=False, timeout=120)  # fmt: skip


@pytest.mark.slow
def test_what_is_pushed_is_what_datasets_reads(made, tmp_path):
    """Data, card and manifest arrive in one commit, nothing of the work does, and the rows are the same; again, nothing is sent."""
    with Hub() as hub:
        done = pixmo(hub, tmp_path, "push", str(made), "me/set", "--verify", "--json")
        assert done.returncode == 0, done.stderr
        sha, files = hub.commit("me/set", "main")
        assert set(files) - {".gitattributes"} == {"README.md", "manifest.json", "data/train-00000-of-00001.parquet"}
        assert files["manifest.json"] == (made / "manifest.json").read_bytes()
        assert json.loads(done.stdout)["url"].endswith(sha)
        rows = subprocess.run([sys.executable, "-c", READ_BACK], env=hub.env(tmp_path / "hf"), capture_output=True, text=True, check=True, timeout=120)  # fmt: skip
        captions = pq.read_table(made / "data").column("caption").to_pylist()
        assert [caption for caption, _ in json.loads(rows.stdout)] == captions
        sent = len([line for line in hub.log if line.startswith("PUT")])
        assert pixmo(hub, tmp_path, "push", str(made), "me/set").returncode == 0
        assert len([line for line in hub.log if line.startswith("PUT")]) == sent == 1


@pytest.mark.slow
def test_files_of_an_earlier_push_are_removed(made, tmp_path):
    """A shard that the folder no longer has leaves the Hub; files of others stay."""
    with Hub() as hub:
        old = {"format": "pixmo-manifest/1", "files": [{"path": "data/train-00009-of-00009.parquet"}]}
        others = {
            "data/train-00009-of-00009.parquet": b"x",
            "notes.txt": b"mine",
            "manifest.json": json.dumps(old).encode(),
        }
        hub.add("me/set", others)
        assert pixmo(hub, tmp_path, "push", str(made), "me/set").returncode == 0
        _, files = hub.commit("me/set", "main")
        assert "data/train-00009-of-00009.parquet" not in files
        assert files["notes.txt"] == b"mine"


@pytest.mark.slow
@pytest.mark.parametrize(("token", "told"), [(None, "wants a token"), ("hf_other", "may not write there")])
def test_without_the_right_token_nothing_is_sent(made, tmp_path, token, told):
    """One line that says what to do, exit code 2, and the token is not in it."""
    with Hub() as hub:
        done = pixmo(hub, tmp_path, "push", str(made), "me/set", token=token)
    assert done.returncode == 2
    assert told in done.stderr
    assert "hf_other" not in done.stderr + done.stdout
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_dry_run_says_what_would_go(made, capsys):
    """Every file and the bytes; no network is asked."""
    assert run(["push", str(made), "me/set", "--dry-run", "--with-report"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert {"README.md", "manifest.json", "report.html", "data/train-00000-of-00001.parquet"} < set(told)
    assert told[-1].startswith("4 files, ")


@pytest.mark.parametrize("damage", ["cut", "gone", "one byte"])
def test_a_damaged_folder_is_not_pushed(made, tmp_path, capsys, damage):
    """A file that is not what the manifest says is named; a changed byte is seen with --verify."""
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(made), str(copy)], check=True)
    data = copy / "data" / "train-00000-of-00001.parquet"
    whole = data.read_bytes()
    if damage == "gone":
        data.unlink()
    else:
        data.write_bytes(whole[:-1] if damage == "cut" else whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert run(["push", str(copy), "me/set", "--dry-run", "--verify"]) == 2
    assert "train-00000-of-00001.parquet: is not what manifest.json says" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "repo", "told"), [("nothing", "me/set", "is no finished folder"), (None, "me", "write owner/name")]
)
def test_a_wrong_request_is_told(made, tmp_path, capsys, folder, repo, told):
    """What is no folder of ours, and what is no name."""
    assert run(["push", str(tmp_path / folder if folder else made), repo]) == 2
    assert told in capsys.readouterr().err
