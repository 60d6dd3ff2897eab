"""`godkend demo`: a tour of a real server, in which every claim is checked."""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from godkend.calls import duration_text, open_channel, person_text
from godkend.cli.events import event_line, read_events
from godkend.cli.identity import Desk
from godkend.cli.login import ISSUER_DEFAULT, Following, state_text
from godkend.cli.long_tour import LongTour
from godkend.cli.nemid_tour import NemIdTour
from godkend.cli.options import Caller
from godkend.cli.output import Failed, unwrapped
from godkend.cli.qr import RESET, WHITE_ON_BLACK, qr_lines
from godkend.cli.stage import NotAsExpected, OwnServer, Stage
from godkend.clients import load_local_token
from godkend.errors import Denied, Invalid
from godkend.event_chain import ChainBroken, verify_events
from godkend.front_end import FrontEnd, Login
from godkend.phone import Activation, Phone
from godkend.statements import DeviceKey
from godkend.v1 import login_service_pb2 as pb
from godkend.v1 import statement_pb2
from godkend.v1.event_service_pb2 import Event

if TYPE_CHECKING:
    import grpc

STATE_TIMEOUT_S = 5.0
SOURCE = "192.0.2.7"
SERVICE_PROVIDER = "tax.example"
BIRTH_DATE, PIN_FROM_BIRTH_DATE = "1974-02-28", "280274"
PIN, PIN_OF_ASTRID, PIN_WRONG = "271946", "608315", "914720"


@click.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend demo --slow",
        "  godkend demo --tour",
        "  godkend demo --nemid",
    ),
)
@click.option("--slow", is_flag=True, help="Pause between the lines.")
@click.option(
    "--tour",
    "long",
    is_flag=True,
    help="Weeks with an identity: a desk, a code display, a forgotten PIN, a copy, a theft.",
)
@click.option(
    "--nemid", is_flag=True, help="The last year of NemID: a key card, the app, and the end."
)
def demo(slow: bool, long: bool, nemid: bool) -> None:
    """See it work: a real server, a desk, two phones, a front-end.

    The store is temporary; nothing is installed or left behind. Each thing that is said to have
    happened was checked; the exit code is 0 only if all of it did.
    """
    if long and nemid:
        raise click.UsageError("--tour and --nemid do not go together")
    tour: type[Tour | LongTour | NemIdTour] = Tour
    said = "The assertion was verified"
    if long:
        tour, said = LongTour, "The identity is back"
    elif nemid:
        tour, said = NemIdTour, "NemID has ended"
    stage = Stage(slow=slow)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="godkend-demo-") as directory:
        try:
            tour(stage, Path(directory)).run()
        except NotAsExpected as error:
            raise Failed(f"not as promised: {error}") from error
    click.echo()
    click.echo(f"{said}; all {stage.checked} checks held in {time.monotonic() - began_s:.1f} s.")


class Tour:
    """The story, a method a chapter."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.stage = stage
        self.data_dir = directory / "data"

    def run(self) -> None:
        """Tells it from the beginning to the end."""
        stage = self.stage
        stage.step("A server starts on an empty store")
        with OwnServer(self.data_dir) as server:
            address = f"127.0.0.1:{server.port}"
            stage.says("Server", f"I listen on {address}. My store is one SQLite file.")
            with open_channel(address) as channel:
                self._tell(address, channel)
            stage.step("The server is told to stop")
            stage.equal("the exit code of the server", server.stop(), 0)
            stage.says("Server", "I finished what I had taken on, and closed the store.")

    def _tell(self, address: str, channel: grpc.Channel) -> None:
        self.channel = channel
        self.desk = Desk(Caller(address, None, load_local_token(self.data_dir, "registrar")))
        self.front_end = FrontEnd(
            channel,
            token=load_local_token(self.data_dir, "front-end"),
            issuer=ISSUER_DEFAULT,
            service_provider=SERVICE_PROVIDER,
        )
        code = self.register()
        erik = self.activate(code)
        self.log_in(erik)
        self.guess(erik)
        self.not_me()
        self.history()

    def register(self) -> str:
        """A desk registers Erik; his activation code."""
        stage = self.stage
        stage.step("A desk registers a subscriber")
        identity_id = self.desk.create("erik", "Erik Hansen", BIRTH_DATE)
        found = self.desk.find("ERIK")
        stage.equal("the identity found as ERIK", found.identity_id, identity_id)
        stage.says("Desk", f"Erik Hansen, user ID erik, is identity {identity_id.hex()}.")
        code = self.desk.issue_activation_code(identity_id).activation_code
        stage.says("Desk", f"Here is an activation code: {code}")
        return code

    def activate(self, code: str) -> Phone:
        """Erik's phone becomes an authenticator, once its PIN is good enough."""
        stage = self.stage
        stage.step("Erik's phone becomes an authenticator")
        begun = Activation.begin(self.channel, "Erik", code, device_name="Erik's phone")
        stage.says("Phone", "I made a P-256 key. Choose a PIN.")
        for weak in ("123456", PIN_FROM_BIRTH_DATE):
            error = stage.refused(Invalid, "PIN_WEAK", partial(begun.finish, weak))
            stage.says("Server", f"Not {weak}: {error.bound}.")
        phone = begun.finish(PIN)
        stage.says("Phone", f"{PIN} it is. I am authenticator {phone.authenticator_id.hex()}.")
        found = [each.authenticator_id for each in self.desk.find("erik").authenticators]
        stage.equal("Erik's authenticators", found, [phone.authenticator_id])
        return phone

    def log_in(self, phone: Phone) -> None:
        """A login from its start to its one assertion."""
        stage = self.stage
        stage.step("A front-end starts a login and shows a code that changes every second")
        asked = "Log in to Tax and see your assessment for 2025"
        with self.front_end.start(asked, source=SOURCE, user_id="erik") as login:
            states = Following(login)
            self._state(states, pb.LOGIN_STATE_PENDING)
            code = login.moving_code.now()
            for line in qr_lines(code):
                click.echo(f"     {WHITE_ON_BLACK}{line}{RESET}")  # Plain unless on a terminal.
            stage.says("Front-end", f"Scan this: {code}")

            stage.step("The phone scans it and shows who asks, for what")
            opened = phone.open_login(code)
            self._state(states, pb.LOGIN_STATE_OPENED)
            stage.equal("who asks", opened.service_provider, SERVICE_PROVIDER)
            stage.equal("the text", opened.text, asked)
            stage.says("Phone", f"{opened.service_provider} asks: {opened.text}")

            stage.step("PIN, slide: approved")
            phone.approve(opened, PIN)
            stage.says("Phone", "Signed all that was shown, and sent it with the PIN.")
            self._state(states, pb.LOGIN_STATE_APPROVED)

            stage.step("The front-end redeems the login and verifies the assertion")
            claims = login.redeem()
            stage.says("Front-end", json.dumps(claims, indent=2))
            stage.says("Front-end", "Signature, issuer, audience, time and nonce are right.")
            error = stage.refused(Denied, "LOGIN_REDEEMED", login.redeem)
            stage.says("Front-end", "And once more?")
            stage.says("Server", person_text(error))

    def guess(self, phone: Phone) -> None:
        """Wrong PINs, the lock, and the right PIN too late."""
        stage = self.stage
        stage.step("Somebody has the phone and guesses the PIN")
        with self.front_end.start("Log in to Tax", source=SOURCE) as login:
            opened = phone.open_login(login.app_link)
            left: list[int | None] = []
            while True:
                error = stage.refused(Denied, "PIN_WRONG", lambda: phone.approve(opened, PIN_WRONG))
                left.append(error.attempts_left)
                stage.says("Server", person_text(error))
                if error.retry_after_ms:
                    break
                stage.expect("a lock by the third try", holds=len(left) < 3, found=left)
            stage.equal("the tries left", [n or 0 for n in left], [2, 1, 0])
            locked = stage.refused(Denied, "PIN_LOCKED", lambda: phone.approve(opened, PIN))
            stage.expect("a time to come back", holds=bool(locked.retry_after_ms), found=locked)
            wait = duration_text(locked.retry_after_ms or 0)
            stage.says("Phone", "And now the right PIN?")
            stage.says("Server", f"{person_text(locked)} The right PIN has to wait {wait} as well.")
            login.cancel()
        strikes = self.desk.find("erik").authenticators[0].strikes
        stage.equal("the strikes on Erik's phone", strikes, 3)

    def not_me(self) -> None:
        """Astrid rejects a login that somebody else started."""
        stage = self.stage
        stage.step("Astrid rejects a login that she did not start")
        identity_id = self.desk.create("astrid", "Astrid Holm")
        code = self.desk.issue_activation_code(identity_id).activation_code
        key = DeviceKey.generate(statement_pb2.KEY_ALGORITHM_ED25519)
        phone = Activation.begin(self.channel, "astrid", code, key=key).finish(PIN_OF_ASTRID)
        with self.front_end.start("Approve a loan", source=SOURCE, user_id="astrid") as login:
            states = Following(login)
            self._state(states, pb.LOGIN_STATE_PENDING)
            opened = phone.open_login(login.app_link)
            self._state(states, pb.LOGIN_STATE_OPENED)
            stage.says("Phone", f"Astrid, {opened.service_provider} asks: {opened.text}")
            phone.reject(opened, not_me=True)
            stage.says("Phone", "This was not me. (signed with Ed25519, no PIN needed)")
            self._state(states, pb.LOGIN_STATE_REJECTED)
            self._nothing_to_redeem(login)

    def _nothing_to_redeem(self, login: Login) -> None:
        error = self.stage.refused(Denied, "LOGIN_REJECTED", login.redeem)
        self.stage.says("Server", person_text(error))

    def history(self) -> None:
        """The chain of events, recomputed here, and found out when changed."""
        stage = self.stage
        stage.step("An auditor reads the history and recomputes its hash chain")
        token = load_local_token(self.data_dir, "auditor")
        events = list(read_events(self.channel, token))
        stage.says("Auditor", "\n".join(event_line(event) for event in events))
        kinds = [event.kind for event in events]
        for kind, count in (("login.redeemed", 1), ("pin.wrong", 3), ("login.rejected", 1)):
            stage.equal(f"the number of {kind}", kinds.count(kind), count)
        chain = verify_events(events)
        stage.equal("the events in the chain", chain.seq, len(events))
        stage.says("Auditor", f"{chain.seq} events, one chain, ending in {chain.hash.hex()}.")

        changed = Event.FromString(events[1].SerializeToString())
        changed.at_ms += 1
        try:
            verify_events([events[0], changed, *events[2:]])
        except ChainBroken as error:
            stage.equal("where the chain breaks", error.seq, changed.seq)
            stage.says("Auditor", f"One millisecond changed in a copy is found out: {error}.")
        else:
            raise NotAsExpected("a changed history was taken for whole")

    def _state(self, states: Following, wanted: pb.LoginState.ValueType) -> None:
        found = states.next_state(STATE_TIMEOUT_S)
        said = "nothing" if found is None else state_text(found)
        self.stage.equal("the state that the front-end sees", said, state_text(wanted))
        self.stage.says("Front-end", f"The login is {said}.")
