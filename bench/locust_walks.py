"""Each behaviour of `mixes.py` as a walk of a locust user, on the sync stubs and simulated parties.

Every call is reported to locust by its name, and every behaviour by its own; one that ended in an
assertion is a login besides. `locustfile.py` says whose walks these are and when they come.
"""

from __future__ import annotations

import random
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from locust import User

from bench.mixes import (
    ABANDONED,
    BIOMETRICS,
    CALLS,
    CODE_SPRAY,
    COMPLETES,
    GUESSES,
    OF_HOLDERS,
    PASSWORD,
    REJECTED,
    SIGNING,
    SPRAY,
    WRONG_CODE,
    WRONG_PIN,
    guessed_code,
    wrong_pin,
)
from bench.refusals import NobodyFree
from godkend.errors import GodkendError
from godkend.front_end import AssertionInvalid, document_of
from godkend.phone import Activation, Phone, unix_time_ms
from godkend.statements import DeviceKey
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import login_service_pb2 as login_pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godkend.front_end import Login

ATTACKERS_KEY: Final = DeviceKey.generate()
TEXT: Final = "Log in to Tax and see your assessment"
DOCUMENT: Final = document_of(b"%PDF-1.7 a deed", "application/pdf", "deed.pdf")
REQUEST_TYPE: Final = "grpc"
ACTIVATE, START, OPEN = "activate", "StartLogin", "OpenLogin"
APPROVE_PIN, APPROVE_BIOMETRICS = "ApproveLogin PIN", "ApproveLogin biometrics"
APPROVE_WRONG, REJECT = "ApproveLogin wrong PIN", "RejectLogin"
CODE, CODE_WRONG, SECRET = "SubmitCode", "SubmitCode wrong", "SubmitPassword"
APPROVED, REDEEM, LOGIN = "StartLogin until APPROVED", "RedeemLogin", "login"


class Player(NamedTuple):
    """A subscriber and what they hold."""

    user_id: str
    phone: Phone
    pin: str


class Walker(User):
    """Somebody who can do whatever a mix asks for."""

    abstract = True
    country: Any
    me: Player

    def walk(self, behaviour: str, due_s: float) -> None:
        """One behaviour."""
        if behaviour == SPRAY:
            self._spray()
        elif behaviour == CODE_SPRAY:
            self._spray_codes()
        elif behaviour in OF_HOLDERS:
            self._with_display(due_s, behaviour)
        else:
            self._with_app(due_s, behaviour)

    def _with_app(self, due_s: float, behaviour: str) -> None:
        phone, pin = self.me.phone, self.me.pin
        document = DOCUMENT if behaviour == SIGNING else None
        with self._started(due_s, self.me.user_id, document=document) as login:
            if behaviour == ABANDONED:
                return
            with self.call(OPEN):
                opened = phone.open_login(login.moving_code.now())
            if opened.text != TEXT or (document and opened.document != document):
                raise AssertionInvalid("the phone was shown something else")
            if behaviour == REJECTED:
                with self.call(REJECT):
                    phone.reject(opened)
                return
            approving_s = time.monotonic()
            if behaviour == BIOMETRICS:
                with self.call(APPROVE_BIOMETRICS):
                    phone.approve_with_biometrics(opened)
            else:
                if behaviour == WRONG_PIN:
                    with self.call(APPROVE_WRONG), refused("PIN_WRONG"):
                        phone.approve(opened, wrong_pin(pin))
                with self.call(APPROVE_PIN):
                    phone.approve(opened, pin)
            self._redeem(login, approving_s)
            if document and not login.receipt:
                raise AssertionInvalid("a signature without a receipt")

    def _with_display(self, due_s: float, behaviour: str) -> None:
        """Played by anybody who has a display: a user's own shows one code in half a minute."""
        displays, now_ms = self.country.displays, unix_time_ms()
        level_min = login_pb.ASSURANCE_LEVEL_UNSPECIFIED
        if behaviour == PASSWORD:
            now_ms, level_min = None, login_pb.ASSURANCE_LEVEL_LOW
        with (
            displays.holder(random.Random(), now_ms) as who,
            self._started(due_s, who.user_id, level_min=level_min) as login,
        ):
            if behaviour == WRONG_CODE:
                wrong = displays.wrong_code(who.number, now_ms)
                with self.call(CODE_WRONG), refused("DISPLAY_CODE_WRONG"):
                    login.submit_code(who.user_id, wrong)
            if behaviour != PASSWORD:
                with self.call(CODE):
                    login.submit_code(who.user_id, displays.code(who.number, now_ms))
            approving_s = time.monotonic()
            with self.call(SECRET):
                login.submit_password(who.user_id, who.password)
            self._redeem(login, approving_s)

    def _started(self, due_s: float, user_id: str, **fields: Any) -> Login:
        with self.call(START, since_s=due_s):
            login: Login = self.country.front_end.start(
                TEXT, source=f"home-{secrets.token_hex(8)}", user_id=user_id, **fields
            )
        return login

    def _redeem(self, login: Login, approving_s: float) -> None:
        with self.call(APPROVED, since_s=approving_s):
            state = login.wait()
            if state != login_pb.LOGIN_STATE_APPROVED:
                raise AssertionInvalid(f"state {login_pb.LoginState.Name(state)}")
        with self.call(REDEEM):
            login.redeem()

    def _spray(self) -> None:
        """Guesses a PIN for a phone without its key, then an activation code."""
        stranger = Phone(self.country.channel, ATTACKERS_KEY, self.me.phone.authenticator_id)
        made_up = device_pb.OpenLoginResponse(
            login_id=secrets.token_bytes(16),
            challenge=secrets.token_bytes(32),
            service_provider="tax.example",
            text=TEXT,
        )
        with refused("SIGNATURE_INVALID", "OVERLOADED"):
            stranger.approve(made_up, self.me.pin)
        with refused("ACTIVATION_CODE_WRONG", "BUDGET_SPENT", "OVERLOADED"):
            code = guessed_code()
            Activation.begin(self.country.channel, self.me.user_id, code, key=ATTACKERS_KEY)

    def _spray_codes(self) -> None:
        """Guesses codes at this user's own user ID, which has a phone and perhaps a display."""
        source = f"home-{secrets.token_hex(8)}"
        with self.country.front_end.start(TEXT, source=source, user_id=self.me.user_id) as login:
            for _ in range(GUESSES):
                with refused("DISPLAY_CODE_WRONG", "DISPLAY_CODE_LOCKED", "BUDGET_SPENT"):
                    login.submit_code(self.me.user_id, f"{random.randrange(10**6):06}")

    @contextmanager
    def call(self, name: str, *, since_s: float | None = None) -> Iterator[None]:
        """Reports a call, or a behaviour, to locust, counted from when it was due."""
        began_s = time.monotonic() if since_s is None else since_s
        try:
            yield
        except (GodkendError, AssertionInvalid, NobodyFree) as error:
            self._report(name, began_s, error)
            if name not in CALLS:
                raise
        else:
            self._report(name, began_s, None)

    def _report(self, name: str, began_s: float, failure: Exception | None) -> None:
        # Under a name of its own besides, so that logins are whole logins and nothing else.
        for each in (name, LOGIN) if name in COMPLETES else (name,):
            self.environment.events.request.fire(
                request_type=REQUEST_TYPE,
                name=each,
                response_time=(time.monotonic() - began_s) * 1_000,
                response_length=0,
                exception=failure,
                context={},
            )


@contextmanager
def refused(*reasons: str) -> Iterator[None]:
    """Passes only if the server says no for one of these reasons."""
    try:
        yield
    except GodkendError as error:
        if error.reason not in reasons:
            raise
    else:
        raise AssertionInvalid("what had to be refused was done")
