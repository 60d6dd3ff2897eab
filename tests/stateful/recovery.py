"""Ways back in the model: temporary PINs, and what a block ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from tests.stateful import model as m
from tests.support import phones
from tests.support.phones import PIN, PIN_OTHER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.driver import CoreDriver

HELD: Bundle[tuple[m.Phone, phones.Phone]] = Bundle("held")
TEMPORARY_PIN_LIFE, TRIES, NUMBER_AGE = m.HOUR, 3, 5 * m.DAY
NUMBERS = st.sampled_from(("+4512345678", "+4512345678", "+4587654321", ""))


@dataclass(eq=False)
class TemporaryPin:
    expires_at: int
    text: str = ""
    tries: int = TRIES
    ordered_with: m.Phone | None = None
    """Which it does not help: who has that phone alone has nothing else."""


@dataclass
class RecoveryModel(m.Model):
    """The model with ways back."""

    numbers: dict[m.Identity, tuple[str, int]] = field(default_factory=dict)
    temporary_pins: dict[m.Identity, TemporaryPin] = field(default_factory=dict)

    def block(self, it: m.Identity | m.Phone, blocked: bool) -> None:
        super().block(it, blocked)
        if not blocked:
            return
        for login in self.logins:
            if self.is_done_with(login, it) and self.state(login) in (m.OPENED, m.APPROVED):
                login.stored = m.CANCELLED
        if isinstance(it, m.Identity):
            it.code = None
            self.temporary_pins.pop(it, None)

    def is_done_with(self, login: m.Login, it: m.Identity | m.Phone) -> bool:
        """Whether a login is this one's, and ends with a block of it."""
        return login.phone is not None and it in (login.phone, login.phone.identity)

    def block_by_device(self, phone: m.Phone, it: m.Identity | m.Phone) -> None:
        self.usable(phone)
        if isinstance(it, m.Phone) and it.identity is not phone.identity:
            raise m.No("AUTHENTICATOR_NOT_FOUND")
        self.block(it, blocked=True)

    def set_number(self, identity: m.Identity, number: str) -> None:
        if number == self.numbers.get(identity, ("", 0))[0]:
            return
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        self.events.append("contact.changed")
        self.numbers[identity] = (number, self.now)
        self.temporary_pins.pop(identity, None)

    def order_temporary_pin(self, identity: m.Identity) -> TemporaryPin:
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        number, changed_at = self.numbers.get(identity, ("", 0))
        if not number:
            raise m.No("PHONE_NUMBER_MISSING")
        if self.now - changed_at < NUMBER_AGE:
            wait = changed_at + NUMBER_AGE - self.now
            raise m.No("PHONE_NUMBER_TOO_NEW", retry_after_ms=wait)
        self.events.append("temporary_pin.issued")
        pin = self.temporary_pins[identity] = TemporaryPin(self.now + TEMPORARY_PIN_LIFE)
        return pin

    def reset_pin(self, phone: m.Phone, text: str, new: str) -> None:
        if new == m.WEAK_PIN:
            raise m.No("PIN_WEAK")
        self.usable(phone)
        if phone.strikes >= m.STRIKES_MAX:
            raise m.No("PIN_DEAD")
        pin = self.temporary_pins.get(phone.identity)
        if pin and pin.ordered_with is phone:
            raise m.No("OTHER_AUTHENTICATOR_NEEDED")
        if pin is None or pin.tries == 0 or self.now >= pin.expires_at:
            raise m.No("TEMPORARY_PIN_OVER")
        pin.tries -= 1
        if text != pin.text:
            self.events.append("temporary_pin.wrong")
            raise m.No("TEMPORARY_PIN_WRONG", attempts_left=pin.tries)
        self.events.append("pin.reset")
        del self.temporary_pins[phone.identity]
        phone.pin = new  # Strikes and locks stay.


class RecoveryRules:
    """What support and phones do, beside the model."""

    engine: CoreDriver
    model: RecoveryModel
    agree: Callable[..., tuple[Any, Any] | None]
    time_passes: Callable[[int], None]

    @rule(phone=HELD, number=NUMBERS)
    def set_number(self, phone: Any, number: str) -> None:
        identity = phone[0].identity
        self.agree(
            lambda: self.model.set_number(identity, number),
            lambda: self.engine.set_contact_details("registrar", identity.id, number, "", 0),
        )

    @rule(phone=HELD, patience=st.sampled_from((0, 0, NUMBER_AGE - 1, NUMBER_AGE)))
    def order_temporary_pin(self, phone: Any, patience: int) -> None:
        assert self.engine.clock
        self.engine.clock.advance(patience)
        self.model.now += patience
        identity = phone[0].identity
        both = self.agree(
            lambda: self.model.order_temporary_pin(identity),
            lambda: self.engine.issue_temporary_pin(
                "support", phones.fresh(), identity.id, "case", None
            ),
        )
        if both is None:
            return
        pin, issued = both
        assert issued.expires_at_ms == pin.expires_at
        pin.text = self.engine.reveal_temporary_pin(issued.temporary_pin_id).temporary_pin

    @rule(phone=HELD, right=st.booleans(), new=st.sampled_from((PIN, PIN_OTHER, m.WEAK_PIN)))
    def reset_pin(self, phone: Any, right: bool, new: str) -> None:
        pin = self.model.temporary_pins.get(phone[0].identity)
        digits = int(pin.text) if pin else 0
        text = f"{(digits + (not right)) % 1_000_000:06}"
        signed = phone[1].resets_pin(self.model.now)
        self.agree(
            lambda: self.model.reset_pin(phone[0], text, new),
            lambda: self.engine.reset_pin(signed.statement, signed.signature, text, new),
        )

    @rule(phone=HELD)
    def forget_and_reset(self, phone: Any) -> None:
        self.set_number(phone, "+4512345678")
        self.order_temporary_pin(phone, NUMBER_AGE)
        self.reset_pin(phone, right=False, new=PIN_OTHER)
        self.reset_pin(phone, right=True, new=PIN_OTHER)

    @rule(phone=HELD, other=HELD, whole=st.sampled_from((True, False, False, False)))
    def block_by_device(self, phone: Any, other: Any, whole: bool) -> None:
        it = phone[0].identity if whole else other[0]
        signed = phone[1].blocks(self.model.now, b"" if whole else other[0].id)
        self.agree(
            lambda: self.model.block_by_device(phone[0], it),
            lambda: self.engine.block_by_device(signed.statement, signed.signature),
        )
        # Most stories go on.
        identity = it if isinstance(it, m.Identity) else it.identity
        one = b"" if isinstance(it, m.Identity) else it.id
        self.agree(
            lambda: self.model.block(it, blocked=False),
            lambda: self.engine.block_identity("registrar", identity.id, one, False),
        )
