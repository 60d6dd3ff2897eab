"""Real logins against a running godkend, from the first scan to the verified assertion.

Each simulated user is a subscriber with a phone of his own, activated once, and a front-end; or,
with `--population`, anybody of those that `godkend seed` wrote. What a user does each time is drawn
from `--mix`: logins with PIN and biometrics, signatures, wrong PINs, abandoned and rejected logins,
attackers who spray guesses (see `bench/mixes.py`); of a population also logins with display and
password. A login is StartLogin (a stream, followed to APPROVED),
OpenLogin with the moving QR code, ApproveLogin with the PIN or with biometrics, RedeemLogin, and
the assertion's signature, issuer, audience, login and nonce verified on this side. `make load` does
this by itself, against a server of its own; this file is for pointing at any other.

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
still. For percentiles to believe, give a rate: `--logins-per-second 50` schedules logins over
`--shape`, drawn over `--shape-seconds` again and again (steady, morning-peak, tax-day, flash-crowd:
see `bench/shapes.py`), whatever becomes of them, and the latency of a login is counted from the
time it was scheduled for, waiting for a free user included. Give more users than rate times
latency. With several locust processes (--master, --worker), the rate is that of each.

One source may activate 20 phones at once and then 10 an hour: for more users, widen
`policy.budget.activation_source` in the server's configuration. Every login has a source of its
own, as from a home of its own.
"""

from __future__ import annotations

import random
import secrets
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import grpc.experimental.gevent
from locust import events, task

# Before any channel: without it one call blocks all users, and their latencies are fiction.
grpc.experimental.gevent.init_gevent()
# Locust looks for modules beside this file, not where it is a package.
sys.path.append(str(Path(__file__).parent.parent))

from bench.display_memory import DisplayMemory  # noqa: E402
from bench.locust_walks import ACTIVATE, Player, Walker  # noqa: E402
from bench.mixes import MIXES, OF_HOLDERS, chooser  # noqa: E402
from bench.shapes import SHAPES, Shape, arrivals_s, steady  # noqa: E402
from godkend.calls import CALL_TIMEOUT_S, bearer, godkend_errors, open_channel  # noqa: E402
from godkend.clients import load_local_token  # noqa: E402
from godkend.errors import GodkendError  # noqa: E402
from godkend.front_end import FrontEnd  # noqa: E402
from godkend.phone import Activation  # noqa: E402
from godkend.population import Population  # noqa: E402
from godkend.v1 import identity_service_pb2 as identity_pb  # noqa: E402
from godkend.v1.identity_service_pb2_grpc import IdentityServiceStub  # noqa: E402

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment

    from godkend.clients import Role

PIN_DEFAULT = "271946"


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
    add("--population", type=Path, default=None, help="the file that `godkend seed` wrote")
    add("--mix", choices=list(MIXES), default="people", help="of behaviours")
    add("--logins-per-second", type=float, default=0.0, help="base rate; 0: closed loop")
    add("--shape", choices=list(SHAPES), default="steady", help="how the rate goes over time")
    add("--shape-seconds", type=float, default=60.0, help="how long a shape takes")


class Arrivals:
    """An open loop: logins are scheduled, whether or not anybody is free to make them."""

    def __init__(
        self, per_second: float, shape: Shape = steady, shape_seconds: float = 60.0
    ) -> None:
        self._due_s = self._scheduled(per_second, shape, shape_seconds) if per_second else None

    @staticmethod
    def _scheduled(per_second: float, shape: Shape, shape_seconds: float) -> Iterator[float]:
        began_s = time.monotonic()
        while True:
            for due_s in arrivals_s(shape, per_second, shape_seconds, random.Random()):
                yield began_s + due_s
            began_s += shape_seconds

    def next_s(self) -> float:
        """When the next login is due, on the monotonic clock; waits until then."""
        if self._due_s is None:
            return time.monotonic()
        due_s = next(self._due_s)
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
        self.subscribers: deque[Player] = deque()
        """Those whom no user plays now: another run of the same process goes on with them."""
        path: Path | None = getattr(options, "population", None)
        self._population = None if path is None else Population.load(path)
        self.displays: DisplayMemory | None = None
        if path is not None and self._population is not None and self._population.displays:
            self.displays = DisplayMemory(self._population, path.with_suffix(".displays"))

    def _token(self, role: Role, token: str) -> str:
        if token:
            return str(token)
        if self._options.data_dir is None:
            raise SystemExit(f"give --data-dir or --{role}-token")
        return load_local_token(self._options.data_dir, role)

    def player(self) -> Player:
        """Anybody of the population, or a new subscriber with an activated phone, biometrics on."""
        if self._population is not None:
            of, index = self._population, random.randrange(self._population.identities)
            return Player(of.user_id(index), of.phone(self.channel, index), of.pin(index))
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
        return Player(user_id, begun.finish(PIN_DEFAULT, biometrics_on=True), PIN_DEFAULT)


class Subscriber(Walker):
    """Somebody who comes again and again, each time with a behaviour drawn from the mix."""

    abstract = True
    country: ClassVar[Country]
    arrivals: ClassVar[Arrivals]
    mix: ClassVar[str]

    def on_start(self) -> None:
        """Takes a phone that is activated already, or activates one."""
        subscribers = self.country.subscribers
        while not subscribers:
            try:
                with self.call(ACTIVATE):
                    subscribers.append(self.country.player())
            except GodkendError as error:
                time.sleep((error.retry_after_ms or 1_000) / 1_000)
        self.me = subscribers.popleft()
        mix = MIXES[self.mix]
        if self.country.displays is None:
            mix = {name: share for name, share in mix.items() if name not in OF_HOLDERS}
        self._choose = chooser(mix, random.Random())

    def on_stop(self) -> None:
        """Leaves the phone to the next user."""
        self.country.subscribers.append(self.me)

    @task
    def log_in(self) -> None:
        """One behaviour, from its scheduled time; whatever fails is counted where it failed."""
        due_s, behaviour = self.arrivals.next_s(), self._choose()
        with self.call(behaviour, since_s=due_s):
            self.walk(behaviour, due_s)


class Driven(Subscriber):
    """A subscriber of the server that the command line names."""


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Environment) -> None:
    """Before the first user of a run; phones of an earlier run are used again."""
    options = environment.parsed_options
    assert options is not None
    if not hasattr(Driven, "country"):
        Driven.country = Country(options)
    shape = SHAPES[options.shape]
    Driven.arrivals = Arrivals(options.logins_per_second, shape, options.shape_seconds)
    Driven.mix = options.mix
