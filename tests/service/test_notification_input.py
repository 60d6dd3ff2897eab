"""Malformed fields about messages and cursors, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from godkend.v1 import event_service_pb2 as event_pb
from godkend.v1 import notification_service_pb2 as pb
from tests.service.stored import StoreReader
from tests.service.world import refused
from tests.support.bad_input import IDS_OF_16, Rows, line, refuse_each

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld
    from tests.service.world import World

BAD: dict[str, Rows] = {
    "AckEventsRequest": {"consumer": line(64), "seq": (0, -1, 2, 2**63 - 1, -(2**63))},
    "ListDeadLettersRequest": {
        "page_size": (-1, 101, 2**31 - 1, -(2**31)),
        "page_token": (b"x", bytes(23), bytes(25)),
    },
    "RetryMessageRequest": {
        "message_id": IDS_OF_16,
    },
}


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


async def prepared(world: World, name: str) -> Message:
    """A request that would be granted."""
    await world.register()
    if name == "AckEventsRequest":
        return event_pb.AckEventsRequest(consumer="archive", seq=1)
    return pb.ListDeadLettersRequest()


@pytest.mark.parametrize(
    ("name", "field_name"),
    [
        (name, field)
        for name, rows in BAD.items()
        for field in rows
        if name != "RetryMessageRequest"
    ],
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
