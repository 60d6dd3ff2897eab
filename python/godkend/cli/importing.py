"""`godkend import`: real identities from a file, with a report of those that were refused."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from godkend.cli.options import json_option
from godkend.cli.output import EXIT_NO, Failed, Misused, print_fields, unwrapped
from godkend.cli.store import store_config, store_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from godkend.config import Config
    from godkend.engine import Engine
    from godkend.identity_files import IdentityRow
    from godkend.row_files import RowFile

ACTOR = "import"
REPORT_ENDING = ".refused.jsonl"
ROWS_AT_A_TIME = 1_024
"""Rows that wait for their commits together; the lane takes them in few transactions."""
REQUEST_DOMAIN = b"godkend import v1\0"


@click.command(
    "import",
    epilog=unwrapped(
        "Examples:",
        "  godkend import citizens.csv --data-dir godkend-data --dry-run",
        "  godkend import citizens.csv --data-dir godkend-data",
        "  godkend import citizens.parquet --config godkend.toml --refusals refused.jsonl",
        "",
        "A CSV begins with a heading:",
        "  user_id,name,birth_date,level",
        "  erik,Erik Hansen,1984-05-17,substantial",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--refusals",
    "refusals_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write what was refused, a JSON object a line.  [default: FILE.refused.jsonl]",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check the rows against the rules and each other; the store is not looked at.",
)
@store_options
@json_option
def import_identities(
    file: Path,
    refusals_path: Path | None,
    dry_run: bool,
    data_dir: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Register identities from a CSV, JSON Lines or Parquet file.

    Columns: user_id and name; birth_date (YYYY-MM-DD) and level (low, substantial, high) may be
    left out or empty. Each row is checked as CreateIdentity checks it; one that is refused is
    reported and the rest goes on. Cut off at any moment, run it again: a row that is in already
    is recognised and changes nothing. A server may run on the same store meanwhile.
    Exit code 1 if anything was refused.
    """
    # Only here: whoever asks for --help needs none of it.
    from godkend.identity_files import IdentityFile

    import_rows(
        lambda: IdentityFile(file),
        _register,
        report_path=refusals_path or file.with_name(file.name + REPORT_ENDING),
        dry_run=dry_run,
        data_dir=data_dir,
        config_path=config_path,
        as_json=as_json,
    )


def import_rows(
    open_rows: Callable[[], RowFile],
    register: Callable[[Engine, Any], Awaitable[dict[str, str] | None]],
    *,
    report_path: Path,
    dry_run: bool,
    data_dir: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Registers each row of a file, and tells what came of it.

    `register` gives None, or what the report says of a row that is refused.
    """
    from godkend.row_files import FileRefused

    with contextlib.ExitStack() as closing:
        try:
            rows = open_rows()
        except FileRefused as error:
            raise Misused(str(error)) from error
        if dry_run:
            directory = closing.enter_context(tempfile.TemporaryDirectory(prefix="godkend-import-"))
            config = store_config(config_path, Path(directory))
            config = config.model_copy(update={"store_path": None, "keys_path": None})
        else:
            config = store_config(config_path, data_dir)
        report = closing.enter_context(_private(report_path))
        try:
            counts = asyncio.run(_import(config, rows, register, report))
        except FileRefused as error:
            raise Misused(str(error)) from error
        except KeyboardInterrupt:
            raise Failed("cut off; the same command goes on") from None
    if not counts["refused"]:
        report_path.unlink()
    print_fields(
        {
            "would be in the store" if dry_run else "in the store": counts["accepted"],
            "refused": counts["refused"],
            "report": str(report_path) if counts["refused"] else None,
        },
        as_json=as_json,
    )
    if counts["refused"]:
        sys.exit(EXIT_NO)


def _private(path: Path) -> IO[str]:
    """A new file for its owner alone: refusals tell of people."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")


async def _import(
    config: Config,
    file: RowFile,
    register: Callable[[Engine, Any], Awaitable[dict[str, str] | None]],
    report: IO[str],
) -> dict[str, int]:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.row_files import RowUnreadable

    async def come_of(row: Any) -> dict[str, str] | None:
        if isinstance(row, RowUnreadable):
            return {"reason": "ROW_UNREADABLE", "bound": row.why}
        return await register(engine, row)

    core = _core.Engine(store=config.store, keys=config.keys, policy=config.policy_json())
    counts = {"accepted": 0, "refused": 0}
    async with Engine(core) as engine:
        if core.synthetic_identities():
            raise Failed(
                f"the store {config.store} is synthetic: real identities are refused there"
            )
        with click.progressbar(length=max(1, file.size), label="Importing", file=sys.stderr) as bar:
            position = 0
            for rows in _batches(iter(file)):
                refusals = await asyncio.gather(*map(come_of, rows))
                for row, refusal in zip(rows, refusals, strict=True):
                    counts["refused" if refusal else "accepted"] += 1
                    if refusal:
                        line = {"row": row.number, **refusal}
                        report.write(json.dumps(line, ensure_ascii=False) + "\n")
                # What is reported must be there when it is cut off in the next batch.
                report.flush()
                bar.update(file.position - position)
                position = file.position
    return counts


def _batches(rows: Iterator[Any]) -> Iterator[tuple[Any, ...]]:
    while batch := tuple(itertools.islice(rows, ROWS_AT_A_TIME)):
        yield batch


async def _register(engine: Engine, row: IdentityRow) -> dict[str, str] | None:
    """Registers a row, or says why not. Raises `Fault`: then nothing is known of the row."""
    from godkend.engine import TIMEOUT_MS_NONE
    from godkend.errors import Denied, Invalid

    # The same row is the same request: repeated, it finds what it made.
    request_id = hashlib.sha256(REQUEST_DOMAIN + row.user_id.encode()).digest()[:16]
    fields = (row.user_id, row.name, row.birth_date, row.level)
    try:
        create = engine.core.create_identity
        await engine.call(create, TIMEOUT_MS_NONE, ACTOR, request_id, *fields)
    except Invalid as error:
        refusal = {"reason": error.reason, "field": error.field, "bound": error.bound}
        return {"user_id": row.user_id, **refusal}
    except Denied as error:
        # A row that was imported with other contents: the identity stays as it is.
        reason = "USER_ID_TAKEN" if error.reason == "REQUEST_ID_REUSED" else error.reason
        return {"user_id": row.user_id, "reason": reason}
    return None
