"""From an activation code to an activated phone."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from godkend.statements import ACTIVATION_DOMAIN, DeviceKey, activation_statement
from godkend.v1 import device_service_pb2 as pb
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import statement_pb2
from tests.service.world import APPROVED, DAY_MS, World, begin_request, refused
from tests.support.phones import ALGORITHMS, ED25519, PIN, PIN_OTHER, Phone, fresh

ACTIVATION_LIFE_MS = 600_000
WRONG_CODE = "ABCD2345"


def key_and(code: str, wrong: str) -> str:
    """A code whose name is right and whose proof is `wrong`, five characters."""
    tried = code[:3] + wrong
    assert tried != code
    return tried


async def registered(world: World, **fields: Any) -> tuple[bytes, str]:
    """An identity and its code."""
    identity_id = await world.register("anna", **fields)
    return identity_id, (await world.issue(identity_id)).activation_code


async def works(world: World, user_id: str, code: str) -> bool:
    """Whether a phone can be activated with this code."""
    key = DeviceKey.generate()
    return len(await world.finish(key, await world.begin(user_id, code, key))) == 16


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_code_makes_a_phone_an_authenticator(world: World, algorithm: Any) -> None:
    phone = await world.activate(algorithm=algorithm, biometrics_on=False)
    (found,) = (await world.identity(phone.identity_id)).authenticators
    assert found == identity_pb.Authenticator(
        authenticator_id=phone.authenticator_id,
        device_name="Anna's phone",
        state=identity_pb.AUTHENTICATOR_STATE_ACTIVE,
        biometrics_on=False,
        notifications_on=True,
        enrolled_level=login_pb.ASSURANCE_LEVEL_SUBSTANTIAL,
        activated_at_ms=world.now_ms,
    )
    login, opened = await world.opened(phone)
    assert await world.approve(phone, opened) == APPROVED
    assert await world.redeem(login)


async def test_a_bare_point_is_as_good_as_its_subject_public_key_info(world: World) -> None:
    _, code = await registered(world)
    key = DeviceKey(ec.generate_private_key(ec.SECP256R1()))
    info = serialization.load_der_public_key(key.public_key)
    point = info.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert len(point) == 65
    key.public_key = point
    assert await world.finish(key, await world.begin("anna", code, key))


@pytest.mark.parametrize("user_id", ["anna", "ANNA", "\uff21nna"])
@pytest.mark.parametrize("typed", ["{}", "{l}", "{a}-{b}", " {a} {b} ", "-{l}-"])
async def test_neither_case_nor_spaces_nor_hyphens_matter(
    world: World, user_id: str, typed: str
) -> None:
    _, code = await registered(world)
    text = typed.format(code, l=code.lower(), a=code[:4], b=code[4:])
    assert await works(world, user_id, text)


# The code's tries


async def test_after_four_tries_that_name_a_code_it_still_works(world: World) -> None:
    _, code = await registered(world)
    for wrong in ("22222", "33333", "44444", "55555"):
        await refused(
            "ACTIVATION_CODE_WRONG", world.begin("anna", key_and(code, wrong), DeviceKey.generate())
        )
    assert await works(world, "anna", code)


async def test_after_five_tries_that_name_a_code_it_never_works_again(world: World) -> None:
    identity_id, code = await registered(world)
    for wrong in ("22222", "33333", "44444", "55555", "66666"):
        await refused(
            "ACTIVATION_CODE_WRONG", world.begin("anna", key_and(code, wrong), DeviceKey.generate())
        )
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", code, DeviceKey.generate()))
    kinds = [event.kind for event in await world.events()]
    assert kinds.count("activation.refused") == 5
    assert await works(world, "anna", (await world.issue(identity_id)).activation_code)


async def test_a_try_that_names_another_code_costs_this_one_nothing(world: World) -> None:
    _, code = await registered(world)
    other_name = "222" if code[:3] != "222" else "333"
    for _ in range(15):
        tried = other_name + code[3:]
        await refused("ACTIVATION_CODE_WRONG", world.begin("anna", tried, DeviceKey.generate()))
    assert await works(world, "anna", code)


async def test_a_code_fits_its_own_user_id_only(world: World) -> None:
    _, code = await registered(world)
    await world.register("bosse")
    for user_id in ("bosse", "nobody"):
        await refused("ACTIVATION_CODE_WRONG", world.begin(user_id, code, DeviceKey.generate()))
    assert await works(world, "anna", code)


# The code's time


@pytest.mark.parametrize(
    ("channel", "days"),
    [
        (identity_pb.ACTIVATION_CHANNEL_UNSPECIFIED, 1),
        (identity_pb.ACTIVATION_CHANNEL_SMS, 1),
        (identity_pb.ACTIVATION_CHANNEL_PAPER, 14),
    ],
)
async def test_a_code_is_good_to_the_last_millisecond_of_its_channels_time(
    world: World, channel: int, days: int
) -> None:
    identity_id = await world.register()
    issued = await world.issue(identity_id, channel=channel)
    assert issued.expires_at_ms == world.now_ms + days * DAY_MS
    world.clock.advance(days * DAY_MS - 1)
    key, late = DeviceKey.generate(), DeviceKey.generate()
    begun = await world.begin("anna", issued.activation_code, key)
    world.clock.advance(1)
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", issued.activation_code, late))
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, begun))
    world.clock.advance(-1)
    assert await world.finish(key, begun)


async def test_an_activation_is_good_to_the_last_of_its_ten_minutes(world: World) -> None:
    _, code = await registered(world)
    key = DeviceKey.generate()
    begun = await world.begin("anna", code, key)
    assert begun.expires_at_ms == world.now_ms + ACTIVATION_LIFE_MS
    world.clock.advance(ACTIVATION_LIFE_MS)
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, begun))
    world.clock.advance(-1)
    assert await world.finish(key, begun)


async def test_after_an_activation_that_took_too_long_the_code_works_again(world: World) -> None:
    _, code = await registered(world)
    await world.begin("anna", code, DeviceKey.generate())
    world.clock.advance(ACTIVATION_LIFE_MS)
    assert await works(world, "anna", code)


# Newer codes, other phones


async def test_a_newer_code_takes_the_place_of_an_older_one(world: World) -> None:
    identity_id, old = await registered(world)
    key = DeviceKey.generate()
    under_way = await world.begin("anna", old, key)
    new = (await world.issue(identity_id)).activation_code
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", old, DeviceKey.generate()))
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, under_way))
    assert await works(world, "anna", new)


async def test_a_code_makes_one_phone_an_authenticator(world: World) -> None:
    identity_id, code = await registered(world)
    assert await works(world, "anna", code)
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", code, DeviceKey.generate()))
    assert len((await world.identity(identity_id)).authenticators) == 1


async def test_a_phone_that_gives_the_code_later_takes_the_place_of_an_earlier_one(
    world: World,
) -> None:
    _, code = await registered(world)
    first, second = DeviceKey.generate(), DeviceKey.generate(ED25519)
    earlier = await world.begin("anna", code, first)
    later = await world.begin("anna", code, second)
    await refused("ACTIVATION_NOT_FOUND", world.finish(first, earlier))
    assert await world.finish(second, later)


# The PIN


@pytest.mark.parametrize(
    ("pin", "birth_date"),
    [
        ("111111", ""),
        ("123456", ""),
        ("654321", ""),
        ("890123", ""),
        ("121212", ""),
        ("123123", ""),
        ("112233", ""),
        ("123321", ""),
        ("102030", ""),
        ("280274", "1974-02-28"),
        ("022874", "1974-02-28"),
        ("740228", "1974-02-28"),
        ("742802", "1974-02-28"),
        ("281974", "1974-02-28"),
        ("197402", "1974-02-28"),
    ],
)
async def test_a_weak_pin_is_refused_and_a_better_one_still_activates(
    world: World, pin: str, birth_date: str
) -> None:
    _, code = await registered(world, birth_date=birth_date)
    key = DeviceKey.generate()
    begun = await world.begin("anna", code, key)
    for _ in range(2):
        refusal = await refused("PIN_WEAK", world.finish(key, begun, pin))
        assert refusal.field == "pin"
        assert pin not in refusal.message
    assert await world.finish(key, begun, PIN)


async def test_somebody_elses_birthday_is_no_weak_pin(world: World) -> None:
    _, code = await registered(world, birth_date="1980-01-31")
    key = DeviceKey.generate()
    assert await world.finish(key, await world.begin("anna", code, key), "280274")


async def test_a_new_pin_may_not_be_the_birth_date_either(world: World) -> None:
    phone = await world.activate(birth_date="1974-02-28")
    await refused("PIN_WEAK", world.change_pin(phone, PIN, "280274"))
    await world.change_pin(phone, PIN, PIN_OTHER)


# Repeats


async def test_a_repeated_begin_gives_the_same_activation(world: World) -> None:
    _, code = await registered(world)
    key = DeviceKey.generate()
    request = begin_request("anna", code, key)
    begun = await world.send(request)
    world.clock.advance(1_000)
    assert await world.send(request) == begun
    assert await world.finish(key, begun)


async def test_the_same_begin_with_another_key_is_another_activation(world: World) -> None:
    _, code = await registered(world)
    key, other = DeviceKey.generate(), DeviceKey.generate()
    request_id = fresh()
    begun = await world.begin("anna", code, key, request_id=request_id)
    again = await world.begin("anna", code, other, request_id=request_id)
    assert again.activation_id != begun.activation_id
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, begun))


async def test_the_same_begin_with_another_device_name_is_another_activation(
    world: World,
) -> None:
    identity_id, code = await registered(world)
    key, request_id = DeviceKey.generate(), fresh()
    begun = await world.begin("anna", code, key, request_id=request_id)
    again = await world.begin("anna", code, key, request_id=request_id, device_name="Tablet")
    assert again.activation_id != begun.activation_id
    assert await world.finish(key, again)
    (found,) = (await world.identity(identity_id)).authenticators
    assert found.device_name == "Tablet"


async def test_a_repeated_finish_gives_the_same_phone_and_another_one_changes_no_pin(
    world: World,
) -> None:
    identity_id, code = await registered(world)
    key = DeviceKey.generate()
    begun = await world.begin("anna", code, key)
    signed = activation_statement(key, begun)
    request = pb.FinishActivationRequest(
        statement=signed.statement, signature=signed.signature, pin=PIN
    )
    made = await world.send(request)
    world.clock.advance(ACTIVATION_LIFE_MS)
    assert await world.send(request) == made
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, begun, PIN_OTHER))
    assert len((await world.identity(identity_id)).authenticators) == 1
    phone = Phone(key, identity_id, made.authenticator_id)
    _, opened = await world.opened(phone)
    await refused("PIN_WRONG", world.approve(phone, opened, PIN_OTHER))
    assert await world.approve(phone, opened, PIN) == APPROVED


# Blocks


async def test_a_blocked_identity_gets_no_code_and_no_phone(world: World) -> None:
    identity_id, code = await registered(world)
    key = DeviceKey.generate()
    begun = await world.begin("anna", code, key)
    await world.block(identity_id)
    await refused("IDENTITY_BLOCKED", world.issue(identity_id))
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", code, DeviceKey.generate()))
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, begun))
    # What was begun may be in the wrong hands: an unblocking does not bring it back.
    await world.unblock(identity_id)
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, begun))
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", code, DeviceKey.generate()))


# The statement


async def test_a_phone_proves_the_key_that_it_announced(world: World) -> None:
    _, code = await registered(world)
    key, other = DeviceKey.generate(), DeviceKey.generate()
    begun = await world.begin("anna", code, key)
    honest = activation_statement(key, begun)

    def request(statement: bytes, signature: bytes) -> pb.FinishActivationRequest:
        return pb.FinishActivationRequest(statement=statement, signature=signature, pin=PIN)

    stolen = other.sign(ACTIVATION_DOMAIN, honest.statement)
    await refused("SIGNATURE_INVALID", world.send(request(honest.statement, stolen)))
    for domain in (b"godkend open v1\0", b"godkend approval v1\0", b"godkend activation v1", b""):
        signature = key.sign(domain, honest.statement)
        await refused("SIGNATURE_INVALID", world.send(request(honest.statement, signature)))
    altered = statement_pb2.ActivationStatement.FromString(honest.statement)
    altered.challenge = bytes(32)
    signed = key.signed(ACTIVATION_DOMAIN, altered.SerializeToString())
    await refused(
        "STATEMENT_WRONG_CHALLENGE", world.send(request(signed.statement, signed.signature))
    )
    altered = statement_pb2.ActivationStatement.FromString(honest.statement)
    for named in (other.public_key, b"", key.public_key[:-1]):
        altered.public_key = named
        signed = key.signed(ACTIVATION_DOMAIN, altered.SerializeToString())
        again = request(signed.statement, signed.signature)
        await refused("SIGNATURE_INVALID", world.send(again))
    altered.activation_id = fresh()
    signed = key.signed(ACTIVATION_DOMAIN, altered.SerializeToString())
    await refused("ACTIVATION_NOT_FOUND", world.send(request(signed.statement, signed.signature)))
    assert (await world.send(request(honest.statement, honest.signature))).authenticator_id
