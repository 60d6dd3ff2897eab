"""Each behaviour of `mixes.py` as one walk through the gRPC API, on asyncio.

Played by subscribers of a synthetic population (`godkend.population`). A walk counts the hashes
that it asked for, so that a report can be held against the server's own counters.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from bench.mixes import (
    ABANDONED,
    BIOMETRICS,
    PIN,
    REJECTED,
    SPRAY,
    WRONG_PIN,
    guessed_code,
    wrong_pin,
)
from godkend.calls import bearer
from godkend.front_end import verifier_digest
from godkend.phone import unix_time_ms
from godkend.statements import DeviceKey, approval_statement, open_statement
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import statement_pb2
from godkend.v1.device_service_pb2_grpc import DeviceServiceStub
from godkend.v1.login_service_pb2_grpc import LoginServiceStub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from godkend.population import Population

TEXT: Final = "Log in to Tax and see your assessment"
SERVICE_PROVIDER: Final = "tax.example"
CALL_TIMEOUT_S: Final = 30.0
CHECKED = "PIN checks"
"""What a walk counts of itself: hashes that the server must have computed."""


class Refused(Exception):
    """The server said no, or did not answer."""

    def __init__(self, reason: str, retry_after_s: float | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class NobodyFree(Exception):
    """Every subscriber is logging in already: the population is too small for this load."""


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


@dataclass
class Subscriber:
    """Somebody of the population, with what their phone holds."""

    key: DeviceKey
    authenticator_id: bytes
    user_id: str
    pin: str


class Country:
    """The population at its phones, and one front-end, on several connections."""

    def __init__(
        self,
        population: Population,
        addresses: Sequence[str],
        front_end_token: str,
        rng: random.Random,
    ) -> None:
        self.population = population
        self._rng = rng
        self._metadata = bearer(front_end_token)
        # Channels of equal options share one connection unless told otherwise.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(each, options=options) for each in addresses]
        self._logins: list[Any] = [LoginServiceStub(each) for each in self._channels]
        self._devices: list[Any] = [DeviceServiceStub(each) for each in self._channels]
        self._known: dict[int, Subscriber] = {}
        self.busy: set[int] = set()
        self.walks: dict[str, Callable[[Counter[str]], Awaitable[None]]] = {
            PIN: self._with_pin,
            BIOMETRICS: self._with_biometrics,
            WRONG_PIN: self._with_a_wrong_pin_first,
            ABANDONED: self._abandoned,
            REJECTED: self._rejected,
            SPRAY: self._spray,
        }

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._channels))

    def subscriber(self) -> tuple[int, Subscriber]:
        """Anybody who is not logging in now. Raises `NobodyFree` where all are."""
        if len(self.busy) >= self.population.identities:
            raise NobodyFree
        while (index := self._rng.randrange(self.population.identities)) in self.busy:
            pass
        found = self._known.get(index)
        if found is None:
            of = self.population
            found = self._known[index] = Subscriber(
                of.device_key(index),
                of.authenticator_id(index),
                of.user_id(index),
                of.pin(index),
            )
        return index, found

    async def _with_pin(self, did: Counter[str]) -> None:
        await self._login(did, [True])

    async def _with_biometrics(self, did: Counter[str]) -> None:
        await self._login(did, [])

    async def _with_a_wrong_pin_first(self, did: Counter[str]) -> None:
        await self._login(did, [False, True])

    async def _abandoned(self, did: Counter[str]) -> None:
        stream, _, _ = await self._started(self._rng.choice(self._logins))
        stream.cancel()

    async def _rejected(self, did: Counter[str]) -> None:
        await self._login(did, None)

    async def _login(self, did: Counter[str], pins: list[bool] | None) -> None:
        """A whole login; `pins` says which tries are right, [] is biometrics, None rejects."""
        index, who = self.subscriber()
        self.busy.add(index)
        try:
            await self._as(who, did, pins)
        finally:
            self.busy.discard(index)

    async def _as(self, who: Subscriber, did: Counter[str], pins: list[bool] | None) -> None:
        logins, devices = self._rng.choice(self._logins), self._rng.choice(self._devices)
        stream, first, verifier = await self._started(logins)
        try:
            scan = open_statement(
                who.key, who.authenticator_id, first.started.app_link, unix_time_ms()
            )
            opened = await devices.OpenLogin(
                device_pb.OpenLoginRequest(statement=scan.statement, signature=scan.signature),
                timeout=CALL_TIMEOUT_S,
            )
            if pins is None:
                await self._reject(devices, who, opened)
                return
            if not pins:
                await self._approve(devices, who, opened, "")
            for right in pins:
                pin = who.pin if right else wrong_pin(who.pin)
                did[CHECKED] += 1
                try:
                    await self._approve(devices, who, opened, pin)
                except grpc.aio.AioRpcError as error:
                    if right or refused(error).reason != "PIN_WRONG":
                        did[CHECKED] -= 1
                        did["PIN checks in doubt"] += 1
                        raise
            await _approved(stream)
            await logins.RedeemLogin(
                login_pb.RedeemLoginRequest(login_id=first.login_id, verifier=verifier),
                metadata=self._metadata,
                timeout=CALL_TIMEOUT_S,
            )
        finally:
            stream.cancel()

    async def _started(self, logins: Any) -> tuple[Any, Any, bytes]:
        verifier = secrets.token_bytes(32)
        request = login_pb.StartLoginRequest(
            request_id=secrets.token_bytes(16),
            service_provider=SERVICE_PROVIDER,
            text=TEXT,
            verifier_digest=verifier_digest(verifier),
            # As from a home of its own.
            source=f"home-{secrets.token_hex(8)}",
            nonce=secrets.token_hex(8),
        )
        stream = logins.StartLogin(request, metadata=self._metadata, timeout=CALL_TIMEOUT_S)
        first = await stream.read()
        if first is grpc.aio.EOF:
            raise Refused("no answer", None)
        return stream, first, verifier

    async def _approve(self, devices: Any, who: Subscriber, opened: Any, pin: str) -> None:
        how = (
            statement_pb2.USER_VERIFICATION_PIN
            if pin
            else statement_pb2.USER_VERIFICATION_BIOMETRICS
        )
        signed = approval_statement(
            who.key, who.authenticator_id, opened, statement_pb2.DECISION_APPROVE, how
        )
        await devices.ApproveLogin(
            device_pb.ApproveLoginRequest(
                statement=signed.statement, signature=signed.signature, pin=pin
            ),
            timeout=CALL_TIMEOUT_S,
        )

    async def _reject(self, devices: Any, who: Subscriber, opened: Any) -> None:
        signed = approval_statement(
            who.key,
            who.authenticator_id,
            opened,
            statement_pb2.DECISION_REJECT,
            statement_pb2.USER_VERIFICATION_NONE,
        )
        await devices.RejectLogin(
            device_pb.RejectLoginRequest(statement=signed.statement, signature=signed.signature),
            timeout=CALL_TIMEOUT_S,
        )

    async def _spray(self, did: Counter[str]) -> None:
        """Guesses a PIN for somebody's phone without its key, then an activation code."""
        devices = self._rng.choice(self._devices)
        _, victim = self.subscriber()
        forged = Subscriber(_ATTACKERS_KEY, victim.authenticator_id, victim.user_id, "271946")
        opened = device_pb.OpenLoginResponse(
            login_id=secrets.token_bytes(16),
            challenge=secrets.token_bytes(32),
            service_provider=SERVICE_PROVIDER,
            text=TEXT,
        )
        try:
            await self._approve(devices, forged, opened, forged.pin)
            raise AssertionError("an approval without the phone's key was accepted")
        except grpc.aio.AioRpcError as error:
            if refused(error).reason not in {"SIGNATURE_INVALID", "OVERLOADED"}:
                raise
        guess = device_pb.BeginActivationRequest(
            request_id=secrets.token_bytes(16),
            user_id=victim.user_id,
            activation_code=guessed_code(),
            key_algorithm=_ATTACKERS_KEY.algorithm,
            public_key=_ATTACKERS_KEY.public_key,
            device_name="phone",
        )
        try:
            await devices.BeginActivation(guess, timeout=CALL_TIMEOUT_S)
            raise AssertionError("a guessed activation code was accepted")
        except grpc.aio.AioRpcError as error:
            if refused(error).reason not in {
                *("ACTIVATION_CODE_WRONG", "BUDGET_SPENT", "FIELD_INVALID", "OVERLOADED")
            }:
                raise


async def _approved(stream: Any) -> None:
    """Reads the stream to APPROVED; one that ends before that has refused the login."""
    while (message := await stream.read()) is not grpc.aio.EOF:
        if message.state == login_pb.LOGIN_STATE_APPROVED:
            return
    raise Refused("not approved", None)


_ATTACKERS_KEY = DeviceKey.generate()
