"""The history, as auditors and notifiers follow it."""

from __future__ import annotations

import grpc.aio
import pytest

from godkend.event_chain import ChainBroken, verify_events
from godkend.v1 import event_service_pb2 as pb
from tests.service.world import World, refused
from tests.support.phones import PIN, PIN_OTHER, PIN_WRONG


async def lived(world: World) -> None:
    """Something of every kind."""
    phone = await world.activate()
    login, opened = await world.opened(phone, "anna")
    await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
    await world.approve(phone, opened)
    await world.redeem(login)
    await world.reject(phone, (await world.opened(phone))[1])
    await world.change_pin(phone, PIN, PIN_OTHER)
    code = (await world.issue(phone.identity_id)).activation_code
    tried = code[:3] + ("22222" if code[3:] != "22222" else "33333")
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", tried, phone.key))
    for block in ((phone.identity_id,), (phone.identity_id, phone.authenticator_id)):
        await world.block(*block)
        await world.unblock(*block)


KINDS = [
    ("identity.created", "registrar"),
    ("activation_code.issued", "registrar"),
    ("activation.begun", "device"),
    ("authenticator.activated", "device"),
    ("pin.wrong", "device"),
    ("login.approved", "device"),
    ("login.redeemed", "portal"),
    ("login.rejected", "device"),
    ("pin.changed", "device"),
    ("activation_code.issued", "registrar"),
    ("activation.refused", "device"),
    ("identity.blocked", "registrar"),
    ("identity.unblocked", "registrar"),
    ("authenticator.blocked", "registrar"),
    ("authenticator.unblocked", "registrar"),
]


async def test_everything_that_matters_is_in_one_whole_chain(world: World) -> None:
    await lived(world)
    events = await world.events()
    assert [(event.kind, event.actor) for event in events] == KINDS
    assert verify_events(events).seq == len(KINDS)


async def test_a_changed_missing_or_moved_event_breaks_the_chain(world: World) -> None:
    await lived(world)
    events = await world.events()
    changed = pb.Event.FromString(events[3].SerializeToString())
    changed.actor = "somebody"
    for broken in (
        [*events[:3], changed, *events[4:]],
        [*events[:3], *events[4:]],
        [*events[:3], events[4], events[3], *events[5:]],
    ):
        with pytest.raises(ChainBroken):
            verify_events(broken)


async def test_a_stream_goes_on_from_its_cursor(world: World) -> None:
    await lived(world)
    events = await world.events()
    for after in (0, 1, 7, len(events) - 1, len(events), len(events) + 5):
        request = pb.StreamEventsRequest(after_seq=after, until_now=True)
        assert [message.event for message in await world.send(request)] == events[after:]


async def test_a_long_history_arrives_whole(world: World) -> None:
    identity_id = await world.register()
    for _ in range(200):
        await world.block(identity_id)
        await world.unblock(identity_id)
    events = await world.events()
    assert len(events) == 401
    assert verify_events(events).seq == 401


async def test_a_follower_sees_what_happens_as_it_happens(world: World) -> None:
    identity_id = await world.register()
    stream = world.stream(pb.StreamEventsRequest())
    assert (await stream.read()).event.kind == "identity.created"
    for _ in range(3):
        await world.block(identity_id)
        assert (await stream.read()).event.kind == "identity.blocked"
        await world.unblock(identity_id)
        assert (await stream.read()).event.kind == "identity.unblocked"
    stream.cancel()


async def test_a_follower_is_told_when_the_server_stops(world: World) -> None:
    await world.register()
    stream = world.stream(pb.StreamEventsRequest())
    assert (await stream.read()).event.seq == 1
    # What the server does when it stops, but the test keeps the channel.
    follower = stream.read()
    await world.server.engine.close()
    assert await follower is grpc.aio.EOF


def acking(seq: int, consumer: str = "archive") -> pb.AckEventsRequest:
    return pb.AckEventsRequest(consumer=consumer, seq=seq)


def consuming(consumer: str = "archive") -> pb.StreamEventsRequest:
    return pb.StreamEventsRequest(consumer=consumer, until_now=True)


async def test_a_consumer_goes_on_after_what_it_has_acknowledged(world: World) -> None:
    await lived(world)
    events = await world.events()
    assert [it.event for it in await world.send(consuming())] == events
    assert (await world.send(acking(7))).seq == 7
    assert [it.event for it in await world.send(consuming())] == events[7:]
    assert [it.event for it in await world.send(consuming("another"))] == events


async def test_a_cursor_never_goes_back_and_never_ahead_of_the_history(world: World) -> None:
    await lived(world)
    await world.send(acking(7))
    assert (await world.send(acking(3))).seq == 7
    for seq in (-1, 0, len(KINDS) + 1):
        assert (await refused("FIELD_INVALID", world.send(acking(seq)))).field == "seq"
    assert (await world.send(acking(len(KINDS)))).seq == len(KINDS)
    assert await world.send(consuming()) == []


async def test_a_consumer_has_a_name_and_no_other_cursor(world: World) -> None:
    await world.register()
    for consumer in ("", "x" * 65, "a\nb"):
        call = world.send(acking(1, consumer))
        assert (await refused("FIELD_INVALID", call)).field == "consumer"
    call = world.send(pb.StreamEventsRequest(after_seq=1, consumer="archive", until_now=True))
    assert (await refused("FIELD_INVALID", call)).field == "after_seq"


async def test_a_client_keeps_so_many_cursors_and_no_more(world: World) -> None:
    await world.register()
    for number in range(16):
        await world.send(acking(1, f"consumer-{number}"))
    await refused("CONSUMERS_FULL", world.send(acking(1, "one too many")))
    await world.send(acking(1, "consumer-3"))
