"""Acting for others: who may, in the model, and logins on somebody's behalf."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule

from godkend.v1 import statement_pb2 as pb
from tests.stateful import model as m
from tests.stateful.issuing import ADULT, DeskModel
from tests.support import phones
from tests.support.phones import SERVICE_PROVIDER, fresh

if TYPE_CHECKING:
    from collections.abc import Callable

GUARDIAN = 1
NO, ALLOWED, REQUIRED = 1, 2, 3
STARTS_ON, ENDS_ON = "2027-01-15", "2027-01-16"
OVER = 1_800_140_400_000
"""When that last day ends in Denmark; the model's time begins on the first."""


@dataclass(eq=False)
class Delegation:
    """That one may act for another."""

    principal: m.Identity
    agent: m.Identity
    scope: str
    id: bytes = b""
    ended: bool = False


@dataclass
class ActingModel(DeskModel):
    """The model with guardians. A guardian ends before the youngest here comes of age."""

    delegations: list[Delegation] = field(default_factory=list)

    def record(self, principal: m.Identity, agent: m.Identity, scope: str) -> Delegation:
        usable = not principal.blocked and not agent.blocked
        proved = self.known[agent].proved_at is not None and agent.level >= 2
        if principal is agent or not usable or not proved or self.years(agent) < ADULT:
            raise m.No("DELEGATION_NOT_ALLOWED")
        if self.now >= OVER:
            raise m.No("FIELD_INVALID")
        self.events += ["delegation.recorded"] * 2
        self.delegations.append(Delegation(principal, agent, scope))
        return self.delegations[-1]

    def end(self, it: Delegation) -> None:
        if not it.ended:
            self.events += ["delegation.ended"] * 2
        it.ended = True

    def holds(self, it: Delegation, agent: m.Identity) -> bool:
        there = it.agent is agent and it.scope in ("*", SERVICE_PROVIDER)
        return there and not it.ended and not it.principal.blocked and self.now < OVER


class Acting:
    """Rules about acting for others, for the machine of `test_model.py`."""

    agree: Callable[[Callable[[], Any], Callable[[], Any]], Any]
    engine: Any
    model: ActingModel

    @rule(
        target=Bundle("delegations"),
        principal=Bundle("identities"),
        agent=Bundle("held"),
        scope=st.sampled_from(("*", SERVICE_PROVIDER, "elsewhere")),
    )
    def record_delegation(self, principal: m.Identity, agent: Any, scope: str) -> Any:
        fields = (GUARDIAN, [scope], STARTS_ON, ENDS_ON, "a court", "kk0417")
        both = self.agree(
            lambda: self.model.record(principal, agent[0].identity, scope),
            lambda: self.engine.record_delegation(
                "desk", fresh(), principal.id, agent[0].identity.id, *fields
            ),
        )
        if both is None:
            return multiple()
        both[0].id = both[1]
        return both[0]

    @rule(it=Bundle("delegations"), by_agent=st.booleans())
    def end_delegation(self, it: Delegation, by_agent: bool) -> None:
        party = it.agent if by_agent else it.principal
        self.agree(
            lambda: self.model.end(it),
            lambda: self.engine.end_delegation("desk", party.id, it.id),
        )

    @rule(
        it=Bundle("delegations"),
        phone=Bundle("held"),
        acting=st.sampled_from((NO, ALLOWED, ALLOWED, REQUIRED)),
        choose=st.sampled_from((True, True, False)),
        ends=st.sampled_from((False, False, True)),
    )
    def act(self, it: Delegation, phone: Any, acting: int, choose: bool, ends: bool) -> None:
        started = phones.start(
            self.engine, source="home", front_end="bank", level_min=1, acting=acting
        )
        login = self.model.start_login("bank", "", "home", 1)
        login.id = started.login_id
        signed = phone[1].opens(started.started.app_link, self.model.now)
        opened = self.agree(
            lambda: self.open_acting(phone[0], login, acting),
            lambda: self.engine.open_login(signed.statement, signed.signature),
        )
        if opened is None:
            return
        names = {delegation_id: name for delegation_id, name, _ in opened[1].principals}
        offered = acting != NO and self.model.holds(it, phone[0].identity)
        assert (it.id in names) == offered
        chosen = pb.Principal(delegation_id=it.id, name=names.get(it.id, "")) if choose else None
        statement = phone[1].decides(opened[1], on_behalf=chosen)
        approved = self.agree(
            lambda: self.approve_acting(phone[0], login, it, acting, choose),
            lambda: self.engine.approve_login(
                statement.statement, statement.signature, phone[0].pin
            ),
        )
        if approved is None:
            return
        if ends:
            self.end_delegation(it, by_agent=True)
        redeemed = self.agree(
            lambda: self.redeem_acting(login, it, choose),
            lambda: self.engine.redeem_login("bank", login.id, started.verifier),
        )
        if redeemed is not None:
            claims = jwt.decode(redeemed[1].assertion, options={"verify_signature": False})
            assert ("act" in claims) == choose

    def open_acting(self, phone: m.Phone, login: m.Login, acting: int) -> None:
        self.model.open(phone, login, None)
        somebody = [
            each for each in self.model.delegations if self.model.holds(each, phone.identity)
        ]
        if acting == REQUIRED and not somebody:
            login.stored, login.phone = m.PENDING, None
            raise m.No("NOBODY_TO_ACT_FOR")

    def approve_acting(
        self, phone: m.Phone, login: m.Login, it: Delegation, acting: int, choose: bool
    ) -> int:
        self.model.usable(phone)
        self.model.expect_opened_by(phone, login)
        if choose and acting == NO:
            raise m.No("ACTING_NOT_ASKED")
        if not choose and acting == REQUIRED:
            raise m.No("ACTING_REQUIRED")
        if choose and not self.model.holds(it, phone.identity):
            raise m.No("DELEGATION_INVALID")
        state = self.model.approve(phone, login, phone.pin)
        if choose:
            self.model.events.append("login.on_behalf")
        return state

    def redeem_acting(self, login: m.Login, it: Delegation, choose: bool) -> None:
        assert login.phone is not None
        self.model.usable(login.phone)
        if choose and not self.model.holds(it, login.phone.identity):
            raise m.No("DELEGATION_INVALID")
        self.model.redeem(login, "bank", verifier_right=True)
