"""A simulated login front-end, which is also the reference for front-end engineers.

    front_end = FrontEnd(channel, token=token, issuer=issuer, service_provider="tax")
    with front_end.start("Log in to Tax", source="192.0.2.7") as login:
        ...                              # show login.moving_code.now(), or login.app_link
        if login.wait() == LOGIN_STATE_APPROVED:
            claims = login.redeem()      # verified; claims["sub"] is who it is

A login belongs to one front-end and one browser: the verifier is drawn when it starts, kept in that
browser's session, and shown to nobody but the server, once, to redeem.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, Self

import jwt

from godkend.calls import CALL_TIMEOUT_S, UNREACHABLE, bearer, godkend_errors
from godkend.errors import Fault
from godkend.v1 import key_card_service_pb2 as key_card_pb
from godkend.v1 import key_card_service_pb2_grpc, login_service_pb2_grpc
from godkend.v1 import login_service_pb2 as pb
from godkend.v1.statement_pb2 import SigningDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    import grpc

QR_DOMAIN: Final = b"godkend qr v1\0"
QR_MAC_BYTES: Final = 16
VERIFIER_BYTES: Final = 32
NONCE_BYTES: Final = 16
REQUEST_ID_BYTES: Final = 16

ASSERTION_ALGORITHMS: Final = ("ES256", "EdDSA")
"""Fixed here: what an assertion says of its own algorithm decides nothing."""
ASSERTION_LEEWAY_S: Final = 10
"""How far the clocks of issuer and front-end may be apart."""
ASSERTION_CLAIMS: Final = ("aud", "exp", "iat", "iss", "nonce", "sub", "txn")

RESUMES_MAX: Final = 20
RESUME_DELAY_S: Final = 0.5
RESUMABLE: Final = frozenset({UNREACHABLE, "STOPPING", "OVERLOADED", "STORE_FAULT"})

DECIDED: Final = frozenset(
    {
        pb.LOGIN_STATE_APPROVED,
        pb.LOGIN_STATE_REJECTED,
        pb.LOGIN_STATE_EXPIRED,
        pb.LOGIN_STATE_CANCELLED,
        pb.LOGIN_STATE_REDEEMED,
    }
)


class AssertionInvalid(Exception):
    """An assertion that must not log anybody in."""


def verifier_digest(verifier: bytes) -> bytes:
    """What starts a login, so that only the holder of `verifier` can redeem it."""
    return hashlib.sha256(verifier).digest()


def qr_code(qr_token: str, qr_secret: bytes, login_id: bytes, second: int) -> str:
    """The moving code of one second, counted from the start of the login."""
    message = QR_DOMAIN + login_id + second.to_bytes(8, "big")
    mac = hmac.digest(qr_secret, message, "sha256")[:QR_MAC_BYTES]
    return f"{qr_token}.{second}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode('ascii')}"


def verify_assertion(
    assertion: str,
    jwks: str,
    *,
    issuer: str,
    service_provider: str,
    nonce: str,
    login_id: bytes,
    now_s: float | None = None,
) -> dict[str, Any]:
    """The claims of an assertion made by `issuer`, for this service provider and this login.

    Raises `AssertionInvalid` for anything else. `now_s` is for an issuer whose clock is moved, as
    in tours and tests; without it this machine's clock decides.
    """
    by_own_clock = now_s is None
    try:
        key_id = jwt.get_unverified_header(assertion).get("kid")
        key = next((key for key in jwt.PyJWKSet.from_json(jwks).keys if key.key_id == key_id), None)
        if key is None or key.algorithm_name not in ASSERTION_ALGORITHMS:
            raise AssertionInvalid("signed with none of the issuer's keys")
        claims: dict[str, Any] = jwt.decode(
            assertion,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            audience=service_provider,
            leeway=ASSERTION_LEEWAY_S,
            options={
                "require": list(ASSERTION_CLAIMS),
                "verify_exp": by_own_clock,
                "verify_iat": by_own_clock,
            },
        )
    except jwt.PyJWTError as error:
        raise AssertionInvalid(str(error)) from error
    if now_s is not None and not (
        claims["iat"] - ASSERTION_LEEWAY_S <= now_s < claims["exp"] + ASSERTION_LEEWAY_S
    ):
        raise AssertionInvalid("not for this time")
    if claims["nonce"] != nonce or claims["txn"] != login_id.hex():
        raise AssertionInvalid("made for another login")
    return claims


class MovingCode:
    """The QR code of a login as it changes every second, made here without asking the server."""

    def __init__(
        self,
        login_id: bytes,
        started: pb.LoginStarted,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._login_id = login_id
        self._qr_token = started.qr_token
        self._qr_secret = started.qr_secret
        self._monotonic_s = monotonic_s
        self._started_at_s = monotonic_s() - started.elapsed_ms / 1000

    def now(self) -> str:
        """The code to show this second."""
        return self.at(int(self._monotonic_s() - self._started_at_s))

    def at(self, second: int) -> str:
        """The code of one second, counted from the start of the login."""
        return qr_code(self._qr_token, self._qr_secret, self._login_id, second)

    def until_next_s(self) -> float:
        """How long `now` stays what it is, in seconds."""
        return 1 - (self._monotonic_s() - self._started_at_s) % 1


def document_of(content: bytes, media_type: str, name: str) -> SigningDocument:
    """What a phone is to show and sign; the content itself stays here."""
    digest = hashlib.sha256(content).digest()
    return SigningDocument(sha256=digest, media_type=media_type, name=name)


class FrontEnd:
    """A login front-end: one per process, over one channel."""

    def __init__(
        self,
        channel: grpc.Channel,
        *,
        token: str,
        issuer: str,
        service_provider: str,
        now_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.stub = login_service_pb2_grpc.LoginServiceStub(channel)
        self.key_cards = key_card_service_pb2_grpc.KeyCardServiceStub(channel)
        self.metadata = bearer(token)
        self.issuer = issuer
        self.service_provider = service_provider
        self._now_s = now_s
        self._jwks: str | None = None

    def start(
        self,
        text: str,
        *,
        source: str,
        user_id: str = "",
        level_min: pb.AssuranceLevel.ValueType = pb.ASSURANCE_LEVEL_UNSPECIFIED,
        document: SigningDocument | None = None,
        acting: pb.Acting.ValueType = pb.ACTING_UNSPECIFIED,
    ) -> Login:
        """Starts a login. `source` is where the subscriber comes from, such as an address.

        With a `document` it is a signature, whose receipt is in `Login.receipt` once redeemed. If
        somebody acted for another, the claims have the other as `sub` and the one who acted as
        `act`.
        """
        return Login(
            self,
            text,
            source=source,
            user_id=user_id,
            level_min=level_min,
            document=document,
            acting=acting,
        )

    def ways_in(self) -> list[key_card_pb.WayIn.ValueType]:
        """The ways in that there are today, in the order in which to show them."""
        request = key_card_pb.ListWaysInRequest(service_provider=self.service_provider)
        with godkend_errors():
            response = self.key_cards.ListWaysIn(
                request, metadata=self.metadata, timeout=CALL_TIMEOUT_S
            )
        return list(response.ways_in)

    def jwks(self, *, refresh: bool = False) -> str:
        """The keys that assertions are signed with, fetched once."""
        if self._jwks is None or refresh:
            with godkend_errors():
                response = self.stub.GetJwks(pb.GetJwksRequest(), timeout=CALL_TIMEOUT_S)
            self._jwks = response.jwks
        return self._jwks

    def verify(self, assertion: str, nonce: str, login_id: bytes) -> dict[str, Any]:
        """The claims of an assertion for this nonce and login, or `AssertionInvalid`.

        Keys rotate: an assertion that the known keys do not verify is tried once with fresh ones.
        """
        try:
            return self._verify_with(self.jwks(), assertion, nonce, login_id)
        except AssertionInvalid:
            return self._verify_with(self.jwks(refresh=True), assertion, nonce, login_id)

    def _verify_with(
        self, jwks: str, assertion: str, nonce: str, login_id: bytes
    ) -> dict[str, Any]:
        return verify_assertion(
            assertion,
            jwks,
            issuer=self.issuer,
            service_provider=self.service_provider,
            nonce=nonce,
            login_id=login_id,
            now_s=self._now_s(),
        )


class Login:
    """One login under way. Its repr names it and hides its secrets."""

    def __init__(
        self,
        front_end: FrontEnd,
        text: str,
        *,
        source: str,
        user_id: str,
        level_min: pb.AssuranceLevel.ValueType,
        document: SigningDocument | None = None,
        acting: pb.Acting.ValueType = pb.ACTING_UNSPECIFIED,
    ) -> None:
        self._front_end = front_end
        self._verifier = secrets.token_bytes(VERIFIER_BYTES)
        self._nonce = secrets.token_urlsafe(NONCE_BYTES)
        request = pb.StartLoginRequest(
            request_id=secrets.token_bytes(REQUEST_ID_BYTES),
            service_provider=front_end.service_provider,
            text=text,
            user_id=user_id,
            verifier_digest=verifier_digest(self._verifier),
            source=source,
            nonce=self._nonce,
            level_min=level_min,
            document=document,
            acting=acting,
        )
        stream = front_end.stub.StartLogin(request, metadata=front_end.metadata)
        with godkend_errors():
            first = next(stream, None)
        if first is None:
            raise Fault("INTERNAL", "the stream of a login ended before it began")
        self._stream: Any = stream
        self.state = first.state
        self.login_id = first.login_id
        self.receipt = ""
        """Of a signature, once redeemed: what to keep for as long as it matters."""
        self.assertion = ""
        """Once redeemed: what a self-service site shows of the subscriber."""
        self.app_link = first.started.app_link
        self.expires_at_ms = first.started.expires_at_ms
        self.moving_code = MovingCode(first.login_id, first.started)

    def __repr__(self) -> str:
        return f"Login({self.login_id.hex()}, {pb.LoginState.Name(self.state)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops following; the login itself lives on until it ends."""
        self._stream.cancel()

    def states(self) -> Iterator[pb.LoginState.ValueType]:
        """Each state from the present one until the subscriber has decided, or time is over.

        A stream that breaks is resumed; raises `Fault` when that does not help.
        """
        yield self.state
        resumes_left = RESUMES_MAX
        while self.state not in DECIDED:
            broken = Fault(UNREACHABLE, "the stream of a login ended before the login")
            try:
                with godkend_errors():
                    for message in self._stream:
                        if message.state != self.state:
                            self.state = message.state
                            resumes_left = RESUMES_MAX
                            yield self.state
                        if self.state in DECIDED:
                            return
            except Fault as fault:
                broken = fault
            if broken.reason not in RESUMABLE or resumes_left == 0:
                raise broken
            resumes_left -= 1
            time.sleep(RESUME_DELAY_S)
            self._stream = self._front_end.stub.WatchLogin(
                pb.WatchLoginRequest(login_id=self.login_id), metadata=self._front_end.metadata
            )

    def wait(self) -> pb.LoginState.ValueType:
        """The state in which the login is decided: APPROVED, or one that ends it."""
        for _ in self.states():
            pass
        return self.state

    def submit_code(self, user_id: str, code: str) -> None:
        """Brings the code of a display into the login, which was started with this user ID."""
        request = pb.SubmitCodeRequest(login_id=self.login_id, user_id=user_id, one_time_code=code)
        with godkend_errors():
            self._front_end.stub.SubmitCode(
                request, metadata=self._front_end.metadata, timeout=CALL_TIMEOUT_S
            )

    def key_number(self, user_id: str) -> str:
        """The number whose code of a key card the login asks for, to be shown to the subscriber."""
        request = key_card_pb.GetKeyNumberRequest(login_id=self.login_id, user_id=user_id)
        with godkend_errors():
            response = self._front_end.key_cards.GetKeyNumber(
                request, metadata=self._front_end.metadata, timeout=CALL_TIMEOUT_S
            )
        return response.key_number

    def submit_key(self, user_id: str, code: str) -> None:
        """Brings the code beside that number into the login."""
        request = key_card_pb.SubmitKeyRequest(
            login_id=self.login_id, user_id=user_id, one_time_code=code
        )
        with godkend_errors():
            self._front_end.key_cards.SubmitKey(
                request, metadata=self._front_end.metadata, timeout=CALL_TIMEOUT_S
            )

    def submit_password(self, user_id: str, password: str) -> None:
        """Brings the password into the login: after an accepted code, or alone for LOW."""
        request = pb.SubmitPasswordRequest(
            login_id=self.login_id, user_id=user_id, password=password
        )
        with godkend_errors():
            self._front_end.stub.SubmitPassword(
                request, metadata=self._front_end.metadata, timeout=CALL_TIMEOUT_S
            )

    def cancel(self) -> None:
        """Ends the login, unless it is approved already."""
        with godkend_errors():
            self._front_end.stub.CancelLogin(
                pb.CancelLoginRequest(login_id=self.login_id),
                metadata=self._front_end.metadata,
                timeout=CALL_TIMEOUT_S,
            )

    def redeem(self) -> dict[str, Any]:
        """The verified claims of an approved login: once, and only with this object's verifier."""
        request = pb.RedeemLoginRequest(login_id=self.login_id, verifier=self._verifier)
        with godkend_errors():
            response = self._front_end.stub.RedeemLogin(
                request, metadata=self._front_end.metadata, timeout=CALL_TIMEOUT_S
            )
        self.receipt, self.assertion = response.receipt, response.assertion
        return self._front_end.verify(response.assertion, self._nonce, self.login_id)
