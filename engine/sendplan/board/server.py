"""Serving the board on loopback until somebody stops it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

if TYPE_CHECKING:
    import uvicorn

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


def serve(
    app: ASGIApp,
    bound: socket.socket,
    ready: Callable[[], None],
    beside: Sequence[tuple[ASGIApp, socket.socket]] = (),
) -> None:
    """Answer until SIGINT or SIGTERM; what is `beside`, on sockets of their own, as long."""
    others = [(_server(each), own) for each, own in beside]
    threads = [threading.Thread(target=other.run, kwargs={"sockets": [own]}, daemon=True) for other, own in others]
    for thread in threads:
        thread.start()
    ready()
    try:
        _server(app).run(sockets=[bound])
    finally:
        for other, _ in others:
            other.should_exit = True
        for thread in threads:
            thread.join(5)


def _server(app: ASGIApp) -> uvicorn.Server:
    import uvicorn

    from sendplan.board.connections import MOST, YieldingConnection

    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http=YieldingConnection,
            ws="none",
            lifespan="off",
            limit_concurrency=2 * MOST,
            timeout_graceful_shutdown=2,
        )
    )
