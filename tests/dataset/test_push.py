"""A finished folder goes to the Hub, as the real client sends it to a stand-in, and comes back equal."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pixmo.cli import run
from pixmo.storage.lock import locked
from pixmo.storage.manifest import NAME
from tests.dataset.sets import finished, grouped
from tests.hub import Hub
from tests.pictures import jpeg

DATA = "data/train-00000-of-00001.parquet"
SENT = {"README.md", NAME, DATA}
READ_BACK = """
import datasets, json, sys
rows = datasets.load_dataset("me/set", split="train")
sizes = [row["image"].size for row in rows]
rows = rows.cast_column("image", datasets.Image(decode=False)).with_format("arrow")[:]
print(json.dumps(sizes))
import pyarrow.parquet as pq
pq.write_table(rows, sys.argv[1])
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three pictures with captions."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "in").mkdir()
    for n in range(3):
        (folder / "in" / f"{n}.jpg").write_bytes(jpeg(n, (40 + n, 30)))
        (folder / "in" / f"{n}.txt").write_text(f"picture {n}")
    options = ["--n-proc", "1", "--min-free-disk", "1MB", "--quiet"]
    assert run(["import", str(folder / "in"), str(folder / "out"), *options]) == 0
    return folder / "out"


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "copy", symlinks=True))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


class Push:
    """`pixmo push` in a process of its own that takes the stand-in for the Hub."""

    def __init__(self, hub: Hub, home: Path) -> None:
        self.hub, self.home = hub, home

    def __call__(self, *arguments: str | Path, code: int = 0, token: str | None = "hf_test", **env: str) -> str:
        told = self.hub.env(self.home) | ({"HF_TOKEN": token} if token else {}) | env
        done = subprocess.run(
            [sys.executable, "-m", "pixmo", "push", *map(str, arguments)], env=told, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        if code == 2:
            assert len(done.stderr.strip().splitlines()) == 1
        assert token is None or token not in done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def asked(self, *methods: str) -> list[str]:
        return [line for line in self.hub.log if line.split()[0] in methods]


@pytest.fixture
def push(hub: Hub, tmp_path: Path) -> Push:
    return Push(hub, tmp_path / "hf")


def files(hub: Hub, branch: str = "main") -> dict[str, bytes]:
    found = hub.commit("me/set", branch)
    assert found is not None
    return {path: data for path, data in found[1].items() if path != ".gitattributes"}


@pytest.mark.slow
def test_what_is_pushed_is_what_datasets_reads(made: Path, push: Push, hub: Hub, tmp_path: Path) -> None:
    """Data, card and manifest arrive in one commit, byte by byte, nothing of the work does, and `datasets` reads the same rows."""
    told = json.loads(push(made, "me/set", "--verify", "--json"))
    assert files(hub) == {path: (made / path).read_bytes() for path in SENT}
    assert told["url"].endswith(hub.branches("me/set")["main"])
    assert (told["is_new"], {f["path"] for f in told["files"]}) == (True, SENT)
    assert hub.messages == ["Publish with pixmo"]
    command = [sys.executable, "-c", READ_BACK, str(tmp_path / "back.parquet")]
    done = subprocess.run(
        command, env=hub.env(tmp_path / "reader"), capture_output=True, text=True, check=True, timeout=120
    )
    assert sorted(json.loads(done.stdout)) == [[40, 30], [41, 30], [42, 30]]
    assert pq.read_table(tmp_path / "back.parquet").to_pylist() == pq.read_table(made / DATA).to_pylist()


@pytest.mark.slow
def test_a_push_that_broke_off_goes_on(made: Path, push: Push, hub: Hub) -> None:
    """What had arrived is not sent again, nobody sees half of it, and a third push has nothing to do."""
    hub.refuse["/api/datasets/me/set/commit/main"] = (503, "out of order")
    assert "the Hub has trouble (503" in push(made, "me/set", code=2)
    assert files(hub) == {}
    assert len(push.asked("PUT")) == 1
    push(made, "me/set")
    assert len(push.asked("PUT")) == 1
    assert set(files(hub)) == SENT
    before = len(push.asked("PUT", "POST"))
    assert push(made, "me/set") == "me/set: everything is there already (3 files)\n"
    assert len(push.asked("PUT", "POST")) == before


@pytest.mark.slow
def test_only_what_changed_is_sent(tmp_path: Path, push: Push, hub: Hub) -> None:
    """A set that grew: shards that are there stay, new ones are sent, those of the earlier push that are gone leave; others' files stay."""
    first, second, third = grouped(0, 5), grouped(5, 5), grouped(10, 5)
    push(finished(tmp_path / "a", {"train": [first, second], "test": [third]}), "me/set")
    hub.add("me/set", files(hub) | {"notes.txt": b"mine", "report.html": b"old"})
    told = push(finished(tmp_path / "b", {"train": [first, third]}), "me/set", "--message", "Other rows")
    assert "2 files, " in told
    assert "1 there already, 2 removed" in told
    there = files(hub)
    assert set(there) == {NAME, "notes.txt", "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"}
    assert len(push.asked("PUT")) == 3  # the third table was among them from the beginning, under another name
    assert hub.messages == ["Publish with pixmo", "Other rows"]


@pytest.mark.slow
def test_data_of_others_is_never_mixed_with_ours(made: Path, push: Push, hub: Hub) -> None:
    """Where data lies that no push put there, nothing is sent, and it is named: of the same name, or with a manifest that is none."""
    hub.add("me/set", {DATA: b"somebody's"})
    assert f"holds {DATA}, which no push of pixmo put there" in push(made, "me/set", code=2)
    hub.add("me/set", {"data/x.csv": b"a,b", NAME: b"[]"})
    assert "holds data/x.csv" in push(made, "me/set", code=2)
    assert push.asked("PUT", "POST") == []


@pytest.mark.slow
def test_private_means_private(made: Path, push: Push, hub: Hub) -> None:
    """A new data set is made private; one that is there and public is refused, for the rows would be seen."""
    push(made, "me/set", "--private")
    assert hub.private == {"me/set"}
    assert "would be sent" not in push(made, "me/set", "--private", "--dry-run")
    hub.private.clear()
    assert "is there and public" in push(made, "me/set", "--private", code=2)


@pytest.mark.slow
def test_a_branch_is_made_where_there_is_none(made: Path, push: Push, hub: Hub) -> None:
    """`--revision` publishes there and leaves main as it was; it may hold a slash."""
    hub.add("me/set", {"README.md": b"old"})
    push(made, "me/set", "--revision", "v1/first")
    assert set(files(hub, "v1/first")) == SENT
    assert files(hub) == {"README.md": b"old"}
    assert "everything is there" in push(made, "me/set", "--revision", "v1/first")


@pytest.mark.slow
def test_a_change_may_be_proposed(made: Path, push: Push, hub: Hub) -> None:
    """`--create-pr` answers with the pull request's address and changes nothing else, of somebody else's data set too."""
    hub.add("you/set", {"README.md": b"old"})
    told = push(made, "you/set", "--create-pr")
    assert told.splitlines()[-1] == f"{hub.url}/datasets/you/set/discussions/1"
    assert set(hub.branches("you/set")) == {"main", "refs/pr/1"}
    assert "may not write there" in push(made, "you/set", code=2)
    assert "no such data set on the Hub to propose" in push(made, "me/none", "--create-pr", code=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "repo", "told"),
    [
        (None, "me/set", "wants a token: make one with write access"),
        ("hf_unknown", "me/set", "does not take the token"),
        ("hf_test", "nobody/set", "may not write there (You don't have the rights"),
    ],
    ids=["no token", "a token the Hub does not know", "another's name"],
)
def test_without_the_right_token_nothing_is_sent(
    made: Path, push: Push, hub: Hub, token: str | None, repo: str, told: str
) -> None:
    """One line that says what to do, and the token is not in it."""
    assert told in push(made, repo, code=2, token=token)
    assert repo not in hub
    assert push.asked("PUT") == []


@pytest.mark.slow
def test_a_token_is_not_even_told_when_the_hub_tells_it(made: Path, push: Push, hub: Hub) -> None:
    """An answer that repeats the token is printed without it."""
    hub.refuse["/api/repos/create"] = (403, "the token hf_test may only read")
    assert "the token … may only read" in push(made, "me/set", code=2)


@pytest.mark.slow
def test_who_comes_second_is_told(made: Path, push: Push, hub: Hub) -> None:
    """A commit of somebody else in between is not written over."""
    hub.refuse["/api/datasets/me/set/commit/main"] = (412, "A commit has happened since")
    assert "was changed by another meanwhile; run the same command again" in push(made, "me/set", code=2)


@pytest.mark.slow
def test_a_dry_run_says_what_would_go_and_sends_nothing(made: Path, push: Push, hub: Hub, tmp_path: Path) -> None:
    """Every file with its size; it needs no token, and where the Hub cannot be asked it says that it was not."""
    lines = push(made, "me/set", "--dry-run", "--with-report", token=None).splitlines()
    assert {line.split()[0] for line in lines[:-1]} == SENT | {"report.html"}
    assert lines[-1].startswith("me/set (new): 4 files, ")
    assert push.asked("PUT", "POST") == []
    offline = push(made, "me/set", "--dry-run", HF_HUB_OFFLINE="1").splitlines()
    assert offline[-1] == "what is there is not known: me/set: the Hub may not be asked: HF_HUB_OFFLINE is set"
    hub.add("me/set", {path: (made / path).read_bytes() for path in SENT - {"README.md"}})
    told = json.loads(push(made, "me/set", "--dry-run", "--json"))
    assert [f["path"] for f in told["files"]] == ["README.md"]
    assert told["files"][0]["bytes"] == told["bytes"] == (made / "README.md").stat().st_size
    assert (set(told["there"]), told["url"]) == ({DATA, NAME}, None)


@pytest.mark.slow
def test_a_hub_that_is_not_there_is_told(made: Path, push: Push) -> None:
    """In one line, with what to do."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        told = push(made, "me/set", code=2, HF_ENDPOINT=f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert "the Hub cannot be reached" in told
    assert "run the same command again" in told


@pytest.mark.slow
def test_what_is_sent_is_compared_with_the_manifest(copy: Path, push: Push, hub: Hub) -> None:
    """A byte that changed since is seen before anything is published, without --verify too."""
    flip(copy / DATA)
    assert f"{DATA}: changed, or is not what manifest.json says; nothing was published" in push(copy, "me/set", code=2)
    assert files(hub) == {}


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])


@pytest.mark.parametrize("damage", ["cut", "gone", "one byte"])
def test_a_damaged_folder_is_not_pushed(copy: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    """A file that is not what the manifest says is named, before the Hub is asked; a changed byte is seen with --verify."""
    if damage == "gone":
        (copy / DATA).unlink()
    elif damage == "cut":
        (copy / DATA).write_bytes((copy / DATA).read_bytes()[:-1])
    else:
        flip(copy / DATA)
    assert run(["push", str(copy), "me/set", "--verify"]) == 2
    assert f"{DATA}: is not what manifest.json says" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (".pixmo/run.toml", None),
        ("data/link.parquet", "../../secret"),
        ("data/link.parquet", "../.pixmo/run.toml"),
        ("report.html", "../secret"),
    ],
)
def test_nothing_hidden_or_outside_is_pushed(
    copy: Path, capsys: pytest.CaptureFixture[str], path: str, target: str | None
) -> None:
    """A manifest that names the hidden state, or a link to it or out of the folder, is refused, whatever it says of size and digest."""
    (copy.parent / "secret").write_text("x")
    if target is not None:
        (copy / path).unlink(missing_ok=True)
        (copy / path).symlink_to(target)
    told = json.loads((copy / NAME).read_bytes())
    named = {"path": path, "bytes": (copy / path).stat().st_size, "sha256": "0" * 64, "rows": 1, "split": "train"}
    named_too = [] if path == "report.html" else [named]
    (copy / NAME).write_text(json.dumps(told | {"files": [*told["files"], *named_too]}))
    assert run(["push", str(copy), "me/set", "--with-report"]) == 2
    assert f"{path}: is hidden, or a link out of what is published" in capsys.readouterr().err


def test_a_folder_at_work_is_not_pushed(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files may change while a run holds the folder."""
    with locked(copy / ".pixmo", str(copy)):
        assert run(["push", str(copy), "me/set"]) == 2
    assert "is in use by another run" in capsys.readouterr().err


@pytest.mark.slow
def test_a_copy_without_the_hidden_state_is_pushed_too(copy: Path, push: Push, hub: Hub) -> None:
    """What is published is all that is needed."""
    shutil.rmtree(copy / ".pixmo")
    push(copy, "me/set")
    assert set(files(hub)) == SENT


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing", "me/set"], "nothing: is no finished folder"),
        (["copy", "me"], "'me' is no data set on the Hub: write owner/name"),
        (["copy", "me/set/too"], "write owner/name"),
        (["copy", "me/"], "write owner/name"),
        (["copy", "me/set", "--create-pr", "--revision", "v1"], "leave --revision out"),
        (["copy", "me/set", "--with-report"], "report.html: is not there"),
    ],
)
def test_a_wrong_request_is_told(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """What is no folder of ours, what is no name, what does not go together; the Hub is not asked."""
    (copy / "report.html").unlink()
    monkeypatch.chdir(copy.parent)
    assert run(["push", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_a_name_the_hub_does_not_take_is_told(made: Path, push: Push) -> None:
    """With the client's reason."""
    assert "is no name the Hub takes" in push(made, "me/se t", code=2)
