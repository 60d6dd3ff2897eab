"""What the .proto files promise about themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import message_factory, text_format

from godkend.v1 import (
    copy_service_pb2,
    delegation_service_pb2,
    device_service_pb2,
    display_service_pb2,
    error_reason_pb2,
    event_service_pb2,
    history_service_pb2,
    identity_service_pb2,
    issuing_service_pb2,
    key_card_service_pb2,
    login_service_pb2,
    notification_service_pb2,
    passport_service_pb2,
    recovery_service_pb2,
    statement_pb2,
)

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto" / "godkend" / "v1"
FILES: Any = (
    copy_service_pb2,
    delegation_service_pb2,
    device_service_pb2,
    display_service_pb2,
    error_reason_pb2,
    event_service_pb2,
    history_service_pb2,
    identity_service_pb2,
    issuing_service_pb2,
    key_card_service_pb2,
    login_service_pb2,
    passport_service_pb2,
    recovery_service_pb2,
    notification_service_pb2,
    statement_pb2,
)
SECRET = re.compile(
    r"pin|pin_.*|.*_pin|activation_code|one_time_code|password|verifier|.*_secret|assertion"
    r"|app_link|document_number|data_group_1"
    r"|copy_code"
)
NOT_SECRET = {"pin_dead"}
"""Says of a PIN that it can no longer be used."""

MESSAGES = [message for file in FILES for message in file.DESCRIPTOR.message_types_by_name.values()]
FIELDS = [field for message in MESSAGES for field in message.fields]


def is_secret(field: FieldDescriptor) -> bool:
    """Whether the name of a field says that it holds a secret."""
    return bool(SECRET.fullmatch(field.name)) and field.name not in NOT_SECRET


def test_every_proto_file_is_looked_at() -> None:
    assert {Path(file.DESCRIPTOR.name).name for file in FILES} == {
        path.name for path in PROTO.glob("*.proto")
    }


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.full_name)
def test_what_is_secret_is_marked_and_nothing_else(field: FieldDescriptor) -> None:
    assert field.GetOptions().debug_redact == is_secret(field)


def test_there_are_as_many_secrets_as_there_should_be() -> None:
    assert sorted(field.name for field in FIELDS if is_secret(field)) == [
        *("activation_code",) * 4,
        *("app_link", "assertion"),
        *("copy_code", "data_group_1", "document_number"),
        *("one_time_code",) * 5,
        *("password",) * 4,
        *("pin", "pin", "pin", "pin", "pin", "pin_new", "pin_new", "pin_old", "qr_secret"),
        *("temporary_pin", "temporary_pin", "verifier"),
    ]


def test_no_secret_shows_in_a_message_that_is_printed() -> None:
    if not redacts():
        pytest.skip("this protobuf runtime prints marked fields; that they are marked is tested")
    for message in MESSAGES:
        full: Any = message_factory.GetMessageClass(message)()
        for field in filter(is_secret, message.fields):
            text = f"secret-{field.name}"
            setattr(full, field.name, text if field.type == field.TYPE_STRING else text.encode())
        assert "secret-" not in f"{full} {full!r}", message.name


def redacts() -> bool:
    """Whether the text form of this protobuf runtime leaves marked fields out."""
    message = login_service_pb2.RedeemLoginResponse(assertion="secret-probe")
    return "secret-probe" not in f"{message} {message!r} {text_format.MessageToString(message)}"


def _commented_fields(text: str) -> list[tuple[str, str, list[str]]]:
    """(message, field, comment lines) of each field of the messages of a file."""
    found: list[tuple[str, str, list[str]]] = []
    message, comment, depth = "", list[str](), 0
    for line in map(str.strip, text.splitlines()):
        if line.startswith("//"):
            comment.append(line.removeprefix("//").strip())
            continue
        opening = re.match(r"(message|enum|service|extend)\s+(\S+)\s*\{", line)
        if opening and depth == 0:
            message = opening[2] if opening[1] in {"message", "extend"} else ""
        field = re.match(r"(?:repeated |optional )?[\w.]+ (\w+) = \d+", line)
        if message and depth == 1 and field:
            found.append((message, field[1], comment))
        depth += line.count("{") - line.count("}")
        comment = []
    return found


def test_every_field_is_commented_beginning_with_its_name() -> None:
    commented = [
        (path.name, *each)
        for path in sorted(PROTO.glob("*.proto"))
        for each in _commented_fields(path.read_text("utf-8"))
    ]
    names = {(message, field) for _, message, field, _ in commented}
    declared = {(field.containing_type.name, field.name) for field in FIELDS}
    assert declared <= names
    silent = [
        f"{file}: {message}.{field}"
        for file, message, field, comment in commented
        if not (comment and re.match(rf"{field} \w", comment[0]))
    ]
    assert silent == []


def test_every_call_has_a_request_and_a_response_of_its_own() -> None:
    seen: list[str] = []
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                assert method.input_type.name == f"{method.name}Request"
                assert method.output_type.name == f"{method.name}Response"
                seen += [method.input_type.full_name, method.output_type.full_name]
    assert len(seen) == len(set(seen))


def test_every_enum_begins_with_unspecified() -> None:
    for file in FILES:
        for enum in file.DESCRIPTOR.enum_types_by_name.values():
            assert enum.values_by_number[0].name.endswith("_UNSPECIFIED"), enum.full_name


def test_times_and_spans_say_that_they_are_milliseconds() -> None:
    for field in FIELDS:
        of_time = re.search(r"(^|_)(at|until|elapsed|expires)(_|$)", field.name)
        if of_time and field.type == field.TYPE_INT64:
            assert field.name.endswith("_ms"), field.full_name
