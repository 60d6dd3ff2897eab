"""From what a call raised to google.rpc.Status, by the manual in `error_reason.proto`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from godkend.errors import Denied, Fault, GodkendError, Invalid
from godkend.v1 import error_reason_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

DOMAIN = "godkend"
RETRY_AFTER_MS_DEFAULT = 1_000
"""For reasons that pass with time when nobody knows how much."""


class Refusal(NamedTuple):
    """A failed call as the caller sees it."""

    code: str
    reason: str
    status: grpc.Status


class _Entry(NamedTuple):
    code: int
    later: bool
    person: str


class Manual:
    """Every reason, read once from the descriptor of the manual."""

    def __init__(self) -> None:
        values = error_reason_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"].values
        self._entries: dict[str, _Entry] = {}
        for value in values:
            entry = value.GetOptions().Extensions[error_reason_pb2.manual]
            if entry.code:
                reason = value.name.removeprefix("ERROR_REASON_")
                later = entry.retry == error_reason_pb2.RETRY_LATER
                self._entries[reason] = _Entry(entry.code, later, entry.person)
        self._codes = {code.value[0]: code.name for code in grpc.StatusCode}
        self._plain: dict[str, Refusal] = {}

    def refusal(self, error: GodkendError) -> Refusal:
        """The answer to a call that raised `error`. A reason not in the manual is a bug."""
        if error.reason not in self._entries:
            return self.refusal(Fault("INTERNAL", f"{error.reason} is not in the manual"))
        plain = not isinstance(error, Invalid) and not _metadata(error)
        if plain and (known := self._plain.get(error.reason)) is not None:
            return known
        refusal = self._refusal(error)
        if plain:
            self._plain[error.reason] = refusal
        return refusal

    def _refusal(self, error: GodkendError) -> Refusal:
        entry = self._entries[error.reason]
        # A fault's own words are for the operator's log: they may name files and hosts.
        message = str(error) if isinstance(error, Invalid) else entry.person
        info = error_details_pb2.ErrorInfo(
            reason=error.reason, domain=DOMAIN, metadata=_metadata(error)
        )
        details: list[Message] = [info]
        if isinstance(error, Invalid):
            violation = error_details_pb2.BadRequest.FieldViolation(
                field=error.field, description=error.bound
            )
            details.append(error_details_pb2.BadRequest(field_violations=[violation]))
        retry_after_ms = error.retry_after_ms
        if retry_after_ms is None and entry.later:
            retry_after_ms = RETRY_AFTER_MS_DEFAULT
        if retry_after_ms is not None:
            delay = Duration()
            delay.FromMilliseconds(retry_after_ms)
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        status = status_pb2.Status(
            code=entry.code, message=message, details=[_packed(detail) for detail in details]
        )
        return Refusal(self._codes[entry.code], error.reason, rpc_status.to_status(status))


def _metadata(error: GodkendError) -> dict[str, str]:
    metadata: dict[str, str] = {}
    if isinstance(error, Invalid):
        metadata["field"] = error.field
        metadata["bound"] = error.bound
    if error.retry_after_ms is not None:
        metadata["retry_after_ms"] = str(error.retry_after_ms)
    if isinstance(error, Denied) and error.attempts_left is not None:
        metadata["attempts_left"] = str(error.attempts_left)
    return metadata


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
