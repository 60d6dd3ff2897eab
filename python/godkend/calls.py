"""How clients call godkend: one place that opens channels and reads errors.

A call that fails raises `grpc.RpcError`; `godkend_errors` turns it into the exceptions of
`godkend.errors`, with everything that the server put into google.rpc.Status. What to tell a person
comes from the manual in `proto/godkend/v1/error_reason.proto`.
"""

from __future__ import annotations

import contextlib
import ipaddress
from typing import TYPE_CHECKING, cast

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from godkend.errors import Denied, Fault, GodkendError, Invalid
from godkend.v1 import error_reason_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

SERVER_DEFAULT = "127.0.0.1:7443"
CALL_TIMEOUT_S = 10.0
REASON_DOMAIN = "godkend"

UNREACHABLE = "UNREACHABLE"
"""No godkend answered: the one reason that no server gives, so that it is not in the manual."""
CANCELLED_HERE = "Locally cancelled by application!"
"""How gRPC tells a cancellation of the client's own from the server's."""

FAULT_REASONS = frozenset(
    {"OVERLOADED", "DEADLINE_PASSED", "STOPPING", "STORE_FAULT", "KEY_FAULT", "INTERNAL"}
)

_FAULT_CODES = frozenset(
    {
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)


def open_channel(server: str, *, ca_file: Path | None = None) -> grpc.Channel:
    """A channel to `server`, which is "host:port". Keep it: one per process, not one per call.

    TLS, against the certificates in `ca_file` or else gRPC's own roots. Only a loopback address
    without a `ca_file` is spoken to in plaintext: tokens and PINs never cross a network that way.
    """
    if ca_file is None and is_loopback(server):
        return grpc.insecure_channel(server)
    roots = ca_file.read_bytes() if ca_file is not None else None
    return grpc.secure_channel(server, grpc.ssl_channel_credentials(roots))


def is_loopback(server: str) -> bool:
    """Whether "host:port" is this machine without asking a name server."""
    host = server.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The call metadata that carries a client's token."""
    return (("authorization", f"Bearer {token}"),)


@contextlib.contextmanager
def godkend_errors() -> Iterator[None]:
    """Calls made inside raise `GodkendError` where they would raise `grpc.RpcError`."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error


def from_rpc_error(error: grpc.RpcError) -> GodkendError:
    """The exception that the server raised, as far as it can be told from what arrived."""
    call = cast("grpc.Call", error)
    status = _status(call)
    info = error_details_pb2.ErrorInfo()
    if status is None or not _detail(status, info) or info.domain != REASON_DOMAIN:
        return _without_reason(call)

    metadata = info.metadata
    retry_after_ms = _retry_after_ms(status, metadata.get("retry_after_ms"))
    if "field" in metadata:
        return Invalid(metadata["field"], metadata.get("bound", "is not valid"), info.reason)
    # A reason newer than this client is told by its code.
    unknown = manual(info.reason) is None
    if info.reason in FAULT_REASONS or (unknown and call.code() in _FAULT_CODES):
        return Fault(info.reason, status.message, retry_after_ms)
    left = metadata.get("attempts_left")
    return Denied(info.reason, retry_after_ms, int(left) if left is not None else None)


def _status(call: grpc.Call) -> status_pb2.Status | None:
    try:
        return cast("status_pb2.Status | None", rpc_status.from_call(call))
    except ValueError:  # The details contradict the code: not made by godkend.
        return None


def _detail(status: status_pb2.Status, into: Message) -> bool:
    """Fills `into` with the first detail of its type, if there is one; Unpack says which are."""
    return any(detail.Unpack(into) for detail in status.details)


def _retry_after_ms(status: status_pb2.Status, metadata_ms: str | None) -> int | None:
    if metadata_ms is not None:
        return int(metadata_ms)
    info = error_details_pb2.RetryInfo()
    return int(info.retry_delay.ToMilliseconds()) if _detail(status, info) else None


def _without_reason(call: grpc.Call) -> GodkendError:
    """Transport and gRPC itself: nothing was denied, whatever the code."""
    code, details = call.code(), call.details() or "no details"
    # A server that stops also cancels what has just arrived; a cancellation of our own is no news.
    ended = code is grpc.StatusCode.CANCELLED and details != CANCELLED_HERE
    if code is grpc.StatusCode.UNAVAILABLE or ended:
        return Fault(UNREACHABLE, details)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Fault("DEADLINE_PASSED", details)
    return Fault("INTERNAL", f"{code.name if code is not None else 'UNKNOWN'}: {details}")


def manual(reason: str) -> error_reason_pb2.ReasonManual | None:
    """The manual's entry for a reason; None for one that it does not know."""
    values = error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values_by_name
    value = values.get(f"ERROR_REASON_{reason}")
    if value is None or value.number == error_reason_pb2.ERROR_REASON_UNSPECIFIED:
        return None
    return value.GetOptions().Extensions[error_reason_pb2.manual]


def person_text(error: GodkendError) -> str:
    """What to tell the person: the manual's words, the tries left and the time to come back."""
    entry = manual(error.reason)
    if error.reason == UNREACHABLE:
        words = ["The service cannot be reached."]
    elif entry is None:
        words = ["Something went wrong. Please try again later."]
    else:
        words = [entry.person]
    if isinstance(error, Denied) and error.attempts_left:
        tries = "try" if error.attempts_left == 1 else "tries"
        words.append(f"{error.attempts_left} {tries} left.")
    if error.retry_after_ms:
        words.append(f"Come back in {duration_text(error.retry_after_ms)}.")
    return " ".join(words)


def duration_text(ms: int) -> str:
    """A wait in words, rounded up, so that nobody comes back too early."""
    seconds = -(-ms // 1000)
    if seconds >= 2 * 24 * 3600:
        count, unit = -(-seconds // (24 * 3600)), "day"
    elif seconds > 90 * 60 or seconds == 60 * 60:
        count, unit = -(-seconds // 3600), "hour"
    elif seconds > 90:
        count, unit = -(-seconds // 60), "minute"
    else:
        count, unit = seconds, "second"
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
