"""What subscribers are told of the steps of a copy, in Danish, English and German.

Of each kind of event subject and words, in the order of these languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Words = tuple[tuple[str, str], tuple[str, str], tuple[str, str]]

COPIES: Final[Mapping[str, Words]] = {
    "copy.requested": (
        (
            "Din app er ved at blive kopieret til en anden telefon",
            "Der blev bedt om en kopi af din app {when}. Den kan bekræftes om en time. Indtil da"
            " kan du stoppe den i din app.",
        ),
        (
            "Your app is to be copied to another phone",
            "A copy of your app was asked for on {when}. It can be confirmed in an hour. Until then"
            " you can stop it in your app.",
        ),
        (
            "Ihre App soll auf ein anderes Telefon kopiert werden",
            "Am {when} wurde eine Kopie Ihrer App verlangt. Sie kann in einer Stunde bestätigt"
            " werden. Bis dahin können Sie sie in Ihrer App stoppen.",
        ),
    ),
    "copy.ready": (
        (
            "Du kan nu kopiere din app",
            "Ventetiden var forbi {when}. Åbn appen på din gamle telefon og bekræft med din"
            " pinkode.",
        ),
        (
            "You can copy your app now",
            "The waiting time was over on {when}. Open the app on your old phone and confirm with"
            " your PIN.",
        ),
        (
            "Sie können Ihre App jetzt kopieren",
            "Die Wartezeit war am {when} vorbei. Öffnen Sie die App auf Ihrem alten Telefon und"
            " bestätigen Sie mit Ihrer PIN.",
        ),
    ),
    "copy.confirmed": (
        (
            "Kopien af din app er bekræftet",
            "Kopien af din app blev bekræftet {when}. Din gamle telefon viser en kode til den nye.",
        ),
        (
            "The copy of your app is confirmed",
            "The copy of your app was confirmed on {when}. Your old phone shows a code for the new"
            " one.",
        ),
        (
            "Die Kopie Ihrer App ist bestätigt",
            "Die Kopie Ihrer App wurde am {when} bestätigt. Ihr altes Telefon zeigt einen Code für"
            " das neue.",
        ),
    ),
    "copy.refused": (
        (
            "Et forsøg på at kopiere din app blev afvist",
            "Telefonen »{device}« viste koden fra din app {when}, men med et forkert bruger-id.",
        ),
        (
            "An attempt to copy your app was refused",
            "The phone “{device}” showed the code of your app on {when}, but with a wrong user ID.",
        ),
        (
            "Ein Versuch, Ihre App zu kopieren, wurde abgelehnt",
            "Das Telefon „{device}“ zeigte am {when} den Code Ihrer App, aber mit einer falschen"
            " Benutzerkennung.",
        ),
    ),
    "copy.scanned": (
        (
            "En ny telefon har scannet koden fra din app",
            "Telefonen »{device}« scannede koden fra din app {when}. Du kan endnu stoppe kopien i"
            " din app.",
        ),
        (
            "A new phone has scanned the code of your app",
            "The phone “{device}” scanned the code of your app on {when}. You can still stop the"
            " copy in your app.",
        ),
        (
            "Ein neues Telefon hat den Code Ihrer App gescannt",
            "Das Telefon „{device}“ hat am {when} den Code Ihrer App gescannt. Sie können die Kopie"
            " noch in Ihrer App stoppen.",
        ),
    ),
    "copy.done": (
        (
            "Din app er kopieret",
            "Din app blev kopieret til en anden telefon {when}. Begge kan bruges til at logge ind.",
        ),
        (
            "Your app has been copied",
            "Your app was copied to another phone on {when}. Both can be used to log in.",
        ),
        (
            "Ihre App wurde kopiert",
            "Ihre App wurde am {when} auf ein anderes Telefon kopiert. Beide können zum Anmelden"
            " benutzt werden.",
        ),
    ),
    "copy.stopped": (
        ("Kopien af din app er stoppet", "Kopien af din app blev stoppet {when}."),
        ("The copy of your app was stopped", "The copy of your app was stopped on {when}."),
        ("Die Kopie Ihrer App wurde gestoppt", "Die Kopie Ihrer App wurde am {when} gestoppt."),
    ),
    "copy.expired": (
        (
            "Kopien af din app blev ikke til noget",
            "Tiden til at kopiere din app løb ud {when}. Begynd forfra på din gamle telefon.",
        ),
        (
            "The copy of your app came to nothing",
            "The time to copy your app ran out on {when}. Begin again on your old phone.",
        ),
        (
            "Aus der Kopie Ihrer App wurde nichts",
            "Die Zeit, Ihre App zu kopieren, ist am {when} abgelaufen. Beginnen Sie auf Ihrem alten"
            " Telefon von vorn.",
        ),
    ),
}
