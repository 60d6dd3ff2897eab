"""What a handler asks about the call it serves."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Any, TypeAlias

import grpc.aio

from godkend.clients import Client
from godkend.errors import Fault

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

TIMEOUT_MS_MAX = 30_000
"""Work not begun by then is not begun, whatever the caller's deadline."""

caller: ContextVar[Client] = ContextVar("caller")
"""The authenticated client. Set by the interceptor alone, in the task of the one call; not set in
calls that anybody may make."""


def timeout_ms(context: Context) -> int:
    """What is left of the caller's deadline, at least 1. Raises `Fault` (DEADLINE_PASSED)."""
    # The stubs know no None, which is what a call without a deadline gives.
    remaining_s: float | None = context.time_remaining()
    if remaining_s is None:
        return TIMEOUT_MS_MAX
    if remaining_s <= 0:
        raise Fault("DEADLINE_PASSED", "before its work began")
    return min(TIMEOUT_MS_MAX, math.ceil(remaining_s * 1_000))
