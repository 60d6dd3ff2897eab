"""Displays and passwords in the model: doors by name, codes that count once, one display in use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, multiple, rule

from godkend.display import Display
from tests.stateful import model as m
from tests.stateful.issuing import DeskModel
from tests.support.phones import fresh

if TYPE_CHECKING:
    from tests.support import phones

IDENTITIES: Bundle[m.Identity] = Bundle("identities")
HELD: Bundle[tuple[m.Phone, phones.Phone]] = Bundle("held")
LOGINS: Bundle[tuple[m.Login, phones.Started]] = Bundle("logins")
NOTHING: Any = multiple()

STEP, NARROW, WIDE = 30 * m.SECOND, 1, 100
DOOR_STRIKES, DOOR_LOCK, DOOR_LOCK_MAX, FORGOTTEN = 3, 15 * m.MINUTE, m.DAY, 30 * m.DAY
PASSWORD, PASSWORD_OTHER, PASSWORD_WRONG = "blåbærgrød 7", "rabarbergrød 8", "havregrød 99"
IN_STOCK, ASSIGNED, ACTIVE, LOST, REPLACED = range(1, 6)
# Around each edge of the two windows.
OFFSETS = st.sampled_from((0, 0, 0, 0, 1, -1, 2, -2, 49, 50, -50, -51))
MOSTLY = st.sampled_from((True, True, True, False))


@dataclass(eq=False)
class Held:
    """A display, and how far its codes have come."""

    identity: m.Identity
    shows: Display
    state: int = IN_STOCK
    next: int = 0
    drift: int = 0
    resync: int = -1
    lost_at: int = 0

    def look(self, code: str, now: int) -> bool:
        def found(first: int, last: int) -> list[int]:
            steps = range(max(first, self.next), last)
            return [at for at in steps if self.shows.code(at) == code]

        here = now // STEP + self.drift
        right = found(here - NARROW, here + NARROW + 1)
        right = right or (found(self.resync, self.resync + 1) if self.resync >= 0 else [])
        if right:
            self.next, self.drift, self.resync = right[0] + 1, right[0] - now // STEP, -1
            return True
        near = found(here - WIDE // 2, here + WIDE // 2)
        self.resync = near[0] + 1 if near else -1
        return False


@dataclass(eq=False)
class Door:
    strikes: int = 0
    locked_until: int = 0
    charged_at: int = 0


@dataclass(eq=False)
class Password:
    text: str
    strikes: int = 0
    locked_until: int = 0


@dataclass
class DisplayModel(DeskModel):
    """The model with displays."""

    displays: list[Held] = field(default_factory=list)
    passwords: dict[m.Identity, Password] = field(default_factory=dict)
    doors: dict[object, Door] = field(default_factory=dict)
    by_display: dict[m.Login, Held] = field(default_factory=dict)
    by_password: dict[m.Login, m.Identity] = field(default_factory=dict)

    def in_use(self, identity: m.Identity | None) -> Held | None:
        mine = [it for it in self.displays if it.identity is identity and it.state == ACTIVE]
        return mine[0] if mine else None

    # Doors

    def door(self, name: object) -> Door:
        door = self.doors.setdefault(name, Door())
        if door.charged_at <= self.now - FORGOTTEN:
            door.strikes = door.locked_until = 0
        return door

    def charge(self, name: object, locked: str) -> Door:
        door = self.door(name)
        if self.now < door.locked_until:
            raise m.No(locked, retry_after_ms=door.locked_until - self.now)
        door.strikes, door.charged_at = door.strikes + 1, self.now
        if door.strikes % DOOR_STRIKES == 0:
            lock = DOOR_LOCK << (door.strikes // DOOR_STRIKES - 1)
            door.locked_until = self.now + min(lock, DOOR_LOCK_MAX)
        return door

    def wrong_at(self, door: Door, reason: str) -> m.No:
        left = -door.strikes % DOOR_STRIKES
        return m.No(reason, None if left else door.locked_until - self.now, left)

    def tell_of_wrong(self, door: Door, kind: str) -> None:
        self.events.append(kind)
        if door.strikes % DOOR_STRIKES == 0:
            self.events.append("door.locked")

    def open_door(self, name: object) -> None:
        self.doors[name] = Door(charged_at=self.now)

    # The life of a display

    def assign(self, it: Held) -> None:
        identity = it.identity
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if self.known[identity].proved_at is None:
            raise m.No("IDENTITY_NOT_PROVED")
        self.expect_old_enough(identity, consented=self.known[identity].consented)
        self.replace(identity, ASSIGNED)
        it.state = ASSIGNED
        self.displays.append(it)
        self.events.append("display.assigned")

    def replace(self, identity: m.Identity, state: int) -> None:
        for it in self.displays:
            if it.identity is identity and it.state == state:
                it.state = REPLACED
                self.events.append("display.replaced")

    def activate_display(self, it: Held, code: str, password: str) -> None:
        if it.identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if not password and it.identity not in self.passwords:
            raise m.No("PASSWORD_NOT_SET")
        if it.state not in (ASSIGNED, ACTIVE):
            raise m.No("DISPLAY_NOT_USABLE")
        door = self.charge(it, "DISPLAY_CODE_LOCKED")
        if not it.look(code, self.now):
            self.events.append("display_code.wrong")
            raise self.wrong_at(door, "DISPLAY_CODE_WRONG")
        self.open_door(it)
        self.open_door(("code", it.identity.user_id.casefold()))
        if it.state == ASSIGNED:
            self.replace(it.identity, ACTIVE)
            it.state = ACTIVE
            self.events.append("display.activated")
        if password:
            self.set_password(it.identity, password)

    def set_password(self, identity: m.Identity, password: str) -> None:
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        self.passwords[identity] = Password(password)
        self.events.append("password.set")

    def lose(self, it: Held) -> None:
        if it.state < LOST:
            it.state, it.lost_at = LOST, self.now
            self.end_profile_codes(it.identity)
            self.events.append("display.lost")

    def out_of_use(self, identity: m.Identity) -> list[int]:
        lost = [it.lost_at for it in self.displays if it.identity is identity and it.state == LOST]
        return [*super().out_of_use(identity), *lost]

    # Logins

    def expect_named(self, login: m.Login, front_end: str, user_id: str) -> None:
        if front_end != login.front_end:
            raise m.No("LOGIN_NOT_FOUND")
        if not login.user_id or user_id.casefold() != login.user_id:
            raise m.No("USER_ID_DIFFERS")

    def expect_pending(self, login: m.Login) -> None:
        if self.state(login) == m.OPENED:
            raise m.No("LOGIN_OPENED_ELSEWHERE")
        if self.state(login) != m.PENDING:
            self.refuse(login)

    def waits_for_password(self, login: m.Login) -> bool:
        return self.state(login) == m.OPENED and login in self.by_display

    def submit_code(self, login: m.Login, front_end: str, user_id: str, code: str) -> int:
        self.expect_named(login, front_end, user_id)
        if self.waits_for_password(login):
            return m.OPENED
        self.expect_pending(login)
        if login.level_min > 2:
            raise m.No("LEVEL_TOO_LOW")
        name = ("code", login.user_id)
        door = self.charge(name, "DISPLAY_CODE_LOCKED")
        identity = self.identities.get(login.user_id)
        display = self.in_use(identity) if identity and not identity.blocked else None
        if identity is None or display is None or not display.look(code, self.now):
            self.tell_of_wrong(door, "display_code.wrong")
            raise self.wrong_at(door, "DISPLAY_CODE_WRONG")
        self.open_door(name)
        self.events.append("display_code.accepted")
        if identity.level < login.level_min:
            raise m.No("LEVEL_TOO_LOW")
        login.stored, self.by_display[login] = m.OPENED, display
        return m.OPENED

    def submit_password(self, login: m.Login, front_end: str, user_id: str, text: str) -> int:
        self.expect_named(login, front_end, user_id)
        if self.waits_for_password(login):
            return self.password_behind_code(login, text)
        self.expect_pending(login)
        if login.level_min > 1:
            raise m.No("DISPLAY_CODE_MISSING" if login.level_min == 2 else "LEVEL_TOO_LOW")
        name = ("password", login.user_id)
        door = self.charge(name, "PASSWORD_LOCKED")
        identity = self.identities.get(login.user_id)
        password = self.passwords.get(identity) if identity and not identity.blocked else None
        if identity is None or password is None or password.text != text:
            self.tell_of_wrong(door, "password.wrong")
            raise self.wrong_at(door, "PASSWORD_WRONG")
        self.open_door(name)
        self.events.append("login.approved")
        login.stored, self.by_password[login] = m.APPROVED, identity
        return m.APPROVED

    def password_behind_code(self, login: m.Login, text: str) -> int:
        display = self.by_display[login]
        self.expect_display(display)
        password = self.passwords[display.identity]
        if password.strikes >= m.STRIKES_MAX:
            raise m.No("PASSWORD_DEAD")
        if self.now < password.locked_until:
            raise m.No("PASSWORD_LOCKED", retry_after_ms=password.locked_until - self.now)
        if text != password.text:
            self.events.append("password.wrong")
            password.strikes += 1
            lock = m.LOCKS.get(password.strikes)
            if lock:
                password.locked_until = self.now + lock
                self.events.append("password.locked")
            if password.strikes == m.STRIKES_MAX:
                self.events.append("password.dead")
            left = min(step for step in (3, 6, m.STRIKES_MAX) if step >= password.strikes)
            raise m.No("PASSWORD_WRONG", lock, left - password.strikes)
        password.strikes = password.locked_until = 0
        self.events.append("login.approved")
        login.stored = m.APPROVED
        return m.APPROVED

    def expect_display(self, display: Held) -> None:
        if display.identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if display.state != ACTIVE:
            raise m.No("DISPLAY_NOT_USABLE")

    def redeem(self, login: m.Login, front_end: str, verifier_right: bool) -> None:
        display, identity = self.by_display.get(login), self.by_password.get(login)
        fits = front_end == login.front_end and verifier_right
        if not fits or self.state(login) != m.APPROVED or not (display or identity):
            return super().redeem(login, front_end, verifier_right)
        if display:
            self.expect_display(display)
        if identity and identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        self.events.append("login.redeemed")
        login.stored = m.REDEEMED
        return None


class DisplayRules:
    """Rules about displays, for the machine of `test_model.py`."""

    agree: Any
    agree_on_state: Any
    engine: Any
    model: Any
    redeem: Any
    start_login: Any
    time_passes: Any
    displays: Bundle[Held] = Bundle("displays")

    @rule(target=displays, phone=HELD)
    def a_display_for_who_has_a_phone(self, phone: Any) -> Any:
        return self.assigned(phone[0].identity)

    @rule(target=displays, identity=IDENTITIES)
    def a_display_for_anybody(self, identity: m.Identity) -> Any:
        return self.assigned(identity)

    @rule(target=displays, phone=HELD)
    def a_display_in_use(self, phone: Any) -> Any:
        it = self.assigned(phone[0].identity)
        if it is not NOTHING:
            self.activate(it, 0, PASSWORD)
        return it

    def assigned(self, identity: m.Identity) -> Any:
        it = Held(identity, Display(fresh(6).hex().upper(), fresh(20)))
        serial_number, shows = it.shows.serial_number, it.shows
        fields = (shows.kind, shows.algorithm, shows.period_s, 0, shows.seed)
        self.engine.import_display("import", serial_number, *fields)
        self.model.events.append("display.imported")
        both = self.agree(
            lambda: self.model.assign(it) or True,
            lambda: self.engine.assign_display("desk", identity.id, serial_number),
        )
        return it if both else NOTHING

    @rule(it=displays, offset=OFFSETS, password=st.sampled_from((PASSWORD, PASSWORD_OTHER, "")))
    def activate(self, it: Held, offset: int, password: str) -> None:
        code = self.code(it, offset)
        fields = (it.identity.id, it.shows.serial_number, code, password)
        self.agree(
            lambda: self.model.activate_display(it, code, password),
            lambda: self.engine.activate_display("desk", fresh(), *fields) and None,
        )

    @rule(it=displays)
    def lose(self, it: Held) -> None:
        self.agree(
            lambda: self.model.lose(it),
            lambda: self.engine.report_display_lost("desk", it.identity.id, it.shows.serial_number),
        )

    @rule(it=displays, password=st.sampled_from((PASSWORD, PASSWORD_OTHER)))
    def choose_a_password(self, it: Held, password: str) -> None:
        self.agree(
            lambda: self.model.set_password(it.identity, password),
            lambda: self.engine.set_password("desk", fresh(), it.identity.id, password),
        )

    def code(self, it: Held, offset: int) -> str:
        return it.shows.code(self.model.now // STEP + it.drift + offset)

    @rule(it=displays, login=LOGINS, own=MOSTLY, offset=OFFSETS)
    def submit_code(self, it: Held, login: Any, own: bool, offset: int) -> None:
        front_end = login[0].front_end if own else "another"
        code = self.code(it, offset)
        fields = (login[0].user_id or "anna", code)
        self.agree_on_state(
            lambda: self.model.submit_code(login[0], front_end, *fields),
            lambda: self.engine.submit_code(front_end, login[0].id, *fields),
        )

    @rule(login=LOGINS, own=MOSTLY, right=MOSTLY)
    def submit_password(self, login: Any, own: bool, right: bool) -> None:
        front_end = login[0].front_end if own else "another"
        identity = self.model.identities.get(login[0].user_id)
        password = self.model.passwords.get(identity)
        text = password.text if right and password else PASSWORD_WRONG
        fields = (login[0].user_id or "anna", text)
        self.agree_on_state(
            lambda: self.model.submit_password(login[0], front_end, *fields),
            lambda: self.engine.submit_password(front_end, login[0].id, *fields),
        )

    @rule(
        it=displays,
        level_min=st.sampled_from((1, 2, 2)),
        offset=OFFSETS,
        tries=st.integers(0, 3),
    )
    def log_in_with_a_display(self, it: Held, level_min: int, offset: int, tries: int) -> None:
        login = self.start_login(it.identity.user_id, "home", "bank", level_min)
        self.submit_code(it, login, own=True, offset=offset)
        for _ in range(tries):
            self.submit_password(login, own=True, right=False)
        self.submit_password(login, own=True, right=True)
        for _ in range(2):  # The second time it is consumed already.
            self.redeem(login, own=True, verifier_right=True)
        self.time_passes(STEP)

    @rule(it=displays, name=st.sampled_from(("", "nobody")), tries=st.integers(2, 7))
    def guess_codes(self, it: Held, name: str, tries: int) -> None:
        for _ in range(tries):
            login = self.start_login(name or it.identity.user_id, "abroad", "bank", 2)
            self.submit_code(it, login, own=True, offset=600)
            self.time_passes(DOOR_LOCK)

    @invariant()
    def every_display_stands_where_the_model_says(self) -> None:
        for identity in self.model.identities.values():
            view = self.engine.list_displays(identity.id)
            mine = [it for it in self.model.displays if it.identity is identity]
            shown = {it.serial_number: it.state for it in view.displays}
            assert shown == {it.shows.serial_number: it.state for it in mine}
            assert sum(it.state == ACTIVE for it in mine) <= 1
            door = self.model.door(("code", identity.user_id.casefold()))
            locked = door.locked_until if door.locked_until > self.model.now else 0
            assert (view.code_door.strikes, view.code_door.locked_until_ms) == (
                door.strikes,
                locked,
            )
            password = self.model.passwords.get(identity)
            assert view.password_is_set == (password is not None)
            assert view.password_door.strikes == (password.strikes if password else 0)
