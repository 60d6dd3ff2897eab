"""Which events are told, and on which channels: the one table of it.

What is told is what the subscriber would want to stop if it was not them: new devices, changed
ways to be reached, blocks, codes. A login is not told, for it was just approved in the app; it is
in the history.

A subscriber may keep an app silent, but nothing of it: SMS and e-mail do not ask, whatever goes by
SMS is what must never be silenced, and where neither reaches anybody the app shows it all the same.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Channel(IntEnum):
    """How a message reaches the subscriber. The numbers are the core's; the app asks for its."""

    APP = 0
    SMS = 1
    EMAIL = 2


_ALL: Final = frozenset(Channel)
_QUIET: Final = frozenset({Channel.APP, Channel.EMAIL})

NOTICES: Final[Mapping[str, frozenset[Channel]]] = {
    "identity.identified": _QUIET,
    "consent.recorded": _QUIET,
    "contact.changed": _ALL,
    "identity.blocked": _ALL,
    "identity.unblocked": _ALL,
    "authenticator.blocked": _ALL,
    "authenticator.unblocked": _ALL,
    "activation_code.issued": _ALL,
    "activation.begun": _ALL,
    "activation.refused": _ALL,
    "authenticator.activated": _ALL,
    # Whoever reads it and did not do it knows that somebody else holds the phone, or the display.
    "pin.locked": _ALL,
    "pin.dead": _ALL,
    "pin.changed": _QUIET,
    "user_id.found": _ALL,
    "temporary_pin.issued": _ALL,
    "pin.reset": _ALL,
    "display.assigned": _QUIET,
    "display.activated": _ALL,
    "display.replaced": _QUIET,
    "display.lost": _ALL,
    "key_card.ordered": _QUIET,
    "key_card.printed": _ALL,
    "key_card.activated": _ALL,
    "key_card.used_up": _QUIET,
    "key_card.replaced": _QUIET,
    "key_card.lost": _ALL,
    "nemid.moved": _ALL,
    "password.locked": _ALL,
    "password.dead": _ALL,
    # Anybody can bring it about who knows a user ID: it makes no phone ring.
    "door.locked": _QUIET,
    "password.set": _ALL,
    "passport.accepted": _ALL,
    # Every step, on all channels: the wait is there for somebody to see that it is not theirs.
    "copy.requested": _ALL,
    "copy.ready": _ALL,
    "copy.confirmed": _ALL,
    "copy.refused": _ALL,
    "copy.scanned": _ALL,
    # Its SMS is that of the authenticator that was activated by it.
    "copy.done": _QUIET,
    "copy.stopped": _ALL,
    "copy.expired": _QUIET,
    "delegation.recorded": _ALL,
    "delegation.ended": _QUIET,
    # Whom one acts for did not just do it; of who acts, it is the login that they approved.
    "login.on_behalf": _QUIET,
    "login.reported": _ALL,
}

SILENT: Final = frozenset(
    {
        "population.seeded",
        "call.refused",
        "identity.created",
        "pin.wrong",
        "temporary_pin.wrong",
        "display.imported",
        "display_code.accepted",
        "display_code.wrong",
        "key.accepted",
        "key.wrong",
        "password.wrong",
        "login.approved",
        "login.rejected",
        "login.redeemed",
        "message.retried",
    }
)
"""Kinds that are told to nobody: the subscriber has just done it, it is about nobody, or strangers
could bring it about and have somebody's phone ring all night."""

SECRETS: Final[Mapping[str, str]] = {
    "activation_code.issued": "code_id",
    "temporary_pin.issued": "temporary_pin_id",
}
"""Kinds whose SMS carries a code, and the field of the detail that names its row."""
