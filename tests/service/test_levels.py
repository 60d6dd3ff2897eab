"""What a login is worth, what the assertion says of it, and what is refused unasked."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from godkend.statements import DeviceKey
from godkend.v1 import identity_service_pb2 as pb
from godkend.v1 import login_service_pb2 as login_pb
from tests.service.world import BY_BIOMETRICS, BY_PIN, PENDING, World, refused
from tests.support.phones import ALGORITHMS, PIN, Phone, fresh

LOW, SUBSTANTIAL, HIGH = (
    login_pb.ASSURANCE_LEVEL_LOW,
    login_pb.ASSURANCE_LEVEL_SUBSTANTIAL,
    login_pb.ASSURANCE_LEVEL_HIGH,
)
PROFILE_PAGE = pb.ACTIVATION_CHANNEL_PROFILE


async def enrolled(
    world: World, level: Any = HIGH, *, key: DeviceKey | None = None, vouched: bytes | None = None
) -> Phone:
    """A phone whose registrar vouched for its key, or for the one of another fingerprint."""
    key = key or DeviceKey.generate()
    identity_id = await world.register(level=level)
    attested = key.fingerprint() if vouched is None else vouched
    issued = await world.issue(identity_id, attested_key=attested)
    begun = await world.begin("anna", issued.activation_code, key)
    return Phone(key, identity_id, await world.finish(key, begun), PIN)


def claims(assertion: str) -> dict[str, Any]:
    """What an assertion says; its signature is another test's."""
    said: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    return said


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_an_app_enrolled_at_high_logs_in_at_high_and_says_what_was_used(
    world: World, algorithm: Any
) -> None:
    anna = await enrolled(world, key=DeviceKey.generate(algorithm))
    shown = await world.authenticator(anna)
    assert (shown.enrolled_level, shown.hardware_key) == (HIGH, True)
    said = claims(await world.sign_in(anna, level_min=HIGH))
    assert said["acr"] == "urn:godkend:nsis:high"
    assert said["amr"] == ["hwk", "pin", "mfa"]
    assert (said["nsis_loa"], said["nsis_ial"], said["nsis_aal"]) == ("High", "High", "High")


@pytest.mark.parametrize(
    ("level", "reached", "ial"),
    [(LOW, "Low", "Low"), (SUBSTANTIAL, "Substantial", "Substantial"), (HIGH, "High", "High")],
)
async def test_the_level_is_the_lower_of_identity_and_authenticator(
    world: World, level: Any, reached: str, ial: str
) -> None:
    anna = await enrolled(world, level)
    said = claims(await world.sign_in(anna, level_min=LOW))
    aal = "High" if level == HIGH else "Substantial"
    assert (said["nsis_loa"], said["nsis_ial"], said["nsis_aal"]) == (reached, ial, aal)
    assert said["amr"][0] == "hwk"


@pytest.mark.parametrize("how", [BY_PIN, BY_BIOMETRICS])
async def test_an_app_of_which_nothing_is_known_is_substantial_whoever_its_holder_is(
    world: World, how: Any
) -> None:
    anna = await world.activate(level=HIGH)
    login, opened = await world.opened(anna)
    await world.approve(anna, opened, how=how)
    said = claims(await world.redeem(login))
    by = "pin" if how == BY_PIN else "user"
    assert said["acr"] == "urn:godkend:nsis:substantial"
    assert said["amr"] == ["pop", by, "mfa"]
    assert (said["nsis_loa"], said["nsis_ial"]) == ("Substantial", "High")


async def test_a_code_vouches_for_one_key_and_not_for_whoever_has_the_code(world: World) -> None:
    thief = await enrolled(world, vouched=DeviceKey.generate().fingerprint())
    shown = await world.authenticator(thief)
    assert (shown.enrolled_level, shown.hardware_key) == (SUBSTANTIAL, False)
    login = await world.start(level_min=HIGH)
    await refused("LEVEL_TOO_LOW", world.open(thief, login))


@pytest.mark.parametrize("level_min", [SUBSTANTIAL, HIGH])
async def test_what_cannot_reach_the_minimum_is_refused_before_the_subscriber_is_asked(
    world: World, level_min: Any
) -> None:
    anna = await world.activate(level=LOW if level_min == SUBSTANTIAL else HIGH)
    login = await world.start(level_min=level_min)
    await refused("LEVEL_TOO_LOW", world.open(anna, login))
    assert await world.state(login) == PENDING
    assert await world.strikes(anna) == 0


async def test_the_same_request_vouches_for_the_same_key(world: World) -> None:
    identity_id = await world.register()
    request = {"request_id": fresh(), "attested_key": fresh(32)}
    first = await world.issue(identity_id, **request)
    assert await world.issue(identity_id, **request) == first
    request["attested_key"] = fresh(32)
    await refused("REQUEST_ID_REUSED", world.issue(identity_id, **request))


@pytest.mark.parametrize("fields", [{"attested_key": b"x" * 31}, {"attested_key": b"x" * 33}])
async def test_a_fingerprint_is_32_bytes(world: World, fields: Any) -> None:
    identity_id = await world.register()
    refusal = await refused("FIELD_INVALID", world.issue(identity_id, **fields))
    assert refusal.field == "attested_key"


async def test_nobody_vouches_for_their_own_key(world: World) -> None:
    identity_id = await world.register()
    call = world.issue(identity_id, attested_key=fresh(32), channel=PROFILE_PAGE)
    assert (await refused("FIELD_INVALID", call)).field == "attested_key"


async def test_the_history_says_at_which_level_an_app_was_enrolled(world: World) -> None:
    await enrolled(world)
    (activated,) = [e for e in await world.events() if e.kind == "authenticator.activated"]
    assert json.loads(activated.detail) == {"level": "High"}
