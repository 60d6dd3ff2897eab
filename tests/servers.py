"""Real servers in processes of their own, to be loaded, killed and started again.

    with Server(tmp_path / "data", CHEAP_PIN) as server:
        with server.channel() as channel: ...
        server.kill()

A `with` block ends with the process gone, whatever happened in it: stopped with SIGTERM and exit
code 0 if the block went well, else killed. Ports are free ones of 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import grpc
import grpc.aio
from prometheus_client.parser import text_string_to_metric_families

from godkend.calls import bearer, godkend_errors
from godkend.clients import Role, load_local_token
from godkend.phone import Activation, Phone
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import identity_service_pb2_grpc
from godkend.v1 import login_service_pb2 as login_pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import IO

    from godkend.statements import DeviceKey

Settings = dict[str, Any]

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 30.0
WAIT_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.005
CALL_TIMEOUT_S: Final = 60.0

CHEAP_PIN: Final[Settings] = {"policy": {"pin": {"memory_kib": 8, "iterations": 1}}}
"""Hashes that cost next to nothing, where it is not the hash that is looked at."""
PLENTY: Final[Settings] = {
    "policy": {
        "budget": {
            budget: {"interval_us": 1, "burst": 10_000_000}
            for budget in (
                *("login_source", "login_front_end", "login_overall"),
                *("activation_source", "activation_overall"),
            )
        }
    }
}
"""Budgets of strangers that no test comes near, where they are not what is looked at."""
PATIENT: Final[Settings] = {
    "policy": {"admission": {"hash_wait_ms_max": 60_000, "loop_late_ms_max": 60_000}}
}
"""Admits everybody: a busy machine is no flood."""

PIN: Final = "271946"
PIN_WRONG: Final = "914720"

_numbers = itertools.count(1)


def merged(*settings: Mapping[str, Any]) -> Settings:
    """Nested settings laid over each other; later ones win."""
    result: Settings = {}
    for each in settings:
        for key, value in each.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result


def environment() -> dict[str, str]:
    """This process's environment without what is set for other servers."""
    return {name: v for name, v in os.environ.items() if not name.startswith("GODKEND_")}


def command(data_dir: Path | None, *more: str) -> list[str]:
    """`godkend serve` on free ports."""
    return [
        *(sys.executable, "-m", "godkend", "serve"),
        *(("--data-dir", str(data_dir)) if data_dir else ()),
        *("--listen", "127.0.0.1:0"),
        *("--metrics-listen", "127.0.0.1:0"),
        *more,
    ]


def toml(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Settings as TOML, with dotted keys."""
    lines = []
    for key, value in settings.items():
        if isinstance(value, dict):
            lines.append(toml(value, f"{prefix}{key}."))
        else:
            lines.append(f"{prefix}{key} = {_toml_value(value)}\n")
    return "".join(lines)


def _toml_value(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{k} = {_toml_value(v)}" for k, v in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_toml_value, value)) + "]"
        case _:
            return json.dumps(value)


def eventually(holds: Callable[[], bool], what: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
    """Returns once something holds; fails if it never does."""
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, f"never came to pass: {what}"
        time.sleep(POLL_S)


class Server:
    """One `godkend serve` on a data directory, which several may share."""

    def __init__(self, data_dir: Path, *settings: Settings) -> None:
        self.data_dir = data_dir
        self._config = merged(PATIENT, *settings)
        self._ports: queue.Queue[tuple[int, int]] = queue.Queue()
        self.log: list[dict[str, Any]] = []
        self.raw_log: list[str] = []
        self.address = ""

    def __enter__(self) -> Self:
        number = next(_numbers)
        config = self.data_dir.with_name(f"{self.data_dir.name}-{number}.toml")
        config.write_text(toml(self._config), "utf-8")
        self._process = subprocess.Popen(
            command(self.data_dir, "--config", str(config)),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        stderr = self._process.stderr
        assert stderr is not None
        self._reader = threading.Thread(target=self._read, args=(stderr,), daemon=True)
        self._reader.start()
        try:
            port, self.metrics_port = self._ports.get(timeout=START_TIMEOUT_S)
            assert port, f"the server ended before it listened: {self.raw_log}"
        except BaseException:
            self.kill()
            raise
        self.address = f"127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.runs:
            if kind is None:
                self.stop()
            else:
                self.kill()
        assert not self.runs

    def __repr__(self) -> str:
        return f"Server({self.address}, pid {self._process.pid})"

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: the process is gone between two instructions."""
        self._process.kill()
        self._gone()

    def terminate(self) -> None:
        """SIGTERM, without waiting for what comes of it."""
        self._process.terminate()

    def stop(self) -> None:
        """SIGTERM, and all that was taken on is finished: exit code 0."""
        self.terminate()
        self.wait()

    def ends_by_itself(self) -> int:
        """Waits for an end that nobody asked for; the exit code."""
        exit_code = self._process.wait(STOP_TIMEOUT_S)
        self._gone()
        return exit_code

    def wait(self) -> None:
        """Waits for an orderly end."""
        try:
            exit_code = self._process.wait(STOP_TIMEOUT_S)
        except BaseException:
            self.kill()
            raise
        self._gone()
        assert exit_code == 0, f"exit code {exit_code}: {self.raw_log[-5:]}"
        assert self.logged("stopped")

    def _gone(self) -> None:
        self._process.wait(STOP_TIMEOUT_S)
        self._reader.join(STOP_TIMEOUT_S)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def logged(self, event: str) -> bool:
        """Whether a line of this kind is in the log."""
        return any(line.get("event") == event for line in list(self.log))

    def _read(self, log: IO[str]) -> None:
        for line in log:
            self.raw_log.append(line.rstrip())
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                self.log.append(entry)
                if entry.get("event") == "listening":
                    self._ports.put((entry["port"], entry["metrics_port"]))
        self._ports.put((0, 0))

    @contextlib.contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        """A channel of its own, not shared with others in this process."""
        with grpc.insecure_channel(self.address, LOCAL_POOL) as channel:
            yield channel

    def aio_channel(self) -> grpc.aio.Channel:
        """The same under asyncio."""
        return grpc.aio.insecure_channel(self.address, LOCAL_POOL)

    def metadata(self, role: Role) -> tuple[tuple[str, str], ...]:
        """What shows who calls, as the local client of a role."""
        return bearer(load_local_token(self.data_dir, role))

    def workers(self) -> dict[int, int]:
        """The process that serves in each place now, where there are several."""
        pids: dict[int, int] = {}
        for line in list(self.log):
            if line.get("event") == "worker_started":
                pids[line["worker"]] = line["pid"]
            elif line.get("event") == "worker_ended":
                pids.pop(line["worker"], None)
        return pids

    def metric(self, name: str) -> int:
        """The value of a metric without labels, such as `godkend_pin_checks_total`, of all."""
        values = self.metric_by_worker(name).values()
        assert values, f"no metric {name}"
        return sum(values)

    def metric_by_worker(self, name: str) -> dict[str, int]:
        """The same of each worker; one server alone has no name for itself."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=WAIT_TIMEOUT_S
        ) as response:
            text = response.read().decode()
        return {
            sample.labels.get("worker", ""): int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and sample.labels.keys() <= {"worker"}
        }

    def metric_total(self, name: str, **labels: str) -> int:
        """The sum of a metric's samples that have these labels."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=WAIT_TIMEOUT_S
        ) as response:
            text = response.read().decode()
        return sum(
            int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def pin_checks(self) -> int:
        """How many PINs this process has looked at, one Argon2id each."""
        return self.metric("godkend_pin_checks_total")


LOCAL_POOL: Final = (("grpc.use_local_subchannel_pool", 1),)
"""Else two channels to one address would share a connection."""


class Desk:
    """A registrar: identities, activation codes, blocks."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self.channel = channel
        self._stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        self._more: dict[str, Any] = {"metadata": metadata, "timeout": CALL_TIMEOUT_S}

    def create(self, user_id: str) -> bytes:
        """Registers a subscriber."""
        request = identity_pb.CreateIdentityRequest(
            request_id=secrets.token_bytes(16), user_id=user_id, name=user_id
        )
        with godkend_errors():
            return self._stub.CreateIdentity(request, **self._more).identity_id

    def find(self, identity_id: bytes) -> identity_pb.Identity:
        """An identity with its authenticators."""
        request = identity_pb.GetIdentityRequest(identity_id=identity_id)
        with godkend_errors():
            return self._stub.GetIdentity(request, **self._more).identity

    def issue_code(self, identity_id: bytes, request_id: bytes | None = None) -> str:
        """An activation code."""
        request = identity_pb.IssueActivationCodeRequest(
            request_id=request_id or secrets.token_bytes(16), identity_id=identity_id
        )
        with godkend_errors():
            return self._stub.IssueActivationCode(request, **self._more).activation_code

    def block(self, identity_id: bytes, authenticator_id: bytes, *, blocked: bool) -> None:
        """Blocks or unblocks an authenticator, or the identity if none is named."""
        with godkend_errors():
            if blocked:
                self._stub.BlockIdentity(
                    identity_pb.BlockIdentityRequest(
                        identity_id=identity_id, authenticator_id=authenticator_id
                    ),
                    **self._more,
                )
            else:
                self._stub.UnblockIdentity(
                    identity_pb.UnblockIdentityRequest(
                        identity_id=identity_id, authenticator_id=authenticator_id
                    ),
                    **self._more,
                )

    def subscriber(self, user_id: str = "", *, key: DeviceKey | None = None) -> Subscriber:
        """Somebody new, with a phone whose PIN is `PIN` and whose biometrics are on."""
        user_id = user_id or f"subscriber-{secrets.token_hex(8)}"
        identity_id = self.create(user_id)
        begun = Activation.begin(self.channel, user_id, self.issue_code(identity_id), key=key)
        return Subscriber(self, user_id, identity_id, begun.finish(PIN, biometrics_on=True))


class Subscriber:
    """One identity with one phone."""

    def __init__(self, desk: Desk, user_id: str, identity_id: bytes, phone: Phone) -> None:
        self.desk = desk
        self.user_id = user_id
        self.identity_id = identity_id
        self.phone = phone

    def authenticator(self, desk: Desk | None = None) -> identity_pb.Authenticator:
        """The phone as the desk sees it now."""
        (authenticator,) = (desk or self.desk).find(self.identity_id).authenticators
        return authenticator


class NewLogin:
    """What a front-end keeps of a login that it starts: above all the verifier."""

    def __init__(self, service_provider: str, *, text: str = "Log in", user_id: str = "") -> None:
        self.service_provider = service_provider
        self.text = text
        self.verifier = secrets.token_bytes(32)
        self.nonce = secrets.token_urlsafe(16)
        self.start_request = login_pb.StartLoginRequest(
            request_id=secrets.token_bytes(16),
            service_provider=service_provider,
            text=text,
            user_id=user_id,
            verifier_digest=hashlib.sha256(self.verifier).digest(),
            source=secrets.token_hex(8),
            nonce=self.nonce,
        )

    def redeem_request(self, login_id: bytes) -> login_pb.RedeemLoginRequest:
        """What redeems the login, once it has its name."""
        return login_pb.RedeemLoginRequest(login_id=login_id, verifier=self.verifier)
