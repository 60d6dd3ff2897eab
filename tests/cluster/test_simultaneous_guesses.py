"""A thousand wrong PINs at once: three are looked at, whoever asks, wherever, however often."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import pytest

from godkend.calls import from_rpc_error
from godkend.errors import Denied, GodkendError
from godkend.front_end import FrontEnd
from godkend.statements import approval_statement, pin_change_statement
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import device_service_pb2_grpc
from tests.servers import (
    CALL_TIMEOUT_S,
    CHEAP_PIN,
    PIN,
    PIN_WRONG,
    PLENTY,
    Desk,
    Server,
    Settings,
    Subscriber,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import grpc.aio

    from godkend.v1.device_service_pb2 import OpenLoginResponse

GUESSES = 1_000
HOUR_MS = 3_600_000
REAL_PIN: Settings = {"policy": {"pin": {"memory_kib": 12_288, "iterations": 3}}}

Request = device_pb.ApproveLoginRequest | device_pb.ChangePinRequest


class Scene:
    """Servers on one store, and a subscriber whose phone is in the wrong hands."""

    def __init__(self, servers: Sequence[Server], channel: grpc.Channel) -> None:
        self.servers = servers
        self.channel = channel
        self.desk = Desk(channel, servers[0].metadata("registrar"))
        self.erik = self.desk.subscriber()
        self.front_end = FrontEnd(
            channel,
            token=servers[0].metadata("front-end")[0][1].removeprefix("Bearer "),
            issuer="",
            service_provider="tax.example",
        )

    def opened(self, whose: Subscriber | None = None) -> OpenLoginResponse:
        """A login that a phone has opened and not decided yet."""
        with self.front_end.start("Log in", source=secrets.token_hex(8)) as login:
            return (whose or self.erik).phone.open_login(login.app_link)

    def guess(
        self, opened: OpenLoginResponse, pin: str = PIN_WRONG
    ) -> device_pb.ApproveLoginRequest:
        """A guess with an attempt_id of its own, as if the phone's holder had typed it."""
        phone = self.erik.phone
        signed = approval_statement(phone.key, phone.authenticator_id, opened)
        return device_pb.ApproveLoginRequest(
            statement=signed.statement, signature=signed.signature, pin=pin
        )

    def guess_to_change(self) -> device_pb.ChangePinRequest:
        """A guess through the other door, where a new PIN is chosen."""
        phone = self.erik.phone
        now_ms = time.time_ns() // 1_000_000
        signed = pin_change_statement(phone.key, phone.authenticator_id, now_ms)
        return device_pb.ChangePinRequest(
            statement=signed.statement,
            signature=signed.signature,
            pin_old=PIN_WRONG,
            pin_new="608315",
        )

    async def at_once(self, requests: Sequence[Request]) -> list[GodkendError | None]:
        """Sends all of them at once, spread over the servers. None: it went well."""
        async with contextlib.AsyncExitStack() as stack:
            channels = [await stack.enter_async_context(s.aio_channel()) for s in self.servers]
            await asyncio.gather(*(channel.channel_ready() for channel in channels))
            stubs = [device_service_pb2_grpc.DeviceServiceStub(channel) for channel in channels]
            calls = [
                stub.ApproveLogin(request, timeout=CALL_TIMEOUT_S)
                if isinstance(request, device_pb.ApproveLoginRequest)
                else stub.ChangePin(request, timeout=CALL_TIMEOUT_S)
                for request, stub in zip(requests, itertools.cycle(stubs), strict=False)
            ]
            return [await _outcome(call) for call in calls]

    def pin_checks(self) -> int:
        """How many PINs were looked at, by all servers together."""
        return sum(server.pin_checks() for server in self.servers)

    def strikes(self) -> int:
        """What the store holds against the phone."""
        return self.erik.authenticator().strikes


async def _outcome(call: grpc.aio.UnaryUnaryCall) -> GodkendError | None:  # type: ignore[type-arg]
    try:
        await call
    except grpc.RpcError as error:
        return from_rpc_error(error)
    return None


@contextlib.contextmanager
def scene(data_dir: Path, *settings: Settings, servers: int = 1) -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(Server(data_dir, PLENTY, *settings)) for _ in range(servers)]
        yield Scene(started, stack.enter_context(started[0].channel()))


def reasons(answers: Sequence[GodkendError | None]) -> Counter[str]:
    return Counter("OK" if answer is None else answer.reason for answer in answers)


def told_of_three(answers: Sequence[GodkendError | None]) -> None:
    """Three were told that the PIN is wrong, truthfully; the others when to come back."""
    by_reason = reasons(answers)
    assert by_reason["PIN_WRONG"] == 3, by_reason
    assert by_reason.keys() <= {"PIN_WRONG", "PIN_LOCKED", "OVERLOADED"}, by_reason
    left = []
    for answer in answers:
        assert answer is not None
        if answer.reason == "PIN_WRONG":
            assert isinstance(answer, Denied)
            assert answer.attempts_left is not None
            left.append(answer.attempts_left)
            assert (answer.attempts_left == 0) == bool(answer.retry_after_ms)
        else:
            assert answer.retry_after_ms
            assert 0 < answer.retry_after_ms <= HOUR_MS
    # What is left when an answer is given: the other two may be charged by then, never fewer.
    assert all(said <= truly for said, truly in zip(sorted(left), (0, 1, 2), strict=True)), left


async def test_a_thousand_simultaneous_guesses_at_one_login_cost_three_hashes(
    tmp_path: Path,
) -> None:
    with scene(tmp_path / "data", REAL_PIN) as s:
        opened = s.opened()
        answers = await s.at_once([s.guess(opened) for _ in range(GUESSES)])
        told_of_three(answers)
        assert s.pin_checks() == 3
        assert s.strikes() == 3


async def test_spread_over_three_servers_and_ten_logins_they_still_cost_three(
    tmp_path: Path,
) -> None:
    with scene(tmp_path / "data", CHEAP_PIN, servers=3) as s:
        logins = [s.opened() for _ in range(10)]
        guesses = [s.guess(login) for login, _ in zip(itertools.cycle(logins), range(GUESSES))]
        answers = await s.at_once(guesses)
        told_of_three(answers)
        assert s.pin_checks() == 3
        assert s.strikes() == 3
        assert sum(server.pin_checks() > 0 for server in s.servers) >= 1


async def test_through_both_doors_they_still_cost_three(tmp_path: Path) -> None:
    with scene(tmp_path / "data", REAL_PIN, servers=2) as s:
        opened = s.opened()
        doors = [s.guess(opened) if n // 2 % 2 else s.guess_to_change() for n in range(GUESSES)]
        answers = await s.at_once(doors)
        told_of_three(answers)
        assert s.pin_checks() == 3
        assert s.strikes() == 3


@pytest.mark.parametrize("servers", [1, 3])
async def test_one_signed_statement_sent_a_thousand_times_is_looked_at_once(
    tmp_path: Path, servers: int
) -> None:
    with scene(tmp_path / "data", REAL_PIN, servers=servers) as s:
        answers = await s.at_once([s.guess(s.opened())] * GUESSES)
        assert reasons(answers) == {"PIN_WRONG": 1, "STATEMENT_REPLAYED": GUESSES - 1}
        assert s.pin_checks() == 1
        assert s.strikes() == 1


async def test_one_signed_change_of_pin_sent_a_thousand_times_is_looked_at_once(
    tmp_path: Path,
) -> None:
    with scene(tmp_path / "data", CHEAP_PIN, servers=3) as s:
        answers = await s.at_once([s.guess_to_change()] * GUESSES)
        assert reasons(answers) == {"PIN_WRONG": 1, "STATEMENT_REPLAYED": GUESSES - 1}
        assert s.pin_checks() == 1
        assert s.strikes() == 1


async def test_the_right_pin_among_the_guesses_is_approved_at_most_once_and_within_the_three(
    tmp_path: Path,
) -> None:
    with scene(tmp_path / "data", CHEAP_PIN, servers=2) as s:
        opened = s.opened()
        pins = [PIN if n % 100 == 7 else PIN_WRONG for n in range(GUESSES)]
        answers = await s.at_once([s.guess(opened, pin) for pin in pins])
        by_reason = reasons(answers)
        # A success takes back what was charged up to it, and ends the login: then no guess is
        # charged any more. So at most three before it, itself, and two charged beside it.
        assert by_reason["OK"] <= 1
        assert by_reason["PIN_WRONG"] + by_reason["OK"] <= 3
        assert s.pin_checks() <= 3


async def test_guesses_that_found_the_queue_full_were_not_charged(tmp_path: Path) -> None:
    narrow: Settings = {"policy": {"engine": {"hash_queue_max": 4, "hashers": 1}}}
    slow_pin: Settings = {"policy": {"pin": {"memory_kib": 65_536, "iterations": 4}}}
    with scene(tmp_path / "data", slow_pin, narrow) as s:
        opened = s.opened()
        answers = await s.at_once([s.guess(opened) for _ in range(GUESSES)])
        by_reason = reasons(answers)
        assert by_reason["OVERLOADED"] > 0
        assert by_reason["PIN_WRONG"] == s.pin_checks() == s.strikes() <= 3
        told_of_three(answers)


async def test_control_where_32_hashers_wait_and_one_guess_is_allowed_only_one_is_made(
    tmp_path: Path,
) -> None:
    """Would let 32 through if a guess were charged only after it was looked at."""
    one_strike: Settings = {"policy": {"lockout": {"rungs": [], "strikes_max": 1}}}
    many_hashers: Settings = {"policy": {"engine": {"hashers": 32}}}
    with scene(tmp_path / "data", REAL_PIN, many_hashers, one_strike) as s:
        opened = s.opened()
        answers = await s.at_once([s.guess(opened) for _ in range(GUESSES)])
        assert reasons(answers) == {"PIN_WRONG": 1, "PIN_DEAD": GUESSES - 1}
        assert s.pin_checks() == 1
        assert s.strikes() == 1


async def test_control_where_the_ladder_allows_a_hundred_a_hundred_are_looked_at(
    tmp_path: Path,
) -> None:
    """That three are looked at is the ladder's doing, not that the guesses come one by one."""
    hundred: Settings = {"policy": {"lockout": {"rungs": [], "strikes_max": 100}}}
    with scene(tmp_path / "data", CHEAP_PIN, hundred, servers=2) as s:
        opened = s.opened()
        answers = await s.at_once([s.guess(opened) for _ in range(GUESSES)])
        assert reasons(answers) == {"PIN_WRONG": 100, "PIN_DEAD": GUESSES - 100}
        assert s.pin_checks() == 100
        assert all(server.pin_checks() > 0 for server in s.servers)


async def test_one_after_the_other_they_are_told_two_one_and_none_left(tmp_path: Path) -> None:
    with scene(tmp_path / "data", CHEAP_PIN) as s:
        opened = s.opened()
        left = []
        for _ in range(3):
            (answer,) = await s.at_once([s.guess(opened)])
            assert isinstance(answer, Denied)
            left.append(answer.attempts_left)
        assert left == [2, 1, 0]
        (locked,) = await s.at_once([s.guess(opened, PIN)])
        assert reasons([locked]) == {"PIN_LOCKED": 1}
        assert s.pin_checks() == 3
