"""Malformed fields of logins, phones, identities and the history, one at a time.

What a table says is told in `tests.support.bad_input`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import message_factory

from godkend.statements import DeviceKey, activation_statement, approval_statement
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import event_service_pb2 as event_pb
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import statement_pb2
from tests.service.stored import StoreReader
from tests.service.world import METHODS, REJECT, UNVERIFIED, World, refused, start_request
from tests.support.bad_input import (
    ANYTHING,
    IDS_OF_16,
    PINS_WRONG,
    STATEMENTS_512,
    STATEMENTS_8192,
    UNDEFINED,
    Otherwise,
    answered,
    line,
    lines,
    refuse_each,
    set_field,
    streams,
    unsigned,
)
from tests.support.phones import PIN, PIN_OTHER, Phone, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld


def document(**fields: Any) -> statement_pb2.SigningDocument:
    """A document to sign, well-formed but for these fields."""
    chosen = {"sha256": bytes(32), "media_type": "application/pdf", "name": "Lease.pdf", **fields}
    return statement_pb2.SigningDocument(**chosen)


BAD: dict[str, dict[str, tuple[Any, ...]]] = {
    "StartLoginRequest": {
        "request_id": IDS_OF_16,
        "service_provider": line(128),
        "text": lines(1_000),
        "user_id": ("x" * 61, "\u00e6" * 61, "x" * 10_000, "\ufdfa" * 4),
        "verifier_digest": (b"", bytes(31), bytes(33)),
        "source": line(64),
        "nonce": tuple(value for value in line(128) if value),
        "level_min": UNDEFINED,
        "acting": UNDEFINED,
        "document": tuple(
            Otherwise(document(**{named: value}), named=named)
            for named, values in {
                "sha256": (b"", bytes(31), bytes(33)),
                "media_type": ("", "pdf", "a/b;c", "a/" + "b" * 128, "text/\u00e6", "a/b\n"),
                "name": line(200),
            }.items()
            for value in values
        ),
    },
    "WatchLoginRequest": {"login_id": IDS_OF_16},
    "GetLoginRequest": {"login_id": IDS_OF_16},
    "CancelLoginRequest": {"login_id": IDS_OF_16},
    "RedeemLoginRequest": {
        "login_id": IDS_OF_16,
        "verifier": (b"", bytes(31), bytes(65)),
    },
    "GetJwksRequest": {},
    "BeginActivationRequest": {
        "request_id": IDS_OF_16,
        "user_id": ("", "x" * 61, "\u00e6" * 61, "x" * 10_000),
        "activation_code": ("", "ABC2345", "ABC234567", "ABC2345!", "ABC2345\0", "\u00c6BC2345"),
        "key_algorithm": (0, 3, *UNDEFINED),
        "public_key": (
            b"",
            bytes(31),
            bytes(64),
            bytes(65),
            b"\4" + bytes(64),
            bytes(91),
            bytes(1_000),
            Otherwise(bytes(31), also={"key_algorithm": 2}),
            Otherwise(bytes(32), also={"key_algorithm": 2}),
            Otherwise(b"\1" + bytes(31), also={"key_algorithm": 2}),
            Otherwise(b"\xff" * 32, also={"key_algorithm": 2}),
        ),
        "device_name": line(64),
    },
    "FinishActivationRequest": {
        "statement": STATEMENTS_512,
        "signature": unsigned(72),
        "pin": PINS_WRONG,
        "biometrics_on": ANYTHING,
    },
    "OpenLoginRequest": {"statement": STATEMENTS_512, "signature": unsigned(72)},
    "ApproveLoginRequest": {
        "statement": STATEMENTS_8192,
        "signature": unsigned(72),
        "pin": PINS_WRONG,
    },
    "RejectLoginRequest": {
        "statement": STATEMENTS_8192,
        "signature": unsigned(72),
        "not_me": ANYTHING,
    },
    "ChangePinRequest": {
        "statement": STATEMENTS_512,
        "signature": unsigned(72),
        "pin_old": PINS_WRONG,
        "pin_new": (*PINS_WRONG, Otherwise("123456", "PIN_WEAK")),
    },
    "CreateIdentityRequest": {
        "request_id": IDS_OF_16,
        "user_id": (
            *("", "abc", "x" * 61, "\u00e6" * 61, "x" * 10_000),
            *(" anna", "anna ", "\u3000anna", "an\0na", "an\u200bna", "an\u202ena", "\ufeffanna"),
            *("0101901234", "9999999999", "010190-1234", "010190 1234", "610190-1234"),
        ),
        "name": line(200),
        "birth_date": (
            *("1990-13-01", "1990-00-01", "1990-02-30", "1990-01-00", "1899-12-31", "2200-01-01"),
            *("90-01-01", "1990-1-1", "19900101", "01-01-1990", "1990/01/01", "1990-01-01 ", "x"),
            "2023-02-29",
        ),
        "level": (*UNDEFINED, Otherwise(1, also={"unproved": True})),
        "unproved": ANYTHING,
        "organisation_number": ("24256791", "2425679", "242567900", "02425679", "2425679x", " "),
    },
    "GetIdentityRequest": {
        "identity_id": (
            b"x",
            bytes(15),
            bytes(17),
            Otherwise(b"", also={"user_id": ""}),
            Otherwise(bytes(16), also={"user_id": "anna"}),
        ),
        "user_id": tuple(
            Otherwise(value, also={"identity_id": b""}) for value in ("x" * 61, "x" * 10_000)
        ),
    },
    "IssueActivationCodeRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "channel": UNDEFINED,
        "attested_key": (b"x", bytes(31), bytes(33), Otherwise(bytes(32), also={"channel": 3})),
    },
    "SetContactDetailsRequest": {
        "identity_id": IDS_OF_16,
        "contact_details": tuple(
            Otherwise(identity_pb.ContactDetails(**{named: value}), named=named)
            for named, values in {
                "phone_number": ("x", "12345678", "+1234567", "+" + "1" * 16, "+0" + "1" * 9),
                "email": (
                    "x",
                    "@",
                    "a@b",
                    "a b@c.dk",
                    "x" * 65 + "@c.dk",
                    "a@" + "b" * 253 + ".dk",
                ),
                "language": UNDEFINED,
            }.items()
            for value in values
        ),
    },
    "BlockIdentityRequest": {
        "identity_id": IDS_OF_16,
        "authenticator_id": (b"x", bytes(15), bytes(17)),
    },
    "UnblockIdentityRequest": {
        "identity_id": IDS_OF_16,
        "authenticator_id": (b"x", bytes(15), bytes(17)),
    },
    "StreamEventsRequest": {
        "after_seq": (-1, -(2**63)),
        "until_now": ANYTHING,
        "consumer": tuple(name for name in line(64) if name),
    },
}

AT_THE_EDGE: list[tuple[str, dict[str, Any]]] = [
    ("StartLoginRequest", {"service_provider": "x"}),
    ("StartLoginRequest", {"service_provider": "\u00e6" * 128}),
    ("StartLoginRequest", {"text": "x"}),
    ("StartLoginRequest", {"text": "\U0001f600" * 1_000}),
    ("StartLoginRequest", {"text": "two\nlines"}),
    ("StartLoginRequest", {"user_id": "x"}),
    ("StartLoginRequest", {"user_id": "\u00e6" * 60}),
    ("StartLoginRequest", {"source": "\u00e6" * 64}),
    ("StartLoginRequest", {"nonce": ""}),
    ("StartLoginRequest", {"nonce": "\u00e6" * 128}),
    ("StartLoginRequest", {"document": document(name="\u00e6" * 200)}),
    ("StartLoginRequest", {"document": document(media_type="/".join(("x" * 127, "y" * 127)))}),
    ("BeginActivationRequest", {"device_name": "x"}),
    ("BeginActivationRequest", {"device_name": "\U0001f600" * 64}),
    ("CreateIdentityRequest", {"user_id": "x\u00e6x\u00e6"}),
    ("CreateIdentityRequest", {"user_id": "\u00e6" * 60}),
    ("CreateIdentityRequest", {"name": "x"}),
    ("CreateIdentityRequest", {"name": "\u00e6" * 200}),
    ("CreateIdentityRequest", {"birth_date": "1900-01-01"}),
    ("CreateIdentityRequest", {"birth_date": "2199-12-31"}),
    ("CreateIdentityRequest", {"birth_date": "2024-02-29"}),
    ("StreamEventsRequest", {"after_seq": 2**63 - 1}),
]


class Plausible:
    """A server on a file, and a well-formed request of every kind."""

    def __init__(self, world: World, store: Path, reader: StoreReader) -> None:
        self.world = world
        self._store = store
        self._reader = reader

    async def prepare(self, name: str) -> Message:
        """A request that would be granted."""
        world = self.world
        match name:
            case "StartLoginRequest":
                return start_request("anna")
            case "CreateIdentityRequest":
                return identity_pb.CreateIdentityRequest(
                    request_id=fresh(), user_id="anna", name="Anna"
                )
            case "GetJwksRequest":
                return login_pb.GetJwksRequest()
            case "StreamEventsRequest":
                return event_pb.StreamEventsRequest(until_now=True)
            case "WatchLoginRequest" | "GetLoginRequest" | "CancelLoginRequest":
                login_id = (await world.start()).login_id
                if name == "WatchLoginRequest":
                    await world.send(login_pb.CancelLoginRequest(login_id=login_id))
                return _of(name, login_id=login_id)
            case _:
                return await self._with_a_phone(name)

    async def _with_a_phone(self, name: str) -> Message:
        world = self.world
        if name in {"BeginActivationRequest", "FinishActivationRequest"}:
            return await self._activation(name)
        phone = await world.activate("anna")
        if name.removesuffix("Request") in METHODS_OF_THE_DESK:
            request = _of(name, identity_id=phone.identity_id)
            if name == "IssueActivationCodeRequest":
                request.request_id = fresh()  # type: ignore[attr-defined]
            return request
        return await self._of_the_phone(name, phone)

    async def _activation(self, name: str) -> Message:
        world = self.world
        key = DeviceKey.generate()
        code = (await world.issue(await world.register("anna"))).activation_code
        begin = device_pb.BeginActivationRequest(
            request_id=fresh(),
            user_id="anna",
            activation_code=code,
            key_algorithm=key.algorithm,
            public_key=key.public_key,
            device_name="phone",
        )
        if name == "BeginActivationRequest":
            return begin
        signed = activation_statement(key, await world.send(begin))
        return _of(name, statement=signed.statement, signature=signed.signature, pin=PIN)

    async def _of_the_phone(self, name: str, phone: Phone) -> Message:
        world = self.world
        if name == "ChangePinRequest":
            signed = phone.changes_pin(world.now_ms)
            return device_pb.ChangePinRequest(
                statement=signed.statement,
                signature=signed.signature,
                pin_old=PIN,
                pin_new=PIN_OTHER,
            )
        login = await world.start()
        if name == "OpenLoginRequest":
            signed = phone.opens(login.link, world.now_ms)
            return _of(name, statement=signed.statement, signature=signed.signature)
        opened = await world.open(phone, login)
        if name == "RedeemLoginRequest":
            await world.approve(phone, opened)
            return login_pb.RedeemLoginRequest(login_id=login.login_id, verifier=login.verifier)
        if name == "RejectLoginRequest":
            signed = approval_statement(
                phone.key, phone.authenticator_id, opened, REJECT, UNVERIFIED
            )
            return _of(name, statement=signed.statement, signature=signed.signature)
        assert name == "ApproveLoginRequest"
        signed = approval_statement(phone.key, phone.authenticator_id, opened)
        return device_pb.ApproveLoginRequest(
            statement=signed.statement, signature=signed.signature, pin=PIN
        )

    def stored(self) -> list[str]:
        """Everything in the store."""
        lines = self._reader.dump(self._store)
        assert any("CREATE TABLE" in line for line in lines)
        return lines


METHODS_OF_THE_DESK = {
    "GetIdentity",
    "SetContactDetails",
    "IssueActivationCode",
    "BlockIdentity",
    "UnblockIdentity",
}


def _of(name: str, **fields: Any) -> Message:
    return message_factory.GetMessageClass(METHODS[name].input_type)(**fields)


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


@pytest.fixture
async def plausible(open_world: OpensWorld, tmp_path: Path, reader: StoreReader) -> Plausible:
    """A server whose front-end may start logins for anybody, so that bounds are what is met."""
    world = await open_world(store="", local_clients=True)
    return Plausible(world, tmp_path / "data" / "godkend.db", reader)


@pytest.mark.parametrize("name", BAD)
async def test_a_well_formed_request_is_granted(plausible: Plausible, name: str) -> None:
    await answered(plausible.world, await plausible.prepare(name))


@pytest.mark.parametrize(
    ("name", "field_name"),
    [(name, field_name) for name, rows in BAD.items() for field_name in rows],
)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    plausible: Plausible, name: str, field_name: str
) -> None:
    honest = await plausible.prepare(name)
    await refuse_each(plausible.world, honest, field_name, BAD[name][field_name], plausible.stored)


@pytest.mark.parametrize(("name", "fields"), AT_THE_EDGE)
async def test_a_field_at_its_bound_is_accepted(
    plausible: Plausible, name: str, fields: dict[str, Any]
) -> None:
    request = await plausible.prepare(name)
    for field_name, value in fields.items():
        set_field(request, field_name, value)
    await answered(plausible.world, request)


@pytest.mark.parametrize("name", BAD)
async def test_bytes_that_are_no_request_are_refused_as_such(
    plausible: Plausible, name: str
) -> None:
    stored = plausible.stored()
    for garbage in (b"\xff", b"\x0a\x7f", b"\x0b", b"\x0a\x02\xff"):
        call = plausible.world.raw(name, garbage)
        refusal = await refused("FIELD_INVALID", call.read() if streams(name) else call)
        assert refusal.field == "request"
    not_unicode = b"\x12\x02\xff\xfe"
    if 2 in METHODS[name].input_type.fields_by_number:
        kind = METHODS[name].input_type.fields_by_number[2]
        if kind.type == kind.TYPE_STRING:
            call = plausible.world.raw(name, not_unicode)
            refusal = await refused("FIELD_INVALID", call.read() if streams(name) else call)
            assert refusal.field == "request"
    assert plausible.stored() == stored


@pytest.mark.parametrize(
    ("statement", "name", "rows"),
    [
        (
            statement_pb2.ApprovalStatement,
            "ApproveLoginRequest",
            {
                "login_id": IDS_OF_16,
                "challenge": ANYTHING,
                "authenticator_id": IDS_OF_16,
                "service_provider": ANYTHING,
                "text": ANYTHING,
                "decision": ANYTHING,
                "user_verification": (0, 3, 4, -1),
                "attempt_id": IDS_OF_16,
                "document": ANYTHING,
                "on_behalf": ANYTHING,
            },
        ),
        (
            statement_pb2.OpenStatement,
            "OpenLoginRequest",
            {"authenticator_id": IDS_OF_16, "code": ANYTHING, "signed_at_ms": ANYTHING},
        ),
        (
            statement_pb2.PinChangeStatement,
            "ChangePinRequest",
            {"authenticator_id": IDS_OF_16, "attempt_id": IDS_OF_16, "signed_at_ms": ANYTHING},
        ),
        (
            statement_pb2.ActivationStatement,
            "FinishActivationRequest",
            {
                "activation_id": IDS_OF_16,
                "challenge": ANYTHING,
                "public_key": ANYTHING,
                "attempt_id": IDS_OF_16,
            },
        ),
    ],
)
async def test_a_malformed_field_of_a_signed_statement_is_refused_and_nothing_is_stored(
    plausible: Plausible, statement: Any, name: str, rows: dict[str, tuple[Any, ...]]
) -> None:
    # Fields that may hold anything are compared: test_statements tells with what.
    assert set(rows) == set(statement.DESCRIPTOR.fields_by_name)
    keys: list[DeviceKey] = []
    generate = DeviceKey.generate

    def remembered(*algorithm: Any) -> DeviceKey:
        keys.append(generate(*algorithm))
        return keys[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeviceKey, "generate", remembered)
        honest: Any = await plausible.prepare(name)
    (key,) = keys
    stored = plausible.stored()
    domain = {
        "ApproveLoginRequest": b"godkend approval v1\0",
        "OpenLoginRequest": b"godkend open v1\0",
        "ChangePinRequest": b"godkend pin change v1\0",
        "FinishActivationRequest": b"godkend activation v1\0",
    }[name]
    for field_name, values in rows.items():
        for value in values:
            altered = statement.FromString(honest.statement)
            setattr(altered, field_name, value)
            signed = key.signed(domain, altered.SerializeToString())
            request = type(honest).FromString(honest.SerializeToString())
            request.statement, request.signature = signed.statement, signed.signature
            refusal = await refused("FIELD_INVALID", plausible.world.send(request))
            assert refusal.field == "statement", (field_name, value)
    assert plausible.stored() == stored
    await plausible.world.send(honest)
