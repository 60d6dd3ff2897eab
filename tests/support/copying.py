"""The steps of a copy over a real channel, each as the old or the new phone takes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
from godkend.statements import DeviceKey, Signed
from godkend.v1 import copy_service_pb2 as pb
from godkend.v1 import identity_service_pb2 as identity_pb
from tests.support.phones import PIN_OTHER, Phone

if TYPE_CHECKING:
    from tests.service.world import World

REQUESTED, READY = pb.COPY_STATE_REQUESTED, pb.COPY_STATE_READY
CONFIRMED, SCANNED = pb.COPY_STATE_CONFIRMED, pb.COPY_STATE_SCANNED
DONE, STOPPED, EXPIRED = pb.COPY_STATE_DONE, pb.COPY_STATE_STOPPED, pb.COPY_STATE_EXPIRED

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
WAIT_MS, WINDOW_MS, CODE_LIFE_MS = HOUR_MS, DAY_MS, 3 * MINUTE_MS
NEW_NAME = "Anna's new phone"
NUMBER = "+4512345678"
NUMBER_AGE_MS = 5 * DAY_MS


async def give_number(world: World, identity_id: bytes, number: str = NUMBER) -> None:
    """Says where SMS go."""
    details = identity_pb.ContactDetails(phone_number=number)
    await world.send(
        identity_pb.SetContactDetailsRequest(identity_id=identity_id, contact_details=details)
    )


async def old_phone(world: World, user_id: str = "anna") -> Phone:
    """An app that can be copied: its subscriber has had a phone number for long enough."""
    phone = await world.activate(user_id)
    await give_number(world, phone.identity_id)
    world.clock.advance(NUMBER_AGE_MS)
    return phone


def signed_fields(signed: Signed) -> dict[str, Any]:
    """How a signed statement is sent."""
    return {"statement": signed.statement, "signature": signed.signature}


def request_of(world: World, old: Phone, pin: str | None = None) -> pb.RequestCopyRequest:
    """A well-formed request of the old app."""
    signed = copy_request_statement(old.key, old.authenticator_id, world.now_ms)
    return pb.RequestCopyRequest(**signed_fields(signed), pin=old.pin if pin is None else pin)


async def request(world: World, old: Phone, pin: str | None = None) -> pb.AppCopy:
    """The first PIN."""
    copy: pb.AppCopy = (await world.send(request_of(world, old, pin))).copy
    return copy


def confirm_request(
    world: World, old: Phone, copy_id: bytes, pin: str | None = None
) -> pb.ConfirmCopyRequest:
    """A well-formed request of the old app after the wait."""
    signed = copy_confirmation_statement(old.key, old.authenticator_id, copy_id, world.now_ms)
    return pb.ConfirmCopyRequest(**signed_fields(signed), pin=old.pin if pin is None else pin)


async def confirm(world: World, old: Phone, copy_id: bytes, pin: str | None = None) -> pb.AppCopy:
    """The second PIN."""
    copy: pb.AppCopy = (await world.send(confirm_request(world, old, copy_id, pin))).copy
    return copy


async def confirmed(world: World, old: Phone) -> pb.AppCopy:
    """A copy whose code is shown: asked for, waited for, confirmed."""
    copy = await request(world, old)
    world.clock.advance(WAIT_MS)
    return await confirm(world, old, copy.copy_id)


def scan_request(key: DeviceKey, code: str, user_id: str = "anna", **fields: Any) -> Any:
    """A well-formed request of a new phone."""
    signed = copy_scan_statement(key, code)
    chosen = {
        **signed_fields(signed),
        "user_id": user_id,
        "key_algorithm": key.algorithm,
        "device_name": NEW_NAME,
        **fields,
    }
    return pb.ScanCopyRequest(**chosen)


@dataclass
class NewPhone:
    """A phone that has scanned."""

    key: DeviceKey
    scanned: pb.ScanCopyResponse

    @property
    def copy_id(self) -> bytes:
        return self.scanned.copy_id


async def scan(
    world: World, code: str, user_id: str = "anna", key: DeviceKey | None = None
) -> NewPhone:
    """The new phone shows code and user ID."""
    key = key or DeviceKey.generate()
    return NewPhone(key, await world.send(scan_request(key, code, user_id)))


def query_request(
    world: World, phone: Phone | NewPhone, copy_id: bytes = NEWEST
) -> pb.GetCopyRequest:
    """A well-formed question of either phone."""
    who = NEW_PHONE if isinstance(phone, NewPhone) else phone.authenticator_id
    copy_id = phone.copy_id if isinstance(phone, NewPhone) else copy_id
    signed = copy_query_statement(phone.key, who, copy_id, world.now_ms)
    return pb.GetCopyRequest(**signed_fields(signed))


async def show(world: World, phone: Phone | NewPhone, copy_id: bytes = NEWEST) -> pb.AppCopy:
    """Where the copy is, as this phone is told."""
    copy: pb.AppCopy = (await world.send(query_request(world, phone, copy_id))).copy
    return copy


def stop_request(world: World, phone: Phone | NewPhone, copy_id: bytes) -> pb.StopCopyRequest:
    """A well-formed end from either phone."""
    who = NEW_PHONE if isinstance(phone, NewPhone) else phone.authenticator_id
    signed = copy_stop_statement(phone.key, who, copy_id, world.now_ms)
    return pb.StopCopyRequest(**signed_fields(signed))


async def stop(world: World, phone: Phone | NewPhone, copy_id: bytes) -> pb.AppCopy:
    """Ends it."""
    copy: pb.AppCopy = (await world.send(stop_request(world, phone, copy_id))).copy
    return copy


async def scanned(world: World, old: Phone) -> NewPhone:
    """A copy whose new phone waits for the temporary PIN."""
    return await scan(world, (await confirmed(world, old)).copy_code)


async def read_sms(world: World) -> str:
    """The temporary PIN that was sent last."""
    sent = [event for event in await world.events() if event.kind == "temporary_pin.issued"]
    named = bytes.fromhex(json.loads(sent[-1].detail)["temporary_pin_id"])
    engine = world.server.engine
    revealed = await engine.call(engine.core.reveal_temporary_pin, 0, named)
    pin: str = revealed.temporary_pin
    return pin


def wrong(pin: str) -> str:
    """Another one."""
    return f"{(int(pin) + 1) % 1_000_000:06}"


def finish_request(
    new: NewPhone, temporary_pin: str, pin: str = PIN_OTHER, **fields: Any
) -> pb.FinishCopyRequest:
    """A well-formed end."""
    signed = copy_finish_statement(new.key, new.scanned)
    chosen = {**signed_fields(signed), "notifications_on": True, **fields}
    return pb.FinishCopyRequest(temporary_pin=temporary_pin, pin=pin, **chosen)


async def finish(
    world: World, new: NewPhone, temporary_pin: str, pin: str = PIN_OTHER, **fields: Any
) -> bytes:
    """The last step; the new authenticator's id."""
    response = await world.send(finish_request(new, temporary_pin, pin, **fields))
    authenticator_id: bytes = response.authenticator_id
    return authenticator_id


async def kinds(world: World) -> list[str]:
    """What the history tells of copies, in order."""
    return [event.kind for event in await world.events() if event.kind.startswith("copy.")]
