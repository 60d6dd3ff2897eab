"""Signing: a login with a document, approved by a statement about it or about something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from godkend.receipt import verify_receipt
from tests.stateful import model as m
from tests.support import phones
from tests.support.documents import LEASE, lease

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS = (None, lease(), lease(name="Another.pdf"))
"""By their number in the model; 0 is a mere login."""


def check_document(asked: int, signed: int) -> None:
    """Refuses a statement about another document than was asked for."""
    if asked != signed:
        raise m.No(
            "STATEMENT_WITHOUT_DOCUMENT"
            if signed == 0
            else ("STATEMENT_WITH_DOCUMENT" if asked == 0 else "STATEMENT_WRONG_DOCUMENT")
        )


class Signing:
    """Rules about signing, for the machine of `test_model.py`."""

    agree: Callable[[Callable[[], Any], Callable[[], Any]], Any]
    engine: Any
    model: m.Model
    opens: Any

    @rule(
        phone=Bundle("held"),
        asked=st.sampled_from((0, 1, 1)),
        signed=st.sampled_from((0, 1, 1, 1, 2)),
        right=st.sampled_from((True, True, False)),
    )
    def sign(self, phone: Any, asked: int, signed: int, right: bool) -> None:
        login = self.agree(
            lambda: self.model.start_login("bank", "", "home", 1, asked),
            lambda: phones.start(
                self.engine, source="home", front_end="bank", level_min=1, document=DOCUMENTS[asked]
            ),
        )
        login[0].id = login[1].login_id
        self.opens(login, phone, None)
        if login[1].opened is None:
            return
        pin = phone[0].pin if right else phones.PIN_WRONG
        statement = phone[1].decides(login[1].opened, document=DOCUMENTS[signed])
        both = self.agree(
            lambda: self.approve_document(phone[0], login[0], pin, signed),
            lambda: self.engine.approve_login(statement.statement, statement.signature, pin),
        )
        if both is None:
            return
        redeemed = self.agree(
            lambda: self.model.redeem(login[0], "bank", verifier_right=True),
            lambda: self.engine.redeem_login("bank", login[0].id, login[1].verifier),
        )[1]
        assert (redeemed.receipt is not None) == bool(asked)
        if redeemed.receipt:
            receipt = verify_receipt(redeemed.receipt, self.engine.core.jwks(), LEASE)
            assert receipt.statement.SerializeToString() == statement.statement

    def approve_document(self, phone: m.Phone, login: m.Login, pin: str, signed: int) -> int:
        self.model.usable(phone)
        check_document(login.document, signed)
        return self.model.approve(phone, login, pin)
