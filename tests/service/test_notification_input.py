"""Malformed fields about messages and cursors, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from godkend.statements import report_statement
from godkend.v1 import event_service_pb2 as event_pb
from godkend.v1 import history_service_pb2 as history_pb
from godkend.v1 import notification_service_pb2 as pb
from tests.service.stored import StoreReader
from tests.service.test_history import MESSAGES, login_of, own
from tests.service.world import refused
from tests.support.bad_input import (
    IDS_OF_16,
    STATEMENTS_512,
    Otherwise,
    Rows,
    line,
    refuse_each,
    unsigned,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld
    from tests.service.world import World

BAD: dict[str, Rows] = {
    "ListHistoryRequest": {
        "identity_id": IDS_OF_16,
        "page_size": (-1, 101, 2**31 - 1, -(2**31)),
        "page_token": (b"x", bytes(46), bytes(129)),
    },
    "ListOwnHistoryRequest": {"statement": STATEMENTS_512, "signature": unsigned(72)},
    "ReportLoginRequest": {
        "identity_id": IDS_OF_16,
        "entry_seq": tuple(Otherwise(seq, "ENTRY_NOT_FOUND") for seq in (0, -1, 2**63 - 1)),
    },
    "ReportOwnLoginRequest": {"statement": STATEMENTS_512, "signature": unsigned(72)},
    "ListMessagesRequest": {"statement": STATEMENTS_512, "signature": unsigned(72)},
    "AckEventsRequest": {"consumer": line(64), "seq": (0, -1, 2, 2**63 - 1, -(2**63))},
    "ListDeadLettersRequest": {
        "page_size": (-1, 101, 2**31 - 1, -(2**31)),
        "page_token": (b"x", bytes(23), bytes(25)),
    },
    "RetryMessageRequest": {
        "message_id": IDS_OF_16,
    },
}

OTHERWISE = {"RetryMessageRequest", "ReportLoginRequest"}
"""Looked at below, and in `test_history`."""


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


async def prepared(world: World, name: str) -> Message:
    """A request that would be granted."""
    if name == "ListHistoryRequest":
        return history_pb.ListHistoryRequest(identity_id=await world.register())
    if name == "AckEventsRequest":
        await world.register()
        return event_pb.AckEventsRequest(consumer="archive", seq=1)
    if name == "ListDeadLettersRequest":
        return pb.ListDeadLettersRequest()
    return await of_the_phone(world, name)


async def of_the_phone(world: World, name: str) -> Message:
    """A statement that this phone would be answered."""
    phone = await world.activate()
    if name == "ListMessagesRequest":
        return pb.ListMessagesRequest(**own(world, phone, MESSAGES))
    if name == "ListOwnHistoryRequest":
        return history_pb.ListOwnHistoryRequest(**own(world, phone))
    await world.sign_in(phone)
    login = await login_of(world, phone)
    signed = report_statement(phone.key, phone.authenticator_id, login.seq, world.now_ms)
    return history_pb.ReportOwnLoginRequest(statement=signed.statement, signature=signed.signature)


@pytest.mark.parametrize(
    ("name", "field_name"),
    [(name, field) for name, rows in BAD.items() for field in rows if name not in OTHERWISE],
)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    open_world: OpensWorld, tmp_path: Path, reader: StoreReader, name: str, field_name: str
) -> None:
    world = await open_world(store="")
    store = tmp_path / "data" / "godkend.db"
    honest = await prepared(world, name)
    await refuse_each(world, honest, field_name, BAD[name][field_name], lambda: reader.dump(store))


async def test_what_names_no_message_is_refused_by_name(world: World) -> None:
    for message_id in BAD["RetryMessageRequest"]["message_id"]:
        call = world.send(pb.RetryMessageRequest(message_id=message_id))
        assert (await refused("FIELD_INVALID", call)).field == "message_id"
