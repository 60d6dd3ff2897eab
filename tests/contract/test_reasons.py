"""The error manual: whole, used, and every reason of it met by a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import grpc
import pytest

from godkend import _core
from godkend.calls import FAULT_REASONS, UNREACHABLE
from godkend.cli.output import FOR_OPERATORS
from godkend.errors import Denied, Fault, Invalid
from godkend.front_end import RESUMABLE
from godkend.service.status import Manual
from godkend.v1 import error_reason_pb2 as pb

ROOT = Path(__file__).parents[2]
PREFIX = "ERROR_REASON_"
VALUES = {
    value.name.removeprefix(PREFIX): value
    for value in pb.DESCRIPTOR.enum_types_by_name["ErrorReason"].values
    if value.number
}
CODES = {code.value[0]: code.name for code in grpc.StatusCode}

NOT_PRODUCED_BY_TESTS: dict[str, str] = {}
"""Reasons that no test produces, with why. Empty is how it should be."""

NOT_REASONS_OF_A_SERVER = {UNREACHABLE}
"""What clients call the absence of an answer."""


@pytest.mark.parametrize("reason", VALUES)
def test_every_reason_has_a_code_a_retry_and_words_for_the_person(reason: str) -> None:
    entry = VALUES[reason].GetOptions().Extensions[pb.manual]
    assert CODES[entry.code] not in {"OK", "UNKNOWN"}
    assert entry.retry in {pb.RETRY_NEVER, pb.RETRY_LATER, pb.RETRY_CORRECTED}
    assert re.fullmatch(r"[A-Z].*[.?!]", entry.person)
    assert reason not in entry.person


def test_the_comment_beside_each_code_names_it() -> None:
    text = (ROOT / "proto/godkend/v1/error_reason.proto").read_text("utf-8")
    beside = re.findall(r"code: (\d+) // (\w+)", text)
    assert len(beside) == len(VALUES)
    for number, name in beside:
        assert CODES[int(number)] == name


def test_the_core_gives_the_reasons_of_the_manual_and_no_others() -> None:
    assert set(_core.reasons()) == set(VALUES)


def test_every_reason_named_in_python_is_in_the_manual() -> None:
    named = {
        (path.name, reason)
        for path in (ROOT / "python" / "godkend").rglob("*.py")
        if "v1" not in path.parts
        for reason in _reasons_raised(ast.parse(path.read_text("utf-8")))
    }
    assert {("stream.py", "OVERLOADED"), ("interceptor.py", "ROLE_FORBIDDEN")} <= named
    unknown = {(file, reason) for file, reason in named if reason not in VALUES}
    assert {reason for _, reason in unknown} <= NOT_REASONS_OF_A_SERVER, unknown
    assert set(VALUES) >= FAULT_REASONS
    assert set(FOR_OPERATORS) <= set(VALUES)
    assert set(VALUES) | NOT_REASONS_OF_A_SERVER >= RESUMABLE


def _reasons_raised(tree: ast.AST) -> set[str]:
    """The literal reasons given to Denied, Fault and Invalid, or returned as a denial."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id="Denied" | "Fault"), args=[ast.Constant(str(reason)), *_]
            ):
                found.add(reason)
            case ast.Call(func=ast.Name(id="Invalid"), args=[_, _, ast.Constant(str(reason))]):
                found.add(reason)
            case ast.Constant(str(text)) if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", text):
                if text in VALUES:
                    found.add(text)
    return found


def test_every_reason_is_produced_by_a_test() -> None:
    """A test that never names a reason cannot have looked for it."""
    produced = {
        text
        for path in (ROOT / "tests").rglob("*.py")
        if path.parent.name not in {"contract", "support"} and path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(text := node.value, str)
    }
    missing = {reason for reason in VALUES if reason not in produced}
    assert missing == set(NOT_PRODUCED_BY_TESTS)


def test_a_reason_that_is_not_in_the_manual_is_told_as_a_bug() -> None:
    manual = Manual()
    assert manual.refusal(Denied("NO_SUCH_REASON")).reason == "INTERNAL"
    assert manual.refusal(Fault("NO_SUCH_REASON", "detail")).code == "INTERNAL"


@pytest.mark.parametrize("reason", VALUES)
def test_every_reason_is_told_by_its_code_and_with_a_time_where_waiting_helps(reason: str) -> None:
    entry = VALUES[reason].GetOptions().Extensions[pb.manual]
    for error in (Denied(reason), Fault(reason, "detail"), Invalid("field", "bound", reason)):
        refusal = Manual().refusal(error)
        assert (refusal.code, refusal.reason) == (CODES[entry.code], reason)
        (details,) = [value for _, value in refusal.status.trailing_metadata or ()]
        assert (b"RetryInfo" in details) == (entry.retry == pb.RETRY_LATER)
        assert b"detail" not in details or isinstance(error, Invalid)
