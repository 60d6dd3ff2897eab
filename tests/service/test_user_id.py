"""A forgotten user ID, and the other ways back that rest on a document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.service.test_issuing import document, identification
from tests.service.test_recovery import (
    CASE,
    finding,
    kinds,
)
from tests.service.world import SUPPORT, World, refused

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld


async def proved(world: World, user_id: str = "anna", number: str = "212345678") -> bytes:
    """Somebody whose document a desk has recorded."""
    identity_id = await world.register(user_id, unproved=True)
    await world.send(identification(identity_id, document=document(document_number=number)))
    return identity_id


async def test_support_finds_a_user_id_by_document_and_birth_date(world: World) -> None:
    identity_id = await proved(world, "Anna-1974")
    assert (await world.send(finding())).user_id == "Anna-1974"
    event = (await world.events())[-1]
    assert (event.kind, event.identity_id, event.actor) == (
        "user_id.found",
        identity_id,
        SUPPORT.name,
    )
    assert json.loads(event.detail) == {"means": "support", "evidence_reference": CASE}


async def test_whoever_is_not_found_for_sure_is_not_found(world: World) -> None:
    await proved(world, "anna")
    # Nobody, another birth date, another kind of document; and one document of two identities.
    for request in (
        finding(document=document(document_number="999")),
        finding(birth_date="1999-01-01"),
        finding(document=document(kind=2)),
        finding(document=document(country="SWE")),
    ):
        await refused("USER_ID_NOT_FOUND", world.send(request))
    await proved(world, "anna-again")
    await refused("USER_ID_NOT_FOUND", world.send(finding()))
    assert "user_id.found" not in await kinds(world)


async def test_a_blocked_identity_stays_blocked(world: World) -> None:
    await world.block(await proved(world))
    await refused("IDENTITY_BLOCKED", world.send(finding()))


async def test_looking_is_charged_whether_it_finds_or_not(open_world: OpensWorld) -> None:
    world = await open_world(budget={"user_id_client": {"interval_us": 10_000_000, "burst": 2}})
    await proved(world)
    await refused("USER_ID_NOT_FOUND", world.send(finding(birth_date="1999-01-01")))
    await world.send(finding())
    refusal = await refused("BUDGET_SPENT", world.send(finding()))
    assert refusal.retry_ms == 10_000
    world.clock.advance(10_000)
    await world.send(finding())


async def test_the_overall_budget_bounds_all_who_look(open_world: OpensWorld) -> None:
    world = await open_world(budget={"user_id_overall": {"interval_us": 1_000_000, "burst": 1}})
    await proved(world)
    await world.send(finding())
    await refused("BUDGET_SPENT", world.send(finding()))
