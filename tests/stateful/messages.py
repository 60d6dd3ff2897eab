"""Messages in the model: who may deliver, what is due, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from godkend.notifications.table import NOTICES, Channel
from tests.stateful import model as m
from tests.stateful.recovery import RecoveryModel
from tests.support.phones import fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from godkend import _core

LEASE, TRIES_MAX = 30 * m.SECOND, 3
RETRY, RETRY_MAX = 5 * m.SECOND, 8 * m.SECOND
SMS = int(Channel.SMS)
TOLD_BY_SMS = [kind for kind, channels in NOTICES.items() if Channel.SMS in channels]
WORKERS = (b"first worker....", b"second worker...")
WORKER = st.sampled_from(WORKERS)
SOON = st.sampled_from((1, RETRY // 2, RETRY, RETRY_MAX, LEASE - 1, LEASE))
QUEUED, DELIVERED, DEAD, OVERTAKEN = range(1, 5)
DELIVERIES = st.sampled_from(("taken", "failed", "failed", "failed", "refused", "overtaken"))
NOBODY = bytes(16)


@dataclass(eq=False)
class Message:
    """An SMS. When it is tried again lies between two times, as chance has it."""

    seq: int
    identity: m.Identity
    due: tuple[int, int]
    address: str = ""
    """Where it goes, if not to where its subscriber is reached."""
    id: bytes = b""
    state: int = QUEUED
    tries: int = 0
    settled_at: int = 0


@dataclass
class MessageModel(RecoveryModel):
    """The model with SMS. Nobody in it has an e-mail address."""

    messages: list[Message] = field(default_factory=list)
    holder: bytes = b""
    held_until: int = 0
    planned_until: int = 0

    def set_number(self, identity: m.Identity, number: str) -> None:
        old, _ = self.numbers.get(identity, ("", 0))
        super().set_number(identity, number)
        if old not in ("", number):
            due = (self.now, self.now)
            self.messages.append(Message(len(self.events), identity, due, old))

    def take(self, worker: bytes) -> bool:
        if self.holder != worker and self.now < self.held_until:
            return False
        self.holder, self.held_until = worker, self.now + LEASE
        return True

    def plan(self, worker: bytes, until: int, asked: list[tuple[int, m.Identity]]) -> bool:
        if worker != self.holder:
            return False
        there = {it.seq for it in self.messages if not it.address}
        for seq, identity in asked:
            if self.numbers.get(identity, ("", 0))[0] and seq not in there:
                self.messages.append(Message(seq, identity, (self.now, self.now)))
        self.planned_until = max(self.planned_until, until)
        return True

    def settle(self, worker: bytes, it: Message, delivery: str) -> int | None:
        if worker != self.holder or it not in self.messages:
            return None
        if it.state != QUEUED:
            return it.state
        if delivery in ("failed", "refused"):
            it.tries += 1
        longest = min(RETRY << max(it.tries - 1, 0), RETRY_MAX)
        it.due = (self.now + longest - longest // 2, self.now + longest)
        gives_up = delivery == "refused" or it.tries >= TRIES_MAX
        ended = {"taken": DELIVERED, "overtaken": OVERTAKEN}
        it.state = ended.get(delivery, DEAD if gives_up else QUEUED)
        it.settled_at = self.now
        return it.state

    def retry(self, it: Message | None) -> None:
        if it is None or it not in self.messages:
            raise m.No("MESSAGE_NOT_FOUND")
        if it.state != DEAD:
            raise m.No("MESSAGE_NOT_DEAD")
        it.state, it.tries, it.due = QUEUED, 0, (self.now, self.now)
        self.events.append("message.retried")


class MessageRules:
    """What two workers and support do about messages, beside the model."""

    agree: Callable[..., tuple[Any, Any] | None]
    engine: Any
    model: MessageModel
    set_number: Callable[[Any, str], None]
    time_passes: Callable[[int], None]

    @rule(worker=WORKER)
    def take_delivery(self, worker: bytes) -> None:
        may = self.engine.may_take_delivery(worker)
        took = self.model.take(worker)
        assert may == self.engine.take_delivery(worker) == took

    @rule(worker=WORKER, from_the_start=st.booleans())
    def plan_messages(self, worker: bytes, from_the_start: bool) -> None:
        after = 0 if from_the_start else -1
        notices: _core.Notices = self.engine.read_notices(after, TOLD_BY_SMS)
        begin = 0 if from_the_start else self.model.planned_until
        expected = [
            (seq, kind)
            for seq, kind in enumerate(self.model.events, 1)
            if seq > begin and kind in TOLD_BY_SMS
        ]
        assert [(it.seq, it.kind) for it in notices.events] == expected
        assert notices.until_seq == len(self.model.events)
        by_id = {it.id: it for it in self.model.identities.values()}
        asked = [(it.seq, by_id[it.identity_id]) for it in notices.events]
        planned = [(seq, SMS) for seq, _ in asked]
        done = self.engine.plan_messages(worker, notices.until_seq, planned)
        assert done == self.model.plan(worker, notices.until_seq, asked)

    @rule(worker=WORKER, nth=st.integers(0, 3), delivery=DELIVERIES)
    def settle_message(self, worker: bytes, nth: int, delivery: str) -> None:
        known = self.met()
        if known:
            self.settle(worker, known[nth % len(known)], delivery)

    def settle(self, worker: bytes, it: Message, delivery: str) -> None:
        state = self.engine.settle_message(worker, it.id, delivery, "why")
        assert state == self.model.settle(worker, it, delivery)

    def met(self) -> list[Message]:
        """The messages whose ids are known, the newest first."""
        return [it for it in reversed(self.model.messages) if it.id]

    @rule(worker=WORKER, delivery=DELIVERIES, ms=SOON, times=st.integers(1, TRIES_MAX + 1))
    def deliver_what_there_is(self, worker: bytes, delivery: str, ms: int, times: int) -> None:
        self.take_delivery(worker)
        self.plan_messages(worker, from_the_start=False)
        self.every_message_that_is_due_is_the_models()
        for _ in range(times):
            for it in self.met()[:2]:
                self.settle(worker, it, delivery)
            self.time_passes(ms)
            self.every_message_that_is_due_is_the_models()

    @rule(nth=st.integers(0, 3), unknown=st.sampled_from((False, False, False, True)))
    def retry_message(self, nth: int, unknown: bool) -> None:
        known = sorted(self.met(), key=lambda it: it.state != DEAD)
        it = known[nth % len(known)] if known and not unknown else None
        self.agree(
            lambda: self.model.retry(it),
            lambda: self.engine.retry_message("support", it.id if it else fresh()),
        )

    @invariant()
    def every_message_that_is_due_is_the_models(self) -> None:
        due: list[_core.DueMessage] = self.engine.due_messages(1_000)
        queued = [it for it in self.model.messages if it.state == QUEUED]
        known = {it.id: it for it in queued if it.id}
        unknown = {it.seq: it for it in queued if not it.id}
        for each in due:
            it = known.pop(each.message_id, None) or unknown.pop(each.event.seq)
            it.id = each.message_id
            assert it.due[0] <= self.model.now
            number, _ = self.model.numbers.get(it.identity, ("", 0))
            assert (each.event.seq, each.channel) == (it.seq, SMS)
            assert each.address == (it.address or number)
        assert not unknown
        assert all(it.due[1] > self.model.now for it in known.values())

    @invariant()
    def every_dead_letter_is_the_models(self) -> None:
        dead = self.engine.dead_letters(0, NOBODY, 1_000)
        mine = [it for it in self.model.messages if it.state == DEAD]
        mine.sort(key=lambda it: (it.seq, it.id))
        assert [(it.message_id, it.tries, it.settled_at_ms) for it in dead] == [
            (it.id, it.tries, it.settled_at) for it in mine
        ]
