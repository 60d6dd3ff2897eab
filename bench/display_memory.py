"""How far the displays of a population have come, for everybody who plays them.

A code counts once, so whoever plays a display has to know which codes it has shown: in this run,
and in those before it on the same store. A real display remembers; here a file beside that of the
population does, 8 bytes for each: the first counter or step that it has not shown.
"""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.refusals import NobodyFree

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from godkend.display import Display
    from godkend.population import Population

NEXT: Final = struct.Struct("<Q")
AHEAD: Final = 12
"""Codes round the present one that a server may accept; a wrong one is none of them."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who has a display and a password."""

    number: int
    """Of the display."""
    user_id: str
    password: str


class DisplayMemory:
    """Without a path it lasts as long as this object."""

    def __init__(self, population: Population, path: Path | None = None) -> None:
        self._population = population
        self._played: set[int] = set()
        bytes_ = max(1, population.displays) * NEXT.size
        if path is None:
            self._shown = mmap.mmap(-1, bytes_)
            return
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, bytes_)
            self._shown = mmap.mmap(descriptor, bytes_)
        finally:
            os.close(descriptor)

    @contextmanager
    def holder(self, rng: random.Random, now_ms: int | None = None) -> Iterator[Holder]:
        """Anybody who has a display that nobody plays now, and played until the block ends.

        With a time it is one that shows a code it has not shown. Raises `NobodyFree`.
        """
        of = self._population
        first = rng.randrange(of.displays) if of.displays else 0
        for nth in range(of.displays):
            number = (first + nth) % of.displays
            if number in self._played or not (now_ms is None or self._is_ready(number, now_ms)):
                continue
            index = of.holder(number)
            self._played.add(number)
            try:
                yield Holder(number, of.user_id(index), of.password(index))
            finally:
                self._played.discard(number)
            return
        raise NobodyFree("every display is in use or has shown its code: seed more of them")

    def code(self, number: int, now_ms: int) -> str:
        """What it shows now; it will not show that again."""
        display = self._population.display(self._population.holder(number))
        factor = self._factor(number, display, now_ms)
        NEXT.pack_into(self._shown, number * NEXT.size, factor + 1)
        return display.code(factor)

    def wrong_code(self, number: int, now_ms: int) -> str:
        """Six digits that it is nowhere near showing."""
        display = self._population.display(self._population.holder(number))
        factor = self._factor(number, display, now_ms)
        near = {display.code(each) for each in range(max(0, factor - AHEAD), factor + AHEAD)}
        return next(code for code in map("{:06}".format, range(10**6)) if code not in near)

    def _is_ready(self, number: int, now_ms: int) -> bool:
        display = self._population.display(self._population.holder(number))
        return self._factor(number, display, now_ms) >= self._next(number)

    def _factor(self, number: int, display: Display, now_ms: int) -> int:
        if display.period_s:
            return now_ms // (1_000 * display.period_s)
        return self._next(number)

    def _next(self, number: int) -> int:
        (found,) = NEXT.unpack_from(self._shown, number * NEXT.size)
        return int(found)
