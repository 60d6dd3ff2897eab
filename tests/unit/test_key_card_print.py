"""A key card on paper: every code beside its number, and nothing that says whose it is."""

from __future__ import annotations

import io
import re

import pytest
from pypdf import PdfReader

from godkend.key_card_print import WORDS, as_pdf, as_text
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import key_card_service_pb2 as pb

LANGUAGES = (
    identity_pb.LANGUAGE_DANISH,
    identity_pb.LANGUAGE_ENGLISH,
    identity_pb.LANGUAGE_GERMAN,
)
PAIR = re.compile(r"\b(\d{4}) +(\d{3}) (\d{3})\b")
A4 = (595, 842)


def a_card(keys: int = 148, language: int = identity_pb.LANGUAGE_DANISH) -> pb.PrintKeyCardResponse:
    return pb.PrintKeyCardResponse(
        card_number="A123-456-789",
        keys=[
            pb.Key(key_number=f"{7 * at:04}", one_time_code=f"{654_321 * at % 1_000_000:06}")
            for at in range(keys)
        ],
        language=language,  # type: ignore[arg-type]
    )


def read_back(pdf: bytes) -> list[str]:
    """The text of each page, as any reader finds it."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def pairs(text: str) -> list[tuple[str, str]]:
    return [(number, first + second) for number, first, second in PAIR.findall(text)]


@pytest.mark.parametrize("keys", [10, 147, 148, 149, 500])
def test_every_key_is_printed_once(keys: int) -> None:
    card = a_card(keys)
    expected = sorted((key.key_number, key.one_time_code) for key in card.keys)
    assert sorted(pairs(as_text(card))) == expected
    assert sorted(pairs("\n".join(read_back(as_pdf(card))))) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_says_in_its_owners_language_what_it_is_and_that_it_is_secret(
    language: int,
) -> None:
    words, card = WORDS[language], a_card(language=language)
    for printed in (as_text(card), *read_back(as_pdf(card))):
        plain = " ".join(printed.split())
        for said in (words.title, words.card, "A123-456-789", *words.lines):
            assert said in plain
    secret = {"Koderne er hemmelige", "The codes are secret", "Die Codes sind geheim"}
    assert len([it for it in secret if it in as_text(card)]) == 1


def test_a_usual_card_is_one_page_of_a4_and_each_page_says_which_card_it_is() -> None:
    assert len(read_back(as_pdf(a_card()))) == 1
    reader = PdfReader(io.BytesIO(as_pdf(a_card(500))))
    assert len(reader.pages) == 4
    for page in reader.pages:
        assert (page.mediabox.width, page.mediabox.height) == A4
        assert "A123-456-789" in page.extract_text()


def test_numbers_rise_down_each_column() -> None:
    lines = [pairs(line) for line in as_text(a_card()).splitlines()]
    rows = [[int(number) for number, _ in line] for line in lines if line]
    columns = [[row[at] for row in rows if at < len(row)] for at in range(4)]
    down = [number for column in columns for number in column]
    assert down == sorted(down)
