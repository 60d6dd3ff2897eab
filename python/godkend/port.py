"""The port that calls come in at: had by one server, shared by its workers."""

from __future__ import annotations

import errno
import socket

from godkend.config import split_listen


class StartError(Exception):
    """The server cannot start; the message is one line for the operator."""


def cannot_listen(field: str, listen: str, error: OSError) -> StartError:
    """Why an address cannot be had, in one line that names its field."""
    in_use = error.errno == errno.EADDRINUSE
    return StartError(f"{field} {listen}: {'port in use' if in_use else error.strerror}")


def bound(listen: str, *, shared: bool) -> socket.socket:
    """A socket that is bound and does not listen: it says why it cannot, which gRPC does not.

    With `shared`, others of this user that want to share may have the port too. Raises
    `StartError`.
    """
    host, port = split_listen(listen)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        held = socket.socket(family, kind, protocol)
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(address)
        except BaseException:
            held.close()
            raise
    except OSError as error:
        raise cannot_listen("server.listen", listen, error) from error
    return held


def held_for_workers(listen: str, *, shared: bool) -> tuple[socket.socket, str]:
    """A port held for workers to listen at, and its address with the port in place of 0.

    No connection ever comes to the socket itself; it keeps the port while a worker is replaced.
    Unless `shared`, a port at which anybody listens is refused: only once it is had is it opened to
    the workers. Raises `StartError`.
    """
    held = bound(listen, shared=shared)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    host, _, _ = listen.rpartition(":")
    return held, f"{host}:{held.getsockname()[1]}"
