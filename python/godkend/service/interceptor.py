"""The one interceptor: who calls, may they, and what the call came to.

A method is guarded once for each client that makes it, not once for each call: this is the path
whose cost every login pays. Handlers only return or raise; nobody else aborts a call.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from godkend.errors import Denied, Fault, GodkendError, Invalid
from godkend.metrics import CallTally
from godkend.service.access import PACKAGE, ROLES_BY_METHOD
from godkend.service.call import caller

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from godkend.clients import Client, Clients, Role
    from godkend.logs import Log
    from godkend.service.admission import Admission
    from godkend.service.call import Context
    from godkend.service.status import Manual, Refusal

    Handler = grpc.RpcMethodHandler[Any, Any]
    Admitted = tuple[Client | None, str]

START_LOGIN = f"{PACKAGE}LoginService/StartLogin"
OUT_OF_BOUNDS = frozenset({"ROLE_FORBIDDEN", "SUBSCRIBER_NOT_PROVED"})
"""A client that is known asked for what is not its to ask; the history keeps it."""

PASSED_THROUGH = (
    asyncio.CancelledError,  # The client went away, or its deadline passed.
    grpc.aio.BaseError,  # The client went away while it was being written to.
    GeneratorExit,
    KeyboardInterrupt,
    SystemExit,
)


class _Method:
    __slots__ = ("begins_login", "guarded", "name", "refusing", "roles", "tally")

    def __init__(self, path: str, roles: frozenset[Role] | None) -> None:
        self.name = path.removeprefix(PACKAGE)
        self.roles = roles
        self.begins_login = path == START_LOGIN
        self.tally = CallTally()
        self.guarded: dict[Admitted, Handler] = {}
        self.refusing: dict[int, Handler] = {}


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Authenticates, checks roles, bounds, translates errors, counts and logs.

    `panicked` is told of every panic of the core, `out_of_bounds` of every call that is not its
    client's to make: client, role, method, reason.
    """

    def __init__(
        self,
        *,
        clients: Clients,
        manual: Manual,
        admission: Admission,
        log: Log,
        calls_max: int,
        overload_retry_ms: int,
        panicked: Callable[[str], None],
        out_of_bounds: Callable[[str, str, str, str], None],
    ) -> None:
        self._clients = clients
        self._manual = manual
        self._admission = admission
        self._log = log
        self._calls_max = calls_max
        self._overload_retry_ms = overload_retry_ms
        self._panicked = panicked
        self._out_of_bounds = out_of_bounds
        self._methods = {path: _Method(path, roles) for path, roles in ROLES_BY_METHOD.items()}
        self.calls_open = 0

    @property
    def tallies(self) -> Mapping[str, CallTally]:
        """What the calls of each method came to, for the metrics."""
        return {method.name: method.tally for method in self._methods.values()}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Health and reflection pass; a method of ours that is not in the table does not exist."""
        path = handler_call_details.method
        method = self._methods.get(path)
        if method is None:
            return None if path.startswith(PACKAGE) else await continuation(handler_call_details)
        admitted = self._admit(method, handler_call_details)
        if method.begins_login and not admitted[1] and (no := self._admission.refusal()):
            return self._refusing(method, no)
        handler = method.guarded.get(admitted)
        if handler is None:
            bare = await continuation(handler_call_details)
            if bare is None:
                return None
            handler = method.guarded[admitted] = self._guard(method, bare, *admitted)
        return handler

    def _admit(self, method: _Method, details: grpc.HandlerCallDetails) -> Admitted:
        """The client, and why it may not make this call, or ""."""
        if method.roles is None:  # Anybody.
            return None, ""
        for key, value in details.invocation_metadata:
            if key == "authorization":
                client = self._clients.find(cast("str", value))
                if client is None:
                    break
                return client, "" if client.role in method.roles else "ROLE_FORBIDDEN"
        return None, "CLIENT_UNKNOWN"

    def _refusing(self, method: _Method, refusal: Refusal) -> Handler:
        """Answers without having looked at the request; made once for each answer."""
        method.tally.ended(refusal.code, refusal.reason)
        handler = method.refusing.get(id(refusal))
        if handler is None:

            async def refuse(_raw: bytes, context: Context) -> None:
                await context.abort_with_status(refusal.status)

            handler = grpc.unary_stream_rpc_method_handler(cast("Any", refuse))
            method.refusing[id(refusal)] = handler
        return handler

    def _guard(self, method: _Method, bare: Handler, client: Client | None, denial: str) -> Handler:
        # Requests are parsed and responses serialised under guard too, as bytes outside of it:
        # else gRPC would answer a malformed one in its own words.
        if bare.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                cast("Any", self._guard_stream(method, bare, client, denial))
            )
        return grpc.unary_unary_rpc_method_handler(
            cast("Any", self._guard_unary(method, bare, client, denial))
        )

    def _guard_unary(
        self, method: _Method, bare: Handler, client: Client | None, denial: str
    ) -> Callable[[bytes, Context], Awaitable[bytes | None]]:
        behaviour = cast("Callable[[Any, Context], Awaitable[Any]]", bare.unary_unary)
        parse = _parser(bare)
        serialise = cast("Callable[[Any], bytes]", bare.response_serializer)
        tally = method.tally

        async def call(raw: bytes, context: Context) -> bytes | None:
            started = perf_counter()
            self.calls_open += 1
            try:
                if denial:
                    raise Denied(denial)
                if self.calls_open > self._calls_max:
                    raise self._overloaded()
                if client is not None:
                    caller.set(client)
                response = serialise(await behaviour(parse(raw), context))
            except PASSED_THROUGH:
                tally.ended("CANCELLED", "")
                raise
            except BaseException as error:  # A panic of the core is no Exception.
                refusal = self._refused(method, client, error, started)
            else:
                seconds = perf_counter() - started
                tally.codes["OK"] += 1
                tally.answered(seconds)
                if self._log.debug_on:
                    self._log_ok(method, client, seconds)
                return response
            finally:
                self.calls_open -= 1
            await context.abort_with_status(refusal.status)

        return call

    def _guard_stream(
        self, method: _Method, bare: Handler, client: Client | None, denial: str
    ) -> Callable[[bytes, Context], Awaitable[None]]:
        behaviour = cast("Callable[[Any, Context], AsyncGenerator[Any]]", bare.unary_stream)
        parse = _parser(bare)
        serialise = cast("Callable[[Any], bytes]", bare.response_serializer)
        tally = method.tally

        # Not a generator itself: one that gRPC drops half-way is closed at some later time, and
        # would hold its place among the open streams until then.
        async def call(raw: bytes, context: Context) -> None:
            started = perf_counter()
            answered = False
            try:
                if denial:
                    raise Denied(denial)
                if client is not None:
                    caller.set(client)
                async with aclosing(behaviour(parse(raw), context)) as responses:
                    async for response in responses:
                        await context.write(serialise(response))
                        if not answered:
                            answered = True
                            tally.answered(perf_counter() - started)
            except PASSED_THROUGH:
                tally.ended("CANCELLED", "")
                raise
            except BaseException as error:  # A panic of the core is no Exception.
                refusal = self._refused(method, client, error, started)
            else:
                tally.codes["OK"] += 1
                if self._log.debug_on:
                    self._log_ok(method, client, perf_counter() - started)
                return
            await context.abort_with_status(refusal.status)

        return call

    def _overloaded(self) -> Fault:
        return Fault(
            "OVERLOADED", f"{self._calls_max} calls are under way", self._overload_retry_ms
        )

    def _refused(
        self, method: _Method, client: Client | None, error: BaseException, started: float
    ) -> Refusal:
        if not isinstance(error, GodkendError):
            self._log.bug(method=method.name, error=error)
            if not isinstance(error, Exception):
                self._panicked(method.name)
            error = Fault("INTERNAL", "a bug")
        refusal = self._manual.refusal(error)
        method.tally.ended(refusal.code, refusal.reason)
        if client is not None and refusal.reason in OUT_OF_BOUNDS:
            self._out_of_bounds(client.name, client.role, method.name, refusal.reason)
        self._log.call(
            method=method.name,
            code=refusal.code,
            reason=refusal.reason,
            client=client.name if client is not None else "",
            duration_ms=(perf_counter() - started) * 1_000,
            detail=error.detail if isinstance(error, Fault) else "",
        )
        return refusal

    def _log_ok(self, method: _Method, client: Client | None, seconds: float) -> None:
        name = client.name if client is not None else ""
        self._log.call(
            method=method.name, code="OK", reason="", client=name, duration_ms=seconds * 1_000
        )


def _parser(bare: Handler) -> Callable[[bytes], Any]:
    deserialise = cast("Callable[[bytes], Any]", bare.request_deserializer)

    def parse(raw: bytes) -> Any:
        try:
            return deserialise(raw)
        except DecodeError:
            raise Invalid("request", "must be a serialised message of its type") from None

    return parse
