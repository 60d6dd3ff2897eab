"""A key card on paper: as text and as PDF.

What is printed says what it is, whose language its reader has and which card it is, and nothing by
which a finder would know whose: neither name nor user ID stands beside the codes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pydyf

from godkend.v1 import identity_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from godkend.v1.key_card_service_pb2 import Key, PrintKeyCardResponse

COLUMNS: Final = 4
ROWS_OF_A_PAGE: Final = 37
"""A card of the usual 148 keys is one page."""


@dataclass(frozen=True, slots=True)
class Words:
    """What stands above the codes."""

    title: str
    card: str
    lines: tuple[str, ...]


WORDS: Final[Mapping[int, Words]] = {
    pb.LANGUAGE_DANISH: Words(
        "Nøglekort",
        "Kortnummer",
        (
            "Når du logger ind, får du vist et nummer. Skriv koden ved siden af det. Hver kode"
            " gælder én gang.",
            "Koderne er hemmelige: giv dem aldrig til andre, heller ikke til nogen, der ringer"
            " eller skriver til dig.",
            "Tag ikke billeder af kortet. Er det væk, så meld det tabt med det samme.",
        ),
    ),
    pb.LANGUAGE_ENGLISH: Words(
        "Key card",
        "Card number",
        (
            "When you log in, you are shown a number. Type the code beside it. Each code is good"
            " once.",
            "The codes are secret: never give them to anybody, not even to somebody who calls or"
            " writes to you.",
            "Do not photograph the card. If it is lost, report it at once.",
        ),
    ),
    pb.LANGUAGE_GERMAN: Words(
        "Schlüsselkarte",
        "Kartennummer",
        (
            "Bei der Anmeldung wird Ihnen eine Nummer gezeigt. Geben Sie den Code daneben ein."
            " Jeder Code gilt einmal.",
            "Die Codes sind geheim: Geben Sie sie niemandem, auch niemandem, der Sie anruft oder"
            " Ihnen schreibt.",
            "Fotografieren Sie die Karte nicht. Ist sie weg, melden Sie den Verlust sofort.",
        ),
    ),
}


def as_text(card: PrintKeyCardResponse) -> str:
    """The card in lines of text, which end with a line break."""
    words = WORDS[card.language]
    head = (f"{words.title}  {words.card} {card.card_number}", "", *words.lines, "")
    rows = ("    ".join(map(_text, row)).rstrip() for row in _rows(card.keys))
    return "\n".join((*head, *rows)) + "\n"


def as_pdf(card: PrintKeyCardResponse) -> bytes:
    """The card as a PDF of A4 pages, in fonts that every reader has (PDF 1.7, section 9.6.2.2)."""
    document: Any = pydyf.PDF()
    fonts = pydyf.Dictionary({"H": _font(document, "Helvetica"), "C": _font(document, "Courier")})
    rows = list(_rows(card.keys))
    pages = [rows[at : at + ROWS_OF_A_PAGE] for at in range(0, len(rows), ROWS_OF_A_PAGE)]
    for page in pages:
        content: Any = pydyf.Stream(compress=True)
        _head(content, card)
        for at, row in enumerate(page):
            for column, key in enumerate(row):
                _write(content, "C", 11, 56 + 124 * column, 690 - 17 * at, _text(key))
        document.add_object(content)
        described = {
            "Type": "/Page",
            "Parent": document.pages.reference,
            "MediaBox": pydyf.Array([0, 0, 595, 842]),
            "Contents": content.reference,
            "Resources": pydyf.Dictionary({"Font": fonts}),
        }
        document.add_page(pydyf.Dictionary(described))
    made = io.BytesIO()
    document.write(made)
    return made.getvalue()


def _head(content: Any, card: PrintKeyCardResponse) -> None:
    words = WORDS[card.language]
    _write(content, "H", 20, 56, 782, words.title)
    _write(content, "H", 11, 380, 782, f"{words.card} {card.card_number}")
    for at, line in enumerate(words.lines):
        _write(content, "H", 8.5, 56, 756 - 14 * at, line)


def _font(document: Any, name: str) -> bytes:
    described = {
        "Type": "/Font",
        "Subtype": "/Type1",
        "BaseFont": f"/{name}",
        "Encoding": "/WinAnsiEncoding",
    }
    font: Any = pydyf.Dictionary(described)
    document.add_object(font)
    reference: bytes = font.reference
    return reference


def _write(content: Any, font: str, size: float, x: int, y: int, text: str) -> None:
    content.begin_text()
    content.set_font_size(font, size)
    content.set_text_matrix(1, 0, 0, 1, x, y)
    content.show_text_string(text.encode("cp1252"))
    content.end_text()


def _rows(keys: Sequence[Key]) -> Iterator[list[Key]]:
    """Row by row, so that the numbers rise down each column of a page."""
    of_a_page = COLUMNS * ROWS_OF_A_PAGE
    for at in range(0, len(keys), of_a_page):
        page = list(keys[at : at + of_a_page])
        height = -(-len(page) // COLUMNS)
        for row in range(height):
            yield page[row::height]


def _text(key: Key) -> str:
    code = key.one_time_code
    return f"{key.key_number}  {code[:3]} {code[3:]}"
