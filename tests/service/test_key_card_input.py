"""Malformed fields of key cards, one at a time.

What a table says is told in `tests.support.bad_input`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from godkend.v1 import key_card_service_pb2 as pb
from tests.service.displays import PASSWORD
from tests.service.key_cards import (
    activated,
    activating,
    card,
    losing,
    number_of,
    ordering,
    printing,
    sent,
    summer,
)
from tests.service.stored import StoreReader
from tests.service.test_display_bad_input import CODES, PASSWORDS, TYPED, WEAK
from tests.service.world import PORTAL, PROFILE, refused
from tests.support.bad_input import IDS_OF_16, Otherwise, Rows, refuse_each
from tests.support.phones import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld
    from tests.service.world import World

FORBIDDEN = "SERVICE_PROVIDER_FORBIDDEN"
_MOVING = "MoveFromNemIdRequest"
BAD: dict[str, Rows] = {
    "ListWaysInRequest": {"service_provider": tuple(Otherwise(it, FORBIDDEN) for it in ("", "x"))},
    "GetKeyNumberRequest": {"login_id": IDS_OF_16, "user_id": TYPED},
    "SubmitKeyRequest": {"login_id": IDS_OF_16, "user_id": TYPED, "one_time_code": CODES},
    "OrderKeyCardRequest": {"request_id": IDS_OF_16, "identity_id": IDS_OF_16},
    "ListKeyCardsRequest": {"identity_id": IDS_OF_16},
    "ListOrderedKeyCardsRequest": {"after_card_id": (bytes(15), bytes(17))},
    "PrintKeyCardRequest": {"request_id": IDS_OF_16, "card_id": IDS_OF_16},
    "ActivateKeyCardRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "card_id": IDS_OF_16,
        "one_time_code": CODES,
        "password": (*PASSWORDS, *WEAK),
    },
    "ReportKeyCardLostRequest": {"identity_id": IDS_OF_16, "card_id": IDS_OF_16},
    _MOVING: {"request_id": IDS_OF_16, "identity_id": IDS_OF_16},
}
# Whose service provider is none of the caller's, or who is not signed in, has a test of their own.
REFUSED_BY_NAME = [
    (name, field_name)
    for name, rows in BAD.items()
    for field_name in rows
    if name not in {"ListWaysInRequest", _MOVING}
]


async def prepared(world: World, name: str) -> Message:
    """A request that would be granted."""
    identity_id = await world.register("anna")
    if name == "OrderKeyCardRequest":
        return ordering(identity_id)
    if name == "PrintKeyCardRequest":
        return printing((await world.send(ordering(identity_id))).card_id)
    if name == "ListOrderedKeyCardsRequest":
        card_id = (await world.send(ordering(identity_id))).card_id
        return pb.ListOrderedKeyCardsRequest(after_card_id=card_id)
    if name == "ActivateKeyCardRequest":
        holder = await sent(world, identity_id)
        number = (await card(world, identity_id, holder.card_id)).activation_number
        return activating(identity_id, holder.card_id, holder.codes[number], PASSWORD)
    holder = await activated(world, identity_id=identity_id)
    if name == "ListKeyCardsRequest":
        return pb.ListKeyCardsRequest(identity_id=identity_id)
    if name == "ReportKeyCardLostRequest":
        return losing(identity_id, holder.card_id)
    login = await world.start("anna")
    if name == "GetKeyNumberRequest":
        return pb.GetKeyNumberRequest(login_id=login.login_id, user_id="anna")
    code = holder.codes[await number_of(world, login)]
    return pb.SubmitKeyRequest(login_id=login.login_id, user_id="anna", one_time_code=code)


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


@pytest.mark.parametrize(("name", "field_name"), REFUSED_BY_NAME)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    open_world: OpensWorld, tmp_path: Path, reader: StoreReader, name: str, field_name: str
) -> None:
    world = await summer(open_world, store="")
    honest = await prepared(world, name)
    store = tmp_path / "data" / "godkend.db"
    bad = BAD[name][field_name]
    await refuse_each(world, honest, field_name, bad, lambda: reader.dump(store))


@pytest.mark.parametrize("service_provider", ["", "x"])
async def test_the_ways_in_elsewhere_are_not_told(
    open_world: OpensWorld, service_provider: str
) -> None:
    world = await summer(open_world)
    request = pb.ListWaysInRequest(service_provider=service_provider)
    await refused(FORBIDDEN, world.send(request, PORTAL))


@pytest.mark.parametrize(
    ("field_name", "bad"), [(name, bad) for name, rows in BAD[_MOVING].items() for bad in rows]
)
async def test_who_moves_over_says_who_they_are(
    open_world: OpensWorld, field_name: str, bad: bytes
) -> None:
    world = await summer(open_world)
    phone = await world.activate()
    assertion = await world.sign_in(phone)
    fields = {"request_id": fresh(), "identity_id": phone.identity_id, field_name: bad}
    call = world.send(pb.MoveFromNemIdRequest(**fields), PROFILE, assertion=assertion)
    assert (await refused("FIELD_INVALID", call)).field == field_name
