"""The manifest names every published file, says nothing of the machine, and finds what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixmo.errors import BadFolder
from pixmo.ids import digest
from pixmo.storage.manifest import NAME, Manifest, ManifestFile, differences, file_digest, load

FILES = {"data/train-00000.parquet": b"one", "data/validation-00000.parquet": b"two", "README.md": b"card"}


def made(out: Path) -> Manifest:
    for name, data in FILES.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    files = tuple(ManifestFile(n, digest(d), len(d), 1, "train") for n, d in FILES.items())
    manifest = Manifest(files, 3, 2, {"outcome": {"ok": 2, "not_found": 1}}, {"name": "cap", "steps": []})
    manifest.publish(out)
    return manifest


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """All fields survive, files in the order of their paths."""
    manifest = made(tmp_path)
    read = load(tmp_path)
    assert read is not None
    assert sorted(read.files, key=str) == sorted(manifest.files, key=str)
    assert (read.rows, read.written, read.counts, read.recipe) == (3, 2, manifest.counts, manifest.recipe)


def test_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    """Whoever finished first: the same bytes."""
    manifest = made(tmp_path)
    before = (tmp_path / NAME).read_bytes()
    Manifest(manifest.files[::-1], 3, 2, dict(reversed(manifest.counts.items())), manifest.recipe).publish(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before


def test_its_bytes_are_a_promise(tmp_path: Path) -> None:
    """Nothing but what was given: no clock, no attempt, no machine."""
    Manifest((ManifestFile("data/a", "00", 1, 2, "train"),), 2, 2).publish(tmp_path)
    assert json.loads((tmp_path / NAME).read_text()) == {
        "format": "pixmo-manifest/1", "rows": 2, "written": 2, "counts": {}, "recipe": {},
        "files": [{"path": "data/a", "sha256": "00", "bytes": 1, "rows": 2, "split": "train"}],
    }  # fmt: skip


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    """An unfinished run has no manifest."""
    assert load(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": "other/9"}', '{"format": "pixmo-manifest/1", "files": [{}]}']
)
def test_what_is_no_manifest_of_ours_is_refused(text: str, tmp_path: Path) -> None:
    """A damaged or foreign file is a wrong folder, told in one line."""
    (tmp_path / NAME).write_text(text)
    with pytest.raises(BadFolder, match=NAME):
        load(tmp_path)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "data/../../secret", ""])
def test_a_manifest_names_no_file_outside_its_folder(path: str, tmp_path: Path) -> None:
    """A folder from a stranger must not make `verify --repair` touch anything else."""
    Manifest((ManifestFile(path, "00", 1),), 1, 1).publish(tmp_path)
    with pytest.raises(BadFolder, match="outside"):
        load(tmp_path)


def test_a_whole_folder_has_no_differences(tmp_path: Path) -> None:
    """Every file is there, as large and of the content it was."""
    assert list(differences(tmp_path, made(tmp_path))) == []


def test_differences_find_what_is_missing_changed_and_not_named(tmp_path: Path) -> None:
    """Each by its path: gone, of another size, of the same size but other bytes, and one that nobody wrote."""
    manifest = made(tmp_path)
    (tmp_path / "README.md").unlink()
    (tmp_path / "data/train-00000.parquet").write_bytes(b"one more")
    (tmp_path / "data/validation-00000.parquet").write_bytes(b"twO")
    (tmp_path / "data/extra.parquet").write_bytes(b"")
    assert dict(differences(tmp_path, manifest)) == {
        "README.md": "missing",
        "data/train-00000.parquet": "has 8 bytes instead of 3",
        "data/validation-00000.parquet": "content differs from its sha256",
        "data/extra.parquet": "not in the manifest",
    }


def test_a_file_digest_is_its_sha256(tmp_path: Path) -> None:
    """Of the whole file, also one larger than a buffer."""
    (tmp_path / "f").write_bytes(b"x" * 3_000_000)
    assert file_digest(tmp_path / "f") == digest(b"x" * 3_000_000)
