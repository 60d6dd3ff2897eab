"""NotificationService: messages in the app, and what could not be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from godkend.errors import Invalid
from godkend.notifications.table import NOTICES, Channel
from godkend.notifications.writing import words_of
from godkend.service.call import caller, timeout_ms
from godkend.v1 import notification_service_pb2 as pb
from godkend.v1.notification_service_pb2_grpc import NotificationServiceServicer

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context

    MessageChannel: TypeAlias = pb.MessageChannel.ValueType

IN_THE_APP = [kind for kind, channels in NOTICES.items() if Channel.APP in channels]
PAGE_SIZE, PAGE_SIZE_MAX = 50, 100
SEQ_BYTES, ID_BYTES = 8, 16


class NotificationService(NotificationServiceServicer):
    """Shows messages; shows dead letters and queues them anew."""

    def __init__(self, engine: Engine, zone: ZoneInfo) -> None:
        self._engine = engine
        self._zone = zone

    async def ListMessages(
        self, request: pb.ListMessagesRequest, context: Context
    ) -> pb.ListMessagesResponse:
        engine = self._engine
        page: _core.HistoryPage = await engine.call(
            engine.core.read_own_messages,
            timeout_ms(context),
            request.statement,
            request.signature,
            IN_THE_APP,
        )
        return pb.ListMessagesResponse(
            messages=[self._message(event, page.language) for event, _ in page.entries],
            next_page_token=page.next_page_token,
        )

    def _message(self, event: _core.EventView, language: int) -> pb.AppMessage:
        subject, words = words_of(event, language, self._zone)
        return pb.AppMessage(event_seq=event.seq, at_ms=event.at_ms, subject=subject, text=words)

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: Context
    ) -> pb.ListDeadLettersResponse:
        engine = self._engine
        size = page_size(request.page_size)
        after_seq, after_id = _place(request.page_token)
        letters: list[_core.MessageView] = await engine.call(
            engine.core.dead_letters, timeout_ms(context), after_seq, after_id, size
        )
        last = letters[-1] if len(letters) == size else None
        return pb.ListDeadLettersResponse(
            dead_letters=map(_dead_letter, letters),
            next_page_token=_token(last) if last is not None else b"",
        )

    async def RetryMessage(
        self, request: pb.RetryMessageRequest, context: Context
    ) -> pb.RetryMessageResponse:
        engine = self._engine
        await engine.call(
            engine.core.retry_message, timeout_ms(context), caller.get().name, request.message_id
        )
        return pb.RetryMessageResponse()


def page_size(asked: int) -> int:
    """The size of a page; 0 asks for the usual one. Raises `Invalid`."""
    if not 0 <= asked <= PAGE_SIZE_MAX:
        raise Invalid("page_size", f"must be 0 to {PAGE_SIZE_MAX}")
    return asked or PAGE_SIZE


def _token(last: _core.MessageView) -> bytes:
    return last.event_seq.to_bytes(SEQ_BYTES, "big") + last.message_id


def _place(token: bytes) -> tuple[int, bytes]:
    if not token:
        return 0, bytes(ID_BYTES)
    if len(token) != SEQ_BYTES + ID_BYTES:
        raise Invalid("page_token", "must be next_page_token of a page before")
    return int.from_bytes(token[:SEQ_BYTES], "big", signed=True), token[SEQ_BYTES:]


def _dead_letter(view: _core.MessageView) -> pb.DeadLetter:
    return pb.DeadLetter(
        message_id=view.message_id,
        event_seq=view.event_seq,
        identity_id=view.identity_id,
        channel=cast("MessageChannel", view.channel),
        tries=view.tries,
        failure=view.failure,
        dead_at_ms=view.settled_at_ms,
    )
