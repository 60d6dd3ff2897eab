"""What a call can raise.

Success returns a value and everything else raises, so that forgetting to look cannot authenticate
anybody. The reasons are named in `proto/godkend/v1/error_reason.proto`, which is the manual.
"""

from __future__ import annotations


class GodkendError(Exception):
    """Any of the three kinds: `Invalid`, `Denied`, `Fault`."""

    reason: str
    """A name from `error_reason.proto`, without its prefix."""

    retry_after_ms: int | None = None
    """When to come back, in milliseconds from now; None if that is not known or does not help."""


class Invalid(GodkendError):
    """A field was malformed, missing, oversized or out of range. Nothing was spent."""

    def __init__(self, field: str, bound: str, reason: str = "FIELD_INVALID") -> None:
        super().__init__(f"{field} {bound}")
        self.field = field
        self.bound = bound
        self.reason = reason


class Denied(GodkendError):
    """The rules say no: an expected outcome."""

    def __init__(
        self, reason: str, retry_after_ms: int | None = None, attempts_left: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_ms = retry_after_ms
        self.attempts_left = attempts_left


class Fault(GodkendError):
    """Something broke, or there is too much of it. Never means that a secret was wrong."""

    def __init__(self, reason: str, detail: str, retry_after_ms: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after_ms = retry_after_ms
