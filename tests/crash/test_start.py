"""A server that cannot start says why in one line, ends as failed, and overwrites nothing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import stat
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.crash.actors import linked
from tests.servers import (
    CHEAP_PIN,
    START_TIMEOUT_S,
    Server,
    Settings,
    command,
    environment,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE_BYTES = 4_096


def refusal(
    data_dir: Path | None,
    *flags: str,
    env: dict[str, str] | None = None,
    config: str | None = None,
) -> str:
    """The one line with which a server does not start."""
    if config is not None:
        assert data_dir is not None
        path = data_dir.with_name("godkend.toml")
        path.write_text(config, "utf-8")
        flags = ("--config", str(path), *flags)
    with subprocess.Popen(
        command(data_dir, *flags),
        env=environment() | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                assert '"event":"listening"' not in line, "it started"
        finally:
            watchdog.cancel()
            if process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0 if lines and "listening" in lines[-1] else START_TIMEOUT_S)
                process.kill()
    assert process.returncode > 0, f"exit code {process.returncode}: {lines}"
    assert len(lines) == 1, lines
    assert lines[0].startswith("godkend: ")
    assert "Traceback" not in lines[0]
    return lines[0]


def contents(directory: Path, *, opened: bool = False) -> dict[str, tuple[object, int]]:
    """Every file with its bytes and mode, except what SQLite keeps beside a store to read it.

    Of a store that was `opened`, before something else was refused, what it holds counts.
    """
    return {
        path.name: (
            _rows(path) if opened and path.suffix == ".db" else path.read_bytes(),
            stat.S_IMODE(path.stat().st_mode),
        )
        for path in directory.iterdir()
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def _rows(store: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return list(connection.iterdump())


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which a server has lived, with some hundred subscribers."""
    path = tmp_path_factory.mktemp("lived-in") / "data"
    with Server(path, CHEAP_PIN) as server, linked(server) as link:
        for number in range(120):
            link.desk.create(f"subscriber-{number}")
        link.desk.subscriber()
    return path


@pytest.fixture
def data_dir(tmp_path: Path, lived_in: Path) -> Path:
    """A copy of it, to be spoiled."""
    return shutil.copytree(lived_in, tmp_path / "data")


def starts(data_dir: Path) -> bool:
    with Server(data_dir, CHEAP_PIN):
        return True


# The store.


def _header_garbage(store: Path) -> None:
    with store.open("r+b") as file:
        file.write(b"\xa5" * 100)


def _page_overwritten(store: Path) -> None:
    pages = store.stat().st_size // PAGE_BYTES
    assert pages > 8
    with store.open("r+b") as file:
        file.seek(pages // 2 * PAGE_BYTES)
        file.write(b"\xa5" * PAGE_BYTES)


def _cut_short(store: Path) -> None:
    with store.open("r+b") as file:
        file.truncate(store.stat().st_size // 2)


def _newer_schema(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA user_version = 4711")
    connection.close()


def _other_application(store: Path) -> None:
    store.unlink()
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def _text_file(store: Path) -> None:
    store.write_text("This is where the store should be, but it is a letter.\n" * 100)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_header_garbage, "file is not a database"),
        (_page_overwritten, "damaged"),
        (_cut_short, "malformed"),
        (_newer_schema, "schema 4711 is newer than this program"),
        (_other_application, "not a store of godkend"),
        (_text_file, "file is not a database"),
    ],
)
def test_a_store_that_is_damaged_newer_or_foreign_is_left_as_it_is(
    data_dir: Path, spoil: Callable[[Path], None], said: str
) -> None:
    store = data_dir / "godkend.db"
    spoil(store)
    before = contents(data_dir)
    line = refusal(data_dir)
    assert str(store) in line
    assert said in line
    assert contents(data_dir) == before


def test_another_sqlite_file_that_numbers_nothing_is_left_as_it_is(data_dir: Path) -> None:
    store = data_dir / "godkend.db"
    store.unlink()
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")
    connection.close()
    before = contents(data_dir)
    line = refusal(data_dir)
    assert str(store) in line
    assert "not a store of godkend" in line
    assert contents(data_dir) == before


def test_a_store_that_is_a_directory_is_left_as_it_is(data_dir: Path) -> None:
    store = data_dir / "godkend.db"
    store.unlink()
    store.mkdir()
    assert str(store) in refusal(data_dir)


# The keys.


def _missing(keys: Path, other: Path) -> None:
    keys.unlink()


def _of_another_store(keys: Path, other: Path) -> None:
    shutil.copyfile(other, keys)


def _readable_by_others(keys: Path, other: Path) -> None:
    keys.chmod(0o644)


def _truncated(keys: Path, other: Path) -> None:
    keys.write_bytes(keys.read_bytes()[:200])


def _empty(keys: Path, other: Path) -> None:
    keys.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "names", "said"),
    [
        (_missing, "keys.json", ""),
        (_of_another_store, "godkend.db", "the key file belongs to another store"),
        (_readable_by_others, "keys.json", "0644"),
        (_truncated, "keys.json", "is not a key file"),
        (_empty, "keys.json", "is not a key file"),
    ],
)
def test_keys_that_are_missing_foreign_readable_or_damaged_are_left_as_they_are(
    data_dir: Path,
    tmp_path: Path,
    spoil: Callable[[Path, Path], None],
    names: str,
    said: str,
) -> None:
    other = tmp_path / "other"
    with Server(other, CHEAP_PIN):
        pass
    spoil(data_dir / "keys.json", other / "keys.json")
    before = contents(data_dir)
    line = refusal(data_dir)
    assert str(data_dir / names) in line
    assert said in line
    assert contents(data_dir) == before


@pytest.mark.parametrize("spoil", [_missing, _of_another_store, _readable_by_others])
def test_several_workers_say_the_same_and_say_it_once(
    data_dir: Path, tmp_path: Path, spoil: Callable[[Path, Path], None]
) -> None:
    other = tmp_path / "other"
    with Server(other, CHEAP_PIN):
        pass
    spoil(data_dir / "keys.json", other / "keys.json")
    before = contents(data_dir)
    assert refusal(data_dir, "--workers", "3") == refusal(data_dir)
    assert contents(data_dir) == before


@pytest.mark.parametrize("emptied", [False, True])
def test_a_store_that_is_gone_is_not_replaced_by_an_empty_one(
    data_dir: Path, emptied: bool
) -> None:
    store = data_dir / "godkend.db"
    store.unlink()
    if emptied:
        store.touch()
    before = contents(data_dir)
    line = refusal(data_dir)
    assert str(store) in line
    assert "keys.json" in line
    assert contents(data_dir) == before


def test_what_was_refused_starts_once_it_is_mended(data_dir: Path) -> None:
    keys = data_dir / "keys.json"
    keys.chmod(0o644)
    refusal(data_dir)
    keys.chmod(0o600)
    assert starts(data_dir)


# The clients.


def test_tokens_that_others_can_read_are_refused(data_dir: Path) -> None:
    clients = data_dir / "clients.json"
    clients.chmod(0o640)
    before = contents(data_dir, opened=True)
    assert str(clients) in refusal(data_dir)
    assert contents(data_dir, opened=True) == before


@pytest.mark.parametrize("content", ["", "[]", '{"local-support": {}}', '{"a": '])
def test_tokens_that_cannot_be_read_are_refused(data_dir: Path, content: str) -> None:
    clients = data_dir / "clients.json"
    clients.write_text(content)
    before = contents(data_dir, opened=True)
    assert str(clients) in refusal(data_dir)
    assert contents(data_dir, opened=True) == before


# Where it is to listen and to live.


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("flag", "field"), [("--listen", "server.listen"), ("--metrics-listen", "metrics.listen")]
)
def test_a_port_in_use_is_named(data_dir: Path, flag: str, field: str, workers: str) -> None:
    before = contents(data_dir, opened=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refusal(data_dir, "--workers", workers, flag, address)
    assert field in line
    assert address in line
    assert "port in use" in line
    assert contents(data_dir, opened=True) == before


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_several_workers_share_is_in_use_to_other_servers(
    data_dir: Path, workers: str
) -> None:
    several: Settings = {"server": {"workers": 2}}
    with Server(data_dir, CHEAP_PIN, several) as server:
        line = refusal(data_dir, "--workers", workers, "--listen", server.address)
    assert "port in use" in line


def test_a_store_in_memory_cannot_be_shared(tmp_path: Path) -> None:
    line = refusal(tmp_path / "data", "--workers", "2", config='store_path = ":memory:"')
    assert "server.workers" in line


def test_a_data_dir_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    line = refusal(file / "data")
    assert f"data_dir {file / 'data'}" in line
    assert file.read_text() == "not a directory"


def test_a_data_dir_that_is_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    assert str(file) in refusal(None, env={"GODKEND_DATA_DIR": str(file)})
    assert file.read_text() == "not a directory"


# What it is told. Nothing is made before it is understood.


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ('colour = "red"', "colour"),
        ("[server]\nlitsen = '127.0.0.1:0'", "server.litsen"),
        ("[policy.pin]\nmemory = 8", "policy"),
        ("[policy.pin]\nmemory_kib = 7", "policy.pin.memory_kib"),
        ("[policy.pin]\niterations = 0", "policy.pin.iterations"),
        ("[policy.lockout]\nstrikes_max = 101", "policy.lockout.strikes_max"),
        ("[policy.lockout]\nrungs = [{ strikes = 3, locked_ms = 0 }]", "policy.lockout.rungs"),
        ("[policy.budget]\nlogin_source = { interval_us = 0, burst = 1 }", "login_source"),
        ("[policy.login]\nlife_ms = 999", "policy.login.life_ms"),
        ("[policy.engine]\nhashers = 1025", "policy.engine.hashers"),
        ("[server]\ncalls_max = 0", "server.calls_max"),
        ("[server]\nstop_grace_ms = 600001", "server.stop_grace_ms"),
        ("[server]\nmessage_bytes_max = 'many'", "server.message_bytes_max"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[clients.bank]\nrole = 'front-end'\ntoken_sha256 = 'beef'", "clients.bank"),
        ("[server\n", "godkend.toml"),
        ("\x00", "godkend.toml"),
    ],
)
def test_a_config_file_with_what_is_unknown_or_out_of_range_is_refused(
    tmp_path: Path, config: str, field: str
) -> None:
    line = refusal(tmp_path / "data", config=config)
    assert field in line
    assert "godkend.toml" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("GODKEND_COLOUR", "red", "GODKEND_COLOUR"),
        ("GODKEND_SERVER__LITSEN", "127.0.0.1:0", "server.litsen"),
        ("GODKEND_SERVER__CALLS_MAX", "0", "server.calls_max"),
        ("GODKEND_SERVER__CALLS_MAX", "many", "server.calls_max"),
        ("GODKEND_POLICY__PIN__MEMORY_KIB", "7", "policy.pin.memory_kib"),
        ("GODKEND_POLICY__PIN__MEMORY", "8", "policy"),
        ("GODKEND_LOG__LEVEL", "loud", "log.level"),
    ],
)
def test_an_environment_with_what_is_unknown_or_out_of_range_is_refused(
    tmp_path: Path, name: str, value: str, field: str
) -> None:
    line = refusal(tmp_path / "data", env={name: value})
    assert field in line
    assert "environment" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:65536", "0.0.0.0:0", ":0", "::1:0"])
def test_an_address_that_is_none_or_open_to_all_without_tls_is_refused(
    tmp_path: Path, listen: str
) -> None:
    line = refusal(tmp_path / "data", "--listen", listen)
    assert "server" in line
    assert "listen" in line
    assert not (tmp_path / "data").exists()


def test_tls_files_that_cannot_be_read_are_named(data_dir: Path, tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text("not PEM")
    key.write_text("not PEM")
    before = contents(data_dir, opened=True)
    line = refusal(data_dir, "--tls-certificate", str(chain), "--tls-key", str(key))
    assert str(chain) in line
    assert contents(data_dir, opened=True) == before
