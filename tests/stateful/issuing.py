"""Desks in the model: who is proved, who is old enough, who speaks for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule

from tests.stateful import model as m
from tests.support import phones

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.driver import CoreDriver

IDENTITIES: Bundle[m.Identity] = Bundle("identities")
HELD: Bundle[tuple[m.Phone, phones.Phone]] = Bundle("held")
CODES: Bundle[m.Code] = Bundle("codes")
NOTHING: Any = multiple()

ON_PROFILE = 3

ALONE, WITH_CONSENT, ADULT = 15, 13, 18
KNOWN_FOR, WINDOW, STATEMENTS_MAX = 10 * m.DAY, 120 * m.DAY, 3
# In January, when it is always an hour later in Copenhagen than in UTC.
BIRTH_DATES = st.sampled_from(("2014-01-16", "2012-01-16", "2009-01-25", "1974-01-02"))
SEASONS = st.sampled_from((KNOWN_FOR, 30 * m.DAY, WINDOW - 1, WINDOW, 365 * m.DAY))


@dataclass
class AtDesk:
    """What is known of an identity besides its phones."""

    born: str
    vouched: bool
    proved_at: int | None
    consented: bool = False


@dataclass
class DeskModel(m.Model):
    """The model with desks."""

    known: dict[m.Identity, AtDesk] = field(default_factory=dict)
    statements: list[tuple[m.Identity, int]] = field(default_factory=list)
    blocked_at: dict[m.Phone, int] = field(default_factory=dict)
    on_profile: list[m.Code] = field(default_factory=list)

    def create_identity(self, user_id: str, level: int) -> m.Identity:
        identity = super().create_identity(user_id, level)
        self.known[identity] = AtDesk(phones.BORN, vouched=True, proved_at=self.now)
        return identity

    def register_unproved(self, user_id: str, born: str) -> m.Identity:
        identity = super().create_identity(user_id, 1)
        self.known[identity] = AtDesk(born, vouched=False, proved_at=None)
        return identity

    def years(self, identity: m.Identity) -> int:
        born = date.fromisoformat(self.known[identity].born)
        today = datetime.fromtimestamp((self.now + m.HOUR) / 1_000, UTC).date()
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    def expect_old_enough(self, identity: m.Identity, *, consented: bool) -> None:
        if self.years(identity) < WITH_CONSENT:
            raise m.No("AGE_TOO_LOW")
        if self.years(identity) < ALONE and not consented:
            raise m.No("CONSENT_REQUIRED")

    def issue_code(self, identity: m.Identity, channel: int) -> m.Code:
        known = self.known[identity]
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if known.proved_at is None:
            raise m.No("IDENTITY_NOT_PROVED")
        self.expect_old_enough(identity, consented=known.consented)
        return super().issue_code(identity, channel)

    def issue_profile_code(self, identity: m.Identity, signed_in_at: int) -> m.Code:
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if any(at >= signed_in_at for at in self.out_of_use(identity)):
            raise m.No("SUBSCRIBER_NOT_PROVED")
        code = self.issue_code(identity, ON_PROFILE)
        self.on_profile.append(code)
        return code

    def block(self, it: m.Identity | m.Phone, blocked: bool) -> None:
        if isinstance(it, m.Phone) and blocked and not it.blocked:
            self.blocked_at[it] = self.now
            self.end_profile_codes(it.identity)
        super().block(it, blocked)

    def out_of_use(self, identity: m.Identity) -> list[int]:
        """When each authenticator was that may not be used now."""
        mine = [phone for phone in self.phones if phone.identity is identity and phone.blocked]
        return [self.blocked_at[phone] for phone in mine]

    def end_profile_codes(self, identity: m.Identity) -> None:
        for code in self.on_profile:
            if code.identity is identity and not code.used:
                code.tries = 0

    def is_known(self, identity: m.Identity) -> bool:
        proved = self.known[identity].proved_at is not None
        return proved and identity.level >= 2 and not identity.blocked

    def identify(
        self, identity: m.Identity, born: str, witness: m.Identity | None, *, expired: bool
    ) -> None:
        known = self.known[identity]
        if expired:
            raise m.No("DOCUMENT_EXPIRED")
        if born != known.born:
            raise m.No("BIRTH_DATE_DIFFERS")
        self.expect_old_enough(identity, consented=True)
        if witness is not None:
            self.expect_witness(witness, identity)
            self.statements.append((witness, self.now))
        self.events.append("identity.identified")
        identity.level = max(identity.level, 2)
        if known.proved_at is None:
            known.proved_at = self.now

    def expect_witness(self, witness: m.Identity, person: m.Identity) -> None:
        since = self.known[witness].proved_at
        if witness is person or since is None or not self.is_known(witness):
            raise m.No("WITNESS_NOT_ALLOWED")
        if self.years(witness) < ADULT:
            raise m.No("WITNESS_TOO_YOUNG")
        if self.now - since < KNOWN_FOR:
            raise m.No("WITNESS_TOO_NEW", retry_after_ms=since + KNOWN_FOR - self.now)
        counted = [at for who, at in self.statements if who is witness and self.now - at < WINDOW]
        if len(counted) >= STATEMENTS_MAX:
            forgotten = counted[-STATEMENTS_MAX] + WINDOW
            raise m.No("WITNESS_TOO_OFTEN", retry_after_ms=forgotten - self.now)

    def consent(self, child: m.Identity, parent: m.Identity) -> None:
        if child.blocked:
            raise m.No("IDENTITY_BLOCKED")
        self.expect_old_enough(child, consented=True)
        if self.years(child) >= ALONE:
            raise m.No("CONSENT_NOT_NEEDED")
        if child is parent or not self.is_known(parent) or self.years(parent) < ADULT:
            raise m.No("PARENT_NOT_ALLOWED")
        self.events.append("consent.recorded")
        self.known[child].consented = True


class DeskRules:
    """What officers do, beside the model."""

    engine: CoreDriver
    model: DeskModel
    agree: Callable[..., tuple[Any, Any] | None]
    time_passes: Callable[[int], None]

    @rule(ms=SEASONS)
    def a_season_passes(self, ms: int) -> None:
        self.engine.clock.advance(ms)  # type: ignore[union-attr]
        self.model.now += ms

    @rule(target=IDENTITIES, user_id=st.sampled_from(("freja", "otto")), born=BIRTH_DATES)
    def register_unproved(self, user_id: str, born: str) -> Any:
        both = self.agree(
            lambda: self.model.register_unproved(user_id, born),
            lambda: self.engine.create_identity(
                "registrar", phones.fresh(), user_id, "Somebody", born, 0, True
            ),
        )
        if both is None:
            return NOTHING
        identity, identity.id = both
        return identity

    @rule(
        identity=IDENTITIES,
        witness=st.none() | IDENTITIES | HELD,
        mistaken=st.sampled_from((False, False, False, True)),
        expired=st.sampled_from((False, False, False, True)),
    )
    def identify(self, identity: m.Identity, witness: Any, mistaken: bool, expired: bool) -> None:
        speaks: m.Identity | None = witness[0].identity if isinstance(witness, tuple) else witness
        born = "1999-01-01" if mistaken else self.model.known[identity].born
        last_day = "2020-01-01" if expired else "2199-12-31"
        self.agree(
            lambda: self.model.identify(identity, born, speaks, expired=expired),
            lambda: self.engine.record_identification(
                *("registrar", phones.fresh(), identity.id, "officer", 1, "DNK", "1", last_day),
                *(born, 2 if speaks else 1, speaks.id if speaks else b""),
            ),
        )

    @rule(target=CODES, phone=HELD, ago=st.sampled_from((0, 1, 1_000, m.HOUR)))
    def a_code_on_the_profile(self, phone: Any, ago: int) -> Any:
        identity, signed_in_at = phone[0].identity, self.model.now - ago
        both = self.agree(
            lambda: self.model.issue_profile_code(identity, signed_in_at),
            lambda: self.engine.issue_activation_code(
                "profile", phones.fresh(), identity.id, ON_PROFILE, None, signed_in_at
            ),
        )
        if both is None:
            return NOTHING
        code, code.text = both[0], both[1].activation_code
        return code

    @rule(identity=IDENTITIES, phone=HELD, times=st.integers(2, 5))
    def a_witness_speaks_on_and_on(self, identity: m.Identity, phone: Any, times: int) -> None:
        for _ in range(times):
            self.identify(identity, phone, mistaken=False, expired=False)

    @rule(child=IDENTITIES, parent=IDENTITIES | HELD)
    def consent(self, child: m.Identity, parent: Any) -> None:
        adult: m.Identity = parent[0].identity if isinstance(parent, tuple) else parent
        self.agree(
            lambda: self.model.consent(child, adult),
            lambda: self.engine.record_consent(
                "registrar", phones.fresh(), child.id, adult.id, "officer"
            ),
        )
