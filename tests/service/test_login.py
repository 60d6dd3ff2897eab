"""A login from its start to its end, as front-end and phone see it."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import grpc.aio
import jwt
import pytest

from godkend import _core
from godkend.calls import open_channel
from godkend.front_end import AssertionInvalid, FrontEnd, verify_assertion
from godkend.phone import Activation, unix_time_ms
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import login_service_pb2 as pb
from tests.service.world import (
    APPROVED,
    BANK,
    BY_BIOMETRICS,
    CANCELLED,
    EXPIRED,
    HOUR_MS,
    LOGIN_LIFE_MS,
    OPENED,
    PENDING,
    PORTAL,
    REDEEMED,
    REJECTED,
    World,
    refused,
)
from tests.support.phones import ALGORITHMS, PIN, PIN_OTHER, PIN_WRONG, SERVICE_PROVIDER, TEXT

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld
    from tests.support.phones import Phone

LIFE_S = 300
ISSUER = "https://godkend.example"


async def claims_of(world: World, assertion: str, service_provider: str) -> dict[str, Any]:
    """What an assertion says, its signature checked with PyJWT and the published keys.

    Its times are the manual clock's, which are for the test to compare.
    """
    keys = jwt.PyJWKSet.from_json(await world.jwks())
    key = keys[jwt.get_unverified_header(assertion)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        assertion,
        key,
        algorithms=["ES256"],
        audience=service_provider,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


async def logged_in(world: World, phone: Phone, **fields: Any) -> dict[str, Any]:
    """The claims of a login from start to end."""
    by = fields.pop("by", PORTAL)
    login, opened = await world.opened(phone, by=by, **fields)
    await world.approve(phone, opened)
    assertion = await world.redeem(login, by)
    login.stream.cancel()
    return await claims_of(world, assertion, opened.service_provider)


# The way through


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("user_id", ["", "anna", "ANNA", "\uff21nna"])
async def test_a_login_goes_from_pending_to_redeemed_under_the_eyes_of_its_front_end(
    world: World, algorithm: Any, user_id: str
) -> None:
    phone = await world.activate("anna", algorithm=algorithm)
    login = await world.start(user_id)
    assert login.first.state == PENDING
    opened = await world.open(phone, login)
    assert (opened.service_provider, opened.text) == (SERVICE_PROVIDER, TEXT)
    assert opened.login_id == login.login_id
    assert await login.next_state() == OPENED
    assert await world.approve(phone, opened) == APPROVED
    assert await login.next_state() == APPROVED
    await world.redeem(login)
    assert await login.states() == [REDEEMED]


async def test_biometrics_approve_where_they_were_switched_on(world: World) -> None:
    phone = await world.activate(biometrics_on=True)
    login, opened = await world.opened(phone)
    assert await world.approve(phone, opened, how=BY_BIOMETRICS) == APPROVED
    claims = await claims_of(world, await world.redeem(login), SERVICE_PROVIDER)
    assert claims["amr"] == ["pop", "user", "mfa"]


async def test_biometrics_approve_nothing_where_they_were_not_switched_on(world: World) -> None:
    phone = await world.activate(biometrics_on=False)
    _, opened = await world.opened(phone)
    await refused("BIOMETRICS_OFF", world.approve(phone, opened, how=BY_BIOMETRICS))
    assert await world.approve(phone, opened) == APPROVED


async def test_a_moving_code_opens_a_login_in_each_of_its_seconds(world: World) -> None:
    phone = await world.activate()
    for second in (0, 1, 7, 60, 299):
        login = await world.start()
        world.clock.advance(second * 1_000)
        opened = await world.open(phone, login, login.qr(second))
        assert opened.login_id == login.login_id


async def test_opening_twice_from_the_same_phone_changes_nothing(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    assert await world.open(phone, login) == opened
    assert await world.open(phone, login, login.qr()) == opened
    assert await world.approve(phone, opened) == APPROVED


async def test_a_rejected_login_ends_for_its_front_end(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    assert await world.reject(phone, opened, not_me=True) == REJECTED
    assert await login.states() == [OPENED, REJECTED]
    await refused("LOGIN_REJECTED", world.redeem(login))
    await refused("LOGIN_REJECTED", world.approve(phone, opened))
    await refused("LOGIN_REJECTED", world.cancel(login))
    (event,) = [each for each in await world.events() if each.kind == "login.rejected"]
    assert '"not_me":true' in event.detail


@pytest.mark.parametrize("opened", [False, True])
async def test_a_cancelled_login_ends_and_cancelling_again_changes_nothing(
    world: World, opened: bool
) -> None:
    phone = await world.activate()
    login = await world.start()
    shown = await world.open(phone, login) if opened else None
    assert await world.cancel(login) == CANCELLED
    assert await world.cancel(login) == CANCELLED
    assert (await login.states())[-1] == CANCELLED
    await refused("LOGIN_CANCELLED", world.open(phone, login))
    await refused("LOGIN_CANCELLED", world.redeem(login))
    if shown is not None:
        await refused("LOGIN_CANCELLED", world.approve(phone, shown))
        assert await world.strikes(phone) == 0


async def test_an_approved_login_can_no_longer_be_cancelled_rejected_or_opened(
    world: World,
) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    await refused("LOGIN_APPROVED", world.cancel(login))
    await refused("LOGIN_APPROVED", world.reject(phone, opened))
    await refused("LOGIN_APPROVED", world.open(phone, login))
    await refused("LOGIN_APPROVED", world.approve(phone, opened))
    assert await world.redeem(login)


async def test_a_login_is_redeemed_once(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    both = await asyncio.gather(world.redeem(login), world.redeem(login), return_exceptions=True)
    assert sorted(isinstance(each, str) for each in both) == [False, True]
    await refused("LOGIN_REDEEMED", world.redeem(login))


async def test_what_is_not_approved_cannot_be_redeemed(world: World) -> None:
    phone = await world.activate()
    login = await world.start()
    await refused("LOGIN_NOT_OPENED", world.redeem(login))
    await world.open(phone, login)
    await refused("LOGIN_NOT_APPROVED", world.redeem(login))


async def test_what_was_not_opened_cannot_be_approved(world: World) -> None:
    phone = await world.activate()
    first, shown = await world.opened(phone)
    second = await world.start()
    del first
    # The phone knows all but the challenge, which it gets only by opening.
    shown.login_id = second.login_id
    await refused("STATEMENT_WRONG_CHALLENGE", world.approve(phone, shown))
    assert await world.strikes(phone) == 0


# Time


async def test_a_stream_ends_with_expired_the_moment_that_the_login_does(world: World) -> None:
    login = await world.start()
    world.clock.advance(LOGIN_LIFE_MS - 10)
    again = world.stream(login.request)
    watch = world.stream(pb.WatchLoginRequest(login_id=login.login_id))
    assert (await again.read()).state == PENDING
    assert (await watch.read()).state == PENDING
    world.clock.advance(9)
    assert await world.state(login) == PENDING
    world.clock.advance(1)
    assert await world.state(login) == EXPIRED
    assert (await again.read()).state == EXPIRED
    assert await again.read() is grpc.aio.EOF
    assert (await watch.read()).state == EXPIRED
    assert await watch.read() is grpc.aio.EOF


@pytest.mark.parametrize("at", ["pending", "opened", "approved"])
async def test_nothing_can_be_done_with_a_login_whose_time_is_over(world: World, at: str) -> None:
    phone = await world.activate()
    login = await world.start()
    expires_at_ms = world.now_ms + LOGIN_LIFE_MS
    assert login.first.started.expires_at_ms == expires_at_ms
    shown = await world.open(phone, login) if at != "pending" else None
    if shown is not None and at == "approved":
        assert shown.expires_at_ms == expires_at_ms
        await world.approve(phone, shown)
    world.clock.advance(LOGIN_LIFE_MS)
    assert await world.state(login) == EXPIRED
    await refused("LOGIN_EXPIRED", world.redeem(login))
    await refused("LOGIN_EXPIRED", world.cancel(login))
    await refused("LOGIN_EXPIRED", world.open(phone, login))
    if shown is not None:
        await refused("LOGIN_EXPIRED", world.approve(phone, shown))
        await refused("LOGIN_EXPIRED", world.reject(phone, shown))
    assert await world.strikes(phone) == 0


async def test_in_its_last_millisecond_a_login_can_be_opened_approved_and_redeemed(
    world: World,
) -> None:
    phone = await world.activate()
    login = await world.start()
    world.clock.advance(LOGIN_LIFE_MS - 1)
    opened = await world.open(phone, login)
    await world.approve(phone, opened)
    assert await world.redeem(login)


# Following


async def test_watching_resumes_with_the_present_state(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    login.stream.cancel()
    watch = world.stream(pb.WatchLoginRequest(login_id=login.login_id))
    assert (await watch.read()).state == OPENED
    await world.approve(phone, opened)
    assert (await watch.read()).state == APPROVED
    await world.redeem(login)
    assert (await watch.read()).state == REDEEMED
    assert await watch.read() is grpc.aio.EOF
    ended = await world.send(pb.WatchLoginRequest(login_id=login.login_id))
    assert [message.state for message in ended] == [REDEEMED]


async def test_many_follow_one_login_and_all_see_each_state(world: World) -> None:
    phone = await world.activate()
    login = await world.start()
    watches = [world.stream(pb.WatchLoginRequest(login_id=login.login_id)) for _ in range(5)]
    for watch in watches:
        assert (await watch.read()).state == PENDING
    opened = await world.open(phone, login)
    watches.pop().cancel()
    for watch in watches:
        assert (await watch.read()).state == OPENED
    await world.reject(phone, opened)
    for watch in watches:
        assert (await watch.read()).state == REJECTED
        assert await watch.read() is grpc.aio.EOF


async def test_a_poll_tells_the_state_and_the_end(world: World) -> None:
    phone = await world.activate()
    login = await world.start()
    request = pb.GetLoginRequest(login_id=login.login_id)
    expires_at_ms = login.first.started.expires_at_ms
    found = await world.send(request)
    assert (found.state, found.expires_at_ms) == (PENDING, expires_at_ms)
    await world.open(phone, login)
    found = await world.send(request)
    assert (found.state, found.expires_at_ms) == (OPENED, expires_at_ms)


async def test_another_front_end_cannot_tell_that_a_login_exists(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    unknown = await refused(
        "LOGIN_NOT_FOUND", world.send(pb.GetLoginRequest(login_id=bytes(16)), BANK)
    )
    for attempt in (
        world.state(login, BANK),
        world.cancel(login, BANK),
        world.redeem(login, BANK),
        world.send(pb.WatchLoginRequest(login_id=login.login_id), BANK),
    ):
        assert await refused("LOGIN_NOT_FOUND", attempt) == unknown
    assert await world.redeem(login)


@pytest.mark.parametrize("length", [32, 64])
async def test_only_the_holder_of_the_verifier_redeems(world: World, length: int) -> None:
    phone = await world.activate()
    verifier = secrets.token_bytes(length)
    login, opened = await world.opened(phone, verifier=verifier)
    await world.approve(phone, opened)
    wrong = bytes([verifier[0] ^ 1]) + verifier[1:]
    await refused("VERIFIER_WRONG", world.redeem(login, verifier=wrong))
    assert await world.redeem(login, verifier=verifier)


async def test_a_front_end_starts_logins_for_its_own_service_providers_only(world: World) -> None:
    for by, service_provider in (
        (BANK, "tax"),
        (PORTAL, "bank"),
        (PORTAL, "TAX"),
        (PORTAL, "*"),
        (PORTAL, "tax "),
    ):
        start = world.start(by=by, service_provider=service_provider)
        await refused("SERVICE_PROVIDER_FORBIDDEN", start)
    for by, service_provider in ((PORTAL, "tax"), (PORTAL, "health"), (BANK, "bank")):
        login = await world.start(by=by, service_provider=service_provider)
        assert login.first.state == PENDING


# Who may open, approve and redeem


async def test_a_login_belongs_to_the_phone_that_opened_it(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    login, opened = await world.opened(anna)
    await refused("LOGIN_OPENED_ELSEWHERE", world.open(bo, login))
    await refused("LOGIN_OPENED_ELSEWHERE", world.approve(bo, opened))
    await refused("LOGIN_OPENED_ELSEWHERE", world.reject(bo, opened))
    assert await world.strikes(bo) == 0
    assert await world.approve(anna, opened) == APPROVED
    assert await world.redeem(login)


async def test_a_login_for_a_typed_user_id_is_not_opened_by_anybody_else(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    login = await world.start("anna")
    await refused("LOGIN_OPENED_ELSEWHERE", world.open(bo, login))
    assert await world.state(login) == PENDING
    assert (await world.open(anna, login)).login_id == login.login_id
    nobody = await world.start("nobody")
    await refused("LOGIN_OPENED_ELSEWHERE", world.open(anna, nobody))


async def test_a_blocked_identity_neither_opens_nor_approves_nor_redeems(world: World) -> None:
    phone = await world.activate()
    login = await world.start()
    await world.block(phone.identity_id)
    await refused("IDENTITY_BLOCKED", world.open(phone, login))
    await world.unblock(phone.identity_id)
    opened = await world.open(phone, login)
    await world.block(phone.identity_id)
    await refused("IDENTITY_BLOCKED", world.approve(phone, opened))
    await refused("IDENTITY_BLOCKED", world.approve(phone, opened, how=BY_BIOMETRICS))
    await refused("IDENTITY_BLOCKED", world.reject(phone, opened))
    await refused("IDENTITY_BLOCKED", world.change_pin(phone, PIN, PIN_OTHER))
    assert await world.strikes(phone) == 0
    await world.unblock(phone.identity_id)
    await refused("LOGIN_CANCELLED", world.approve(phone, opened))
    await refused("LOGIN_CANCELLED", world.redeem(login))
    assert (await logged_in(world, phone))["sub"]


async def test_a_blocked_phone_neither_opens_nor_approves_nor_redeems(world: World) -> None:
    phone = await world.activate()
    other = await world.activate(identity_id=phone.identity_id)
    block = (phone.identity_id, phone.authenticator_id)
    login = await world.start()
    await world.block(*block)
    await refused("AUTHENTICATOR_BLOCKED", world.open(phone, login))
    await world.unblock(*block)
    opened = await world.open(phone, login)
    await world.block(*block)
    await refused("AUTHENTICATOR_BLOCKED", world.approve(phone, opened))
    await refused("AUTHENTICATOR_BLOCKED", world.approve(phone, opened, how=BY_BIOMETRICS))
    await refused("AUTHENTICATOR_BLOCKED", world.reject(phone, opened))
    await refused("AUTHENTICATOR_BLOCKED", world.change_pin(phone, PIN, PIN_OTHER))
    assert await world.strikes(phone) == 0
    await refused("LOGIN_CANCELLED", world.redeem(login))
    # The other door of the same identity stays open.
    assert (await logged_in(world, other))["sub"]
    await world.unblock(*block)
    await refused("LOGIN_CANCELLED", world.approve(phone, opened))
    assert (await logged_in(world, phone))["sub"]


@pytest.mark.parametrize(
    ("level", "level_min", "reached"),
    [
        (pb.ASSURANCE_LEVEL_LOW, pb.ASSURANCE_LEVEL_LOW, "Low"),
        (pb.ASSURANCE_LEVEL_LOW, pb.ASSURANCE_LEVEL_UNSPECIFIED, ""),
        (pb.ASSURANCE_LEVEL_LOW, pb.ASSURANCE_LEVEL_SUBSTANTIAL, ""),
        (pb.ASSURANCE_LEVEL_UNSPECIFIED, pb.ASSURANCE_LEVEL_UNSPECIFIED, "Substantial"),
        (pb.ASSURANCE_LEVEL_SUBSTANTIAL, pb.ASSURANCE_LEVEL_SUBSTANTIAL, "Substantial"),
        (pb.ASSURANCE_LEVEL_SUBSTANTIAL, pb.ASSURANCE_LEVEL_HIGH, ""),
        # An app gives Substantial, however well the identity was proved.
        (pb.ASSURANCE_LEVEL_HIGH, pb.ASSURANCE_LEVEL_SUBSTANTIAL, "Substantial"),
        (pb.ASSURANCE_LEVEL_HIGH, pb.ASSURANCE_LEVEL_HIGH, ""),
    ],
)
async def test_a_login_that_cannot_reach_its_level_is_refused_before_anybody_is_asked(
    world: World, level: int, level_min: int, reached: str
) -> None:
    phone = await world.activate(level=level)
    login = await world.start(level_min=level_min)
    if not reached:
        await refused("LEVEL_TOO_LOW", world.open(phone, login))
        assert await world.state(login) == PENDING
        return
    opened = await world.open(phone, login)
    await world.approve(phone, opened)
    claims = await claims_of(world, await world.redeem(login), SERVICE_PROVIDER)
    assert claims["nsis_loa"] == reached


# The 4th login for one user ID


@pytest.mark.parametrize("user_id", ["anna", "nobody"])
async def test_a_fourth_login_for_a_user_id_ends_the_oldest_whoever_has_the_user_id(
    world: World, user_id: str
) -> None:
    await world.activate("anna")
    logins = []
    for _ in range(3):
        logins.append(await world.start(user_id))
        world.clock.advance(1)
    assert [await world.state(login) for login in logins] == [PENDING] * 3
    fourth = await world.start(user_id.upper())
    assert [await world.state(login) for login in logins] == [CANCELLED, PENDING, PENDING]
    assert await logins[0].states() == [CANCELLED]
    assert await world.state(fourth) == PENDING


async def test_a_stranger_who_keeps_starting_logins_displaces_their_own_alone(
    world: World,
) -> None:
    await world.activate("anna")
    hers = await world.start("anna", source="192.0.2.7")
    strangers = []
    for _ in range(5):
        world.clock.advance(1)
        strangers.append(await world.start("anna", source="203.0.113.9"))
    assert await world.state(hers) == PENDING
    states = [await world.state(login) for login in strangers]
    assert states == [CANCELLED, CANCELLED, PENDING, PENDING, PENDING]


async def test_a_stranger_does_not_see_from_their_own_logins_that_the_owner_has_come(
    world: World,
) -> None:
    await world.activate("anna")
    strangers = [await world.start("anna", source="203.0.113.9") for _ in range(3)]
    hers = []
    for _ in range(4):
        world.clock.advance(1)
        hers.append(await world.start("anna", source="192.0.2.7"))
    assert [await world.state(login) for login in strangers] == [PENDING] * 3
    assert [await world.state(login) for login in hers] == [CANCELLED, PENDING, PENDING, PENDING]


async def test_neither_codes_at_once_nor_opened_logins_are_displaced(world: World) -> None:
    phone = await world.activate("anna")
    at_once = await world.start()
    opened, _ = await world.opened(phone, "anna")
    for _ in range(6):
        world.clock.advance(1)
        await world.start("anna")
    assert await world.state(at_once) == PENDING
    assert await world.state(opened) == OPENED


# Repeats


async def test_a_repeated_start_resumes_the_same_login(world: World) -> None:
    phone = await world.activate()
    login = await world.start("anna")
    world.clock.advance(1_234)
    again = world.stream(login.request)
    first = await again.read()
    assert first.started.elapsed_ms == 1_234
    first.started.elapsed_ms = 0
    assert first == login.first
    await world.open(phone, login)
    assert (await again.read()).state == OPENED
    third = await world.stream(login.request).read()
    assert third.state == OPENED


async def test_a_repeated_start_spends_nothing(open_world: OpensWorld) -> None:
    once = {"login_source": {"interval_us": 1_000_000, "burst": 1}}
    world = await open_world(budget=once)
    login = await world.start()
    for _ in range(3):
        assert (await world.stream(login.request).read()).login_id == login.login_id
    await refused("BUDGET_SPENT", world.start())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_provider", "health"),
        ("text", "Another text"),
        ("user_id", "bosse"),
        ("user_id", ""),
        ("source", "198.51.100.1"),
        ("verifier_digest", bytes(32)),
        ("nonce", "another"),
        ("nonce", ""),
        ("level_min", pb.ASSURANCE_LEVEL_LOW),
    ],
)
async def test_a_start_with_the_same_request_id_and_other_contents_is_refused(
    world: World, field: str, value: Any
) -> None:
    login = await world.start("anna")
    request = pb.StartLoginRequest.FromString(login.request.SerializeToString())
    setattr(request, field, value)
    await refused("REQUEST_ID_REUSED", world.stream(request).read())
    assert await world.state(login) == PENDING


async def test_the_same_request_id_from_two_front_ends_is_two_logins(world: World) -> None:
    login = await world.start()
    other = await world.start(by=BANK, request_id=login.request.request_id, service_provider="bank")
    assert other.login_id != login.login_id


# The ladder


async def test_the_ladder_of_wrong_pins_at_its_edges(world: World) -> None:
    phone = await world.activate()

    async def guess(left: int, locked_ms: int | None) -> None:
        _, opened = await world.opened(phone)
        refusal = await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
        assert refusal.metadata["attempts_left"] == str(left)
        assert refusal.retry_ms == locked_ms

    async def locked(wait_ms: int) -> None:
        for pin in (PIN, PIN_WRONG):
            _, opened = await world.opened(phone)
            refusal = await refused("PIN_LOCKED", world.approve(phone, opened, pin))
            assert refusal.retry_ms == wait_ms
        _, opened = await world.opened(phone)
        await refused("PIN_LOCKED", world.approve(phone, opened, how=BY_BIOMETRICS))
        await refused("PIN_LOCKED", world.change_pin(phone, PIN, PIN_OTHER))

    for rung, locked_ms in ((3, HOUR_MS), (6, 24 * HOUR_MS)):
        await guess(2, None)
        await guess(1, None)
        await guess(0, locked_ms)
        assert await world.strikes(phone) == rung
        assert (await world.authenticator(phone)).locked_until_ms == world.now_ms + locked_ms
        await locked(locked_ms)
        world.clock.advance(locked_ms - 1)
        await locked(1)
        assert await world.strikes(phone) == rung
        world.clock.advance(1)
        assert (await world.authenticator(phone)).locked_until_ms == 0
    await guess(2, None)
    await guess(1, None)
    await guess(0, None)
    found = await world.authenticator(phone)
    assert (found.strikes, found.pin_dead) == (9, True)
    world.clock.advance(1000 * 24 * HOUR_MS)
    _, opened = await world.opened(phone)
    await refused("PIN_DEAD", world.approve(phone, opened))
    await refused("PIN_DEAD", world.approve(phone, opened, how=BY_BIOMETRICS))
    await refused("PIN_DEAD", world.change_pin(phone, PIN, PIN_OTHER))
    # Only a new activation helps.
    assert await logged_in(world, await world.activate(identity_id=phone.identity_id))


async def test_only_a_success_clears_strikes(world: World) -> None:
    phone = await world.activate()
    _, opened = await world.opened(phone)
    for _ in range(2):
        await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
    world.clock.advance(HOUR_MS)
    await world.reject(phone, (await world.opened(phone))[1])
    await world.block(phone.identity_id)
    await world.unblock(phone.identity_id)
    assert await world.strikes(phone) == 2
    await logged_in(world, phone)
    assert await world.strikes(phone) == 0


async def test_each_phone_has_its_own_count(world: World) -> None:
    phone = await world.activate()
    other = await world.activate(identity_id=phone.identity_id)
    _, opened = await world.opened(phone)
    for _ in range(3):
        await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
    assert await world.strikes(other) == 0
    assert await logged_in(world, other)


async def test_after_the_last_wrong_pin_the_login_itself_goes_on(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
    assert await world.state(login) == OPENED
    assert await world.approve(phone, opened) == APPROVED


async def test_a_changed_pin_counts_from_then_on(world: World) -> None:
    phone = await world.activate()
    await refused("PIN_WRONG", world.change_pin(phone, PIN_WRONG, PIN_OTHER))
    assert await world.strikes(phone) == 1
    weak = await refused("PIN_WEAK", world.change_pin(phone, PIN, "123456"))
    assert weak.field == "pin_new"
    assert await world.strikes(phone) == 1
    await world.change_pin(phone, PIN, PIN_OTHER)
    assert await world.strikes(phone) == 0
    _, opened = await world.opened(phone)
    await refused("PIN_WRONG", world.approve(phone, opened, PIN))
    assert await world.approve(phone, opened, PIN_OTHER) == APPROVED


# The assertion


async def test_an_assertion_says_who_for_whom_how_and_until_when(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone, nonce="a nonce")
    world.clock.advance(2_000)
    await world.approve(phone, opened)
    world.clock.advance(3_000)
    now_s = world.now_ms // 1_000
    assertion = await world.redeem(login)
    claims = await claims_of(world, assertion, SERVICE_PROVIDER)
    subject = claims.pop("sub")
    assert len(subject) == 43
    assert claims == {
        "iss": ISSUER,
        "aud": SERVICE_PROVIDER,
        "acr": "urn:godkend:nsis:substantial",
        "amr": ["pop", "pin", "mfa"],
        "nsis_loa": "Substantial",
        "nsis_ial": "Substantial",
        "nsis_aal": "Substantial",
        "auth_time": now_s - 3,
        "iat": now_s,
        "exp": now_s + LIFE_S,
        "nonce": "a nonce",
        "txn": login.login_id.hex(),
        "sid": login.login_id.hex(),
    }
    assert jwt.get_unverified_header(assertion)["alg"] == "ES256"


async def test_without_a_nonce_an_assertion_repeats_none(world: World) -> None:
    assert "nonce" not in await logged_in(world, await world.activate(), nonce="")


async def test_a_subscriber_is_one_and_the_same_at_one_service_provider_only(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    annas_tablet = await world.activate(identity_id=anna.identity_id)
    tax = (await logged_in(world, anna))["sub"]
    assert (await logged_in(world, anna))["sub"] == tax
    assert (await logged_in(world, annas_tablet))["sub"] == tax
    health = (await logged_in(world, anna, service_provider="health"))["sub"]
    bank = (await logged_in(world, anna, service_provider="bank", by=BANK))["sub"]
    bos = (await logged_in(world, bo))["sub"]
    assert len({tax, health, bank, bos}) == 4
    assert anna.identity_id.hex() not in tax


async def test_an_assertion_is_good_for_its_service_provider_nonce_and_login_alone(
    open_world: OpensWorld, system_clock: _core.ManualClock
) -> None:
    world = await open_world(clock=system_clock)
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    assertion, jwks = await world.redeem(login), await world.jwks()
    expected: dict[str, Any] = {
        "issuer": ISSUER,
        "service_provider": SERVICE_PROVIDER,
        "nonce": "nonce",
        "login_id": login.login_id,
    }
    assert verify_assertion(assertion, jwks, **expected)["aud"] == SERVICE_PROVIDER
    for field, value in (
        ("issuer", "https://another.example"),
        ("service_provider", "health"),
        ("nonce", "another"),
        ("login_id", bytes(16)),
    ):
        with pytest.raises(Exception, match=r"(?i)issuer|audience|login"):
            verify_assertion(assertion, jwks, **{**expected, field: value})


async def test_an_assertion_is_good_for_five_minutes_by_whichever_clock_is_asked(
    world: World,
) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    assertion, jwks = await world.redeem(login), await world.jwks()
    signed_s = world.now_ms // 1_000

    def verify(now_s: float | None) -> None:
        verify_assertion(
            assertion,
            jwks,
            issuer=ISSUER,
            service_provider=SERVICE_PROVIDER,
            nonce="nonce",
            login_id=login.login_id,
            now_s=now_s,
        )

    for good_s in (signed_s - 10, signed_s, signed_s + 309):
        verify(good_s)
    for bad_s in (signed_s - 11, signed_s + 310, None):  # This machine's clock is years behind.
        with pytest.raises(AssertionInvalid):
            verify(bad_s)


# The reference clients


@pytest.fixture
def system_clock() -> _core.ManualClock:
    """A clock that stands at this machine's time, for clients that read their own."""
    return _core.ManualClock(unix_time_ms())


async def test_the_reference_clients_log_in(
    open_world: OpensWorld, system_clock: _core.ManualClock
) -> None:
    world = await open_world(clock=system_clock)
    code = (await world.issue(await world.register())).activation_code

    def walk() -> dict[str, Any]:
        with open_channel(f"127.0.0.1:{world.server.port}") as channel:
            front_end = FrontEnd(
                channel, token=PORTAL.token, issuer=ISSUER, service_provider=SERVICE_PROVIDER
            )
            phone = Activation.begin(channel, "anna", code).finish(PIN)
            with front_end.start("Log in", source="192.0.2.7", user_id="anna") as login:
                phone.approve(phone.open_login(login.app_link), PIN)
                assert login.wait() == APPROVED
                return login.redeem()

    assert (await asyncio.to_thread(walk))["aud"] == SERVICE_PROVIDER


async def test_a_reference_front_end_sees_who_said_no(
    open_world: OpensWorld, system_clock: _core.ManualClock
) -> None:
    world = await open_world(clock=system_clock)
    phone = await world.activate("anna")

    def starts(front_end: FrontEnd) -> Any:
        return front_end.start("Log in", source="192.0.2.7", user_id="anna")

    with open_channel(f"127.0.0.1:{world.server.port}") as channel:
        front_end = FrontEnd(
            channel, token=PORTAL.token, issuer=ISSUER, service_provider=SERVICE_PROVIDER
        )
        with await asyncio.to_thread(starts, front_end) as login:
            waiting = asyncio.create_task(asyncio.to_thread(login.wait))
            signed = phone.opens(login.app_link, world.now_ms)
            opened = await world.send(
                device_pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
            )
            await world.reject(phone, opened)
            assert await waiting == REJECTED
