"""Measures this machine: hashes, durable commands, and whole logins on a server of its own.

CPU where CPU is the cost, the clock where a disk or all cores at once are the question. The server
is a process of its own on a temporary store, and its CPU alone is counted: not that of the phones
and front-ends that are played here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import json
import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from godkend import _core
from godkend.calls import open_channel
from godkend.capacity import HashCost, Kind
from godkend.cli.identity import Desk
from godkend.cli.login import ISSUER_DEFAULT
from godkend.cli.options import Caller
from godkend.cli.stage import OwnServer
from godkend.clients import load_local_token
from godkend.display import Display
from godkend.engine import TIMEOUT_MS_NONE, Engine
from godkend.front_end import FrontEnd, document_of
from godkend.phone import Activation, Phone
from godkend.v1 import display_service_pb2 as display_pb
from godkend.v1 import display_service_pb2_grpc
from godkend.v1 import login_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SALT, TAG_BYTES = bytes(16), 32
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""mallopt(3)"""
KEPT_BYTES_MAX = 2**30
PIN = "271946"
PASSWORD = "en sti ved havet"  # noqa: S105, of simulated people
DOCUMENT = document_of(b"I agree.\n", "text/plain", "agreement.txt")
COMMANDS_WAITING = 64
LOGINS_TICKS_MIN = 10
"""The kernel counts CPU in ticks: fewer say nothing."""
BUDGETS_WIDENED = (
    "activation_source",
    "login_front_end",
    "login_overall",
    "door_front_end",
    "door_overall",
)
"""Everybody is behind one address and one front-end here."""


def keep_memory() -> None:
    """Lets this process keep the memory of a hash for the next one, as hash workers keep theirs.

    By default the C library gives blocks of over 32 MiB back and fetches them anew, which would
    charge a hash with page faults that no server pays. Without glibc nothing changes.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES_MAX)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES_MAX)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def hash_cost(memory_kib: int, iterations: int, seconds: float) -> HashCost:
    """CPU of one hash on one core: the least disturbed half of those made in `seconds`."""
    taken_ns: list[int] = []
    ends_s = time.monotonic() + seconds
    # The first hash fetches its memory from the system.
    while len(taken_ns) < 3 or time.monotonic() < ends_s:
        began_ns = time.thread_time_ns()
        _core.argon2id(PIN.encode(), SALT, memory_kib, iterations, 1, TAG_BYTES)
        taken_ns.append(time.thread_time_ns() - began_ns)
    least = sorted(taken_ns[1:])[: max(1, len(taken_ns) // 2)]
    return HashCost(memory_kib, iterations, sum(least) / len(least) / 1e9)


def hashes_all_cores_per_s(memory_kib: int, iterations: int, seconds: float) -> float:
    """Hashes a second by the clock, with a thread on every core."""

    def hash_until(ends_s: float) -> int:
        count = 0
        while count == 0 or time.monotonic() < ends_s:
            _core.argon2id(PIN.encode(), SALT, memory_kib, iterations, 1, TAG_BYTES)
            count += 1
        return count

    began_s = time.monotonic()
    with ThreadPoolExecutor(cores()) as pool:
        counts = pool.map(hash_until, [began_s + seconds] * cores())
        return sum(counts) / (time.monotonic() - began_s)


def commands_per_s(directory: Path, seconds: float) -> tuple[float, float]:
    """Durable commands a second with 64 waiting, and the bytes of store that each identity took."""
    return asyncio.run(_commands_per_s(directory, seconds))


async def _commands_per_s(directory: Path, seconds: float) -> tuple[float, float]:
    store = directory / "commands.db"
    core = _core.Engine(store=str(store), keys=str(directory / "commands.keys.json"), policy="{}")
    async with Engine(core) as engine:
        began_s = time.monotonic()

        async def register() -> int:
            count = 0
            while count == 0 or time.monotonic() < began_s + seconds:
                user_id = f"capacity-{secrets.token_hex(8)}"
                fields = ("capacity", secrets.token_bytes(16), user_id, "Somebody", "", 2)
                await engine.call(core.create_identity, TIMEOUT_MS_NONE, *fields)
                count += 1
            return count

        counts = await asyncio.gather(*(register() for _ in range(COMMANDS_WAITING)))
        taken_s = time.monotonic() - began_s
    # Closed, so that the write-ahead log is part of the file.
    return sum(counts) / taken_s, store.stat().st_size / sum(counts)


@dataclass(frozen=True, slots=True)
class Person:
    """A subscriber with every credential, in this process."""

    user_id: str
    phone: Phone
    display: Display
    counter: Iterator[int]
    """Of the display's next code."""


class Logins:
    """A server on a store of its own, and subscribers who log in over gRPC."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as closing:
            self._server = closing.enter_context(
                OwnServer(self._directory / "data", config=self._configured())
            )
            address = f"127.0.0.1:{self._server.port}"
            self._channel = closing.enter_context(open_channel(address))
            self._front_end = FrontEnd(
                self._channel,
                token=self._token("front-end"),
                issuer=ISSUER_DEFAULT,
                service_provider="tax.example",
            )
            caller = Caller(address, None, self._token("registrar"))
            closing.callback(caller.channel.close)
            desk = Desk(caller)
            self._displays = display_service_pb2_grpc.DisplayServiceStub(self._channel)
            self._people = self._enrolled(desk, 4 * cores())
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _token(self, role: Any) -> str:
        return load_local_token(self._directory / "data", role)

    def _configured(self) -> Path:
        path = self._directory / "capacity.toml"
        quota = "interval_us = 1\nburst = 1000000\n"
        quotas = (f"[policy.budget.{name}]\n{quota}" for name in BUDGETS_WIDENED)
        # Whoever measures waits: a refusal in a moment of noise would end the measurement.
        bounds = "hash_wait_ms_max = 60000\nloop_late_ms_max = 60000\n"
        path.write_text("".join([*quotas, "[policy.admission]\n", bounds]), "utf-8")
        return path

    def _enrolled(self, desk: Desk, count: int) -> list[Person]:
        """Subscribers with a phone, a display that counts, and a password."""
        displays = [Display(f"C{n:09}", secrets.token_bytes(20), period_s=0) for n in range(count)]
        asyncio.run(self._import(displays))
        return [self._person(desk, number, each) for number, each in enumerate(displays)]

    async def _import(self, displays: list[Display]) -> None:
        data = self._directory / "data"
        core = _core.Engine(
            store=str(data / "godkend.db"), keys=str(data / "keys.json"), policy="{}"
        )
        async with Engine(core) as engine:
            for each in displays:
                await engine.call(
                    core.import_display,
                    TIMEOUT_MS_NONE,
                    "capacity",
                    *(each.serial_number, each.kind, each.algorithm),
                    *(each.period_s, each.counter, each.seed),
                )

    def _person(self, desk: Desk, number: int, display: Display) -> Person:
        user_id = f"capacity-{number}"
        identity_id = desk.create(user_id, f"Subscriber {number}")
        code = desk.issue_activation_code(identity_id).activation_code
        phone = Activation.begin(self._channel, user_id, code).finish(PIN, biometrics_on=True)
        desk.call(
            self._displays.AssignDisplay,
            display_pb.AssignDisplayRequest(
                identity_id=identity_id, serial_number=display.serial_number
            ),
        )
        desk.call(
            self._displays.ActivateDisplay,
            display_pb.ActivateDisplayRequest(
                request_id=secrets.token_bytes(16),
                identity_id=identity_id,
                serial_number=display.serial_number,
                one_time_code=display.code(0),
                password=PASSWORD,
            ),
        )
        return Person(user_id, phone, display, itertools.count(1))

    def cpu_s(self, kind: Kind, seconds: float) -> float:
        """Server CPU of one login, over the logins of all phones at once in `seconds`."""
        counts = [0] * len(self._people)
        enough = threading.Event()

        def log_in_until_enough(number: int) -> None:
            while not enough.is_set():
                self._log_in(self._people[number], kind)
                counts[number] += 1

        for person in self._people[:2]:  # Channels, key sets and caches are made ready once.
            self._log_in(person, kind)
        before = process_ticks(self._server.pid)
        with ThreadPoolExecutor(len(self._people)) as pool:
            began_s = time.monotonic()
            going = [pool.submit(log_in_until_enough, number) for number in range(len(counts))]
            try:
                while any(not each.done() for each in going):
                    time.sleep(min(0.1, seconds))
                    ticks = process_ticks(self._server.pid) - before
                    if time.monotonic() - began_s >= seconds and ticks >= LOGINS_TICKS_MIN:
                        break
            finally:
                enough.set()
            for each in going:
                each.result()
        return (process_ticks(self._server.pid) - before) / TICKS_PER_S / sum(counts)

    def _log_in(self, person: Person, kind: Kind) -> None:
        # Each from an address of its own: budgets of sources are not what is measured.
        source = f"2001:db8::{secrets.token_hex(2)}:{secrets.token_hex(2)}:{secrets.token_hex(2)}"
        document = DOCUMENT if kind == "signing" else None
        typed = person.user_id if kind in {"display", "password"} else ""
        level_min = pb.ASSURANCE_LEVEL_LOW if kind == "password" else pb.ASSURANCE_LEVEL_UNSPECIFIED
        with self._front_end.start(
            "Log in to Tax", source=source, user_id=typed, level_min=level_min, document=document
        ) as login:
            if typed:
                if kind == "display":
                    login.submit_code(typed, person.display.code(next(person.counter)))
                login.submit_password(typed, PASSWORD)
            else:
                opened = person.phone.open_login(login.app_link)
                if kind == "biometrics":
                    person.phone.approve_with_biometrics(opened)
                else:
                    person.phone.approve(opened, PIN)
            if login.wait() != pb.LOGIN_STATE_APPROVED:
                raise AssertionError(f"an approved login is {login!r}")
            login.redeem()


def process_ticks(pid: int) -> int:
    """CPU of a process and its children, user and system, in ticks of the kernel."""
    total = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # The thread has just ended.
            for child in (task / "children").read_text("ascii").split():
                yield from _family(int(child))


def pin_parameters() -> tuple[int, int]:
    """Memory in KiB and passes that new PINs get by default."""
    pin = json.loads(_core.normalise_policy("{}"))["pin"]
    return pin["memory_kib"], pin["iterations"]
