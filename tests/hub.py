"""A stand-in of the Hub on loopback, enough for the real `datasets` and `huggingface_hub` with HF_ENDPOINT.

    with Hub() as hub:
        hub.add("owner/name", {"README.md": b"…", "data/train.parquet": b"…"})
        subprocess.run(…, env=hub.env(tmp_path))

Repositories have commits (the last one is `main`), are listed as trees, and give their files whole or by range. It answers
GET, HEAD and POST of what those clients ask; everything asked is kept in `log`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_API = re.compile(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info|refs)(?:/([^/]+)(?:/(.*))?)?)?")
_WRITE = re.compile(r"/api/datasets/([^/]+/[^/]+)/(preupload|commit|branch)/([^/]+)")
_BATCH = re.compile(r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch")
_RESOLVE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
Files = dict[str, bytes]


class Hub:
    """A running server; `url` is its endpoint."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.gated: set[str] = set()
        self.token = "hf_test"  # what whoever writes must show
        self.blobs: dict[str, bytes] = {}  # large files by digest, also of commits that never came
        self._commits: dict[str, dict[str, Files]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, repo: str, files: Mapping[str, bytes]) -> str:
        """A commit with exactly these files; its sha. A licence and features are what README.md says."""
        commits = self._commits.setdefault(repo, {})
        sha = hashlib.sha1(f"{repo} {len(commits)}".encode()).hexdigest()
        commits[sha] = dict(files)
        return sha

    def env(self, home: Path) -> dict[str, str]:
        """The environment of a process that takes this for the Hub, with a cache of its own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
        told = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
        }
        return kept | told

    def commit(self, repo: str, revision: str) -> tuple[str, Files] | None:
        """The sha and files of a revision; None for one that is not there."""
        commits = self._commits[repo]
        sha = list(commits)[-1] if revision == "main" else revision
        return (sha, commits[sha]) if sha in commits else None

    def __contains__(self, repo: str) -> bool:
        return repo in self._commits


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.log.append(f"{self.command} {self.path}")
        raw = self._body()
        url = urlsplit(self.path)
        if self.command in ("POST", "PUT") and self._write(hub, url.path, raw):
            return None
        body = raw.decode()
        api, resolve = _API.fullmatch(url.path), _RESOLVE.fullmatch(url.path)
        match = api or resolve
        if match is None or match[1] not in hub:
            return self._error(404, "RepoNotFound")
        if match[1] in hub.gated:
            return self._error(403, "GatedRepo")
        revision = unquote((api[3] if api else match[2]) or "main")
        found = hub.commit(match[1], revision)
        if found is None:
            return self._error(404, "RevisionNotFound")
        if resolve:
            return self._file(*found, unquote(resolve[3]))
        sha, files = found
        assert api is not None
        if api[2] == "tree":
            recursive = parse_qs(url.query).get("recursive", [""])[0].lower() in ("true", "1")
            listed = _tree(files, unquote(api[4] or ""), recursive)
            return self._json(listed) if listed else self._error(404, "EntryNotFound")
        if api[2] == "paths-info":
            paths = parse_qs(body).get("paths") or json.loads(body or "{}").get("paths", [])
            return self._json([entry for entry in _tree(files, "", True) if entry["path"] in paths])
        if api[2] == "refs":
            return self._json(
                {
                    "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": sha}],
                    "tags": [],
                    "converts": [],
                }
            )
        return self._json(_info(match[1], sha, files))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _write(self, hub: Hub, path: str, body: bytes) -> bool:
        """Answers what changes a repository; whether it was that."""
        write, batch = _WRITE.fullmatch(path), _BATCH.fullmatch(path)
        if path.startswith("/lfs/"):
            hub.blobs[path.removeprefix("/lfs/")] = body
            self._send(200, b"", {})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif not (path == "/api/repos/create" or write or batch):
            return False
        elif self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._error(401 if "Authorization" not in self.headers else 403, "")
        elif path == "/api/repos/create":
            told = json.loads(body)
            repo = f"{told.get('organization') or 'me'}/{told['name']}"
            is_new = repo not in hub
            if is_new:
                hub.add(repo, {".gitattributes": b"*.parquet filter=lfs\n"})
            answer = json.dumps({"url": f"{hub.url}/datasets/{repo}"}).encode()
            self._send(200 if is_new else 409, answer, {"Content-Type": "application/json"})
        elif batch:
            self._json({"transfer": "basic", "objects": [self._object(hub, o) for o in json.loads(body)["objects"]]})
        else:
            assert write is not None
            self._json(
                {"preupload": self._modes, "commit": self._committed, "branch": self._branched}[write[2]](
                    hub, write[1], body
                )
            )
        return True

    def _branched(self, hub: Hub, repo: str, body: bytes) -> dict[str, Any]:
        return {}

    def _object(self, hub: Hub, wanted: dict[str, Any]) -> dict[str, Any]:
        told = {"oid": wanted["oid"], "size": wanted["size"]}
        return (
            told
            if wanted["oid"] in hub.blobs
            else told | {"actions": {"upload": {"href": f"{hub.url}/lfs/{wanted['oid']}"}}}
        )

    def _modes(self, hub: Hub, repo: str, body: bytes) -> dict[str, Any]:
        _, files = hub.commit(repo, "main") or ("", {})
        large = (".parquet", ".arrow", ".tar")
        return {
            "files": [
                {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(large) else "regular", "shouldIgnore": False}
                | ({"oid": _oid(files[f["path"]])} if f["path"] in files else {})
                for f in json.loads(body)["files"]
            ]
        }  # fmt: skip

    def _committed(self, hub: Hub, repo: str, body: bytes) -> dict[str, Any]:
        _, before = hub.commit(repo, "main") or ("", {})
        files = dict(before)
        for line in map(json.loads, body.splitlines()):
            told = line["value"]
            if line["key"] == "file":
                files[told["path"]] = base64.b64decode(told["content"])
            elif line["key"] == "lfsFile":
                files[told["path"]] = hub.blobs[told["oid"]]
            elif line["key"] == "deletedFile":
                del files[told["path"]]
        sha = hub.add(repo, files)
        return {"success": True, "commitOid": sha, "commitUrl": f"{hub.url}/datasets/{repo}/commit/{sha}"}

    def _file(self, sha: str, files: Files, path: str) -> None:
        data = files.get(path)
        if data is None:
            return self._error(404, "EntryNotFound", {"X-Repo-Commit": sha})
        headers = {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha1(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return self._send(200, data, headers)
        start, end = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
        return self._send(206, data[start : end + 1], headers | {"Content-Range": f"bytes {start}-{end}/{len(data)}"})

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, b'{"error":"no"}', {"X-Error-Code": code, "X-Error-Message": code, **(headers or {})})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _tree(files: Files, under: str, recursive: bool) -> list[dict[str, Any]]:
    """Files and folders below a path, as the Hub lists them."""
    prefix = under.rstrip("/") + "/" if under else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, data in sorted(files.items()):
        if not path.startswith(prefix):
            continue
        parts = path[len(prefix) :].split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            folder = prefix + "/".join(parts[:depth])
            entries.setdefault(folder, {"type": "directory", "oid": _oid(folder.encode()), "size": 0, "path": folder})
        if recursive or len(parts) == 1:
            entries[path] = {"type": "file", "oid": _oid(data), "size": len(data), "path": path}
    return list(entries.values())


def _info(repo: str, sha: str, files: Files) -> dict[str, Any]:
    licence = re.search(rb"^license: *(\S+)", files.get("README.md", b""), re.MULTILINE)
    return {
        "_id": "0", "id": repo, "author": repo.split("/")[0], "sha": sha, "private": False, "gated": False, "disabled": False,
        "lastModified": "2024-12-05T00:00:00.000Z", "createdAt": "2024-11-05T00:00:00.000Z", "downloads": 0, "likes": 0, "tags": [],
        "cardData": {"license": licence[1].decode()} if licence else {}, "siblings": [{"rfilename": path} for path in sorted(files)],
    }  # fmt: skip


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
