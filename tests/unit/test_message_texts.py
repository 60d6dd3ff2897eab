"""The words of messages: in every language, about every event, and without anything to click."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import pytest

from godkend.notifications.table import NOTICES, SECRETS, SILENT, Channel
from godkend.notifications.texts import (
    CLOSING,
    DANISH,
    ENGLISH,
    GERMAN,
    LANGUAGES,
    NOT_YOU,
    TEXTS,
    WITH_CODE,
    WITHOUT_ADVICE,
)
from godkend.notifications.writing import harmless, moment, words_of

if TYPE_CHECKING:
    from godkend._core import EventView

ROOT = Path(__file__).parents[2]
FIELDS = {"when", "device", "service", "code"}
LINK = re.compile(
    r"https?:|www\.|://|\w\.\w|@|klik|click|klick|tryk her|log ind her|log in here|melden sie sich",
    re.IGNORECASE,
)
SMS_CHARS_MAX = 335
"""Five parts of 67 where a character is not of GSM 7-bit (3GPP TS 23.040)."""
COPENHAGEN = ZoneInfo("Europe/Copenhagen")


def kinds() -> set[str]:
    """Every kind of event, as `event.rs` names it."""
    source = (ROOT / "rust/godkend-core/src/event.rs").read_text("utf-8")
    return set(re.findall(r'pub const \w+: &str = "([^"]+)"', source))


def test_it_is_decided_of_every_kind_of_event_whether_it_is_told() -> None:
    undecided = kinds() - set(NOTICES) - SILENT
    assert not undecided, f"say in notifications/table.py what is told of {undecided}"
    assert not set(NOTICES) & SILENT
    assert set(NOTICES) | SILENT == kinds()


def test_everything_that_is_told_has_words_in_each_language_and_nothing_else_has() -> None:
    assert set(TEXTS) == set(NOTICES) | {kind + WITH_CODE for kind in SECRETS}
    assert set(TEXTS) >= WITHOUT_ADVICE
    for texts in (*TEXTS.values(), NOT_YOU, CLOSING):
        assert set(texts) == set(LANGUAGES) == {DANISH, ENGLISH, GERMAN}


@pytest.mark.parametrize("key", TEXTS)
def test_no_text_holds_a_link_or_asks_anybody_to_log_in(key: str) -> None:
    for language in LANGUAGES:
        text = TEXTS[key][language]
        for words in (text.subject, text.words, NOT_YOU[language], CLOSING[language]):
            assert not LINK.search(words), words


@pytest.mark.parametrize("key", TEXTS)
def test_a_text_says_the_same_in_each_language_and_fits_into_an_sms(key: str) -> None:
    fields = {frozenset(re.findall(r"\{(\w+)\}", TEXTS[key][it].words)) for it in LANGUAGES}
    assert len(fields) == 1
    (used,) = fields
    assert used <= FIELDS
    assert ("code" in used) == key.endswith(WITH_CODE)
    assert ("when" in used) != key.endswith(WITH_CODE)
    for language in LANGUAGES:
        text = TEXTS[key][language]
        assert text.words.endswith(".")
        assert len(text.subject) <= 78
        if Channel.SMS in NOTICES[key.removesuffix(WITH_CODE)]:
            advice = "" if key in WITHOUT_ADVICE else NOT_YOU[language]
            assert len(text.words) + len(advice) <= SMS_CHARS_MAX, len(text.words) + len(advice)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna's phone", "Anna's phone"),
        ("Søren Åbergs iPhone 15 (privat)", "Søren Åbergs iPhone 15 (privat)"),
        ("bank.example", "bank·example"),
        ("https://evil.example/x?y", "https evil·example x y"),
        ("www.evil.example", "www·evil·example"),
        ("evil。example", "evil example"),
        ("call +45 12345678", "call +…"),
        ("call 12 34 56 78", "call …"),
        ("call ١٢٣٤٥٦٧٨", "call …"),
        ("me@evil.example", "me evil·example"),
        ("a_b", "a b"),
        ("{code}", "code"),
        ("", "?"),
        ("://", "?"),
        ("x" * 99, "x" * 64),
    ],
)
def test_what_others_chose_becomes_neither_a_link_nor_a_number_to_call(
    name: str, shown: str
) -> None:
    assert harmless(name) == shown
    assert not LINK.search(harmless(name).replace("www·", ""))


def test_moments_are_told_by_the_clocks_where_the_subscriber_lives() -> None:
    noon_in_winter, noon_in_summer = 1_800_010_800_000, 1_815_040_800_000
    assert moment(noon_in_winter, DANISH, COPENHAGEN) == "den 15. januar 2027 kl. 12.00"
    assert moment(noon_in_winter, ENGLISH, COPENHAGEN) == "15 January 2027 at 12:00"
    assert moment(noon_in_winter, GERMAN, COPENHAGEN) == "15. Januar 2027 um 12:00 Uhr"
    assert moment(noon_in_summer, GERMAN, COPENHAGEN) == "8. Juli 2027 um 12:00 Uhr"


HOSTILE = (
    "https://evil.example/login",
    "www.evil.example",
    "anna@evil.example",
    "ring 70 10 10 10",
)


@pytest.mark.parametrize("key", TEXTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_carries_a_link_whatever_others_chose(key: str, language: int) -> None:
    kind, code = key.removesuffix(WITH_CODE), "ABC23456" if key.endswith(WITH_CODE) else None
    for name in HOSTILE:
        detail = json.dumps({"device_name": name, "service_provider": name})
        event = SimpleNamespace(kind=kind, at_ms=1_800_000_000_000, detail=detail)
        subject, words = words_of(cast("EventView", event), language, COPENHAGEN, code)
        when = moment(event.at_ms, language, COPENHAGEN)
        for text in (subject, words.replace(when, "")):
            assert not LINK.search(text), text
            assert not re.search(r"\d(?:[ -]?\d){5,}", text), text
