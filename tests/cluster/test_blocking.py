"""A block through one worker holds on every worker from its answer on, and ends what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from godkend.errors import Denied
from godkend.phone import Phone
from godkend.v1 import login_service_pb2 as login_pb
from tests.cluster.placement import channel_to_each
from tests.cluster.test_workers import elsewhere, logins_of, workers
from tests.servers import CHEAP_PIN, PIN, Desk, NewLogin, Server

if TYPE_CHECKING:
    from pathlib import Path

    import grpc


def opened_at(channel: grpc.Channel, phone: Phone, metadata: Any) -> tuple[Any, Any]:
    """A login that its front-end watches at one worker, and what the phone was shown."""
    new = NewLogin("tax.example")
    stream = logins_of(channel).StartLogin(new.start_request, metadata=metadata)
    opened = phone.open_login(next(stream).started.app_link)
    assert next(stream).state == login_pb.LOGIN_STATE_OPENED
    return stream, opened


@pytest.mark.parametrize("by_phone", [True, False])
def test_a_block_through_one_worker_holds_on_the_other(tmp_path: Path, by_phone: bool) -> None:
    with (
        Server(tmp_path / "data", CHEAP_PIN, workers(2)) as server,
        channel_to_each(server) as (first, second),
    ):
        front_end = server.metadata("front-end")
        desk = Desk(second, server.metadata("registrar"))
        erik = desk.subscriber()
        here, there = elsewhere(erik.phone, first), elsewhere(erik.phone, second)
        waiting, opened = opened_at(first, here, front_end)
        approved, opened_too = opened_at(first, here, front_end)
        here.approve(opened_too, PIN)
        assert next(approved).state == login_pb.LOGIN_STATE_APPROVED
        if by_phone:
            there.block()
        else:
            desk.block(erik.identity_id, b"", blocked=True)
        # Its answer is there, so it holds: no login is opened or approved any more, wherever.
        for phone in (here, there):
            with pytest.raises(Denied, match="IDENTITY_BLOCKED"):
                phone.approve(opened, PIN)
        for stream in (waiting, approved):
            assert next(stream).state == login_pb.LOGIN_STATE_CANCELLED
