"""What a server said no with, and what a walk counts of itself while it asks.

A generator's counts are held against the server's own counters, so they carry the names of those.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from bench.mixes import CODE

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterator

PIN_CHECKS: Final = "godkend_pin_checks_total"
PASSWORD_CHECKS: Final = "godkend_password_checks_total"
WRONG_CODES: Final = f"DISPLAY_CODE_WRONG {CODE}"
COUNTED: Final = (PIN_CHECKS, PASSWORD_CHECKS, WRONG_CODES)
"""Hashes that the server must have computed, and codes that it must have looked at and refused."""


class Refused(Exception):
    """The server said no, or did not answer."""

    def __init__(self, reason: str, retry_after_s: float | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class NobodyFree(Exception):
    """Everybody who could do this does something already: the population is too small."""


def refused(error: grpc.aio.AioRpcError) -> Refused:
    """The reason in a failed call, and when to come back."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            reason, after_s = error.code().name, None
            for detail in status.details:
                if detail.Unpack(info):
                    reason = info.reason
                elif detail.Unpack(retry):
                    after_s = retry.retry_delay.ToMilliseconds() / 1e3
            return Refused(reason, after_s)
    return Refused(error.code().name, None)


def in_doubt(what: str) -> str:
    """Under this name stands what the server may have done or not: no answer told."""
    return f"{what} in doubt"


@contextmanager
def counting(
    did: Counter[str], what: str, refusal: str = "", unless: Collection[str] = ()
) -> Iterator[None]:
    """A call that the server counts: one that goes well, or that is refused for this reason.

    Refused as one of `unless` it was not counted; refused as anything else, it may have been.
    Raises AssertionError if what had to be refused was done.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        reason = refused(error).reason
        if reason == refusal:
            did[what] += 1
            return
        if reason not in unless:
            did[in_doubt(what)] += 1
        raise
    did[what] += 1
    if refusal:
        raise AssertionError(f"what had to be refused as {refusal} was done")


@contextmanager
def refusals(*reasons: str) -> Iterator[None]:
    """A call that has to be refused, for one of these reasons."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if refused(error).reason not in reasons:
            raise
    else:
        raise AssertionError(f"what had to be refused as {' or '.join(reasons)} was done")
