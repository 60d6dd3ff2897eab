"""Those who act while servers are killed, and what each may hold them to afterwards.

An actor writes into the ledger before and after each call. From these lines alone it knows, after
the restart, what must be (it was answered), what may be (it was sent) and what must not be.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc

from godkend.calls import from_rpc_error, godkend_errors
from godkend.errors import Denied
from godkend.event_chain import EventChain, verify_events
from godkend.phone import Activation, Phone
from godkend.v1 import event_service_pb2, event_service_pb2_grpc, login_service_pb2_grpc
from tests.servers import CALL_TIMEOUT_S, PIN, PIN_WRONG, Desk, NewLogin, Server

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from godkend.v1.device_service_pb2 import OpenLoginResponse
    from tests.crash.ledger import Ledger, Line

STRIKES_UNTIL_LOCKED = 3
"""The first rung; its hour is longer than any test."""
CODE_TRIES = 5
REMEMBERED_MAX = 20
SERVICE_PROVIDER = "tax.example"


class Link:
    """A server as one actor reaches it, over a connection of its own."""

    def __init__(self, server: Server, channel: grpc.Channel) -> None:
        self.server = server
        self.channel = channel
        self.desk = Desk(channel, server.metadata("registrar"))
        self._login = login_service_pb2_grpc.LoginServiceStub(channel)
        self._events = event_service_pb2_grpc.EventServiceStub(channel)

    def phone(self, phone: Phone) -> Phone:
        """The same phone, calling over this link."""
        return Phone(self.channel, phone.key, phone.authenticator_id)

    def opened(self, new: NewLogin, phone: Phone) -> OpenLoginResponse:
        """Starts a login and opens it on a phone."""
        stream = self._login.StartLogin(
            new.start_request, metadata=self.server.metadata("front-end"), timeout=CALL_TIMEOUT_S
        )
        with godkend_errors():
            started = next(stream).started
        stream.cancel()
        return self.phone(phone).open_login(started.app_link)

    def redeeming(self, new: NewLogin, login_id: bytes) -> Any:
        """A call to redeem, under way."""
        return self._login.RedeemLogin.future(
            new.redeem_request(login_id),
            metadata=self.server.metadata("front-end"),
            timeout=CALL_TIMEOUT_S,
        )

    def redeem(self, new: NewLogin, login_id: bytes) -> str:
        """What redeeming came to: "OK", or the reason of the refusal."""
        return outcome(lambda: self.redeeming(new, login_id).result())

    def events(self, after_seq: int) -> Iterator[event_service_pb2.Event]:
        """The events after a number, until now."""
        request = event_service_pb2.StreamEventsRequest(after_seq=after_seq, until_now=True)
        with godkend_errors():
            for response in self._events.StreamEvents(
                request, metadata=self.server.metadata("auditor"), timeout=CALL_TIMEOUT_S
            ):
                yield response.event


def outcome(call: Callable[[], object]) -> str:
    """What a call came to: "OK" or the reason of its denial. A fault passes."""
    try:
        with godkend_errors():
            call()
    except Denied as denial:
        return denial.reason
    return "OK"


@dataclass
class History:
    """The event chain, followed from restart to restart; what it tells of whom."""

    chain: EventChain = field(default_factory=EventChain)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    promised: Counter[tuple[str, str]] = field(default_factory=Counter)

    def promise(self, kind: str, about: str) -> None:
        """Something was answered, so that the history must tell of it."""
        self.promised[kind, about] += 1

    def follow(self, link: Link) -> None:
        """Reads on where it was; the chain must go on from there and hold what was promised."""
        for event in link.events(self.chain.seq):
            self.chain.follow(event)
            for about in (event.authenticator_id, event.login_id, event.identity_id):
                self.told[event.kind, about.hex()] += 1
            if event.kind == "login.redeemed":
                assert self.told[event.kind, event.login_id.hex()] == 1, "redeemed twice"
        missing = self.promised - self.told
        assert not missing, f"acknowledged, and not in the history: {missing}"

    def verify(self, link: Link) -> None:
        """All of it, from the first event, to where it was followed."""
        anchor = (self.chain.seq, self.chain.hash) if self.chain.seq else None
        verify_events(link.events(0), anchor)


class Actor:
    """Acts on its own until stopped or cut off."""

    def __init__(self, name: str, ledger: Ledger, random: random.Random, history: History) -> None:
        self.name = name
        self.random = random
        self.history = history
        self._ledger = ledger

    def sent(self, what: str, **fields: Any) -> None:
        """Before a call."""
        self._ledger.write(who=self.name, sent=what, **fields)

    def answered(self, what: str, **fields: Any) -> None:
        """After its answer."""
        self._ledger.write(who=self.name, answered=what, **fields)

    def begin(self) -> None:
        """Before each round: nothing of the last one is under way."""

    def act(self, link: Link) -> None:
        """One step. Faults pass."""
        raise NotImplementedError

    def read(self, line: Line) -> None:
        """Takes a line of its own from the ledger."""
        raise NotImplementedError

    def check(self, link: Link) -> None:
        """After a round, with all lines read, when a server is there again."""
        raise NotImplementedError


class Guesser(Actor):
    """Types right and wrong PINs into one phone, one after the other.

    Knows to one strike where the phone must stand: a guess that was cut off was charged or not.
    """

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self._phone: Phone | None = None
        self._identity_id = b""
        self._opened: OpenLoginResponse | None = None
        self._low = self._high = self._evaluated = 0
        self._under_way: Line | None = None
        self._locked_for_good: deque[bytes] = deque(maxlen=REMEMBERED_MAX)

    def begin(self) -> None:
        self._opened = None

    def act(self, link: Link) -> None:
        if self._phone is None:
            subscriber = link.desk.subscriber()
            self._phone, self._identity_id = subscriber.phone, subscriber.identity_id
            self.answered("new phone", authenticator=self._phone.authenticator_id)
        if self._opened is None:
            self._opened = link.opened(NewLogin(SERVICE_PROVIDER), self._phone)
        right = self.random.random() < 0.4
        self.sent("guess", right=right)
        try:
            link.phone(self._phone).approve(self._opened, PIN if right else PIN_WRONG)
        except Denied as denial:
            self.answered(denial.reason, left=denial.attempts_left)
            if denial.reason == "PIN_LOCKED":
                self._locked_for_good.append(self._identity_id)
                self._phone = self._opened = None
        else:
            self.answered("APPROVED")
            self._opened = None

    def read(self, line: Line) -> None:
        if "sent" in line:
            self._cut_off()
            self._under_way = line
            return
        guess, self._under_way = self._under_way, None
        answer = line["answered"]
        if answer == "new phone":
            self._low = self._high = self._evaluated = 0
            self._authenticator = line["authenticator"]
            return
        assert guess is not None
        assert answer in {"PIN_WRONG", "APPROVED", "PIN_LOCKED"}, line
        if answer == "PIN_LOCKED":
            assert self._high >= STRIKES_UNTIL_LOCKED, "locked without the strikes for it"
            self._low = self._high = STRIKES_UNTIL_LOCKED
            return
        assert (answer == "APPROVED") == guess["right"], f"{guess} was answered with {line}"
        assert self._low < STRIKES_UNTIL_LOCKED, "a guess was evaluated behind the lock"
        self._evaluated += 1
        assert self._evaluated <= STRIKES_UNTIL_LOCKED, "a guess came free"
        if answer == "APPROVED":
            self._low = self._high = self._evaluated = 0
            return
        strikes = STRIKES_UNTIL_LOCKED - line["left"]
        assert self._low + 1 <= strikes <= self._high + 1, "a strike was lost"
        self._low = self._high = strikes
        self.history.promise("pin.wrong", self._authenticator)

    def _cut_off(self) -> None:
        if self._under_way is None:
            return
        if self._low < STRIKES_UNTIL_LOCKED:
            if self._under_way["right"]:
                self._low = 0
            self._high = min(self._high + 1, STRIKES_UNTIL_LOCKED)
        self._under_way = None

    def check(self, link: Link) -> None:
        self._cut_off()
        if self._phone is not None:
            (found,) = link.desk.find(self._identity_id).authenticators
            assert self._low <= found.strikes <= self._high, (
                f"{self.name}: {found.strikes} strikes, expected {self._low} to {self._high}"
            )
            assert (found.strikes == STRIKES_UNTIL_LOCKED) == bool(found.locked_until_ms)
            # A right one that was cut off may have cleared the ladder and begun it anew.
            self._evaluated = min(self._evaluated, found.strikes)
            self._low = self._high = found.strikes
        for identity_id in self._locked_for_good:
            (found,) = link.desk.find(identity_id).authenticators
            assert found.strikes == STRIKES_UNTIL_LOCKED
            assert found.locked_until_ms


@dataclass
class Target:
    """A phone that several guess at."""

    identity_id: str = ""
    sent: int = 0
    wrong: int = 0
    locked: bool = False


class Swarm:
    """The phone that its members guess at together; a new one when it is locked."""

    def __init__(self) -> None:
        self.targets: dict[str, Target] = {}
        self._lock = threading.Lock()
        self._now: tuple[Phone, OpenLoginResponse] | None = None

    def target(self, link: Link, announce: Callable[[bytes, bytes], None]) -> Any:
        """The phone of now and a login that it has opened."""
        with self._lock:
            if self._now is None:
                new = link.desk.subscriber()
                announce(new.phone.authenticator_id, new.identity_id)
                self._now = new.phone, link.opened(NewLogin(SERVICE_PROVIDER), new.phone)
            return self._now

    def done_with(self, target: object) -> None:
        """Locked: on to the next."""
        with self._lock:
            if self._now is target:
                self._now = None


class Member(Actor):
    """One of those who guess wrong at the same phone at the same time."""

    def __init__(self, swarm: Swarm, *about: Any) -> None:
        super().__init__(*about)
        self._swarm = swarm

    def act(self, link: Link) -> None:
        target = self._swarm.target(
            link, lambda phone, who: self.answered("new phone", phone=phone, identity=who)
        )
        phone, opened = target
        name = phone.authenticator_id
        self.sent("guess", phone=name)
        try:
            link.phone(phone).approve(opened, PIN_WRONG)
        except Denied as denial:
            self.answered(denial.reason, phone=name)
            if denial.reason == "PIN_LOCKED":
                self._swarm.done_with(target)
        else:
            self.answered("APPROVED", phone=name)

    def read(self, line: Line) -> None:
        target = self._swarm.targets.setdefault(line["phone"], Target())
        match line.get("answered"):
            case None:
                target.sent += 1
            case "new phone":
                target.identity_id = line["identity"]
            case "PIN_WRONG":
                target.wrong += 1
                assert target.wrong <= STRIKES_UNTIL_LOCKED, "a guess came free"
                self.history.promise("pin.wrong", line["phone"])
            case "PIN_LOCKED":
                target.locked = True
            case other:
                raise AssertionError(f"a wrong PIN was answered with {other}")

    def check(self, link: Link) -> None:
        for target in self._swarm.targets.values():
            (found,) = link.desk.find(bytes.fromhex(target.identity_id)).authenticators
            assert target.wrong <= found.strikes <= min(target.sent, STRIKES_UNTIL_LOCKED)
            if target.locked:
                assert found.strikes == STRIKES_UNTIL_LOCKED
        for done in list(self._swarm.targets)[:-REMEMBERED_MAX]:
            del self._swarm.targets[done]


@dataclass
class Life:
    """What the ledger tells of one subscriber's way to a phone."""

    identity_id: bytes = b""
    code: str = ""
    code_request: bytes = b""
    wrong_sent: int = 0
    wrong_answered: int = 0
    finish_sent: bool = False
    authenticator_id: bytes = b""


class Activator(Actor):
    """Registers subscribers and activates their phones, some only after wrong codes."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self._lives: dict[str, Life] = {}

    def act(self, link: Link) -> None:
        user_id = f"citizen-{secrets.token_hex(8)}"
        self.sent("create", user=user_id)
        identity_id = link.desk.create(user_id)
        self.answered("create", user=user_id, identity=identity_id)
        request_id = secrets.token_bytes(16)
        self.sent("code", user=user_id)
        code = link.desk.issue_code(identity_id, request_id)
        self.answered("code", user=user_id, code=code, request=request_id)
        tries = self.random.choice((0, 0, 1, 4, 5, 6))
        for _ in range(tries):
            self.sent("wrong code", user=user_id)
            found = self._activate(link, user_id, named_but_wrong(code))
            assert found == "ACTIVATION_CODE_WRONG"
            self.answered("wrong code", user=user_id)
        if tries >= CODE_TRIES:
            assert self._activate(link, user_id, code) == "ACTIVATION_CODE_WRONG"
            return
        begun = Activation.begin(link.channel, user_id, code)
        self.sent("finish", user=user_id)
        phone = begun.finish(PIN)
        self.answered("finish", user=user_id, authenticator=phone.authenticator_id)

    @staticmethod
    def _activate(link: Link, user_id: str, code: str) -> str:
        return outcome(lambda: Activation.begin(link.channel, user_id, code))

    def read(self, line: Line) -> None:
        life = self._lives.setdefault(line["user"], Life())
        sent, answered = line.get("sent"), line.get("answered")
        life.wrong_sent += sent == "wrong code"
        life.wrong_answered += answered == "wrong code"
        life.finish_sent |= sent == "finish"
        if answered == "create":
            life.identity_id = bytes.fromhex(line["identity"])
            self.history.promise("identity.created", line["identity"])
        elif answered == "code":
            life.code, life.code_request = line["code"], bytes.fromhex(line["request"])
            self.history.promise("activation_code.issued", life.identity_id.hex())
        elif answered == "finish":
            life.authenticator_id = bytes.fromhex(line["authenticator"])
            self.history.promise("authenticator.activated", line["authenticator"])

    def check(self, link: Link) -> None:
        for user_id, life in self._lives.items():
            if life.identity_id:
                self._check(link, user_id, life)
        self._lives.clear()

    def _check(self, link: Link, user_id: str, life: Life) -> None:
        found = [each.authenticator_id for each in link.desk.find(life.identity_id).authenticators]
        if life.authenticator_id:
            assert found == [life.authenticator_id], "an activation was lost"
        else:
            assert len(found) <= life.finish_sent
        if not life.code:
            return
        again = link.desk.issue_code(life.identity_id, life.code_request)
        assert again == life.code, "an activation code was lost"
        used_up = self._activate(link, user_id, life.code) != "OK"
        if found:
            assert used_up, "an activation code can be used again"
        elif life.wrong_answered >= CODE_TRIES:
            assert used_up, "tries of an activation code were lost"
        elif life.wrong_sent < CODE_TRIES:
            assert not used_up, "an activation code that nobody used is used up"


def named_but_wrong(code: str) -> str:
    """The code with its name, the first three characters, and another proof."""
    proof = "22222" if code[3:] != "22222" else "33333"
    return code[:3] + proof


class Blocker(Actor):
    """Blocks and unblocks a subscriber and the phone."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self._phone: Phone | None = None
        self._identity_id = b""
        self._possible = {"identity": {False}, "authenticator": {False}}

    def act(self, link: Link) -> None:
        if self._phone is None:
            subscriber = link.desk.subscriber()
            self._phone, self._identity_id = subscriber.phone, subscriber.identity_id
        what = self.random.choice(("identity", "authenticator"))
        blocked = self.random.random() < 0.5
        self.sent(what, blocked=blocked)
        authenticator_id = self._phone.authenticator_id if what == "authenticator" else b""
        link.desk.block(self._identity_id, authenticator_id, blocked=blocked)
        self.answered(what, blocked=blocked)

    def read(self, line: Line) -> None:
        if "sent" in line:
            self._possible[line["sent"]].add(line["blocked"])
        else:
            self._possible[line["answered"]] = {line["blocked"]}

    def check(self, link: Link) -> None:
        if self._phone is None:
            return
        found = link.desk.find(self._identity_id)
        (authenticator,) = found.authenticators
        blocked = {
            "identity": found.blocked,
            "authenticator": authenticator.state == BLOCKED,
        }
        for what, is_blocked in blocked.items():
            assert is_blocked in self._possible[what], f"a block or unblock of the {what} was lost"
            self._possible[what] = {is_blocked}
        phone = self._phone
        opens = outcome(lambda: link.opened(NewLogin(SERVICE_PROVIDER), phone))
        assert (opens == "OK") == (not any(blocked.values())), (opens, blocked)


BLOCKED = 2


@dataclass
class Consumed:
    """What the ledger tells of one login."""

    approve_sent: bool = False
    approved: bool = False
    redeem_sent: bool = False
    assertions: int = 0
    refused: int = 0


class Redeemer(Actor):
    """Logs in with biometrics and redeems, mostly twice at once."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self._phone: Phone | None = None
        self._new: dict[str, NewLogin] = {}
        self._logins: dict[str, Consumed] = {}
        self._long_redeemed: deque[tuple[NewLogin, bytes]] = deque(maxlen=REMEMBERED_MAX)

    def act(self, link: Link) -> None:
        if self._phone is None:
            self._phone = link.desk.subscriber().phone
        new = NewLogin(SERVICE_PROVIDER)
        opened = link.opened(new, self._phone)
        login = opened.login_id.hex()
        self._new[login] = new
        self.sent("approve", login=login)
        link.phone(self._phone).approve_with_biometrics(opened)
        self.answered("approve", login=login)
        if self.random.random() < 0.1:
            return  # Redeemed after the kill.
        self.sent("redeem", login=login)
        calls = [link.redeeming(new, opened.login_id) for _ in range(2)]
        faults = []
        for call in calls:
            try:
                call.result()
                self.answered("OK", login=login)
            except grpc.RpcError as error:
                refusal = from_rpc_error(error)
                if isinstance(refusal, Denied):
                    self.answered(refusal.reason, login=login)
                else:
                    faults.append(refusal)
        for fault in faults:
            raise fault

    def read(self, line: Line) -> None:
        login = self._logins.setdefault(line["login"], Consumed())
        login.approve_sent |= line.get("sent") == "approve"
        login.redeem_sent |= line.get("sent") == "redeem"
        match line.get("answered"):
            case "approve":
                login.approved = True
                self.history.promise("login.approved", line["login"])
            case "OK":
                login.assertions += 1
                self.history.promise("login.redeemed", line["login"])
            case "LOGIN_REDEEMED":
                login.refused += 1
            case None:
                pass
            case other:
                raise AssertionError(f"an approved login was not redeemed: {other}")

    def check(self, link: Link) -> None:
        for name, login in self._logins.items():
            self._check(link, name, login)
        self._logins.clear()
        self._new.clear()
        for new, login_id in self._long_redeemed:
            assert link.redeem(new, login_id) == "LOGIN_REDEEMED"

    def _check(self, link: Link, name: str, login: Consumed) -> None:
        new, login_id = self._new[name], bytes.fromhex(name)
        found = link.redeem(new, login_id)
        if login.assertions or login.refused:
            assert found == "LOGIN_REDEEMED", f"a redeemed login was {found}"
        elif login.redeem_sent:
            assert found in {"OK", "LOGIN_REDEEMED"}
        elif login.approved:
            assert found == "OK", f"an approved login was {found}"
        else:
            assert found in {"OK", "LOGIN_NOT_APPROVED"}
        assert login.assertions + (found == "OK") <= 1, "two assertions for one login"
        if found != "LOGIN_NOT_APPROVED":
            assert link.redeem(new, login_id) == "LOGIN_REDEEMED"
            self._long_redeemed.append((new, login_id))


def cast(ledger: Ledger, random: random.Random, history: History) -> list[Actor]:
    """Everybody who acts."""
    swarm = Swarm()

    def about(name: str) -> tuple[Any, ...]:
        own = type(random)(random.getrandbits(64))
        return name, ledger, own, history

    return [
        Guesser(*about("guesser 1")),
        Guesser(*about("guesser 2")),
        *(Member(swarm, *about(f"swarm {n}")) for n in range(4)),
        Activator(*about("activator")),
        Blocker(*about("blocker")),
        Redeemer(*about("redeemer 1")),
        Redeemer(*about("redeemer 2")),
    ]


@contextlib.contextmanager
def linked(server: Server) -> Iterator[Link]:
    """A link to a server."""
    with server.channel() as channel:
        yield Link(server, channel)
