"""Passports: what a chip proves, whom it belongs to, and the ways back that it opens."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from godkend.service.app import StartError
from godkend.statements import DeviceKey
from godkend.v1 import issuing_service_pb2 as issuing_pb
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import passport_service_pb2 as pb
from tests.service.stored import StoreReader
from tests.service.test_issuing import document, identification
from tests.service.test_recovery import give_number
from tests.service.world import DAY_MS, HOUR_MS, World, refused
from tests.support.passports import Chip, State, Zone
from tests.support.phones import PIN, Phone, fresh

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.conftest import OpensWorld

HIGH = login_pb.ASSURANCE_LEVEL_HIGH
ANNA = Zone()
"""Anna Jensen, born as `World.register` says."""


@pytest.fixture(scope="module")
def denmark() -> State:
    """A state that is believed."""
    return State.found()


@pytest.fixture
def anchors(tmp_path: Path, denmark: State) -> Path:
    """Where an operator keeps the certificates of states."""
    folder = tmp_path / "csca"
    folder.mkdir()
    (folder / "denmark.pem").write_text(denmark.authority.pem)
    return folder


@pytest.fixture
async def world(open_world: OpensWorld, anchors: Path) -> World:
    """A server that believes one state."""
    return await open_world(trust_anchors=anchors)


def reading(chip: Chip, **checks: Any) -> pb.PassportReading:
    """What an app read, and all that has to be vouched for."""
    chosen = {
        "chip_check": pb.CHIP_CHECK_CHIP_AUTHENTICATION,
        "face_matched": True,
        "register_valid": True,
        "evidence_reference": "case 7",
        **checks,
    }
    return pb.PassportReading(
        security_object=chip.security_object,
        data_group_1=chip.data_group_1,
        checks=pb.PassportChecks(**chosen),
    )


def verifying(identity_id: bytes, chip: Chip, **fields: Any) -> pb.VerifyPassportRequest:
    chosen = {"request_id": fresh(), "identity_id": identity_id, "reading": reading(chip)}
    return pb.VerifyPassportRequest(**{**chosen, **fields})


def new_phone(chip: Chip, **fields: Any) -> pb.RecoverAppRequest:
    return pb.RecoverAppRequest(**{"request_id": fresh(), "reading": reading(chip), **fields})


def forgotten(chip: Chip) -> pb.RecoverUserIdRequest:
    return pb.RecoverUserIdRequest(reading=reading(chip))


def no_pin(chip: Chip, **fields: Any) -> pb.RecoverPinRequest:
    return pb.RecoverPinRequest(**{"request_id": fresh(), "reading": reading(chip), **fields})


async def with_passport(world: World, chip: Chip, user_id: str = "anna") -> Phone:
    """A phone of somebody who was proved by a passport."""
    identity_id = await world.register(user_id, unproved=True)
    await world.send(verifying(identity_id, chip))
    return await world.activate(user_id, identity_id=identity_id)


async def evidence_of(world: World, identity_id: bytes) -> list[issuing_pb.Evidence]:
    shown = await world.send(issuing_pb.ListEvidenceRequest(identity_id=identity_id))
    return list(shown.evidence)


# Issuing


async def test_a_passport_proves_who_somebody_is(world: World, denmark: State) -> None:
    identity_id = await world.register(unproved=True)
    await refused("IDENTITY_NOT_PROVED", world.issue(identity_id))
    made = await world.send(verifying(identity_id, denmark.issue()))
    (evidence,) = await evidence_of(world, identity_id)
    assert evidence == issuing_pb.Evidence(
        evidence_id=made.evidence_id,
        recorded_by="registrar",
        document_kind=issuing_pb.DOCUMENT_KIND_PASSPORT,
        document_country="DNK",
        document_expires_on="2033-01-01",
        method=issuing_pb.IDENTIFICATION_METHOD_CHIP,
        level=HIGH,
        recorded_at_ms=world.now_ms,
        evidence_reference="case 7",
    )
    assert (await world.identity(identity_id)).level == HIGH
    await world.issue(identity_id)


async def test_the_birth_date_is_taken_from_the_passport(world: World, denmark: State) -> None:
    identity_id = await world.register(unproved=True, birth_date="")
    await world.send(verifying(identity_id, denmark.issue()))
    await world.issue(identity_id)


async def test_repeating_gives_the_same_evidence_and_other_contents_are_refused(
    world: World, denmark: State
) -> None:
    identity_id = await world.register(unproved=True)
    request = verifying(identity_id, denmark.issue())
    first = await world.send(request)
    assert await world.send(request) == first
    assert len(await evidence_of(world, identity_id)) == 1
    request.reading.checks.evidence_reference = "case 8"
    await refused("REQUEST_ID_REUSED", world.send(request))
    kinds = [event.kind for event in await world.events()]
    assert kinds.count("identity.identified") == 1


@pytest.mark.parametrize(
    "checks",
    [
        {"chip_check": pb.CHIP_CHECK_UNSPECIFIED},
        {"face_matched": False},
        {"register_valid": False},
    ],
)
async def test_what_nobody_vouches_for_refuses(
    world: World, denmark: State, checks: dict[str, Any]
) -> None:
    identity_id = await world.register(unproved=True)
    request = verifying(identity_id, denmark.issue(), reading=reading(denmark.issue(), **checks))
    await refused("PASSPORT_CHECKS_MISSING", world.send(request))
    await refused("IDENTITY_NOT_PROVED", world.issue(identity_id))


@pytest.mark.parametrize(
    "zone",
    [
        replace(ANNA, given="ANNE"),
        replace(ANNA, surname="JENSEN HANSEN"),
        replace(ANNA, birth="900518"),
    ],
)
async def test_another_persons_passport_proves_nobody(
    world: World, denmark: State, zone: Zone
) -> None:
    identity_id = await world.register(unproved=True)
    await refused("PASSPORT_NOT_MATCHED", world.send(verifying(identity_id, denmark.issue(zone))))
    assert await evidence_of(world, identity_id) == []


async def test_a_passport_proves_one_identity_and_no_second_one(
    world: World, denmark: State
) -> None:
    first, second = await world.register(unproved=True), await world.register("anna2")
    await world.send(verifying(first, denmark.issue()))
    await refused("PASSPORT_NOT_MATCHED", world.send(verifying(second, denmark.issue())))
    await world.send(verifying(first, denmark.issue()))


async def test_two_verifications_at_once_prove_one_identity(world: World, denmark: State) -> None:
    ids = [await world.register(f"anna{n}", unproved=True) for n in range(8)]
    calls = (world.send(verifying(identity_id, denmark.issue())) for identity_id in ids)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert sum([len(await evidence_of(world, identity_id)) for identity_id in ids]) == 1


async def test_a_passport_expires_at_the_end_of_its_last_day(world: World, denmark: State) -> None:
    identity_id = await world.register(unproved=True)
    last = replace(ANNA, expiry="270115")
    await world.send(verifying(identity_id, denmark.issue(last)))
    world.clock.advance(DAY_MS)
    await refused("DOCUMENT_EXPIRED", world.send(verifying(identity_id, denmark.issue(last))))


async def test_a_child_has_no_identity_by_passport(world: World, denmark: State) -> None:
    identity_id = await world.register(unproved=True, birth_date="2014-01-16")
    child = replace(ANNA, birth="140116")
    await refused("AGE_TOO_LOW", world.send(verifying(identity_id, denmark.issue(child))))
    identity_id = await world.register("freja", unproved=True, birth_date="2013-01-15")
    await world.send(verifying(identity_id, denmark.issue(replace(ANNA, birth="130115"))))
    await refused("CONSENT_REQUIRED", world.issue(identity_id))


async def test_only_what_is_configured_is_accepted(
    open_world: OpensWorld, anchors: Path, denmark: State
) -> None:
    sweden, germany = State.found("SE"), State.found("DE")
    for name, state in (("sweden", sweden), ("germany", germany)):
        (anchors / f"{name}.pem").write_text(state.authority.pem)
    swedish, card = replace(ANNA, state="SWE"), replace(ANNA, code="ID", state="D")
    world = await open_world(trust_anchors=anchors)
    identity_id = await world.register(unproved=True)
    for refused_one in (
        sweden.issue(swedish),
        sweden.issue(ANNA),
        germany.issue(replace(ANNA, state="D")),
        denmark.issue(replace(ANNA, code="ID")),
        denmark.issue(replace(ANNA, nationality="XXA")),
    ):
        await refused("PASSPORT_NOT_ACCEPTED", world.send(verifying(identity_id, refused_one)))
    await world.send(verifying(identity_id, germany.issue(card)))
    accepted = {"documents": [{"state": "SWE", "signer": "SE", "kind": "passport"}]}
    other = await open_world(trust_anchors=anchors, passport=accepted)
    identity_id = await other.register(unproved=True)
    await other.send(verifying(identity_id, sweden.issue(swedish)))
    await refused("PASSPORT_NOT_ACCEPTED", other.send(verifying(identity_id, denmark.issue())))


async def test_nobody_is_identified_who_is_not_there_or_is_blocked(
    world: World, denmark: State
) -> None:
    await refused("IDENTITY_NOT_FOUND", world.send(verifying(fresh(), denmark.issue())))
    identity_id = await world.register(unproved=True)
    await world.block(identity_id)
    await refused("IDENTITY_BLOCKED", world.send(verifying(identity_id, denmark.issue())))


async def test_a_further_passport_is_recorded_signed_in_alone(world: World, denmark: State) -> None:
    phone = await with_passport(world, denmark.issue())
    renewed = denmark.issue(replace(ANNA, number="312345678"))
    request = verifying(phone.identity_id, renewed)
    await refused("SUBSCRIBER_NOT_PROVED", world.send(request))
    await refused("PASSPORT_NOT_MATCHED", world.send(new_phone(renewed)))
    bo = await world.activate("bosse", name="Bo")
    for shown in ("x", await world.sign_in(bo)):
        await refused("SUBSCRIBER_NOT_PROVED", world.send(request, assertion=shown))
    await world.send(request, assertion=await world.sign_in(phone))
    assert (await world.send(new_phone(renewed))).activation_code
    assert (await world.send(new_phone(denmark.issue()))).activation_code


async def test_a_first_passport_of_somebody_vouched_for_is_recorded_signed_in_alone(
    world: World, denmark: State
) -> None:
    phone = await world.activate()
    request = verifying(phone.identity_id, denmark.issue())
    await refused("SUBSCRIBER_NOT_PROVED", world.send(request))
    await world.send(request, assertion=await world.sign_in(phone))
    assert (await world.identity(phone.identity_id)).level == HIGH


async def test_nobody_is_signed_in_any_more_whose_phone_was_blocked_since(
    world: World, denmark: State
) -> None:
    phone = await world.activate()
    assertion = await world.sign_in(phone)
    await world.block(phone.identity_id, phone.authenticator_id)
    request = verifying(phone.identity_id, denmark.issue())
    await refused("SUBSCRIBER_NOT_PROVED", world.send(request, assertion=assertion))


# The chip


async def test_a_chip_that_is_not_genuine_is_refused_by_its_reason(
    world: World, denmark: State
) -> None:
    identity_id = await world.register(unproved=True)
    chip = denmark.issue()
    forged = Chip(replace(ANNA, number="212345679"), chip.security_object)
    for reason, one in {
        "PASSPORT_NOT_GENUINE": forged,
        "PASSPORT_SIGNER_UNKNOWN": State.found("NO").issue(),
        "PASSPORT_ALGORITHM_REFUSED": denmark.issue(digest="sha1"),
    }.items():
        await refused(reason, world.send(verifying(identity_id, one)))
    cut = Chip(ANNA, chip.security_object[:-1])
    refusal = await refused("FIELD_INVALID", world.send(verifying(identity_id, cut)))
    assert refusal.field == "security_object"
    assert await evidence_of(world, identity_id) == []


async def test_without_trust_anchors_the_route_is_closed(
    open_world: OpensWorld, denmark: State
) -> None:
    world = await open_world()
    identity_id = await world.register(unproved=True)
    for request in (
        verifying(identity_id, denmark.issue()),
        forgotten(denmark.issue()),
        new_phone(denmark.issue()),
        no_pin(denmark.issue()),
    ):
        await refused("PASSPORT_ROUTE_CLOSED", world.send(request))


async def test_a_server_does_not_start_with_trust_anchors_that_it_cannot_read(
    open_world: OpensWorld, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for path, said in (
        (tmp_path / "nowhere.pem", "No such file"),
        (tmp_path / "empty", "holds no certificate"),
        (damaged, "number 1 is not"),
    ):
        with pytest.raises(StartError, match=rf"passport\.trust_anchors .*{said}"):
            await open_world(trust_anchors=path)


async def test_each_verification_is_charged_to_the_caller_and_comes_back(
    open_world: OpensWorld, anchors: Path, denmark: State
) -> None:
    quota = {"interval_us": 60_000_000, "burst": 2}
    world = await open_world(trust_anchors=anchors, budget={"passport_client": quota})
    forged = Chip(replace(ANNA, number="212345679"), denmark.issue().security_object)
    for _ in range(2):
        await refused("PASSPORT_NOT_GENUINE", world.send(forgotten(forged)))
    refusal = await refused("BUDGET_SPENT", world.send(forgotten(forged)))
    assert refusal.retry_ms == 60_000
    world.clock.advance(60_000)
    await refused("PASSPORT_NOT_GENUINE", world.send(forgotten(forged)))


async def test_there_is_a_budget_for_all(
    open_world: OpensWorld, anchors: Path, denmark: State
) -> None:
    quota = {"interval_us": 60_000_000, "burst": 1}
    world = await open_world(trust_anchors=anchors, budget={"passport_overall": quota})
    await refused("PASSPORT_NOT_MATCHED", world.send(forgotten(denmark.issue())))
    await refused("BUDGET_SPENT", world.send(forgotten(denmark.issue())))


# Ways back


async def test_a_lost_phone_is_replaced_by_the_passport_on_record(
    world: World, denmark: State
) -> None:
    identity_id = await world.register(unproved=True)
    await world.send(verifying(identity_id, denmark.issue()))
    request = new_phone(denmark.issue())
    issued = await world.send(request)
    assert issued.expires_at_ms == world.now_ms + DAY_MS
    assert await world.send(request) == issued
    phone = await world.activate(identity_id=identity_id, code=issued.activation_code)
    assert await world.strikes(phone) == 0
    accepted = [event for event in await world.events() if event.kind == "passport.accepted"]
    assert json.loads(accepted[0].detail) == {"for": "app"}
    assert accepted[0].identity_id == identity_id


async def test_a_new_phone_is_enrolled_at_high_by_passport_and_vouched_key(
    world: World, denmark: State
) -> None:
    identity_id = await world.register(unproved=True)
    await world.send(verifying(identity_id, denmark.issue()))
    key, other = DeviceKey.generate(), DeviceKey.generate()
    for vouched, level in ((key, HIGH), (other, login_pb.ASSURANCE_LEVEL_SUBSTANTIAL)):
        request = new_phone(denmark.issue(), attested_key=vouched.fingerprint())
        code = (await world.send(request)).activation_code
        begun = await world.begin("anna", code, key)
        authenticator_id = await world.finish(key, begun)
        phone = Phone(key, identity_id, authenticator_id, PIN)
        assert (await world.authenticator(phone)).enrolled_level == level


async def test_a_forgotten_pin_is_helped_to_the_number_on_record(
    world: World, denmark: State
) -> None:
    phone = await with_passport(world, denmark.issue())
    await refused("PHONE_NUMBER_MISSING", world.send(no_pin(denmark.issue())))
    await give_number(world, phone.identity_id)
    refusal = await refused("PHONE_NUMBER_TOO_NEW", world.send(no_pin(denmark.issue())))
    assert refusal.retry_ms == 5 * DAY_MS
    world.clock.advance(5 * DAY_MS)
    request = no_pin(denmark.issue())
    sent = await world.send(request)
    assert sent.expires_at_ms == world.now_ms + HOUR_MS
    assert await world.send(request) == sent
    issued = [event for event in await world.events() if event.kind == "temporary_pin.issued"]
    assert len(issued) == 1
    assert json.loads(issued[0].detail)["means"] == "passport"


async def test_the_document_that_a_desk_saw_opens_the_same_way(
    world: World, denmark: State
) -> None:
    identity_id = await world.register(unproved=True)
    seen = document(document_number=ANNA.number)
    await world.send(identification(identity_id, document=seen))
    assert (await world.send(new_phone(denmark.issue()))).activation_code


async def test_name_and_birth_date_tell_a_user_id_and_open_no_phone(
    world: World, denmark: State
) -> None:
    await world.register("annaj")
    assert (await world.send(forgotten(denmark.issue()))).user_id == "annaj"
    for request in (new_phone(denmark.issue()), no_pin(denmark.issue())):
        await refused("PASSPORT_NOT_MATCHED", world.send(request))


async def test_two_of_a_name_and_a_birth_date_are_nobody(world: World, denmark: State) -> None:
    first = await world.register("annaj", unproved=True)
    await world.register("anna2", name="Jensen Anna")
    await refused("PASSPORT_NOT_MATCHED", world.send(forgotten(denmark.issue())))
    await world.send(verifying(first, denmark.issue()))
    assert (await world.send(forgotten(denmark.issue()))).user_id == "annaj"


async def test_the_document_on_record_is_found_under_a_new_name(
    world: World, denmark: State
) -> None:
    identity_id = await world.register(unproved=True)
    await world.send(verifying(identity_id, denmark.issue()))
    married = denmark.issue(replace(ANNA, surname="HOLM"))
    assert (await world.send(forgotten(married))).user_id == "anna"
    younger = denmark.issue(replace(ANNA, birth="910517"))
    await refused("PASSPORT_NOT_MATCHED", world.send(forgotten(younger)))


async def test_a_document_that_desks_saw_of_two_is_nobodys(world: World, denmark: State) -> None:
    for user_id in ("anna", "anna2"):
        identity_id = await world.register(user_id, unproved=True)
        seen = document(document_number=ANNA.number)
        await world.send(identification(identity_id, document=seen))
    chip = denmark.issue()
    for request in (forgotten(chip), new_phone(chip), no_pin(chip)):
        await refused("PASSPORT_NOT_MATCHED", world.send(request))


async def test_unknown_ambiguous_and_another_birth_date_are_one_answer(
    world: World, denmark: State
) -> None:
    unknown = await refused("PASSPORT_NOT_MATCHED", world.send(forgotten(denmark.issue())))
    await world.register("annaj")
    await world.register("anna2")
    several = await refused("PASSPORT_NOT_MATCHED", world.send(forgotten(denmark.issue())))
    assert several == unknown


async def test_whoever_is_blocked_goes_to_a_desk(world: World, denmark: State) -> None:
    identity_id = await world.register(unproved=True)
    await world.send(verifying(identity_id, denmark.issue()))
    await world.block(identity_id)
    chip = denmark.issue()
    for request in (forgotten(chip), new_phone(chip), no_pin(chip)):
        await refused("IDENTITY_BLOCKED", world.send(request))


async def test_no_code_goes_to_a_profile_page(world: World, denmark: State) -> None:
    identity_id = await world.register(unproved=True)
    await world.send(verifying(identity_id, denmark.issue()))
    await refused("ACTIVATION_CHANNEL_FORBIDDEN", world.send(new_phone(denmark.issue(), channel=3)))


async def test_of_a_passport_neither_number_nor_name_nor_birth_date_is_kept(
    open_world: OpensWorld, anchors: Path, tmp_path: Path, denmark: State
) -> None:
    world = await open_world(trust_anchors=anchors, store="", log_level="debug")
    identity_id = await world.register(unproved=True)
    before = len(await world.events())
    chip = denmark.issue(replace(ANNA, optional="1705901234"))
    await world.send(verifying(identity_id, chip))
    await world.send(new_phone(chip))
    await world.send(forgotten(chip))
    said = "".join(event.detail for event in (await world.events())[before:])
    with StoreReader() as reader:
        stored = "\n".join(reader.dump(tmp_path / "data" / "godkend.db"))
    logged = world.log.getvalue().decode()
    for personal in (ANNA.number, "1705901234", "JENSEN", "900517", ANNA.text):
        for place in (said, stored, logged):
            assert personal not in place
    assert "1990-05-17" not in said + logged
