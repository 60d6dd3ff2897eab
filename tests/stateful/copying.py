"""Copies of the app: their part of the model, and the rules about them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule

from godkend.copy_statements import (
    NEW_PHONE,
    copy_confirmation_statement,
    copy_finish_statement,
    copy_query_statement,
    copy_request_statement,
    copy_scan_statement,
    copy_stop_statement,
)
from godkend.statements import DeviceKey, Signed
from godkend.v1 import statement_pb2 as pb
from tests.stateful import model as m
from tests.stateful.recovery import (
    NUMBER_AGE,
    TEMPORARY_PIN_LIFE,
    TRIES,
    RecoveryModel,
    TemporaryPin,
)
from tests.support.phones import PIN, PIN_OTHER, PIN_WRONG, SOURCE, Phone

if TYPE_CHECKING:
    from collections.abc import Callable

    from godkend import _core

WAIT, WINDOW, CODE_LIFE, FINISH_LIFE = m.HOUR, m.DAY, 3 * m.MINUTE, m.HOUR
USER_ID_TRIES = 5
ED25519 = pb.KEY_ALGORITHM_ED25519
HELD: Bundle[tuple[m.Phone, Phone]] = Bundle("held")
MOSTLY = st.sampled_from((True, True, False))
SELDOM_OLDER = st.sampled_from((0, 0, 0, 1, 2))
STEPS = st.sampled_from(("request", "wait", "confirm", "scan", "scan", "finish", "finish"))
NOTHING: Any = multiple()
REQUESTED, READY, CONFIRMED, SCANNED, DONE, STOPPED, EXPIRED = range(1, 8)
WHY_NOT = {
    REQUESTED: "COPY_NOT_FOUND",
    READY: "COPY_NOT_FOUND",
    CONFIRMED: "COPY_CONFIRMED",
    SCANNED: "COPY_SCANNED",
    DONE: "COPY_DONE",
    STOPPED: "COPY_STOPPED",
    EXPIRED: "COPY_EXPIRED",
}


@dataclass(eq=False)
class Code:
    copy: Copy
    expires_at: int
    tries: int = USER_ID_TRIES
    text: str = ""


@dataclass(eq=False)
class NewPhone:
    copy: Copy
    code: Code
    key: DeviceKey
    expires_at: int
    temporary_pin: TemporaryPin
    scanned: Any = None
    signed: Signed | None = None
    finished_by: bytes = b""
    phone: m.Phone | None = None


@dataclass(eq=False)
class Copy:
    old: m.Phone
    asked_at: int
    id: bytes = b""
    stored: int = REQUESTED
    code: Code | None = None
    new: NewPhone | None = None

    @property
    def identity(self) -> m.Identity:
        return self.old.identity

    def state(self, now: int) -> int:
        over = now >= self.asked_at + WAIT + WINDOW
        match self.stored:
            case 1 if now >= self.asked_at + WAIT:
                return EXPIRED if over else READY
            case 3 if self.code and now >= self.code.expires_at:
                return EXPIRED if over else READY
            case 4 if self.new and now >= self.new.expires_at:
                return EXPIRED
            case 2 if over:
                return EXPIRED
            case state:
                return state


@dataclass
class CopyModel(RecoveryModel):
    """The model with copies, which send temporary PINs."""

    copies: list[Copy] = field(default_factory=list)
    # Phone numbers and temporary PINs

    def expect_reachable(self, identity: m.Identity) -> None:
        number, changed_at = self.numbers.get(identity, ("", 0))
        if not number:
            raise m.No("PHONE_NUMBER_MISSING")
        wait = changed_at + NUMBER_AGE - self.now
        if wait > 0:
            raise m.No("PHONE_NUMBER_TOO_NEW", retry_after_ms=wait)

    def issue_temporary_pin(self, identity: m.Identity) -> TemporaryPin:
        self.expect_reachable(identity)
        self.events.append("temporary_pin.issued")
        issued = TemporaryPin(self.now + TEMPORARY_PIN_LIFE)
        self.temporary_pins[identity] = issued
        return issued

    def try_temporary_pin(self, identity: m.Identity, right: bool) -> None:
        issued = self.temporary_pins.get(identity)
        if issued is None or issued.tries == 0 or self.now >= issued.expires_at:
            raise m.No("TEMPORARY_PIN_OVER")
        issued.tries -= 1
        if not right:
            self.events.append("temporary_pin.wrong")
            raise m.No("TEMPORARY_PIN_WRONG", attempts_left=issued.tries)
        del self.temporary_pins[identity]

    # Copies

    def block(self, it: m.Identity | m.Phone, blocked: bool) -> None:
        changes = it.blocked != blocked
        super().block(it, blocked)
        if changes and blocked:
            for copy in self.copies:
                if it in (copy.old, copy.identity) and self.passes(copy) < DONE:
                    self.stops(copy)

    def passes(self, copy: Copy) -> int:
        """Where waiting alone has brought it; told when somebody comes by."""
        before, copy.stored = copy.stored, copy.state(self.now)
        if (before, copy.stored) == (REQUESTED, READY):
            self.events.append("copy.ready")
        if copy.stored == EXPIRED != before:
            self.events.append("copy.expired")
            self.end_temporary_pin(copy)
        return copy.stored

    def end_temporary_pin(self, copy: Copy) -> None:
        if copy.new and self.temporary_pins.get(copy.identity) is copy.new.temporary_pin:
            del self.temporary_pins[copy.identity]

    def stops(self, copy: Copy) -> None:
        self.events.append("copy.stopped")
        copy.stored = STOPPED
        self.end_temporary_pin(copy)

    def request_copy(self, phone: m.Phone, pin: str) -> Copy:
        self.usable(phone)
        for copy in self.copies:
            if copy.identity is phone.identity and self.passes(copy) < DONE:
                raise m.No("COPY_UNDER_WAY")
        self.expect_reachable(phone.identity)
        self.try_pin(phone, pin)
        self.events.append("copy.requested")
        self.copies.append(Copy(phone, self.now))
        return self.copies[-1]

    def confirm_copy(self, phone: m.Phone, copy: Copy, pin: str) -> Code:
        self.usable(phone)
        state = self.passes(copy)
        if copy.old is not phone:
            raise m.No("COPY_NOT_FOUND")
        if state == REQUESTED:
            raise m.No("COPY_NOT_READY", retry_after_ms=copy.asked_at + WAIT - self.now)
        if state != READY:
            raise m.No(WHY_NOT[state])
        self.try_pin(phone, pin)
        self.events.append("copy.confirmed")
        copy.stored, copy.code = CONFIRMED, Code(copy, self.now + CODE_LIFE)
        return copy.code

    def scan_copy(self, code: Code, user_id: str, key: DeviceKey) -> NewPhone:
        copy, identity = code.copy, code.copy.identity
        state = self.passes(copy)
        named = user_id.casefold() == identity.user_id.casefold()
        if not (copy.old.blocked or identity.blocked):
            new = copy.new
            if state == SCANNED and new and named and (new.code, new.key) == (code, key):
                return new
            if state == CONFIRMED and copy.code is code:
                return self.scanned_copy(code, named, key)
        raise m.No("COPY_CODE_WRONG")

    def scanned_copy(self, code: Code, named: bool, key: DeviceKey) -> NewPhone:
        copy = code.copy
        if not named:
            self.events.append("copy.refused")
            code.tries -= 1
            copy.stored = CONFIRMED if code.tries else READY
            raise m.No("COPY_CODE_WRONG")
        temporary_pin = self.issue_temporary_pin(copy.identity)
        temporary_pin.ordered_with = copy.old
        self.events.append("copy.scanned")
        copy.stored = SCANNED
        copy.new = NewPhone(copy, code, key, self.now + FINISH_LIFE, temporary_pin)
        return copy.new

    def finish_copy(self, new: NewPhone, attempt: bytes, right: bool, pin: str) -> m.Phone:
        copy = new.copy
        if pin == m.WEAK_PIN:
            raise m.No("PIN_WEAK")
        self.passes(copy)
        if new.phone and new.finished_by == attempt:
            return new.phone
        self.usable(copy.old)
        if copy.stored != SCANNED:
            raise m.No(WHY_NOT[copy.stored])
        self.try_temporary_pin(copy.identity, right)
        self.events += ["authenticator.activated", "copy.done"]
        copy.stored, new.finished_by = DONE, attempt
        new.phone = m.Phone(copy.identity, pin, biometrics_on=True)
        self.phones.append(new.phone)
        return new.phone

    def stop_copy(self, copy: Copy, phone: m.Phone | None) -> int:
        state = self.passes(copy)
        if phone:
            self.usable(phone)
            if phone.identity is not copy.identity:
                raise m.No("COPY_NOT_FOUND")
        if state in (DONE, EXPIRED):
            raise m.No(WHY_NOT[state])
        if state != STOPPED:
            self.stops(copy)
        return STOPPED


class CopyRules:
    """Rules about copies, for the machine of `test_model.py`."""

    agree: Callable[..., Any]
    engine: Any
    model: CopyModel
    time_passes: Callable[[int], None]
    set_number: Callable[[Any, str], None]

    def newest(self, nth: int) -> Copy | None:
        """The copy that was asked for last, or one before it."""
        copies = self.model.copies
        return copies[-1 - nth % len(copies)] if copies else None

    @rule(target=HELD, phone=HELD, step=STEPS)
    def copy_as_far_as(self, phone: Any, step: str) -> Any:
        """The way to the end, or to where something else may happen."""
        self.has_a_number(phone)
        copy = self.request(phone, right=True)
        if copy is None or step == "request":
            return NOTHING
        self.time_passes(WAIT)
        code = self.confirm(copy, phone, right=True) if step != "wait" else None
        if code is None or step == "confirm":
            return NOTHING
        self.scan(code, copy.identity.user_id, DeviceKey.generate(ED25519))
        if copy.new is None or step == "scan" or len(self.model.phones) > 5:
            return NOTHING
        return self.finish(copy.new, right=True, pin=PIN_OTHER, again=False) or NOTHING

    def has_a_number(self, phone: Any) -> None:
        """Gives it one, and waits until it is old enough."""
        if not self.model.numbers.get(phone[0].identity, ("", 0))[0]:
            self.set_number(phone, "+4512345678")
        _, since = self.model.numbers.get(phone[0].identity, ("", self.model.now))
        self.time_passes(max(since + NUMBER_AGE - self.model.now, 0))

    @rule(phone=HELD, right=MOSTLY)
    def request_copy(self, phone: Any, right: bool) -> None:
        self.request(phone, right)

    def request(self, phone: Any, right: bool) -> Copy | None:
        pin = phone[0].pin if right else PIN_WRONG
        signed = copy_request_statement(phone[1].key, phone[0].id, self.model.now)
        both = self.agree(
            lambda: self.model.request_copy(phone[0], pin),
            lambda: self.engine.request_copy(signed.statement, signed.signature, pin),
        )
        if both is None:
            return None
        copy: Copy = both[0]
        view: _core.CopyView = both[1]
        assert (view.state, view.ready_at_ms) == (REQUESTED, self.model.now + WAIT)
        copy.id = view.copy_id
        return copy

    @rule(nth=SELDOM_OLDER, phone=HELD, own=MOSTLY, right=MOSTLY)
    def confirm_copy(self, nth: int, phone: Any, own: bool, right: bool) -> None:
        copy = self.newest(nth)
        if copy and own == (phone[0] is copy.old):
            self.confirm(copy, phone, right)

    def confirm(self, copy: Copy, phone: Any, right: bool) -> Code | None:
        pin = phone[0].pin if right else PIN_WRONG
        now = self.model.now
        signed = copy_confirmation_statement(phone[1].key, phone[0].id, copy.id, now)
        both = self.agree(
            lambda: self.model.confirm_copy(phone[0], copy, pin),
            lambda: self.engine.confirm_copy(signed.statement, signed.signature, pin),
        )
        if both is None:
            return None
        code: Code = both[0]
        code.text = both[1].copy_code
        assert both[1].expires_at_ms == code.expires_at
        return code

    @rule(
        nth=SELDOM_OLDER,
        user_id=st.sampled_from(("", "", "bodil", "nobody")),
        again=st.booleans(),
        times=st.sampled_from((1, 1, USER_ID_TRIES)),
    )
    def scan_copy(self, nth: int, user_id: str, again: bool, times: int) -> None:
        copy = self.newest(nth)
        if copy is None or copy.code is None:
            return
        key = copy.new.key if again and copy.new else DeviceKey.generate(ED25519)
        for _ in range(times):
            self.scan(copy.code, user_id or copy.identity.user_id, key)

    def scan(self, code: Code, user_id: str, key: DeviceKey) -> None:
        signed = copy_scan_statement(key, code.text)
        both = self.agree(
            lambda: self.model.scan_copy(code, user_id, key),
            lambda: self.engine.scan_copy(
                SOURCE, signed.statement, signed.signature, user_id, key.algorithm, "new"
            ),
        )
        if both is None:
            return
        new: NewPhone = both[0]
        assert both[1].expires_at_ms == new.expires_at
        assert new.scanned is None or both[1].challenge == new.scanned.challenge
        new.scanned = both[1]
        if not new.temporary_pin.text:
            new.temporary_pin.text = self.read_sms()

    def read_sms(self) -> str:
        """The temporary PIN that was sent last."""
        sent = [it for it in self.engine.events() if it.kind == "temporary_pin.issued"]
        named = bytes.fromhex(json.loads(sent[-1].detail)["temporary_pin_id"])
        text: str = self.engine.reveal_temporary_pin(named).temporary_pin
        return text

    @rule(
        target=HELD,
        nth=SELDOM_OLDER,
        right=MOSTLY,
        pin=st.sampled_from((PIN, PIN_OTHER, m.WEAK_PIN)),
        again=st.booleans(),
        times=st.sampled_from((1, 1, TRIES + 1)),
    )
    def finish_copy(self, nth: int, right: bool, pin: str, again: bool, times: int) -> Any:
        copy = self.newest(nth)
        made = NOTHING
        if copy and copy.new:
            for _ in range(times):
                made = self.finish(copy.new, right, pin, again) or made
        return made

    def finish(self, new: NewPhone, right: bool, pin: str, again: bool) -> Any:
        if new.signed is None or not again:
            new.signed = copy_finish_statement(new.key, new.scanned)
        signed = new.signed
        issued = self.model.temporary_pins.get(new.copy.identity, new.temporary_pin)
        temporary = issued.text if right else f"{(int(issued.text) + 1) % 1_000_000:06}"
        both = self.agree(
            lambda: self.model.finish_copy(new, signed.statement, right, pin),
            lambda: self.engine.finish_copy(
                signed.statement, signed.signature, temporary, pin, True, True
            ),
        )
        if both is None:
            return None
        phone, authenticator_id = both
        assert phone.id in (b"", authenticator_id), "one copy makes one authenticator"
        phone.id = authenticator_id
        return phone, Phone(new.key, phone.identity.id, authenticator_id)

    @rule(nth=SELDOM_OLDER, phone=HELD, by_the_new=st.booleans())
    def stop_copy(self, nth: int, phone: Any, by_the_new: bool) -> None:
        copy = self.newest(nth)
        if copy is None:
            return
        new = copy.new if by_the_new else None
        key, who = (new.key, NEW_PHONE) if new else (phone[1].key, phone[0].id)
        signed = copy_stop_statement(key, who, copy.id, self.model.now)
        both = self.agree(
            lambda: self.model.stop_copy(copy, None if new else phone[0]),
            lambda: self.engine.stop_copy(signed.statement, signed.signature),
        )
        assert both is None or both[0] == both[1].state

    @rule(nth=SELDOM_OLDER, phone=HELD)
    def get_copy(self, nth: int, phone: Any) -> None:
        copy = self.newest(nth)
        if copy is None:
            return
        signed = copy_query_statement(phone[1].key, phone[0].id, copy.id, self.model.now)

        def says() -> int:
            self.model.usable(phone[0])
            if phone[0].identity is not copy.identity:
                raise m.No("COPY_NOT_FOUND")
            return copy.state(self.model.now)

        both = self.agree(says, lambda: self.engine.get_copy(signed.statement, signed.signature))
        assert both is None or both[0] == both[1].state
