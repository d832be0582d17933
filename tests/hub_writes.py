"""How the stand-in of the Hub is written to: creating, branching, uploading large files, committing, as the real clients ask for it.

The order is the client's: create the repository, ask how each file is to be sent (`preupload`), send the large ones to where the
LFS batch says unless their digest is there, then one commit of newline-delimited JSON. Whoever changes anything shows a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, unquote

import yaml

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler as Base

    from tests.hub import Hub
else:
    Base = object

_WRITE = re.compile(r"/api/datasets/([^/]+/[^/]+)/(preupload|commit|branch)/([^/]+)")
_BATCH = re.compile(r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch")
LARGE = (".parquet", ".arrow", ".tar")
"""Files of these names are kept as the Hub keeps large ones, by the sha256 of their bytes."""


class Refused(Exception):
    """What is not allowed, as the Hub says it."""

    def __init__(self, status: int, code: str = "", message: str = "", **told: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.told = status, code, message, told


class Writes(Base):
    """The half of the handler that changes things."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _may_write(self, hub: Hub, repo: str) -> bool:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return repo.split("/")[0] in hub.tokens.get(token, ())

    def _written(self, hub: Hub, url: SplitResult, body: bytes) -> bool:
        """Answers a request that changes something; whether it was one."""
        try:
            told = self._changed(hub, url, body)
        except Refused as refused:
            self._error(refused.status, refused.code, message=refused.message, **refused.told)
            return True
        if told is not None:
            self._json(told)
        return told is not None

    def _changed(self, hub: Hub, url: SplitResult, body: bytes) -> Any:
        write, batch = _WRITE.fullmatch(url.path), _BATCH.fullmatch(url.path)
        if url.path in hub.refuse:
            status, message = hub.refuse.pop(url.path)
            raise Refused(status, message=message)
        if url.path.startswith("/lfs/"):
            return self._uploaded(hub, url.path.removeprefix("/lfs/"), body)
        if url.path == "/api/validate-yaml":
            return _validated(json.loads(body)["content"])
        if url.path == "/api/repos/create":
            return self._created(hub, json.loads(body))
        if not (write or batch):
            return None
        repo = (write or batch)[1]  # type: ignore[index]
        if repo not in hub:
            raise Refused(404, "RepoNotFound", "Repository not found")
        self._show_token(hub)
        asks_for_review = "create_pr" in parse_qs(url.query)
        if not asks_for_review and not batch and not self._may_write(hub, repo):
            raise Refused(403, message="Forbidden: you must have write access")
        if batch:
            return {"transfer": "basic", "objects": [_object(hub, o) for o in json.loads(body)["objects"]]}
        assert write is not None
        branch = unquote(write[3])
        if write[2] == "branch":
            return self._branched(hub, repo, branch)
        found = hub.commit(repo, branch)
        if found is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {branch}")
        if write[2] == "preupload":
            return {"files": [_mode(found[1], f) for f in json.loads(body)["files"]]}
        return self._committed(
            hub, repo, f"refs/pr/{len(hub.messages) + 1}" if asks_for_review else branch, found, body
        )

    def _show_token(self, hub: Hub) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in hub.tokens:
            message = "Invalid credentials in Authorization header" if token else "Invalid username or password."
            raise Refused(401, message=message)

    def _created(self, hub: Hub, told: dict[str, Any]) -> dict[str, Any]:
        self._show_token(hub)
        repo = f"{told.get('organization') or 'me'}/{told['name']}"
        if not self._may_write(hub, repo):
            owner = repo.split("/")[0]
            raise Refused(403, message=f'You don\'t have the rights to create a dataset under the namespace "{owner}"')
        url = f"{hub.url}/datasets/{repo}"
        if repo in hub:
            raise Refused(409, message="You already created this dataset repo", url=url)
        hub.add(repo, {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"})
        if told.get("visibility") == "private" or told.get("private"):
            hub.private.add(repo)
        return {"url": url}

    def _branched(self, hub: Hub, repo: str, branch: str) -> dict[str, Any]:
        branches = hub.branches(repo)
        if branch in branches:
            raise Refused(409, message=f"Reference already exists: refs/heads/{branch}")
        branches[branch] = branches["main"]
        return {}

    def _uploaded(self, hub: Hub, oid: str, body: bytes) -> dict[str, Any]:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, message="the content has another digest")
        hub.blobs[oid] = body
        return {}

    def _committed(
        self, hub: Hub, repo: str, branch: str, found: tuple[str, dict[str, bytes]], body: bytes
    ) -> dict[str, Any]:
        head, *lines = [json.loads(line) for line in body.splitlines()]
        if head["value"].get("parentCommit") not in (None, found[0]):
            raise Refused(412, message="A commit has happened since. Please refresh and try again.")
        files = dict(found[1])
        for line in lines:
            told = line["value"]
            if line["key"] == "file":
                files[told["path"]] = base64.b64decode(told["content"])
            elif line["key"] == "lfsFile":
                files[told["path"]] = hub.blobs[told["oid"]]
            elif line["key"] == "deletedFile":
                del files[told["path"]]
        hub.messages.append(head["value"]["summary"])
        sha = hub.add(repo, files, branch)
        page = f"{hub.url}/datasets/{repo}"
        told = {"success": True, "commitOid": sha, "commitUrl": f"{page}/commit/{sha}"}
        return told | {"pullRequestUrl": f"{page}/discussions/{branch.rpartition('/')[2]}"}


def git_oid(data: bytes) -> str:
    """What Git calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _object(hub: Hub, wanted: dict[str, Any]) -> dict[str, Any]:
    told = {"oid": wanted["oid"], "size": wanted["size"]}
    if wanted["oid"] in hub.blobs:
        return told
    return told | {"actions": {"upload": {"href": f"{hub.url}/lfs/{wanted['oid']}"}}}


def _mode(files: dict[str, bytes], wanted: dict[str, Any]) -> dict[str, Any]:
    path = wanted["path"]
    told = {"path": path, "uploadMode": "lfs" if path.endswith(LARGE) else "regular", "shouldIgnore": False}
    if path in files:
        told["oid"] = hashlib.sha256(files[path]).hexdigest() if path.endswith(LARGE) else git_oid(files[path])
    return told


def _validated(card: str) -> dict[str, Any]:
    """What the Hub says of a card's head: that it is YAML."""
    head = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    try:
        yaml.safe_load(head[1] if head else "")
    except yaml.YAMLError as error:
        raise Refused(400, message=str(error)) from error
    return {"errors": [], "warnings": []}
