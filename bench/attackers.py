"""Those who come to break in: each attack of `mixes.py` as one walk through the gRPC API.

A guess that is accepted ends the run. What attackers are told no with is what they have to expect;
anything else counts as a refusal in the report.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import grpc.aio

from bench.mixes import CODE_SPRAY, GUESSES, SPRAY, guessed_code
from bench.refusals import WRONG_CODES, counting, refusals, refused
from godkend.phone import unix_time_ms
from godkend.statements import DeviceKey
from godkend.v1 import device_service_pb2 as device_pb

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from bench.country import Country

    Walk = Callable[[Country, Counter[str]], Awaitable[None]]

CALL_TIMEOUT_S: Final = 30.0
DOORS_SHUT: Final = "doors that shut on an attacker"
SHUT: Final = frozenset({"DISPLAY_CODE_LOCKED", "BUDGET_SPENT"})
KEY: Final = DeviceKey.generate()


async def sprays(country: Country, _did: Counter[str]) -> None:
    """Guesses a PIN for somebody's phone without its key, then an activation code."""
    _, victim = country.subscriber()
    opened = device_pb.OpenLoginResponse(
        login_id=secrets.token_bytes(16),
        challenge=secrets.token_bytes(32),
        service_provider="tax.example",
        text="Log in",
    )
    with refusals("SIGNATURE_INVALID", "OVERLOADED"):
        await country.approve(replace(victim, key=KEY), opened, "271946")
    guess = device_pb.BeginActivationRequest(
        request_id=secrets.token_bytes(16),
        user_id=victim.user_id,
        activation_code=guessed_code(),
        key_algorithm=KEY.algorithm,
        public_key=KEY.public_key,
        device_name="phone",
    )
    with refusals("ACTIVATION_CODE_WRONG", "BUDGET_SPENT", "FIELD_INVALID", "OVERLOADED"):
        await country.device_service().BeginActivation(guess, timeout=CALL_TIMEOUT_S)


async def sprays_codes(country: Country, did: Counter[str]) -> None:
    """Guesses codes of displays at a user ID, whoever has it, until its door is shut."""
    index = country.rng.randrange(country.population.identities)
    number = country.population.display_number(index)
    guess = guessed_digits(country, number)
    async with country.login(country.population.user_id(index)) as login:
        for _ in range(GUESSES):
            try:
                with counting(did, WRONG_CODES, refusal="DISPLAY_CODE_WRONG", unless=SHUT):
                    await login.submit_code(guess)
            except grpc.aio.AioRpcError as error:
                if refused(error).reason not in SHUT:
                    raise
                did[DOORS_SHUT] += 1
                return


def guessed_digits(country: Country, number: int | None) -> str:
    """Of a display that there is, one that is wrong: three in a million guesses would be right."""
    if number is None:
        return f"{secrets.randbelow(10**6):06}"
    return country.displays.wrong_code(number, unix_time_ms())


ATTACKS: Final[dict[str, Walk]] = {SPRAY: sprays, CODE_SPRAY: sprays_codes}
