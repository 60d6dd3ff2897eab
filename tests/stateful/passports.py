"""Passports in the model: whom a document proves, and the ways back that it opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from tests.stateful import model as m
from tests.stateful.issuing import BIRTH_DATES, DeskModel
from tests.support.passports import Chip, State, Zone
from tests.support.phones import BORN, fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.driver import CoreDriver

NAMES = {"Anna Jensen": ("JENSEN", "ANNA"), "Somebody": ("SOMEBODY", "")}
DESK_NUMBER = "1"
"""Of the document that the model's desks are always shown."""
STATE = State.found()
NUMBERS = st.sampled_from((DESK_NUMBER, "2", "3"))
NOTHING: Any = multiple()


@dataclass(frozen=True)
class Passport:
    """A passport, as the model sees it."""

    number: str
    name: str
    born: str


CHIPS: dict[Passport, Chip] = {}


def chip_of(passport: Passport) -> Chip:
    """The same one each time: signing takes longer than all the rest."""
    if passport not in CHIPS:
        surname, given = NAMES[passport.name]
        born = passport.born.replace("-", "")[2:]
        zone = Zone(
            number=passport.number, surname=surname, given=given, birth=born, expiry="991231"
        )
        CHIPS[passport] = STATE.issue(zone)
    return CHIPS[passport]


PASSPORTS = st.builds(Passport, NUMBERS, st.sampled_from(tuple(NAMES)), BIRTH_DATES | st.just(BORN))


def reading(passport: Passport) -> tuple[Any, ...]:
    """As the core takes it, with everything vouched for."""
    chip = chip_of(passport)
    return (chip.security_object, chip.data_group_1, 1, True, True, "case 7")


@dataclass
class PassportModel(DeskModel):
    """The model with passports."""

    documents: dict[str, set[m.Identity]] = field(default_factory=dict)
    names: dict[m.Identity, str] = field(default_factory=dict)

    def create_identity(self, user_id: str, level: int) -> m.Identity:
        identity = super().create_identity(user_id, level)
        self.names[identity] = "Anna Jensen"
        return identity

    def register_unproved(self, user_id: str, born: str) -> m.Identity:
        identity = super().register_unproved(user_id, born)
        self.names[identity] = "Somebody"
        return identity

    def identify(self, identity: m.Identity, *about: Any, **more: Any) -> None:
        super().identify(identity, *about, **more)
        self.documents.setdefault(DESK_NUMBER, set()).add(identity)

    def is_of(self, passport: Passport, identity: m.Identity) -> bool:
        same_name = self.names[identity] == passport.name
        return same_name and self.known[identity].born == passport.born

    def verify_passport(self, identity: m.Identity, passport: Passport) -> None:
        proved = self.documents.get(passport.number, set())
        known = self.known[identity]
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        if not self.is_of(passport, identity) or proved - {identity}:
            raise m.No("PASSPORT_NOT_MATCHED")
        if known.proved_at is not None and not proved:
            raise m.No("SUBSCRIBER_NOT_PROVED")
        self.expect_old_enough(identity, consented=True)
        self.events.append("identity.identified")
        self.documents[passport.number] = {identity}
        identity.level = 3
        if known.proved_at is None:
            known.proved_at = self.now

    def of_document(self, passport: Passport) -> m.Identity | None:
        proved = self.documents.get(passport.number, set())
        if len(proved) > 1 or any(self.known[one].born != passport.born for one in proved):
            raise m.No("PASSPORT_NOT_MATCHED")
        return next(iter(proved), None)

    def recover_user_id(self, passport: Passport) -> str:
        identity = self.of_document(passport)
        if identity is None:
            named = [one for one in self.names if self.is_of(passport, one)]
            if len(named) != 1:
                raise m.No("PASSPORT_NOT_MATCHED")
            (identity,) = named
        if identity.blocked:
            raise m.No("IDENTITY_BLOCKED")
        self.events.append("passport.accepted")
        return identity.user_id

    def recover_app(self, passport: Passport, channel: int) -> m.Code:
        identity = self.of_document(passport)
        if identity is None:
            raise m.No("PASSPORT_NOT_MATCHED")
        code = self.issue_code(identity, channel)
        self.events.append("passport.accepted")
        return code


class PassportRules:
    """What the system behind an app that reads chips asks for, beside the model."""

    engine: CoreDriver
    model: PassportModel
    agree: Callable[..., tuple[Any, Any] | None]

    @initialize()
    def a_state_is_believed(self) -> None:
        self.engine.core.trust(STATE.authority.pem)

    @rule(identity=Bundle("identities"), number=NUMBERS, mistaken=st.booleans())
    def verify_passport(self, identity: m.Identity, number: str, mistaken: bool) -> None:
        name = "Anna Jensen" if mistaken else self.model.names[identity]
        passport = Passport(number, name, self.model.known[identity].born)
        self.agree(
            lambda: self.model.verify_passport(identity, passport),
            lambda: self.engine.verify_passport(
                "app", fresh(), identity.id, reading(passport), None
            ),
        )

    @rule(passport=PASSPORTS)
    def recover_user_id(self, passport: Passport) -> None:
        both = self.agree(
            lambda: self.model.recover_user_id(passport),
            lambda: self.engine.recover_user_id("app", reading(passport)),
        )
        assert both is None or both[0] == both[1]

    @rule(target=Bundle("codes"), passport=PASSPORTS, channel=st.sampled_from((1, 2)))
    def recover_app(self, passport: Passport, channel: int) -> Any:
        both = self.agree(
            lambda: self.model.recover_app(passport, channel),
            lambda: self.engine.recover_app("app", fresh(), reading(passport), channel, b""),
        )
        if both is None:
            return NOTHING
        code, code.text = both[0], both[1].activation_code
        return code
