"""`godkend demo --tour`: weeks with an identity, on a real server whose clock the tour moves.

Erik gets his identity at a desk with a witness, logs in with a code display, forgets his PIN,
copies the app to a new phone, and loses everything. Each thing that is said to have happened was
checked.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from godkend.calls import duration_text, open_channel, person_text
from godkend.cli.clocked_server import ClockedServer
from godkend.cli.desk import IssuingDesk
from godkend.cli.events import read_events
from godkend.cli.identity import REQUEST_ID_BYTES, Desk
from godkend.cli.login import ISSUER_DEFAULT
from godkend.cli.options import Caller
from godkend.cli.stage import NotAsExpected
from godkend.clients import load_local_token
from godkend.copying import NewPhone, OldApp
from godkend.display import Display
from godkend.errors import Denied
from godkend.event_chain import verify_events
from godkend.front_end import FrontEnd
from godkend.notifications.folder import messages_in
from godkend.phone import Activation, Phone
from godkend.v1 import copy_service_pb2 as copy_pb
from godkend.v1 import display_service_pb2 as display_pb
from godkend.v1 import display_service_pb2_grpc, recovery_service_pb2_grpc
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import issuing_service_pb2 as issuing_pb
from godkend.v1 import recovery_service_pb2 as recovery_pb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from godkend.cli.stage import Stage

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
WITNESS_KNOWN_MS, NUMBER_SETTLED_MS, COPY_WAIT_MS = 10 * DAY_MS, 5 * DAY_MS, HOUR_MS
SOURCE, SERVICE_PROVIDER = "192.0.2.7", "tax.example"
PHONE_NUMBER, EMAIL = "+4512345678", "erik@example.org"
PIN, PIN_NEW, PIN_OF_COPY, PIN_LAST = "271946", "608315", "914720", "350862"
PASSWORD = "violet harbour 19"  # noqa: S105, of a subscriber who does not exist


class LongTour:
    """The story, a method a chapter."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.stage = stage
        self.data_dir = directory / "data"
        self.server = ClockedServer(self.data_dir)
        self.clock = self.server.clock
        self._read: list[str] = []

    def run(self) -> None:
        """Tells it from the beginning to the end."""
        self.stage.step("A server starts on an empty store, with a clock that this tour moves")
        with self._running():
            phone = self.issue()
            self.log_in_by_display()
            self.forget_the_pin(phone)
            old_app = self.ask_for_a_copy(phone)
        self.stage.step("The server is stopped, and started again within the hour")
        with self._running():
            copied = self.finish_the_copy(old_app)
            self.lose_everything(phone, copied)
            self.read_the_history()

    @contextmanager
    def _running(self) -> Iterator[None]:
        with self.server, open_channel(f"127.0.0.1:{self.server.port}") as channel:
            self.stage.says("Server", f"I listen on 127.0.0.1:{self.server.port}.")
            self.channel = channel
            self.desk = IssuingDesk(self._caller("registrar"))
            self.support = Desk(self._caller("support"))
            self.displays = display_service_pb2_grpc.DisplayServiceStub(channel)
            self.recovery = recovery_service_pb2_grpc.RecoveryServiceStub(channel)
            self.front_end = FrontEnd(
                channel,
                token=load_local_token(self.data_dir, "front-end"),
                issuer=ISSUER_DEFAULT,
                service_provider=SERVICE_PROVIDER,
                now_s=lambda: self.server.now_s,
            )
            yield

    def _caller(self, role: Any) -> Caller:
        return Caller(f"127.0.0.1:{self.server.port}", None, load_local_token(self.data_dir, role))

    def _later(self, ms: int) -> None:
        """Moves the clock."""
        self.clock.advance(ms)
        self.stage.says("Clock", f"{duration_text(ms)} later.")

    # Issuing

    def issue(self) -> Phone:
        """A desk proves who Erik is, by a witness, and his phone becomes an authenticator."""
        stage = self.stage
        stage.step("A desk identifies Erik, by his driving licence and a witness")
        witness_id = self.desk.create("astrid", "Astrid Holm", "1969-07-20")
        self.erik_id = self.desk.create("erik", "Erik Hansen", "1974-02-28", unproved=True)
        error = stage.refused(
            Denied, "IDENTITY_NOT_PROVED", partial(self.desk.issue_activation_code, self.erik_id)
        )
        stage.says("Server", f"A code for Erik? {person_text(error)}")
        identify = partial(self._identify, witness_id)
        error = stage.refused(Denied, "WITNESS_TOO_NEW", identify)
        stage.says("Server", f"Astrid as his witness? {person_text(error)}")
        self._later(WITNESS_KNOWN_MS)
        identify()
        stage.says("Desk", "Now she will do. Erik is identified; his level is Substantial.")
        details = identity_pb.ContactDetails(
            phone_number=PHONE_NUMBER, email=EMAIL, language=identity_pb.LANGUAGE_ENGLISH
        )
        self.desk.call(
            self.desk.stub.SetContactDetails,
            identity_pb.SetContactDetailsRequest(identity_id=self.erik_id, contact_details=details),
        )
        stage.says("Desk", f"We reach him by {PHONE_NUMBER} and {EMAIL}.")

        stage.step("His phone becomes an authenticator")
        phone = self._activated("Erik's phone", PIN)
        stage.says("Phone", f"I am authenticator {phone.authenticator_id.hex()}.")
        return phone

    def _identify(self, witness_id: bytes) -> None:
        request = issuing_pb.RecordIdentificationRequest(
            request_id=secrets.token_bytes(REQUEST_ID_BYTES),
            identity_id=self.erik_id,
            officer_id="kk0417",
            document=issuing_pb.Document(
                kind=issuing_pb.DOCUMENT_KIND_DRIVING_LICENCE,
                country="DNK",
                document_number="12345678",
                expires_on="2099-05-04",
            ),
            birth_date="1974-02-28",
            method=issuing_pb.IDENTIFICATION_METHOD_WITNESS,
            witness_id=witness_id,
        )
        self.desk.call(self.desk.issuing.RecordIdentification, request)

    def _activated(self, device_name: str, pin: str) -> Phone:
        code = self.desk.issue_activation_code(self.erik_id).activation_code
        begun = Activation.begin(self.channel, "erik", code, device_name=device_name)
        done = begun.finish(pin)
        return Phone(self.channel, done.key, done.authenticator_id, self._now_ms)

    def _now_ms(self) -> int:
        return self.clock.now_ms

    # Logging in

    def log_in_by_display(self) -> None:
        """A code display, and a login with it."""
        stage = self.stage
        stage.step("Erik gets a code display, for when the phone is at home")
        display = Display("AB12345678", secrets.token_bytes(20))
        self.server.call(
            "import_display",
            "import",
            *(display.serial_number, display.kind, display.algorithm),
            *(display.period_s, display.counter, display.seed),
        )
        self._desk_call(
            self.displays.AssignDisplay,
            display_pb.AssignDisplayRequest(
                identity_id=self.erik_id, serial_number=display.serial_number
            ),
        )
        self._desk_call(
            self.displays.ActivateDisplay,
            display_pb.ActivateDisplayRequest(
                request_id=secrets.token_bytes(REQUEST_ID_BYTES),
                identity_id=self.erik_id,
                serial_number=display.serial_number,
                one_time_code=display.code_at(self.clock.now_ms),
                password=PASSWORD,
            ),
        )
        stage.says("Desk", f"Display {display.serial_number} is his, and he chose a password.")

        stage.step("He logs in with user ID, code and password")
        self._later(MINUTE_MS)
        code = display.code_at(self.clock.now_ms)
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            error = stage.refused(
                Denied, "DISPLAY_CODE_MISSING", lambda: login.submit_password("erik", PASSWORD)
            )
            stage.says("Server", f"The password first? {person_text(error)}")
            login.submit_code("erik", code)
            stage.says("Display", f"{code[:3]} {code[3:]}")
            login.submit_password("erik", PASSWORD)
            claims = login.redeem()
        stage.equal("what the login used", claims["amr"], ["otp", "pwd", "mfa"])
        stage.equal("its level", claims["nsis_aal"], "Substantial")
        stage.says("Front-end", f"amr {claims['amr']}, level {claims['nsis_loa']}.")
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            error = stage.refused(
                Denied, "DISPLAY_CODE_WRONG", lambda: login.submit_code("erik", code)
            )
            stage.says("Server", f"The same code again? {person_text(error)}")
            login.cancel()

    def _desk_call(self, method: Any, request: object) -> Any:
        return self.desk.call(method, request)

    def _logs_in(self, phone: Phone, pin: str) -> None:
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            phone.approve(phone.open_login(login.app_link), pin)
            claims = login.redeem()
        self.stage.equal("what the login used", claims["amr"], ["pop", "pin", "mfa"])
        self.stage.says("Front-end", "Logged in, with the app and its PIN.")

    # Forgetting the PIN

    def forget_the_pin(self, phone: Phone) -> None:
        """A temporary PIN by SMS, and a new PIN of his own."""
        stage = self.stage
        stage.step("Erik has forgotten his PIN, and calls support")
        error = stage.refused(Denied, "PHONE_NUMBER_TOO_NEW", self._order_temporary_pin)
        stage.says("Server", f"A temporary PIN by SMS? {person_text(error)}")
        self._later(NUMBER_SETTLED_MS)
        self._order_temporary_pin()
        temporary_pin = self._digits_of_the_sms("temporary_pin.issued")
        stage.says("Support", "It is on its way to your phone. I do not see it.")
        phone.reset_pin(temporary_pin, PIN_NEW)
        stage.says("Phone", f"{temporary_pin} was right, once. From now on it is {PIN_NEW}.")
        self._logs_in(phone, PIN_NEW)

    def _order_temporary_pin(self) -> None:
        request = recovery_pb.OrderTemporaryPinRequest(
            request_id=secrets.token_bytes(REQUEST_ID_BYTES),
            identity_id=self.erik_id,
            evidence_reference="case 2026-0417",
        )
        self.support.call(self.recovery.OrderTemporaryPin, request)

    def _digits_of_the_sms(self, kind: str) -> str:
        """The six digits in the next SMS about this, once it has been delivered."""
        message = self.server.wait_for(lambda: self._next(kind))
        self._read.append(message)
        (digits,) = [word.strip(".") for word in message.split() if word.strip(".").isdigit()]
        self.stage.says("SMS", message)
        return digits

    def _next(self, kind: str) -> str:
        about = f"About: {kind}, "
        texts = [
            text.partition("\n\n")[2].strip()
            for file, text in messages_in(self.data_dir / "messages")
            if "-sms-" in file.name and about in text
        ]
        return texts[-1] if len(texts) > len(self._read) else ""

    # Copying the app

    def ask_for_a_copy(self, phone: Phone) -> tuple[Phone, bytes]:
        """The old app asks for a copy; then an hour has to pass."""
        stage = self.stage
        stage.step("Erik has a new phone, and asks his old one to copy the app")
        app = OldApp(self.channel, phone.key, phone.authenticator_id, self._now_ms)
        asked = app.request(PIN_NEW)
        stage.equal("where the copy is", asked.state, copy_pb.COPY_STATE_REQUESTED)
        stage.says("Old phone", "PIN right. Come back in an hour; all your channels were told.")
        confirm = partial(app.confirm, asked.copy_id, PIN_NEW)
        error = stage.refused(Denied, "COPY_NOT_READY", confirm)
        stage.says("Server", person_text(error))
        return phone, asked.copy_id

    def finish_the_copy(self, asked: tuple[Phone, bytes]) -> Phone:
        """After the wait: PIN, QR code, user ID, temporary PIN, a PIN of its own."""
        stage = self.stage
        phone, copy_id = asked
        app = OldApp(self.channel, phone.key, phone.authenticator_id, self._now_ms)
        stage.equal("where the copy is", app.show(copy_id).state, copy_pb.COPY_STATE_REQUESTED)
        self._later(COPY_WAIT_MS)
        stage.step("The hour is over: PIN again, and the new phone scans the code")
        shown = app.confirm(copy_id, PIN_NEW)
        new = NewPhone.scan(self.channel, shown.copy_code, "erik", device_name="Erik's new phone")
        stage.says("New phone", "Scanned. A temporary PIN comes by SMS.")
        temporary_pin = self._digits_of_the_sms("temporary_pin.issued")
        done = new.finish(temporary_pin, PIN_OF_COPY)
        copied = Phone(self.channel, done.key, done.authenticator_id, self._now_ms)
        stage.equal("where the copy is", app.show(copy_id).state, copy_pb.COPY_STATE_DONE)
        self._logs_in(copied, PIN_OF_COPY)
        return copied

    # Losing everything

    def lose_everything(self, phone: Phone, copied: Phone) -> None:
        """Blocked at night by support; nothing works; a desk gives it back."""
        stage = self.stage
        stage.step("At night everything is stolen: support blocks it all")
        self._later(7 * HOUR_MS)
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            opened = copied.open_login(login.app_link)
            self.support.call(
                self.support.stub.BlockIdentity,
                identity_pb.BlockIdentityRequest(identity_id=self.erik_id),
            )
            stage.says("Support", "Blocked, at any hour; also the login that was just opened.")
            try:
                copied.approve(opened, PIN_OF_COPY)
            except Denied as error:
                stage.says("Thief", "But I have the PIN!")
                stage.says("Server", person_text(error))
            else:
                raise NotAsExpected("a blocked identity approved a login")
        unblock = identity_pb.UnblockIdentityRequest(identity_id=self.erik_id)
        self.stage.expect(
            "support to be unable to unblock", holds=not self._may(unblock), found="it could"
        )
        stage.says("Support", "Unblocking I may not do. That takes a desk.")

        stage.step("A desk sees him again, ends the stolen phones, and activates another")
        self._desk_call(self.desk.stub.UnblockIdentity, unblock)
        for stolen in (phone, copied):
            self._desk_call(
                self.desk.stub.BlockIdentity,
                identity_pb.BlockIdentityRequest(
                    identity_id=self.erik_id, authenticator_id=stolen.authenticator_id
                ),
            )
        self._logs_in(self._activated("Erik's third phone", PIN_LAST), PIN_LAST)
        with self.front_end.start("Log in to Tax", source=SOURCE, user_id="erik") as login:
            stage.refused(
                Denied, "AUTHENTICATOR_BLOCKED", lambda: copied.open_login(login.app_link)
            )
            login.cancel()
        stage.says("Desk", "The stolen ones stay blocked.")

    def _may(self, unblock: identity_pb.UnblockIdentityRequest) -> bool:
        try:
            self.support.call(self.support.stub.UnblockIdentity, unblock)
        except Denied as error:
            return error.reason != "ROLE_FORBIDDEN"
        return True

    def read_the_history(self) -> None:
        """What happened, as one chain; what he was told, as messages."""
        stage = self.stage
        stage.step("An auditor recomputes the history, and Erik reads his messages")
        token = load_local_token(self.data_dir, "auditor")
        events = list(read_events(self.channel, token))
        stage.equal("the events in the chain", verify_events(events).seq, len(events))
        stage.says("Auditor", f"{len(events)} events, one chain, nothing missing.")
        told = self.server.wait_for(
            lambda: [text for _, text in messages_in(self.data_dir / "messages")]
        )
        stage.expect("messages to Erik", holds=len(told) > 0, found=told)
        stage.says("Erik", f"I was told of it in {len(told)} messages, none with a link in it.")
        stage.expect("no link", holds=not any("http" in text for text in told), found="a link")
