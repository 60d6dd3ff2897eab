"""Malformed fields of delegations, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from godkend.v1 import delegation_service_pb2 as pb
from tests.service.delegations import ADULT, karen, record, recording
from tests.service.stored import StoreReader
from tests.service.world import World, refused
from tests.support.bad_input import IDS_OF_16, Rows, answered, line, refuse_each
from tests.support.phones import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld

NO_DATES = ("", "2027-1-15", "2027-02-29", "15-01-2027", "2027-01-15 ", "1899-12-31", "2200-01-01")

BAD: dict[str, Rows] = {
    "RecordDelegationRequest": {
        "request_id": IDS_OF_16,
        "principal_id": IDS_OF_16,
        "agent_id": IDS_OF_16,
        "kind": (0, 3, -1),
        "scopes": (
            *([], ["*", "tax"], [""], ["a\nb"], ["x" * 129], ["x"] * 21),
            ["a\u200bb"],
        ),
        "starts_on": (*NO_DATES, "2027-01-21"),
        "ends_on": (*NO_DATES, "2027-01-14", "2199-12-31"),
        "grounds": line(200),
        "officer_id": line(64),
    },
    "ListDelegationsRequest": {"identity_id": IDS_OF_16},
    "EndDelegationRequest": {"identity_id": IDS_OF_16, "delegation_id": IDS_OF_16},
}


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


async def prepared(world: World, name: str) -> Message:
    """A request that would be granted."""
    anna, person = await world.register(birth_date=ADULT), await karen(world)
    match name:
        case "RecordDelegationRequest":
            return recording(person, anna)
        case "ListDelegationsRequest":
            return pb.ListDelegationsRequest(identity_id=anna)
        case _:
            delegation_id = await record(world, person, anna)
            return pb.EndDelegationRequest(identity_id=anna, delegation_id=delegation_id)


@pytest.mark.parametrize(
    ("name", "field_name"),
    [(name, field_name) for name, rows in BAD.items() for field_name in rows],
)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    open_world: OpensWorld, tmp_path: Path, reader: StoreReader, name: str, field_name: str
) -> None:
    world = await open_world(store="")
    store = tmp_path / "data" / "godkend.db"
    honest = await prepared(world, name)
    await refuse_each(world, honest, field_name, BAD[name][field_name], lambda: reader.dump(store))


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("scopes", ["\u00e6" * 128]),
        ("scopes", [f"provider {number}" for number in range(20)]),
        ("grounds", "\u00e6" * 200),
        ("officer_id", "\u00e6" * 64),
        ("ends_on", "2027-01-15"),
    ],
)
async def test_a_field_at_its_bound_is_accepted(world: World, field_name: str, value: Any) -> None:
    anna, person = await world.register(birth_date=ADULT), await karen(world)
    await answered(world, recording(person, anna, **{field_name: value}))


async def test_what_is_unknown_is_not_found(world: World) -> None:
    anna = await world.register(birth_date=ADULT)
    for request in (
        pb.ListDelegationsRequest(identity_id=fresh()),
        recording(fresh(), anna),
        recording(anna, fresh()),
    ):
        await refused("IDENTITY_NOT_FOUND", world.send(request))
    request = pb.EndDelegationRequest(identity_id=anna, delegation_id=fresh())
    await refused("DELEGATION_NOT_FOUND", world.send(request))
