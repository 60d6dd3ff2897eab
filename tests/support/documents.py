"""What is signed in tests."""

from __future__ import annotations

from typing import Any

from godkend.front_end import document_of
from godkend.v1 import statement_pb2 as pb

LEASE = b"%PDF-1.7\nThe lease of a flat.\n"


def lease(**fields: Any) -> pb.SigningDocument:
    """A document to sign; `fields` are other than they are."""
    document = document_of(LEASE, "application/pdf", "Lease.pdf")
    for name, value in fields.items():
        setattr(document, name, value)
    return document
