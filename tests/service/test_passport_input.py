"""Malformed fields of what is read of a passport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from godkend.v1 import passport_service_pb2 as pb
from tests.service.stored import StoreReader
from tests.service.test_passport import ANNA, forgotten, new_phone, no_pin, reading, verifying
from tests.service.test_recovery import give_number
from tests.service.world import DAY_MS
from tests.support.bad_input import (
    IDS_OF_16,
    UNDEFINED,
    Otherwise,
    Rows,
    answered,
    line,
    refuse_each,
)
from tests.support.passports import Chip, State, tlv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld
    from tests.service.world import World

DENMARK = State.found()
CHIP = DENMARK.issue()
WHOLE = CHIP.security_object
ZONE = ANNA.text


def _readings(field_name: str, *values: Any) -> tuple[Otherwise, ...]:
    def with_it(value: Any) -> pb.PassportReading:
        altered = reading(CHIP)
        setattr(altered, field_name, value)
        return altered

    return tuple(Otherwise(with_it(value), named=field_name) for value in values)


def _checks(field_name: str, *values: Any) -> tuple[Otherwise, ...]:
    altered = (reading(CHIP, **{field_name: value}) for value in values)
    return tuple(Otherwise(value, named=field_name) for value in altered)


def _zone(text: str) -> bytes:
    return tlv(0x61, b"\x5f\x1f", bytes([len(text)]), text.encode("latin-1"))


READINGS = (
    *_readings("security_object", b"", b"x", bytes(100), WHOLE[4:], WHOLE[:-1], WHOLE + b"\0"),
    *_readings("security_object", bytes(16_385), tlv(0x77, bytes(16_381))),
    *_readings("data_group_1", b"", b"x", bytes(93), CHIP.data_group_1 + b"\0"),
    *_readings("data_group_1", ZONE.encode(), CHIP.data_group_1[:-1], bytes(10_000)),
    *_readings("data_group_1", _zone(ZONE.lower()), _zone(ZONE.replace("<", " "))),
    *_readings("data_group_1", _zone(ZONE[:-1] + str((int(ZONE[-1]) + 1) % 10))),
    *_checks("chip_check", 3, *UNDEFINED),
    *_checks("evidence_reference", *line(100)),
    Otherwise(pb.PassportReading(), named="data_group_1"),
)

BAD: dict[str, Rows] = {
    "VerifyPassportRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "reading": READINGS,
    },
    "RecoverUserIdRequest": {"reading": READINGS},
    "RecoverPinRequest": {"request_id": IDS_OF_16, "reading": READINGS},
    "RecoverAppRequest": {
        "request_id": IDS_OF_16,
        "reading": READINGS,
        "channel": UNDEFINED,
        "attested_key": (b"x", bytes(31), bytes(33)),
    },
}


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


async def prepared(world: World, name: str) -> Message:
    """A request that would be granted."""
    identity_id = await world.register(unproved=True)
    if name == "VerifyPassportRequest":
        return verifying(identity_id, CHIP)
    await world.send(verifying(identity_id, CHIP))
    if name == "RecoverPinRequest":
        await give_number(world, identity_id)
        world.clock.advance(5 * DAY_MS)
        return no_pin(CHIP)
    return forgotten(CHIP) if name == "RecoverUserIdRequest" else new_phone(CHIP)


@pytest.mark.parametrize(
    ("name", "field_name"),
    [(name, field_name) for name, rows in BAD.items() for field_name in rows],
)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    open_world: OpensWorld, tmp_path: Path, reader: StoreReader, name: str, field_name: str
) -> None:
    anchors = tmp_path / "csca.pem"
    anchors.write_text(DENMARK.authority.pem)
    world = await open_world(store="", trust_anchors=anchors)
    store = tmp_path / "data" / "godkend.db"
    honest = await prepared(world, name)
    await refuse_each(world, honest, field_name, BAD[name][field_name], lambda: reader.dump(store))


@pytest.mark.parametrize("reference", ["x", "\u00e6" * 100])
async def test_a_reference_at_its_bound_is_accepted(
    open_world: OpensWorld, tmp_path: Path, reference: str
) -> None:
    anchors = tmp_path / "csca.pem"
    anchors.write_text(DENMARK.authority.pem)
    world = await open_world(trust_anchors=anchors)
    request = verifying(await world.register(unproved=True), CHIP)
    request.reading.checks.evidence_reference = reference
    await answered(world, request)


async def test_a_security_object_at_its_bound_is_read(
    open_world: OpensWorld, tmp_path: Path
) -> None:
    """Padded by certificates that nobody asked for, to the byte."""
    anchors = tmp_path / "csca.pem"
    anchors.write_text(DENMARK.authority.pem)
    world = await open_world(trust_anchors=anchors)
    identity_id = await world.register(unproved=True)

    def padded(more: int) -> Chip:
        certificates = [DENMARK.signer.certificate, tlv(0x30, tlv(0x04, bytes(more)))]
        return DENMARK.issue(certificates=certificates)

    bytes_max, guess = 16_384, padded(10_000)
    more = bytes_max - len(guess.security_object) + 10_000
    # A signature is a byte or two longer or shorter, as it happens.
    candidates = (padded(more) for _ in range(1_000))
    most = next(it for it in candidates if len(it.security_object) == bytes_max)
    await answered(world, verifying(identity_id, most))
