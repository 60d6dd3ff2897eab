"""`godkend demo --nemid`: the last year of NemID, on a real server whose clock the tour moves.

Erik gets a key card in the summer of 2022, logs in with it, moves over to the app in time, and sees
NemID end. Each thing that is said to have happened was checked.
"""

from __future__ import annotations

import datetime
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from godkend import _core
from godkend.calls import CALL_TIMEOUT_S, bearer, godkend_errors, open_channel, person_text
from godkend.cli.clocked_server import ClockedServer
from godkend.cli.identity import REQUEST_ID_BYTES, Desk
from godkend.cli.login import ISSUER_DEFAULT
from godkend.cli.options import Caller
from godkend.cli.output import enum_text
from godkend.clients import load_local_token
from godkend.errors import Denied
from godkend.front_end import FrontEnd
from godkend.key_card_print import as_text
from godkend.phone import Activation, Phone
from godkend.v1 import key_card_service_pb2 as pb
from godkend.v1 import key_card_service_pb2_grpc

if TYPE_CHECKING:
    from pathlib import Path

    from godkend.cli.stage import Stage

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
BEGINS, APP_FIRST, LAST_TO_MOVE, LIMITED = "2022-08-01", "2022-09-22", "2023-06-05", "2023-06-30"
SOURCE, SERVICE_PROVIDER = "192.0.2.7", "tax.example"
PASSWORD, PIN = "violet harbour 19", "271946"
LINES_SHOWN = 9


class NemIdTour:
    """The story, a method a chapter."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.stage = stage
        self.data_dir = directory / "data"
        self.clock = _core.ManualClock(_midnight_ms(BEGINS))
        self.server = ClockedServer(self.data_dir, self.clock)

    def run(self) -> None:
        """Tells it from the beginning to the end."""
        self.stage.step("A server starts in the summer of 2022")
        with self.server, open_channel(f"127.0.0.1:{self.server.port}") as channel:
            self.channel = channel
            self.cards = key_card_service_pb2_grpc.KeyCardServiceStub(channel)
            token = load_local_token(self.data_dir, "registrar")
            self.desk = Desk(Caller(f"127.0.0.1:{self.server.port}", None, token))
            self.front_end = FrontEnd(
                channel,
                token=load_local_token(self.data_dir, "front-end"),
                issuer=ISSUER_DEFAULT,
                service_provider=SERVICE_PROVIDER,
                now_s=lambda: self.server.now_s,
            )
            self.get_a_card()
            self.log_in()
            self.see_the_app_come_first()
            phone = self.move_over()
            self.see_it_end(phone)

    def get_a_card(self) -> None:
        """Ordered at a desk, printed, and put into use with a key from it."""
        stage = self.stage
        stage.step("Erik gets a key card")
        self.erik_id = self.desk.create("erik", "Erik Hansen", "1974-02-28")
        order = pb.OrderKeyCardRequest(request_id=_request_id(), identity_id=self.erik_id)
        card_id = self.desk.call(self.cards.OrderKeyCard, order).card_id
        printing = pb.PrintKeyCardRequest(request_id=_request_id(), card_id=card_id)
        content = self.desk.call(self.cards.PrintKeyCard, printing)
        self.codes = {key.key_number: key.one_time_code for key in content.keys}
        stage.equal("the keys on the card", len(self.codes), 148)
        for line in as_text(content).splitlines()[:LINES_SHOWN]:
            stage.says("Card", line)
        (shown,) = self._shown()
        activate = pb.ActivateKeyCardRequest(
            request_id=_request_id(),
            identity_id=self.erik_id,
            card_id=card_id,
            one_time_code=self.codes[shown.activation_number],
            password=PASSWORD,
        )
        self.desk.call(self.cards.ActivateKeyCard, activate)
        stage.equal("the card's state", self._shown()[0].state, pb.KEY_CARD_STATE_ACTIVE)
        stage.says("Desk", f"Key {shown.activation_number} showed that it arrived. It is in use.")

    def _shown(self) -> list[pb.KeyCard]:
        request = pb.ListKeyCardsRequest(identity_id=self.erik_id)
        return list(self.desk.call(self.cards.ListKeyCards, request).key_cards)

    def log_in(self) -> None:
        """A number, the code beside it, the password; and the same code once more."""
        stage = self.stage
        stage.step("He logs in with user ID, key and password")
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            number = login.key_number("erik")
            stage.says("Front-end", f"The code beside {number}, please.")
            login.submit_key("erik", self.codes[number])
            login.submit_password("erik", PASSWORD)
            claims = login.redeem()
        stage.equal("what the login used", claims["amr"], ["otp", "pwd", "mfa"])
        stage.says("Front-end", f"amr {claims['amr']}, level {claims['nsis_loa']}.")
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            again = partial(login.submit_key, "erik", self.codes[number])
            error = stage.refused(Denied, "KEY_WRONG", again)
            stage.says("Server", f"The same code again? {person_text(error)}")
            login.cancel()

    def see_the_app_come_first(self) -> None:
        """The order in which a front-end shows the ways in, before and after a midnight."""
        stage = self.stage
        stage.step(f"The app becomes the first way in on {APP_FIRST}")
        stage.says("Front-end", f"The day before: {', '.join(self._ways_in())}.")
        stage.equal("the first way in", self._ways_in()[0], "key card")
        self._until(APP_FIRST)
        stage.equal("the first way in", self._ways_in()[0], "app")
        stage.says("Front-end", f"From midnight on: {', '.join(self._ways_in())}.")

    def _ways_in(self) -> list[str]:
        ways = self.front_end.ways_in()
        return [enum_text(pb.WayIn.Name(way), "WAY_IN_") for way in ways]

    def move_over(self) -> Phone:
        """On the last day, signed in with NemID, he gets the app."""
        stage = self.stage
        stage.step(f"On {LAST_TO_MOVE}, the last day, he moves over to the app")
        self._until(LAST_TO_MOVE)
        with self.front_end.start("Log in to your profile", source=SOURCE, user_id="erik") as login:
            login.submit_key("erik", self.codes[login.key_number("erik")])
            login.submit_password("erik", PASSWORD)
            login.redeem()
        request = pb.MoveFromNemIdRequest(request_id=_request_id(), identity_id=self.erik_id)
        token = load_local_token(self.data_dir, "self-service")
        shown = (*bearer(token), ("subscriber-assertion", login.assertion))
        with godkend_errors():
            moved = self.cards.MoveFromNemId(request, metadata=shown, timeout=CALL_TIMEOUT_S)
        stage.says("Profile", f"Your activation code is {moved.activation_code}.")
        begun = Activation.begin(
            self.channel, "erik", moved.activation_code, device_name="Erik's phone"
        )
        done = begun.finish(PIN)
        return Phone(self.channel, done.key, done.authenticator_id, lambda: self.clock.now_ms)

    def see_it_end(self, phone: Phone) -> None:
        """From a midnight on the card logs in nowhere; the app does."""
        stage = self.stage
        stage.step(f"On {LIMITED} NemID ends at service providers")
        self._until(LIMITED)
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            error = stage.refused(Denied, "NEMID_CLOSED", partial(login.key_number, "erik"))
            stage.says("Server", person_text(error))
            phone.approve(phone.open_login(login.app_link), PIN)
            claims = login.redeem()
        stage.equal("what the login used", claims["amr"], ["pop", "pin", "mfa"])
        stage.says("Front-end", "Logged in, with the app and its PIN.")

    def _until(self, day: str) -> None:
        """Moves the clock to the beginning of a day in Denmark."""
        self.clock.advance(_midnight_ms(day) - self.clock.now_ms)
        self.stage.says("Clock", f"It is {day}.")


def _midnight_ms(day: str) -> int:
    midnight: Any = datetime.datetime.fromisoformat(day).replace(tzinfo=COPENHAGEN)
    return int(midnight.timestamp() * 1_000)


def _request_id() -> bytes:
    return secrets.token_bytes(REQUEST_ID_BYTES)
