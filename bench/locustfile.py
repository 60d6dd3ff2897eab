"""Real logins against a running godkend, from the first scan to the verified assertion.

Each simulated user is a subscriber with a phone of his own, activated once, and a front-end. A
login is StartLogin (a stream, followed to APPROVED), OpenLogin with the moving QR code,
ApproveLogin with the PIN or with biometrics, RedeemLogin, and the assertion's signature, issuer,
audience, login and nonce verified on this side. `make load` does all this by itself, against a
server of its own; this file is for pointing at any other.

A server on this machine, whose data directory has the tokens:

    godkend serve --data-dir godkend-data
    locust -f bench/locustfile.py --server 127.0.0.1:7443 --data-dir godkend-data \
        --headless --users 20 --spawn-rate 5 --run-time 1m

Without --headless there is a web page on http://localhost:8089. Another server, with TLS, and with
the tokens of a registrar and a front-end in the environment:

    export GODKEND_REGISTRAR_TOKEN=... GODKEND_FRONT_END_TOKEN=...
    locust -f bench/locustfile.py --server login.example:7443 --ca-file ca.pem \
        --issuer https://login.example --service-provider tax.example ...

By default this is a closed loop: whoever is done begins again at once, which finds the most that
so many users can do; its percentiles hide stalls, since nobody comes while the server stands
still. For percentiles to believe, give a rate: `--logins-per-second 50` schedules logins evenly,
whatever becomes of them, and the latency of a login is counted from the time it was scheduled for,
waiting for a free user included. Give more users than rate times latency. With several locust
processes (--master, --worker), the rate is that of each.

One source may activate 20 phones at once and then 10 an hour: for more users, widen
`policy.budget.activation_source` in the server's configuration. Every login has a source of its
own, as from a home of its own.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import grpc.experimental.gevent
from locust import User, events, task

# Before any channel: without it one call blocks all users, and their latencies are fiction.
grpc.experimental.gevent.init_gevent()

from godkend.calls import CALL_TIMEOUT_S, bearer, godkend_errors, open_channel  # noqa: E402
from godkend.clients import load_local_token  # noqa: E402
from godkend.errors import GodkendError  # noqa: E402
from godkend.front_end import AssertionInvalid, FrontEnd  # noqa: E402
from godkend.phone import Activation, Phone  # noqa: E402
from godkend.v1 import identity_service_pb2 as identity_pb  # noqa: E402
from godkend.v1 import login_service_pb2 as login_pb  # noqa: E402
from godkend.v1.identity_service_pb2_grpc import IdentityServiceStub  # noqa: E402

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment

    from godkend.clients import Role

PIN = "271946"
TEXT = "Log in to Tax and see your assessment"
REQUEST_TYPE = "grpc"
ACTIVATE, START, OPEN = "activate", "StartLogin", "OpenLogin"
APPROVE_PIN, APPROVE_BIOMETRICS = "ApproveLogin PIN", "ApproveLogin biometrics"
APPROVED, REDEEM, LOGIN = "StartLogin until APPROVED", "RedeemLogin", "login"


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def arguments(parser: LocustArgumentParser) -> None:
    """What to drive, and how."""
    add = parser.add_argument_group("godkend").add_argument
    add("--server", default="127.0.0.1:7443", help="HOST:PORT; TLS unless it is this machine")
    add("--ca-file", type=Path, default=None, help="certificates (PEM) to trust")
    add("--data-dir", type=Path, default=None, help="of a server on this machine, for its tokens")
    parser.add_argument(
        "--registrar-token", env_var="GODKEND_REGISTRAR_TOKEN", default="", is_secret=True
    )
    parser.add_argument(
        "--front-end-token", env_var="GODKEND_FRONT_END_TOKEN", default="", is_secret=True
    )
    add("--issuer", default="https://godkend.example", help="as in the server's policy")
    add("--service-provider", default="tax.example", help="whom logins are for")
    add("--biometrics-share", type=float, default=0.5, help="of logins, 0 to 1; the rest: PIN")
    add("--logins-per-second", type=float, default=0.0, help="0: closed loop")


class Arrivals:
    """An open loop: logins are scheduled evenly, whether or not anybody is free to make them."""

    def __init__(self, per_second: float) -> None:
        self._interval_s = 1 / per_second if per_second else 0.0
        self._next_s = time.monotonic()

    def next_s(self) -> float:
        """When the next login is due, on the monotonic clock; waits until then."""
        if not self._interval_s:
            return time.monotonic()
        due_s = self._next_s
        self._next_s += self._interval_s
        time.sleep(max(0.0, due_s - time.monotonic()))  # Of gevent, since locust was imported.
        return due_s


class Country:
    """What all users of a process share: one channel, one front-end, the phones so far."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self.channel = open_channel(options.server, ca_file=options.ca_file)
        self.front_end = FrontEnd(
            self.channel,
            token=self._token("front-end", options.front_end_token),
            issuer=options.issuer,
            service_provider=options.service_provider,
        )
        self._registrar = IdentityServiceStub(self.channel)
        self._metadata = bearer(self._token("registrar", options.registrar_token))
        self.subscribers: deque[tuple[str, Phone]] = deque()
        """Those whom no user plays now: another run of the same process goes on with them."""

    def _token(self, role: Role, token: str) -> str:
        if token:
            return str(token)
        if self._options.data_dir is None:
            raise SystemExit(f"give --data-dir or --{role}-token")
        return load_local_token(self._options.data_dir, role)

    def activate(self) -> tuple[str, Phone]:
        """A new subscriber with an activated phone, biometrics on."""
        user_id = f"load-{secrets.token_hex(8)}"
        with godkend_errors():
            created = self._registrar.CreateIdentity(
                identity_pb.CreateIdentityRequest(
                    request_id=secrets.token_bytes(16), user_id=user_id, name="Erik Hansen"
                ),
                metadata=self._metadata,
                timeout=CALL_TIMEOUT_S,
            )
            issued = self._registrar.IssueActivationCode(
                identity_pb.IssueActivationCodeRequest(
                    request_id=secrets.token_bytes(16), identity_id=created.identity_id
                ),
                metadata=self._metadata,
                timeout=CALL_TIMEOUT_S,
            )
        begun = Activation.begin(self.channel, user_id, issued.activation_code)
        return user_id, begun.finish(PIN, biometrics_on=True)


class Subscriber(User):
    """Somebody who logs in again and again, with a PIN or with biometrics."""

    abstract = True
    country: ClassVar[Country]
    arrivals: ClassVar[Arrivals]
    biometrics_share: ClassVar[float]

    def on_start(self) -> None:
        """Takes a phone that is activated already, or activates one."""
        subscribers = self.country.subscribers
        while not subscribers:
            try:
                with self._call(ACTIVATE):
                    subscribers.append(self.country.activate())
            except GodkendError as error:
                time.sleep((error.retry_after_ms or 1_000) / 1_000)
        self._user_id, self._phone = subscribers.popleft()

    def on_stop(self) -> None:
        """Leaves the phone to the next user."""
        self.country.subscribers.append((self._user_id, self._phone))

    @task
    def log_in(self) -> None:
        """One login, from its scheduled time; whatever fails is counted where it failed."""
        due_s = self.arrivals.next_s()
        with self._call(LOGIN, since_s=due_s):
            self._log_in(due_s)

    def _log_in(self, due_s: float) -> None:
        with self._call(START, since_s=due_s):
            login = self.country.front_end.start(
                TEXT, source=f"home-{secrets.token_hex(8)}", user_id=self._user_id
            )
        with login:
            with self._call(OPEN):
                opened = self._phone.open_login(login.moving_code.now())
            if opened.text != TEXT:
                raise AssertionInvalid("the phone was shown another text")
            approving_s = time.monotonic()
            if random.random() < self.biometrics_share:
                with self._call(APPROVE_BIOMETRICS):
                    self._phone.approve_with_biometrics(opened)
            else:
                with self._call(APPROVE_PIN):
                    self._phone.approve(opened, PIN)
            with self._call(APPROVED, since_s=approving_s):
                state = login.wait()
                if state != login_pb.LOGIN_STATE_APPROVED:
                    raise AssertionInvalid(f"state {login_pb.LoginState.Name(state)}")
            with self._call(REDEEM):
                login.redeem()

    @contextmanager
    def _call(self, name: str, *, since_s: float | None = None) -> Iterator[None]:
        """Reports one call to locust, counted from when it was due."""
        began_s = time.monotonic() if since_s is None else since_s
        try:
            yield
        except (GodkendError, AssertionInvalid) as error:
            self._report(name, began_s, error)
            if name != LOGIN:
                raise
        else:
            self._report(name, began_s, None)

    def _report(self, name: str, began_s: float, failure: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type=REQUEST_TYPE,
            name=name,
            response_time=(time.monotonic() - began_s) * 1_000,
            response_length=0,
            exception=failure,
            context={},
        )


class Driven(Subscriber):
    """A subscriber of the server that the command line names."""


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Environment) -> None:
    """Before the first user of a run; phones of an earlier run are used again."""
    options = environment.parsed_options
    assert options is not None
    if not hasattr(Driven, "country"):
        Driven.country = Country(options)
    Driven.arrivals = Arrivals(options.logins_per_second)
    Driven.biometrics_share = options.biometrics_share
