"""Where the configuration comes from, and how it is shown.

Each value comes from the first of these that gives it: flags, environment (`GODKEND_…`, sections
parted by `__`), the TOML file, the default. A key that nobody knows is refused by its name.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from godkend.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

Keys = tuple[str, ...]

ENV_PREFIX = "GODKEND_"

ENV_OF_THE_CLI = frozenset(
    {
        "GODKEND_CA_FILE",
        "GODKEND_CONFIG",
        "GODKEND_ISSUER",
        "GODKEND_PHONE_PIN",
        "GODKEND_SERVER",
        "GODKEND_TOKEN",
    }
)
"""Variables with our prefix that tell the CLI where and as whom to call."""

ENV_OF_KUBERNETES = re.compile(r"GODKEND_(SERVICE_HOST|SERVICE_PORT.*|PORT|PORT_\d+_.*)")
"""What Kubernetes puts into every container beside a Service named godkend."""


class ConfigError(Exception):
    """The configuration is refused; each of `lines` names a key and what is wrong with it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration and where each of its values came from."""

    config: Config
    origins: Mapping[Keys, str]

    def show(self) -> str:
        """Everything in force as TOML, each value with its origin."""
        values = self.config.model_dump(mode="json", exclude_none=True)
        values["policy"] = orjson.loads(self.config.policy_json())
        return "\n".join(_toml((), values, self.origins)).strip() + "\n"


def load_config(
    path: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> LoadedConfig:
    """Reads and validates. `flags` is nested like the file; None in it means not given.

    Raises `ConfigError`.
    """
    sources = [
        ("flag", _without_none(flags or {})),
        ("environment", _environment(environ)),
        (str(path), _file(path) if path is not None else {}),
    ]
    values: dict[str, Any] = {}
    origins: dict[Keys, str] = {}
    for origin, given in reversed(sources):
        for keys, value in _leaves((), given):
            origins[keys] = origin
            _put(values, keys, value)
    try:
        return LoadedConfig(Config(**values), origins)
    except ValidationError as error:
        raise ConfigError([_line(e, origins) for e in error.errors()]) from error


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    ours = {
        name: value
        for name, value in environ.items()
        if name.startswith(ENV_PREFIX)
        and name not in ENV_OF_THE_CLI
        and not ENV_OF_KUBERNETES.fullmatch(name)
    }
    unknown = [
        f"{name}: unknown key (from environment)"
        for name in sorted(ours)
        if name.removeprefix(ENV_PREFIX).lower().partition("__")[0] not in Config.model_fields
    ]
    if unknown:
        raise ConfigError(unknown)
    source = EnvSettingsSource(Config)
    source.env_vars = {name.lower(): value for name, value in ours.items()}
    try:
        given = source()
    except SettingsError as error:
        raise ConfigError([f"environment: {error}"]) from error
    # The core's JSON is typed; only here does everything arrive as text.
    for keys, value in list(_leaves((), given.get("policy", {}))):
        if isinstance(value, str):
            try:
                _put(given["policy"], keys, orjson.loads(value))
            except orjson.JSONDecodeError:
                continue
    return given


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from error


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in given.items()
        if value is not None
    }


def _leaves(keys: Keys, value: Any) -> Iterator[tuple[Keys, Any]]:
    if isinstance(value, dict) and (value or not keys):
        for key, inner in value.items():
            yield from _leaves((*keys, str(key)), inner)
    else:
        yield keys, value


def _put(values: dict[str, Any], keys: Keys, value: Any) -> None:
    *tables, last = keys
    for table in tables:
        inner = values.get(table)
        if not isinstance(inner, dict):
            inner = values[table] = {}
        values = inner
    if value == {} and isinstance(values.get(last), dict):
        return  # An empty table takes nothing away.
    values[last] = value


def _line(error: ErrorDetails, origins: Mapping[Keys, str]) -> str:
    keys = tuple(str(key) for key in error["loc"] if key != "[key]")
    if error["type"] == "extra_forbidden":
        message = "unknown key"
    elif error["type"] in {"dict_type", "model_type"}:
        message = "must be a table"
    elif error["type"] == "value_error":
        message = str(error["ctx"]["error"])
    else:
        message = error["msg"].replace("Input should", "must").replace("String should", "must")
    if keys == ("policy",):  # The core names the field itself.
        name, _, message = message.partition(": ")
        keys = tuple(name.split("."))
    # What is refused may be a part of the value that was given, or a table of several.
    given = [origins[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in origins][:1]
    given = given or sorted({origins[leaf] for leaf in origins if leaf[: len(keys)] == keys})
    return f"{'.'.join(keys)}: {message}" + (f" (from {', '.join(given)})" if given else "")


def _toml(keys: Keys, table: dict[str, Any], origins: Mapping[Keys, str]) -> Iterator[str]:
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    plain = {key: value for key, value in table.items() if key not in tables and value is not None}
    if keys and plain:
        yield ""
        yield f"[{'.'.join(map(_toml_key, keys))}]"
    for key, value in plain.items():
        origin = origins.get((*keys, key), "default")
        yield f"{_toml_key(key)} = {_toml_value(value)}  # {origin}"
    for key, inner in tables.items():
        yield from _toml((*keys, key), inner, origins)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        inner = (f"{_toml_key(key)} = {_toml_value(v)}" for key, v in value.items())
        return "{ " + ", ".join(inner) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    # TOML's numbers, booleans and basic strings are written like JSON's.
    return orjson.dumps(value).decode()
