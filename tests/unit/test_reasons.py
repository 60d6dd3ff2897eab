"""Every reason the core can give stands in the manual, with what the caller needs."""

from __future__ import annotations

import pytest

from godkend import _core
from godkend.errors import Denied, Fault, GodkendError, Invalid
from godkend.v1 import error_reason_pb2 as pb

PREFIX = "ERROR_REASON_"
RETRIES = {pb.RETRY_NEVER, pb.RETRY_LATER, pb.RETRY_CORRECTED}
CODES = range(1, 17)


def manual(reason: str) -> pb.ReasonManual:
    value = pb.ErrorReason.DESCRIPTOR.values_by_name[PREFIX + reason]
    return value.GetOptions().Extensions[pb.manual]


def test_the_core_and_the_manual_know_the_same_reasons() -> None:
    named = [name.removeprefix(PREFIX) for name in pb.ErrorReason.keys()]  # noqa: SIM118
    assert len(set(_core.reasons())) == len(_core.reasons())
    assert sorted(_core.reasons()) == sorted(set(named) - {"UNSPECIFIED"})


@pytest.mark.parametrize("reason", _core.reasons())
def test_the_manual_says_code_retry_and_what_to_tell_the_person(reason: str) -> None:
    entry = manual(reason)
    assert entry.code in CODES
    assert entry.retry in RETRIES
    assert entry.person.endswith((".", "!", "?"))
    assert entry.person[0].isupper()


def test_the_three_kinds_are_never_one_another() -> None:
    kinds = (Invalid("pin", "must be"), Denied("PIN_WRONG"), Fault("STORE_FAULT", "broken"))
    for kind in kinds:
        assert isinstance(kind, GodkendError)
        assert sum(isinstance(kind, type(other)) for other in kinds) == 1


def test_each_kind_of_error_of_the_core_becomes_its_class(tmp_path: object) -> None:
    with pytest.raises(Invalid) as invalid:
        _core.pin_weakness("12345")
    assert (invalid.value.field, invalid.value.bound) == ("pin", "must be exactly 6 digits")
    assert invalid.value.reason == "FIELD_INVALID"
    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    with pytest.raises(Denied) as denied:
        _core.verify_signature(2, key, b"", b"", bytes(64))
    assert (denied.value.reason, denied.value.retry_after_ms) == ("SIGNATURE_INVALID", None)
    with pytest.raises(Fault) as fault:
        _core.Engine(
            store=str(tmp_path / "no" / "db"), keys=str(tmp_path / "no" / "keys"), policy="{}"
        )
    assert fault.value.reason == "KEY_FAULT"
    assert fault.value.detail
