"""The command line: one module for each group of commands."""

from __future__ import annotations

import click

from godkend.cli.about import jwks, version
from godkend.cli.capacity import capacity
from godkend.cli.delegation import delegation
from godkend.cli.demo import demo
from godkend.cli.desk import desk
from godkend.cli.display import display
from godkend.cli.events import events
from godkend.cli.history import history, phone_history, phone_messages, phone_report
from godkend.cli.identity import identity
from godkend.cli.importing import import_identities
from godkend.cli.key_card import key_card
from godkend.cli.login import login
from godkend.cli.messages import messages, notify
from godkend.cli.output import Commands, unwrapped
from godkend.cli.passport import passport
from godkend.cli.phone import phone
from godkend.cli.receipt import receipt
from godkend.cli.recovery import recovery
from godkend.cli.seed import seed
from godkend.cli.serve import config, serve

__all__ = ["main"]


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=unwrapped(
        "See it work:",
        "  godkend demo",
        "",
        "Use it:",
        "  godkend serve                                      (in one terminal)",
        '  godkend identity create erik --name "Erik Hansen"',
        "  godkend identity activation-code erik",
        "  godkend phone activate --user-id erik --code CODE",
        "  godkend login --service-provider tax               (in another terminal)",
        "  godkend phone approve 'THE-APP-LINK'",
        "",
        "Exit codes: 0 done; 1 the answer was no; 2 wrong usage;",
        "3 something is broken or out of reach.",
    ),
)
def main() -> None:
    """An authentication core: logins approved by PIN and phone."""


for command in (
    *(demo, serve, config, identity, desk, recovery, passport, phone, display, key_card),
    *(login, events, history, messages, notify, jwks),
    *(import_identities, seed, capacity, version),
    *(delegation, receipt),
):
    main.add_command(command)
for command in (phone_history, phone_messages, phone_report):
    phone.add_command(command)
