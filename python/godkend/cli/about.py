"""`godkend version` and `godkend jwks`."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path

import click

from godkend import _core
from godkend.calls import CALL_TIMEOUT_S, godkend_errors, open_channel
from godkend.cli.options import ca_file_option, json_option, server_option
from godkend.cli.output import print_fields, print_json, unwrapped
from godkend.v1 import login_service_pb2 as pb
from godkend.v1 import login_service_pb2_grpc

CPU_INFO = Path("/proc/cpuinfo")


@click.command(
    epilog=unwrapped(
        "Example:",
        "  godkend version --json",
    ),
)
@json_option
def version(as_json: bool) -> None:
    """Print the versions of godkend, Python and SQLite, and the CPU."""
    print_fields(
        {
            "godkend": metadata.version("godkend"),
            "python": platform.python_version(),
            "sqlite": _core.sqlite_version(),
            "cpu": cpu_model(),
        },
        as_json=as_json,
    )


@click.command(
    epilog=unwrapped(
        "Example:",
        "  godkend jwks --server 127.0.0.1:7443",
    ),
)
@server_option
@ca_file_option
def jwks(server: str, ca_file: Path | None) -> None:
    """Print the keys that assertions are signed with (RFC 7517). Needs no token."""
    with open_channel(server, ca_file=ca_file) as channel, godkend_errors():
        stub = login_service_pb2_grpc.LoginServiceStub(channel)
        response = stub.GetJwks(pb.GetJwksRequest(), timeout=CALL_TIMEOUT_S)
    print_json(json.loads(response.jwks))


def cpu_model() -> str:
    """The CPU as the system names it; figures are worth nothing without it."""
    try:
        lines = CPU_INFO.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
