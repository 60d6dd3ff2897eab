"""What a login costs a server: real logins on a real store, beside yardsticks of the same run.

A server of its own on a temporary store; locust's users of `locustfile.py` in this process; rounds
of four slices each, turn about, so that a noisy neighbour disturbs all:

  PIN          logins with the PIN, with a process beside that hashes too
  biometrics   logins without a hash
  empty        as many users making empty grpc.aio calls, CALLS_OF_A_LOGIN for each login
  empty shape  as many users making a stream and three calls, shaped like a login

Before and after, the server's own counters are read: what it says it did has to be what the users
say they got, else the exit code is 1. Figures never decide the exit code.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Self, cast

# First: it patches what the modules below build on.
from bench import locustfile as drive  # isort: skip

import grpc
from locust import User, task
from locust.env import Environment

from bench import empty_server as empty
from bench import locust_walks as walks
from bench.machine import RESULTS, commit, filesystem, machine
from bench.server_process import ServerProcess, Taken
from bench.targets import BIOMETRIC_LOGIN_COST, PIN_LOGIN_COST, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIN, BIOMETRICS, EMPTY, EMPTY_SHAPE = "PIN", "biometrics", "empty", "empty shape"
SHARE_OF_THE_TIME = {PIN: 0.35, BIOMETRICS: 0.3, EMPTY: 0.2, EMPTY_SHAPE: 0.15}
CALLS_OF_A_LOGIN = 4
STOP_TIMEOUT_S, WARM_UP_S = 20, 0.5
BURST_WIDE = 1_000_000
BUDGETS_WIDENED = ("login_front_end", "login_overall", "activation_source", "activation_overall")
GODKEND = (sys.executable, "-m", "godkend")


def _path(method: str) -> str:
    return f"/{empty.SERVICE}/{method}"


@dataclass
class Slices:
    """What all slices of one kind came to."""

    seconds: float = 0.0
    taken: Taken = field(default_factory=lambda: Taken(0.0, Counter()))
    cpu_us_per_login: list[float] = field(default_factory=list)
    latencies_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def logins(self) -> int:
        return len(self.latencies_ms[walks.LOGIN])

    def percentiles_ms(self, name: str) -> dict[str, float]:
        found = quantiles(self.latencies_ms[name], n=100)
        return {f"p{percent}": round(found[percent - 1], 2) for percent in (50, 95, 99)}

    def cpu_us_by_thread(self) -> dict[str, float]:
        """CPU per login, of threads that took a microsecond or more, most first."""
        by_thread = self.taken.by_thread_ns.most_common()
        per_login = {name: cpu_ns / 1e3 / self.logins for name, cpu_ns in by_thread}
        return {name: round(us, 1) for name, us in per_login.items() if us >= 1}


@dataclass
class Claims:
    """What the users of godkend say happened to their calls."""

    went_well: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


class EmptyCaller(User):
    """Makes empty calls, as many as a login has; subclasses say on which channel."""

    abstract = True
    channel: grpc.Channel

    def on_start(self) -> None:
        unary: Callable[[str], Callable[[bytes], bytes]] = cast("Any", self.channel.unary_unary)
        stream: Callable[[str], Callable[[bytes], Any]] = cast("Any", self.channel.unary_stream)
        self._call, self._step = unary(_path(empty.CALL)), unary(_path(empty.STEP))
        self._follow = stream(_path(empty.FOLLOW))

    def report(self) -> None:
        self.environment.events.request.fire(
            request_type=walks.REQUEST_TYPE,
            name=walks.LOGIN,
            response_time=0,
            response_length=0,
            exception=None,
            context={},
        )


class EmptyUnary(EmptyCaller):
    abstract = True

    @task
    def calls(self) -> None:
        for _ in range(CALLS_OF_A_LOGIN):
            self._call(b"")
        self.report()


class EmptyShape(EmptyCaller):
    abstract = True

    @task
    def calls(self) -> None:
        name = str(id(self)).encode()
        stream = self._follow(name)
        next(stream)
        for _ in range(empty.STEPS):
            self._step(name)
            next(stream)
        for _ in stream:
            raise AssertionError("the stream says more than it should")
        self.report()


class Drive:
    """Users of one kind, set going for a slice at a time, against one server."""

    def __init__(
        self, server: ServerProcess, user: type[User], claims: Claims, per_second: float = 0.0
    ) -> None:
        self._server = server
        self._user = user
        self._per_second = per_second
        self._claims = claims
        self._into = Slices()
        environment = Environment(user_classes=[user], stop_timeout=STOP_TIMEOUT_S)
        requests: Any = environment.events.request
        requests.add_listener(self._record)
        self._runner = environment.create_local_runner()

    def _record(
        self, *, name: str, response_time: float, exception: Exception | None, **_: object
    ) -> None:
        if exception is None:
            self._into.latencies_ms[name].append(response_time)
            self._claims.went_well[name] += 1
        else:
            self._claims.failed[name] += 1
            self._claims.reasons[f"{name}: {exception}"] += 1

    def slice(self, users: int, seconds: float, into: Slices) -> None:
        """Sets the users going, lets them finish what they began, and sees what it took."""
        self._into = into
        if issubclass(self._user, drive.Subscriber):
            self._user.arrivals = drive.Arrivals(self._per_second)
        logins_before, before, began_s = into.logins, self._server.taken(), time.monotonic()
        self._runner.start(users, spawn_rate=100)
        time.sleep(seconds)  # Of gevent: the users go on meanwhile.
        self._runner.stop()
        taken = self._server.taken().since(before)
        into.taken += taken
        into.seconds += time.monotonic() - began_s
        logins = into.logins - logins_before
        if logins == 0:
            raise SystemExit(f"no login in {seconds:.1f} s: {dict(self._claims.reasons)}")
        into.cpu_us_per_login.append(1e6 * taken.cpu_s / logins)

    def close(self) -> None:
        self._runner.quit()


class Load:
    """A run: the servers, the users, and what was found."""

    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self._options = options
        self._directory = directory
        self._data_dir = directory / "data"
        self.config = self._configure()
        self.slices = {name: Slices() for name in SHARE_OF_THE_TIME}
        self.claims = Claims()
        self.counted: Counter[str] = Counter()
        self.hash_us: list[float] = []
        """The yardstick's median of each round."""

    def _configure(self) -> dict[str, Any]:
        """Writes the server's configuration; all that is then in force."""
        quotas = "".join(
            f"[policy.budget.{name}]\ninterval_us = 1\nburst = {BURST_WIDE}\n"
            for name in BUDGETS_WIDENED
        )
        self._config_path = self._directory / "godkend.toml"
        self._config_path.write_text(
            f'data_dir = "{self._data_dir}"\n'
            f'[server]\nlisten = "127.0.0.1:0"\n[metrics]\nlisten = "127.0.0.1:0"\n{quotas}'
            # A closed loop waits: what a login costs is asked, not when it is refused.
            "[policy.admission]\nhash_wait_ms_max = 60000\nloop_late_ms_max = 60000\n",
            "utf-8",
        )
        command = [*GODKEND, "config", "show", "--config", str(self._config_path)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return tomllib.loads(shown)

    @property
    def pin_parameters(self) -> dict[str, int]:
        pin = self.config["policy"]["pin"]
        return {name: pin[name] for name in ("memory_kib", "iterations", "parallelism")}

    def run(self) -> None:
        serve = [*GODKEND, "serve", "--config", str(self._config_path)]
        log = self._directory / "server.log"
        with (
            ServerProcess(serve, log) as server,
            ServerProcess(
                [sys.executable, "-m", "bench.empty_server"], self._directory / "empty.log"
            ) as empties,
        ):
            before = server.counters()
            drives = self._drives(server, empties)
            for each in drives.values():  # Activates the phones; channels and caches settle.
                each.slice(self._options.users, WARM_UP_S, Slices())
            for _ in range(self._options.rounds):
                self._round(drives)
            self.counted = server.counters() - before
            for each in drives.values():
                each.close()
            if server.stop() != 0:
                raise SystemExit(f"the server did not end well: {log.read_text('utf-8')}")

    def _drives(self, server: ServerProcess, empties: ServerProcess) -> dict[str, Drive]:
        country = drive.Country(
            argparse.Namespace(
                server=server.address,
                ca_file=None,
                data_dir=self._data_dir,
                registrar_token="",
                front_end_token="",
                issuer=self.config["policy"]["assertion"]["issuer"],
                service_provider="tax.example",
            )
        )

        class WithPin(drive.Subscriber):
            mix = "pin"

        class WithBiometrics(drive.Subscriber):
            mix = "biometrics"

        for subscriber in (WithPin, WithBiometrics):
            subscriber.country = country
        channel = grpc.insecure_channel(empties.address)

        class Unary(EmptyUnary):
            pass

        class Shape(EmptyShape):
            pass

        Unary.channel = Shape.channel = channel
        of_godkend, of_empties = self.claims, Claims()
        per_second: float = self._options.logins_per_second
        return {
            PIN: Drive(server, WithPin, of_godkend, per_second),
            BIOMETRICS: Drive(server, WithBiometrics, of_godkend, per_second),
            EMPTY: Drive(empties, Unary, of_empties),
            EMPTY_SHAPE: Drive(empties, Shape, of_empties),
        }

    def _round(self, drives: dict[str, Drive]) -> None:
        seconds_of_round = self._options.seconds / self._options.rounds
        for name, each in drives.items():
            seconds = SHARE_OF_THE_TIME[name] * seconds_of_round
            if name == PIN:
                with self._hashing_beside(seconds):
                    each.slice(self._options.users, seconds, self.slices[name])
            else:
                each.slice(self._options.users, seconds, self.slices[name])

    @contextmanager
    def _hashing_beside(self, seconds: float) -> Iterator[None]:
        flags = [
            f"--{name.replace('_', '-')}={value}" for name, value in self.pin_parameters.items()
        ]
        command = [sys.executable, "-m", "bench.one_hash", f"--seconds={seconds}", *flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as hashing:
            yield
            found, _ = hashing.communicate()
        self.hash_us.append(median(json.loads(found)) / 1e3)

    def discrepancies(self) -> list[str]:
        """Where the server's own counters differ from what the users say; should be none."""
        by_users = {
            "godkend_pin_checks_total": [walks.APPROVE_PIN],
            "godkend_pin_records_total": [walks.ACTIVATE],
            "godkend_signatures_total": [
                *(walks.OPEN, walks.APPROVE_PIN, walks.APPROVE_BIOMETRICS, walks.ACTIVATE)
            ],
            "ok DeviceService/OpenLogin": [walks.OPEN],
            "ok DeviceService/ApproveLogin": [walks.APPROVE_PIN, walks.APPROVE_BIOMETRICS],
            "ok LoginService/RedeemLogin": [walks.REDEEM],
        }
        found = []
        for counter, names in by_users.items():
            least = sum(self.claims.went_well[name] for name in names)
            # What failed for its user may have been done all the same.
            most = least + sum(self.claims.failed[name] for name in names)
            if not least <= self.counted[counter] <= most or not least:
                found.append(f"{counter}: {self.counted[counter]}, the users say {least} to {most}")
        hashed = self.hasher_us() / median(self.hash_us)
        if not 0.5 < hashed < 2:
            found.append(f"a PIN check takes {hashed:.2f} of the hash that is configured")
        return found

    def hasher_us(self) -> float:
        """CPU of the server's hash workers per PIN login."""
        slices = self.slices[PIN]
        return slices.taken.by_thread_ns["godkend-hasher"] / 1e3 / max(slices.logins, 1)

    def ratios(self) -> list[Ratio]:
        pin, biometrics = (self.slices[name].cpu_us_per_login for name in (PIN, BIOMETRICS))
        empty_calls, shape = (self.slices[name].cpu_us_per_login for name in (EMPTY, EMPTY_SHAPE))
        inside = [self.hasher_us()] * len(pin)
        return [
            Ratio.of("PIN login", pin, "one _core.argon2id", self.hash_us, PIN_LOGIN_COST),
            Ratio.of("PIN login", pin, "its hash workers", inside, PIN_LOGIN_COST),
            Ratio.of(
                "biometric login",
                biometrics,
                f"{CALLS_OF_A_LOGIN} empty calls",
                empty_calls,
                BIOMETRIC_LOGIN_COST,
            ),
            Ratio.of("biometric login", biometrics, "empty calls of its shape", shape, None),
        ]

    def result(self) -> dict[str, Any]:
        return {
            "machine_info": machine(),
            "commit_info": commit(),
            "parameters": {
                **vars(self._options),
                "pin": self.pin_parameters,
                "engine": self.config["policy"]["engine"],
                "filesystem": filesystem(self._directory),
            },
            "ratios": [asdict(each) for each in self.ratios()],
            "logins": {
                name: {
                    "logins": slices.logins,
                    "per_second": round(slices.logins / slices.seconds, 1),
                    "latency_ms": {
                        call: slices.percentiles_ms(call) for call in sorted(slices.latencies_ms)
                    },
                    "cpu_us_by_thread": slices.cpu_us_by_thread(),
                }
                for name, slices in self.slices.items()
            },
            "claims": {
                "went_well": self.claims.went_well,
                "failed": self.claims.failed,
                "reasons": dict(self.claims.reasons.most_common(5)),
            },
            "counters": {
                name: count for name, count in self.counted.items() if name.startswith("godkend_")
            },
            "discrepancies": self.discrepancies(),
        }


@dataclass(frozen=True, slots=True)
class Ratio:
    """Server CPU per login, against a yardstick of the same rounds."""

    what: str
    ours_us: float
    against: str
    yardstick_us: float
    cost: float
    cost_of_rounds: list[float]
    target: str
    verdict: str

    @classmethod
    def of(
        cls,
        what: str,
        ours_us: list[float],
        against: str,
        yardstick_us: list[float],
        target: Target | None,
    ) -> Self:
        pairs = zip(ours_us, yardstick_us, strict=True)
        costs = [ours / yardstick for ours, yardstick in pairs]
        cost = median(costs)
        return cls(
            what,
            round(median(ours_us), 1),
            against,
            round(median(yardstick_us), 1),
            round(cost, 3),
            [round(each, 3) for each in costs],
            str(target or ""),
            target.verdict(cost) if target else "",
        )

    def __str__(self) -> str:
        ours = f"{self.what:16} {self.ours_us:8,.0f} us"
        yardstick = f"{self.against:25} {self.yardstick_us:8,.0f} us"
        rounds = f"({min(self.cost_of_rounds):.2f} to {max(self.cost_of_rounds):.2f})"
        verdict = f"{self.target:8} {self.verdict}".rstrip()
        return f"{ours}   {yardstick}   {self.cost:5.2f}x {rounds:14}   {verdict}".rstrip()


def table(result: dict[str, Any], ratios: list[Ratio]) -> list[str]:
    lines = [f"server CPU of a login on {result['machine_info']['cpu_model']}", ""]
    lines += [f"  {ratio}" for ratio in ratios]
    for name in (PIN, BIOMETRICS):
        found = result["logins"][name]
        lines += ["", f"{name}: {found['logins']:,} logins, {found['per_second']:,.0f} a second"]
        for call, percentiles in found["latency_ms"].items():
            told = "   ".join(f"{key} {ms:8.1f} ms" for key, ms in percentiles.items())
            lines.append(f"  {call:25} {told}")
        threads = ", ".join(
            f"{thread} {us:,.0f}" for thread, us in found["cpu_us_by_thread"].items()
        )
        lines.append(f"  CPU by thread, us a login: {threads}")
    lines += ["", "server's counters: " + json.dumps(result["counters"])]
    if result["claims"]["reasons"]:
        lines.append("refused or failed: " + json.dumps(result["claims"]["reasons"]))
    lines += [f"NOT AS CLAIMED: {each}" for each in result["discrepancies"]]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make login-cost COST_ARGS=...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--users", type=int, default=8, help="at once (default: 8)")
    add("--seconds", type=float, default=20.0, help="of all slices together (default: 20)")
    add("--rounds", type=int, default=3, help="(default: 3)")
    add("--logins-per-second", type=float, default=0.0, help="open loop; default 0: closed loop")
    add("--result", type=Path, default=RESULTS / "load.json")
    options = parser.parse_args()
    path: Path = options.result
    del options.result
    with tempfile.TemporaryDirectory(prefix="godkend-load-") as directory:
        load = Load(options, Path(directory))
        load.run()
        result = load.result()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print("\n".join(table(result, load.ratios())))
    return 1 if result["discrepancies"] else 0


if __name__ == "__main__":
    sys.exit(main())
