"""Phones, front-ends and the walks between them, at the level of `_core.Engine`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from godkend.statements import (
    APPROVAL_DOMAIN,
    DeviceKey,
    Signed,
    activation_statement,
    approval_statement,
    block_statement,
    open_statement,
    pin_change_statement,
    pin_reset_statement,
)
from godkend.v1 import statement_pb2 as pb
from godkend.v1.device_service_pb2 import OpenLoginResponse
from godkend.v1.login_service_pb2 import LOGIN_STATE_APPROVED

if TYPE_CHECKING:
    from godkend import _core
    from tests.support.driver import CoreDriver

P256, ED25519 = pb.KEY_ALGORITHM_ECDSA_P256, pb.KEY_ALGORITHM_ED25519
ALGORITHMS = (P256, ED25519)
PIN, PIN_OTHER, PIN_WRONG = "493817", "602951", "837205"
FRONT_END, SERVICE_PROVIDER, TEXT = "front-end", "tax", "Log in to Tax"
SOURCE = "192.0.2.7"
BORN = "1990-05-17"


def fresh(count: int = 16) -> bytes:
    """Random bytes, as ids of requests and attempts want them."""
    return secrets.token_bytes(count)


@dataclass
class Phone:
    """A phone with its device key, activated or not yet."""

    key: DeviceKey
    identity_id: bytes = b""
    authenticator_id: bytes = b""
    pin: str = PIN

    def opens(self, code: str, signed_at_ms: int) -> Signed:
        """Scans a code or follows a link."""
        return open_statement(self.key, self.authenticator_id, code, signed_at_ms)

    def decides(
        self,
        opened: _core.LoginOpened | OpenLoginResponse,
        decision: pb.Decision.ValueType = pb.DECISION_APPROVE,
        how: pb.UserVerification.ValueType = pb.USER_VERIFICATION_PIN,
        **altered: Any,
    ) -> Signed:
        """Signs a decision; `altered` fields of the statement are what they should not be."""
        shown = opened if isinstance(opened, OpenLoginResponse) else as_response(opened)
        honest = approval_statement(self.key, self.authenticator_id, shown, decision, how)
        if not altered:
            return honest
        statement = pb.ApprovalStatement.FromString(honest.statement)
        for name, value in altered.items():
            if value is None:
                statement.ClearField(name)  # type: ignore[arg-type]
            elif isinstance(value, Message):
                getattr(statement, name).CopyFrom(value)
            else:
                setattr(statement, name, value)
        return self.key.signed(APPROVAL_DOMAIN, statement.SerializeToString())

    def changes_pin(self, signed_at_ms: int) -> Signed:
        """Asks for another PIN."""
        return pin_change_statement(self.key, self.authenticator_id, signed_at_ms)

    def resets_pin(self, signed_at_ms: int) -> Signed:
        """Asks for another PIN with a temporary one."""
        return pin_reset_statement(self.key, self.authenticator_id, signed_at_ms)

    def blocks(self, signed_at_ms: int, blocked_authenticator_id: bytes = b"") -> Signed:
        """Blocks one authenticator, or everything."""
        return block_statement(
            self.key, self.authenticator_id, signed_at_ms, blocked_authenticator_id
        )


def as_response(opened: _core.LoginOpened) -> OpenLoginResponse:
    """What the service tells a phone of it."""
    response = OpenLoginResponse(
        login_id=opened.login_id,
        challenge=opened.challenge,
        service_provider=opened.service_provider,
        text=opened.text,
    )
    if opened.document is not None:
        sha256, media_type, name = opened.document
        response.document.CopyFrom(
            pb.SigningDocument(sha256=sha256, media_type=media_type, name=name)
        )
    return response


@dataclass
class Started:
    """A login as its front-end holds it."""

    started: _core.LoginStarted
    verifier: bytes
    front_end: str = FRONT_END
    opened: _core.LoginOpened | None = field(default=None)

    @property
    def login_id(self) -> bytes:
        return self.started.login_id

    def qr_code(self, second: int = 0) -> str:
        """The moving code, made as login_service.proto tells front-ends to."""
        message = b"godkend qr v1\0" + self.login_id + second.to_bytes(8, "big")
        mac = hmac.digest(self.started.qr_secret, message, "sha256")[:16]
        text = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        return f"{self.started.qr_token}.{second}.{text}"


def register(driver: CoreDriver, user_id: str = "anna", level: int = 2) -> bytes:
    """A new identity."""
    identity_id: bytes = driver.create_identity(
        "registrar", fresh(), user_id, "Anna Jensen", BORN, level
    )
    return identity_id


def issue(driver: CoreDriver, identity_id: bytes, channel: int = 1) -> str:
    """A new activation code for it."""
    issued = driver.issue_activation_code("registrar", fresh(), identity_id, channel)
    code: str = issued.activation_code
    return code


def begin(driver: CoreDriver, user_id: str, code: str, key: DeviceKey, source: str = SOURCE) -> Any:
    """Trades user ID and code for a challenge."""
    return driver.begin_activation(
        source, fresh(), user_id, code, key.algorithm, key.public_key, "Anna's phone"
    )


def finish(
    driver: CoreDriver,
    signed: Signed,
    pin: str = PIN,
    *,
    biometrics_on: bool = True,
) -> bytes:
    """Proves the key, chooses the PIN, and gives the authenticator's id."""
    authenticator_id: bytes = driver.finish_activation(
        signed.statement, signed.signature, pin, biometrics_on
    )
    return authenticator_id


def activate(
    driver: CoreDriver,
    user_id: str = "anna",
    *,
    identity_id: bytes = b"",
    pin: str = PIN,
    algorithm: pb.KeyAlgorithm.ValueType = P256,
    biometrics_on: bool = True,
) -> Phone:
    """The whole way to an activated phone, of a new identity unless one is given."""
    key = DeviceKey.generate(algorithm)
    identity_id = identity_id or register(driver, user_id)
    begun = begin(driver, user_id, issue(driver, identity_id), key)
    signed = activation_statement(key, begun)
    authenticator_id = finish(driver, signed, pin, biometrics_on=biometrics_on)
    return Phone(key, identity_id, authenticator_id, pin)


def start(
    driver: CoreDriver,
    user_id: str = "",
    *,
    source: str = SOURCE,
    front_end: str = FRONT_END,
    level_min: int = 0,
    document: pb.SigningDocument | None = None,
    acting: int = 0,
) -> Started:
    """Starts a login, or a signature."""
    verifier = fresh(32)
    started = driver.start_login(
        front_end,
        fresh(),
        SERVICE_PROVIDER,
        TEXT,
        user_id,
        hashlib.sha256(verifier).digest(),
        source,
        "nonce",
        level_min,
        document and (document.sha256, document.media_type, document.name),
        acting,
    )
    return Started(started, verifier, front_end)


def open_with(driver: CoreDriver, phone: Phone, login: Started) -> _core.LoginOpened:
    """The phone follows the login's link."""
    signed = phone.opens(login.started.app_link, driver.now_ms)
    login.opened = driver.open_login(signed.statement, signed.signature)
    return login.opened


def opened(driver: CoreDriver, phone: Phone) -> Started:
    """A login that waits for this phone's decision."""
    login = start(driver)
    open_with(driver, phone, login)
    return login


def approve(driver: CoreDriver, phone: Phone, login: Started, pin: str | None = None) -> Any:
    """Approves with a PIN: the phone's own if none is given."""
    assert login.opened
    signed = phone.decides(login.opened)
    return driver.approve_login(
        signed.statement, signed.signature, phone.pin if pin is None else pin
    )


def redeem(driver: CoreDriver, login: Started) -> str:
    """Turns the approved login into its assertion."""
    redeemed = driver.redeem_login(login.front_end, login.login_id, login.verifier)
    assertion: str = redeemed.assertion
    return assertion


def login(driver: CoreDriver, phone: Phone, pin: str | None = None) -> str:
    """The whole way from a start to an assertion."""
    opened_login = opened(driver, phone)
    assert approve(driver, phone, opened_login, pin).state == LOGIN_STATE_APPROVED
    return redeem(driver, opened_login)


def strikes(driver: CoreDriver, phone: Phone) -> int:
    """How many strikes the phone's PIN has now."""
    count: int
    (count,) = [
        view.strikes
        for view in driver.get_identity(phone.identity_id, "").authenticators
        if view.authenticator_id == phone.authenticator_id
    ]
    return count
