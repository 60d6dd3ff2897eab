"""The population at its phones and displays, and one front-end, on several connections."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc.aio

from bench.attackers import ATTACKS
from bench.behaviours import BEHAVIOURS
from bench.display_memory import DisplayMemory
from bench.refusals import NobodyFree, Refused
from godkend.calls import bearer
from godkend.front_end import verifier_digest
from godkend.phone import unix_time_ms
from godkend.statements import DeviceKey, approval_statement, open_statement
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import login_service_pb2 as pb
from godkend.v1 import statement_pb2
from godkend.v1.device_service_pb2_grpc import DeviceServiceStub
from godkend.v1.login_service_pb2_grpc import LoginServiceStub

if TYPE_CHECKING:
    import random
    from collections import Counter
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from godkend.population import Population

TEXT: Final = "Log in to Tax and see your assessment"
SERVICE_PROVIDER: Final = "tax.example"
CALL_TIMEOUT_S: Final = 30.0


@dataclass
class Subscriber:
    """Somebody of the population, with what their phone holds."""

    key: DeviceKey
    authenticator_id: bytes
    user_id: str
    pin: str


class Login:
    """One login under way, as the front-end has it."""

    def __init__(self, stub: Any, metadata: Any, user_id: str) -> None:
        self._stub = stub
        self._how = {"metadata": metadata, "timeout": CALL_TIMEOUT_S}
        self._user_id = user_id
        self._verifier = secrets.token_bytes(32)

    async def start(self, **fields: Any) -> None:
        request = pb.StartLoginRequest(
            request_id=secrets.token_bytes(16),
            service_provider=SERVICE_PROVIDER,
            text=TEXT,
            user_id=self._user_id,
            verifier_digest=verifier_digest(self._verifier),
            # As from a home of its own.
            source=f"home-{secrets.token_hex(8)}",
            nonce=secrets.token_hex(8),
            **fields,
        )
        self._stream = self._stub.StartLogin(request, **self._how)
        first = await self._stream.read()
        if first is grpc.aio.EOF:
            raise Refused("no answer", None)
        self._login_id, self.app_link = first.login_id, first.started.app_link

    def close(self) -> None:
        self._stream.cancel()

    async def submit_code(self, code: str) -> None:
        request = pb.SubmitCodeRequest(
            login_id=self._login_id, user_id=self._user_id, one_time_code=code
        )
        await self._stub.SubmitCode(request, **self._how)

    async def submit_password(self, password: str) -> None:
        request = pb.SubmitPasswordRequest(
            login_id=self._login_id, user_id=self._user_id, password=password
        )
        await self._stub.SubmitPassword(request, **self._how)

    async def redeem(self) -> pb.RedeemLoginResponse:
        """Follows the stream to APPROVED; one that ends before that has refused the login."""
        while (message := await self._stream.read()) is not grpc.aio.EOF:
            if message.state == pb.LOGIN_STATE_APPROVED:
                request = pb.RedeemLoginRequest(login_id=self._login_id, verifier=self._verifier)
                redeemed: pb.RedeemLoginResponse = await self._stub.RedeemLogin(
                    request, **self._how
                )
                return redeemed
        raise Refused("not approved", None)


class Country:
    """`memory` is the file of what displays have shown; without it this country alone knows."""

    def __init__(
        self,
        population: Population,
        addresses: Sequence[str],
        front_end_token: str,
        rng: random.Random,
        memory: Path | None = None,
    ) -> None:
        self.population = population
        self.displays = DisplayMemory(population, memory)
        self.rng = rng
        self._metadata = bearer(front_end_token)
        # Channels of equal options share one connection unless told otherwise.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(each, options=options) for each in addresses]
        self._logins: list[Any] = [LoginServiceStub(each) for each in self._channels]
        self._devices: list[Any] = [DeviceServiceStub(each) for each in self._channels]
        self._known: dict[int, Subscriber] = {}
        self.busy: set[int] = set()
        self.walks: dict[str, Callable[[Counter[str]], Awaitable[None]]] = {
            name: partial(walk, self) for name, walk in (BEHAVIOURS | ATTACKS).items()
        }

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._channels))

    def device_service(self) -> Any:
        """On any of the connections."""
        return self.rng.choice(self._devices)

    def subscriber(self) -> tuple[int, Subscriber]:
        """Anybody who is not logging in now. Raises `NobodyFree` where all are."""
        if len(self.busy) >= self.population.identities:
            raise NobodyFree
        while (index := self.rng.randrange(self.population.identities)) in self.busy:
            pass
        return index, self.played(index)

    def played(self, index: int) -> Subscriber:
        """A subscriber of the population."""
        found = self._known.get(index)
        if found is None:
            of = self.population
            found = self._known[index] = Subscriber(
                of.device_key(index),
                of.authenticator_id(index),
                of.user_id(index),
                of.pin(index),
            )
        return found

    @contextmanager
    def somebody(self) -> Iterator[Subscriber]:
        """Anybody who is free, busy until the block ends."""
        index, who = self.subscriber()
        self.busy.add(index)
        try:
            yield who
        finally:
            self.busy.discard(index)

    @asynccontextmanager
    async def login(self, user_id: str = "", **fields: Any) -> AsyncIterator[Login]:
        """A login that was started, followed until the block ends."""
        login = Login(self.rng.choice(self._logins), self._metadata, user_id)
        await login.start(**fields)
        try:
            yield login
        finally:
            login.close()

    async def opened(self, who: Subscriber, login: Login) -> device_pb.OpenLoginResponse:
        """What the phone is told of a login once it has its code."""
        signed = open_statement(who.key, who.authenticator_id, login.app_link, unix_time_ms())
        request = device_pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
        opened: device_pb.OpenLoginResponse = await self.device_service().OpenLogin(
            request, timeout=CALL_TIMEOUT_S
        )
        return opened

    async def approve(
        self, who: Subscriber, opened: device_pb.OpenLoginResponse, pin: str = ""
    ) -> None:
        """Approves with the PIN, or without one by biometrics."""
        how = (
            statement_pb2.USER_VERIFICATION_PIN
            if pin
            else statement_pb2.USER_VERIFICATION_BIOMETRICS
        )
        signed = approval_statement(
            who.key, who.authenticator_id, opened, statement_pb2.DECISION_APPROVE, how
        )
        request = device_pb.ApproveLoginRequest(
            statement=signed.statement, signature=signed.signature, pin=pin
        )
        await self.device_service().ApproveLogin(request, timeout=CALL_TIMEOUT_S)

    async def reject(self, who: Subscriber, opened: device_pb.OpenLoginResponse) -> None:
        """Ends the login at the phone."""
        signed = approval_statement(
            who.key,
            who.authenticator_id,
            opened,
            statement_pb2.DECISION_REJECT,
            statement_pb2.USER_VERIFICATION_NONE,
        )
        request = device_pb.RejectLoginRequest(
            statement=signed.statement, signature=signed.signature
        )
        await self.device_service().RejectLogin(request, timeout=CALL_TIMEOUT_S)
