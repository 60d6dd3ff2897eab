"""Business identities: people who act for an organisation, at business services alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.service.displays import activated, submit_code, submit_password
from tests.service.world import APPROVED, CHAMBER, OPENED, PENDING, PORTAL, World, refused
from tests.support.phones import Phone, fresh

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld

CVR = "24256790"
TRADE, LEISURE = "trade", "leisure"
"""A business service, and one that is none, of one front-end."""


async def at_work(world: World, user_id: str = "anna") -> Phone:
    """A phone of somebody at work, whose birth date and CPR number nobody knows."""
    return await world.activate(user_id, organisation_number=CVR)


def claims(assertion: str) -> dict[str, Any]:
    said: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    return said


async def test_a_business_identity_logs_in_at_a_business_service_and_says_for_whom(
    world: World,
) -> None:
    anna = await at_work(world)
    said = claims(await world.sign_in(anna, CHAMBER, service_provider=TRADE))
    assert said["org"] == {"cvr": CVR}
    assert (await world.identity(anna.identity_id)).organisation_number == CVR


@pytest.mark.parametrize(("by", "where"), [(CHAMBER, LEISURE), (PORTAL, "tax")])
async def test_it_logs_in_nowhere_else_and_is_told_before_anything_is_asked(
    world: World, by: Any, where: str
) -> None:
    anna = await at_work(world)
    login = await world.start(by=by, service_provider=where)
    await refused("BUSINESS_SERVICES_ONLY", world.open(anna, login))
    assert await world.state(login, by) == PENDING


async def test_a_display_opens_no_private_service_to_a_business_identity(world: World) -> None:
    holder = await activated(world, organisation_number=CVR)
    login = await world.start("anna")
    await refused("BUSINESS_SERVICES_ONLY", submit_code(world, login, holder.code(world)))
    world.clock.advance(30_000)
    login = await world.start("anna", CHAMBER, service_provider=TRADE)
    assert await submit_code(world, login, holder.code(world), by=CHAMBER) == OPENED
    assert await submit_password(world, login, by=CHAMBER) == APPROVED
    assert claims(await world.redeem(login, CHAMBER))["org"] == {"cvr": CVR}


async def test_a_private_identity_is_what_it_was(world: World) -> None:
    anna = await world.activate()
    for by, where in ((PORTAL, "tax"), (CHAMBER, TRADE), (CHAMBER, LEISURE)):
        said = claims(await world.sign_in(anna, by, service_provider=where))
        assert "org" not in said
    assert (await world.identity(anna.identity_id)).organisation_number == ""


async def test_a_person_has_one_private_identity_and_one_at_work(world: World) -> None:
    private, work = await world.activate("anna"), await at_work(world, "anna at work")
    subjects = {
        claims(await world.sign_in(phone, CHAMBER, service_provider=TRADE))["sub"]
        for phone in (private, work)
    }
    assert len(subjects) == 2


async def test_the_same_request_makes_the_same_organisations_identity(world: World) -> None:
    request = {"request_id": fresh(), "organisation_number": CVR}
    first = await world.register(**request)
    assert await world.register(**request) == first
    request["organisation_number"] = "22756214"
    await refused("REQUEST_ID_REUSED", world.register(**request))


async def test_what_a_business_service_is_says_the_configuration_alone(
    open_world: OpensWorld,
) -> None:
    """Local clients, which serve everybody, offer no business service."""
    world = await open_world(local_clients=True)
    login = await world.start(service_provider=TRADE)
    await refused("BUSINESS_SERVICES_ONLY", world.open(await at_work(world), login))
