"""The history in the model: logins that their subscribers report, and how far clients have read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from godkend.statements import report_statement
from tests.stateful import model as m
from tests.stateful.displays import DisplayModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import phones

HELD: Bundle[tuple[m.Phone, phones.Phone]] = Bundle("held")
SHOWN = 365 * m.DAY
CONSUMERS_MAX = 2
BLOCK_AUTHENTICATOR, BLOCK_IDENTITY = 1, 2
CLIENTS, CONSUMERS = st.sampled_from(("auditor", "notary")), st.sampled_from(("a", "b", "c"))
SELDOM_OLDER = st.sampled_from((0, 0, 0, 1, 2))
MOSTLY = st.sampled_from((True, True, True, False))
NEARLY = st.sampled_from((0, 0, 0, 0, 1, -1))


@dataclass
class Approval:
    """What the entry of an approved login tells of."""

    login: m.Login
    identity: m.Identity
    at: int
    reported: bool = False


@dataclass
class HistoryModel(DisplayModel):
    """The model with entries by their number, and with cursors."""

    approvals: dict[int, Approval] = field(default_factory=dict)
    cursors: dict[tuple[str, str], int] = field(default_factory=dict)

    def approve(self, phone: m.Phone, login: m.Login, pin: str) -> int:
        state = super().approve(phone, login, pin)
        self.enter(login, phone.identity)
        return state

    def approve_with_biometrics(self, phone: m.Phone, login: m.Login) -> int:
        state = super().approve_with_biometrics(phone, login)
        self.enter(login, phone.identity)
        return state

    def submit_password(self, login: m.Login, front_end: str, user_id: str, text: str) -> int:
        state = super().submit_password(login, front_end, user_id, text)
        display = self.by_display.get(login)
        self.enter(login, display.identity if display else self.by_password[login])
        return state

    def enter(self, login: m.Login, identity: m.Identity) -> None:
        self.approvals[len(self.events)] = Approval(login, identity, self.now)

    def report(self, seq: int, identity: m.Identity) -> tuple[int, bool]:
        """The advice, and whether the login ended by it."""
        it = self.approvals.get(seq)
        if it is None or it.identity is not identity or self.now - it.at > SHOWN:
            raise m.No("ENTRY_NOT_FOUND")
        has_authenticator = it.login.phone is not None or it.login in self.by_display
        advice = BLOCK_AUTHENTICATOR if has_authenticator else BLOCK_IDENTITY
        if it.reported:
            return advice, False
        ends = self.state(it.login) == m.APPROVED
        if ends:
            it.login.stored = m.CANCELLED
        it.reported = True
        self.events.append("login.reported")
        return advice, ends

    def report_own(self, phone: m.Phone, seq: int) -> tuple[int, bool]:
        self.usable(phone)
        return self.report(seq, phone.identity)

    def ack(self, client: str, consumer: str, seq: int) -> int:
        if not 1 <= seq <= len(self.events):
            raise m.No("FIELD_INVALID")
        acked = self.cursors.get((client, consumer), 0)
        mine = [each for each in self.cursors if each[0] == client]
        if not acked and len(mine) >= CONSUMERS_MAX:
            raise m.No("CONSUMERS_FULL")
        self.cursors[client, consumer] = max(acked, seq)
        return self.cursors[client, consumer]


class HistoryRules:
    """Rules about the history, for the machine of `test_model.py`."""

    agree: Callable[..., tuple[Any, Any] | None]
    approve: Any
    engine: Any
    model: HistoryModel
    redeem: Any
    start_and_open: Any

    @rule(phone=HELD, nth=SELDOM_OLDER, off=NEARLY, own=MOSTLY, by_device=st.booleans())
    def report(self, phone: Any, nth: int, off: int, own: bool, by_device: bool) -> None:
        found = list(self.model.approvals)
        if not found:
            return
        seq = found[-1 - nth % len(found)]
        identity = self.model.approvals[seq].identity if own else phone[0].identity
        seq += off
        signed = report_statement(phone[1].key, phone[0].id, seq, self.model.now)
        both = self.agree(
            lambda: (
                self.model.report_own(phone[0], seq)
                if by_device
                else self.model.report(seq, identity)
            ),
            lambda: (
                self.engine.report_own_login(signed.statement, signed.signature)
                if by_device
                else self.engine.report_login("profile", identity.id, seq)
            ),
        )
        if both is None:
            return
        said, done = both
        assert said == (done.advice, done.ended)
        approved_with = self.model.approvals[seq].login.phone
        assert approved_with is None or done.authenticator_id == approved_with.id

    @rule(phone=HELD, redeemed=st.booleans(), by_device=st.booleans())
    def approve_and_report(self, phone: Any, redeemed: bool, by_device: bool) -> None:
        login = self.start_and_open(phone, "bank")
        if not isinstance(login, tuple):
            return
        self.approve(login, phone, right=True)
        if redeemed:
            self.redeem(login, own=True, verifier_right=True)
        for _ in range(2):  # The second time nothing changes.
            self.report(phone, 0, off=0, own=True, by_device=by_device)
        self.redeem(login, own=True, verifier_right=True)

    @rule(client=CLIENTS, consumer=CONSUMERS, back=st.sampled_from((-1, 0, 0, 1, 3)))
    def ack_events(self, client: str, consumer: str, back: int) -> None:
        seq = len(self.model.events) - back
        both = self.agree(
            lambda: self.model.ack(client, consumer, seq),
            lambda: self.engine.ack_events(client, consumer, seq),
        )
        assert both is None or both[0] == both[1]
        assert self.engine.read_cursor(client, consumer) == self.model.cursors.get(
            (client, consumer), 0
        )
