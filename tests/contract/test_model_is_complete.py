"""The stateful model knows every command of the engine: the next one cannot be forgotten.

All state lies behind `_core.Engine`, and every handler of the service goes through it. What the
engine offers is either called by a rule of the model, or stands below with the reason why not.
"""

from __future__ import annotations

import ast
from pathlib import Path

from godkend import _core
from tests.support import phones

ROOT = Path(__file__).parents[2]
NOT_MODELLED = {
    "admit": "decides about load, and keeps nothing",
    "completion_fd": "carries outcomes",
    "drain": "carries outcomes",
    "healthy": "reads",
    "list_delegations": "reads; what holds is seen at each login on somebody's behalf",
    "list_evidence": "reads; what it proves is seen at each code",
    "check_witness": "reads; the same rule is seen at each identification",
    "list_ordered_key_cards": "reads",
    "login_id": "computes",
    "read_events": "reads; the whole history is compared at the end",
    "read_history": "reads",
    "read_own_history": "reads",
    "read_own_messages": "reads",
    "record_refused_call": "has no outcome; tests/contract/test_roles.py waits for its event",
    "reveal_activation_code": "reads",
    "stats": "counts",
    "synthetic_identities": "reads",
    "unwatch": "keeps nothing in the store",
    "watch": "keeps nothing in the store",
    "ways_in": "computes",
}


ENGINES = ("self.engine", "self.engine.core", "driver", "phones")
"""As what rules, and the walks that they take from `tests.support.phones`, name an engine."""


def called(tree: ast.AST) -> set[str]:
    """What is called of an engine, or taken from `phones`."""
    named = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in named if ast.unparse(node.value) in ENGINES}


def modelled() -> set[str]:
    files = (ROOT / "tests/stateful").glob("*.py")
    found = set[str]().union(*(called(ast.parse(file.read_text("utf-8"))) for file in files))
    for walk in ast.parse(Path(phones.__file__).read_text("utf-8")).body:
        if isinstance(walk, ast.FunctionDef) and walk.name in found:
            found |= called(walk)
    return found


def offered() -> set[str]:
    return {name for name in dir(_core.Engine) if not name.startswith("_")}


def test_each_command_of_the_engine_is_in_a_rule_or_has_a_reason_not_to_be() -> None:
    assert len(offered()) > 60
    forgotten = offered() - modelled() - NOT_MODELLED.keys()
    assert not forgotten, f"give {forgotten} a rule in tests/stateful, or say here why it has none"


def test_each_reason_is_about_a_command_that_no_rule_calls() -> None:
    assert NOT_MODELLED.keys() <= offered()
    assert not NOT_MODELLED.keys() & modelled()
