"""Malformed fields of what a desk records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from godkend.v1 import issuing_service_pb2 as pb
from tests.service.stored import StoreReader
from tests.service.test_issuing import consent, document, identification
from tests.service.world import DAY_MS, World, refused
from tests.support.bad_input import (
    IDS_OF_16,
    UNDEFINED,
    Otherwise,
    Rows,
    answered,
    line,
    refuse_each,
    set_field,
)
from tests.support.phones import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld

NO_DAYS = ("", "2031-02-29", "2031-13-01", "31-05-04", "2031-5-4", "20310504", "1899-12-31", "x")
BY_WITNESS = {"method": pb.IDENTIFICATION_METHOD_WITNESS}


def _documents(field_name: str, *values: Any) -> tuple[Otherwise, ...]:
    named = f"document.{field_name}"
    return tuple(Otherwise(document(**{field_name: value}), named=named) for value in values)


BAD: dict[str, Rows] = {
    "RecordIdentificationRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "officer_id": line(64),
        "document": (
            *_documents("kind", 0, 5, -1),
            *_documents("country", "", "DK", "dnk", "DNKX", "D<<", "D1K"),
            *_documents("document_number", "", "-", "1" * 33, "\u00e6", "1\n", "1\0"),
            *_documents("expires_on", *NO_DAYS),
        ),
        "birth_date": NO_DAYS,
        "method": (0, 3, *UNDEFINED),
        "witness_id": (
            bytes(16),
            b"x",
            *(Otherwise(value, also=BY_WITNESS) for value in (b"", bytes(15), bytes(17))),
        ),
    },
    "RecordConsentRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "parent_id": IDS_OF_16,
        "officer_id": line(64),
    },
    "CheckWitnessRequest": {"witness_id": IDS_OF_16},
    "ListEvidenceRequest": {"identity_id": IDS_OF_16},
}


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


async def prepared(world: World, name: str) -> Message:
    """A request that would be granted."""
    match name:
        case "RecordIdentificationRequest":
            return identification(await world.register(unproved=True))
        case "RecordConsentRequest":
            parent_id = await world.register("parent")
            return consent(await world.register("child", birth_date="2013-01-01"), parent_id)
        case "CheckWitnessRequest":
            witness_id = await world.register("witness")
            world.clock.advance(10 * DAY_MS)
            return pb.CheckWitnessRequest(witness_id=witness_id)
        case _:
            return pb.ListEvidenceRequest(identity_id=await world.register())


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
        ("officer_id", "x"),
        ("officer_id", "\u00e6" * 64),
        ("document", document(document_number="1")),
        ("document", document(document_number="1" * 32)),
        ("document", document(document_number=" 1-" * 16 + "1" * 16)),
        ("document", document(expires_on="2199-12-31")),
    ],
)
async def test_a_field_at_its_bound_is_accepted(world: World, field_name: str, value: Any) -> None:
    request = identification(await world.register(unproved=True))
    set_field(request, field_name, value)
    await answered(world, request)


async def test_what_is_unknown_is_not_found(world: World) -> None:
    for request in (
        pb.ListEvidenceRequest(identity_id=fresh()),
        identification(fresh()),
        consent(fresh(), fresh()),
    ):
        await refused("IDENTITY_NOT_FOUND", world.send(request))
