"""SIGTERM: what was taken on is finished and answered, what comes after is refused, exit code 0."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import pytest

from godkend.calls import UNREACHABLE, from_rpc_error, godkend_errors
from godkend.errors import Denied, Fault
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import login_service_pb2_grpc
from tests.crash.actors import SERVICE_PROVIDER, Link, linked, outcome
from tests.servers import (
    CALL_TIMEOUT_S,
    CHEAP_PIN,
    PIN,
    PIN_WRONG,
    NewLogin,
    Server,
    Settings,
    Subscriber,
    eventually,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLOW_PIN: Settings = {"policy": {"pin": {"memory_kib": 65_536, "iterations": 24}}}
"""Long enough for anything else to happen in the meantime."""
TWO_HASHERS: Settings = {"policy": {"engine": {"hashers": 2}}}
REFUSED_WHEN_STOPPING = {"STOPPING", UNREACHABLE}


@dataclass
class InFlight:
    """A server that is looking at PINs when it is told to stop."""

    server: Server
    link: Link
    login_ids: dict[str, bytes]
    attempts: dict[str, Future[None]]


@contextlib.contextmanager
def in_flight(
    data_dir: Path, subscribers: dict[str, Subscriber], pins: dict[str, str], *settings: Settings
) -> Iterator[InFlight]:
    with (
        Server(data_dir, SLOW_PIN, TWO_HASHERS, *settings) as server,
        linked(server) as link,
        ThreadPoolExecutor(len(pins)) as threads,
    ):
        attempts, login_ids = {}, {}
        for name, pin in pins.items():
            phone = subscribers[name].phone
            opened = link.opened(NewLogin(SERVICE_PROVIDER), phone)
            login_ids[name] = opened.login_id
            attempts[name] = threads.submit(link.phone(phone).approve, opened, pin)
        eventually(lambda: server.pin_checks() == len(pins), "the PINs are being looked at")
        yield InFlight(server, link, login_ids, attempts)


def with_slow_pins(data_dir: Path, *names: str) -> dict[str, Subscriber]:
    """Subscribers whose PINs take long to look at."""
    with Server(data_dir, SLOW_PIN) as server, linked(server) as link:
        return {name: link.desk.subscriber() for name in names}


def refused_for_stopping(link: Link) -> bool:
    """Whether a new call is refused because the server stops."""
    detail = ""
    try:
        reason = outcome(lambda: link.desk.find(bytes(16)))
    except Fault as fault:
        reason, detail = fault.reason, fault.detail
    assert reason in {"IDENTITY_NOT_FOUND", *REFUSED_WHEN_STOPPING}, detail
    return reason in REFUSED_WHEN_STOPPING


@pytest.mark.parametrize("workers", [1, 2])
def test_attempts_in_flight_are_finished_and_answered_while_new_ones_are_refused(
    tmp_path: Path, workers: int
) -> None:
    data_dir = tmp_path / "data"
    subscribers = with_slow_pins(data_dir, "astrid", "erik")
    pins = {"astrid": PIN, "erik": PIN_WRONG}
    several: Settings = {"server": {"workers": workers}}
    with in_flight(data_dir, subscribers, pins, several) as running:
        running.server.terminate()
        eventually(lambda: running.server.logged("stopping"), "the server says that it stops")
        with linked(running.server) as newcomer:
            eventually(lambda: refused_for_stopping(newcomer), "new calls are refused")
            eventually(lambda: refused_for_stopping(running.link), "on old connections too")
        running.attempts["astrid"].result(CALL_TIMEOUT_S)
        with pytest.raises(Denied) as wrong:
            running.attempts["erik"].result(CALL_TIMEOUT_S)
        assert (wrong.value.reason, wrong.value.attempts_left) == ("PIN_WRONG", 2)
        running.server.wait()
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        assert subscribers["astrid"].authenticator(link.desk).strikes == 0
        assert subscribers["erik"].authenticator(link.desk).strikes == 1


def test_attempts_that_outlast_the_grace_are_cut_off_but_settled(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    subscribers = with_slow_pins(data_dir, "astrid", "erik")
    impatient: Settings = {"server": {"stop_grace_ms": 0}}
    pins = {"astrid": PIN, "erik": PIN_WRONG}
    with in_flight(data_dir, subscribers, pins, impatient) as running:
        running.server.stop()
        for attempt in running.attempts.values():
            with pytest.raises(Fault):
                attempt.result(CALL_TIMEOUT_S)
        login_id = running.login_ids["astrid"]
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        assert subscribers["astrid"].authenticator(link.desk).strikes == 0
        assert subscribers["erik"].authenticator(link.desk).strikes == 1
        stub = login_service_pb2_grpc.LoginServiceStub(link.channel)
        found = stub.GetLogin(
            login_pb.GetLoginRequest(login_id=login_id), metadata=server.metadata("front-end")
        )
        assert found.state == login_pb.LOGIN_STATE_APPROVED


def test_attempts_that_wait_for_a_hasher_are_finished_too(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        subscribers = [link.desk.subscriber() for _ in range(20)]
    slower: Settings = {"policy": {"pin": {"memory_kib": 65_536, "iterations": 4}}}
    with (
        Server(data_dir, slower, TWO_HASHERS) as server,
        linked(server) as link,
        ThreadPoolExecutor(len(subscribers)) as threads,
    ):
        attempts = []
        for each in subscribers:
            opened = link.opened(NewLogin(SERVICE_PROVIDER), each.phone)
            attempts.append(threads.submit(link.phone(each.phone).approve, opened, PIN))
        # The right PIN's record is made anew with what it costs now: slow enough to queue for.
        eventually(lambda: server.metric("godkend_calls_open") >= 10, "attempts wait")
        server.stop()
        answered = [attempt.exception(CALL_TIMEOUT_S) for attempt in attempts]
    approved = answered.count(None)
    assert approved >= 10
    for error in answered:
        assert error is None or (isinstance(error, Fault) and error.reason in REFUSED_WHEN_STOPPING)
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        assert [each.authenticator(link.desk).strikes for each in subscribers] == [0] * 20
        kinds = [event.kind for event in link.events(0)]
        assert kinds.count("login.approved") == approved


def test_open_streams_end_with_the_server_and_say_why(tmp_path: Path) -> None:
    with Server(tmp_path / "data", CHEAP_PIN) as server, linked(server) as link:
        stub = login_service_pb2_grpc.LoginServiceStub(link.channel)
        metadata = server.metadata("front-end")
        streams = [
            stub.StartLogin(NewLogin(SERVICE_PROVIDER).start_request, metadata=metadata)
            for _ in range(20)
        ]
        login_ids = [next(stream).login_id for stream in streams]
        watches = [
            stub.WatchLogin(login_pb.WatchLoginRequest(login_id=login_id), metadata=metadata)
            for login_id in login_ids
        ]
        for watch in watches:
            assert next(watch).state == login_pb.LOGIN_STATE_PENDING
        eventually(lambda: server.metric("godkend_logins_watched") == 40, "all are followed")
        server.stop()  # Exit code 0, within less than the streams would have lived.
        every: list[Iterator[object]] = [*streams, *watches]
        for stream in every:
            with pytest.raises(grpc.RpcError) as ended:
                next(stream)
            assert from_rpc_error(ended.value).reason == "STOPPING"


def test_a_stream_that_was_ended_goes_on_at_the_next_server(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    new = NewLogin(SERVICE_PROVIDER)
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        erik = link.desk.subscriber()
        opened = link.opened(new, erik.phone)
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        stub = login_service_pb2_grpc.LoginServiceStub(link.channel)
        watch = stub.WatchLogin(
            login_pb.WatchLoginRequest(login_id=opened.login_id),
            metadata=server.metadata("front-end"),
        )
        with godkend_errors():
            assert next(watch).state == login_pb.LOGIN_STATE_OPENED
            link.phone(erik.phone).approve(opened, PIN)
            assert next(watch).state == login_pb.LOGIN_STATE_APPROVED
        assert link.redeem(new, opened.login_id) == "OK"
        assert next(watch).state == login_pb.LOGIN_STATE_REDEEMED
        assert next(watch, None) is None


def test_telling_it_twice_changes_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    subscribers = with_slow_pins(data_dir, "erik")
    with in_flight(data_dir, subscribers, {"erik": PIN_WRONG}) as running:
        running.server.terminate()
        eventually(lambda: running.server.logged("stopping"), "the server says that it stops")
        running.server.terminate()
        with pytest.raises(Denied) as wrong:
            running.attempts["erik"].result(CALL_TIMEOUT_S)
        assert wrong.value.reason == "PIN_WRONG"
        running.server.wait()
