"""Ways back that rest on something else than support's own evidence, and a forgotten user ID."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from godkend.errors import Denied
from tests.stateful import model as m
from tests.stateful.issuing import BIRTH_DATES
from tests.stateful.passports import (
    DESK_NUMBER,
    NUMBERS,
    PASSPORTS,
    Passport,
    PassportModel,
    reading,
)
from tests.stateful.recovery import RecoveryModel, TemporaryPin
from tests.support.phones import BORN, PIN_OTHER, fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import phones
    from tests.support.driver import CoreDriver

HELD: Bundle[tuple[m.Phone, phones.Phone]] = Bundle("held")
SUBSTANTIAL, SESSION = 2, 15 * m.MINUTE
PASSPORT = 1


@dataclass
class WaysBackModel(RecoveryModel, PassportModel):
    """The model with the ways back that need the whole of it."""

    def find_user_id(self, number: str, born: str) -> str:
        proved = self.documents.get(number, set())
        found = [it for it in proved if len(proved) == 1 and self.known[it].born == born]
        if not found:
            raise m.No("USER_ID_NOT_FOUND")
        if found[0].blocked:
            raise m.No("IDENTITY_BLOCKED")
        self.events.append("user_id.found")
        return found[0].user_id

    def recover_pin(self, passport: Passport) -> TemporaryPin:
        identity = self.of_document(passport)
        if identity is None:
            raise m.No("PASSPORT_NOT_MATCHED")
        return self.order_temporary_pin(identity)

    def order_signed_in(self, phone: m.Phone, signed_in_at: int) -> TemporaryPin:
        if any(at >= signed_in_at for at in self.out_of_use(phone.identity)):
            raise m.No("SUBSCRIBER_NOT_PROVED")
        pin = self.order_temporary_pin(phone.identity)
        pin.ordered_with = phone
        return pin


class WaysBackRules:
    """Rules about these ways back, for the machine of `test_model.py`."""

    agree: Callable[..., tuple[Any, Any] | None]
    approve: Any
    block: Any
    engine: CoreDriver
    has_a_number: Any
    identify: Any
    model: WaysBackModel
    redeem: Any
    reset_pin: Any
    start_and_open: Any
    time_passes: Callable[[int], None]

    @rule(number=NUMBERS, born=BIRTH_DATES | st.just(BORN))
    def find_user_id(self, number: str, born: str) -> None:
        both = self.agree(
            lambda: self.model.find_user_id(number, born),
            lambda: self.engine.find_user_id("support", PASSPORT, "DNK", number, born, "case 7"),
        )
        assert both is None or both[0] == both[1]

    @rule(passport=PASSPORTS)
    def recover_pin(self, passport: Passport) -> None:
        self.sent(
            self.agree(
                lambda: self.model.recover_pin(passport),
                lambda: self.engine.recover_pin("app", fresh(), reading(passport)),
            )
        )

    @rule(phone=HELD)
    def be_identified_and_get_back(self, phone: Any) -> None:
        """The document that was shown at a desk brings back user ID and PIN."""
        identity = phone[0].identity
        self.identify(identity, None, mistaken=False, expired=False)
        self.has_a_number(phone)
        born = self.model.known[identity].born
        self.find_user_id(DESK_NUMBER, born)
        self.recover_pin(Passport(DESK_NUMBER, self.model.names[identity], born))
        self.reset_pin(phone, right=True, new=PIN_OTHER)

    def sent(self, both: tuple[Any, Any] | None) -> None:
        """Reads the SMS."""
        if both is not None:
            pin, issued = both
            assert issued.expires_at_ms == pin.expires_at
            shown = self.engine.reveal_temporary_pin(issued.temporary_pin_id)
            pin.text = shown.temporary_pin

    @rule(
        phone=HELD,
        forgot=HELD,
        wait=st.sampled_from((0, 0, SESSION, SESSION + m.SECOND)),
        blocked=st.sampled_from((False, False, True)),
    )
    def order_signed_in(self, phone: Any, forgot: Any, wait: int, blocked: bool) -> None:
        """Somebody signs in with one phone for a temporary PIN of another, or is a thief."""
        self.has_a_number(phone)
        login = self.start_and_open(phone, "bank")
        if not isinstance(login, tuple):
            return
        self.approve(login, phone, right=True)
        if login[0].stored != m.APPROVED:
            return
        identity, signed_in_at = phone[0].identity, self.model.now // 1_000 * 1_000
        both = self.agree(
            lambda: self.model.redeem(login[0], "bank", verifier_right=True),
            lambda: self.engine.redeem_login("bank", login[0].id, login[1].verifier),
        )
        self.time_passes(wait)
        assertion = both[1].assertion if both else ""
        try:
            session = self.engine.core.prove_subscriber(assertion, identity.id, [])
        except Denied:
            session = None
        level = min(identity.level, phone[0].level)
        late = self.model.now - signed_in_at > SESSION
        assert (session is None) == (both is None or level < SUBSTANTIAL or late)
        if session is None:
            return
        if blocked:
            self.block(forgot, whole=False, blocked=True)
        self.sent(
            self.agree(
                lambda: self.model.order_signed_in(phone[0], signed_in_at),
                lambda: self.engine.issue_temporary_pin(
                    "profile", fresh(), identity.id, "", session
                ),
            )
        )
        self.reset_pin(forgot, right=True, new=PIN_OTHER)
