"""Statements and codes that are not what they should be: refused by name, and nothing spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from godkend.statements import (
    ACTIVATION_DOMAIN,
    APPROVAL_DOMAIN,
    OPEN_DOMAIN,
    PIN_CHANGE_DOMAIN,
    DeviceKey,
    Signed,
    activation_statement,
)
from godkend.v1 import device_service_pb2 as pb
from godkend.v1 import statement_pb2
from tests.service.world import (
    APPROVED,
    BY_BIOMETRICS,
    LOGIN_LIFE_MS,
    OPENED,
    PENDING,
    REJECT,
    REJECTED,
    UNVERIFIED,
    Login,
    World,
    approve_request,
    refusal_of,
    refused,
)
from tests.support.phones import ALGORITHMS, P256, PIN, PIN_OTHER, PIN_WRONG, Phone, fresh

if TYPE_CHECKING:
    from google.protobuf.message import Message

SKEW_MS = 120_000
QR_ACCEPTED_MS = 5_000
DOMAINS = (ACTIVATION_DOMAIN, OPEN_DOMAIN, APPROVAL_DOMAIN, PIN_CHANGE_DOMAIN)


@dataclass
class Scene:
    """Anna's phone holds an opened login; nothing that follows may touch it."""

    world: World
    phone: Phone
    login: Login
    opened: pb.OpenLoginResponse

    async def nothing_spent(self) -> None:
        """No strike, no change, and the login can still be approved."""
        assert await self.world.strikes(self.phone) == 0
        assert await self.world.state(self.login) == OPENED
        assert await self.world.approve(self.phone, self.opened) == APPROVED
        assert await self.world.redeem(self.login)


@pytest.fixture
async def scene(world: World) -> Scene:
    """A login that waits for the decision of a P-256 phone."""
    return await a_scene(world)


async def a_scene(world: World, algorithm: Any = P256) -> Scene:
    """The same with the algorithm chosen."""
    phone = await world.activate("anna", algorithm=algorithm)
    login, opened = await world.opened(phone)
    return Scene(world, phone, login, opened)


def approval(signed: Signed, pin: str = PIN) -> pb.ApproveLoginRequest:
    """A statement as an approval."""
    return pb.ApproveLoginRequest(statement=signed.statement, signature=signed.signature, pin=pin)


# What was signed is not what is asked


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({"challenge": bytes(32)}, "STATEMENT_WRONG_CHALLENGE"),
        ({"challenge": b""}, "STATEMENT_WRONG_CHALLENGE"),
        ({"service_provider": "health"}, "STATEMENT_WRONG_SERVICE_PROVIDER"),
        ({"service_provider": "Tax"}, "STATEMENT_WRONG_SERVICE_PROVIDER"),
        ({"service_provider": ""}, "STATEMENT_WRONG_SERVICE_PROVIDER"),
        ({"text": "Log in to Tax "}, "STATEMENT_WRONG_TEXT"),
        ({"text": "Log in"}, "STATEMENT_WRONG_TEXT"),
        ({"text": ""}, "STATEMENT_WRONG_TEXT"),
        ({"decision": REJECT}, "STATEMENT_WRONG_DECISION"),
        ({"decision": 0}, "STATEMENT_WRONG_DECISION"),
        ({"decision": 3}, "STATEMENT_WRONG_DECISION"),
        ({"login_id": bytes(16)}, "LOGIN_NOT_FOUND"),
        ({"authenticator_id": bytes(16)}, "SIGNATURE_INVALID"),
    ],
)
async def test_an_approval_of_something_else_approves_nothing(
    scene: Scene, altered: dict[str, Any], reason: str
) -> None:
    approve = scene.world.approve
    await refused(reason, approve(scene.phone, scene.opened, **altered))
    await refused(reason, approve(scene.phone, scene.opened, PIN_WRONG, **altered))
    await refused(reason, approve(scene.phone, scene.opened, how=BY_BIOMETRICS, **altered))
    await scene.nothing_spent()


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({"challenge": bytes(32)}, "STATEMENT_WRONG_CHALLENGE"),
        ({"service_provider": "health"}, "STATEMENT_WRONG_SERVICE_PROVIDER"),
        ({"text": "Log in to Tax "}, "STATEMENT_WRONG_TEXT"),
        ({"decision": 1}, "STATEMENT_WRONG_DECISION"),
        ({"decision": 0}, "STATEMENT_WRONG_DECISION"),
        ({"login_id": bytes(16)}, "LOGIN_NOT_FOUND"),
        ({"authenticator_id": bytes(16)}, "SIGNATURE_INVALID"),
    ],
)
async def test_a_rejection_of_something_else_rejects_nothing(
    scene: Scene, altered: dict[str, Any], reason: str
) -> None:
    await refused(reason, scene.world.reject(scene.phone, scene.opened, **altered))
    await scene.nothing_spent()


async def test_an_approval_of_one_login_with_the_challenge_of_another_approves_neither(
    scene: Scene,
) -> None:
    world = scene.world
    other, shown = await world.opened(scene.phone)
    wrong = "STATEMENT_WRONG_CHALLENGE"
    await refused(wrong, world.approve(scene.phone, scene.opened, challenge=shown.challenge))
    await refused(wrong, world.approve(scene.phone, shown, challenge=scene.opened.challenge))
    await refused(wrong, world.approve(scene.phone, scene.opened, login_id=shown.login_id))
    assert await world.state(other) == OPENED
    await scene.nothing_spent()
    assert await world.state(other) == OPENED


async def test_an_approval_by_another_phone_approves_nothing(scene: Scene) -> None:
    world = scene.world
    tablet = await world.activate(identity_id=scene.phone.identity_id)
    stranger = await world.activate("bosse")
    for other in (tablet, stranger):
        # In its own name: it has a key, but the login is not its own.
        await refused("LOGIN_OPENED_ELSEWHERE", world.approve(other, scene.opened))
        # In the name of the phone whose login it is: it has not that phone's key.
        claimed = Phone(other.key, scene.phone.identity_id, scene.phone.authenticator_id)
        await refused("SIGNATURE_INVALID", world.approve(claimed, scene.opened))
        # Honestly signed, but said to be by another.
        honest = scene.phone.decides(scene.opened)  # type: ignore[arg-type]
        forged = other.key.signed(APPROVAL_DOMAIN, honest.statement)
        await refused("SIGNATURE_INVALID", world.send(approval(forged)))
        assert await world.strikes(other) == 0
    await scene.nothing_spent()


async def test_a_pin_goes_with_a_statement_that_says_pin_and_only_then(scene: Scene) -> None:
    world, phone, opened = scene.world, scene.phone, scene.opened
    by_pin = approve_request(phone, opened, "")
    by_biometrics = approve_request(phone, opened, PIN, BY_BIOMETRICS)
    unverified = approve_request(phone, opened, "", UNVERIFIED)
    undefined = approve_request(phone, opened, PIN, user_verification=4)
    unspecified = approve_request(phone, opened, PIN, user_verification=0)
    for request, field in (
        (by_pin, "pin"),
        (by_biometrics, "pin"),
        (unverified, "statement"),
        (undefined, "statement"),
        (unspecified, "statement"),
    ):
        assert (await refused("FIELD_INVALID", world.send(request))).field == field
    await scene.nothing_spent()


# What was signed is not what was sent


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_an_approval_with_any_byte_altered_approves_nothing(
    world: World, algorithm: Any
) -> None:
    scene = await a_scene(world, algorithm)
    honest = approve_request(scene.phone, scene.opened)
    await no_altered_byte_passes(world, honest)
    await scene.nothing_spent()


async def test_a_rejection_with_any_byte_altered_rejects_nothing(scene: Scene) -> None:
    signed = scene.phone.decides(scene.opened, REJECT, UNVERIFIED)  # type: ignore[arg-type]
    honest = pb.RejectLoginRequest(statement=signed.statement, signature=signed.signature)
    await no_altered_byte_passes(scene.world, honest)
    await scene.nothing_spent()


async def test_an_opening_with_any_byte_altered_opens_nothing(scene: Scene) -> None:
    world = scene.world
    login = await world.start()
    signed = scene.phone.opens(login.link, world.now_ms)
    honest = pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
    await no_altered_byte_passes(world, honest)
    assert await world.state(login) == PENDING
    assert (await world.send(honest)).login_id == login.login_id


async def test_a_pin_change_with_any_byte_altered_changes_nothing(scene: Scene) -> None:
    world = scene.world
    signed = scene.phone.changes_pin(world.now_ms)
    honest = pb.ChangePinRequest(
        statement=signed.statement, signature=signed.signature, pin_old=PIN, pin_new=PIN_OTHER
    )
    await no_altered_byte_passes(world, honest)
    await scene.nothing_spent()
    await world.send(honest)


async def no_altered_byte_passes(world: World, honest: Message) -> None:
    """Every byte of statement and signature flipped in turn, one cut off and one put on."""
    for field in ("statement", "signature"):
        sent: bytes = getattr(honest, field)
        flipped = [sent[:at] + bytes([sent[at] ^ 1]) + sent[at + 1 :] for at in range(len(sent))]
        for altered in (*flipped, sent[:-1], sent + b"\0"):
            request = type(honest).FromString(honest.SerializeToString())
            setattr(request, field, altered)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await world.send(request)
            refusal = refusal_of(raised.value)
            if field == "signature":
                assert refusal.reason == "SIGNATURE_INVALID"
            elif refusal.reason == "FIELD_INVALID":  # Not even a statement any more.
                assert refusal.field in {"statement", "pin"}
            else:
                assert refusal.reason == "SIGNATURE_INVALID"


async def test_a_statement_of_one_kind_is_none_of_another(scene: Scene) -> None:
    world, phone = scene.world, scene.phone
    pending = await world.start()
    approves = phone.decides(scene.opened).statement  # type: ignore[arg-type]
    rejects = phone.decides(scene.opened, REJECT, UNVERIFIED).statement  # type: ignore[arg-type]
    opens = phone.opens(pending.link, world.now_ms).statement
    changes = phone.changes_pin(world.now_ms).statement
    for domain in (*DOMAINS, b"", APPROVAL_DOMAIN.rstrip(b"\0"), b"\0" + APPROVAL_DOMAIN):
        sign = phone.key.sign
        if domain != APPROVAL_DOMAIN:
            request: Message = pb.ApproveLoginRequest(
                statement=approves, signature=sign(domain, approves), pin=PIN
            )
            await refused("SIGNATURE_INVALID", world.send(request))
            request = pb.RejectLoginRequest(statement=rejects, signature=sign(domain, rejects))
            await refused("SIGNATURE_INVALID", world.send(request))
        if domain != OPEN_DOMAIN:
            request = pb.OpenLoginRequest(statement=opens, signature=sign(domain, opens))
            await refused("SIGNATURE_INVALID", world.send(request))
        if domain != PIN_CHANGE_DOMAIN:
            request = pb.ChangePinRequest(
                statement=changes,
                signature=sign(domain, changes),
                pin_old=PIN,
                pin_new=PIN_OTHER,
            )
            await refused("SIGNATURE_INVALID", world.send(request))
    assert await world.state(pending) == PENDING
    await scene.nothing_spent()


async def test_a_statement_that_was_signed_before_activation_is_none_of_another_kind(
    scene: Scene,
) -> None:
    world = scene.world
    code = (await world.issue(scene.phone.identity_id)).activation_code
    key = DeviceKey.generate()
    signed = activation_statement(key, await world.begin("anna", code, key))
    for request in (
        pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature),
        pb.ChangePinRequest(
            statement=signed.statement,
            signature=signed.signature,
            pin_old=PIN,
            pin_new=PIN_OTHER,
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.send(request)
        assert refusal_of(raised.value).reason in {"SIGNATURE_INVALID", "FIELD_INVALID"}
    await scene.nothing_spent()


# What was sent before


async def test_a_replayed_guess_is_neither_looked_at_nor_charged(scene: Scene) -> None:
    world, phone, opened = scene.world, scene.phone, scene.opened
    guess = approve_request(phone, opened, PIN_WRONG)
    await refused("PIN_WRONG", world.send(guess))
    guess.pin = PIN
    for _ in range(5):
        await refused("STATEMENT_REPLAYED", world.send(guess))
    assert await world.strikes(phone) == 1
    again = approve_request(phone, opened, PIN)
    attempt_id = statement_pb2.ApprovalStatement.FromString(guess.statement).attempt_id
    anew = approve_request(phone, opened, PIN, attempt_id=attempt_id)
    await refused("STATEMENT_REPLAYED", world.send(anew))
    assert (await world.send(again)).state == APPROVED


@pytest.mark.parametrize("how", ["pin", "biometrics", "reject"])
async def test_a_replayed_decision_does_nothing_twice(scene: Scene, how: str) -> None:
    world, phone, opened = scene.world, scene.phone, scene.opened
    if how == "reject":
        signed = phone.decides(opened, REJECT, UNVERIFIED)  # type: ignore[arg-type]
        request: Message = pb.RejectLoginRequest(
            statement=signed.statement, signature=signed.signature
        )
    elif how == "pin":
        request = approve_request(phone, opened)
    else:
        request = approve_request(phone, opened, "", BY_BIOMETRICS)
    assert (await world.send(request)).state in {APPROVED, REJECTED}
    events = await world.events()
    await refused("STATEMENT_REPLAYED", world.send(request))
    assert await world.events() == events
    assert await world.strikes(phone) == 0


async def test_a_replayed_pin_change_is_not_charged(scene: Scene) -> None:
    world, phone = scene.world, scene.phone
    signed = phone.changes_pin(world.now_ms)
    request = pb.ChangePinRequest(
        statement=signed.statement, signature=signed.signature, pin_old=PIN, pin_new=PIN_OTHER
    )
    await world.send(request)
    for pin_old in (PIN, PIN_OTHER, PIN_WRONG):
        request.pin_old = pin_old
        await refused("STATEMENT_REPLAYED", world.send(request))
    assert await world.strikes(phone) == 0
    phone.pin = PIN_OTHER
    await scene.nothing_spent()


# What carries the phone's time


@pytest.mark.parametrize("off_ms", [-SKEW_MS - 1, -SKEW_MS, SKEW_MS, SKEW_MS + 1])
async def test_a_statement_is_two_minutes_off_at_most(scene: Scene, off_ms: int) -> None:
    world, phone = scene.world, scene.phone
    at_ms = world.now_ms + off_ms
    login = await world.start()
    signed = phone.changes_pin(at_ms)
    change = pb.ChangePinRequest(
        statement=signed.statement, signature=signed.signature, pin_old=PIN, pin_new=PIN_OTHER
    )
    if abs(off_ms) > SKEW_MS:
        await refused("STATEMENT_EXPIRED", world.open(phone, login, signed_at_ms=at_ms))
        await refused("STATEMENT_EXPIRED", world.send(change))
        assert await world.state(login) == PENDING
    else:
        assert (await world.open(phone, login, signed_at_ms=at_ms)).login_id == login.login_id
        await world.send(change)
        phone.pin = PIN_OTHER
    await scene.nothing_spent()


# Codes


async def test_a_code_is_good_for_five_seconds_after_its_own(scene: Scene) -> None:
    world, phone = scene.world, scene.phone
    login = await world.start()
    world.clock.advance(10_000 + QR_ACCEPTED_MS + 1)
    await refused("CODE_STALE", world.open(phone, login, login.qr(10)))
    assert await world.state(login) == PENDING
    world.clock.advance(-1)
    assert (await world.open(phone, login, login.qr(10))).login_id == login.login_id


async def test_a_code_is_one_second_ahead_at_most(scene: Scene) -> None:
    world, phone = scene.world, scene.phone
    login = await world.start()
    world.clock.advance(8_999)
    await refused("CODE_STALE", world.open(phone, login, login.qr(10)))
    await refused("CODE_STALE", world.open(phone, login, login.qr(2**63)))
    assert await world.state(login) == PENDING
    world.clock.advance(1)
    assert (await world.open(phone, login, login.qr(10))).login_id == login.login_id


async def test_a_link_does_not_grow_stale_while_its_login_lives(scene: Scene) -> None:
    login = await scene.world.start()
    scene.world.clock.advance(LOGIN_LIFE_MS - 1)
    assert (await scene.world.open(scene.phone, login)).login_id == login.login_id


async def test_a_forged_code_opens_nothing(scene: Scene) -> None:
    world, phone = scene.world, scene.phone
    login, other = await world.start(), await world.start()
    token, second, mac = login.qr(0).split(".")
    key = login.link.partition("&key=")[2]
    for forged in (
        "",
        "godkend",
        token,
        f"{token}.{second}",
        f"{token}.{second}.",
        f"{token}.1.{mac}",
        f"{token}.00.{mac}x",
        f"{token}.-0.{mac}",
        f"{token}.{second}.{key}",
        f"{token}.{second}.{other.qr(0).split('.')[2]}",
        f"{other.qr(0).split('.')[0]}.{second}.{mac}",
        login.qr(0).lower(),
        login.link.replace(key, mac),
        login.link.replace(key, other.link.partition("&key=")[2]),
        login.link + "A",
        "https://example.com/" + login.link,
        "x" * 400,
    ):
        await refused("CODE_INVALID", world.open(phone, login, forged or " "))
    assert await world.state(login) == PENDING
    await scene.nothing_spent()


async def test_a_code_for_a_login_that_nobody_started_is_not_one_of_ours(
    scene: Scene, tmp_path: Any
) -> None:
    from tests.service.world import a_world

    async with a_world(tmp_path / "elsewhere") as elsewhere:
        theirs = await elsewhere.start()
    for code in (theirs.link, theirs.qr()):
        await refused("CODE_INVALID", scene.world.open(scene.phone, scene.login, code))
    await scene.nothing_spent()


async def test_ids_in_a_statement_are_sixteen_bytes(scene: Scene) -> None:
    world, phone, opened = scene.world, scene.phone, scene.opened
    for field in ("login_id", "authenticator_id", "attempt_id"):
        for length in (0, 15, 17):
            altered: dict[str, Any] = {field: fresh(length)}
            refusal = await refused("FIELD_INVALID", world.approve(phone, opened, **altered))
            assert refusal.field == "statement"
    await scene.nothing_spent()
