"""Acting for somebody else: who may, who chooses, and what the assertion says of both."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from godkend.receipt import verify_receipt
from godkend.v1 import delegation_service_pb2 as pb
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import statement_pb2
from tests.service.delegations import ADULT, GUARDIAN, KAREN, PROXY, end, karen, record, recording
from tests.service.displays import activated, submit_code
from tests.service.world import (
    APPROVED,
    BY_BIOMETRICS,
    BY_PIN,
    DAY_MS,
    OPENED,
    PENDING,
    PORTAL,
    PROFILE,
    World,
    refused,
)
from tests.support.documents import LEASE, lease
from tests.support.phones import PIN_WRONG, Phone, fresh
from tests.support.policies import SLOW_PIN

if TYPE_CHECKING:
    from godkend.v1 import device_service_pb2 as device_pb

NO, ALLOWED, REQUIRED = login_pb.ACTING_NO, login_pb.ACTING_ALLOWED, login_pb.ACTING_REQUIRED
MIDNIGHT_MS = 1_800_486_000_000
"""When 2027-01-20 ends in Denmark, in winter."""


def claims(assertion: str) -> dict[str, Any]:
    said: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    return said


async def anna_for_karen(world: World, **fields: Any) -> tuple[Phone, bytes, bytes]:
    """Anna with a phone, Karen, and the delegation between them."""
    anna, karen_id = await world.activate(birth_date=ADULT), await karen(world)
    return anna, karen_id, await record(world, karen_id, anna.identity_id, **fields)


def first(opened: device_pb.OpenLoginResponse) -> statement_pb2.Principal:
    """The one person that there is to act for."""
    (offer,) = opened.offers
    return offer.principal


@pytest.mark.parametrize("how", [BY_PIN, BY_BIOMETRICS])
@pytest.mark.parametrize("acting", [ALLOWED, REQUIRED])
async def test_the_assertion_names_both_as_they_are_known_there(
    world: World, acting: Any, how: Any
) -> None:
    anna, karen_id, delegation_id = await anna_for_karen(world)
    own = claims(await world.sign_in(anna))
    login, opened = await world.opened(anna, acting=acting)
    assert [(it.principal.name, it.kind) for it in opened.offers] == [(KAREN, PROXY)]
    assert first(opened).delegation_id == delegation_id
    await world.approve(anna, opened, how=how, on_behalf=first(opened))
    said = claims(await world.redeem(login))
    assert said["act"] == {"sub": own["sub"]}
    assert said["sub"] != own["sub"]
    assert said["amr"][-1] == "mfa"
    karens = await world.activate("karen", identity_id=karen_id)
    assert claims(await world.sign_in(karens))["sub"] == said["sub"]


async def test_who_may_act_may_log_in_for_themself_and_then_nobody_else_is_named(
    world: World,
) -> None:
    anna, _, _ = await anna_for_karen(world)
    login, opened = await world.opened(anna, acting=ALLOWED)
    await world.approve(anna, opened)
    said = claims(await world.redeem(login))
    assert "act" not in said
    assert said["sub"] == claims(await world.sign_in(anna))["sub"]


async def test_nobody_is_offered_or_named_where_it_was_not_asked_for(world: World) -> None:
    anna, _, delegation_id = await anna_for_karen(world)
    chosen = statement_pb2.Principal(delegation_id=delegation_id, name=KAREN)
    for acting in (login_pb.ACTING_UNSPECIFIED, NO):
        _, opened = await world.opened(anna, acting=acting)
        assert (opened.acting, list(opened.offers)) == (NO, [])
        await refused("ACTING_NOT_ASKED", world.approve(anna, opened, on_behalf=chosen))
        assert await world.strikes(anna) == 0


async def test_where_it_is_required_somebody_is_chosen(world: World) -> None:
    anna, _, _ = await anna_for_karen(world)
    _, opened = await world.opened(anna, acting=REQUIRED)
    await refused("ACTING_REQUIRED", world.approve(anna, opened))
    assert await world.approve(anna, opened, on_behalf=first(opened)) == APPROVED


async def test_who_may_act_for_nobody_is_told_before_anything_is_asked(world: World) -> None:
    anna = await world.activate()
    login = await world.start(acting=REQUIRED)
    await refused("NOBODY_TO_ACT_FOR", world.open(anna, login))
    assert await world.state(login) == PENDING


async def test_rejecting_needs_no_choice(world: World) -> None:
    anna, _, _ = await anna_for_karen(world)
    login, opened = await world.opened(anna, acting=REQUIRED)
    await world.reject(anna, opened)
    assert await world.state(login) == login_pb.LOGIN_STATE_REJECTED


async def test_the_name_that_is_signed_is_the_name_that_was_shown(world: World) -> None:
    anna, _, delegation_id = await anna_for_karen(world)
    _, opened = await world.opened(anna, acting=ALLOWED)
    for name in ("", "Karen", "karen jensen"):
        other = statement_pb2.Principal(delegation_id=delegation_id, name=name)
        await refused("STATEMENT_WRONG_PRINCIPAL", world.approve(anna, opened, on_behalf=other))
    assert await world.strikes(anna) == 0


async def test_nobody_acts_by_what_was_given_to_somebody_else(world: World) -> None:
    """No chains: Bo acts for Anna, Anna for Karen, and Bo not for Karen."""
    anna, _, delegation_id = await anna_for_karen(world)
    bo = await world.activate("bosse", birth_date=ADULT)
    await record(world, anna.identity_id, bo.identity_id)
    _, opened = await world.opened(bo, acting=ALLOWED)
    assert [offer.principal.name for offer in opened.offers] == ["Anna Jensen"]
    stolen = statement_pb2.Principal(delegation_id=delegation_id, name=KAREN)
    await refused("DELEGATION_INVALID", world.approve(bo, opened, on_behalf=stolen))
    unknown = statement_pb2.Principal(delegation_id=fresh(), name=KAREN)
    await refused("DELEGATION_INVALID", world.approve(bo, opened, on_behalf=unknown))


async def test_it_holds_at_the_service_providers_that_it_names(world: World) -> None:
    anna, _, delegation_id = await anna_for_karen(world, scopes=["health", "bank"])
    login = await world.start(acting=REQUIRED)
    await refused("NOBODY_TO_ACT_FOR", world.open(anna, login))
    _, opened = await world.opened(anna, acting=ALLOWED)
    chosen = statement_pb2.Principal(delegation_id=delegation_id, name=KAREN)
    await refused("DELEGATION_INVALID", world.approve(anna, opened, on_behalf=chosen))
    login, opened = await world.opened(anna, service_provider="health", acting=REQUIRED)
    await world.approve(anna, opened, on_behalf=first(opened))
    assert claims(await world.redeem(login))["act"]


async def test_everywhere_is_everywhere(world: World) -> None:
    anna, _, _ = await anna_for_karen(world, scopes=["*"])
    for service_provider in ("tax", "health"):
        await world.opened(anna, service_provider=service_provider, acting=REQUIRED)


async def test_it_begins_and_ends_at_midnight_in_denmark(world: World) -> None:
    anna, _, _ = await anna_for_karen(world, starts_on="2027-01-17")
    starts_ms = MIDNIGHT_MS - 4 * DAY_MS
    for at_ms, holds in (
        (starts_ms - 1, False),
        (starts_ms, True),
        (MIDNIGHT_MS - 1, True),
        (MIDNIGHT_MS, False),
    ):
        world.clock.advance(at_ms - world.now_ms)
        _, opened = await world.opened(anna, acting=ALLOWED)
        assert len(opened.offers) == int(holds), at_ms


async def test_what_ends_between_opening_and_redeeming_stops_the_login(world: World) -> None:
    anna, karen_id, delegation_id = await anna_for_karen(world)
    _, shown = await world.opened(anna, acting=ALLOWED)
    approved, opened = await world.opened(anna, acting=ALLOWED)
    await world.approve(anna, opened, on_behalf=first(opened))
    await end(world, karen_id, delegation_id)
    await refused("DELEGATION_INVALID", world.approve(anna, shown, on_behalf=first(shown)))
    await refused("DELEGATION_INVALID", world.redeem(approved))
    assert await world.state(approved) == APPROVED


async def test_what_ends_while_the_pin_is_looked_at_stops_the_approval(open_world: Any) -> None:
    world = await open_world(pin=SLOW_PIN)
    anna, karen_id, delegation_id = await anna_for_karen(world)
    login, opened = await world.opened(anna, acting=ALLOWED)
    approving = asyncio.create_task(world.approve(anna, opened, on_behalf=first(opened)))
    while await world.strikes(anna) == 0:
        pass
    await end(world, karen_id, delegation_id)
    await refused("DELEGATION_INVALID", approving)
    assert await world.state(login) == OPENED
    assert await world.strikes(anna) == 0, "the PIN was right"


async def test_its_last_day_may_end_while_a_login_waits_to_be_redeemed(world: World) -> None:
    anna, _, _ = await anna_for_karen(world)
    world.clock.advance(MIDNIGHT_MS - 1 - world.now_ms)
    login, opened = await world.opened(anna, acting=ALLOWED)
    await world.approve(anna, opened, on_behalf=first(opened))
    world.clock.advance(1)
    await refused("DELEGATION_INVALID", world.redeem(login))


async def test_nobody_acts_for_who_is_blocked(world: World) -> None:
    anna, karen_id, _ = await anna_for_karen(world)
    login, opened = await world.opened(anna, acting=ALLOWED)
    chosen = first(opened)
    await world.approve(anna, opened, on_behalf=chosen)
    await world.block(karen_id)
    await refused("DELEGATION_INVALID", world.redeem(login))
    _, opened = await world.opened(anna, acting=ALLOWED)
    assert list(opened.offers) == []
    await refused("DELEGATION_INVALID", world.approve(anna, opened, on_behalf=chosen))
    await world.unblock(karen_id)
    assert claims(await world.redeem(login))["act"]


async def test_a_wrong_pin_chooses_nobody(world: World) -> None:
    """The choice that counts is the one beside the right PIN."""
    anna, _, _ = await anna_for_karen(world)
    login, opened = await world.opened(anna, acting=ALLOWED)
    wrong = world.approve(anna, opened, PIN_WRONG, on_behalf=first(opened))
    await refused("PIN_WRONG", wrong)
    await world.approve(anna, opened)
    assert "act" not in claims(await world.redeem(login))


async def test_who_acts_at_a_self_service_site_gets_no_hold_of_the_identity_itself(
    world: World,
) -> None:
    anna, karen_id, _ = await anna_for_karen(world)
    login, opened = await world.opened(anna, acting=ALLOWED)
    await world.approve(anna, opened, on_behalf=first(opened))
    assertion = await world.redeem(login)
    for identity_id in (karen_id, anna.identity_id):
        request = identity_pb.SetContactDetailsRequest(identity_id=identity_id)
        await refused("SUBSCRIBER_NOT_PROVED", world.send(request, PROFILE, assertion=assertion))


async def test_only_an_app_acts_for_somebody_who_must_be_chosen(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna", acting=REQUIRED)
    code = holder.code(world)
    await refused("APP_REQUIRED", submit_code(world, login, code))
    assert await submit_code(world, await world.start("anna", acting=ALLOWED), code) == OPENED


async def test_a_signature_for_somebody_else_says_so_in_its_receipt(world: World) -> None:
    anna, _, _ = await anna_for_karen(world)
    login, opened = await world.opened(anna, acting=REQUIRED, document=lease())
    await world.approve(anna, opened, on_behalf=first(opened))
    request = login_pb.RedeemLoginRequest(login_id=login.login_id, verifier=login.verifier)
    response = await world.send(request, PORTAL)
    receipt = verify_receipt(response.receipt, await world.jwks(), LEASE)
    assert receipt.statement.on_behalf.name == KAREN
    assert receipt.login["act"]["sub"] != receipt.login["sub"]


async def test_both_learn_of_it_and_whom_one_acted_for_learns_of_that(world: World) -> None:
    anna, karen_id, delegation_id = await anna_for_karen(world)
    _, opened = await world.opened(anna, acting=ALLOWED)
    await world.approve(anna, opened, on_behalf=first(opened))
    await end(world, anna.identity_id, delegation_id)
    told = [
        (event.kind, event.identity_id, json.loads(event.detail).get("role"))
        for event in await world.events()
        if event.kind.startswith("delegation") or event.kind == "login.on_behalf"
    ]
    assert told == [
        ("delegation.recorded", karen_id, "principal"),
        ("delegation.recorded", anna.identity_id, "agent"),
        ("login.on_behalf", karen_id, None),
        ("delegation.ended", karen_id, "principal"),
        ("delegation.ended", anna.identity_id, "agent"),
    ]
    said = "".join(event.detail for event in await world.events())
    assert KAREN not in said
    assert "letter" not in said


# Recording and ending


@pytest.mark.parametrize(
    ("born", "kind", "ends_on", "reason"),
    [
        ("2009-01-15", PROXY, "2027-01-20", None),
        ("2009-01-16", PROXY, "2027-01-20", "DELEGATION_NOT_ALLOWED"),
        ("", PROXY, "2027-01-20", "DELEGATION_NOT_ALLOWED"),
        ("", GUARDIAN, "2027-01-20", None),
        ("2015-06-01", GUARDIAN, "2033-05-31", None),
        ("2015-06-01", GUARDIAN, "2033-06-01", "FIELD_INVALID"),
    ],
)
async def test_a_proxy_is_given_by_an_adult_and_a_guardian_acts_for_a_minor_till_18(
    world: World, born: str, kind: Any, ends_on: str, reason: str | None
) -> None:
    anna, person = await world.register(birth_date=ADULT), await karen(world, birth_date=born)
    call = world.send(recording(person, anna, kind=kind, ends_on=ends_on))
    if reason is None:
        await call
        return
    refusal = await refused(reason, call)
    assert reason != "FIELD_INVALID" or refusal.field == "ends_on"


@pytest.mark.parametrize("born", ["", "2009-01-16"])
async def test_who_acts_is_known_to_be_an_adult(world: World, born: str) -> None:
    anna, person = await world.register(birth_date=born), await karen(world)
    await refused("DELEGATION_NOT_ALLOWED", world.send(recording(person, anna)))


async def test_neither_is_blocked_or_low_or_the_other(world: World) -> None:
    anna, person = await world.register(birth_date=ADULT), await karen(world)
    low = await world.register("lowly", birth_date=ADULT, level=login_pb.ASSURANCE_LEVEL_LOW)
    unproved = await world.register("unproved", birth_date=ADULT, unproved=True)
    work = await world.register("works", birth_date=ADULT, organisation_number="24256790")
    for principal_id, agent_id in (
        *((person, person), (person, low), (person, unproved), (person, work), (work, anna)),
    ):
        call = world.send(recording(principal_id, agent_id))
        await refused("DELEGATION_NOT_ALLOWED", call)
    for blocked in (anna, person):
        await world.block(blocked)
        await refused("DELEGATION_NOT_ALLOWED", world.send(recording(person, anna)))
        await world.unblock(blocked)
    await world.send(recording(person, anna))


async def test_repeating_changes_nothing_and_other_contents_are_refused(world: World) -> None:
    anna, person = await world.register(birth_date=ADULT), await karen(world)
    request = recording(person, anna)
    one = (await world.send(request)).delegation_id
    await end(world, anna, one)
    assert (await world.send(request)).delegation_id == one
    assert await listed(world, anna) == [], "it stays ended"
    request.grounds = "another"
    await refused("REQUEST_ID_REUSED", world.send(request))


async def listed(world: World, identity_id: bytes, **how: Any) -> list[pb.Delegation]:
    response = await world.send(pb.ListDelegationsRequest(identity_id=identity_id), **how)
    return list(response.delegations)


async def test_both_see_it_until_it_is_over(world: World) -> None:
    anna, karen_id, delegation_id = await anna_for_karen(world)
    for identity_id in (anna.identity_id, karen_id):
        (shown,) = await listed(world, identity_id)
        assert shown.delegation_id == delegation_id
        assert (shown.principal_name, shown.agent_name) == (KAREN, "Anna Jensen")
        assert list(shown.scopes) == ["tax"]
    world.clock.advance(MIDNIGHT_MS - 1 - world.now_ms)
    assert len(await listed(world, karen_id)) == 1
    world.clock.advance(1)
    assert await listed(world, karen_id) == []


async def test_a_signed_in_subscriber_sees_and_ends_their_own_and_nobody_elses(
    world: World,
) -> None:
    anna, karen_id, delegation_id = await anna_for_karen(world)
    bo = await world.activate("bosse", birth_date=ADULT)
    others = await record(world, karen_id, bo.identity_id)
    how = {"by": PROFILE, "assertion": await world.sign_in(anna)}
    assert len(await listed(world, anna.identity_id, **how)) == 1
    await refused("SUBSCRIBER_NOT_PROVED", listed(world, karen_id, **how))
    await refused("DELEGATION_NOT_FOUND", end(world, anna.identity_id, others, **how))
    for _ in range(2):
        await end(world, anna.identity_id, delegation_id, **how)
    assert await listed(world, anna.identity_id, **how) == []
    assert len(await listed(world, karen_id)) == 1


async def test_there_are_as_many_as_one_may_have_and_what_is_over_makes_room(
    open_world: Any,
) -> None:
    world = await open_world(delegation={"open_max": 2})
    anna, person = await world.register(birth_date=ADULT), await karen(world)
    one = await record(world, person, anna)
    await record(world, person, anna)
    await refused("DELEGATIONS_TOO_MANY", world.send(recording(person, anna)))
    bo = await world.register("bosse", birth_date=ADULT)
    await refused("DELEGATIONS_TOO_MANY", world.send(recording(person, bo)))
    await record(world, anna, bo)
    await end(world, person, one)
    await record(world, person, bo)


@pytest.mark.parametrize(("days", "holds"), [(6_575, True), (6_576, False)])
async def test_it_lasts_so_many_days_and_no_more(world: World, days: int, holds: bool) -> None:
    anna, person = await world.register(birth_date=ADULT), await karen(world)
    starts_on, ends_on = "2027-02-01", "2045-01-31" if days == 6_575 else "2045-02-01"
    call = world.send(recording(person, anna, starts_on=starts_on, ends_on=ends_on))
    if holds:
        await call
    else:
        assert (await refused("FIELD_INVALID", call)).field == "ends_on"
