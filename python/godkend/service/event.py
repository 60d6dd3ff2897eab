"""EventService: the hash-chained history, for auditors and notifiers."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from godkend.engine import TIMEOUT_MS_NONE
from godkend.errors import Invalid
from godkend.service.call import caller, timeout_ms
from godkend.v1 import event_service_pb2 as pb
from godkend.v1.event_service_pb2_grpc import EventServiceServicer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context
    from godkend.service.stream import OpenStreams


class EventService(EventServiceServicer):
    """Streams events from a cursor, and keeps cursors."""

    def __init__(self, engine: Engine, streams: OpenStreams) -> None:
        self._engine = engine
        self._streams = streams

    async def StreamEvents(
        self, request: pb.StreamEventsRequest, context: Context
    ) -> AsyncGenerator[pb.StreamEventsResponse, None]:
        if request.after_seq < 0:
            raise Invalid("after_seq", "must be 0 or more")
        after_seq = request.after_seq
        if request.consumer:
            if after_seq:
                raise Invalid("after_seq", "must be 0 for a consumer")
            after_seq = await self._engine.call(
                self._engine.core.read_cursor,
                TIMEOUT_MS_NONE,
                caller.get().name,
                request.consumer,
            )
        following = self._engine.events(after_seq, until_now=request.until_now)
        with self._streams.opened():
            async with aclosing(following) as events:
                async for event in events:
                    yield pb.StreamEventsResponse(event=_event(event))

    async def AckEvents(
        self, request: pb.AckEventsRequest, context: Context
    ) -> pb.AckEventsResponse:
        engine = self._engine
        seq: int = await engine.call(
            engine.core.ack_events,
            timeout_ms(context),
            caller.get().name,
            request.consumer,
            request.seq,
        )
        return pb.AckEventsResponse(seq=seq)


def _event(view: _core.EventView) -> pb.Event:
    return pb.Event(
        seq=view.seq,
        at_ms=view.at_ms,
        kind=view.kind,
        identity_id=view.identity_id,
        authenticator_id=view.authenticator_id,
        login_id=view.login_id,
        actor=view.actor,
        detail=view.detail,
        hash=view.hash,
    )
