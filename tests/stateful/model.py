"""What godkend promises, small enough to be read: no store, no keys, no threads, no concurrency.

Times are milliseconds. A refusal is a `No`; everything else is a value. `events` is the history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

LOCKS = {3: HOUR, 6: DAY}
STRIKES_MAX = 9
LOGIN_LIFE, QR_ACCEPTED, LOGINS_PER_SOURCE = 5 * MINUTE, 5 * SECOND, 3
CODE_LIFE = {1: DAY, 2: 14 * DAY, 3: DAY}
CODE_TRIES, ACTIVATION_LIFE = 5, 10 * MINUTE
WEAK_PIN = "123456"

PENDING, OPENED, APPROVED, REJECTED, EXPIRED, CANCELLED, REDEEMED = range(1, 8)
WHY_NOT = {
    PENDING: "LOGIN_NOT_OPENED",
    OPENED: "LOGIN_NOT_APPROVED",
    APPROVED: "LOGIN_APPROVED",
    REJECTED: "LOGIN_REJECTED",
    EXPIRED: "LOGIN_EXPIRED",
    CANCELLED: "LOGIN_CANCELLED",
    REDEEMED: "LOGIN_REDEEMED",
}


@dataclass
class No(Exception):
    reason: str
    retry_after_ms: int | None = None
    attempts_left: int | None = None


@dataclass(eq=False)
class Identity:
    user_id: str
    level: int
    id: bytes = b""
    blocked: bool = False
    code: Code | None = None


@dataclass(eq=False)
class Code:
    identity: Identity
    expires_at: int
    text: str = ""
    tries: int = CODE_TRIES
    used: bool = False
    activation: Activation | None = None
    """Of the phone that gave the code last."""


@dataclass(eq=False)
class Activation:
    code: Code
    expires_at: int
    phone: Phone | None = None
    finished_by: bytes = b""


@dataclass(eq=False)
class Phone:
    identity: Identity
    pin: str
    biometrics_on: bool
    level: int = 2
    hardware_key: bool = False
    id: bytes = b""
    blocked: bool = False
    strikes: int = 0
    locked_until: int = 0


@dataclass(eq=False)
class Login:
    front_end: str
    user_id: str
    source: str
    level_min: int
    started_at: int
    document: int = 0
    """Which document is to be signed; 0 for none."""
    id: bytes = b""
    stored: int = PENDING
    phone: Phone | None = None


@dataclass
class Model:
    now: int
    identities: dict[str, Identity] = field(default_factory=dict)
    phones: list[Phone] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    # Identities

    def create_identity(self, user_id: str, level: int) -> Identity:
        if user_id.casefold() in self.identities:
            raise No("USER_ID_TAKEN")
        self.events.append("identity.created")
        identity = self.identities[user_id.casefold()] = Identity(user_id, level)
        return identity

    def block(self, it: Identity | Phone, blocked: bool) -> None:
        if it.blocked != blocked:
            noun = "identity" if isinstance(it, Identity) else "authenticator"
            self.events.append(f"{noun}.{'blocked' if blocked else 'unblocked'}")
        it.blocked = blocked

    def usable(self, phone: Phone) -> None:
        if phone.blocked:
            raise No("AUTHENTICATOR_BLOCKED")
        if phone.identity.blocked:
            raise No("IDENTITY_BLOCKED")

    # Activation

    def issue_code(self, identity: Identity, channel: int) -> Code:
        if identity.blocked:
            raise No("IDENTITY_BLOCKED")
        self.events.append("activation_code.issued")
        identity.code = Code(identity, self.now + CODE_LIFE[channel])
        return identity.code

    def is_live(self, code: Code) -> bool:
        newest = code.identity.code is code
        return newest and not code.used and code.tries > 0 and self.now < code.expires_at

    def begin_activation(self, user_id: str, text: str) -> Activation:
        identity = self.identities.get(user_id.casefold())
        code = identity.code if identity else None
        if identity and code and self.is_live(code) and not identity.blocked:
            if text == code.text:
                self.events.append("activation.begun")
                code.activation = Activation(code, self.now + ACTIVATION_LIFE)
                return code.activation
            if text[:3] == code.text[:3]:
                self.events.append("activation.refused")
                code.tries -= 1
        raise No("ACTIVATION_CODE_WRONG")

    def finish_activation(
        self, it: Activation, attempt: bytes, pin: str, biometrics_on: bool
    ) -> Phone:
        code = it.code
        in_time = self.is_live(code) and self.now < it.expires_at
        under_way = code.activation is it and (code.used or in_time)
        if not under_way or it.finished_by not in (b"", attempt):
            raise No("ACTIVATION_NOT_FOUND")
        if code.identity.blocked:
            raise No("IDENTITY_BLOCKED")
        if pin == WEAK_PIN:
            raise No("PIN_WEAK")
        if it.phone is None:  # Else the phone repeats itself: its first PIN stays.
            self.events.append("authenticator.activated")
            code.used, it.finished_by = True, attempt
            it.phone = Phone(code.identity, pin, biometrics_on)
            self.phones.append(it.phone)
        return it.phone

    # Logins, as front-ends see them

    def state(self, login: Login) -> int:
        over = self.now >= login.started_at + LOGIN_LIFE
        return EXPIRED if over and login.stored <= APPROVED else login.stored

    def start_login(
        self, front_end: str, user_id: str, source: str, level_min: int, document: int = 0
    ) -> Login:
        user_id = user_id.casefold()
        same = [it for it in self.logins if (it.user_id, it.source) == (user_id, source)]
        rivals = [it for it in same if user_id and self.state(it) == PENDING]
        if len(rivals) >= LOGINS_PER_SOURCE:
            min(rivals, key=lambda it: (it.started_at, it.id)).stored = CANCELLED
        self.logins.append(Login(front_end, user_id, source, level_min, self.now, document))
        return self.logins[-1]

    def cancel(self, login: Login, front_end: str) -> int:
        if front_end != login.front_end:
            raise No("LOGIN_NOT_FOUND")
        if self.state(login) not in (PENDING, OPENED, CANCELLED):
            self.refuse(login)
        login.stored = CANCELLED
        return CANCELLED

    def redeem(self, login: Login, front_end: str, verifier_right: bool) -> None:
        if front_end != login.front_end:
            raise No("LOGIN_NOT_FOUND")
        if not verifier_right:
            raise No("VERIFIER_WRONG")
        if self.state(login) != APPROVED or login.phone is None:
            self.refuse(login)
        self.usable(login.phone)
        self.events.append("login.redeemed")
        login.stored = REDEEMED

    def refuse(self, login: Login) -> NoReturn:
        raise No(WHY_NOT[self.state(login)])

    # Logins, as phones see them

    def open(self, phone: Phone, login: Login, qr_second: int | None) -> None:
        self.usable(phone)
        if qr_second is not None:
            age = self.now - login.started_at
            if age - qr_second * SECOND > QR_ACCEPTED or qr_second > age // SECOND + 1:
                raise No("CODE_STALE")
        if login.user_id not in ("", phone.identity.user_id.casefold()):
            raise No("LOGIN_OPENED_ELSEWHERE")
        if self.state(login) == OPENED:
            return self.expect_opened_by(phone, login)
        if self.state(login) != PENDING:
            self.refuse(login)
        if min(phone.identity.level, phone.level) < login.level_min:
            raise No("LEVEL_TOO_LOW")
        login.stored, login.phone = OPENED, phone
        return None

    def expect_opened_by(self, phone: Phone, login: Login) -> None:
        if login.phone is not phone:
            raise No("LOGIN_OPENED_ELSEWHERE")
        if self.state(login) != OPENED:
            self.refuse(login)

    def approve(self, phone: Phone, login: Login, pin: str) -> int:
        self.usable(phone)
        self.expect_opened_by(phone, login)
        self.try_pin(phone, pin)
        self.events.append("login.approved")
        login.stored = APPROVED
        return APPROVED

    def approve_with_biometrics(self, phone: Phone, login: Login) -> int:
        self.usable(phone)
        self.expect_opened_by(phone, login)
        if not phone.biometrics_on:
            raise No("BIOMETRICS_OFF")
        self.expect_unlocked(phone)
        self.events.append("login.approved")
        login.stored = APPROVED
        return APPROVED

    def reject(self, phone: Phone, login: Login) -> int:
        self.usable(phone)
        self.expect_opened_by(phone, login)
        self.events.append("login.rejected")
        login.stored = REJECTED
        return REJECTED

    # PINs

    def expect_unlocked(self, phone: Phone) -> None:
        if phone.strikes >= STRIKES_MAX:
            raise No("PIN_DEAD")
        if self.now < phone.locked_until:
            raise No("PIN_LOCKED", retry_after_ms=phone.locked_until - self.now)

    def try_pin(self, phone: Phone, pin: str) -> None:
        self.expect_unlocked(phone)
        if pin == phone.pin:
            phone.strikes = phone.locked_until = 0
            return
        self.events.append("pin.wrong")
        phone.strikes += 1
        lock = LOCKS.get(phone.strikes)
        if lock:
            phone.locked_until = self.now + lock
        if phone.strikes == STRIKES_MAX:
            self.events.append("pin.dead")
        elif lock:
            self.events.append("pin.locked")
        next_step = min(step for step in (3, 6, STRIKES_MAX) if step >= phone.strikes)
        raise No("PIN_WRONG", retry_after_ms=lock, attempts_left=next_step - phone.strikes)

    def change_pin(self, phone: Phone, old: str, new: str) -> None:
        if new == WEAK_PIN:
            raise No("PIN_WEAK")
        self.usable(phone)
        self.try_pin(phone, old)
        self.events.append("pin.changed")
        phone.pin = new
