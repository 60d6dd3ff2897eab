"""The days of the vectors are those of the time zone database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

VECTORS = Path(__file__).parents[1] / "vectors" / "civil" / "copenhagen.json"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_the_vectors_say_what_the_time_zone_database_says() -> None:
    try:
        zone = ZoneInfo("Europe/Copenhagen")
    except ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zone database")
    for vector in json.loads(VECTORS.read_text("utf-8"))["vectors"]:
        moment = EPOCH + timedelta(milliseconds=vector["now_ms"])
        assert moment.astimezone(zone).date().isoformat() == vector["date"]
