"""How much disk and memory godkend takes: for an identity, a login, an open stream, a worker.

    make footprint                # about a minute; writes bench/results/footprint.json

Disk is the size of the store once it is closed, its log written back. Memory is what the processes
of a real server hold privately: `UniqueSetSize`, so that what they share is not counted twice.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import grpc.aio
import psutil  # type: ignore[import-untyped]

from bench.driver import Driver
from bench.machine import RESULTS, commit, machine
from bench.server_process import ServerProcess
from godkend.clients import load_local_token
from godkend.phone import unix_time_ms
from godkend.statements import (
    DeviceKey,
    activation_statement,
    approval_statement,
    open_statement,
)
from godkend.v1 import (
    device_service_pb2,
    login_service_pb2,
    login_service_pb2_grpc,
    statement_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PIN = "271946"
SOURCE = "192.0.2.7"
UNBOUNDED = {"interval_us": 1, "burst": 1_000_000}
BUDGETS = (
    "activation_source",
    "activation_overall",
    "login_source",
    "login_front_end",
    "login_overall",
)
SETTLED_S = 2.0


class Population:
    """Identities on a store of their own, each with a phone, and logins of theirs."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._phones: list[tuple[DeviceKey, bytes]] = []
        self._identity_ids: list[tuple[bytes, str]] = []

    def register(self, number: int) -> None:
        user_id = f"{secrets.token_hex(6)}-{number}"
        core = self.driver.core
        words = ("desk", secrets.token_bytes(16), user_id, "Erik Hansen", "1980-02-29", 2)
        self._identity_ids.append((self.driver.call(core.create_identity, *words), user_id))

    def activate(self, number: int) -> None:
        identity_id, user_id = self._identity_ids[number]
        core, call = self.driver.core, self.driver.call
        code = call(
            core.issue_activation_code, "desk", secrets.token_bytes(16), identity_id, 1
        ).activation_code
        key = DeviceKey.generate()
        whose = (SOURCE, secrets.token_bytes(16), user_id, code)
        begun: Any = call(
            core.begin_activation, *whose, key.algorithm, key.public_key, "Erik's phone"
        )
        signed = activation_statement(key, begun)
        authenticator_id = call(
            core.finish_activation, signed.statement, signed.signature, PIN, True
        )
        self._phones.append((key, authenticator_id))

    def log_in(self, number: int) -> None:
        key, authenticator_id = self._phones[number]
        core, call = self.driver.core, self.driver.call
        verifier = secrets.token_bytes(32)
        login: Any = call(
            core.start_login,
            *("front-end", secrets.token_bytes(16), "tax.example", "Log in to Tax", ""),
            *(hashlib.sha256(verifier).digest(), SOURCE, "nonce", 0),
        )
        scan = open_statement(key, authenticator_id, login.app_link, unix_time_ms())
        opened: Any = call(core.open_login, scan.statement, scan.signature)
        shown = device_service_pb2.OpenLoginResponse(
            login_id=opened.login_id,
            challenge=opened.challenge,
            service_provider=opened.service_provider,
            text=opened.text,
        )
        approval = approval_statement(
            key,
            authenticator_id,
            shown,
            user_verification=statement_pb2.USER_VERIFICATION_BIOMETRICS,
        )
        call(core.approve_login, approval.statement, approval.signature, "")
        assert call(core.redeem_login, "front-end", login.login_id, verifier)


def disk(count: int) -> dict[str, float]:
    """Bytes on disk for one more of each."""
    policy = json.dumps({"budget": dict.fromkeys(BUDGETS, UNBOUNDED)})
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        with Driver(Path(folder), policy) as driver:
            population = Population(driver)
        steps: list[tuple[str, Callable[[int], None]]] = [
            ("identity", population.register),
            ("activated phone", population.activate),
            ("login", population.log_in),
        ]
        before = driver.store.stat().st_size
        for name, step in steps:
            with Driver(Path(folder), policy) as driver:
                population.driver = driver
                with click.progressbar(range(count), label=f"{name:<16}", file=sys.stderr) as bar:
                    for number in bar:
                        step(number)
            after = driver.store.stat().st_size
            found[name] = (after - before) / count
            before = after
    return found


def memory(streams: int) -> dict[str, float]:
    """Bytes of memory: of an idle server, and for one more login that a front-end watches."""
    with tempfile.TemporaryDirectory() as folder:
        toml = Path(folder) / "godkend.toml"
        budgets = "\n".join(
            f"{name} = {{ interval_us = 1, burst = 1_000_000 }}" for name in BUDGETS
        )
        toml.write_text(f"[policy.budget]\n{budgets}\n", "utf-8")
        command = [sys.executable, "-m", "godkend", "serve", "--config", str(toml)]
        command += ["--data-dir", folder, "--listen", "127.0.0.1:0"]
        with ServerProcess(command, Path(folder) / "log") as server:
            time.sleep(SETTLED_S)
            idle = private_bytes(server.pid)
            token = load_local_token(Path(folder), "front-end")
            watching = asyncio.run(watched(server, token, streams))
    return {"idle worker": idle, "watched login": (watching - idle) / streams}


def private_bytes(pid: int) -> int:
    return int(psutil.Process(pid).memory_full_info().uss)


async def watched(server: ServerProcess, token: str, streams: int) -> int:
    """What the server holds while so many logins are open and watched."""
    metadata = (("authorization", f"Bearer {token}"),)
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = login_service_pb2_grpc.LoginServiceStub(channel)
        calls = []
        for _ in range(streams):
            request = login_service_pb2.StartLoginRequest(
                request_id=secrets.token_bytes(16),
                service_provider="tax.example",
                text="Log in to Tax",
                verifier_digest=secrets.token_bytes(32),
                source=SOURCE,
                nonce="nonce",
            )
            call = stub.StartLogin(request, metadata=metadata)
            await call.read()
            calls.append(call)
        await asyncio.sleep(SETTLED_S)
        found = private_bytes(server.pid)
        for call in calls:
            call.cancel()
    return found


def rows(found: dict[str, float]) -> list[dict[str, str]]:
    def row(what: str, ours: str) -> dict[str, str]:
        empty = dict.fromkeys(("yardstick", "ratio", "target", "verdict"), "")
        return {"what": what, "ours": ours, **empty}

    return [
        row("disk of an identity", f"{found['identity']:,.0f} B"),
        row(
            "disk of an activated phone, its code and events", f"{found['activated phone']:,.0f} B"
        ),
        row("disk of a login, while kept, and its events", f"{found['login']:,.0f} B"),
        row("memory of an idle worker", f"{found['idle worker'] / 2**20:,.0f} MiB"),
        row("memory of a watched login", f"{found['watched login'] / 2**10:,.1f} KiB"),
    ]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="make footprint ARGS=...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--identities", type=int, default=2_000)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--result", type=Path, default=RESULTS / "footprint.json")
    options = parser.parse_args(words)
    found = disk(options.identities) | memory(options.streams)
    result = {
        "machine_info": machine(),
        "commit_info": commit(),
        "parameters": {"identities": options.identities, "streams": options.streams},
        "bytes": found,
        "rows": rows(found),
    }
    options.result.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    for row in result["rows"]:
        print(f"{row['what']:<50} {row['ours']:>12}")


if __name__ == "__main__":
    main()
