"""Signing: the same exchange with a document, and the receipt that it ends in."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest

from godkend.receipt import ReceiptInvalid, verify_receipt
from godkend.v1 import login_service_pb2 as pb
from tests.service.displays import activated, submit_code, submit_password
from tests.service.world import (
    APPROVED,
    BY_BIOMETRICS,
    BY_PIN,
    OPENED,
    PORTAL,
    Login,
    World,
    refused,
)
from tests.support.documents import LEASE, lease
from tests.support.phones import ALGORITHMS, PIN_WRONG, SERVICE_PROVIDER, TEXT, Phone, fresh


async def redeemed(world: World, login: Login) -> pb.RedeemLoginResponse:
    request = pb.RedeemLoginRequest(login_id=login.login_id, verifier=login.verifier)
    response: pb.RedeemLoginResponse = await world.send(request, PORTAL)
    return response


async def signed(world: World, phone: Phone, how: Any = BY_PIN) -> pb.RedeemLoginResponse:
    login, opened = await world.opened(phone, document=lease())
    await world.approve(phone, opened, how=how)
    return await redeemed(world, login)


@pytest.mark.parametrize("how", [BY_PIN, BY_BIOMETRICS])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_signature_ends_in_a_receipt_that_anybody_can_check(
    world: World, algorithm: Any, how: Any
) -> None:
    anna = await world.activate(algorithm=algorithm)
    response = await signed(world, anna, how)
    claims = jwt.decode(response.assertion, options={"verify_signature": False})
    receipt = verify_receipt(response.receipt, await world.jwks(), LEASE)
    assert receipt.login == claims
    assert receipt.name == "Lease.pdf"
    assert receipt.statement.text == TEXT
    assert receipt.statement.service_provider == SERVICE_PROVIDER
    assert receipt.statement.authenticator_id == anna.authenticator_id
    assert receipt.device["enrolled_level"] == "Substantial"
    assert receipt.device["activated_at"] == world.now_ms // 1_000


async def test_a_receipt_needs_neither_the_server_nor_its_clock(world: World) -> None:
    """A year later, with the keys as they were published then."""
    response, jwks = await signed(world, await world.activate()), await world.jwks()
    world.clock.advance(365 * 86_400_000)
    await world.server.engine.close()
    assert verify_receipt(response.receipt, jwks, LEASE)


async def test_a_phone_is_told_what_it_is_to_sign(world: World) -> None:
    login, opened = await world.opened(await world.activate(), document=lease())
    assert opened.document == lease()
    assert await world.state(login) == OPENED


async def test_a_mere_login_gives_no_receipt(world: World) -> None:
    anna = await world.activate()
    login, opened = await world.opened(anna)
    assert not opened.HasField("document")
    await world.approve(anna, opened)
    assert (await redeemed(world, login)).receipt == ""


@pytest.mark.parametrize(
    "other",
    [
        lease(sha256=bytes(32)),
        lease(sha256=b""),
        lease(media_type="text/plain"),
        lease(name="Lease"),
        lease(name=""),
    ],
)
async def test_a_statement_about_another_document_is_refused_by_its_own_reason_and_spends_nothing(
    world: World, other: Any
) -> None:
    anna = await world.activate()
    login, opened = await world.opened(anna, document=lease())
    await refused("STATEMENT_WRONG_DOCUMENT", world.approve(anna, opened, document=other))
    await refused("STATEMENT_WRONG_DOCUMENT", world.reject(anna, opened, document=other))
    assert await world.strikes(anna) == 0
    assert await world.approve(anna, opened) == APPROVED
    assert (await redeemed(world, login)).receipt


async def test_no_login_passes_for_a_signature_nor_a_signature_for_a_login(world: World) -> None:
    anna = await world.activate()
    _, signing = await world.opened(anna, document=lease())
    await refused("STATEMENT_WITHOUT_DOCUMENT", world.approve(anna, signing, document=None))
    _, opened = await world.opened(anna)
    await refused("STATEMENT_WITH_DOCUMENT", world.approve(anna, opened, document=lease()))
    assert await world.strikes(anna) == 0


async def test_the_receipt_holds_the_statement_of_the_right_pin_and_not_of_a_wrong_one(
    world: World,
) -> None:
    anna = await world.activate()
    login, opened = await world.opened(anna, document=lease())
    await refused(
        "PIN_WRONG", world.approve(anna, opened, PIN_WRONG, attempt_id=b"wrong" + fresh(11))
    )
    right = fresh()
    await world.approve(anna, opened, attempt_id=right)
    receipt = verify_receipt((await redeemed(world, login)).receipt, await world.jwks(), LEASE)
    assert receipt.statement.attempt_id == right


async def test_a_repeated_start_must_ask_for_the_same_document(world: World) -> None:
    request_id, verifier = fresh(), fresh(32)
    first = await world.start(request_id=request_id, verifier=verifier, document=lease())
    again = await world.start(request_id=request_id, verifier=verifier, document=lease())
    assert again.login_id == first.login_id
    for other in (None, lease(name="Another")):
        call = world.start(request_id=request_id, verifier=verifier, document=other)
        await refused("REQUEST_ID_REUSED", call)


async def test_a_receipt_survives_a_restart_between_approval_and_redemption(
    open_world: Any,
) -> None:
    world = await open_world(store="")
    anna = await world.activate()
    login, opened = await world.opened(anna, document=lease())
    await world.approve(anna, opened)
    again = await open_world(store="", clock=world.clock)
    response = await redeemed(again, login)
    assert verify_receipt(response.receipt, await again.jwks(), LEASE)


async def test_the_history_names_the_document_by_its_digest_alone(world: World) -> None:
    await signed(world, await world.activate())
    (approved,) = [e for e in await world.events() if e.kind == "login.approved"]
    assert json.loads(approved.detail)["document_sha256"] == lease().sha256.hex()
    assert "Lease" not in "".join(event.detail for event in await world.events())


async def test_a_receipt_of_one_document_proves_no_other(world: World) -> None:
    response = await signed(world, await world.activate())
    with pytest.raises(ReceiptInvalid, match="another document"):
        verify_receipt(response.receipt, await world.jwks(), LEASE + b"\n")


async def test_a_display_signs_nothing_and_spends_nothing(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna", document=lease())
    code = holder.code(world)
    await refused("APP_REQUIRED", submit_code(world, login, code))
    await refused("APP_REQUIRED", submit_password(world, login))
    assert await submit_code(world, await world.start("anna"), code) == OPENED
