"""Several workers behind one port are one server: what one does the others see, and exactly so."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import psutil  # type: ignore[import-untyped]

from godkend.calls import from_rpc_error
from godkend.front_end import FrontEnd
from godkend.phone import Phone
from godkend.statements import approval_statement
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import device_service_pb2_grpc, login_service_pb2_grpc
from godkend.v1 import login_service_pb2 as login_pb
from tests.cluster.placement import channel_to_each, placed_channel
from tests.servers import (
    CALL_TIMEOUT_S,
    CHEAP_PIN,
    PIN,
    PIN_WRONG,
    PLENTY,
    Desk,
    NewLogin,
    Server,
    Settings,
    Subscriber,
    eventually,
    merged,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

GUESSES = 600
LOGINS = 240
LOGINS_ALLOWED = 37
DAY_US = 86_400_000_000
SLOW_PIN: Settings = {"policy": {"pin": {"memory_kib": 12_288, "iterations": 3}}}


def workers(count: int) -> Settings:
    return {"server": {"workers": count}}


def logins_of(channel: grpc.Channel) -> login_service_pb2_grpc.LoginServiceStub:
    return login_service_pb2_grpc.LoginServiceStub(channel)


def elsewhere(phone: Phone, channel: grpc.Channel) -> Phone:
    """The same phone, calling over another connection."""
    return Phone(channel, phone.key, phone.authenticator_id)


def reasons(calls: Iterable[Any]) -> Counter[str]:
    """What calls under way come to."""
    found: Counter[str] = Counter()
    for call in calls:
        try:
            call.result()
            found["OK"] += 1
        except grpc.RpcError as error:
            found[from_rpc_error(error).reason] += 1
    return found


def guess(whose: Subscriber, opened: device_pb.OpenLoginResponse, pin: str) -> Any:
    """A guess with an attempt_id of its own."""
    phone = whose.phone
    signed = approval_statement(phone.key, phone.authenticator_id, opened)
    return device_pb.ApproveLoginRequest(
        statement=signed.statement, signature=signed.signature, pin=pin
    )


def opened_login(
    server: Server, channel: grpc.Channel, phone: Phone
) -> device_pb.OpenLoginResponse:
    """A login that a phone has opened and not decided yet."""
    token = server.metadata("front-end")[0][1].removeprefix("Bearer ")
    front_end = FrontEnd(channel, token=token, issuer="", service_provider="tax.example")
    with front_end.start("Log in", source=secrets.token_hex(8)) as login:
        return phone.open_login(login.app_link)


def test_a_login_started_on_one_worker_and_opened_on_a_second_is_watched_on_a_third(
    tmp_path: Path,
) -> None:
    with (
        Server(tmp_path / "data", CHEAP_PIN, workers(3)) as server,
        channel_to_each(server) as (first, second, third),
    ):
        as_front_end: dict[str, Any] = {"metadata": server.metadata("front-end")}
        erik = Desk(second, server.metadata("registrar")).subscriber()
        new = NewLogin("tax.example")
        started = next(starting := logins_of(first).StartLogin(new.start_request, **as_front_end))
        request = login_pb.WatchLoginRequest(login_id=started.login_id)
        watch = logins_of(third).WatchLogin(request, **as_front_end, timeout=CALL_TIMEOUT_S)
        assert next(watch).state == login_pb.LOGIN_STATE_PENDING
        opened = erik.phone.open_login(started.started.app_link)
        for stream in (watch, starting):
            assert next(stream).state == login_pb.LOGIN_STATE_OPENED
        erik.phone.approve(opened, PIN)
        for stream in (watch, starting):
            assert next(stream).state == login_pb.LOGIN_STATE_APPROVED
        redeemed = logins_of(third).RedeemLogin(
            new.redeem_request(started.login_id), **as_front_end
        )
        assert redeemed.assertion
        again = logins_of(first).RedeemLogin.future(
            new.redeem_request(started.login_id), **as_front_end
        )
        assert reasons([again]) == {"LOGIN_REDEEMED": 1}
        for stream in (watch, starting):
            assert next(stream).state == login_pb.LOGIN_STATE_REDEEMED


def test_simultaneous_guesses_over_all_workers_cost_three_hashes(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "data", CHEAP_PIN, PLENTY, workers(3)) as server,
        channel_to_each(server) as channels,
    ):
        desk = Desk(channels[0], server.metadata("registrar"))
        erik = desk.subscriber()
        login = opened_login(server, channels[1], erik.phone)
        stubs = [device_service_pb2_grpc.DeviceServiceStub(channel) for channel in channels]
        guesses = [guess(erik, login, PIN_WRONG) for _ in range(GUESSES)]
        found = reasons(
            [
                stubs[n % len(stubs)].ApproveLogin.future(each, timeout=CALL_TIMEOUT_S)
                for n, each in enumerate(guesses)
            ]
        )
        assert found["PIN_WRONG"] == 3
        assert found.keys() <= {"PIN_WRONG", "PIN_LOCKED", "OVERLOADED"}
        assert server.pin_checks() == 3
        assert erik.authenticator(desk).strikes == 3
        # All took part: each verified signatures of its own.
        assert all(server.metric_by_worker("godkend_signatures_total").values())


def test_a_budget_is_spent_exactly_however_many_workers_serve(tmp_path: Path) -> None:
    little: Settings = {
        "policy": {"budget": {"login_front_end": {"interval_us": DAY_US, "burst": LOGINS_ALLOWED}}}
    }
    with (
        Server(tmp_path / "data", CHEAP_PIN, merged(PLENTY, little), workers(3)) as server,
        channel_to_each(server) as channels,
    ):
        metadata = server.metadata("front-end")
        streams = [
            logins_of(channels[n % len(channels)]).StartLogin(
                NewLogin("tax.example").start_request, metadata=metadata, timeout=CALL_TIMEOUT_S
            )
            for n in range(LOGINS)
        ]
        found: Counter[str] = Counter()
        for stream in streams:
            try:
                next(stream)
                found["OK"] += 1
                stream.cancel()
            except grpc.RpcError as error:
                found[from_rpc_error(error).reason] += 1
        assert found == {"OK": LOGINS_ALLOWED, "BUDGET_SPENT": LOGINS - LOGINS_ALLOWED}


def hasher_cpu_ns(pid: int) -> dict[str, int]:
    """CPU time of each hashing thread of a process."""
    taken = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith("godkend-hasher"):
            taken[task.name] = int((task / "schedstat").read_text().split()[0])
    return taken


def test_logins_of_one_connection_are_hashed_on_several_threads_at_once(tmp_path: Path) -> None:
    """One connection ends at one worker, but no worker is tied to a core."""
    with (
        Server(tmp_path / "data", SLOW_PIN, PLENTY, workers(2)) as server,
        placed_channel(server) as (worker, channel),
    ):
        desk = Desk(channel, server.metadata("registrar"))
        subscribers = [desk.subscriber() for _ in range(8)]
        guesses = [
            guess(each, opened_login(server, channel, each.phone), PIN) for each in subscribers
        ]
        stub = device_service_pb2_grpc.DeviceServiceStub(channel)
        pid = server.workers()[worker]
        assert psutil.Process(pid).cpu_affinity() == psutil.Process(os.getpid()).cpu_affinity()
        before, checks = hasher_cpu_ns(pid), server.metric_by_worker("godkend_pin_checks_total")
        calls = [stub.ApproveLogin.future(each, timeout=CALL_TIMEOUT_S) for each in guesses]
        assert reasons(calls) == {"OK": len(guesses)}
        made = server.metric_by_worker("godkend_pin_checks_total")[str(worker)]
        assert made - checks[str(worker)] == len(guesses)
        hashed_ns = [taken - before[thread] for thread, taken in hasher_cpu_ns(pid).items()]
        one_hash_ns = sum(hashed_ns) / len(guesses)
        # A thread that hashed took about a whole hash; one that only woke up took next to nothing.
        assert sum(taken > one_hash_ns / 2 for taken in hashed_ns) > 1, hashed_ns


def test_a_worker_that_does_not_answer_is_left_out_of_the_metrics_and_comes_back_in(
    tmp_path: Path,
) -> None:
    with (
        Server(tmp_path / "data", CHEAP_PIN, workers(2)) as server,
        channel_to_each(server) as (_, second),
    ):
        desk = Desk(second, server.metadata("registrar"))
        pid = server.workers()[1]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert server.metric_by_worker("godkend_worker_up") == {"0": 1, "1": 0}
            assert server.metric_by_worker("godkend_commands_total").keys() == {"0"}
        finally:
            os.kill(pid, signal.SIGCONT)
        desk.create("erik")
        # What it answers is of now, not the answer to what was asked while it stood still.
        eventually(lambda: bool(server.metric_by_worker("godkend_worker_up")["1"]), "it answers")
        assert server.metric_by_worker("godkend_commands_total")["1"] >= 1


def test_servers_that_start_at_once_on_a_new_directory_become_one(tmp_path: Path) -> None:
    servers = [Server(tmp_path / "data", CHEAP_PIN, workers(2)) for _ in range(3)]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(servers)) as threads:
        # Each ends in its own `with`, whether the others came to be or not.
        starting = [threads.submit(server.__enter__) for server in servers]
        for server, started in zip(servers, starting, strict=True):
            if started.exception() is None:
                stack.push(server)
        assert not any(started.exception() for started in starting)
        channels = [stack.enter_context(server.channel()) for server in servers]
        desks = [Desk(channel, servers[0].metadata("registrar")) for channel in channels]
        identity_id = desks[0].create("erik")
        assert [desk.find(identity_id).identity_id for desk in desks] == [identity_id] * 3
