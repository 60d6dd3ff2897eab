"""Levels: phones whose registrar vouched for their key, or for another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, multiple, rule

from godkend.statements import DeviceKey
from godkend.v1 import statement_pb2 as pb
from tests.support.phones import PIN, fresh

if TYPE_CHECKING:
    from tests.stateful import model as m

LOW, SUBSTANTIAL, HIGH = 1, 2, 3


class Levels:
    """Rules about levels, for the machine of `test_model.py`."""

    agree: Any
    begun: Any
    engine: Any
    finished: Any
    model: m.Model

    @rule(target=Bundle("held"), identity=Bundle("identities"), own=st.booleans())
    def a_phone_with_a_vouched_key(self, identity: m.Identity, own: bool) -> Any:
        key = DeviceKey.generate(pb.KEY_ALGORITHM_ED25519)
        vouched = key.fingerprint() if own else fresh(32)
        both = self.agree(
            lambda: self.model.issue_code(identity, 1),
            lambda: self.engine.issue_activation_code("desk", fresh(), identity.id, 1, vouched),
        )
        if both is None:
            return multiple()
        code, code.text = both[0], both[1].activation_code
        begun = self.begun(code, identity.user_id, right=True, names=True, key=key)
        held = self.finished(begun, PIN, biometrics_on=True, again=False)
        held[0].level = HIGH if own and identity.level == HIGH else SUBSTANTIAL
        held[0].hardware_key = own
        return held

    @invariant()
    def every_phone_is_enrolled_as_the_model_says(self) -> None:
        for phone in self.model.phones:
            shown = self.engine.get_identity(phone.identity.id, "").authenticators
            (it,) = [each for each in shown if each.authenticator_id == phone.id]
            assert (it.enrolled_level, it.hardware_key) == (phone.level, phone.hardware_key)
