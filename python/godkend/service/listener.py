"""Where calls come in: the port, its protection and its bounds."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from godkend.config import split_listen

if TYPE_CHECKING:
    from godkend.config import ServerConfig


class StartError(Exception):
    """The server cannot start; the message is one line for the operator."""


def options(server: ServerConfig) -> list[tuple[str, int]]:
    """The bounds, as gRPC takes them."""
    return [
        # Otherwise gRPC lets a second server share the port without a word.
        ("grpc.so_reuseport", int(server.reuse_port)),
        ("grpc.max_receive_message_length", server.message_bytes_max),
        ("grpc.max_metadata_size", server.metadata_bytes_max),
        ("grpc.absolute_max_metadata_size", server.metadata_bytes_max),
        ("grpc.max_concurrent_streams", server.streams_per_connection_max),
        ("grpc.server_handshake_timeout_ms", server.handshake_timeout_ms),
        ("grpc.keepalive_time_ms", server.keepalive_time_ms),
        ("grpc.keepalive_timeout_ms", server.keepalive_timeout_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", server.keepalive_interval_ms_min),
        ("grpc.max_connection_age_ms", server.connection_age_ms),
        ("grpc.max_connection_age_grace_ms", server.connection_age_grace_ms),
    ]


def listen(server: grpc.aio.Server, config: ServerConfig) -> int:
    """Binds the port and tells which it is. Raises `StartError`."""
    _check_free(config)
    try:
        if config.tls_certificate is None or config.tls_key is None:
            return server.add_insecure_port(config.listen)
        # gRPC says of bad files only that it failed; this says what is wrong with them.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            config.tls_certificate, config.tls_key, password=""
        )
        pair = (config.tls_key.read_bytes(), config.tls_certificate.read_bytes())
        return server.add_secure_port(config.listen, grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        raise StartError(f"server.listen {config.listen}: cannot listen") from error
    except OSError as error:  # SSLError is one.
        files = f"{config.tls_certificate}, {config.tls_key}"
        # OpenSSL names a reason only where the files are PEM at all.
        reason = (error.reason or "not PEM") if isinstance(error, ssl.SSLError) else error.strerror
        raise StartError(f"server.tls_certificate, server.tls_key ({files}): {reason}") from error


def _check_free(config: ServerConfig) -> None:
    """Binds a socket of our own first: it says why it cannot, which gRPC does not."""
    host, port = split_listen(config.listen)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if config.reuse_port:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(address)
    except OSError as error:
        raise cannot_listen("server.listen", config.listen, error) from error


def cannot_listen(field: str, listen: str, error: OSError) -> StartError:
    """Why an address cannot be had, in one line that names its field."""
    in_use = error.errno == errno.EADDRINUSE
    return StartError(f"{field} {listen}: {'port in use' if in_use else error.strerror}")
