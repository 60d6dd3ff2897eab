"""What subscribers are told of their key cards and of leaving NemID, in Danish, English and German.

Of each kind of event subject and words, in the order of these languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godkend.notifications.texts_of_copies import Words

NEMID: Final[Mapping[str, Words]] = {
    "key_card.ordered": (
        ("Et nøglekort er bestilt til dig", "Et nyt nøglekort blev bestilt til dig {when}."),
        ("A key card was ordered for you", "A new key card was ordered for you on {when}."),
        (
            "Für Sie wurde eine Schlüsselkarte bestellt",
            "Für Sie wurde am {when} eine neue Schlüsselkarte bestellt.",
        ),
    ),
    "key_card.printed": (
        (
            "Dit nøglekort er på vej",
            "Dit nye nøglekort blev trykt {when} og er på vej til dig. Koderne på det er kun til"
            " dig.",
        ),
        (
            "Your key card is on its way",
            "Your new key card was printed on {when} and is on its way to you. The codes on it are"
            " for you alone.",
        ),
        (
            "Ihre Schlüsselkarte ist unterwegs",
            "Ihre neue Schlüsselkarte wurde am {when} gedruckt und ist unterwegs zu Ihnen. Die"
            " Codes darauf sind nur für Sie.",
        ),
    ),
    "key_card.activated": (
        (
            "Dit nøglekort kan bruges",
            "Et nøglekort blev knyttet til din identitet {when} og kan bruges til at logge ind.",
        ),
        (
            "Your key card can be used",
            "A key card was tied to your identity on {when} and can be used to log in.",
        ),
        (
            "Ihre Schlüsselkarte kann benutzt werden",
            "Eine Schlüsselkarte wurde am {when} mit Ihrer Identität verbunden und kann zum"
            " Anmelden benutzt werden.",
        ),
    ),
    "key_card.used_up": (
        ("Dit nøglekort er brugt op", "Den sidste kode på dit nøglekort blev brugt {when}."),
        ("Your key card is used up", "The last code of your key card was used on {when}."),
        (
            "Ihre Schlüsselkarte ist aufgebraucht",
            "Der letzte Code Ihrer Schlüsselkarte wurde am {when} benutzt.",
        ),
    ),
    "key_card.replaced": (
        ("Dit gamle nøglekort virker ikke mere", "Dit gamle nøglekort blev erstattet {when}."),
        ("Your old key card has ended", "Your old key card was replaced on {when}."),
        (
            "Ihre alte Schlüsselkarte gilt nicht mehr",
            "Ihre alte Schlüsselkarte wurde am {when} ersetzt.",
        ),
    ),
    "key_card.lost": (
        (
            "Dit nøglekort er meldt tabt",
            "Dit nøglekort blev meldt tabt {when} og kan ikke længere bruges til at logge ind.",
        ),
        (
            "Your key card was reported lost",
            "Your key card was reported lost on {when} and can no longer be used to log in.",
        ),
        (
            "Ihre Schlüsselkarte wurde als verloren gemeldet",
            "Ihre Schlüsselkarte wurde am {when} als verloren gemeldet und kann nicht mehr zum"
            " Anmelden benutzt werden.",
        ),
    ),
    "nemid.moved": (
        (
            "Du er på vej fra NemID til appen",
            "Dit NemID blev brugt {when} til at få en aktiveringskode til appen. NemID virker"
            " stadig, til det lukker for alle.",
        ),
        (
            "You are moving from NemID to the app",
            "Your NemID was used on {when} to get an activation code for the app. NemID goes on"
            " until it ends for everybody.",
        ),
        (
            "Sie wechseln von NemID zur App",
            "Mit Ihrem NemID wurde am {when} ein Aktivierungscode für die App geholt. NemID gilt"
            " weiter, bis es für alle endet.",
        ),
    ),
}
