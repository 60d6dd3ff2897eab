"""What the old and the new phone sign on the way to a copy, built without any I/O.

As `godkend.statements`, of which this is a part: the bytes are those of
`proto/godkend/v1/statement.proto`.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from godkend.statements import ATTEMPT_ID_BYTES
from godkend.v1 import statement_pb2 as pb

if TYPE_CHECKING:
    from godkend.statements import DeviceKey, Signed
    from godkend.v1.copy_service_pb2 import ScanCopyResponse

COPY_REQUEST_DOMAIN: Final = b"godkend copy request v1\0"
COPY_CONFIRMATION_DOMAIN: Final = b"godkend copy confirmation v1\0"
COPY_SCAN_DOMAIN: Final = b"godkend copy scan v1\0"
COPY_FINISH_DOMAIN: Final = b"godkend copy finish v1\0"
COPY_QUERY_DOMAIN: Final = b"godkend copy query v1\0"
COPY_STOP_DOMAIN: Final = b"godkend copy stop v1\0"

NEW_PHONE: Final = b""
"""In place of an authenticator_id: the new phone has none yet, and is known by its key."""
NEWEST: Final = b""
"""In place of a copy_id: the subscriber's newest."""


def copy_request_statement(
    key: DeviceKey, authenticator_id: bytes, signed_at_ms: int, attempt_id: bytes | None = None
) -> Signed:
    """Asks, from the old app, for a copy on another phone. The PIN is sent beside it."""
    statement = pb.CopyRequestStatement(
        authenticator_id=authenticator_id,
        attempt_id=_fresh() if attempt_id is None else attempt_id,
        signed_at_ms=signed_at_ms,
    )
    return key.signed(COPY_REQUEST_DOMAIN, statement.SerializeToString())


def copy_confirmation_statement(
    key: DeviceKey,
    authenticator_id: bytes,
    copy_id: bytes,
    signed_at_ms: int,
    attempt_id: bytes | None = None,
) -> Signed:
    """Says, from the old app, after the wait: I still want this copy. The PIN is sent beside it."""
    statement = pb.CopyConfirmationStatement(
        authenticator_id=authenticator_id,
        copy_id=copy_id,
        attempt_id=_fresh() if attempt_id is None else attempt_id,
        signed_at_ms=signed_at_ms,
    )
    return key.signed(COPY_CONFIRMATION_DOMAIN, statement.SerializeToString())


def copy_scan_statement(key: DeviceKey, code: str) -> Signed:
    """Says, from the new phone: I, with this key, scanned this code."""
    statement = pb.CopyScanStatement(code=code, public_key=key.public_key)
    return key.signed(COPY_SCAN_DOMAIN, statement.SerializeToString())


def copy_finish_statement(
    key: DeviceKey, scanned: ScanCopyResponse, attempt_id: bytes | None = None
) -> Signed:
    """Proves, at the end, that the new phone holds its key; a new one for each attempt.

    The temporary PIN and the chosen one are sent beside it.
    """
    statement = pb.CopyFinishStatement(
        copy_id=scanned.copy_id,
        challenge=scanned.challenge,
        attempt_id=_fresh() if attempt_id is None else attempt_id,
    )
    return key.signed(COPY_FINISH_DOMAIN, statement.SerializeToString())


def copy_query_statement(
    key: DeviceKey, authenticator_id: bytes, copy_id: bytes, signed_at_ms: int
) -> Signed:
    """Asks where a copy is: an app by its id, the new phone as `NEW_PHONE`."""
    statement = pb.CopyQueryStatement(
        authenticator_id=authenticator_id, copy_id=copy_id, signed_at_ms=signed_at_ms
    )
    return key.signed(COPY_QUERY_DOMAIN, statement.SerializeToString())


def copy_stop_statement(
    key: DeviceKey, authenticator_id: bytes, copy_id: bytes, signed_at_ms: int
) -> Signed:
    """Ends a copy: from an app by its id, from the new phone as `NEW_PHONE`."""
    statement = pb.CopyStopStatement(
        authenticator_id=authenticator_id, copy_id=copy_id, signed_at_ms=signed_at_ms
    )
    return key.signed(COPY_STOP_DOMAIN, statement.SerializeToString())


def _fresh() -> bytes:
    return secrets.token_bytes(ATTEMPT_ID_BYTES)
