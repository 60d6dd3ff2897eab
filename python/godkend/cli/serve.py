"""`godkend serve` and `godkend config`: the server and what it is told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godkend.cli.output import Misused, unwrapped
from godkend.config_sources import ConfigError, LoadedConfig, load_config
from godkend.logs import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What can be set on the command line; a file and the environment can set everything."""
    path = click.Path(dir_okay=False, path_type=Path)
    for option in (
        click.option("--log-level", type=click.Choice(LEVELS)),
        click.option("--tls-key", type=path, help="The key of --tls-certificate, PEM."),
        click.option("--tls-certificate", type=path, help="The server's chain, PEM."),
        click.option(
            "--metrics-listen", metavar="HOST:PORT", help="For Prometheus; empty: no metrics."
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Identical processes that share port and store; those that die are replaced.",
        ),
        click.option("--listen", metavar="HOST:PORT", help="Port 0 picks a free one."),
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Holds godkend.db, keys.json and clients.json.",
        ),
        click.option(
            "--config",
            "config_path",
            envvar="GODKEND_CONFIG",
            show_envvar=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A TOML file.",
        ),
    ):
        command = option(command)
    return command


def _loaded(
    config_path: Path | None,
    data_dir: Path | None,
    listen: str | None,
    workers: int | None,
    metrics_listen: str | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    log_level: str | None,
) -> LoadedConfig:
    flags: dict[str, Any] = {
        "data_dir": data_dir,
        "server": {
            "listen": listen,
            "workers": workers,
            "tls_certificate": tls_certificate,
            "tls_key": tls_key,
        },
        "metrics": {"listen": metrics_listen},
        "log": {"level": log_level},
    }
    try:
        return load_config(config_path, flags)
    except ConfigError as error:
        raise Misused("; ".join(error.lines)) from error


@click.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend serve",
        "  godkend serve --config godkend.toml --listen 127.0.0.1:7443",
        "  godkend serve --workers 4",
        "  godkend serve --listen 0.0.0.0:7443 --tls-certificate chain.pem --tls-key key.pem",
    ),
)
@config_options
def serve(**options: Any) -> None:
    """Run the server until it is told to stop (SIGTERM or Ctrl-C).

    Each value comes from the first of these that gives it: flags, environment (GODKEND_...), the
    TOML file, the default; `godkend config show` tells which. The first start makes a store, keys
    and the tokens of local clients in the data directory.
    """
    loaded = _loaded(**options)
    # Only here: what merely calls a server needs none of it, and a supervisor no gRPC.
    if loaded.config.server.workers > 1:
        from godkend.supervisor import supervise as run
    else:
        from godkend.service.app import serve as run
    sys.exit(run(loaded.config))


@click.group(
    epilog=unwrapped(
        "Examples:",
        "  godkend config show",
        "  GODKEND_LOG__LEVEL=debug godkend config show --config godkend.toml",
        "  godkend config show > godkend.toml",
    ),
)
def config() -> None:
    """What a server would be told."""


@config.command()
@config_options
def show(**options: Any) -> None:
    """Print everything in force as TOML, each value with where it came from."""
    click.echo(_loaded(**options).show(), nl=False)
