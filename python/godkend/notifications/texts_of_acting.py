"""What both are told of guardians and proxies, in Danish, English and German.

Of each kind of event subject and words, in the order of these languages. Who acts and who is acted
for get the same words: each knows which of the two they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godkend.notifications.texts_of_copies import Words

ACTING: Final[Mapping[str, Words]] = {
    "delegation.recorded": (
        (
            "En fuldmagt eller et værgemål er registreret",
            "En fuldmagt eller et værgemål med dig blev registreret {when}. Du kan se det på din"
            " profil og afslutte det der.",
        ),
        (
            "A power of attorney or guardianship was recorded",
            "A power of attorney or guardianship with you was recorded on {when}. You can see it on"
            " your profile and end it there.",
        ),
        (
            "Eine Vollmacht oder Vormundschaft wurde erfasst",
            "Am {when} wurde eine Vollmacht oder Vormundschaft mit Ihnen erfasst. Sie können sie in"
            " Ihrem Profil sehen und dort beenden.",
        ),
    ),
    "delegation.ended": (
        (
            "En fuldmagt eller et værgemål er afsluttet",
            "En fuldmagt eller et værgemål med dig blev afsluttet {when}.",
        ),
        (
            "A power of attorney or guardianship has ended",
            "A power of attorney or guardianship with you was ended on {when}.",
        ),
        (
            "Eine Vollmacht oder Vormundschaft wurde beendet",
            "Eine Vollmacht oder Vormundschaft mit Ihnen wurde am {when} beendet.",
        ),
    ),
    "login.on_behalf": (
        (
            "Nogen har handlet på dine vegne",
            "Den, der må handle for dig, gjorde det hos {service} {when}. Du kan afslutte"
            " fuldmagten på din profil.",
        ),
        (
            "Somebody acted for you",
            "The person who may act for you did so at {service} on {when}. You can end the power of"
            " attorney on your profile.",
        ),
        (
            "Jemand hat für Sie gehandelt",
            "Die Person, die für Sie handeln darf, hat das am {when} bei {service} getan. Sie"
            " können die Vollmacht in Ihrem Profil beenden.",
        ),
    ),
}
