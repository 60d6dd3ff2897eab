"""What takes a message over, and how it says that it did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from godkend.notifications.writing import Written


class NotCarried(Exception):
    """A message was not taken over. `failure` says why, in a few words without addresses."""

    def __init__(self, failure: str, *, for_good: bool = False) -> None:
        super().__init__(failure)
        self.failure = failure
        self.for_good = for_good
        """The same message will be refused again."""


class Carrier(Protocol):
    """Takes messages over. Called on threads, several at once; ends within its own timeout."""

    def carry(self, message: Written) -> None:
        """Returns once the message is taken over; the same one may come again.

        Raises `NotCarried`.
        """
