"""`godkend receipt`: what service providers keep of signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from godkend.cli.output import Failed, print_json, say, unwrapped
from godkend.receipt import Receipt, ReceiptInvalid, verify_receipt

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(
    epilog=unwrapped(
        "From a signature to its proof:",
        "  godkend jwks > jwks.json",
        "  godkend login --service-provider bank --document lease.pdf --receipt receipt.json",
        "  godkend receipt verify receipt.json --document lease.pdf --jwks jwks.json",
    )
)
def receipt() -> None:
    """Check what was signed, with neither server nor store."""


@receipt.command(
    epilog=unwrapped(
        "Exit codes: 0 everything holds; 1 it does not, and why; 2 usage.",
        "",
        "Example:",
        "  godkend receipt verify receipt.json --document lease.pdf --jwks jwks.json",
    )
)
@click.argument("receipt_file", metavar="RECEIPT", type=FILE)
@click.option("--document", type=FILE, required=True, help="What was signed, to the byte.")
@click.option(
    "--jwks",
    type=FILE,
    required=True,
    help="The issuer's keys, kept since `godkend jwks` printed them in the days of the signature.",
)
def verify(receipt_file: Path, document: Path, jwks: Path) -> None:
    """Check a receipt offline, years later; prints who signed what, as JSON.

    The issuer's signature, the phone's signature, the document and all that was shown must fit.
    """
    try:
        checked = verify_receipt(
            receipt_file.read_text("utf-8").removesuffix("\n"),
            jwks.read_text("utf-8"),
            document.read_bytes(),
        )
    except (ReceiptInvalid, UnicodeDecodeError) as error:
        raise Failed(f"the receipt is not valid: {error}") from error
    say("valid: issuer, phone and document fit")
    print_json(receipt_fields(checked))


def receipt_fields(checked: Receipt) -> dict[str, Any]:
    """Who signed what, and with what."""
    document = checked.statement.document
    return {
        "login": checked.login,
        "text": checked.statement.text,
        "document": {
            "sha256": document.sha256.hex(),
            "media_type": document.media_type,
            "name": document.name,
        },
        "device": {"authenticator_id": checked.statement.authenticator_id.hex(), **checked.device},
    }
