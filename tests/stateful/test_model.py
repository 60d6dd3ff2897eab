"""godkend does what the model says: the real engine on a real file beside `model.py`."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from godkend.errors import Denied, Invalid
from godkend.statements import DeviceKey, Signed, activation_statement
from godkend.v1 import statement_pb2 as pb
from tests.stateful import model as m
from tests.stateful.acting import Acting, ActingModel
from tests.stateful.copying import CopyModel, CopyRules
from tests.stateful.displays import DisplayRules
from tests.stateful.history import CONSUMERS_MAX, HistoryModel, HistoryRules
from tests.stateful.issuing import DeskRules
from tests.stateful.key_cards import KEY_CARD, KeyCardModel, KeyCardRules
from tests.stateful.levels import Levels
from tests.stateful.messages import RETRY_MAX, TRIES_MAX, MessageModel, MessageRules
from tests.stateful.passports import PassportRules
from tests.stateful.recovery import RecoveryRules
from tests.stateful.signing import Signing
from tests.stateful.ways_back import WaysBackModel, WaysBackRules
from tests.support import phones
from tests.support.driver import NOW_MS, open_driver
from tests.support.phones import PIN, PIN_OTHER, PIN_WRONG
from tests.support.policies import BUDGETS_OFF, NEMID_OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

USER_IDS = ("anna", "ANNA", "bodil")
PINS = st.sampled_from((PIN, PIN_OTHER))
CHOSEN_PINS = st.sampled_from((PIN, PIN, PIN_OTHER, m.WEAK_PIN))
FRONT_ENDS, SOURCES = st.sampled_from(("bank", "broker")), st.sampled_from(("home", "abroad"))
MOSTLY, SELDOM = st.sampled_from((True, True, True, False)), st.sampled_from((True, False, False))
NOTHING: Any = multiple()
# A file like any other, without waiting for a disk: what a power loss leaves is not looked at here.
MEMORY_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
SPANS = st.sampled_from(
    # Each bound of the domain, one millisecond before it, and what lies between.
    (
        *(
            1,
            1_000,
            m.QR_ACCEPTED,
            3 * m.MINUTE - 1,
            3 * m.MINUTE,
            m.LOGIN_LIFE - 1,
            m.LOGIN_LIFE,
            m.ACTIVATION_LIFE - 1,
        ),
        *(m.ACTIVATION_LIFE, m.HOUR - 1, m.HOUR, m.DAY - 1, m.DAY, 14 * m.DAY),
    )
)


@dataclass
class Begun:
    """An activation under way, and the statement with which its phone last tried to finish."""

    activation: m.Activation
    challenge: Any
    key: DeviceKey
    signed: Signed | None = None


def outcome_of(call: Callable[[], Any]) -> Any:
    """A value, or a refusal in the model's words. A `Fault` is neither."""
    try:
        return call()
    except m.No as no:
        return no
    except Denied as no:
        return m.No(no.reason, no.retry_after_ms, no.attempts_left)
    except Invalid as no:
        return m.No(no.reason)


@dataclass
class Model(MessageModel, CopyModel, WaysBackModel, HistoryModel, KeyCardModel, ActingModel):
    """The whole of it."""

    def is_done_with(self, login: m.Login, it: m.Identity | m.Phone) -> bool:
        display = self.by_display.get(login)
        with_display = display is not None and display.identity is it
        return with_display or self.by_password.get(login) is it or super().is_done_with(login, it)


class Godkend(
    Levels,
    Signing,
    Acting,
    DeskRules,
    DisplayRules,
    KeyCardRules,
    RecoveryRules,
    CopyRules,
    PassportRules,
    WaysBackRules,
    HistoryRules,
    MessageRules,
    RuleBasedStateMachine,
):
    """Every answer of the engine is the model's, to the reason, the wait and the tries left."""

    identities: Bundle[m.Identity] = Bundle("identities")
    codes: Bundle[m.Code] = Bundle("codes")
    activations: Bundle[Begun] = Bundle("activations")
    held: Bundle[tuple[m.Phone, phones.Phone]] = Bundle("held")
    logins: Bundle[tuple[m.Login, phones.Started]] = Bundle("logins")
    opened: Bundle[tuple[m.Login, phones.Started]] = Bundle("opened")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY_DISK)
        path = Path(self.directory.name)
        # The sweep goes by the machine's clock: on a busy one it would remove what is looked at,
        # and tell of waits that are over at some moment of its own.
        unswept = {"sweep_interval_ms": m.HOUR}
        soon = {
            "consumers_max": CONSUMERS_MAX,
            "tries_max": TRIES_MAX,
            "retry_ms_max": RETRY_MAX,
        }
        self.engine = open_driver(
            path,
            budget=BUDGETS_OFF,
            engine=unswept,
            key_card=KEY_CARD,
            nemid=NEMID_OPEN,
            notification=soon,
        )
        self.model = Model(NOW_MS)

    def teardown(self) -> None:
        try:
            self.the_history_is_whole()
        finally:
            self.engine.core.close()
            self.directory.cleanup()

    def agree(self, says: Callable[[], Any], does: Callable[[], Any]) -> tuple[Any, Any] | None:
        """The two values, or None where both refuse with the same words."""
        said, done = outcome_of(says), outcome_of(does)
        if isinstance(said, m.No) or isinstance(done, m.No):
            assert said == done
            note(f"both: {said}")
            return None
        return said, done

    def agree_on_state(self, says: Callable[[], int], does: Callable[[], Any]) -> None:
        both = self.agree(says, does)
        assert both is None or both[0] == both[1].state

    # Time

    @rule(ms=SPANS)
    def time_passes(self, ms: int) -> None:
        assert self.engine.clock
        self.engine.clock.advance(ms)
        self.model.now += ms

    # Registrars and support

    @initialize(target=held)
    def somebody_has_a_phone(self) -> Any:
        return self.a_new_phone(self.an_identity("anna", 2), biometrics_on=True)

    @rule(target=held, phone=held, biometrics_on=st.booleans())
    def a_second_phone(self, phone: Any, biometrics_on: bool) -> Any:
        if phone[0].identity.blocked or len(self.model.phones) > 3:
            return NOTHING
        return self.a_new_phone(phone[0].identity, biometrics_on=biometrics_on)

    def an_identity(self, user_id: str, level: int) -> Any:
        both = self.agree(
            lambda: self.model.create_identity(user_id, level),
            lambda: phones.register(self.engine, user_id, level),
        )
        if both is None:
            return None
        identity, identity.id = both[0], both[1]
        return identity

    @rule(target=identities, user_id=st.sampled_from(USER_IDS), level=st.integers(1, 3))
    def create_identity(self, user_id: str, level: int) -> Any:
        return self.an_identity(user_id, level) or NOTHING

    @rule(target=codes, phone=held, channel=st.sampled_from((1, 2)))
    def another_code(self, phone: Any, channel: int) -> Any:
        return self.a_code(phone[0].identity, channel) or NOTHING

    @rule(target=codes, identity=identities)
    def first_code(self, identity: m.Identity) -> Any:
        return self.a_code(identity, 1) or NOTHING

    def a_code(self, identity: m.Identity, channel: int) -> Any:
        both = self.agree(
            lambda: self.model.issue_code(identity, channel),
            lambda: phones.issue(self.engine, identity.id, channel),
        )
        if both is None:
            return None
        code, code.text = both[0], both[1]
        return code

    @rule(phone=held, whole=st.booleans(), blocked=SELDOM)
    def block(self, phone: Any, whole: bool, blocked: bool) -> None:
        it = phone[0].identity if whole else phone[0]
        one = b"" if whole else phone[0].id
        self.agree(
            lambda: self.model.block(it, blocked),
            lambda: self.engine.block_identity("support", phone[0].identity.id, one, blocked),
        )

    # Activation

    @rule(
        target=activations,
        code=codes,
        own=MOSTLY,
        user_id=st.sampled_from((*USER_IDS, "nobody")),
        right=MOSTLY,
        names=st.booleans(),
    )
    def begin_activation(
        self, code: m.Code, own: bool, user_id: str, right: bool, names: bool
    ) -> Any:
        user_id = code.identity.user_id if own else user_id
        return self.begun(code, user_id, right, names)

    @rule(code=codes, tries=st.integers(1, m.CODE_TRIES))
    def guess_at_the_proof(self, code: m.Code, tries: int) -> None:
        for _ in range(tries):
            self.begun(code, code.identity.user_id, right=False, names=True)

    def begun(
        self, code: m.Code, user_id: str, right: bool, names: bool, key: DeviceKey | None = None
    ) -> Any:
        text = code.text
        if not right:  # Another proof, or another name.
            at = 7 if names else 0
            text = text[:at] + ("2" if text[at] != "2" else "3") + text[at + 1 :]
        key = key or DeviceKey.generate(pb.KEY_ALGORITHM_ED25519)
        both = self.agree(
            lambda: self.model.begin_activation(user_id, text),
            lambda: phones.begin(self.engine, user_id, text, key),
        )
        if both is None:
            return NOTHING
        assert both[0].expires_at == both[1].expires_at_ms
        return Begun(*both, key)

    @rule(
        target=held,
        begun=activations,
        pin=CHOSEN_PINS,
        biometrics_on=st.booleans(),
        again=st.booleans(),
    )
    def finish_activation(self, begun: Begun, pin: str, biometrics_on: bool, again: bool) -> Any:
        return self.finished(begun, pin, biometrics_on, again) or NOTHING

    def finished(self, begun: Begun, pin: str, biometrics_on: bool, again: bool) -> Any:
        if begun.signed is None or not again:
            begun.signed = activation_statement(begun.key, begun.challenge)
        signed = begun.signed
        both = self.agree(
            lambda: self.model.finish_activation(
                begun.activation, signed.statement, pin, biometrics_on
            ),
            lambda: phones.finish(self.engine, signed, pin, biometrics_on=biometrics_on),
        )
        if both is None:
            return None
        phone, authenticator_id = both
        assert phone.id in (b"", authenticator_id), "one activation makes one authenticator"
        phone.id = authenticator_id
        return phone, phones.Phone(begun.key, phone.identity.id, authenticator_id)

    def a_new_phone(self, identity: m.Identity, *, biometrics_on: bool) -> Any:
        code = self.a_code(identity, 1)
        begun = self.begun(code, identity.user_id, right=True, names=True)
        return self.finished(begun, PIN, biometrics_on, again=False)

    # Front-ends

    @rule(
        target=logins,
        user_id=st.sampled_from(("", "", "anna", "Anna", "nobody")),
        source=SOURCES,
        front_end=FRONT_ENDS,
        level_min=st.sampled_from((1, 2, 2, 3)),
    )
    def start_login(self, user_id: str, source: str, front_end: str, level_min: int) -> Any:
        both = self.agree(
            lambda: self.model.start_login(front_end, user_id, source, level_min),
            lambda: phones.start(
                self.engine, user_id, source=source, front_end=front_end, level_min=level_min
            ),
        )
        assert both, "no user ID is refused: neither an unknown nor a blocked one"
        login, started = both
        login.id = started.login_id
        assert started.started.state == m.PENDING
        assert started.started.expires_at_ms == self.model.now + m.LOGIN_LIFE
        return both

    @rule(login=logins, own=MOSTLY)
    def cancel(self, login: Any, own: bool) -> None:
        front_end = login[0].front_end if own else "another"
        self.agree_on_state(
            lambda: self.model.cancel(login[0], front_end),
            lambda: self.engine.cancel_login(front_end, login[0].id),
        )

    @rule(login=st.one_of(opened, opened, logins), own=MOSTLY, verifier_right=MOSTLY)
    def redeem(self, login: Any, own: bool, verifier_right: bool) -> None:
        front_end = login[0].front_end if own else "another"
        verifier = login[1].verifier if verifier_right else phones.fresh(32)
        self.agree(
            lambda: self.model.redeem(login[0], front_end, verifier_right),
            lambda: self.engine.redeem_login(front_end, login[0].id, verifier),
        )

    # Phones

    @rule(target=opened, login=logins, phone=held, qr_second=st.none() | st.integers(0, 8))
    def open_login(self, login: Any, phone: Any, qr_second: int | None) -> Any:
        return self.opens(login, phone, qr_second)

    @rule(target=opened, phone=held, front_end=FRONT_ENDS)
    def start_and_open(self, phone: Any, front_end: str) -> Any:
        return self.opens(self.start_login("", "home", front_end, 1), phone, 0)

    def opens(self, login: Any, phone: Any, qr_second: int | None) -> Any:
        started: phones.Started = login[1]
        code = started.started.app_link if qr_second is None else started.qr_code(qr_second)
        signed = phone[1].opens(code, self.model.now)
        both = self.agree(
            lambda: self.model.open(phone[0], login[0], qr_second),
            lambda: self.engine.open_login(signed.statement, signed.signature),
        )
        if both is None:
            return NOTHING
        shown = both[1]
        assert (shown.login_id, shown.text) == (login[0].id, phones.TEXT)
        started.opened = shown
        return login

    @rule(login=opened, phone=held, right=MOSTLY)
    def approve(self, login: Any, phone: Any, right: bool) -> None:
        pin = phone[0].pin if right else PIN_WRONG
        signed = phone[1].decides(login[1].opened)
        self.agree_on_state(
            lambda: self.model.approve(phone[0], login[0], pin),
            lambda: self.engine.approve_login(signed.statement, signed.signature, pin),
        )

    @rule(login=opened, phone=held, tries=st.integers(1, 4))
    def guess(self, login: Any, phone: Any, tries: int) -> None:
        for _ in range(tries):
            self.approve(login, phone, right=False)

    @rule(phone=held, tries=st.integers(2, 9), patience=st.sampled_from((m.HOUR - 1, m.DAY)))
    def guess_on_and_on(self, phone: Any, tries: int, patience: int) -> None:
        for _ in range(tries):
            if self.model.now < phone[0].locked_until:
                self.time_passes(patience)
            login = self.start_and_open(phone, "bank")
            if login is not NOTHING:
                self.approve(login, phone, right=False)

    @rule(phone=held, decision=st.sampled_from(("approve", "approve", "biometrics", "reject")))
    def log_in(self, phone: Any, decision: str) -> None:
        login = self.start_and_open(phone, "bank")
        if login is NOTHING:
            return
        if decision == "approve":
            self.approve(login, phone, right=True)
        elif decision == "biometrics":
            self.approve_with_biometrics(login, phone)
        else:
            self.reject(login, phone, not_me=True)
        for _ in range(2):  # The second time it is consumed already.
            self.redeem(login, own=True, verifier_right=True)

    @rule(login=opened, phone=held)
    def approve_with_biometrics(self, login: Any, phone: Any) -> None:
        how = pb.USER_VERIFICATION_BIOMETRICS
        signed = phone[1].decides(login[1].opened, how=how)
        self.agree_on_state(
            lambda: self.model.approve_with_biometrics(phone[0], login[0]),
            lambda: self.engine.approve_login(signed.statement, signed.signature, ""),
        )

    @rule(login=opened, phone=held, not_me=st.booleans())
    def reject(self, login: Any, phone: Any, not_me: bool) -> None:
        signed = phone[1].decides(login[1].opened, pb.DECISION_REJECT, pb.USER_VERIFICATION_NONE)
        self.agree_on_state(
            lambda: self.model.reject(phone[0], login[0]),
            lambda: self.engine.reject_login(signed.statement, signed.signature, not_me),
        )

    @rule(phone=held, old=PINS, new=CHOSEN_PINS)
    def change_pin(self, phone: Any, old: str, new: str) -> None:
        signed = phone[1].changes_pin(self.model.now)
        self.agree(
            lambda: self.model.change_pin(phone[0], old, new),
            lambda: self.engine.change_pin(signed.statement, signed.signature, old, new),
        )

    # What holds at every moment

    @invariant()
    def every_phone_stands_where_the_model_says(self) -> None:
        for identity in self.model.identities.values():
            view = self.engine.get_identity(identity.id, "")
            assert (view.blocked, view.level) == (identity.blocked, identity.level)
            shown = {it.authenticator_id: it for it in view.authenticators}
            mine = [phone for phone in self.model.phones if phone.identity is identity]
            assert shown.keys() == {phone.id for phone in mine}
            for phone in mine:
                it, locked = shown[phone.id], phone.locked_until > self.model.now
                assert (it.strikes, it.blocked) == (phone.strikes, phone.blocked)
                assert it.locked_until_ms == (phone.locked_until if locked else 0)
                assert it.pin_dead == (phone.strikes >= m.STRIKES_MAX)

    @invariant()
    def every_login_is_where_the_model_says(self) -> None:
        for login in self.model.logins:
            view = self.engine.get_login(login.front_end, login.id)
            assert view.state == self.model.state(login)

    def the_history_is_whole(self) -> None:
        """No gap, no forged link, and exactly what the model saw happen."""
        previous, kinds = bytes(32), []
        for number, event in enumerate(self.engine.events(), 1):
            assert event.seq == number
            digest = hashlib.sha256(previous)
            digest.update(event.seq.to_bytes(8, "big") + event.at_ms.to_bytes(8, "big"))
            texts = (event.kind, event.actor, event.detail)
            kind, actor, detail = (text.encode() for text in texts)
            ids = (event.identity_id, event.authenticator_id, event.login_id)
            for part in (kind, *ids, actor, detail):
                digest.update(len(part).to_bytes(4, "big") + part)
            assert event.hash == digest.digest()
            previous = event.hash
            kinds.append(event.kind)
        assert kinds == self.model.events


def test_the_engine_answers_as_the_model() -> None:
    chosen = settings(
        stateful_step_count=40,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Godkend, settings=chosen)
