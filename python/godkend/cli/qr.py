"""QR codes drawn in a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno

if TYPE_CHECKING:
    from typing import TextIO

BORDER_MODULES = 2
WHITE_ON_BLACK = "\x1b[97;40m"
RESET = "\x1b[0m"


def qr_lines(code: str) -> list[str]:
    """A code in half blocks, two modules to a character, light on dark."""
    drawn = io.StringIO()
    segno.make(code, error="l", micro=False).terminal(drawn, border=BORDER_MODULES, compact=True)
    return drawn.getvalue().splitlines()


class MovingQr:
    """A QR code that is drawn over itself, whatever the colours of the terminal."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._lines_drawn = 0

    def draw(self, code: str) -> None:
        """Draws a code where the one before it was."""
        lines = qr_lines(code)
        back = f"\x1b[{self._lines_drawn}F\x1b[J" if self._lines_drawn else ""
        rows = "".join(f"{WHITE_ON_BLACK}{line}{RESET}\n" for line in lines)
        self._terminal.write(back + rows)
        self._terminal.flush()
        self._lines_drawn = len(lines)

    def erase(self) -> None:
        """Takes the code off the screen."""
        if self._lines_drawn:
            self._terminal.write(f"\x1b[{self._lines_drawn}F\x1b[J")
            self._terminal.flush()
            self._lines_drawn = 0
