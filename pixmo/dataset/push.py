"""A finished folder on the Hub: the published files, in one commit, and nothing of the work behind them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.dataset.push_hub import Branch, HubSet, Unreachable, at_the_border
from pixmo.errors import BadFolder, BadSetting
from pixmo.storage.lock import locked
from pixmo.storage.manifest import NAME, file_digest, load

REPORT = "report.html"
MESSAGE = "Publish with pixmo"


class File(NamedTuple):
    """A file to publish; `path` is the same here and there."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Pushed:
    """What was, or in a dry run would be, published. `url` is that of the commit or pull request; None when nothing was sent."""

    repo: str
    files: tuple[File, ...]  # sent
    there: tuple[str, ...]  # as they are here already
    removed: tuple[str, ...]  # of an earlier push, and not in the folder any more
    is_new: bool  # whether the data set was made for it
    url: str | None
    unknown: str | None = None  # why a dry run does not know what is there

    @property
    def bytes(self) -> int:
        """Of the files sent."""
        return sum(f.bytes for f in self.files)

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return asdict(self) | {"files": [f._asdict() for f in self.files], "bytes": self.bytes}


def push(
    out: Path, repo: str, *, private: bool = False, revision: str | None = None, message: str = MESSAGE,
    create_pr: bool = False, with_report: bool = False, verify: bool = False, dry_run: bool = False,
) -> Pushed:  # fmt: skip
    """Publishes a finished folder as the data set `repo` (owner/name), in one commit.

    That is the files its manifest names, and the manifest; `.pixmo/` never, the report only `with_report`. Files that are there
    already are not sent again, and those of an earlier push that the folder no longer has are removed. Sizes are compared with the
    manifest before anything is sent, digests too with `verify`; digests of what is sent in any case before it is committed. The
    token is that of HF_TOKEN or of `hf auth login`. Raises BadFolder; BadSetting for what the Hub refuses; InUse.
    """
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise BadSetting(f"{repo!r} is no data set on the Hub: write owner/name")
    if create_pr and revision is not None:
        raise BadSetting("--create-pr proposes a change of main: leave --revision out")
    with _held(out):
        files = files_of(out, with_report, verify)
        with at_the_border(repo):
            there, unknown = _looked(hub := HubSet(repo, revision or "main"), dry_run)
            _check(repo, there, private, create_pr and unknown is None)
            found = _compared(out, repo, files, there)
            if dry_run or not (found.files or found.removed):
                return replace(found, unknown=unknown)
            additions = [(f.path, out / f.path, f.sha256) for f in found.files]
            url = hub.commit(there or hub.create(private), additions, found.removed, message, create_pr)
            return replace(found, url=url)


def files_of(out: Path, with_report: bool = False, verify: bool = False) -> list[File]:
    """What of a folder is published. Raises BadFolder for one that is not finished or not as its manifest says."""
    manifest = load(out)
    if manifest is None:
        raise BadFolder(f"{out}: is no finished folder: it has no {NAME}; run its command again first")
    files = [File(f.path, f.bytes, f.sha256) for f in manifest.files]
    for file in files:
        path = _inside(out, file.path)
        if not path.is_file() or path.stat().st_size != file.bytes or (verify and file_digest(path) != file.sha256):
            raise BadFolder(f"{path}: is not what {NAME} says; mend it with `pixmo verify {out} --repair`")
    for name in (NAME, *([REPORT] if with_report else ())):
        path = _inside(out, name)
        if not path.is_file():
            raise BadFolder(f"{path}: is not there; leave --with-report out, or run the folder's command again")
        files.append(File(name, path.stat().st_size, file_digest(path)))
    return files


def _inside(out: Path, name: str) -> Path:
    """The file of a name. Raises BadFolder where it, or what it links to, is hidden or outside the folder."""
    path, home = out / name, out.resolve()
    real = path.resolve()
    if not real.is_relative_to(home) or any(
        part.startswith(".") for part in (*real.relative_to(home).parts, *Path(name).parts)
    ):
        raise BadFolder(
            f"{path}: is hidden, or a link out of what is published, and is not sent; is {NAME} the one pixmo wrote?"
        )
    return path


def _held(out: Path) -> AbstractContextManager[None]:
    """No run changes the folder meanwhile; a copy without the hidden state needs no lock."""
    hidden = out / ".pixmo"
    return locked(hidden, str(out), writing=False) if (hidden / "lock").is_file() else nullcontext()


def _looked(hub: HubSet, dry_run: bool) -> tuple[Branch | None, str | None]:
    """What is there; for a dry run maybe why that is not known."""
    if not dry_run:
        hub.need_token()
        return hub.look(), None
    try:
        with at_the_border(hub.repo):
            return hub.look(), None
    except Unreachable as error:
        return None, str(error)


def _check(repo: str, there: Branch | None, private: bool, create_pr: bool) -> None:
    if private and there is not None and not there.is_private:
        raise BadSetting(f"{repo}: is there and public; make it private on its page, or leave --private out")
    if create_pr and there is None:
        raise BadSetting(f"{repo}: no such data set on the Hub to propose a change of; leave --create-pr out")


def _compared(out: Path, repo: str, files: Sequence[File], there: Branch | None) -> Pushed:
    """What is to be sent and removed. Raises BadSetting for a data set with data of others."""
    if there is None:
        return Pushed(repo, tuple(files), (), (), True, None)
    equal = {
        f.path for f in files if f.path in there.files and there.files[f.path].holds(out / f.path, f.bytes, f.sha256)
    }
    others = sorted(p for p in there.files if p.startswith("data/") and p not in there.ours and p not in equal)
    if others:
        raise BadSetting(
            f"{repo}: holds {others[0]}, which no push of pixmo put there and readers would read along; remove it there, or name another data set"
        )
    removed = sorted(there.ours.intersection(there.files) - {f.path for f in files})
    return Pushed(
        repo, tuple(f for f in files if f.path not in equal), tuple(sorted(equal)), tuple(removed), False, None
    )


__all__ = ["MESSAGE", "File", "Pushed", "push"]
