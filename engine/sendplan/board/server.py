"""Serving the board on loopback until somebody stops it."""

from __future__ import annotations

import socket
from collections.abc import Callable

from starlette.types import ASGIApp

HOST = "127.0.0.1"


def listening(port: int) -> socket.socket:
    """A socket on loopback, the only address that the board is ever bound to; 0 takes any free port.

    Raises OSError when the port is taken.
    """
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
        taken.listen()  # Whoever comes before the first answer waits, and is not refused.
    except OSError:
        taken.close()
        raise
    return taken


def serve(app: ASGIApp, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until SIGINT or SIGTERM."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        limit_concurrency=100,
        timeout_graceful_shutdown=2,
    )
    ready()
    uvicorn.Server(config).run(sockets=[bound])
