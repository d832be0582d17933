"""A branch of a data set on the Hub: what is there, and one commit more. What the Hub's client raises leaves as one line with the remedy."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.errors import BadFolder, BadSetting, PixmoError
from pixmo.storage.manifest import FORMAT, NAME

TYPE = "dataset"
REPORT = "report.html"
SETTINGS = "https://huggingface.co/settings/tokens"
AGAIN = "run the same command again: what has arrived is not sent again"


class Unreachable(PixmoError):
    """The Hub could not be asked."""


class Stored(NamedTuple):
    """A file there: large ones are known by their sha256, small ones by what Git calls them."""

    bytes: int
    sha256: str | None
    oid: str

    def holds(self, path: Path, size: int, sha256: str) -> bool:
        """Whether it is the file of this size and digest, which lies here."""
        if self.bytes != size or self.sha256 is not None:
            return self.bytes == size and self.sha256 == sha256
        return hashlib.sha1(b"blob %d\0" % size + path.read_bytes(), usedforsecurity=False).hexdigest() == self.oid


class Branch(NamedTuple):
    """A branch as it is: its last commit, its files, and which of them an earlier push put there."""

    sha: str
    files: dict[str, Stored]
    ours: frozenset[str]
    is_private: bool
    is_there: bool  # else it is main, of which it will be made


class HubSet:
    """A data set, maybe yet to be made, and the branch that is meant."""

    def __init__(self, repo: str, branch: str) -> None:
        from huggingface_hub import HfApi  # imports for a second

        self.repo, self._branch, self._api = repo, branch, HfApi()

    def need_token(self) -> None:
        """Raises BadSetting where there is none."""
        if not _token():
            raise BadSetting(
                f"{self.repo}: the Hub wants a token: make one with write access at {SETTINGS}, then `hf auth login`, or set HF_TOKEN"
            )

    def look(self) -> Branch | None:
        """What is there; None where there is no such data set, or none that the token may see."""
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        try:
            return self._look(self._branch)
        except RevisionNotFoundError:
            return self._look("main")._replace(is_there=False)
        except RepositoryNotFoundError as error:
            if getattr(error.response, "status_code", None) == 403:  # gated: it is there
                raise
            return None

    def create(self, private: bool) -> Branch:
        """Makes the data set."""
        self._api.create_repo(self.repo, repo_type=TYPE, private=private, exist_ok=True)
        made = self.look()
        if made is None:
            raise BadSetting(f"{self.repo}: is there, but the token may not see it; use one of its owner")
        return made

    def commit(
        self,
        onto: Branch,
        files: Sequence[tuple[str, Path, str]],
        removed: Sequence[str],
        message: str,
        create_pr: bool,
    ) -> str:
        """One commit with these files (path there, file here, sha256) and without the removed; its address, or the pull request's."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        if not onto.is_there:
            self._api.create_branch(self.repo, repo_type=TYPE, branch=self._branch, exist_ok=True)
        additions = [CommitOperationAdd(path, str(file)) for path, file, _ in files]
        self._api.preupload_lfs_files(
            self.repo, additions, repo_type=TYPE, revision=self._branch, create_pr=create_pr, free_memory=False
        )
        for addition, (_, file, sha256) in zip(additions, files, strict=True):
            if addition.upload_info.sha256.hex() != sha256:
                raise BadFolder(f"{file}: changed, or is not what {NAME} says; nothing was published")
        done = self._api.create_commit(
            self.repo, [*additions, *(CommitOperationDelete(path, is_folder=False) for path in removed)],
            repo_type=TYPE, revision=self._branch, commit_message=message, create_pr=create_pr, parent_commit=onto.sha,
        )  # fmt: skip
        return str(done.pr_url or done.commit_url)

    def _look(self, branch: str) -> Branch:
        from huggingface_hub.hf_api import RepoFile

        told = self._api.dataset_info(self.repo, revision=branch)
        listed = self._api.list_repo_tree(self.repo, recursive=True, revision=told.sha, repo_type=TYPE)
        stored = [f for f in listed if isinstance(f, RepoFile)]
        files = {f.path: Stored(f.size, f.lfs.sha256 if f.lfs else None, f.blob_id) for f in stored}
        ours = self._named(str(told.sha)) if NAME in files else frozenset()
        return Branch(str(told.sha), files, ours, bool(told.private), True)

    def _named(self, sha: str) -> frozenset[str]:
        """What the manifest there names, itself, and the report beside it."""
        with tempfile.TemporaryDirectory(prefix="pixmo-") as folder:
            path = self._api.hf_hub_download(self.repo, NAME, repo_type=TYPE, revision=sha, local_dir=folder)
            try:
                told = json.loads(Path(path).read_bytes())
                named = {str(f["path"]) for f in told["files"]} if told["format"] == FORMAT else None
            except (ValueError, KeyError, TypeError):
                named = None
        return frozenset() if named is None else frozenset(named | {NAME, REPORT})


@contextlib.contextmanager
def at_the_border(repo: str) -> Iterator[None]:
    """Turns what the Hub's client raises into a PixmoError in which no token stands."""
    try:
        yield
    except (PixmoError, AssertionError, AttributeError, NameError, TypeError):  # ours, and bugs
        raise
    except Exception as error:  # the border to a library and the network under it
        kind, what = _told(repo, error)
        token = _token()
        raise kind(f"{repo}: {what.replace(token, '…') if token else what}") from error


def _told(repo: str, error: Exception) -> tuple[type[PixmoError], str]:
    from huggingface_hub import errors

    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error  # of an upload's thread
    if isinstance(cause, errors.OfflineModeIsEnabled):
        return Unreachable, "the Hub may not be asked: HF_HUB_OFFLINE is set"
    if isinstance(cause, OSError) and isinstance(cause.filename, str):
        return BadFolder, f"cannot be published: {_line(str(cause))}"
    if isinstance(cause, errors.HFValidationError):
        return BadSetting, f"is no name the Hub takes: {_line(str(cause))}"
    if isinstance(cause, errors.HfHubHTTPError):
        return BadSetting, _refusal(repo, cause)
    if isinstance(cause, ValueError):  # a card whose head the Hub does not take
        return BadSetting, f"the Hub does not take it: {_line(str(cause))}"
    return Unreachable, f"the Hub cannot be reached ({type(cause).__name__}: {_line(str(cause))}); {AGAIN}"


def _refusal(repo: str, error: Any) -> str:  # Any: an HfHubHTTPError
    status = getattr(error.response, "status_code", 0)
    said = _line(getattr(error, "server_message", None) or str(error))
    owner = repo.split("/")[0]
    known = {
        401: f"the Hub does not take the token: make another with write access at {SETTINGS}, then `hf auth login`, or set HF_TOKEN",
        403: f"the token may not write there ({said}): use one with write access to {owner!r}, or another owner",
        404: f"no such owner, data set or branch on the Hub ({said})",
        409: f"was changed by another meanwhile; {AGAIN}",
        412: f"was changed by another meanwhile; {AGAIN}",
        429: f"the Hub asks to slow down; wait, then {AGAIN}",
    }
    if status in known:
        return known[status]
    return (
        f"the Hub has trouble ({status}: {said}); {AGAIN}"
        if status >= 500
        else f"the Hub refuses it ({status}: {said})"
    )


def _token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
