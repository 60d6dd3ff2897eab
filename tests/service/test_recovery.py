"""A forgotten PIN, and the temporary PIN that helps to another."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from godkend.errors import Denied
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import recovery_service_pb2 as pb
from godkend.v1 import statement_pb2
from tests.service.stored import StoreReader
from tests.service.test_issuing import document, identification
from tests.service.world import ANYBODY, DAY_MS, HOUR_MS, PROFILE, SUPPORT, Login, World, refused
from tests.support.bad_input import (
    IDS_OF_16,
    PINS_WRONG,
    STATEMENTS_512,
    Otherwise,
    Rows,
    line,
    refuse_each,
    unsigned,
)
from tests.support.phones import BORN, PIN, PIN_OTHER, PIN_WRONG, Phone, fresh

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.conftest import OpensWorld

NUMBER, CASE = "+4512345678", "case 4711"
MINUTE_MS = 60_000

BAD: dict[str, Rows] = {
    "FindUserIdRequest": {
        "document": tuple(
            Otherwise(document(**{named: value}), named=f"document.{named}")
            for named, value in (
                *(("kind", 0), ("kind", 5), ("country", ""), ("country", "dk")),
                *(("document_number", ""), ("document_number", "1" * 33)),
            )
        ),
        "birth_date": ("", "2031-02-29", "31-05-04", "x"),
        "evidence_reference": line(100),
    },
    "OrderTemporaryPinRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "evidence_reference": line(100),
    },
    "ResetPinRequest": {
        "statement": STATEMENTS_512,
        "signature": unsigned(72),
        "temporary_pin": PINS_WRONG,
        "pin_new": (*PINS_WRONG, Otherwise("123456", "PIN_WEAK")),
    },
    "BlockByDeviceRequest": {"statement": STATEMENTS_512, "signature": unsigned(72)},
}


async def give_number(world: World, identity_id: bytes, number: str = NUMBER) -> None:
    details = identity_pb.ContactDetails(phone_number=number)
    await world.send(
        identity_pb.SetContactDetailsRequest(identity_id=identity_id, contact_details=details)
    )


async def reachable(world: World, user_id: str = "anna", **fields: Any) -> Phone:
    """A phone of somebody whose number is old enough."""
    phone = await world.activate(user_id, **fields)
    await give_number(world, phone.identity_id)
    world.clock.advance(5 * DAY_MS)
    return phone


def ordering(identity_id: bytes, **fields: Any) -> pb.OrderTemporaryPinRequest:
    chosen = {"request_id": fresh(), "evidence_reference": CASE, **fields}
    return pb.OrderTemporaryPinRequest(identity_id=identity_id, **chosen)


async def last_id(world: World) -> bytes:
    """The id that the event feed tells those who deliver messages."""
    issued = [event for event in await world.events() if event.kind == "temporary_pin.issued"]
    return bytes.fromhex(json.loads(issued[-1].detail)["temporary_pin_id"])


async def reveal(world: World, temporary_pin_id: bytes) -> str:
    """What the SMS would say."""
    engine = world.server.engine
    revealed = await engine.call(engine.core.reveal_temporary_pin, 0, temporary_pin_id)
    assert revealed.temporary_pin not in repr(revealed)
    pin: str = revealed.temporary_pin
    return pin


async def ordered(world: World, phone: Phone) -> str:
    """A temporary PIN, ordered by support and read off the SMS."""
    await world.send(ordering(phone.identity_id))
    return await reveal(world, await last_id(world))


def finding(**fields: Any) -> pb.FindUserIdRequest:
    chosen = {"document": document(), "birth_date": BORN, "evidence_reference": CASE, **fields}
    return pb.FindUserIdRequest(**chosen)


def resetting(world: World, phone: Phone, temporary_pin: str, pin_new: str) -> pb.ResetPinRequest:
    signed = phone.resets_pin(world.now_ms)
    return pb.ResetPinRequest(
        statement=signed.statement,
        signature=signed.signature,
        temporary_pin=temporary_pin,
        pin_new=pin_new,
    )


async def reset(world: World, phone: Phone, temporary: str, pin_new: str = PIN_OTHER) -> None:
    await world.send(resetting(world, phone, temporary, pin_new), ANYBODY)


def other_than(pin: str) -> str:
    return f"{(int(pin) + 1) % 1_000_000:06}"


async def kinds(world: World) -> list[str]:
    return [event.kind for event in await world.events()]


async def test_a_forgotten_pin_is_replaced_by_a_chosen_one(world: World) -> None:
    phone = await reachable(world)
    await reset(world, phone, await ordered(world, phone))
    _, opened = await world.opened(phone)
    await refused("PIN_WRONG", world.approve(phone, opened, PIN))
    await world.approve(phone, opened, PIN_OTHER)
    assert (await kinds(world))[-4:] == [
        "temporary_pin.issued",
        "pin.reset",
        "pin.wrong",
        "login.approved",
    ]


async def test_what_support_relied_on_is_in_the_history_and_the_digits_are_nowhere(
    world: World,
) -> None:
    phone = await reachable(world)
    response = await world.send(ordering(phone.identity_id))
    assert response.expires_at_ms == world.now_ms + HOUR_MS
    digits = await reveal(world, await last_id(world))
    await refused("TEMPORARY_PIN_WRONG", reset(world, phone, other_than(digits)))
    events = await world.events()
    (issued,) = [event for event in events if event.kind == "temporary_pin.issued"]
    assert json.loads(issued.detail)["evidence_reference"] == CASE
    assert json.loads(issued.detail)["means"] == "support"
    assert issued.actor == SUPPORT.name
    # The id is hexadecimal and may hold any six digits by chance.
    texts = [
        event.detail.replace(json.loads(issued.detail)["temporary_pin_id"], "") for event in events
    ]
    assert all(digits not in text for text in texts)
    assert digits not in str(response)


async def test_three_tries_and_no_fourth(world: World) -> None:
    phone = await reachable(world)
    digits = await ordered(world, phone)
    for left in ("2", "1", "0"):
        refusal = await refused("TEMPORARY_PIN_WRONG", reset(world, phone, other_than(digits)))
        assert refusal.metadata["attempts_left"] == left
    await refused("TEMPORARY_PIN_OVER", reset(world, phone, digits))
    assert (await kinds(world)).count("temporary_pin.wrong") == 3
    assert await world.strikes(phone) == 0


async def test_the_third_try_may_be_the_right_one(world: World) -> None:
    phone = await reachable(world)
    digits = await ordered(world, phone)
    for _ in range(2):
        await refused("TEMPORARY_PIN_WRONG", reset(world, phone, other_than(digits)))
    await reset(world, phone, digits)


async def test_many_guesses_at_once_are_three(world: World) -> None:
    phone = await reachable(world)
    digits = await ordered(world, phone)
    guesses = [f"{(int(digits) + n) % 1_000_000:06}" for n in range(1, 13)]
    outcomes = await asyncio.gather(
        *(reset(world, phone, guess) for guess in guesses), return_exceptions=True
    )
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert (await kinds(world)).count("temporary_pin.wrong") == 3
    await refused("TEMPORARY_PIN_OVER", reset(world, phone, digits))


async def test_it_is_valid_for_one_hour(world: World) -> None:
    phone = await reachable(world)
    digits = await ordered(world, phone)
    temporary_pin_id = await last_id(world)
    world.clock.advance(HOUR_MS - 1)
    await reset(world, phone, digits)
    await refused("TEMPORARY_PIN_OVER", reset(world, phone, digits, PIN))
    digits = await ordered(world, phone)
    world.clock.advance(HOUR_MS)
    await refused("TEMPORARY_PIN_OVER", reset(world, phone, digits, PIN))
    for each in (temporary_pin_id, await last_id(world), fresh()):
        with pytest.raises(Denied, match="TEMPORARY_PIN_OVER"):
            await reveal(world, each)


async def test_without_one_there_is_nothing_to_try(world: World) -> None:
    phone = await reachable(world)
    await refused("TEMPORARY_PIN_OVER", reset(world, phone, PIN_WRONG))


async def test_a_new_one_ends_the_one_before(world: World) -> None:
    phone = await reachable(world)
    first = await ordered(world, phone)
    second = await ordered(world, phone)
    await refused("TEMPORARY_PIN_WRONG", reset(world, phone, first))
    await reset(world, phone, second)


async def test_none_is_sent_to_a_number_that_changed_within_five_days(world: World) -> None:
    phone = await world.activate()
    await refused("PHONE_NUMBER_MISSING", world.send(ordering(phone.identity_id)))
    await give_number(world, phone.identity_id)
    world.clock.advance(5 * DAY_MS - 1)
    refusal = await refused("PHONE_NUMBER_TOO_NEW", world.send(ordering(phone.identity_id)))
    assert refusal.retry_ms == 1
    world.clock.advance(1)
    digits = await ordered(world, phone)
    await give_number(world, phone.identity_id, "+4587654321")
    await refused("PHONE_NUMBER_TOO_NEW", world.send(ordering(phone.identity_id)))
    # Nor does what was ordered before go to a number that somebody has just set.
    await refused("TEMPORARY_PIN_OVER", reset(world, phone, digits))
    with pytest.raises(Denied, match="TEMPORARY_PIN_OVER"):
        await reveal(world, await last_id(world))


async def test_the_request_again_sends_nothing_again(world: World) -> None:
    phone = await reachable(world)
    request = ordering(phone.identity_id)
    first = await world.send(request)
    world.clock.advance(MINUTE_MS)
    assert await world.send(request) == first
    assert (await kinds(world)).count("temporary_pin.issued") == 1
    request.evidence_reference = "another case"
    await refused("REQUEST_ID_REUSED", world.send(request))


async def test_three_a_day_and_then_one_in_eight_hours(world: World) -> None:
    anna, bo = await reachable(world, "anna"), await world.activate("bosse")
    await give_number(world, bo.identity_id)
    world.clock.advance(5 * DAY_MS)
    for _ in range(3):
        await world.send(ordering(anna.identity_id))
    refusal = await refused("BUDGET_SPENT", world.send(ordering(anna.identity_id)))
    assert refusal.retry_ms == 8 * HOUR_MS
    await world.send(ordering(bo.identity_id))
    world.clock.advance(8 * HOUR_MS - 1)
    await refused("BUDGET_SPENT", world.send(ordering(anna.identity_id)))
    world.clock.advance(1)
    await world.send(ordering(anna.identity_id))


async def test_the_overall_budget_bounds_what_a_stolen_token_can_send(
    open_world: OpensWorld,
) -> None:
    quota = {"interval_us": 1_000_000, "burst": 1}
    world = await open_world(budget={"temporary_pin_overall": quota})
    anna, bo = await reachable(world, "anna"), await reachable(world, "bosse")
    await world.send(ordering(anna.identity_id))
    refusal = await refused("BUDGET_SPENT", world.send(ordering(bo.identity_id)))
    assert refusal.retry_ms == 1_000


async def test_strikes_and_locks_stay(world: World) -> None:
    phone = await reachable(world)
    _, opened = await world.opened(phone)
    for _ in range(3):
        await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
    await reset(world, phone, await ordered(world, phone))
    assert await world.strikes(phone) == 3
    refusal = await refused("PIN_LOCKED", world.approve(phone, opened, PIN_OTHER))
    assert refusal.retry_ms == HOUR_MS
    world.clock.advance(HOUR_MS)
    _, opened = await world.opened(phone)
    await world.approve(phone, opened, PIN_OTHER)
    assert await world.strikes(phone) == 0


async def test_a_dead_pin_stays_dead_and_costs_no_try(world: World) -> None:
    phone = await reachable(world)
    for _ in range(3):
        _, opened = await world.opened(phone)
        for _ in range(3):
            await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
        world.clock.advance(DAY_MS)
    digits = await ordered(world, phone)
    await refused("PIN_DEAD", reset(world, phone, digits))
    other = await world.activate(identity_id=phone.identity_id)
    await reset(world, other, digits)


async def test_blocked_stays_blocked(world: World) -> None:
    phone = await reachable(world)
    digits = await ordered(world, phone)
    await world.block(phone.identity_id, phone.authenticator_id)
    await refused("AUTHENTICATOR_BLOCKED", reset(world, phone, digits))
    await world.block(phone.identity_id)
    await refused("IDENTITY_BLOCKED", world.send(ordering(phone.identity_id)))
    await refused("IDENTITY_NOT_FOUND", world.send(ordering(bytes(16))))


async def test_a_weak_pin_is_refused_before_a_try_is_charged(world: World) -> None:
    phone = await reachable(world, birth_date="1987-03-24")
    digits = await ordered(world, phone)
    for weak in ("111111", "123456", "240387"):
        await refused("PIN_WEAK", reset(world, phone, digits, weak))
    refusal = await refused("TEMPORARY_PIN_WRONG", reset(world, phone, other_than(digits)))
    assert refusal.metadata["attempts_left"] == "2"


async def test_a_statement_counts_once_and_while_it_is_fresh(world: World) -> None:
    phone = await reachable(world)
    digits = await ordered(world, phone)
    request = resetting(world, phone, other_than(digits), PIN_OTHER)
    await refused("TEMPORARY_PIN_WRONG", world.send(request))
    await refused("STATEMENT_REPLAYED", world.send(request))
    late = resetting(world, phone, digits, PIN_OTHER)
    world.clock.advance(2 * MINUTE_MS + 1)
    await refused("STATEMENT_EXPIRED", world.send(late))


async def test_a_statement_of_another_kind_does_not_reset(world: World) -> None:
    phone = await reachable(world)
    request = resetting(world, phone, await ordered(world, phone), PIN_OTHER)
    change = phone.changes_pin(world.now_ms)
    request.statement, request.signature = change.statement, change.signature
    await refused("SIGNATURE_INVALID", world.send(request))


async def test_signed_in_with_another_app_the_subscriber_orders_it(world: World) -> None:
    forgotten = await reachable(world)
    other = await world.activate(identity_id=forgotten.identity_id)
    assertion = await world.sign_in(other)
    request = ordering(forgotten.identity_id, evidence_reference="")
    await world.send(request, PROFILE, assertion=assertion)
    digits = await reveal(world, await last_id(world))
    # The app that they are signed in with needs none; whoever holds it may not be its owner.
    await refused("OTHER_AUTHENTICATOR_NEEDED", reset(world, other, digits))
    await reset(world, forgotten, digits)
    (issued,) = [each for each in await world.events() if each.kind == "temporary_pin.issued"]
    assert issued.authenticator_id == other.authenticator_id
    assert json.loads(issued.detail)["means"] == "signed_in"


async def test_a_session_ends_when_its_app_is_blocked(world: World) -> None:
    phone = await reachable(world)
    assertion = await world.sign_in(phone)
    request = ordering(phone.identity_id, evidence_reference="")
    await world.block(phone.identity_id, phone.authenticator_id)
    await refused("SUBSCRIBER_NOT_PROVED", world.send(request, PROFILE, assertion=assertion))


async def is_forgotten(world: World, login: Login) -> bool:
    try:
        await world.state(login)
    except grpc.aio.AioRpcError:
        return True
    return False


async def test_a_session_ends_when_its_login_is_forgotten(open_world: OpensWorld) -> None:
    world = await open_world(login={"kept_ms": 0}, engine={"sweep_interval_ms": 100})
    phone = await reachable(world)
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    assertion = await world.redeem(login)
    world.clock.advance(5 * MINUTE_MS + 1)
    await world.start()  # The login that changed last is never swept.
    for _ in range(500):
        if await is_forgotten(world, login):
            break
        await asyncio.sleep(0.02)
    request = ordering(phone.identity_id, evidence_reference="")
    await refused("SUBSCRIBER_NOT_PROVED", world.send(request, PROFILE, assertion=assertion))


async def test_self_service_gives_no_evidence_and_support_no_order_without_it(
    world: World,
) -> None:
    phone = await reachable(world)
    assertion = await world.sign_in(phone)
    call = world.send(ordering(phone.identity_id), PROFILE, assertion=assertion)
    assert (await refused("FIELD_INVALID", call)).field == "evidence_reference"
    call = world.send(ordering(phone.identity_id, evidence_reference=""))
    assert (await refused("FIELD_INVALID", call)).field == "evidence_reference"


async def prepare(world: World, name: str) -> Any:
    """A request that would be granted."""
    phone = await reachable(world)
    if name == "FindUserIdRequest":
        await world.send(identification(phone.identity_id))
        return finding()
    if name == "BlockByDeviceRequest":
        signed = phone.blocks(world.now_ms)
        return pb.BlockByDeviceRequest(statement=signed.statement, signature=signed.signature)
    if name == "ResetPinRequest":
        return resetting(world, phone, await ordered(world, phone), PIN_OTHER)
    return ordering(phone.identity_id)


@pytest.mark.parametrize(
    ("name", "field_name"),
    [(name, field_name) for name, rows in BAD.items() for field_name in rows],
)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    open_world: OpensWorld, tmp_path: Path, name: str, field_name: str
) -> None:
    world = await open_world(store="")
    with StoreReader() as reader:
        honest = await prepare(world, name)
        await refuse_each(
            world,
            honest,
            field_name,
            BAD[name][field_name],
            lambda: reader.dump(tmp_path / "data" / "godkend.db"),
        )


@pytest.mark.parametrize("field_name", ["authenticator_id", "attempt_id"])
async def test_a_malformed_field_of_the_statement_is_refused(world: World, field_name: str) -> None:
    phone = await reachable(world)
    request = resetting(world, phone, await ordered(world, phone), PIN_OTHER)
    for value in IDS_OF_16:
        statement = statement_pb2.PinResetStatement.FromString(request.statement)
        setattr(statement, field_name, value)
        signed = phone.key.signed(b"godkend pin reset v1\0", statement.SerializeToString())
        altered = pb.ResetPinRequest()
        altered.CopyFrom(request)
        altered.statement, altered.signature = signed.statement, signed.signature
        assert (await refused("FIELD_INVALID", world.send(altered))).field == "statement"
    await world.send(request)


@pytest.mark.parametrize(
    "field_name", ["authenticator_id", "attempt_id", "blocked_authenticator_id"]
)
async def test_a_malformed_field_of_a_block_is_refused(world: World, field_name: str) -> None:
    phone = await world.activate()
    honest = phone.blocks(world.now_ms).statement
    for value in (bytes(15), bytes(17)):
        statement = statement_pb2.BlockStatement.FromString(honest)
        setattr(statement, field_name, value)
        signed = phone.key.signed(b"godkend block v1\0", statement.SerializeToString())
        request = pb.BlockByDeviceRequest(statement=signed.statement, signature=signed.signature)
        assert (await refused("FIELD_INVALID", world.send(request))).field == "statement"
    assert not (await world.identity(phone.identity_id)).blocked
