"""The host everybody asks: nginx on loopback, http and https."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.count import children
from bench.measure import cpu_of

CONFIG = """
daemon off; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 1; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000; keepalive_timeout 65; default_type image/jpeg;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{http} backlog=4096; listen 127.0.0.1:{https} ssl backlog=4096;
    ssl_certificate {home}/own.crt; ssl_certificate_key {home}/own.key; ssl_protocols TLSv1.2 TLSv1.3;
    root {root};
  }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running nginx; `trust` is a file of the system's certificates and its own."""

    http: str
    https: str
    trust: Path
    certificates: int
    pids: tuple[int, ...]
    version: str

    def cpu_s(self) -> float:
        """CPU seconds used until now, all its processes."""
        return cpu_of(self.pids)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(root: Path, home: Path) -> Iterator[Nginx]:
    """Serves a folder until the block is left."""
    http, https = free_port(), free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # else the worker may not read a private temporary folder
    (home / "nginx.conf").write_text(CONFIG.format(home=home, root=root, http=http, https=https, user=user))
    trust, certificates = make_certificate(home)
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip()
    with subprocess.Popen(["nginx", "-p", str(home), "-c", str(home / "nginx.conf")]) as process:
        try:
            wait_for(http, process)
            pids = (process.pid, *children(process.pid))
            host = "127.0.0.1"
            yield Nginx(f"http://{host}:{http}", f"https://{host}:{https}", trust, certificates, pids, version)
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens, at most ten seconds."""
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}: {process.args!r} ended with {process.poll()}")


def make_certificate(home: Path) -> tuple[Path, int]:
    """A self-made certificate for 127.0.0.1, and a bundle that trusts it beside all the system trusts.

    The system's certificates stay in, since reading them is what each new TLS context costs in real life.
    """
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(home / "own.key"), "-out", str(home / "own.crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    paths = ssl.get_default_verify_paths()
    usual = [paths.cafile, "/etc/ssl/certs/ca-certificates.crt"]
    system = next((Path(p).read_text() for p in usual if p and Path(p).is_file()), "")
    trust = home / "trust.pem"
    trust.write_text(system.rstrip() + "\n" + (home / "own.crt").read_text())
    return trust, trust.read_text().count("BEGIN CERTIFICATE")
