"""Malformed fields of copies, one at a time.

What a table says is told in `tests.support.bad_input`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from godkend.copy_statements import (
    COPY_CONFIRMATION_DOMAIN,
    COPY_FINISH_DOMAIN,
    COPY_QUERY_DOMAIN,
    COPY_REQUEST_DOMAIN,
    COPY_SCAN_DOMAIN,
    COPY_STOP_DOMAIN,
)
from godkend.statements import DeviceKey
from godkend.v1 import statement_pb2
from tests.service.stored import StoreReader
from tests.service.world import World, refused
from tests.support.bad_input import (
    ANYTHING,
    IDS_OF_16,
    PINS_WRONG,
    STATEMENTS_512,
    UNDEFINED,
    Otherwise,
    Rows,
    line,
    refuse_each,
    unsigned,
)
from tests.support.copying import (
    WAIT_MS,
    confirm_request,
    confirmed,
    finish_request,
    old_phone,
    query_request,
    read_sms,
    request,
    request_of,
    scan_request,
    scanned,
    stop_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld

SIGNED: Rows = {"statement": STATEMENTS_512, "signature": unsigned(72)}
BAD: dict[str, Rows] = {
    "RequestCopyRequest": {**SIGNED, "pin": PINS_WRONG},
    "ConfirmCopyRequest": {**SIGNED, "pin": PINS_WRONG},
    "ScanCopyRequest": {
        **SIGNED,
        "user_id": ("", "x" * 61, "\u00e6" * 61, "x" * 10_000),
        "key_algorithm": (0, 3, *UNDEFINED, Otherwise(2, named="statement")),
        "device_name": line(64),
    },
    "FinishCopyRequest": {
        **SIGNED,
        "temporary_pin": PINS_WRONG,
        "pin": (*PINS_WRONG, Otherwise("123456", "PIN_WEAK")),
        "biometrics_on": ANYTHING,
        "notifications_on": ANYTHING,
    },
    "StopCopyRequest": SIGNED,
    "GetCopyRequest": SIGNED,
}

STATEMENTS: list[tuple[Any, str, bytes, Rows]] = [
    (
        statement_pb2.CopyRequestStatement,
        "RequestCopyRequest",
        COPY_REQUEST_DOMAIN,
        {"authenticator_id": IDS_OF_16, "attempt_id": IDS_OF_16, "signed_at_ms": ANYTHING},
    ),
    (
        statement_pb2.CopyConfirmationStatement,
        "ConfirmCopyRequest",
        COPY_CONFIRMATION_DOMAIN,
        {
            "authenticator_id": IDS_OF_16,
            "copy_id": IDS_OF_16,
            "attempt_id": IDS_OF_16,
            "signed_at_ms": ANYTHING,
        },
    ),
    (
        statement_pb2.CopyScanStatement,
        "ScanCopyRequest",
        COPY_SCAN_DOMAIN,
        {"code": ANYTHING, "public_key": (b"", bytes(31), bytes(65), b"\4" + bytes(64))},
    ),
    (
        statement_pb2.CopyFinishStatement,
        "FinishCopyRequest",
        COPY_FINISH_DOMAIN,
        {"copy_id": IDS_OF_16, "challenge": ANYTHING, "attempt_id": IDS_OF_16},
    ),
    (
        statement_pb2.CopyQueryStatement,
        "GetCopyRequest",
        COPY_QUERY_DOMAIN,
        {
            "authenticator_id": (b"x", bytes(15), bytes(17)),
            "copy_id": (b"x", bytes(15), bytes(17)),
            "signed_at_ms": ANYTHING,
        },
    ),
    (
        statement_pb2.CopyStopStatement,
        "StopCopyRequest",
        COPY_STOP_DOMAIN,
        {
            "authenticator_id": (b"x", bytes(15), bytes(17)),
            "copy_id": IDS_OF_16,
            "signed_at_ms": ANYTHING,
        },
    ),
]


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


class Plausible:
    """A server on a file, and a well-formed request of every kind."""

    def __init__(self, world: World, stored: Callable[[], list[str]]) -> None:
        self.world = world
        self.stored = stored
        self.key = DeviceKey.generate()
        """Signs what `prepare` gave last."""

    async def prepare(self, name: str) -> Message:
        """A request that would be granted."""
        world = self.world
        old = await old_phone(world)
        self.key = old.key
        if name == "RequestCopyRequest":
            return request_of(world, old)
        if name == "ScanCopyRequest":
            self.key = DeviceKey.generate()
            return scan_request(self.key, (await confirmed(world, old)).copy_code)
        if name == "FinishCopyRequest":
            new = await scanned(world, old)
            self.key = new.key
            return finish_request(new, await read_sms(world))
        copy_id = (await request(world, old)).copy_id
        if name == "ConfirmCopyRequest":
            world.clock.advance(WAIT_MS)
            return confirm_request(world, old, copy_id)
        if name == "StopCopyRequest":
            return stop_request(world, old, copy_id)
        assert name == "GetCopyRequest"
        return query_request(world, old, copy_id)


@pytest.fixture
async def plausible(open_world: OpensWorld, tmp_path: Path, reader: StoreReader) -> Plausible:
    """A server of its own."""
    world = await open_world(store="")
    return Plausible(world, lambda: reader.dump(tmp_path / "data" / "godkend.db"))


@pytest.mark.parametrize(
    ("name", "field_name"),
    [(name, field_name) for name, rows in BAD.items() for field_name in rows],
)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    plausible: Plausible, name: str, field_name: str
) -> None:
    honest = await plausible.prepare(name)
    await refuse_each(plausible.world, honest, field_name, BAD[name][field_name], plausible.stored)


@pytest.mark.parametrize(("statement", "name", "domain", "rows"), STATEMENTS)
async def test_a_malformed_field_of_a_signed_statement_is_refused_and_nothing_is_stored(
    plausible: Plausible, statement: Any, name: str, domain: bytes, rows: Rows
) -> None:
    # Fields that may hold anything are compared: test_copying tells with what.
    assert set(rows) == set(statement.DESCRIPTOR.fields_by_name)
    honest: Any = await plausible.prepare(name)
    before = plausible.stored()
    for field_name, bad in rows.items():
        for value in bad:
            altered = statement.FromString(honest.statement)
            setattr(altered, field_name, value)
            signed = plausible.key.signed(domain, altered.SerializeToString())
            sent = type(honest).FromString(honest.SerializeToString())
            sent.statement, sent.signature = signed.statement, signed.signature
            refusal = await refused("FIELD_INVALID", plausible.world.send(sent))
            assert refusal.field == "statement", (field_name, value)
    assert plausible.stored() == before
    await plausible.world.send(honest)
