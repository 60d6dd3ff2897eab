"""Each behaviour of people in `mixes.py` as one walk through the gRPC API, on asyncio.

Played by subscribers of a synthetic population. A walk counts the hashes that it asked for and the
wrong codes that it sent, so that a report can be held against the server's own counters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.mixes import (
    ABANDONED,
    BIOMETRICS,
    DISPLAY,
    PASSWORD,
    PIN,
    REJECTED,
    SIGNING,
    WRONG_CODE,
    WRONG_PIN,
    wrong_pin,
)
from bench.refusals import PASSWORD_CHECKS, PIN_CHECKS, WRONG_CODES, counting
from godkend.front_end import document_of
from godkend.phone import unix_time_ms
from godkend.v1.login_service_pb2 import ASSURANCE_LEVEL_LOW

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from bench.country import Country

    Walk = Callable[[Country, Counter[str]], Awaitable[None]]

DOCUMENT: Final = document_of(b"%PDF-1.7 a deed", "application/pdf", "deed.pdf")


async def with_pin(country: Country, did: Counter[str]) -> None:
    with country.somebody() as who:
        async with country.login() as login:
            opened = await country.opened(who, login)
            with counting(did, PIN_CHECKS):
                await country.approve(who, opened, who.pin)
            await login.redeem()


async def with_biometrics(country: Country, _did: Counter[str]) -> None:
    with country.somebody() as who:
        async with country.login() as login:
            await country.approve(who, await country.opened(who, login))
            await login.redeem()


async def with_a_wrong_pin_first(country: Country, did: Counter[str]) -> None:
    with country.somebody() as who:
        async with country.login() as login:
            opened = await country.opened(who, login)
            with counting(did, PIN_CHECKS, refusal="PIN_WRONG"):
                await country.approve(who, opened, wrong_pin(who.pin))
            with counting(did, PIN_CHECKS):
                await country.approve(who, opened, who.pin)
            await login.redeem()


async def signs(country: Country, did: Counter[str]) -> None:
    with country.somebody() as who:
        async with country.login(document=DOCUMENT) as login:
            opened = await country.opened(who, login)
            if opened.document != DOCUMENT:
                raise AssertionError("the phone was shown another document")
            with counting(did, PIN_CHECKS):
                await country.approve(who, opened, who.pin)
            if not (await login.redeem()).receipt:
                raise AssertionError("a signature without a receipt")


async def abandoned(country: Country, _did: Counter[str]) -> None:
    async with country.login():
        pass


async def rejected(country: Country, _did: Counter[str]) -> None:
    with country.somebody() as who:
        async with country.login() as login:
            await country.reject(who, await country.opened(who, login))


async def by_display(country: Country, did: Counter[str], *, wrong_first: bool = False) -> None:
    with country.displays.holder(country.rng, unix_time_ms()) as who:
        async with country.login(who.user_id) as login:
            if wrong_first:
                wrong = country.displays.wrong_code(who.number, unix_time_ms())
                with counting(did, WRONG_CODES, refusal="DISPLAY_CODE_WRONG"):
                    await login.submit_code(wrong)
            await login.submit_code(country.displays.code(who.number, unix_time_ms()))
            with counting(did, PASSWORD_CHECKS):
                await login.submit_password(who.password)
            await login.redeem()


async def with_a_wrong_code_first(country: Country, did: Counter[str]) -> None:
    await by_display(country, did, wrong_first=True)


async def by_password_alone(country: Country, did: Counter[str]) -> None:
    with country.displays.holder(country.rng) as who:
        async with country.login(who.user_id, level_min=ASSURANCE_LEVEL_LOW) as login:
            with counting(did, PASSWORD_CHECKS):
                await login.submit_password(who.password)
            await login.redeem()


BEHAVIOURS: Final[dict[str, Walk]] = {
    PIN: with_pin,
    BIOMETRICS: with_biometrics,
    WRONG_PIN: with_a_wrong_pin_first,
    SIGNING: signs,
    DISPLAY: by_display,
    WRONG_CODE: with_a_wrong_code_first,
    PASSWORD: by_password_alone,
    ABANDONED: abandoned,
    REJECTED: rejected,
}
