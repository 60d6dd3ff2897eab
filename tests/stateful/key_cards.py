"""Key cards in the model: keys that count once, one card in use and one on its way."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, multiple, rule

from godkend.errors import Denied
from tests.stateful import model as m
from tests.stateful.displays import PASSWORD, PASSWORD_OTHER, DisplayModel
from tests.support.phones import fresh

if TYPE_CHECKING:
    from tests.support import phones

IDENTITIES: Bundle[m.Identity] = Bundle("identities")
HELD: Bundle[tuple[m.Phone, phones.Phone]] = Bundle("held")
CODES: Bundle[m.Code] = Bundle("codes")
LOGINS: Bundle[tuple[m.Login, phones.Started]] = Bundle("logins")
NOTHING: Any = multiple()

KEYS, ORDER_AT = 10, 3
KEY_CARD = {"keys": KEYS, "order_at": ORDER_AT}
ORDERED, SENT, ACTIVE, USED_UP, LOST, REPLACED = range(1, 7)
SUBSTANTIAL, SESSION = 2, 15 * m.MINUTE
WAITS = st.sampled_from((0, 0, SESSION, SESSION + m.SECOND))
SELDOM = st.sampled_from((False, False, False, True))
MOSTLY = st.sampled_from((True, True, True, False))
COPENHAGEN = ZoneInfo("Europe/Copenhagen")


@dataclass(eq=False)
class Card:
    """A key card, and which of its keys are used."""

    identity: m.Identity
    id: bytes = b""
    state: int = ORDERED
    codes: dict[int, str] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    lost_at: int = 0

    @property
    def left(self) -> int:
        return KEYS - len(self.used)

    def wrong(self) -> str:
        """Six digits that stand nowhere on it."""
        codes = set(self.codes.values())
        return next(code for code in map("{:06}".format, range(10**6)) if code not in codes)


@dataclass
class KeyCardModel(DisplayModel):
    """The model with key cards."""

    cards: list[Card] = field(default_factory=list)
    asked_for: dict[Any, int] = field(default_factory=dict)
    """Which number was asked for, by all that it may depend on."""

    def of(self, identity: m.Identity | None, *states: int) -> list[Card]:
        return [it for it in self.cards if it.identity is identity and it.state in states]

    # The life of a card

    def order_card(self, identity: m.Identity) -> Card:
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if self.known[identity].proved_at is None:
            raise m.No("IDENTITY_NOT_PROVED")
        self.expect_old_enough(identity, consented=self.known[identity].consented)
        if self.years(identity) < 15:  # A parent's consent does not help.
            raise m.No("AGE_TOO_LOW")
        if self.of(identity, ORDERED, SENT):
            raise m.No("KEY_CARD_UNDER_WAY")
        return self.ordered(identity)

    def ordered(self, identity: m.Identity) -> Card:
        self.cards.append(Card(identity))
        self.events.append("key_card.ordered")
        return self.cards[-1]

    def print_card(self, it: Card) -> None:
        if it.identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if it.state != ORDERED:
            raise m.No("KEY_CARD_PRINTED" if it.state == SENT else "KEY_CARD_NOT_USABLE")
        it.state = SENT
        self.events.append("key_card.printed")

    def activate_card(self, it: Card, number: int, code: str, password: str) -> None:
        if it.identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if not password and it.identity not in self.passwords:
            raise m.No("PASSWORD_NOT_SET")
        if it.state not in (SENT, ACTIVE):
            raise m.No("KEY_CARD_NOT_USABLE")
        door = self.charge(it, "KEY_LOCKED")
        if it.codes[number] != code:
            self.events.append("key.wrong")
            raise self.wrong_at(door, "KEY_WRONG")
        self.open_door(it)
        self.open_door(("key", it.identity.user_id.casefold()))
        if it.state == SENT:
            for earlier in self.of(it.identity, ACTIVE):
                earlier.state = REPLACED
                self.events.append("key_card.replaced")
            it.state = ACTIVE
            self.events.append("key_card.activated")
        self.use_key(it, number)
        if password:
            self.set_password(it.identity, password)

    def use_key(self, it: Card, number: int) -> None:
        assert number not in it.used, "a key was asked for twice"
        it.used.add(number)
        following = self.of(it.identity, ORDERED, SENT)
        if not following and it.left <= ORDER_AT:
            self.ordered(it.identity)
        if it.left == 0:
            it.state = USED_UP
            self.events.append("key_card.used_up")
            for sent in (each for each in following if each.state == SENT):
                sent.state = ACTIVE
                self.events.append("key_card.activated")

    def lose_card(self, it: Card) -> None:
        if it.state < USED_UP:
            it.state, it.lost_at = LOST, self.now
            self.end_profile_codes(it.identity)
            self.events.append("key_card.lost")

    def move_over(self, identity: m.Identity, signed_in_at: int) -> m.Code:
        code = self.issue_profile_code(identity, signed_in_at)
        identity.level = max(identity.level, SUBSTANTIAL)
        self.events.append("nemid.moved")
        return code

    def out_of_use(self, identity: m.Identity) -> list[int]:
        lost = [it.lost_at for it in self.of(identity, LOST)]
        return [*super().out_of_use(identity), *lost]

    # Logins

    def is_done_by_card(self, login: m.Login) -> bool:
        return isinstance(self.by_display.get(login), Card)

    def expect_key_login(self, login: m.Login, front_end: str, user_id: str) -> None:
        self.expect_named(login, front_end, user_id)
        self.expect_pending(login)
        if login.document:
            raise m.No("APP_REQUIRED")
        if login.level_min > 2:
            raise m.No("LEVEL_TOO_LOW")

    def submit_key(
        self, login: m.Login, front_end: str, user_id: str, asked: int | None, code: str
    ) -> int:
        self.expect_named(login, front_end, user_id)
        if self.waits_for_password(login) and self.is_done_by_card(login):
            return m.OPENED
        self.expect_key_login(login, front_end, user_id)
        assert asked is not None
        name = ("key", login.user_id)
        door = self.charge(name, "KEY_LOCKED")
        identity = self.identities.get(login.user_id)
        usable = self.of(identity, ACTIVE) if identity and not identity.blocked else []
        if identity is None or not usable or usable[0].codes[asked] != code:
            self.tell_of_wrong(door, "key.wrong")
            raise self.wrong_at(door, "KEY_WRONG")
        self.open_door(name)
        self.events.append("key.accepted")
        self.use_key(usable[0], asked)
        if identity.level < login.level_min:
            raise m.No("LEVEL_TOO_LOW")
        login.stored, self.by_display[login] = m.OPENED, usable[0]  # type: ignore[assignment]
        return m.OPENED

    def submit_code(self, login: m.Login, front_end: str, user_id: str, code: str) -> int:
        self.expect_named(login, front_end, user_id)
        if self.waits_for_password(login) and self.is_done_by_card(login):
            raise m.No("LOGIN_OPENED_ELSEWHERE")
        return super().submit_code(login, front_end, user_id, code)

    def expect_display(self, display: Any) -> None:
        if not isinstance(display, Card):
            return super().expect_display(display)
        if display.identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if display.state not in (ACTIVE, USED_UP):
            raise m.No("KEY_CARD_NOT_USABLE")
        return None


class KeyCardRules:
    """Rules about key cards, for the machine of `test_model.py`."""

    agree: Any
    agree_on_state: Any
    engine: Any
    model: Any
    redeem: Any
    start_login: Any
    submit_password: Any
    time_passes: Any
    cards: Bundle[Card] = Bundle("cards")

    @rule(target=cards, identity=IDENTITIES)
    def order_a_card(self, identity: m.Identity) -> Any:
        both = self.agree(
            lambda: self.model.order_card(identity),
            lambda: self.engine.order_key_card("desk", fresh(), identity.id),
        )
        if both is None:
            return NOTHING
        both[0].id = both[1]
        return both[0]

    @rule(target=cards, phone=HELD)
    def a_card_in_use(self, phone: Any) -> Any:
        it = self.order_a_card(phone[0].identity)
        if it is not NOTHING:
            self.print_a_card(it)
            self.activate_a_card(it, right=True, password=PASSWORD)
        return it

    @rule(target=cards, it=cards)
    def the_next_card(self, it: Card) -> Any:
        """One that was ordered by a key, as who prints it finds it."""
        following = self.model.of(it.identity, ORDERED, SENT)
        return following[0] if following else NOTHING

    @rule(it=cards)
    def print_a_card(self, it: Card) -> None:
        both = self.agree(
            lambda: self.model.print_card(it) or True,
            lambda: self.engine.print_key_card("printer", fresh(), it.id),
        )
        if both:
            it.codes = {int(number): code for number, code in both[1].keys}
            assert len(it.codes) == KEYS

    @rule(it=cards, right=MOSTLY, password=st.sampled_from((PASSWORD, PASSWORD_OTHER, "")))
    def activate_a_card(self, it: Card, right: bool, password: str) -> None:
        views = {view.card_id: view for view in self.engine.list_key_cards(it.identity.id).cards}
        number = views[it.id].activation_number
        assert (number is not None) == (it.state in (SENT, ACTIVE))
        code = it.codes[number] if right and number is not None else it.wrong()
        fields = (it.identity.id, it.id, code, password)
        self.agree(
            lambda: self.model.activate_card(it, number, code, password),
            lambda: self.engine.activate_key_card("desk", fresh(), *fields),
        )
        self.learn_cards()

    @rule(it=cards)
    def lose_a_card(self, it: Card) -> None:
        self.agree(
            lambda: self.model.lose_card(it),
            lambda: self.engine.report_key_card_lost("desk", it.identity.id, it.id),
        )

    @rule(login=LOGINS, own=MOSTLY, right=MOSTLY)
    def submit_key(self, login: Any, own: bool, right: bool) -> None:
        front_end = login[0].front_end if own else "another"
        user_id = login[0].user_id or "anna"
        asked = self.asked(login, front_end, user_id)
        using = self.model.of(self.model.identities.get(login[0].user_id), ACTIVE)
        code = "000000"
        if using:
            code = using[0].codes[asked] if right and asked is not None else using[0].wrong()
        self.agree_on_state(
            lambda: self.model.submit_key(login[0], front_end, user_id, asked, code),
            lambda: self.engine.submit_key(front_end, login[0].id, user_id, code),
        )
        self.learn_cards()

    def asked(self, login: Any, front_end: str, user_id: str) -> int | None:
        """The number that a login asks for: the same, until its key is used or the day is over."""
        both = self.agree(
            lambda: self.model.expect_key_login(login[0], front_end, user_id) or True,
            lambda: self.engine.key_number(front_end, login[0].id, user_id),
        )
        if both is None:
            return None
        number: int = both[1]
        using = self.model.of(self.model.identities.get(login[0].user_id), ACTIVE)
        card = using[0] if using else None
        if card:
            assert number in card.codes.keys() - card.used
        started = login[0].started_at / 1_000
        day = datetime.datetime.fromtimestamp(started, COPENHAGEN).date()
        used = frozenset(card.used) if card else None
        what = (login[0].user_id, card, day, used)
        assert self.model.asked_for.setdefault(what, number) == number
        return number

    @rule(
        it=cards, level_min=st.sampled_from((1, 2, 2)), wrong=st.booleans(), tries=st.integers(0, 3)
    )
    def log_in_with_a_card(self, it: Card, level_min: int, wrong: bool, tries: int) -> None:
        login = self.start_login(it.identity.user_id, "home", "bank", level_min)
        if wrong:
            self.submit_key(login, own=True, right=False)
        self.submit_key(login, own=True, right=True)
        for _ in range(tries):
            self.submit_password(login, own=True, right=False)
        self.submit_password(login, own=True, right=True)
        for _ in range(2):  # The second time it is consumed already.
            self.redeem(login, own=True, verifier_right=True)

    @rule(it=cards, keys_left=st.sampled_from((0, 0, 1, ORDER_AT)))
    def use_up_a_card(self, it: Card, keys_left: int) -> None:
        while it.state == ACTIVE and it.left > keys_left and not it.identity.blocked:
            before = it.left
            login = self.start_login(it.identity.user_id, f"{it.left}", "bank", 2)
            self.submit_key(login, own=True, right=True)
            if it.left == before:  # The door is locked.
                return

    @rule(target=CODES, it=cards, wait=WAITS, lost=st.booleans(), blocked=SELDOM)
    def move_over(self, it: Card, wait: int, lost: bool, blocked: bool) -> Any:
        """Signed in with a card, on to the app; or a thief with the card, when it is reported."""
        login = self.start_login(it.identity.user_id, "home", "bank", 2)
        self.submit_key(login, own=True, right=True)
        self.submit_password(login, own=True, right=True)
        if login[0].stored != m.APPROVED:
            return NOTHING
        signed_in_at = self.model.now // 1_000 * 1_000
        both = self.agree(
            lambda: self.model.redeem(login[0], "bank", verifier_right=True),
            lambda: self.engine.redeem_login("bank", login[0].id, login[1].verifier),
        )
        self.time_passes(wait)
        assertion = both[1].assertion if both else ""
        identity = it.identity
        try:
            session = self.engine.core.prove_subscriber(assertion, identity.id, [])
        except Denied:
            session = None
        late = self.model.now - signed_in_at > SESSION
        assert (session is None) == (both is None or late)
        if session is None:
            return NOTHING
        if lost:
            self.lose_a_card(it)
        if blocked:
            self.agree(
                lambda: self.model.block(identity, True),
                lambda: self.engine.block_identity("support", identity.id, b"", True),
            )
        moved = self.agree(
            lambda: self.model.move_over(identity, signed_in_at),
            lambda: self.engine.move_from_nemid("profile", fresh(), identity.id, session),
        )
        if moved is None:
            return NOTHING
        code, code.text = moved[0], moved[1].activation_code
        return code

    def learn_cards(self) -> None:
        """Those that keys have ordered get the ids that they have."""
        for it in (each for each in self.model.cards if not each.id):
            known = {each.id for each in self.model.cards}
            views = self.engine.list_key_cards(it.identity.id).cards
            (it.id,) = {view.card_id for view in views} - known

    @invariant()
    def every_card_stands_where_the_model_says(self) -> None:
        for identity in self.model.identities.values():
            view = self.engine.list_key_cards(identity.id)
            mine = [it for it in self.model.cards if it.identity is identity]
            shown = {it.card_id: (it.state, it.keys_left) for it in view.cards}
            assert shown == {it.id: (it.state, it.left) for it in mine}
            assert len(self.model.of(identity, ACTIVE)) <= 1
            assert len(self.model.of(identity, ORDERED, SENT)) <= 1
            door = self.model.door(("key", identity.user_id.casefold()))
            locked = door.locked_until if door.locked_until > self.model.now else 0
            assert (view.key_door.strikes, view.key_door.locked_until_ms) == (door.strikes, locked)
