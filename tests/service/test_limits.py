"""What is bounded, what is told on the way out, and what never shows."""

from __future__ import annotations

import asyncio
import io
import json
import time
import urllib.request
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from godkend import _core
from godkend.errors import Fault
from godkend.logs import Log
from godkend.service.admission import Admission
from godkend.service.app import SERVICES
from godkend.service.call import TIMEOUT_MS_MAX, timeout_ms
from godkend.service.status import Manual
from godkend.v1 import event_service_pb2 as event_pb
from godkend.v1 import login_service_pb2 as pb
from tests.service.world import (
    APPROVED,
    OPENED,
    PATIENCE_S,
    PENDING,
    PORTAL,
    REGISTRAR,
    Client,
    World,
    a_world,
    approve_request,
    refused,
    start_request,
)
from tests.support.phones import PIN, PIN_OTHER, PIN_WRONG
from tests.support.policies import SLOW_PIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import OpensDriver
    from tests.service.conftest import OpensWorld

HASH_SLOWLY = {"pin": SLOW_PIN, "engine": {"hashers": 1}}
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health_of(channel: grpc.aio.Channel) -> Any:
    """Health, as balancers ask for it; its stub knows no types."""
    return health_pb2_grpc.HealthStub(channel)


def reflection_of(channel: grpc.aio.Channel) -> Any:
    """Reflection, as command line clients ask for it."""
    return reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]


async def eventually(holds: Callable[[], bool]) -> None:
    """Goes on once something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110, there is nobody to set an event
            await asyncio.sleep(0.002)


def pin_checks(world: World) -> int:
    """How many PINs were looked at."""
    return world.server.engine.core.stats()["pin_checks"]


class Recorded:
    """The core, with the calls made to it written down, and some of them replaced."""

    def __init__(self, core: Any, **instead: Any) -> None:
        self._core = core
        self._instead = instead
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        real = self._instead.get(name) or getattr(self._core, name)

        def recorded(*arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return real(*arguments)

        return recorded

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of this name."""
        return [arguments for called, arguments in self.calls if called == name]


# Deadlines


async def test_work_whose_deadline_passed_while_it_waited_is_not_begun(
    open_world: OpensWorld,
) -> None:
    world = await open_world(**HASH_SLOWLY)
    first, second = await world.activate("anna"), await world.activate("bosse")
    _, firsts = await world.opened(first)
    login, seconds = await world.opened(second)
    busy = world.stream(approve_request(first, firsts))
    await eventually(lambda: pin_checks(world) == 1)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await world.send(approve_request(second, seconds, PIN_WRONG), timeout_s=0.05)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await busy).state == APPROVED
    # The one hasher takes work in order: behind this, the late one is done with.
    third = await world.activate("carla")
    assert await world.strikes(third) == 0
    assert pin_checks(world) == 1
    assert await world.strikes(second) == 0
    assert await world.state(login) == OPENED


async def test_the_engine_says_that_a_deadline_passed(open_world: OpensWorld) -> None:
    world = await open_world(**HASH_SLOWLY)
    first, second = await world.activate("anna"), await world.activate("bosse")
    _, firsts = await world.opened(first)
    _, seconds = await world.opened(second)
    busy = world.stream(approve_request(first, firsts))
    await eventually(lambda: pin_checks(world) == 1)
    engine = world.server.engine
    late = approve_request(second, seconds)
    with pytest.raises(Fault, match="DEADLINE_PASSED"):
        await engine.call(engine.core.approve_login, 1, late.statement, late.signature, PIN)
    await busy
    assert await world.strikes(second) == 0


def test_a_call_has_what_is_left_of_its_deadline_and_half_a_minute_at_most() -> None:
    class Left:
        def __init__(self, left_s: float | None) -> None:
            self.left_s = left_s

        def time_remaining(self) -> float | None:
            return self.left_s

    def of(left_s: float | None) -> int:
        return timeout_ms(Left(left_s))  # type: ignore[arg-type]

    assert of(None) == TIMEOUT_MS_MAX == of(1_000.0)
    assert (of(0.000_01), of(1.0), of(1.000_5)) == (1, 1_000, 1_001)
    for passed in (0.0, -1.0):
        with pytest.raises(Fault) as raised:
            of(passed)
        assert raised.value.reason == "DEADLINE_PASSED"


# Sizes and numbers


async def test_a_message_above_the_limit_is_refused_and_one_at_it_is_read(world: World) -> None:
    most = world.config.server.message_bytes_max
    # Field 15 is unknown: read, and passed over.
    head = b"\x7a" + _varint(most - 4)
    at_the_limit = head + bytes(most - len(head))
    assert len(at_the_limit) == most
    refusal = await refused("FIELD_INVALID", world.raw("CreateIdentityRequest", at_the_limit))
    assert refusal.field == "request_id"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await world.raw("CreateIdentityRequest", at_the_limit + b"\0")
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await world.register()


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


async def test_one_login_too_many_is_told_to_come_back_and_then_has_a_place(
    open_world: OpensWorld,
) -> None:
    world = await open_world(server={"logins_watched_max": 2, "overload_retry_ms": 321})
    first, second = await world.start(), await world.start()
    refusal = await refused("OVERLOADED", world.start())
    assert (refusal.code, refusal.retry_ms) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 321)
    watch = pb.WatchLoginRequest(login_id=first.login_id)
    assert (await refused("OVERLOADED", world.send(watch))).retry_ms == 321
    # Polling and deciding go on.
    assert await world.state(second) == PENDING
    await world.cancel(second)
    await second.states()
    third = world.stream(watch)
    assert (await third.read()).state == PENDING


async def test_one_event_stream_too_many_is_told_to_come_back(open_world: OpensWorld) -> None:
    world = await open_world(server={"event_streams_max": 1})
    await world.register()
    stream = world.stream(event_pb.StreamEventsRequest())
    await stream.read()
    assert (await refused("OVERLOADED", world.events())).retry_ms == 500
    engine = world.server.engine
    stream.cancel()
    # The place is free once the server has noticed.
    reads = Recorded(engine.core)
    engine.core = reads  # type: ignore[assignment]
    while not reads.named("read_events"):
        await asyncio.gather(world.events(), return_exceptions=True)
    assert len(await world.events()) == 1


async def test_one_call_too_many_is_told_to_come_back(open_world: OpensWorld) -> None:
    world = await open_world(server={"calls_max": 1}, **HASH_SLOWLY)
    phone = await world.activate()
    _, opened = await world.opened(phone)
    busy = world.stream(approve_request(phone, opened))
    await eventually(lambda: pin_checks(world) == 1)
    assert (await refused("OVERLOADED", world.jwks())).retry_ms == 500
    assert (await busy).state == APPROVED
    assert await world.jwks()


async def test_no_login_starts_while_others_wait_for_their_hash_and_those_go_on(
    open_world: OpensWorld,
) -> None:
    world = await open_world(
        log_level="warning", **HASH_SLOWLY, admission={"hash_wait_ms_max": 1, "retry_ms": 1_200}
    )
    phones = [await world.activate(f"user-{number}") for number in range(4)]
    logins = [await world.opened(phone) for phone in phones]
    late = await world.start()
    approvals = [
        world.stream(approve_request(phone, opened))
        for phone, (_, opened) in zip(phones[:1], logins[:1], strict=True)
    ]
    await approvals[0]  # Now it is known how long a hash takes.
    approvals = [
        world.stream(approve_request(phone, opened))
        for phone, (_, opened) in zip(phones[1:], logins[1:], strict=True)
    ]
    await eventually(lambda: pin_checks(world) == 2)

    refusal = await refused("OVERLOADED", world.start())
    assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.retry_ms >= 1_200
    # It looks at nobody, but who may not start a login at all is told that.
    await refused("CLIENT_UNKNOWN", world.send(start_request(), by=None))
    await refused("ROLE_FORBIDDEN", world.send(start_request(), by=REGISTRAR))
    # Who was admitted goes on, and is not kept waiting by those who were not.
    assert (await world.open(phones[0], late)).login_id == late.login_id
    assert [(await each).state for each in approvals] == [APPROVED] * 3
    assert [await world.strikes(phone) for phone in phones] == [0] * 4
    assert await world.start()
    await eventually(lambda: any(line["event"] == "not_admitted" for line in world.log_lines()))
    (line,) = (line for line in world.log_lines() if line["event"] == "not_admitted")
    assert line["logins"] >= 1


def test_a_loop_that_is_stuck_grows_late_and_a_late_loop_admits_nobody(
    open_engine: OpensDriver,
) -> None:
    core = open_engine(admission={"loop_late_ms_max": 200}).core
    core.admit(200)
    with pytest.raises(Fault, match="OVERLOADED") as raised:
        core.admit(201)
    assert raised.value.retry_after_ms == 1_000
    seen: list[int] = []
    admission = Admission(seen.append, Manual(), Log("error", io.BytesIO()))
    time.sleep(0.3)  # Nothing has had its turn meanwhile.
    assert admission.refusal() is None
    assert seen[0] >= 250


# Who goes away


async def test_a_front_end_that_goes_away_ends_its_watch(world: World) -> None:
    engine = world.server.engine
    core = Recorded(engine.core)
    engine.core = core  # type: ignore[assignment]
    login, other = await world.start(), await world.start()
    again = world.stream(pb.WatchLoginRequest(login_id=login.login_id))
    await again.read()
    login.stream.cancel()
    other.stream.cancel()
    await eventually(lambda: core.named("unwatch") == [(other.login_id,)])
    # One still looks on; with the last of them the engine lets go.
    await world.cancel(login)
    assert (await again.read()).state == pb.LOGIN_STATE_CANCELLED
    assert await again.read() is grpc.aio.EOF
    await eventually(lambda: core.named("unwatch")[1:] == [(login.login_id,)])
    assert engine._watching == {}


async def test_watching_what_cannot_be_watched_leaves_nothing_behind(world: World) -> None:
    for login_id in (b"", bytes(15), bytes(16), bytes(17)):
        reason = "LOGIN_NOT_FOUND" if len(login_id) == 16 else "FIELD_INVALID"
        await refused(reason, world.send(pb.WatchLoginRequest(login_id=login_id)))
    assert world.server.engine._watching == {}


async def test_a_phone_that_goes_away_does_not_undo_its_approval(open_world: OpensWorld) -> None:
    world = await open_world(**HASH_SLOWLY)
    phone = await world.activate()
    login, opened = await world.opened(phone)
    approval = world.stream(approve_request(phone, opened))
    await eventually(lambda: pin_checks(world) == 1)
    approval.cancel()
    assert await login.next_state() == OPENED
    assert await login.next_state() == APPROVED
    assert await world.strikes(phone) == 0
    assert await world.redeem(login)


# The end


async def test_a_stopping_server_goes_out_of_health_and_then_ends_its_streams(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as outlives:
        async with a_world(tmp_path, server={"stop_notice_ms": 200}) as world:
            outer = await outlives.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{world.server.port}")
            )
            health = health_of(outer).Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
            assert (await health.read()).status == SERVING
            login = world.stream(start_request(), channel=outer)
            assert (await login.read()).state == PENDING
            going_out = asyncio.create_task(health.read())
            ending = asyncio.create_task(refused("STOPPING", login.read()))
        assert (await going_out).status == NOT_SERVING
        refusal = await ending
        assert (refusal.code, refusal.retry_ms) == (grpc.StatusCode.UNAVAILABLE, 1_000)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await health.read()
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_closed_engine_says_that_it_is_stopping(world: World) -> None:
    login = await world.start()
    await world.server.engine.close()
    await refused("STOPPING", world.state(login))
    await refused("STOPPING", world.register())


# Health


async def test_every_service_is_serving_until_a_bug_shows_itself(world: World) -> None:
    health = health_of(world.channel)
    for service in ("", *SERVICES):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == SERVING, service
    watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
    assert (await watch.read()).status == SERVING
    world.server.health.panicked("LoginService/GetLogin")
    assert (await watch.read()).status == NOT_SERVING
    for service in ("", *SERVICES):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == NOT_SERVING, service


async def test_a_panic_of_the_core_takes_the_worker_out_of_health(world: World) -> None:
    class PanicException(BaseException):
        """As PyO3 raises it: no Exception."""

    def panics(*_: Any) -> None:
        raise PanicException("secret 271946")

    engine = world.server.engine
    engine.core = Recorded(engine.core, get_login=panics)  # type: ignore[assignment]
    watch = health_of(world.channel).Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
    assert (await watch.read()).status == SERVING
    refusal = await refused("INTERNAL", world.send(pb.GetLoginRequest(login_id=bytes(16))))
    assert "271946" not in refusal.message
    assert (await watch.read()).status == NOT_SERVING
    await eventually(lambda: len(world.log.getvalue().splitlines()) == 2)
    lines = {line["event"]: line for line in world.log_lines()}
    assert lines["bug"]["type"].endswith("PanicException")
    assert lines["unhealthy"]["cause"] == "panic in LoginService/GetLogin"
    assert b"271946" not in world.log.getvalue()


async def test_a_bug_in_a_call_fails_that_call_and_says_nothing_of_itself(world: World) -> None:
    def bug(*_: Any) -> None:
        raise ValueError("secret 271946")

    engine = world.server.engine
    core = engine.core
    engine.core = Recorded(core, get_login=bug)  # type: ignore[assignment]
    await refused("INTERNAL", world.send(pb.GetLoginRequest(login_id=bytes(16))))
    engine.core = core
    await refused("LOGIN_NOT_FOUND", world.send(pb.GetLoginRequest(login_id=bytes(16))))
    assert world.server.health.serving
    await eventually(lambda: b"ValueError" in world.log.getvalue())
    assert b"271946" not in world.log.getvalue()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("STORE_FAULT", grpc.StatusCode.UNAVAILABLE),
        ("KEY_FAULT", grpc.StatusCode.INTERNAL),
        ("NO_SUCH_REASON", grpc.StatusCode.INTERNAL),
    ],
)
async def test_a_fault_never_reads_as_a_wrong_pin_and_keeps_its_detail_for_the_operator(
    open_world: OpensWorld, reason: str, code: grpc.StatusCode
) -> None:
    world = await open_world(log_level="warning")
    phone = await world.activate()
    _, opened = await world.opened(phone)

    def faulty(*_: Any) -> None:
        raise Fault(reason, "disk /dev/sda1 on db7 is gone")

    engine = world.server.engine
    core = engine.core
    engine.core = Recorded(core, approve_login=faulty)  # type: ignore[assignment]
    told = "INTERNAL" if reason == "NO_SUCH_REASON" else reason
    refusal = await refused(told, world.approve(phone, opened))
    assert refusal.code is code
    assert "sda1" not in refusal.message
    await eventually(lambda: b"sda1" in world.log.getvalue())
    engine.core = core
    assert await world.strikes(phone) == 0


# Reflection


async def test_reflection_lists_every_service(world: World) -> None:
    stub = reflection_of(world.channel)
    call = stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    )
    listed = {service.name for service in (await call.read()).list_services_response.service}
    assert listed == {
        *SERVICES,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    call.cancel()


async def test_reflection_can_be_switched_off(open_world: OpensWorld) -> None:
    world = await open_world(server={"reflection": False})
    stub = reflection_of(world.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ServerReflectionInfo(iter([request])).read()
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_method_that_is_not_in_the_table_does_not_exist(world: World) -> None:
    for path in ("/godkend.v1.LoginService/Approve", "/godkend.v1.Nothing/StartLogin"):
        call: Any = world.channel.unary_unary(path)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(b"", metadata=(("authorization", f"Bearer {PORTAL.token}"),))
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


# Metrics and logs


class Secrets:
    """Everything that was secret in a busy run."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.blobs: set[bytes] = set()
        self.shown: set[bytes] = set()

    def add(self, *values: str | bytes) -> None:
        """Something more to keep."""
        for value in values:
            if isinstance(value, str):
                self.texts.add(value)
            else:
                self.blobs.add(value)

    def found_in(self, output: bytes) -> list[str]:
        """Those that show in an output, plain or in hexadecimal."""
        folded = output.lower()
        texts = [text for text in self.texts if text.encode().lower() in folded]
        blobs = [
            blob.hex() for blob in self.blobs if blob in output or blob.hex().encode() in folded
        ]
        return texts + blobs


USER_ID = "anna-of-the-hidden-name"


async def busy(world: World) -> Secrets:
    """One of everything, well and badly done."""
    secrets = Secrets()
    secrets.add(USER_ID, PIN, PIN_OTHER, PIN_WRONG, "123456", "Anna Jensen")
    identity_id = await world.register(USER_ID)
    code = (await world.issue(identity_id)).activation_code
    phone = await world.activate(USER_ID, identity_id=identity_id)
    secrets.add(code)
    await refused("ACTIVATION_CODE_WRONG", world.begin(USER_ID, code, phone.key))
    await refused("USER_ID_TAKEN", world.register(USER_ID))
    login, opened = await world.opened(phone, USER_ID, text="What only Anna may read")
    secrets.add("What only Anna may read", login.link, login.qr(), login.verifier)
    secrets.add(login.first.started.qr_secret, opened.challenge)
    secrets.shown.add(opened.challenge)
    await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
    await refused("PIN_WEAK", world.change_pin(phone, PIN, "123456"))
    await refused("FIELD_INVALID", world.approve(phone, opened, "12345x"))
    secrets.add("12345x")
    await world.change_pin(phone, PIN, PIN_OTHER)
    await world.approve(phone, opened, PIN_OTHER)
    await refused("VERIFIER_WRONG", world.redeem(login, verifier=bytes(32)))
    secrets.add(await world.redeem(login))
    for by in (PORTAL, REGISTRAR):
        secrets.add(by.token)
    wrong = Client("nobody", "support")
    secrets.add(wrong.token)
    get = pb.GetLoginRequest(login_id=login.login_id)
    await refused("CLIENT_UNKNOWN", world.send(get, wrong))
    await refused("ROLE_FORBIDDEN", world.send(get, REGISTRAR))
    await world.block(phone.identity_id)
    await refused("IDENTITY_BLOCKED", world.opened(phone))
    return secrets


async def test_logs_are_json_and_hold_no_secret(open_world: OpensWorld) -> None:
    world = await open_world(log_level="debug")
    secrets = await busy(world)
    last = "IDENTITY_BLOCKED"
    await eventually(lambda: last.encode() in world.log.getvalue())
    lines = world.log_lines()
    reasons = {line.get("reason") for line in lines}
    assert {"", "PIN_WRONG", "CLIENT_UNKNOWN", "ROLE_FORBIDDEN", "FIELD_INVALID", last} <= reasons
    for line in lines:
        assert set(line) <= {
            *("at", "level", "event", "method", "code", "reason", "client", "duration_ms"),
        }
        assert isinstance(json.dumps(line), str)
    assert secrets.found_in(world.log.getvalue()) == []
    # What is looked for would be found.
    assert secrets.found_in(b"x" + PIN.encode() + b"x") == [PIN]


async def scraped(world: World) -> bytes:
    """What Prometheus would read."""
    url = f"http://127.0.0.1:{world.server.metrics_port}/metrics"

    def read() -> bytes:
        with urllib.request.urlopen(url, timeout=60) as response:
            body: bytes = response.read()
            return body

    return await asyncio.to_thread(read)


async def test_metrics_count_what_happened_and_hold_no_secret(open_world: OpensWorld) -> None:
    world = await open_world(metrics=True)
    secrets = await busy(world)
    text = await scraped(world)
    samples = {
        frozenset((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }

    def of(*name_and_labels: str) -> float:
        return samples[frozenset(name_and_labels)]

    approve = "DeviceService/ApproveLogin"
    assert of("godkend_calls_total", approve, "OK") == 1
    assert of("godkend_calls_total", approve, "PERMISSION_DENIED") == 1
    assert of("godkend_refusals_total", approve, "PIN_WRONG") == 1
    assert of("godkend_refusals_total", approve, "FIELD_INVALID") == 1
    assert of("godkend_refusals_total", "LoginService/GetLogin", "CLIENT_UNKNOWN") == 1
    assert of("godkend_call_seconds_count", "LoginService/RedeemLogin") == 1
    assert of("godkend_pin_checks_total") == 3
    assert of("godkend_healthy") == 1
    assert of("godkend_argon2id_kernel", _core.argon2id_kernels()[0]) == 1
    assert of("godkend_synthetic_identities") == 0
    assert of("godkend_calls_open") == 0
    assert secrets.found_in(text) == []


async def test_the_history_holds_no_secret(world: World) -> None:
    secrets = await busy(world)
    history = b"".join(event.SerializeToString() for event in await world.events())
    assert secrets.found_in(history) == []


async def test_the_store_holds_no_pin_code_or_verifier_in_the_clear(tmp_path: Path) -> None:
    async with a_world(tmp_path, store="") as world:
        secrets = await busy(world)
    # What an operator must be able to read, and what a phone is shown.
    secrets.texts -= {USER_ID, "Anna Jensen", "What only Anna may read"}
    secrets.blobs -= secrets.shown
    (store,) = (tmp_path / "data").glob("godkend.db*")
    stored = store.read_bytes()
    assert USER_ID.encode() in stored
    assert secrets.found_in(stored) == []
