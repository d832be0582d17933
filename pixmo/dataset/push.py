"""A finished folder on the Hub: the published files and nothing of the work behind them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmo.errors import BadFolder, BadSetting
from pixmo.ids import digest
from pixmo.storage.manifest import NAME, Manifest, load

REPORT = "report.html"
MESSAGE = "Publish with pixmo"


@dataclass(frozen=True)
class Pushed:
    """What was, or would be, published; `url` is the commit's, None for a dry run."""

    repo: str
    files: tuple[str, ...]
    removed: tuple[str, ...]
    bytes: int
    url: str | None


def push(
    out: Path, repo: str, *, private: bool = False, revision: str | None = None, message: str = MESSAGE,
    create_pr: bool = False, with_report: bool = False, verify: bool = False, dry_run: bool = False,
) -> Pushed:  # fmt: skip
    """Publishes a finished folder as the data set `repo` (owner/name), in one commit.

    Files that the manifest names, and the manifest; `.pixmo/` never. Files that are there already are not sent again, and those
    of an earlier push that the folder no longer has are removed. Sizes are compared with the manifest before, digests too with
    `verify`. The token is that of HF_TOKEN or `hf auth login`. Raises BadFolder, or BadSetting for what the Hub refuses.
    """
    manifest = _finished(out, verify)
    files = [*(f.path for f in manifest.files), NAME, *([REPORT] if with_report else [])]
    sizes = [(out / path).stat().st_size for path in files]
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise BadSetting(f"{repo!r} is no data set on the Hub: write owner/name")
    if dry_run:
        return Pushed(repo, tuple(files), (), sum(sizes), None)
    with _at_the_border(repo):
        return _commit(out, repo, files, sum(sizes), private, revision, message, create_pr)


def _finished(out: Path, verify: bool) -> Manifest:
    """The manifest of a folder whose files are as it says."""
    manifest = load(out)
    if manifest is None:
        raise BadFolder(f"{out}: is no finished folder: it has no {NAME}; run its command again first")
    for file in manifest.files:
        path = out / file.path
        if not path.is_file() or path.stat().st_size != file.bytes or (verify and _digest(path) != file.sha256):
            raise BadFolder(f"{path}: is not what {NAME} says; mend it with `pixmo verify {out} --repair`")
    return manifest


def _digest(path: Path) -> str:
    return digest(path.read_bytes())


def _commit(
    out: Path, repo: str, files: Sequence[str], size: int, private: bool, revision: str | None, message: str,
    create_pr: bool,
) -> Pushed:  # fmt: skip
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()
    api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
    if revision is not None and not create_pr:
        api.create_branch(repo, repo_type="dataset", branch=revision, exist_ok=True)
    removed = sorted(_named_before(api, repo, revision) - set(files))
    operations: list[Any] = [CommitOperationAdd(path, str(out / path)) for path in files]
    operations += [CommitOperationDelete(path) for path in removed]
    done = api.create_commit(
        repo, operations, repo_type="dataset", revision=revision, commit_message=message, create_pr=create_pr
    )
    return Pushed(repo, tuple(files), tuple(removed), size, done.pr_url or done.commit_url)


def _named_before(api: Any, repo: str, revision: str | None) -> set[str]:  # Any: an HfApi
    """The files that an earlier push left, of those still there."""
    there = set(api.list_repo_files(repo, repo_type="dataset", revision=revision))
    if NAME not in there:
        return set()
    path = api.hf_hub_download(repo, NAME, repo_type="dataset", revision=revision)
    try:
        return {str(f["path"]) for f in json.loads(Path(path).read_bytes())["files"]} & there
    except (ValueError, KeyError, TypeError):  # somebody else's manifest.json: nothing of ours
        return set()


@contextlib.contextmanager
def _at_the_border(repo: str) -> Iterator[None]:
    """Turns what the Hub's client raises into one line with the remedy."""
    from huggingface_hub import errors

    try:
        yield
    except errors.LocalTokenNotFoundError as error:
        raise BadSetting(f"{repo}: the Hub wants a token; set HF_TOKEN, or `hf auth login`") from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        what = {
            401: "the Hub wants a token that is valid; set HF_TOKEN, or `hf auth login`",
            403: "the token may not write there; use one with write access, or your own name as owner",
            404: "no such owner or branch on the Hub",
        }.get(status or 0, f"the Hub said {status}: {' '.join(str(error).split())[:200]}")
        raise BadSetting(f"{repo}: {what}") from error
    except errors.HFValidationError as error:
        raise BadSetting(f"{repo}: {' '.join(str(error).split())[:200]}") from error
    except (OSError, ValueError) as error:  # the network, and files that changed under the upload
        raise BadSetting(f"{repo}: cannot be published: {' '.join(str(error).split())[:200]}") from error


__all__ = ["MESSAGE", "Pushed", "push"]
