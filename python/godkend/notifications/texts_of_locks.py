"""What subscribers are told when wrong tries have locked something of theirs.

Of each kind of event subject and words, in Danish, English and German.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godkend.notifications.texts_of_copies import Words

LOCKS: Final[Mapping[str, Words]] = {
    "pin.locked": (
        (
            "En af dine apps er låst for en tid",
            "En af dine apps blev låst for en tid {when}, fordi pinkoden var forkert flere gange.",
        ),
        (
            "One of your apps is locked for a while",
            "One of your apps was locked for a while on {when}: its PIN was wrong several times.",
        ),
        (
            "Eine Ihrer Apps ist vorübergehend gesperrt",
            "Eine Ihrer Apps wurde am {when} vorübergehend gesperrt, weil die PIN mehrmals falsch"
            " war.",
        ),
    ),
    "pin.dead": (
        (
            "Pinkoden til en af dine apps er slut",
            "Pinkoden til en af dine apps var forkert for mange gange og kan ikke bruges mere siden"
            " {when}. Appen skal aktiveres på ny.",
        ),
        (
            "The PIN of one of your apps has ended",
            "The PIN of one of your apps was wrong too many times and has ended on {when}. The app"
            " has to be activated anew.",
        ),
        (
            "Die PIN einer Ihrer Apps ist ungültig",
            "Die PIN einer Ihrer Apps war zu oft falsch und gilt seit dem {when} nicht mehr. Die"
            " App muss neu aktiviert werden.",
        ),
    ),
    "password.locked": (
        (
            "Din adgangskode er låst for en tid",
            "Din adgangskode blev låst for en tid {when}, fordi den var forkert flere gange efter"
            " en rigtig kode.",
        ),
        (
            "Your password is locked for a while",
            "Your password was locked for a while on {when}: it was wrong several times after a"
            " code that was right.",
        ),
        (
            "Ihr Passwort ist vorübergehend gesperrt",
            "Ihr Passwort wurde am {when} vorübergehend gesperrt, weil es nach einem richtigen Code"
            " mehrmals falsch war.",
        ),
    ),
    "password.dead": (
        (
            "Din adgangskode er slut",
            "Din adgangskode var forkert for mange gange efter rigtige koder og kan ikke bruges"
            " mere siden {when}. Vælg en ny.",
        ),
        (
            "Your password has ended",
            "Your password was wrong too many times after codes that were right and has ended on"
            " {when}. Choose a new one.",
        ),
        (
            "Ihr Passwort ist ungültig",
            "Ihr Passwort war nach richtigen Codes zu oft falsch und gilt seit dem {when} nicht"
            " mehr. Wählen Sie ein neues.",
        ),
    ),
    "door.locked": (
        (
            "Login med dit bruger-id er låst for en tid",
            "Nogen skrev flere forkerte koder eller adgangskoder til dit bruger-id. Den vej ind er"
            " låst for en tid siden {when}; dine apps virker stadig.",
        ),
        (
            "Logging in with your user ID is locked for a while",
            "Somebody entered several wrong codes or passwords for your user ID. That way in is"
            " locked for a while since {when}; your apps go on working.",
        ),
        (
            "Die Anmeldung mit Ihrer Benutzerkennung ist vorübergehend gesperrt",
            "Jemand hat für Ihre Benutzerkennung mehrmals falsche Codes oder Passwörter eingegeben."
            " Dieser Weg ist seit dem {when} vorübergehend gesperrt; Ihre Apps funktionieren.",
        ),
    ),
}
