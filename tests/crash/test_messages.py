"""`kill -9` while messages are delivered: none is lost, and one that comes again is known again."""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING

from godkend.calls import godkend_errors
from godkend.notifications.folder import messages_in
from godkend.v1 import identity_service_pb2 as pb
from tests.servers import CHEAP_PIN, PLENTY, Desk, Server, Settings, eventually

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 6
BLOCKS = 15
LEASE: Settings = {"policy": {"notification": {"lease_ms": 1_000}}}


def reachable(desk: Desk, server: Server) -> bytes:
    """Somebody with a phone number and an e-mail address."""
    identity_id = desk.create(f"subscriber-{secrets.token_hex(8)}")
    details = pb.ContactDetails(phone_number="+4512345678", email="anna@example.org")
    request = pb.SetContactDetailsRequest(identity_id=identity_id, contact_details=details)
    with godkend_errors():
        desk._stub.SetContactDetails(request, metadata=server.metadata("registrar"), timeout=60)
    return identity_id


def ids(folder: Path) -> list[str]:
    """The ids of the messages about blocks and unblocks."""
    texts = [text for _, text in messages_in(folder)]
    return [text.split()[1] for text in texts if "About: identity." in text]


def test_no_message_is_lost_by_kill_9_and_none_has_two_names(tmp_path: Path) -> None:
    data_dir, events = tmp_path / "data", 0
    for _ in range(ROUNDS):
        with Server(data_dir, PLENTY, CHEAP_PIN, LEASE) as server, server.channel() as channel:
            desk = Desk(channel, server.metadata("registrar"))
            identity_id = reachable(desk, server)
            for number in range(random.randint(1, BLOCKS)):
                desk.block(identity_id, b"", blocked=number % 2 == 0)
                events += 1
            server.kill()
    with Server(data_dir, PLENTY, CHEAP_PIN, LEASE):
        eventually(lambda: len(ids(data_dir / "messages")) == 2 * events, "every message came")
    assert len(set(ids(data_dir / "messages"))) == 2 * events


def test_of_several_servers_one_delivers_and_another_takes_over(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    servers = [Server(data_dir, PLENTY, CHEAP_PIN, LEASE) for _ in range(2)]
    with (
        servers[0] as one,
        servers[1] as other,
        one.channel() as channel,
        other.channel() as second,
    ):
        desk = Desk(channel, one.metadata("registrar"))
        identity_id = reachable(desk, one)
        eventually(lambda: len(list(messages_in(data_dir / "messages"))) == 2, "they came")
        counts = [delivered(server) for server in servers]
        assert sorted(counts) == [0, 2], "one of them delivers, and the other does not"
        holder, waiting = (one, other) if counts[0] else (other, one)
        holder.kill()
        if holder is one:
            desk = Desk(second, other.metadata("registrar"))
        desk.block(identity_id, b"", blocked=True)
        eventually(lambda: delivered(waiting) == 2, "the other has taken over")
        assert len(ids(data_dir / "messages")) == 2


def delivered(server: Server) -> int:
    """How many messages this server has had carried."""
    return server.metric_total("godkend_messages_total", outcome="delivered")
