"""What the commands share that write into a store themselves, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from godkend.cli.output import Misused
from godkend.config import MEMORY_STORE, Config
from godkend.config_sources import ConfigError, load_config

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def store_options(command: F) -> F:
    """Which store: the one that `godkend serve` would open with the same options."""
    for option in (
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Holds godkend.db and keys.json, as for `godkend serve`.",
        ),
        click.option(
            "--config",
            "config_path",
            envvar="GODKEND_CONFIG",
            show_envvar=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="The server's TOML file.",
        ),
    ):
        command = option(command)
    return command


def store_config(config_path: Path | None, data_dir: Path | None) -> Config:
    """The server's configuration; its data directory is there then, for its owner alone."""
    try:
        config = load_config(config_path, {"data_dir": data_dir}).config
    except ConfigError as error:
        raise Misused("; ".join(error.lines)) from error
    if config.store == MEMORY_STORE:
        raise Misused(f"store_path is {MEMORY_STORE}, which ends with the command: give a file")
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return config
