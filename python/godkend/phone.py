"""A simulated phone, which is also the reference for app developers.

    activation = Activation.begin(channel, "erik", "ABCD-EFGH", device_name="Erik's phone")
    phone = activation.finish(pin="271946")
    opened = phone.open_login(scanned_code)     # show opened.service_provider and opened.text
    phone.approve(opened, pin="271946")

What is signed, and how, is in `godkend.statements`; here are the calls and the key file. Every call
raises what `godkend.errors` names. PINs are handed through and kept nowhere.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from godkend.calls import CALL_TIMEOUT_S, godkend_errors
from godkend.statements import (
    DeviceKey,
    Signed,
    activation_statement,
    approval_statement,
    block_statement,
    open_statement,
    pin_change_statement,
    pin_reset_statement,
    read_statement,
    report_statement,
)
from godkend.v1 import device_service_pb2 as pb
from godkend.v1 import (
    device_service_pb2_grpc,
    history_service_pb2_grpc,
    notification_service_pb2_grpc,
    recovery_service_pb2,
    recovery_service_pb2_grpc,
    statement_pb2,
)
from godkend.v1 import history_service_pb2 as history_pb
from godkend.v1 import notification_service_pb2 as notification_pb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import grpc

REQUEST_ID_BYTES: Final = 16
DEVICE_NAME_DEFAULT: Final = "simulated phone"


def unix_time_ms() -> int:
    """This machine's clock."""
    return time.time_ns() // 1_000_000


class Activation:
    """A phone that has traded its activation code and is yet to choose its PIN."""

    def __init__(
        self, channel: grpc.Channel, key: DeviceKey, begun: pb.BeginActivationResponse
    ) -> None:
        self._channel = channel
        self.key = key
        self.begun = begun

    @classmethod
    def begin(
        cls,
        channel: grpc.Channel,
        user_id: str,
        activation_code: str,
        *,
        device_name: str = DEVICE_NAME_DEFAULT,
        key: DeviceKey | None = None,
    ) -> Self:
        """Trades a user ID and an activation code for a challenge to `key`, a new one by default.

        Raises `Denied` (ACTIVATION_CODE_WRONG), which does not say what of the two did not fit.
        """
        key = key or DeviceKey.generate()
        request = pb.BeginActivationRequest(
            request_id=secrets.token_bytes(REQUEST_ID_BYTES),
            user_id=user_id,
            activation_code=activation_code,
            key_algorithm=key.algorithm,
            public_key=key.public_key,
            device_name=device_name,
        )
        stub = device_service_pb2_grpc.DeviceServiceStub(channel)
        with godkend_errors():
            return cls(channel, key, stub.BeginActivation(request, timeout=CALL_TIMEOUT_S))

    def finish(self, pin: str, *, biometrics_on: bool = False) -> Phone:
        """Proves the key and chooses the PIN. After PIN_WEAK, call again with a better one."""
        signed = activation_statement(self.key, self.begun)
        request = pb.FinishActivationRequest(
            statement=signed.statement,
            signature=signed.signature,
            pin=pin,
            biometrics_on=biometrics_on,
        )
        stub = device_service_pb2_grpc.DeviceServiceStub(self._channel)
        with godkend_errors():
            response = stub.FinishActivation(request, timeout=CALL_TIMEOUT_S)
        return Phone(self._channel, self.key, response.authenticator_id)


class Phone:
    """An activated phone."""

    def __init__(
        self,
        channel: grpc.Channel,
        key: DeviceKey,
        authenticator_id: bytes,
        now_ms: Callable[[], int] = unix_time_ms,
    ) -> None:
        self.key = key
        self.authenticator_id = authenticator_id
        self._now_ms = now_ms
        self._stub = device_service_pb2_grpc.DeviceServiceStub(channel)
        self._recovery = recovery_service_pb2_grpc.RecoveryServiceStub(channel)
        self._history = history_service_pb2_grpc.HistoryServiceStub(channel)
        self._notifications = notification_service_pb2_grpc.NotificationServiceStub(channel)

    def __repr__(self) -> str:
        return f"Phone({self.authenticator_id.hex()})"

    def open_login(self, code: str) -> pb.OpenLoginResponse:
        """Tells what a scanned QR code or an app link is about, and binds the login to this phone.

        Show `service_provider` and `text`, and of a document its name, to the letter before asking
        for a decision.
        """
        signed = open_statement(self.key, self.authenticator_id, code, self._now_ms())
        request = pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
        with godkend_errors():
            return self._stub.OpenLogin(request, timeout=CALL_TIMEOUT_S)

    def approve(
        self,
        opened: pb.OpenLoginResponse,
        pin: str,
        on_behalf: statement_pb2.Principal | None = None,
    ) -> None:
        """Approves with the PIN; for somebody else if one of `opened.offers` is chosen.

        Raises `Denied`: PIN_WRONG with the tries left, PIN_LOCKED with the time to come back,
        PIN_DEAD. A `Fault` says nothing about the PIN: the approval may or may not have happened.
        """
        self._approve(opened, statement_pb2.USER_VERIFICATION_PIN, pin, on_behalf)

    def approve_with_biometrics(
        self, opened: pb.OpenLoginResponse, on_behalf: statement_pb2.Principal | None = None
    ) -> None:
        """Approves after the phone has recognised its holder, if that was switched on."""
        self._approve(opened, statement_pb2.USER_VERIFICATION_BIOMETRICS, "", on_behalf)

    def _approve(
        self,
        opened: pb.OpenLoginResponse,
        user_verification: statement_pb2.UserVerification.ValueType,
        pin: str,
        on_behalf: statement_pb2.Principal | None,
    ) -> None:
        signed = approval_statement(
            self.key,
            self.authenticator_id,
            opened,
            statement_pb2.DECISION_APPROVE,
            user_verification,
            on_behalf=on_behalf,
        )
        request = pb.ApproveLoginRequest(
            statement=signed.statement, signature=signed.signature, pin=pin
        )
        with godkend_errors():
            self._stub.ApproveLogin(request, timeout=CALL_TIMEOUT_S)

    def reject(self, opened: pb.OpenLoginResponse, *, not_me: bool = False) -> None:
        """Ends the login; `not_me` says that the subscriber did not start it. Needs no PIN."""
        signed = approval_statement(
            self.key,
            self.authenticator_id,
            opened,
            statement_pb2.DECISION_REJECT,
            statement_pb2.USER_VERIFICATION_NONE,
        )
        request = pb.RejectLoginRequest(
            statement=signed.statement, signature=signed.signature, not_me=not_me
        )
        with godkend_errors():
            self._stub.RejectLogin(request, timeout=CALL_TIMEOUT_S)

    def change_pin(self, pin_old: str, pin_new: str) -> None:
        """Replaces the PIN. The old one is charged and checked as in a login."""
        signed = pin_change_statement(self.key, self.authenticator_id, self._now_ms())
        request = pb.ChangePinRequest(
            statement=signed.statement,
            signature=signed.signature,
            pin_old=pin_old,
            pin_new=pin_new,
        )
        with godkend_errors():
            self._stub.ChangePin(request, timeout=CALL_TIMEOUT_S)

    def reset_pin(self, temporary_pin: str, pin_new: str) -> None:
        """Chooses a PIN with a temporary one, in place of a forgotten one.

        Raises `Denied`: TEMPORARY_PIN_WRONG with the tries left, TEMPORARY_PIN_OVER, PIN_DEAD.
        """
        signed = pin_reset_statement(self.key, self.authenticator_id, self._now_ms())
        request = recovery_service_pb2.ResetPinRequest(
            statement=signed.statement,
            signature=signed.signature,
            temporary_pin=temporary_pin,
            pin_new=pin_new,
        )
        with godkend_errors():
            self._recovery.ResetPin(request, timeout=CALL_TIMEOUT_S)

    def block(self, blocked_authenticator_id: bytes = b"") -> None:
        """Blocks one of the subscriber's authenticators, or everything. Only a desk unblocks."""
        signed = block_statement(
            self.key, self.authenticator_id, self._now_ms(), blocked_authenticator_id
        )
        request = recovery_service_pb2.BlockByDeviceRequest(
            statement=signed.statement, signature=signed.signature
        )
        with godkend_errors():
            self._recovery.BlockByDevice(request, timeout=CALL_TIMEOUT_S)

    def history(self, page_token: bytes = b"") -> history_pb.ListOwnHistoryResponse:
        """A page of the subscriber's own history, the newest first."""
        signed = self._reads(statement_pb2.PAGE_HISTORY, page_token)
        request = history_pb.ListOwnHistoryRequest(
            statement=signed.statement, signature=signed.signature
        )
        with godkend_errors():
            return self._history.ListOwnHistory(request, timeout=CALL_TIMEOUT_S)

    def messages(self, page_token: bytes = b"") -> notification_pb.ListMessagesResponse:
        """A page of the messages in the app, the newest first."""
        signed = self._reads(statement_pb2.PAGE_MESSAGES, page_token)
        request = notification_pb.ListMessagesRequest(
            statement=signed.statement, signature=signed.signature
        )
        with godkend_errors():
            return self._notifications.ListMessages(request, timeout=CALL_TIMEOUT_S)

    def _reads(self, page: statement_pb2.Page.ValueType, page_token: bytes) -> Signed:
        return read_statement(
            self.key, self.authenticator_id, page, self._now_ms(), page_token=page_token
        )

    def report(self, entry_seq: int) -> history_pb.ReportOwnLoginResponse:
        """Says of a login in the history that it was not the subscriber's; what to do next."""
        signed = report_statement(self.key, self.authenticator_id, entry_seq, self._now_ms())
        request = history_pb.ReportOwnLoginRequest(
            statement=signed.statement, signature=signed.signature
        )
        with godkend_errors():
            return self._history.ReportOwnLogin(request, timeout=CALL_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a simulated phone keeps on disk: JSON, readable by its owner only (mode 0600).

    A real phone keeps its key in secure hardware and has no such file.
    """

    server: str
    user_id: str
    device_name: str
    authenticator_id: bytes
    key: DeviceKey

    def save(self, path: Path) -> None:
        """Writes a new file. Raises FileExistsError rather than overwrite a key."""
        text = json.dumps(
            {
                "server": self.server,
                "user_id": self.user_id,
                "device_name": self.device_name,
                "authenticator_id": self.authenticator_id.hex(),
                "private_key_pem": self.key.to_pem().decode("ascii"),
            },
            indent=2,
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    @classmethod
    def load(cls, path: Path) -> KeyFile:
        """Reads a file. Raises OSError, or ValueError if `save` did not make it."""
        fields = json.loads(path.read_text("utf-8"))
        try:
            return cls(
                server=str(fields["server"]),
                user_id=str(fields["user_id"]),
                device_name=str(fields["device_name"]),
                authenticator_id=bytes.fromhex(fields["authenticator_id"]),
                key=DeviceKey.from_pem(fields["private_key_pem"].encode("ascii")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not the key file of a simulated phone") from error

    def phone(self, channel: grpc.Channel) -> Phone:
        """The phone whose key this is."""
        return Phone(channel, self.key, self.authenticator_id)
