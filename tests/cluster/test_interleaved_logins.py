"""Thousands of logins within milliseconds of each other: nobody gets anybody else's assertion.

The lesson of January 2022, when requests close to each other could be answered with the other
session's token. Two front-ends, two servers on one store, forty subscribers, and among the honest
calls all those that cross: another front-end, another verifier, another phone, a second time.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import random
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from godkend.calls import bearer, from_rpc_error, godkend_errors
from godkend.front_end import verify_assertion
from godkend.phone import Phone, unix_time_ms
from godkend.statements import Signed, approval_statement, open_statement
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import device_service_pb2_grpc, login_service_pb2_grpc, statement_pb2
from godkend.v1 import login_service_pb2 as login_pb
from tests.servers import (
    CALL_TIMEOUT_S,
    CHEAP_PIN,
    PIN,
    PLENTY,
    Desk,
    NewLogin,
    Server,
    Settings,
    Subscriber,
    merged,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence
    from pathlib import Path

LOGINS = 2_000
SUBSCRIBERS = 40
AT_ONCE_MAX = 80
AT_ONCE_OF_ONE_MAX = 3
"""A user ID that is typed once more than that ends the oldest login for it."""
ISSUER = "https://godkend.example"
SERVICE_PROVIDERS = {"broker": ("tax.example", "health.example"), "bank": ("bank.example",)}


@dataclass(frozen=True)
class FrontEndHere:
    """A configured front-end."""

    name: str
    token: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return bearer(self.token)


@dataclass(frozen=True)
class Stubs:
    """One server, as front-ends and phones reach it."""

    login: Any
    device: Any


@dataclass(frozen=True)
class Redeemed:
    """What a front-end ends up with, beside what it asked for."""

    new: NewLogin
    front_end: FrontEndHere
    subscriber: Subscriber
    login_id: bytes
    assertion: str
    amr: str


def configured(front_ends: Sequence[FrontEndHere], registrar: str) -> Settings:
    clients: Settings = {
        each.name: {
            "role": "front-end",
            "token_sha256": hashlib.sha256(each.token.encode()).hexdigest(),
            "service_providers": list(SERVICE_PROVIDERS[each.name]),
        }
        for each in front_ends
    }
    clients["desk"] = {
        "role": "registrar",
        "token_sha256": hashlib.sha256(registrar.encode()).hexdigest(),
    }
    return {"clients": clients}


def pairwise_subject(data_dir: Path, identity_id: bytes, service_provider: str) -> str:
    """Who a subscriber is to a service provider, computed apart from the core."""
    keys = json.loads((data_dir / "keys.json").read_text())["keys"]
    mac_key = next(base64.b64decode(key["key"]) for key in keys if key["use"] == "mac")
    message = b"godkend pairwise subject v1\0"
    for part in (identity_id, service_provider.encode()):
        message += len(part).to_bytes(4, "big") + part
    digest = hmac.digest(mac_key, message, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def refused(call: Awaitable[object]) -> str:
    """The reason for which a call was refused; fails if it was not."""
    try:
        answer = await call
    except grpc.RpcError as error:
        return from_rpc_error(error).reason
    raise AssertionError(f"not refused: {answer}")


async def accepted(call: Awaitable[Any]) -> Any:
    with godkend_errors():
        return await call


class Crowd:
    """Front-ends, subscribers and servers, and the logins between them."""

    def __init__(
        self,
        servers: Sequence[Stubs],
        front_ends: Sequence[FrontEndHere],
        subscribers: Sequence[Subscriber],
        seed: int,
    ) -> None:
        self.servers = servers
        self.front_ends = front_ends
        self.subscribers = subscribers
        self.random = random.Random(seed)
        self.crossings: Counter[str] = Counter()
        self.redeemed: list[Redeemed] = []
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._of_one = {each.user_id: asyncio.Semaphore(AT_ONCE_OF_ONE_MAX) for each in subscribers}
        self._approved_of_others: list[tuple[FrontEndHere, bytes]] = []

    def any_server(self) -> Stubs:
        """Each call may reach another server."""
        return self.random.choice(self.servers)

    def other_front_end(self, than: FrontEndHere) -> FrontEndHere:
        return next(each for each in self.front_ends if each is not than)

    async def log_in(self, number: int) -> None:
        """One login from start to end, with one crossing attempt on the way."""
        subscriber = self.random.choice(self.subscribers)
        front_end = self.front_ends[number % 2]
        service_provider = self.random.choice(SERVICE_PROVIDERS[front_end.name])
        typed = subscriber.user_id if number % 4 < 2 else ""
        new = NewLogin(service_provider, text=f"Log in, number {number}", user_id=typed)
        async with self._of_one[subscriber.user_id], self._at_once:
            stream = self.any_server().login.StartLogin(
                new.start_request, metadata=front_end.metadata, timeout=CALL_TIMEOUT_S
            )
            try:
                with godkend_errors():
                    first = await stream.read()
                login_id, link = first.login_id, first.started.app_link
                opened = await self.open(subscriber.phone, link)
                assert opened.login_id == login_id
                assert (opened.service_provider, opened.text) == (service_provider, new.text)
                await self.cross_before(number, opened, subscriber, front_end, new)
                amr = await self.approve(number, subscriber.phone, opened)
                await self.cross_after(number, front_end, new, login_id)
                assertion = await self.redeem(front_end, new, login_id)
            finally:
                stream.cancel()
        self.redeemed.append(Redeemed(new, front_end, subscriber, login_id, assertion, amr))

    async def open(self, phone: Phone, code: str) -> device_pb.OpenLoginResponse:
        signed = open_statement(phone.key, phone.authenticator_id, code, unix_time_ms())
        request = device_pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
        opened = await accepted(self.any_server().device.OpenLogin(request, timeout=CALL_TIMEOUT_S))
        assert isinstance(opened, device_pb.OpenLoginResponse)
        return opened

    async def approve(self, number: int, phone: Phone, opened: device_pb.OpenLoginResponse) -> str:
        """Every eighth with the PIN, the others with biometrics; how the assertion calls it."""
        by_pin = number % 8 == 0
        request = _approval(phone, opened, PIN if by_pin else "")
        answer = await accepted(
            self.any_server().device.ApproveLogin(request, timeout=CALL_TIMEOUT_S)
        )
        assert answer.state == login_pb.LOGIN_STATE_APPROVED
        return "pin" if by_pin else "user"

    async def redeem(self, front_end: FrontEndHere, new: NewLogin, login_id: bytes) -> str:
        """Redeems on all servers at once: one of them gives the assertion, the others say no."""
        answers = await asyncio.gather(
            *(
                server.login.RedeemLogin(
                    new.redeem_request(login_id),
                    metadata=front_end.metadata,
                    timeout=CALL_TIMEOUT_S,
                )
                for server in self.servers
            ),
            return_exceptions=True,
        )
        assertions = [a.assertion for a in answers if not isinstance(a, BaseException)]
        for answer in answers:
            if isinstance(answer, grpc.RpcError):
                assert from_rpc_error(answer).reason == "LOGIN_REDEEMED"
                self.crossings["redeemed twice"] += 1
        assert len(assertions) == 1
        assert isinstance(assertions[0], str)
        return assertions[0]

    async def cross_before(
        self,
        number: int,
        opened: device_pb.OpenLoginResponse,
        subscriber: Subscriber,
        front_end: FrontEndHere,
        new: NewLogin,
    ) -> None:
        """While the login waits for its subscriber."""
        server = self.any_server()
        stranger = self.random.choice([s for s in self.subscribers if s is not subscriber])
        match number % 5:
            case 0:  # Somebody else's phone approves, signing for itself.
                call = server.device.ApproveLogin(_approval(stranger.phone, opened))
                await self.crossed("another phone", call, "LOGIN_OPENED_ELSEWHERE")
            case 1:  # Somebody else's key signs as the subscriber's phone.
                signed = approval_statement(
                    stranger.phone.key,
                    subscriber.phone.authenticator_id,
                    opened,
                    user_verification=statement_pb2.USER_VERIFICATION_BIOMETRICS,
                )
                call = server.device.ApproveLogin(_approval_request(signed))
                await self.crossed("another key", call, "SIGNATURE_INVALID")
            case 2:  # An approval of this login with the challenge of another.
                other = device_pb.OpenLoginResponse.FromString(opened.SerializeToString())
                other.challenge = secrets.token_bytes(32)
                call = server.device.ApproveLogin(_approval(subscriber.phone, other))
                await self.crossed("another challenge", call, "STATEMENT_WRONG_CHALLENGE")
            case 3:  # The other front-end asks how the login stands.
                call = server.login.GetLogin(
                    login_pb.GetLoginRequest(login_id=opened.login_id),
                    metadata=self.other_front_end(front_end).metadata,
                )
                await self.crossed("seen by another", call, "LOGIN_NOT_FOUND")
            case _:  # Its own front-end redeems too early.
                call = server.login.RedeemLogin(
                    new.redeem_request(opened.login_id), metadata=front_end.metadata
                )
                await self.crossed("too early", call, "LOGIN_NOT_APPROVED")

    async def cross_after(
        self, number: int, front_end: FrontEndHere, new: NewLogin, login_id: bytes
    ) -> None:
        """While the approved login waits to be redeemed."""
        server = self.any_server()
        other = self.other_front_end(front_end)
        if number % 2 == 0:  # The other front-end, even with the right verifier.
            call = server.login.RedeemLogin(new.redeem_request(login_id), metadata=other.metadata)
            await self.crossed("another front-end", call, "LOGIN_NOT_FOUND")
        else:  # The right front-end, in another browser.
            browser = NewLogin(new.service_provider)
            call = server.login.RedeemLogin(
                browser.redeem_request(login_id), metadata=front_end.metadata
            )
            await self.crossed("another verifier", call, "VERIFIER_WRONG")

    async def crossed(self, how: str, call: Awaitable[object], reason: str) -> None:
        found = await refused(call)
        assert found == reason, f"{how}: {found}"
        self.crossings[how] += 1


def _approval(
    phone: Phone, opened: device_pb.OpenLoginResponse, pin: str = ""
) -> device_pb.ApproveLoginRequest:
    how = statement_pb2.USER_VERIFICATION_PIN if pin else statement_pb2.USER_VERIFICATION_BIOMETRICS
    signed = approval_statement(phone.key, phone.authenticator_id, opened, user_verification=how)
    return _approval_request(signed, pin)


def _approval_request(signed: Signed, pin: str = "") -> device_pb.ApproveLoginRequest:
    return device_pb.ApproveLoginRequest(
        statement=signed.statement, signature=signed.signature, pin=pin
    )


@contextlib.asynccontextmanager
async def reached(servers: Sequence[Server]) -> AsyncIterator[list[Stubs]]:
    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(server.aio_channel()) for server in servers]
        yield [
            Stubs(
                login_service_pb2_grpc.LoginServiceStub(channel),
                device_service_pb2_grpc.DeviceServiceStub(channel),
            )
            for channel in channels
        ]


async def test_of_thousands_of_interleaved_logins_each_gets_its_own_assertion(
    tmp_path: Path,
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    data_dir = tmp_path / "data"
    front_ends = [FrontEndHere(name, secrets.token_urlsafe(32)) for name in SERVICE_PROVIDERS]
    registrar = secrets.token_urlsafe(32)
    settings = merged(CHEAP_PIN, PLENTY, configured(front_ends, registrar))
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(data_dir, settings)) for _ in range(2)]
        desk = Desk(stack.enter_context(servers[0].channel()), bearer(registrar))
        subscribers = [desk.subscriber() for _ in range(SUBSCRIBERS)]
        async with reached(servers) as stubs:
            crowd = Crowd(stubs, front_ends, subscribers, seed)
            await asyncio.gather(*map(crowd.log_in, range(LOGINS)))
            jwks = (await stubs[0].login.GetJwks(login_pb.GetJwksRequest())).jwks

    assert len(crowd.redeemed) == LOGINS
    assert crowd.crossings.total() == 3 * LOGINS
    assert len(crowd.crossings) == 8
    seen = set()
    for each in crowd.redeemed:
        asked = each.new
        claims = verify_assertion(
            each.assertion,
            jwks,
            issuer=ISSUER,
            service_provider=asked.service_provider,
            nonce=asked.nonce,
            login_id=each.login_id,
        )
        identity_id = each.subscriber.identity_id
        assert claims["sub"] == pairwise_subject(data_dir, identity_id, asked.service_provider)
        assert each.amr in claims["amr"]
        seen.add((claims["txn"], claims["nonce"]))
    assert len(seen) == LOGINS


async def test_a_login_moves_on_wherever_it_is_started_opened_watched_and_redeemed(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(data_dir, CHEAP_PIN, PLENTY)) for _ in range(3)]
        channel = stack.enter_context(servers[0].channel())
        erik = Desk(channel, servers[0].metadata("registrar")).subscriber()
        metadata = servers[0].metadata("front-end")
        async with reached(servers) as (one, two, three):
            for _ in range(5):
                await _followed(one, two, three, erik, metadata)


async def _followed(
    one: Stubs, two: Stubs, three: Stubs, erik: Subscriber, metadata: tuple[tuple[str, str], ...]
) -> None:
    new = NewLogin("tax.example", user_id=erik.user_id)
    started = one.login.StartLogin(new.start_request, metadata=metadata)
    first = await started.read()
    watched = three.login.WatchLogin(
        login_pb.WatchLoginRequest(login_id=first.login_id), metadata=metadata
    )

    async def both_see(state: login_pb.LoginState.ValueType) -> None:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            for stream in (started, watched):
                assert (await stream.read()).state == state

    assert first.state == (await watched.read()).state == login_pb.LOGIN_STATE_PENDING
    phone = erik.phone
    signed = open_statement(
        phone.key, phone.authenticator_id, first.started.app_link, time.time_ns() // 1_000_000
    )
    opened = await two.device.OpenLogin(
        device_pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
    )
    await both_see(login_pb.LOGIN_STATE_OPENED)
    await three.device.ApproveLogin(_approval(phone, opened, PIN))
    await both_see(login_pb.LOGIN_STATE_APPROVED)
    await two.login.RedeemLogin(new.redeem_request(first.login_id), metadata=metadata)
    await both_see(login_pb.LOGIN_STATE_REDEEMED)
    for stream in (started, watched):
        assert await stream.read() is grpc.aio.EOF
