"""A stand-in of the Hub on loopback, enough for the real `datasets` and `huggingface_hub` with HF_ENDPOINT.

    with Hub() as hub:
        hub.add("owner/name", {"README.md": b"…", "data/train.parquet": b"…"})
        subprocess.run(…, env=hub.env(tmp_path))

Repositories have commits and branches, are listed as trees, and give their files whole or by range. What those clients send to
create and change them is in `tests/hub_writes.py`: `tokens` says who may. Everything asked is kept in `log`.
"""

from __future__ import annotations

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

from tests.hub_writes import LARGE, Writes, git_oid

_API = re.compile(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info|refs)(?:/([^/]+)(?:/(.*))?)?)?")
_RESOLVE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
Files = dict[str, bytes]


class Hub:
    """A running server; `url` is its endpoint."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.tokens = {"hf_test": {"me"}}  # the owners each token may write to
        self.blobs: dict[str, bytes] = {}  # large files by digest, also of commits that never came
        self.messages: list[str] = []  # of commits
        self.refuse: dict[str, tuple[int, str]] = {}  # path asked for by PUT or POST → status and message, once
        self._commits: dict[str, dict[str, Files]] = {}
        self._branches: dict[str, dict[str, str]] = {}
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

    def add(self, repo: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """A commit with exactly these files, the branch's last; its sha. A licence and features are what README.md says."""
        commits = self._commits.setdefault(repo, {})
        sha = hashlib.sha1(f"{repo} {len(commits)}".encode()).hexdigest()
        commits[sha] = dict(files)
        self._branches.setdefault(repo, {})[branch] = sha
        return sha

    def branches(self, repo: str) -> dict[str, str]:
        """The last commit of each branch."""
        return self._branches[repo]

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
        sha = self._branches[repo].get(revision, revision)
        return (sha, commits[sha]) if sha in commits else None

    def __contains__(self, repo: str) -> bool:
        return repo in self._commits


class _Handler(Writes, BaseHTTPRequestHandler):
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
        if self.command in ("POST", "PUT") and self._written(hub, url, raw):
            return None
        api, resolve = _API.fullmatch(url.path), _RESOLVE.fullmatch(url.path)
        match = api or resolve
        if match is None or match[1] not in hub or (match[1] in hub.private and not self._may_write(hub, match[1])):
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
            body = raw.decode()
            paths = parse_qs(body).get("paths") or json.loads(body or "{}").get("paths", [])
            return self._json([entry for entry in _tree(files, "", True) if entry["path"] in paths])
        if api[2] == "refs":
            told = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": c} for n, c in hub.branches(match[1]).items()]
            return self._json({"branches": told, "tags": [], "converts": []})
        return self._json(_info(match[1], sha, files) | {"private": match[1] in hub.private})

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

    def _error(
        self, status: int, code: str, headers: Mapping[str, str] | None = None, message: str = "", **told: str
    ) -> None:
        said = message or code
        body = json.dumps({"error": said} | told).encode()
        self._send(status, body, {"X-Error-Code": code, "X-Error-Message": said, **(headers or {})})

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
            entries.setdefault(
                folder, {"type": "directory", "oid": git_oid(folder.encode()), "size": 0, "path": folder}
            )
        if recursive or len(parts) == 1:
            entries[path] = {"type": "file", "oid": git_oid(data), "size": len(data), "path": path}
            if path.endswith(LARGE):
                entries[path]["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return list(entries.values())


def _info(repo: str, sha: str, files: Files) -> dict[str, Any]:
    licence = re.search(rb"^license: *(\S+)", files.get("README.md", b""), re.MULTILINE)
    return {
        "_id": "0", "id": repo, "author": repo.split("/")[0], "sha": sha, "private": False, "gated": False, "disabled": False,
        "lastModified": "2024-12-05T00:00:00.000Z", "createdAt": "2024-11-05T00:00:00.000Z", "downloads": 0, "likes": 0, "tags": [],
        "cardData": {"license": licence[1].decode()} if licence else {}, "siblings": [{"rfilename": path} for path in sorted(files)],
    }  # fmt: skip
