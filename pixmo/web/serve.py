"""Runs an application until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from pixmo.errors import BadSetting
from pixmo.web.site import Address

GRACE_S = 1  # for requests at work when the server is stopped; browsers send again what was not acknowledged
CONNECTIONS = 512


class _Server(uvicorn.Server):
    """uvicorn's server, without its own hold on signals: the command line has one."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves them alone."""
        yield


def serve(app: ASGIApp, sock: socket.socket, address: Address) -> None:
    """Answers requests until Ctrl-C or SIGTERM, which end it with KeyboardInterrupt; what is at work then is finished first."""
    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", access_log=False, log_level="warning", server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S, limit_concurrency=CONNECTIONS,
        ssl_certfile=address.certificate, ssl_keyfile=address.key,
    )  # fmt: skip
    try:
        config.load()
    except OSError as error:  # of ssl: not PEM, or a key that does not belong to the certificate
        raise BadSetting(f"{address.certificate}, {address.key}: cannot be used: {error}") from error
    asyncio.run(_until_stopped(_Server(config), sock))


async def _until_stopped(server: uvicorn.Server, sock: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
