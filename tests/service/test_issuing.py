"""At a desk: who somebody is, how old, and who speaks for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import issuing_service_pb2 as pb
from godkend.v1 import login_service_pb2 as login_pb
from tests.service.world import AUDITOR, DAY_MS, HOUR_MS, REGISTRAR, SUPPORT, World, refused
from tests.support.phones import BORN, fresh

LOW = login_pb.ASSURANCE_LEVEL_LOW
SUBSTANTIAL = login_pb.ASSURANCE_LEVEL_SUBSTANTIAL
HIGH = login_pb.ASSURANCE_LEVEL_HIGH

NUMBER = "212345678"
TO_MIDNIGHT_MS = 54_000_000
"""From where the tests' clock begins, 9:00 on 2027-01-15 in Copenhagen, to the next day there."""


def document(**fields: Any) -> pb.Document:
    """A passport that is good for years."""
    chosen = {
        "kind": pb.DOCUMENT_KIND_PASSPORT,
        "country": "DNK",
        "document_number": NUMBER,
        "expires_on": "2031-05-04",
        **fields,
    }
    return pb.Document(**chosen)


def identification(identity_id: bytes, **fields: Any) -> pb.RecordIdentificationRequest:
    """An officer has seen a passport and asked the register's questions."""
    chosen = {
        "request_id": fresh(),
        "identity_id": identity_id,
        "officer_id": "officer 7",
        "document": document(),
        "birth_date": BORN,
        "method": pb.IDENTIFICATION_METHOD_REGISTER_QUESTIONS,
        **fields,
    }
    return pb.RecordIdentificationRequest(**chosen)


def witnessed(
    identity_id: bytes, witness_id: bytes, **fields: Any
) -> pb.RecordIdentificationRequest:
    """A witness has spoken for somebody."""
    how = {"method": pb.IDENTIFICATION_METHOD_WITNESS, "witness_id": witness_id}
    return identification(identity_id, **how, **fields)


def consent(identity_id: bytes, parent_id: bytes, **fields: Any) -> pb.RecordConsentRequest:
    """A parent has consented."""
    chosen = {
        "request_id": fresh(),
        "identity_id": identity_id,
        "parent_id": parent_id,
        "officer_id": "officer 7",
        **fields,
    }
    return pb.RecordConsentRequest(**chosen)


async def kinds(world: World) -> list[str]:
    """What happened, in order."""
    return [event.kind for event in await world.events()]


# Evidence


async def test_a_desk_identifies_a_subscriber_and_then_hands_over_a_code(world: World) -> None:
    identity_id = await world.register(unproved=True)
    identity = await world.identity(identity_id)
    assert (identity.level, identity.proved_since_ms) == (LOW, 0)
    await refused("IDENTITY_NOT_PROVED", world.issue(identity_id))
    world.clock.advance(1)
    await world.send(identification(identity_id))
    identity = await world.identity(identity_id)
    assert (identity.level, identity.proved_since_ms) == (SUBSTANTIAL, world.now_ms)
    phone = await world.activate(identity_id=identity_id)
    assert await world.sign_in(phone)


async def test_a_registrar_that_vouches_needs_no_desk(world: World) -> None:
    identity_id = await world.register()
    assert (await world.identity(identity_id)).proved_since_ms == world.now_ms
    assert await world.issue(identity_id)


async def test_the_evidence_says_who_saw_what_and_no_number(world: World) -> None:
    identity_id = await world.register(unproved=True)
    made = await world.send(identification(identity_id))
    expected = pb.Evidence(
        evidence_id=made.evidence_id,
        recorded_by=REGISTRAR.name,
        officer_id="officer 7",
        document_kind=pb.DOCUMENT_KIND_PASSPORT,
        document_country="DNK",
        document_expires_on="2031-05-04",
        method=pb.IDENTIFICATION_METHOD_REGISTER_QUESTIONS,
        level=SUBSTANTIAL,
        recorded_at_ms=world.now_ms,
    )
    for by in (REGISTRAR, AUDITOR):
        listed = await world.send(pb.ListEvidenceRequest(identity_id=identity_id), by)
        assert list(listed.evidence) == [expected]
    (event,) = [each for each in await world.events() if each.kind == "identity.identified"]
    assert json.loads(event.detail) == {
        "officer_id": "officer 7",
        "method": "register_questions",
        "level": "Substantial",
    }
    assert NUMBER not in "".join(map(str, world.log_lines()))


async def test_evidence_is_listed_in_the_order_of_its_recording(world: World) -> None:
    identity_id = await world.register(unproved=True)
    for number in range(5):
        await world.send(identification(identity_id, officer_id=f"officer {number}"))
        world.clock.advance(1)
    listed = await world.send(pb.ListEvidenceRequest(identity_id=identity_id))
    assert [each.officer_id for each in listed.evidence] == [f"officer {n}" for n in range(5)]


async def test_evidence_raises_a_level_and_never_lowers_one(world: World) -> None:
    for user_id, level, after in (("anna", LOW, SUBSTANTIAL), ("bosse", HIGH, HIGH)):
        identity_id = await world.register(user_id, level=level)
        since_ms = (await world.identity(identity_id)).proved_since_ms
        world.clock.advance(1)
        await world.send(identification(identity_id))
        identity = await world.identity(identity_id)
        assert (identity.level, identity.proved_since_ms) == (after, since_ms)


async def test_a_blocked_subscriber_is_identified_before_the_desk_unblocks(world: World) -> None:
    identity_id = await world.register(unproved=True)
    await world.block(identity_id)
    await world.send(identification(identity_id))
    await refused("IDENTITY_BLOCKED", world.issue(identity_id))
    await world.unblock(identity_id)
    assert await world.issue(identity_id)


async def test_a_document_is_good_to_the_end_of_its_last_day_in_copenhagen(world: World) -> None:
    identity_id = await world.register(unproved=True)
    last_day = document(expires_on="2027-01-15")
    world.clock.advance(TO_MIDNIGHT_MS)
    await refused("DOCUMENT_EXPIRED", world.send(identification(identity_id, document=last_day)))
    assert (await world.identity(identity_id)).proved_since_ms == 0
    world.clock.advance(-1)
    await world.send(identification(identity_id, document=last_day))


async def test_the_birth_date_of_the_document_is_the_one_on_record(world: World) -> None:
    identity_id = await world.register(unproved=True)
    other = identification(identity_id, birth_date="1990-05-18")
    await refused("BIRTH_DATE_DIFFERS", world.send(other))
    await world.send(identification(identity_id))


async def test_a_birth_date_that_was_not_known_is_learned_from_the_document(world: World) -> None:
    identity_id = await world.register(unproved=True, birth_date="")
    await world.send(identification(identity_id))
    other = identification(identity_id, birth_date="1990-05-18")
    await refused("BIRTH_DATE_DIFFERS", world.send(other))
    assert await world.issue(identity_id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("officer_id", "officer 8"),
        ("document", document(document_number="212345679")),
        ("document", document(country="SWE")),
        ("document", document(expires_on="2031-05-05")),
        ("document", document(kind=pb.DOCUMENT_KIND_IDENTITY_CARD)),
        ("birth_date", "1990-05-18"),
        ("identity_id", b""),
    ],
)
async def test_a_repeated_identification_is_one_and_another_needs_its_own_request_id(
    world: World, field: str, value: Any
) -> None:
    identity_id = await world.register(unproved=True)
    request = identification(identity_id)
    made = await world.send(request)
    world.clock.advance(10 * 365 * DAY_MS)
    assert await world.send(request) == made
    assert (await kinds(world)).count("identity.identified") == 1
    fields = {"request_id": request.request_id, field: value or await world.register("bosse")}
    again = identification(**{"identity_id": identity_id, **fields})
    await refused("REQUEST_ID_REUSED", world.send(again))


async def test_registering_again_finds_the_identity_that_a_desk_has_identified_since(
    world: World,
) -> None:
    request = identity_pb.CreateIdentityRequest(
        request_id=fresh(), user_id="anna", name="Anna", unproved=True
    )
    made = await world.send(request)
    await world.send(identification(made.identity_id))
    assert await world.send(request) == made
    request.unproved = False
    await refused("REQUEST_ID_REUSED", world.send(request))


# Ages


async def test_a_birthday_begins_at_midnight_in_copenhagen(world: World) -> None:
    identity_id = await world.register(birth_date="2012-01-16")
    world.clock.advance(TO_MIDNIGHT_MS - 1)
    await refused("CONSENT_REQUIRED", world.issue(identity_id))
    world.clock.advance(1)
    assert await world.issue(identity_id)


async def test_a_clock_an_hour_off_moves_a_birthday_by_that_hour_and_no_more(
    world: World,
) -> None:
    identity_id = await world.register(birth_date="2012-01-16")
    world.clock.advance(TO_MIDNIGHT_MS - HOUR_MS - 1)
    await refused("CONSENT_REQUIRED", world.issue(identity_id))
    world.clock.advance(HOUR_MS)
    await refused("CONSENT_REQUIRED", world.issue(identity_id))
    world.clock.advance(HOUR_MS)
    assert await world.issue(identity_id)
    # Set back behind midnight, what was handed over goes on; what is asked for anew waits again.
    world.clock.advance(-HOUR_MS)
    await refused("CONSENT_REQUIRED", world.issue(identity_id))


async def test_who_was_born_on_a_leap_day_is_fifteen_on_the_first_of_march(world: World) -> None:
    identity_id = await world.register(birth_date="2012-02-29")
    to_march_ms = TO_MIDNIGHT_MS + (16 + 28 - 1) * DAY_MS  # 16 days of January are left.
    world.clock.advance(to_march_ms)
    await refused("CONSENT_REQUIRED", world.issue(identity_id))
    world.clock.advance(DAY_MS - 1)
    await refused("CONSENT_REQUIRED", world.issue(identity_id))
    world.clock.advance(1)
    assert await world.issue(identity_id)


async def test_under_thirteen_nothing_helps_and_nothing_is_kept(world: World) -> None:
    parent_id = await world.register("parent")
    vouched = await world.register("child", birth_date="2014-01-16")
    at_desk = await world.register("other", birth_date="2014-01-16", unproved=True)
    request = identification(at_desk, birth_date="2014-01-16")
    for _ in range(2):
        await refused("AGE_TOO_LOW", world.issue(vouched))
        await refused("AGE_TOO_LOW", world.send(consent(vouched, parent_id)))
        await refused("AGE_TOO_LOW", world.send(request))
        world.clock.advance((TO_MIDNIGHT_MS - 1) // 2)
    assert not {"identity.identified", "consent.recorded"} & set(await kinds(world))
    world.clock.advance(TO_MIDNIGHT_MS)
    await world.send(request)
    await world.send(consent(vouched, parent_id))
    assert await world.issue(vouched)


async def test_at_thirteen_a_parent_consents(world: World) -> None:
    parent_id = await world.register("parent")
    identity_id = await world.register("child", birth_date="2014-01-15", unproved=True)
    await refused("IDENTITY_NOT_PROVED", world.issue(identity_id))
    await world.send(identification(identity_id, birth_date="2014-01-15"))
    await refused("CONSENT_REQUIRED", world.issue(identity_id))
    request = consent(identity_id, parent_id)
    made = await world.send(request)
    world.clock.advance(1_000)
    assert await world.send(request) == made
    assert (await kinds(world)).count("consent.recorded") == 1
    listed = await world.send(pb.ListEvidenceRequest(identity_id=identity_id), AUDITOR)
    assert list(listed.consents) == [
        pb.Consent(
            consent_id=made.consent_id,
            parent_id=parent_id,
            recorded_by=REGISTRAR.name,
            officer_id="officer 7",
            recorded_at_ms=world.now_ms - 1_000,
        )
    ]
    assert await world.activate(identity_id=identity_id, user_id="child")
    request.officer_id = "officer 8"
    await refused("REQUEST_ID_REUSED", world.send(request))


async def test_from_fifteen_on_no_consent_is_taken(world: World) -> None:
    parent_id = await world.register("parent")
    identity_id = await world.register("child", birth_date="2012-01-15")
    await refused("CONSENT_NOT_NEEDED", world.send(consent(identity_id, parent_id)))


async def test_a_parent_is_an_adult_with_an_identity_of_their_own(world: World) -> None:
    child = await world.register("child", birth_date="2013-01-01")
    blocked = await world.register("blocked")
    await world.block(blocked)
    for parent_id in (
        child,
        fresh(),
        blocked,
        await world.register("young", birth_date="2009-01-16"),
        await world.register("unknown", birth_date=""),
        await world.register("unproved", unproved=True),
        await world.register("doubtful", level=LOW),
    ):
        await refused("PARENT_NOT_ALLOWED", world.send(consent(child, parent_id)))
    await refused("CONSENT_REQUIRED", world.issue(child))
    adult = await world.register("adult", birth_date="2009-01-15")
    await world.send(consent(child, adult))
    assert await world.issue(child)


async def test_a_consent_for_a_blocked_child_waits_until_it_is_unblocked(world: World) -> None:
    child = await world.register("child", birth_date="2013-01-01")
    await world.block(child)
    await refused("IDENTITY_BLOCKED", world.send(consent(child, await world.register("parent"))))


async def test_without_a_birth_date_a_registrar_answers_at_substantial_or_above(
    world: World,
) -> None:
    assert await world.issue(await world.register("anna", birth_date=""))
    doubtful = await world.register("bosse", birth_date="", level=LOW)
    await refused("AGE_UNKNOWN", world.issue(doubtful))
    parent_id = await world.register("parent")
    await refused("AGE_UNKNOWN", world.send(consent(doubtful, parent_id)))


# Witnesses


async def test_a_witness_speaks_for_somebody(world: World) -> None:
    witness_id = await world.register("witness")
    world.clock.advance(10 * DAY_MS)
    identity_id = await world.register(unproved=True)
    await world.send(witnessed(identity_id, witness_id))
    (evidence,) = (await world.send(pb.ListEvidenceRequest(identity_id=identity_id))).evidence
    assert (evidence.witness_id, evidence.level) == (witness_id, SUBSTANTIAL)
    assert await world.issue(identity_id)


async def test_a_witness_has_been_known_for_ten_days(world: World) -> None:
    vouched = await world.register("vouched")
    at_desk = await world.register("at desk", unproved=True)
    world.clock.advance(DAY_MS)
    await world.send(identification(at_desk))
    identity_id = await world.register(unproved=True)
    world.clock.advance(9 * DAY_MS - 1)
    refusal = await refused("WITNESS_TOO_NEW", world.send(witnessed(identity_id, vouched)))
    assert refusal.retry_ms == 1
    world.clock.advance(1)
    await world.send(witnessed(identity_id, vouched))
    refusal = await refused("WITNESS_TOO_NEW", world.send(witnessed(identity_id, at_desk)))
    assert refusal.retry_ms == DAY_MS
    world.clock.advance(DAY_MS)
    await world.send(witnessed(identity_id, at_desk))


async def test_a_witness_speaks_three_times_in_a_moving_window(world: World) -> None:
    witness_id = await world.register("witness")
    world.clock.advance(10 * DAY_MS)
    people = [await world.register(f"person {number}", unproved=True) for number in range(5)]
    for number in range(3):
        await world.send(witnessed(people[number], witness_id))
        world.clock.advance(30 * DAY_MS)
    refusal = await refused("WITNESS_TOO_OFTEN", world.send(witnessed(people[3], witness_id)))
    assert refusal.retry_ms == 30 * DAY_MS
    assert (await world.identity(people[3])).proved_since_ms == 0
    world.clock.advance(30 * DAY_MS - 1)
    refusal = await refused("WITNESS_TOO_OFTEN", world.send(witnessed(people[3], witness_id)))
    assert refusal.retry_ms == 1
    world.clock.advance(1)
    await world.send(witnessed(people[3], witness_id))
    # The window has moved on by one: the next place is free when the second is forgotten.
    refusal = await refused("WITNESS_TOO_OFTEN", world.send(witnessed(people[4], witness_id)))
    assert refusal.retry_ms == 30 * DAY_MS


async def test_a_desk_asks_before_the_appointment_whether_a_witness_will_do(world: World) -> None:
    witness_id = await world.register("witness")
    asked = pb.CheckWitnessRequest(witness_id=witness_id)
    refusal = await refused("WITNESS_TOO_NEW", world.send(asked))
    assert refusal.retry_ms == 10 * DAY_MS
    world.clock.advance(10 * DAY_MS)
    for left in (3, 2, 1):
        assert (await world.send(asked)).statements_left == left
        person = await world.register(f"person {left}", unproved=True)
        await world.send(witnessed(person, witness_id))
    await refused("WITNESS_TOO_OFTEN", world.send(asked))
    await refused("WITNESS_NOT_ALLOWED", world.send(pb.CheckWitnessRequest(witness_id=fresh())))


async def test_a_repeat_is_no_further_statement(world: World) -> None:
    witness_id = await world.register("witness")
    world.clock.advance(10 * DAY_MS)
    request = witnessed(await world.register(unproved=True), witness_id)
    for _ in range(5):
        await world.send(request)
    for number in range(2):
        person = await world.register(f"person {number}", unproved=True)
        await world.send(witnessed(person, witness_id))


async def test_neither_the_person_nor_the_blocked_nor_the_unproved_nor_a_child_is_a_witness(
    world: World,
) -> None:
    identity_id = await world.register("person", unproved=True)
    blocked = await world.register("blocked")
    unproved = await world.register("unproved", unproved=True)
    doubtful = await world.register("doubtful", level=LOW)
    young = await world.register("young", birth_date="2009-01-26")
    unknown = await world.register("unknown", birth_date="")
    await world.block(blocked)
    world.clock.advance(10 * DAY_MS)
    for witness_id in (identity_id, fresh(), blocked, unproved, doubtful):
        request = witnessed(identity_id, witness_id)
        await refused("WITNESS_NOT_ALLOWED", world.send(request))
    for witness_id in (young, unknown):
        await refused("WITNESS_TOO_YOUNG", world.send(witnessed(identity_id, witness_id)))
    world.clock.advance(TO_MIDNIGHT_MS)
    await world.send(witnessed(identity_id, young))


# Roles


async def test_support_neither_identifies_nor_reads_evidence(world: World) -> None:
    identity_id = await world.register(unproved=True)
    for request in (
        identification(identity_id),
        consent(identity_id, fresh()),
        pb.CheckWitnessRequest(witness_id=identity_id),
        pb.ListEvidenceRequest(identity_id=identity_id),
    ):
        await refused("ROLE_FORBIDDEN", world.send(request, SUPPORT))
