"""Copying the app to another phone, as both phones do it; the reference for app developers.

    old = OldApp(channel, key, authenticator_id)
    copy = old.request(pin="271946")           # then an hour, in which the app may be closed
    copy = old.confirm(copy.copy_id, "271946") # show copy.copy_code as a QR code

    new = NewPhone.scan(channel, scanned_code, "erik", device_name="Erik's new phone")
    phone = new.finish(temporary_pin="604917", pin="271946")   # the first came by SMS

What is signed, and how, is in `godkend.copy_statements`. Every call raises what `godkend.errors`
names. PINs are handed through and kept nowhere.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from godkend.calls import CALL_TIMEOUT_S, godkend_errors
from godkend.copy_statements import (
    NEW_PHONE,
    NEWEST,
    copy_confirmation_statement,
    copy_finish_statement,
    copy_query_statement,
    copy_request_statement,
    copy_scan_statement,
    copy_stop_statement,
)
from godkend.phone import DEVICE_NAME_DEFAULT, KeyFile, Phone, unix_time_ms
from godkend.statements import DeviceKey
from godkend.v1 import copy_service_pb2 as pb
from godkend.v1 import copy_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import grpc


class Side:
    """What either phone can do: see where the copy is, and stop it."""

    def __init__(
        self,
        channel: grpc.Channel,
        key: DeviceKey,
        authenticator_id: bytes,
        now_ms: Callable[[], int] = unix_time_ms,
    ) -> None:
        self.key = key
        self._authenticator_id = authenticator_id
        self._now_ms = now_ms
        self._stub = copy_service_pb2_grpc.CopyServiceStub(channel)

    def show(self, copy_id: bytes = NEWEST) -> pb.AppCopy:
        """Where a copy is: of an app, the newest of its subscriber unless one is named."""
        signed = copy_query_statement(self.key, self._authenticator_id, copy_id, self._now_ms())
        request = pb.GetCopyRequest(statement=signed.statement, signature=signed.signature)
        with godkend_errors():
            return self._stub.GetCopy(request, timeout=CALL_TIMEOUT_S).copy

    def stop(self, copy_id: bytes) -> pb.AppCopy:
        """Ends a copy before its last step. Needs no PIN."""
        signed = copy_stop_statement(self.key, self._authenticator_id, copy_id, self._now_ms())
        request = pb.StopCopyRequest(statement=signed.statement, signature=signed.signature)
        with godkend_errors():
            return self._stub.StopCopy(request, timeout=CALL_TIMEOUT_S).copy


class OldApp(Side):
    """The app that is copied."""

    def request(self, pin: str) -> pb.AppCopy:
        """Begins the wait. Raises `Denied` as an approval does, or COPY_UNDER_WAY."""
        signed = copy_request_statement(self.key, self._authenticator_id, self._now_ms())
        request = pb.RequestCopyRequest(
            statement=signed.statement, signature=signed.signature, pin=pin
        )
        with godkend_errors():
            return self._stub.RequestCopy(request, timeout=CALL_TIMEOUT_S).copy

    def confirm(self, copy_id: bytes, pin: str) -> pb.AppCopy:
        """Gives the code to show, after the wait; again, if the code ran out.

        Raises `Denied` (COPY_NOT_READY) with the rest of the wait.
        """
        signed = copy_confirmation_statement(
            self.key, self._authenticator_id, copy_id, self._now_ms()
        )
        request = pb.ConfirmCopyRequest(
            statement=signed.statement, signature=signed.signature, pin=pin
        )
        with godkend_errors():
            return self._stub.ConfirmCopy(request, timeout=CALL_TIMEOUT_S).copy


class NewPhone(Side):
    """The phone that the app is copied to, once it has scanned."""

    def __init__(
        self,
        channel: grpc.Channel,
        key: DeviceKey,
        scanned: pb.ScanCopyResponse,
        now_ms: Callable[[], int] = unix_time_ms,
    ) -> None:
        super().__init__(channel, key, NEW_PHONE, now_ms)
        self.scanned = scanned
        self._channel = channel

    @classmethod
    def scan(
        cls,
        channel: grpc.Channel,
        code: str,
        user_id: str,
        *,
        device_name: str = DEVICE_NAME_DEFAULT,
        key: DeviceKey | None = None,
    ) -> Self:
        """Shows a scanned code and the typed user ID, with `key`, a new one by default.

        Raises `Denied` (COPY_CODE_WRONG), which does not say what of the two did not fit. If the
        answer is lost, scan again with the same key.
        """
        key = key or DeviceKey.generate()
        signed = copy_scan_statement(key, code)
        request = pb.ScanCopyRequest(
            statement=signed.statement,
            signature=signed.signature,
            user_id=user_id,
            key_algorithm=key.algorithm,
            device_name=device_name,
        )
        stub = copy_service_pb2_grpc.CopyServiceStub(channel)
        with godkend_errors():
            return cls(channel, key, stub.ScanCopy(request, timeout=CALL_TIMEOUT_S))

    def finish(
        self,
        temporary_pin: str,
        pin: str,
        *,
        biometrics_on: bool = False,
        notifications_on: bool = True,
    ) -> Phone:
        """Gives the temporary PIN from the SMS and chooses this phone's own.

        After PIN_WEAK, call again with a better one. Raises `Denied` (TEMPORARY_PIN_WRONG) with the
        tries left.
        """
        signed = copy_finish_statement(self.key, self.scanned)
        request = pb.FinishCopyRequest(
            statement=signed.statement,
            signature=signed.signature,
            temporary_pin=temporary_pin,
            pin=pin,
            biometrics_on=biometrics_on,
            notifications_on=notifications_on,
        )
        with godkend_errors():
            response = self._stub.FinishCopy(request, timeout=CALL_TIMEOUT_S)
        return Phone(self._channel, self.key, response.authenticator_id, self._now_ms)


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """What a simulated phone keeps between the scan and the end: JSON, for its owner (0600)."""

    server: str
    user_id: str
    device_name: str
    key: DeviceKey
    scanned: pb.ScanCopyResponse

    @staticmethod
    def beside(key_file: Path) -> Path:
        """Where it lies until there is a key file."""
        return key_file.with_name(key_file.name + ".copying")

    def save(self, path: Path) -> None:
        """Writes the file; an earlier scan is over."""
        text = json.dumps(
            {
                "server": self.server,
                "user_id": self.user_id,
                "device_name": self.device_name,
                "private_key_pem": self.key.to_pem().decode("ascii"),
                "scanned": self.scanned.SerializeToString().hex(),
            },
            indent=2,
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    @classmethod
    def load(cls, path: Path) -> ScannedFile:
        """Reads a file. Raises OSError, or ValueError if `save` did not make it."""
        fields = json.loads(path.read_text("utf-8"))
        try:
            return cls(
                server=str(fields["server"]),
                user_id=str(fields["user_id"]),
                device_name=str(fields["device_name"]),
                key=DeviceKey.from_pem(fields["private_key_pem"].encode("ascii")),
                scanned=pb.ScanCopyResponse.FromString(bytes.fromhex(fields["scanned"])),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not what a scan left") from error

    def phone(self, channel: grpc.Channel) -> NewPhone:
        """The phone that scanned."""
        return NewPhone(channel, self.key, self.scanned)

    def finished(self, authenticator_id: bytes) -> KeyFile:
        """The key file that it becomes."""
        return KeyFile(self.server, self.user_id, self.device_name, authenticator_id, self.key)
