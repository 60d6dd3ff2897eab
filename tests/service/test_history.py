"""The history, as subscribers, support and auditors may see it, and logins that were not theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from godkend.statements import read_statement, report_statement
from godkend.v1 import history_service_pb2 as pb
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import notification_service_pb2 as notification_pb
from godkend.v1 import statement_pb2
from tests.service.test_notifications import reached, told
from tests.service.world import (
    AUDITOR,
    CANCELLED,
    DAY_MS,
    PROFILE,
    SUPPORT,
    World,
    a_world,
    refused,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.phones import Phone

HISTORY, MESSAGES = statement_pb2.PAGE_HISTORY, statement_pb2.PAGE_MESSAGES


def listing(identity_id: bytes, **fields: Any) -> pb.ListHistoryRequest:
    return pb.ListHistoryRequest(identity_id=identity_id, **fields)


def own(world: World, phone: Phone, page: int = HISTORY, **fields: Any) -> dict[str, bytes]:
    at_ms = fields.pop("signed_at_ms", world.now_ms)
    signed = read_statement(phone.key, phone.authenticator_id, page, at_ms, **fields)  # type: ignore[arg-type]
    return {"statement": signed.statement, "signature": signed.signature}


def report(world: World, phone: Phone, seq: int, at_ms: int | None = None) -> Any:
    signed = report_statement(
        phone.key, phone.authenticator_id, seq, world.now_ms if at_ms is None else at_ms
    )
    return world.send(
        pb.ReportOwnLoginRequest(statement=signed.statement, signature=signed.signature)
    )


async def history(world: World, phone: Phone) -> list[pb.Entry]:
    request = pb.ListOwnHistoryRequest(**own(world, phone, page_size=100))
    return list((await world.send(request)).entries)


async def login_of(world: World, phone: Phone) -> pb.Entry:
    """The newest login in the phone's history."""
    return next(it for it in await history(world, phone) if it.kind == "login.approved")


async def test_the_subscriber_sees_what_happened_the_newest_first(world: World) -> None:
    phone = await world.activate()
    await world.sign_in(phone)
    entries = await history(world, phone)
    assert [entry.kind for entry in entries] == [
        "login.approved",
        "authenticator.activated",
        "activation.begun",
        "activation_code.issued",
        "identity.created",
    ]
    assert json.loads(entries[0].detail) == {
        "service_provider": "tax",
        "user_verification": "pin",
    }
    assert "code_id" not in entries[3].detail


async def test_each_viewer_sees_what_is_theirs_to_see(world: World) -> None:
    phone = await world.activate()
    assertion = await world.sign_in(phone)
    request = listing(phone.identity_id)
    mine = await world.send(request, PROFILE, assertion=assertion)
    assert list(mine.entries) == await history(world, phone)
    support = (await world.send(request, SUPPORT)).entries
    assert [it.kind for it in support] == [it.kind for it in mine.entries]
    assert json.loads(support[0].detail) == {"user_verification": "pin"}
    auditor = (await world.send(request, AUDITOR)).entries
    assert "statement_sha256" in auditor[0].detail
    assert "code_id" in auditor[3].detail


async def test_nobody_sees_the_history_of_somebody_else(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    assertion = await world.sign_in(anna)
    call = world.send(listing(bo.identity_id), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", call)
    forged = own(world, anna)
    forged["signature"] = own(world, bo)["signature"]
    await refused("SIGNATURE_INVALID", world.send(pb.ListOwnHistoryRequest(**forged)))
    assert {it.seq for it in await history(world, anna)}.isdisjoint(
        it.seq for it in await history(world, bo)
    )


async def test_a_blocked_phone_sees_nothing_more(world: World) -> None:
    phone = await world.activate()
    await world.block(phone.identity_id, phone.authenticator_id)
    for page, request in ((HISTORY, pb.ListOwnHistoryRequest), (MESSAGES, MESSAGES_REQUEST)):
        call = world.send(request(**own(world, phone, page)))
        await refused("AUTHENTICATOR_BLOCKED", call)


MESSAGES_REQUEST = notification_pb.ListMessagesRequest


async def test_a_statement_is_for_one_page_and_for_now(world: World) -> None:
    phone = await world.activate()
    call = world.send(pb.ListOwnHistoryRequest(**own(world, phone, MESSAGES)))
    assert (await refused("FIELD_INVALID", call)).field == "statement"
    call = world.send(MESSAGES_REQUEST(**own(world, phone, HISTORY)))
    assert (await refused("FIELD_INVALID", call)).field == "statement"
    for off_ms in (-120_001, 120_001):
        stale = own(world, phone, signed_at_ms=world.now_ms + off_ms)
        await refused("STATEMENT_EXPIRED", world.send(pb.ListOwnHistoryRequest(**stale)))
    await world.send(
        pb.ListOwnHistoryRequest(**own(world, phone, signed_at_ms=world.now_ms + 120_000))
    )


async def test_pages_follow_one_another_to_the_end(world: World) -> None:
    phone = await world.activate()
    for _ in range(3):
        await world.block(phone.identity_id)
        await world.unblock(phone.identity_id)
    whole = (await world.send(listing(phone.identity_id, page_size=100))).entries
    found: list[pb.Entry] = []
    token = b""
    while True:
        page = await world.send(listing(phone.identity_id, page_size=3, page_token=token))
        found += page.entries
        assert len(page.entries) <= 3
        token = page.next_page_token
        if not token:
            break
    assert found == list(whole)
    assert len(found) == 10


async def test_a_page_token_fits_its_own_identity_and_nothing_that_was_made_up(
    world: World,
) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    token = (await world.send(listing(anna.identity_id, page_size=1))).next_page_token
    assert await world.send(listing(anna.identity_id, page_token=token))
    for wrong in (token[:-1], token + b"\0", b"\1", bytes(46), bytes(129), token[::-1]):
        call = world.send(listing(anna.identity_id, page_token=wrong))
        assert (await refused("FIELD_INVALID", call)).field == "page_token"
    call = world.send(listing(bo.identity_id, page_token=token))
    assert (await refused("FIELD_INVALID", call)).field == "page_token"


async def test_a_page_has_at_most_as_many_entries_as_the_policy_says(tmp_path: Path) -> None:
    async with a_world(tmp_path, history={"page_entries_max": 2}) as world:
        phone = await world.activate()
        for size in (0, 1, 2):
            page = await world.send(listing(phone.identity_id, page_size=size))
            assert len(page.entries) == (size or 2)
        for size in (-1, 3):
            call = world.send(listing(phone.identity_id, page_size=size))
            assert (await refused("FIELD_INVALID", call)).field == "page_size"


async def test_subscribers_see_a_year_back_and_auditors_everything(world: World) -> None:
    identity_id = await world.register()
    world.clock.advance(365 * DAY_MS)
    assert len((await world.send(listing(identity_id), SUPPORT)).entries) == 1
    world.clock.advance(1)
    assert len((await world.send(listing(identity_id), SUPPORT)).entries) == 0
    assert len((await world.send(listing(identity_id), AUDITOR)).entries) == 1


async def test_an_unknown_identity_is_not_found(world: World) -> None:
    await refused("IDENTITY_NOT_FOUND", world.send(listing(bytes(16))))


# Logins that were not theirs


async def test_a_reported_login_is_marked_and_told_on_all_channels(world: World) -> None:
    identity_id = await reached(world)
    phone = await world.activate("anna", identity_id=identity_id)
    await world.sign_in(phone)
    login = await login_of(world, phone)
    reported = await report(world, phone, login.seq)
    assert reported.advice == pb.ADVICE_BLOCK_AUTHENTICATOR
    assert reported.authenticator_id == phone.authenticator_id
    assert not reported.ended, "it was redeemed already"
    newest, second, *_ = await history(world, phone)
    assert (newest.kind, newest.login_id) == ("login.reported", login.login_id)
    assert (second.seq, second.reported_at_ms) == (login.seq, world.now_ms)
    for text in await told(world, "login.reported", 2):
        assert "that a login at tax was not yours" in text
    request = MESSAGES_REQUEST(**own(world, phone, MESSAGES))
    messages = (await world.send(request)).messages
    assert messages[0].event_seq == newest.seq
    assert messages[0].subject == "You reported a login that was not yours"


async def test_reporting_again_changes_nothing(world: World) -> None:
    phone = await world.activate()
    assertion = await world.sign_in(phone)
    login = await login_of(world, phone)
    first = await report(world, phone, login.seq)
    events = await world.events()
    world.clock.advance(1_000)
    assert await report(world, phone, login.seq) == first
    again = pb.ReportLoginRequest(identity_id=phone.identity_id, entry_seq=login.seq)
    response = await world.send(again, PROFILE, assertion=assertion)
    assert response.authenticator_id == first.authenticator_id
    assert await world.events() == events


async def test_a_login_that_is_reported_before_it_is_redeemed_never_is(world: World) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    reported = await report(world, phone, (await login_of(world, phone)).seq)
    assert reported.ended
    assert await world.state(login) == CANCELLED
    await refused("LOGIN_CANCELLED", world.redeem(login))


async def test_only_an_approved_login_of_ones_own_is_reported(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    assertion = await world.sign_in(anna)
    login = await login_of(world, anna)
    await refused("ENTRY_NOT_FOUND", report(world, bo, login.seq))
    of_her_own = {event.seq for event in await world.events() if event.kind != "login.approved"}
    for seq in (*of_her_own, 0, -1, login.seq + 1, 2**62):
        await refused("ENTRY_NOT_FOUND", report(world, anna, seq))
    elsewhere = pb.ReportLoginRequest(identity_id=bo.identity_id, entry_seq=login.seq)
    await refused("SUBSCRIBER_NOT_PROVED", world.send(elsewhere, PROFILE, assertion=assertion))
    await refused("STATEMENT_EXPIRED", report(world, anna, login.seq, world.now_ms + 120_001))
    assert all(event.kind != "login.reported" for event in await world.events())


# In the app


async def test_the_app_shows_what_was_told_in_the_subscribers_language_and_no_code(
    world: World,
) -> None:
    identity_id = await reached(world, language=identity_pb.LANGUAGE_GERMAN)
    phone = await world.activate("anna", identity_id=identity_id)
    code = (await world.issue(identity_id)).activation_code
    await world.sign_in(phone)
    page = await world.send(MESSAGES_REQUEST(**own(world, phone, MESSAGES)))
    assert [message.subject for message in page.messages] == [
        "Für Sie wurde ein Aktivierungscode erstellt",
        "Eine neue App ist mit Ihrer Identität verbunden",
        "Eine App wird mit Ihrer Identität verbunden",
        "Für Sie wurde ein Aktivierungscode erstellt",
        "Ihre Kontaktdaten wurden geändert",
    ]
    assert code not in "".join(message.text for message in page.messages)
    assert page.next_page_token == b""
