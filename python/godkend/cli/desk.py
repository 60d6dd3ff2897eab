"""`godkend desk`: proving who somebody is."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import click

from godkend.cli.identity import REQUEST_ID_BYTES, Desk, desk_options, level_text
from godkend.cli.options import Caller, json_option
from godkend.cli.output import enum_text, print_fields, print_json, time_text, unwrapped
from godkend.v1 import issuing_service_pb2 as pb
from godkend.v1 import issuing_service_pb2_grpc

if TYPE_CHECKING:
    pass

DOCUMENTS = {
    "passport": pb.DOCUMENT_KIND_PASSPORT,
    "identity-card": pb.DOCUMENT_KIND_IDENTITY_CARD,
    "driving-licence": pb.DOCUMENT_KIND_DRIVING_LICENCE,
    "residence-permit": pb.DOCUMENT_KIND_RESIDENCE_PERMIT,
}


class IssuingDesk(Desk):
    """The calls of one registrar who proves people."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.issuing = issuing_service_pb2_grpc.IssuingServiceStub(caller.channel)


@click.group(
    epilog=unwrapped(
        "An appointment, from beginning to end:",
        '  godkend identity create erik --name "Erik Hansen" --unproved',
        "  godkend desk identify erik --officer kk0417 --document passport --country DNK \\",
        "    --expires-on 2031-05-04 --birth-date 1974-02-28 --register-questions",
        "  godkend identity activation-code erik",
    )
)
def desk() -> None:
    """Record at a desk who a subscriber is."""


officer_option = click.option("--officer", required=True, metavar="ID", help="Who is at the desk.")


@desk.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend desk identify erik --officer kk0417 --document passport --country DNK \\",
        "    --expires-on 2031-05-04 --birth-date 1974-02-28 --register-questions",
        "  godkend desk identify erik --officer kk0417 --document driving-licence \\",
        "    --country DNK --expires-on 2031-05-04 --birth-date 1974-02-28 --witness anna",
    ),
)
@click.argument("user_id")
@officer_option
@click.option(
    "--document", type=click.Choice(list(DOCUMENTS)), required=True, help="What was shown."
)
@click.option("--country", required=True, metavar="DNK", help="Who issued it, in three letters.")
@click.option(
    "--number", prompt="Document number", help="Asked for if not given; only a digest is kept."
)
@click.option("--expires-on", required=True, metavar="YYYY-MM-DD", help="Its last day.")
@click.option("--birth-date", required=True, metavar="YYYY-MM-DD", help="As the document says it.")
@click.option(
    "--register-questions", is_flag=True, help="The person answered the register's questions."
)
@click.option("--witness", metavar="USER_ID", help="Somebody who spoke for the person instead.")
@desk_options
def identify(
    user_id: str,
    officer: str,
    document: str,
    country: str,
    number: str,
    expires_on: str,
    birth_date: str,
    register_questions: bool,
    witness: str | None,
    **where: Any,
) -> None:
    """Record that an officer has identified a subscriber.

    By a document with a photo, and either questions from the population register or a witness: at
    least 18, known for at least 10 days, and not more than 3 times in 120 days.
    """
    if register_questions == (witness is not None):
        raise click.UsageError("give either --register-questions or --witness")
    at = IssuingDesk.of("registrar", **where)
    request = pb.RecordIdentificationRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=at.find(user_id).identity_id,
        officer_id=officer,
        document=pb.Document(
            kind=DOCUMENTS[document],
            country=country,
            document_number=number,
            expires_on=expires_on,
        ),
        birth_date=birth_date,
        method=(
            pb.IDENTIFICATION_METHOD_WITNESS
            if witness
            else pb.IDENTIFICATION_METHOD_REGISTER_QUESTIONS
        ),
        witness_id=at.find(witness).identity_id if witness else b"",
    )
    at.call(at.issuing.RecordIdentification, request)
    click.echo("identified")


@desk.command(
    epilog=unwrapped(
        "Example:",
        "  godkend desk consent freja --parent anna --officer kk0417",
    ),
)
@click.argument("user_id")
@click.option("--parent", required=True, metavar="USER_ID", help="Who consents.")
@officer_option
@desk_options
def consent(user_id: str, parent: str, officer: str, **where: Any) -> None:
    """Record that a parent consents, for a child aged 13 or 14.

    The parent has an identity of their own and is at least 18; the officer has seen in the register
    that they hold custody.
    """
    at = IssuingDesk.of("registrar", **where)
    request = pb.RecordConsentRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=at.find(user_id).identity_id,
        parent_id=at.find(parent).identity_id,
        officer_id=officer,
    )
    at.call(at.issuing.RecordConsent, request)
    click.echo("consented")


@desk.command(
    epilog=unwrapped(
        "Example:",
        "  godkend desk witness anna",
    ),
)
@click.argument("user_id")
@desk_options
def witness(user_id: str, **where: Any) -> None:
    """Ask whether somebody may be a witness; prints for how many people, for now.

    Each time counts for 120 days; godkend says when there is room again.
    """
    at = IssuingDesk.of("registrar", **where)
    request = pb.CheckWitnessRequest(witness_id=at.find(user_id).identity_id)
    response: pb.CheckWitnessResponse = at.call(at.issuing.CheckWitness, request)
    click.echo(response.statements_left)


@desk.command(
    epilog=unwrapped(
        "Example:",
        "  godkend desk evidence erik --json",
    ),
)
@click.argument("user_id")
@json_option
@desk_options
def evidence(user_id: str, as_json: bool, **where: Any) -> None:
    """Show what desks have recorded of a subscriber: evidence, then parents' consents."""
    at = IssuingDesk.of("registrar", **where)
    request = pb.ListEvidenceRequest(identity_id=at.find(user_id).identity_id)
    response: pb.ListEvidenceResponse = at.call(at.issuing.ListEvidence, request)
    found = [evidence_fields(each) for each in response.evidence]
    consents = [consent_fields(each) for each in response.consents]
    if as_json:
        print_json({"evidence": found, "consents": consents})
        return
    for number, fields in enumerate((*found, *consents)):
        if number:
            click.echo()
        print_fields(fields)


def evidence_fields(found: pb.Evidence) -> dict[str, object]:
    """One identification."""
    kind = pb.DocumentKind.Name(found.document_kind)
    method = pb.IdentificationMethod.Name(found.method)
    return {
        "evidence_id": found.evidence_id.hex(),
        "recorded_by": found.recorded_by,
        "officer_id": found.officer_id,
        "document": enum_text(kind, "DOCUMENT_KIND_"),
        "country": found.document_country,
        "expires_on": found.document_expires_on,
        "method": enum_text(method, "IDENTIFICATION_METHOD_"),
        "witness_id": found.witness_id.hex() or None,
        "level": level_text(found.level),
        "reference": found.evidence_reference or None,
        "recorded_at": time_text(found.recorded_at_ms),
    }


def consent_fields(found: pb.Consent) -> dict[str, object]:
    """One consent."""
    return {
        "consent_id": found.consent_id.hex(),
        "recorded_by": found.recorded_by,
        "officer_id": found.officer_id,
        "parent_id": found.parent_id.hex(),
        "recorded_at": time_text(found.recorded_at_ms),
    }
