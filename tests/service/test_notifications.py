"""Subscribers are told what happens to their identity."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from typing import TYPE_CHECKING, Any

from godkend.notifications.folder import Folder, messages_in
from godkend.notifications.table import Channel
from godkend.notifications.writing import Written
from godkend.v1 import identity_service_pb2 as pb
from godkend.v1 import notification_service_pb2 as notification_pb
from tests.service.world import PATIENCE_S, World, a_world, refused
from tests.support.driver import NOW_MS
from tests.support.phones import PIN, PIN_OTHER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NUMBER, ADDRESS = "+4512345678", "anna@example.org"


async def reached(world: World, **fields: Any) -> bytes:
    """Somebody with a phone number and an e-mail address, who has read what came before."""
    identity_id = await world.register()
    chosen = {"phone_number": NUMBER, "email": ADDRESS, "language": pb.LANGUAGE_ENGLISH, **fields}
    details = pb.ContactDetails(**chosen)
    await world.send(pb.SetContactDetailsRequest(identity_id=identity_id, contact_details=details))
    return identity_id


def written(world: World) -> list[str]:
    """The messages in the folder, in the order of their events."""
    return [text for _, text in messages_in(world.config.messages)]


async def until(holds: Callable[[], bool], what: str) -> None:
    """Returns once something holds; fails if it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110, there is nobody to set an event
            await asyncio.sleep(0.01)


async def told(world: World, about: str, count: int) -> list[str]:
    """The messages about a kind of event, once there are so many."""
    chosen: list[str] = []

    def are_there() -> bool:
        chosen[:] = [text for text in written(world) if f"\nAbout: {about}," in text]
        return len(chosen) >= count

    await until(are_there, about)
    assert len(chosen) == count
    return chosen


async def test_an_event_becomes_a_message_on_each_channel(world: World) -> None:
    identity_id = await reached(world)
    await world.block(identity_id)
    sms, email = sorted(await told(world, "identity.blocked", 2), key=lambda it: "email" in it)
    assert f"Channel: sms\nTo: {NUMBER}\n" in sms
    assert f"Channel: email\nTo: {ADDRESS}\n" in email
    for text in (sms, email):
        assert "Your identity was blocked on 15 January 2027 at 09:00." in text
    assert "We never send links" in email


async def test_a_code_that_goes_by_sms_is_in_the_sms_and_nowhere_else(world: World) -> None:
    identity_id = await reached(world)
    code = (await world.issue(identity_id)).activation_code
    both = await told(world, "activation_code.issued", 2)
    assert [f"Your activation code is {code}." in text for text in both].count(True) == 1
    (sms,) = [text for text in both if code in text]
    assert "Channel: sms" in sms
    assert code not in "".join(event.detail for event in await world.events())


async def test_a_code_on_paper_is_told_of_and_not_sent(world: World) -> None:
    identity_id = await reached(world)
    issued = await world.issue(identity_id, channel=pb.ACTIVATION_CHANNEL_PAPER)
    for text in await told(world, "activation_code.issued", 2):
        assert issued.activation_code not in text
        assert "An activation code was made for you" in text


async def test_messages_are_files_that_their_owner_alone_can_read(world: World) -> None:
    await world.block(await reached(world))
    await told(world, "identity.blocked", 2)
    folder = world.config.messages
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file, text in messages_in(folder):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert re.match(r"Message: [0-9a-f]{32}\n", text)


async def test_a_login_and_what_the_subscriber_just_did_in_the_app_is_told_to_nobody(
    world: World,
) -> None:
    phone = await world.activate(identity_id=await reached(world), user_id="anna")
    await world.sign_in(phone)
    await world.change_pin(phone, PIN, PIN_OTHER)
    await told(world, "pin.changed", 1)
    assert not [text for text in written(world) if "About: login." in text]


def shut(world: World) -> None:
    """Lets every delivery fail: where the folder would be is a file."""
    world.config.messages.parent.mkdir(parents=True, exist_ok=True)
    world.config.messages.write_text("")


async def dead_letters(world: World, **fields: Any) -> list[notification_pb.DeadLetter]:
    page = await world.send(notification_pb.ListDeadLettersRequest(**fields))
    return list(page.dead_letters)


async def given_up(world: World, count: int) -> list[notification_pb.DeadLetter]:
    """The dead letters, once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            letters = await dead_letters(world)
            if len(letters) >= count:
                return letters
            await asyncio.sleep(0.01)


async def test_what_cannot_be_delivered_is_a_dead_letter_and_can_be_tried_again(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, notification={"tries_max": 1}) as world:
        shut(world)
        await world.block(await reached(world))
        letters = await given_up(world, 4)
        assert [letter.failure for letter in letters] == ["File exists"] * 4
        assert [letter.tries for letter in letters] == [1] * 4
        assert await dead_letters(world, page_size=3) == letters[:3]
        world.config.messages.unlink()
        for letter in letters:
            request = notification_pb.RetryMessageRequest(message_id=letter.message_id)
            await world.send(request)
        await told(world, "identity.blocked", 2)
        await told(world, "contact.changed", 2)
        ids = {text.split()[1] for text in written(world)}
        assert ids == {letter.message_id.hex() for letter in letters}
        assert await dead_letters(world) == []


async def test_pages_of_dead_letters_follow_one_another(tmp_path: Path) -> None:
    async with a_world(tmp_path, notification={"tries_max": 1}) as world:
        shut(world)
        await world.block(await reached(world))
        letters = await given_up(world, 4)
        found: list[notification_pb.DeadLetter] = []
        token = b""
        while len(found) < 4:
            page = await world.send(
                notification_pb.ListDeadLettersRequest(page_size=1, page_token=token)
            )
            found += page.dead_letters
            token = page.next_page_token
        assert found == letters
        for page_token in (b"x", bytes(23), bytes(25)):
            call = world.send(notification_pb.ListDeadLettersRequest(page_token=page_token))
            assert (await refused("FIELD_INVALID", call)).field == "page_token"
        for size in (-1, 101):
            call = world.send(notification_pb.ListDeadLettersRequest(page_size=size))
            assert (await refused("FIELD_INVALID", call)).field == "page_size"


async def test_only_a_dead_letter_is_tried_again(world: World) -> None:
    await world.block(await reached(world))
    (first, *_) = await told(world, "identity.blocked", 2)
    delivered = bytes.fromhex(first.split()[1])

    def retry(message_id: bytes) -> Any:
        return world.send(notification_pb.RetryMessageRequest(message_id=message_id))

    await refused("MESSAGE_NOT_FOUND", retry(bytes(16)))
    await refused("MESSAGE_NOT_DEAD", retry(delivered))


async def test_a_delivery_that_failed_is_tried_again_by_itself(world: World) -> None:
    shut(world)
    await world.block(await reached(world))
    tally = world.server.metrics.get_sample_value
    failed = {"channel": "sms", "outcome": "failed"}
    await until(lambda: tally("godkend_messages_total", failed) == 2, "two SMS have failed")
    world.config.messages.unlink()
    world.clock.advance(10_000)
    await told(world, "identity.blocked", 2)


async def test_the_log_says_why_and_not_to_whom(tmp_path: Path) -> None:
    async with a_world(tmp_path, log_level="info") as world:
        shut(world)
        await world.block(await reached(world))
        await until(lambda: b"not_carried" in world.log.getvalue(), "a failure is in the log")
        assert NUMBER.encode() not in world.log.getvalue()
        assert ADDRESS.encode() not in world.log.getvalue()


async def test_a_code_that_is_no_longer_good_is_not_sent(world: World) -> None:
    shut(world)
    identity_id = await reached(world)
    replaced = (await world.issue(identity_id)).activation_code
    await world.issue(identity_id)
    tally = world.server.metrics.get_sample_value
    failed = {"channel": "sms", "outcome": "failed"}
    await until(lambda: (tally("godkend_messages_total", failed) or 0) >= 2, "SMS have failed")
    world.config.messages.unlink()
    world.clock.advance(10_000)
    overtaken = {"channel": "sms", "outcome": "overtaken"}
    await until(lambda: tally("godkend_messages_total", overtaken) == 1, "one is overtaken")
    await told(world, "activation_code.issued", 3)
    assert replaced not in "".join(written(world))


async def test_who_is_no_longer_reached_that_way_is_told_as_well(world: World) -> None:
    identity_id = await reached(world)
    await told(world, "contact.changed", 2)
    details = pb.ContactDetails(phone_number="+4587654321", email=ADDRESS)
    await world.send(pb.SetContactDetailsRequest(identity_id=identity_id, contact_details=details))
    texts = await told(world, "contact.changed", 5)
    numbers = [line for text in texts for line in text.splitlines() if line.startswith("To: +")]
    assert sorted(numbers) == [f"To: {NUMBER}", f"To: {NUMBER}", "To: +4587654321"]
    assert len({text.split()[1] for text in texts}) == 5


async def test_a_retry_is_in_the_history(tmp_path: Path) -> None:
    async with a_world(tmp_path, notification={"tries_max": 1}) as world:
        shut(world)
        identity_id = await reached(world)
        letter, _ = await given_up(world, 2)
        await world.send(notification_pb.RetryMessageRequest(message_id=letter.message_id))
        event = (await world.events())[-1]
        assert (event.kind, event.actor) == ("message.retried", "support")
        assert event.identity_id == identity_id
        assert json.loads(event.detail) == {
            "event_seq": letter.event_seq,
            "channel": {1: "sms", 2: "email"}[letter.channel],
        }


def written_at(at_ms: int) -> Written:
    return Written(
        message_id=f"{at_ms:032x}",
        channel=Channel.SMS,
        address=NUMBER,
        language=pb.LANGUAGE_ENGLISH,
        kind="identity.blocked",
        at_ms=at_ms,
        subject="",
        words="Words",
    )


def test_messages_in_the_folder_are_kept_for_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    times = (NOW_MS - 1_001, NOW_MS - 1_000, NOW_MS)
    for at_ms in times:  # Each by a folder that looks for old ones with its first message.
        Folder(folder, kept_ms=1_000).carry(written_at(at_ms))
    (folder / ".1-sms-0").write_text("half of it")
    (folder / "notes.txt").write_text("of somebody else")
    Folder(folder, kept_ms=1_000).carry(written_at(NOW_MS))
    names = {file.name.partition("-")[0] for file in folder.iterdir()}
    assert names == {str(NOW_MS - 1_000), str(NOW_MS), "notes.txt"}
