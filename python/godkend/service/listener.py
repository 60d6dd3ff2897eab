"""Where calls come in: the port, its protection and its bounds."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from godkend.port import StartError, bound

if TYPE_CHECKING:
    from godkend.config import ServerConfig


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
    bound(config.listen, shared=config.reuse_port).close()
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
