"""Rows of identities out of CSV, JSON Lines and Parquet files, one at a time.

A row is what `CreateIdentity` takes: `user_id` and `name`; `birth_date` (YYYY-MM-DD) and `level`
(low, substantial, high) may be missing or empty. A row that cannot be read is given as a
`RowUnreadable` in its place, so that the others are not lost with it; a file whose columns are not
these is refused whole, for what would be left out silently could be what matters.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from godkend.row_files import TOO_LONG, FileRefused, RowFile, RowUnreadable, csv_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

COLUMNS_NEEDED: Final = ("user_id", "name")
COLUMNS: Final = (*COLUMNS_NEEDED, "birth_date", "level")
LEVELS: Final = {"": 0, "low": 1, "substantial": 2, "high": 3}


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """One row; its fields are checked by nobody yet."""

    number: int
    """From 1, as the file counts its rows: without a CSV's heading."""
    user_id: str
    name: str
    birth_date: str
    level: int


class IdentityFile(RowFile):
    """A file of identities; the format is told by how its name ends."""

    def __init__(self, path: Path) -> None:
        readers = {".csv": self._csv, ".jsonl": self._jsonl, ".ndjson": self._jsonl}
        ending = path.suffix.lower()
        super().__init__(path)
        if ending == ".parquet":
            self._parquet_file = _open_parquet(path)
            self.size = self._parquet_file.metadata.num_rows
            self._read = self._parquet
        elif ending in readers:
            self._read = readers[ending]
        else:
            raise FileRefused(f"{path}: the name must end in .csv, .jsonl, .ndjson or .parquet")

    def __iter__(self) -> Iterator[IdentityRow | RowUnreadable]:
        """Each row in order. Raises `FileRefused` where the columns are others."""
        return self._read()

    def _csv(self) -> Iterator[IdentityRow | RowUnreadable]:
        lines = self.lines()
        try:
            heading = csv_fields((next(lines, "") or "").removeprefix("\ufeff"))
        except ValueError as error:
            raise FileRefused(f"{self.path}: the heading is {error}") from error
        columns = [name.strip() for name in heading]
        self._check(columns)
        number = 0
        for line in lines:
            if line is not None and not line.strip():
                continue
            number += 1
            try:
                # Line by line: a quote left open must not swallow the rows after it.
                fields = csv_fields(line)
            except ValueError as error:
                yield RowUnreadable(number, str(error))
                continue
            if len(fields) != len(columns):
                yield RowUnreadable(number, f"{len(fields)} fields where there are {len(columns)}")
            else:
                yield _row(number, dict(zip(columns, fields, strict=True)))

    def _jsonl(self) -> Iterator[IdentityRow | RowUnreadable]:
        for number, line in enumerate(self.lines(), 1):
            if line is None:
                yield RowUnreadable(number, TOO_LONG)
                continue
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError):
                yield RowUnreadable(number, "no JSON")
                continue
            if not isinstance(fields, dict):
                yield RowUnreadable(number, "no JSON object")
            elif unknown := sorted(set(fields) - set(COLUMNS)):
                yield RowUnreadable(number, f"unknown fields: {', '.join(unknown)}")
            else:
                yield _row(number, fields)

    def _parquet(self) -> Iterator[IdentityRow | RowUnreadable]:
        self._check(self._parquet_file.schema_arrow.names)
        for batch in self._parquet_file.iter_batches(batch_size=4_096):
            for fields in batch.to_pylist():
                self.position += 1
                yield _row(self.position, fields)

    def _check(self, columns: Iterable[str]) -> None:
        names = list(columns)
        unknown = [name for name in names if name not in COLUMNS]
        missing = [name for name in COLUMNS_NEEDED if name not in names]
        twice = sorted({name for name in names if names.count(name) > 1})
        for what, found in (("unknown", unknown), ("missing", missing), ("given twice", twice)):
            if found:
                raise FileRefused(
                    f"{self.path}: columns {what}: {', '.join(map(repr, found))}; they are"
                    f" {', '.join(COLUMNS)}, of which birth_date and level may be left out"
                )


def _row(number: int, fields: dict[str, Any]) -> IdentityRow | RowUnreadable:
    texts: dict[str, str] = {}
    for column in COLUMNS:
        value = fields.get(column)
        # A Parquet date column; its text is the form that is asked for.
        text = value.isoformat() if isinstance(value, datetime.date) else value
        if text is not None and not isinstance(text, str):
            return RowUnreadable(number, f"{column} must be text")
        try:
            (text or "").encode("utf-8")
        except UnicodeEncodeError:
            return RowUnreadable(number, f"{column} is no UTF-8")
        texts[column] = text or ""
    level = LEVELS.get(texts["level"].lower())
    if level is None:
        return RowUnreadable(number, "level must be low, substantial or high")
    return IdentityRow(number, texts["user_id"], texts["name"], texts["birth_date"], level)


def _open_parquet(path: Path) -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise FileRefused("Parquet needs pyarrow: pip install 'godkend[parquet]'") from error
    try:
        return parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        raise FileRefused(f"{path} is no Parquet file: {error}") from error
