"""What a handler asks about the call it serves."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc.aio

from godkend.clients import ANY_SERVICE_PROVIDER, Client
from godkend.errors import Fault
from godkend.service.access import SELF_SERVICE

if TYPE_CHECKING:
    from godkend import _core

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

TIMEOUT_MS_MAX = 30_000
"""Work not begun by then is not begun, whatever the caller's deadline."""

SUBSCRIBER_ASSERTION = "subscriber-assertion"
"""The metadata in which a self-service site shows what the subscriber's login ended in."""

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


def prove_subscriber(
    core: _core.Engine, context: Context, identity_id: bytes
) -> _core.Session | None:
    """Returns if the caller may act for this subscriber: a self-service site shows their assertion.

    Each method that self-service may call does this first. Gives the session in which the
    subscriber is signed in; None for other roles, for which it does nothing. Raises
    `Denied` (SUBSCRIBER_NOT_PROVED), or `Invalid` for an identity_id that is none.
    """
    client = caller.get()
    if client.role != SELF_SERVICE:
        return None
    shown = _shown_assertion(context)
    anywhere = ANY_SERVICE_PROVIDER in client.service_providers
    service_providers = [] if anywhere else sorted(client.service_providers)
    return core.prove_subscriber(shown, identity_id, service_providers)


def shown_session(core: _core.Engine, context: Context, identity_id: bytes) -> _core.Session | None:
    """The session of the subscriber, at any site, that a registrar shows; None if it shows none.

    Raises `Denied` (SUBSCRIBER_NOT_PROVED) for an assertion that proves nothing.
    """
    shown = _shown_assertion(context)
    return core.prove_subscriber(shown, identity_id, []) if shown else None


def _shown_assertion(context: Context) -> str:
    """The last one in the metadata; empty for none."""
    metadata = context.invocation_metadata() or ()
    shown = [str(value) for key, value in metadata if key == SUBSCRIBER_ASSERTION]
    return shown[-1] if shown else ""
