"""What subscribers are told, in Danish, English and German.

No message holds a link, or asks anybody to log in, call back or answer: whoever gets one that does
knows that it is not ours. `{when}`, `{device}`, `{service}` and `{code}` are filled in by
`writing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from godkend.notifications.texts_of_acting import ACTING
from godkend.notifications.texts_of_copies import COPIES
from godkend.notifications.texts_of_locks import LOCKS
from godkend.notifications.texts_of_nemid import NEMID
from godkend.v1 import identity_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

DANISH: Final = pb.LANGUAGE_DANISH
ENGLISH: Final = pb.LANGUAGE_ENGLISH
GERMAN: Final = pb.LANGUAGE_GERMAN
LANGUAGES: Final = (DANISH, ENGLISH, GERMAN)

WITH_CODE: Final = "+code"
"""After a kind: the words of the SMS that carries its code."""


@dataclass(frozen=True, slots=True)
class Text:
    """The subject of an e-mail, and the words."""

    subject: str
    words: str


Texts = dict[int, Text]


def _texts(danish: Text, english: Text, german: Text) -> Texts:
    return {DANISH: danish, ENGLISH: english, GERMAN: german}


NOT_YOU: Final[Mapping[int, str]] = {
    DANISH: "Var det ikke dig, så spær din identitet med det samme i din app eller hos supporten.",
    ENGLISH: "If this was not you, block your identity at once in your app or through support.",
    GERMAN: "Wenn Sie das nicht waren, sperren Sie Ihre Identität sofort in Ihrer App oder beim"
    " Support.",
}
"""What to do, after every message about something that somebody did."""

CLOSING: Final[Mapping[int, str]] = {
    DANISH: "Vi sender aldrig links, og vi beder dig aldrig om koder.",
    ENGLISH: "We never send links, and we never ask you for codes.",
    GERMAN: "Wir senden niemals Links, und wir fragen Sie niemals nach Codes.",
}
"""The last line of every e-mail."""

WITHOUT_ADVICE: Final = frozenset(
    {
        "identity.blocked",
        "display.lost",
        "key_card.used_up",
        "key_card.lost",
        "copy.stopped",
        "copy.expired",
        "delegation.ended",
        "login.on_behalf",
        "login.reported",
        "activation_code.issued+code",
        "temporary_pin.issued+code",
    }
)
"""Where it is done already, or the message is something that the subscriber waits for."""

TEXTS: Final[Mapping[str, Texts]] = {
    **{
        kind: _texts(*(Text(*each) for each in words))
        for kind, words in {**COPIES, **ACTING, **LOCKS, **NEMID}.items()
    },
    "identity.identified": _texts(
        Text("Din identitet er bekræftet", "Du viste, hvem du er, hos en myndighed {when}."),
        Text("Your identity was proved", "You showed an authority who you are on {when}."),
        Text(
            "Ihre Identität wurde nachgewiesen",
            "Sie haben sich am {when} bei einer Behörde ausgewiesen.",
        ),
    ),
    "consent.recorded": _texts(
        Text(
            "En forælder har givet samtykke",
            "Et samtykke fra en af dine forældre til din identitet blev registreret {when}.",
        ),
        Text(
            "A parent has given consent",
            "The consent of one of your parents to your identity was recorded on {when}.",
        ),
        Text(
            "Ein Elternteil hat zugestimmt",
            "Die Zustimmung eines Elternteils zu Ihrer Identität wurde am {when} erfasst.",
        ),
    ),
    "contact.changed": _texts(
        Text(
            "Dine kontaktoplysninger er ændret",
            "Dit telefonnummer, din e-mailadresse eller dit sprog blev ændret {when}.",
        ),
        Text(
            "Your contact details have changed",
            "Your phone number, your e-mail address or your language was changed on {when}.",
        ),
        Text(
            "Ihre Kontaktdaten wurden geändert",
            "Ihre Telefonnummer, Ihre E-Mail-Adresse oder Ihre Sprache wurde am {when} geändert.",
        ),
    ),
    "identity.blocked": _texts(
        Text(
            "Din identitet er spærret",
            "Din identitet blev spærret {when}. Ingen kan logge ind med den. Den kan åbnes igen,"
            " når du møder op i borgerservice.",
        ),
        Text(
            "Your identity is blocked",
            "Your identity was blocked on {when}. Nobody can log in with it. It can be unblocked"
            " when you come to a service desk in person.",
        ),
        Text(
            "Ihre Identität ist gesperrt",
            "Ihre Identität wurde am {when} gesperrt. Niemand kann sich damit anmelden. Sie kann"
            " entsperrt werden, wenn Sie persönlich beim Bürgerservice erscheinen.",
        ),
    ),
    "identity.unblocked": _texts(
        Text("Din identitet er åbnet igen", "Din identitet blev åbnet igen {when}."),
        Text("Your identity is unblocked", "Your identity was unblocked on {when}."),
        Text("Ihre Identität ist entsperrt", "Ihre Identität wurde am {when} entsperrt."),
    ),
    "authenticator.blocked": _texts(
        Text(
            "En af dine enheder er spærret",
            "En af dine enheder blev spærret {when} og kan ikke længere bruges til at logge ind.",
        ),
        Text(
            "One of your devices is blocked",
            "One of your devices was blocked on {when} and can no longer be used to log in.",
        ),
        Text(
            "Eines Ihrer Geräte ist gesperrt",
            "Eines Ihrer Geräte wurde am {when} gesperrt und kann nicht mehr zum Anmelden benutzt"
            " werden.",
        ),
    ),
    "authenticator.unblocked": _texts(
        Text("En af dine enheder er åbnet igen", "En af dine enheder blev åbnet igen {when}."),
        Text("One of your devices is unblocked", "One of your devices was unblocked on {when}."),
        Text("Eines Ihrer Geräte ist entsperrt", "Eines Ihrer Geräte wurde am {when} entsperrt."),
    ),
    "activation_code.issued": _texts(
        Text(
            "Der er lavet en aktiveringskode til dig",
            "Der blev lavet en aktiveringskode til dig {when}. Med den kan en app på en telefon"
            " blive knyttet til din identitet.",
        ),
        Text(
            "An activation code was made for you",
            "An activation code was made for you on {when}. With it, an app on a phone can be tied"
            " to your identity.",
        ),
        Text(
            "Für Sie wurde ein Aktivierungscode erstellt",
            "Für Sie wurde am {when} ein Aktivierungscode erstellt. Damit kann eine App auf einem"
            " Telefon mit Ihrer Identität verbunden werden.",
        ),
    ),
    "activation_code.issued+code": _texts(
        Text(
            "Din aktiveringskode",
            "Din aktiveringskode er {code}. Skriv den kun i appen på din egen telefon, og giv den"
            " aldrig til andre, heller ikke til nogen, der ringer til dig.",
        ),
        Text(
            "Your activation code",
            "Your activation code is {code}. Enter it only in the app on your own phone, and never"
            " give it to anybody, not even to somebody who phones you.",
        ),
        Text(
            "Ihr Aktivierungscode",
            "Ihr Aktivierungscode lautet {code}. Geben Sie ihn nur in der App auf Ihrem eigenen"
            " Telefon ein und nennen Sie ihn niemandem, auch niemandem, der Sie anruft.",
        ),
    ),
    "activation.begun": _texts(
        Text(
            "En app er ved at blive knyttet til din identitet",
            "Din aktiveringskode blev brugt {when} på telefonen »{device}«.",
        ),
        Text(
            "An app is being tied to your identity",
            "Your activation code was used on {when} on the phone “{device}”.",
        ),
        Text(
            "Eine App wird mit Ihrer Identität verbunden",
            "Ihr Aktivierungscode wurde am {when} auf dem Telefon „{device}“ benutzt.",
        ),
    ),
    "activation.refused": _texts(
        Text(
            "Et forsøg på at knytte en app til din identitet blev afvist",
            "Nogen prøvede {when} at bruge en forkert aktiveringskode til din identitet på"
            " telefonen »{device}«. Forsøget blev afvist.",
        ),
        Text(
            "An attempt to tie an app to your identity was refused",
            "Somebody tried a wrong activation code for your identity on {when} on the phone"
            " “{device}”. The attempt was refused.",
        ),
        Text(
            "Ein Versuch, eine App mit Ihrer Identität zu verbinden, wurde abgewiesen",
            "Jemand hat am {when} auf dem Telefon „{device}“ einen falschen Aktivierungscode für"
            " Ihre Identität versucht. Der Versuch wurde abgewiesen.",
        ),
    ),
    "authenticator.activated": _texts(
        Text(
            "En ny app er knyttet til din identitet",
            "En app på en ny telefon blev knyttet til din identitet {when} og kan bruges til at"
            " logge ind.",
        ),
        Text(
            "A new app is tied to your identity",
            "An app on a new phone was tied to your identity on {when} and can be used to log in.",
        ),
        Text(
            "Eine neue App ist mit Ihrer Identität verbunden",
            "Eine App auf einem neuen Telefon wurde am {when} mit Ihrer Identität verbunden und"
            " kann zum Anmelden benutzt werden.",
        ),
    ),
    "pin.changed": _texts(
        Text("Din pinkode er ændret", "Pinkoden til en af dine apps blev ændret {when}."),
        Text("Your PIN has changed", "The PIN of one of your apps was changed on {when}."),
        Text("Ihre PIN wurde geändert", "Die PIN einer Ihrer Apps wurde am {when} geändert."),
    ),
    "user_id.found": _texts(
        Text(
            "Dit bruger-id er oplyst",
            "Supporten oplyste dit bruger-id {when} til en, der kendte nummeret på dit dokument.",
        ),
        Text(
            "Your user ID was told",
            "On {when} support told your user ID to somebody who knew the number of your document.",
        ),
        Text(
            "Ihre Benutzerkennung wurde mitgeteilt",
            "Der Support hat am {when} Ihre Benutzerkennung jemandem mitgeteilt, der die Nummer"
            " Ihres Ausweises kannte.",
        ),
    ),
    "temporary_pin.issued": _texts(
        Text(
            "Der er lavet en midlertidig pinkode til dig",
            "Der blev bestilt en midlertidig pinkode til din identitet {when}. Den er sendt til dit"
            " telefonnummer.",
        ),
        Text(
            "A temporary PIN was made for you",
            "A temporary PIN was ordered for your identity on {when}. It was sent to your phone"
            " number.",
        ),
        Text(
            "Für Sie wurde eine vorläufige PIN erstellt",
            "Für Ihre Identität wurde am {when} eine vorläufige PIN bestellt. Sie wurde an Ihre"
            " Telefonnummer gesendet.",
        ),
    ),
    "temporary_pin.issued+code": _texts(
        Text(
            "Din midlertidige pinkode",
            "Din midlertidige pinkode er {code}. Skriv den kun i appen på din egen telefon, og giv"
            " den aldrig til andre, heller ikke til nogen, der ringer til dig.",
        ),
        Text(
            "Your temporary PIN",
            "Your temporary PIN is {code}. Enter it only in the app on your own phone, and never"
            " give it to anybody, not even to somebody who phones you.",
        ),
        Text(
            "Ihre vorläufige PIN",
            "Ihre vorläufige PIN lautet {code}. Geben Sie sie nur in der App auf Ihrem eigenen"
            " Telefon ein und nennen Sie sie niemandem, auch niemandem, der Sie anruft.",
        ),
    ),
    "pin.reset": _texts(
        Text(
            "Du har fået en ny pinkode",
            "Der blev valgt en ny pinkode i en af dine apps med en midlertidig pinkode {when}.",
        ),
        Text(
            "You have a new PIN",
            "A new PIN was chosen in one of your apps with a temporary PIN on {when}.",
        ),
        Text(
            "Sie haben eine neue PIN",
            "In einer Ihrer Apps wurde am {when} mit einer vorläufigen PIN eine neue PIN gewählt.",
        ),
    ),
    "display.assigned": _texts(
        Text("En kodeviser er på vej til dig", "Du fik tildelt en kodeviser {when}."),
        Text("A code display is on its way to you", "You were given a code display on {when}."),
        Text(
            "Eine Code-Anzeige ist auf dem Weg zu Ihnen",
            "Ihnen wurde am {when} eine Code-Anzeige zugeteilt.",
        ),
    ),
    "display.activated": _texts(
        Text(
            "Din kodeviser kan bruges",
            "En kodeviser blev knyttet til din identitet {when} og kan bruges til at logge ind.",
        ),
        Text(
            "Your code display can be used",
            "A code display was tied to your identity on {when} and can be used to log in.",
        ),
        Text(
            "Ihre Code-Anzeige kann benutzt werden",
            "Eine Code-Anzeige wurde am {when} mit Ihrer Identität verbunden und kann zum Anmelden"
            " benutzt werden.",
        ),
    ),
    "display.replaced": _texts(
        Text("Din gamle kodeviser virker ikke mere", "Din gamle kodeviser blev erstattet {when}."),
        Text("Your old code display has ended", "Your old code display was replaced on {when}."),
        Text(
            "Ihre alte Code-Anzeige gilt nicht mehr",
            "Ihre alte Code-Anzeige wurde am {when} ersetzt.",
        ),
    ),
    "display.lost": _texts(
        Text(
            "Din kodeviser er meldt tabt",
            "Din kodeviser blev meldt tabt {when} og kan ikke længere bruges til at logge ind.",
        ),
        Text(
            "Your code display was reported lost",
            "Your code display was reported lost on {when} and can no longer be used to log in.",
        ),
        Text(
            "Ihre Code-Anzeige wurde als verloren gemeldet",
            "Ihre Code-Anzeige wurde am {when} als verloren gemeldet und kann nicht mehr zum"
            " Anmelden benutzt werden.",
        ),
    ),
    "password.set": _texts(
        Text("Din adgangskode er ændret", "Din adgangskode blev valgt på ny {when}."),
        Text("Your password has changed", "Your password was chosen anew on {when}."),
        Text("Ihr Passwort wurde geändert", "Ihr Passwort wurde am {when} neu gewählt."),
    ),
    "passport.accepted": _texts(
        Text(
            "Dit pas er brugt for at få adgang igen",
            "Nogen viste dit pas {when} for at få adgang til din identitet igen.",
        ),
        Text(
            "Your passport was used to get back in",
            "Somebody showed your passport on {when} to get back into your identity.",
        ),
        Text(
            "Mit Ihrem Pass wurde wieder Zugang verlangt",
            "Jemand hat am {when} Ihren Pass vorgezeigt, um wieder Zugang zu Ihrer Identität zu"
            " bekommen.",
        ),
    ),
    "login.reported": _texts(
        Text(
            "Du har meldt et login, der ikke var dit",
            "Du meldte {when}, at et login hos {service} ikke var dit. Spær den enhed, der"
            " godkendte det, eller hele din identitet, og kontakt {service}.",
        ),
        Text(
            "You reported a login that was not yours",
            "You reported on {when} that a login at {service} was not yours. Block the device that"
            " approved it, or your whole identity, and contact {service}.",
        ),
        Text(
            "Sie haben eine Anmeldung gemeldet, die nicht Ihre war",
            "Sie haben am {when} gemeldet, dass eine Anmeldung bei {service} nicht Ihre war."
            " Sperren Sie das Gerät, das sie genehmigt hat, oder Ihre ganze Identität, und wenden"
            " Sie sich an {service}.",
        ),
    ),
}
