"""One message out of an event: its words in the subscriber's language, and when it was.

What others chose, such as a phone's name, could hold a link or a number to call, and what stands in
a message of ours is trusted. Of such words only what can become neither is kept.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from godkend.notifications.table import Channel
from godkend.notifications.texts import (
    CLOSING,
    DANISH,
    ENGLISH,
    GERMAN,
    NOT_YOU,
    TEXTS,
    WITH_CODE,
    WITHOUT_ADVICE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from godkend import _core

UNSAFE: Final = re.compile(r"[^\w '()+-]")
NUMBER: Final = re.compile(r"\d(?:[ -]?\d){5,}")
"""Six digits or more, however they are set apart, could be a number to call."""
NAME_CHARS_MAX: Final = 64

MONTHS: Final[Mapping[int, str]] = {
    DANISH: "januar februar marts april maj juni juli august september oktober november december",
    ENGLISH: "January February March April May June July August September October November"
    " December",
    GERMAN: "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}
MOMENTS: Final[Mapping[int, str]] = {
    DANISH: "den {day}. {month} {year} kl. {hour:02}.{minute:02}",
    ENGLISH: "{day} {month} {year} at {hour:02}:{minute:02}",
    GERMAN: "{day}. {month} {year} um {hour:02}:{minute:02} Uhr",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A message as it is carried. Its repr shows neither words nor address."""

    message_id: str
    """32 hexadecimal digits; the same each time that the message is delivered."""
    channel: Channel
    address: str = field(repr=False)
    language: int
    kind: str
    at_ms: int
    subject: str = field(repr=False)
    words: str = field(repr=False)


def write(due: _core.DueMessage, zone: ZoneInfo, code: str | None = None) -> Written:
    """The message to a subscriber; with `code`, the one that carries it."""
    event, channel = due.event, Channel(due.channel)
    subject, words = words_of(event, due.language, zone, code)
    if channel is Channel.EMAIL:
        words = f"{words}\n\n{CLOSING[due.language]}"
    return Written(
        message_id=due.message_id.hex(),
        channel=channel,
        address=due.address,
        language=due.language,
        kind=event.kind,
        at_ms=event.at_ms,
        subject=subject,
        words=words,
    )


def words_of(
    event: _core.EventView, language: int, zone: ZoneInfo, code: str | None = None
) -> tuple[str, str]:
    """Subject and words about an event."""
    key = event.kind + WITH_CODE if code is not None else event.kind
    text = TEXTS[key][language]
    detail = orjson.loads(event.detail) if event.detail else {}
    filled = text.words.format(
        when=moment(event.at_ms, language, zone),
        device=harmless(str(detail.get("device_name", ""))),
        service=harmless(str(detail.get("service_provider", ""))),
        code=code,
    )
    advice = "" if key in WITHOUT_ADVICE else f" {NOT_YOU[language]}"
    return text.subject, filled + advice


def moment(unix_ms: int, language: int, zone: ZoneInfo) -> str:
    """A moment in words, on the clocks of a time zone."""
    at = datetime.datetime.fromtimestamp(unix_ms / 1_000, zone)
    return MOMENTS[language].format(
        day=at.day,
        month=MONTHS[language].split()[at.month - 1],
        year=at.year,
        hour=at.hour,
        minute=at.minute,
    )


def harmless(name: str) -> str:
    """A name that others chose, without what could be taken for a link or a number to call.

    A full stop becomes a middle dot, which parts a domain just as well and makes no link.
    """
    parts = [UNSAFE.sub(" ", part).replace("_", " ") for part in name.split(".")]
    plain = " ".join(NUMBER.sub("…", "·".join(parts)).split())
    return plain[:NAME_CHARS_MAX] if plain.strip("· ") else "?"
