"""What strangers may spend, at the edges, with the promised wait kept from both sides."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from godkend.service.device import source_of
from godkend.statements import DeviceKey
from tests.service.world import BANK, PORTAL, Client, World, begin_request, refusal_of, refused
from tests.support.policies import BUDGETS_OFF

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.service.conftest import OpensWorld

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
KEY = DeviceKey.generate()
WRONG_CODE = "ABCD2345"


def quota(burst: int, interval_ms: int) -> dict[str, int]:
    """`burst` at once, then one per interval."""
    return {"burst": burst, "interval_us": interval_ms * 1_000}


async def start(world: World, source: str, by: Client = PORTAL) -> None:
    """Starts a login and leaves it."""
    provider = by.service_providers[0]
    (await world.start(by=by, source=source, service_provider=provider)).stream.cancel()


async def try_a_code(world: World) -> None:
    """A try at an activation that comes to nothing, but for what it spends."""
    try:
        await world.begin("nobody", WRONG_CODE, KEY)
    except grpc.aio.AioRpcError as error:
        if refusal_of(error).reason != "ACTIVATION_CODE_WRONG":
            raise


async def holds_its_promise(
    world: World, spend: Callable[[], Awaitable[Any]], *, burst: int, interval_ms: int
) -> None:
    """`burst` go at once; then one more for each interval, and not a millisecond before."""
    for _ in range(burst):
        await spend()
    for _ in range(3):
        assert (await refused("BUDGET_SPENT", spend())).retry_ms == interval_ms
        world.clock.advance(interval_ms - 1)
        assert (await refused("BUDGET_SPENT", spend())).retry_ms == 1
        world.clock.advance(1)
        await spend()
    world.clock.advance(burst * interval_ms)
    for _ in range(burst):
        await spend()
    assert (await refused("BUDGET_SPENT", spend())).retry_ms == interval_ms


async def test_one_source_starts_sixty_logins_at_once_then_one_a_second(world: World) -> None:
    await holds_its_promise(
        world, lambda: start(world, "192.0.2.7"), burst=60, interval_ms=SECOND_MS
    )
    await start(world, "192.0.2.8")


async def test_one_source_tries_twenty_codes_at_once_then_one_in_six_minutes(
    world: World,
) -> None:
    await holds_its_promise(world, lambda: try_a_code(world), burst=20, interval_ms=6 * MINUTE_MS)


async def test_a_source_spends_its_own_budget_whatever_front_end_it_comes_through(
    open_world: OpensWorld,
) -> None:
    world = await open_world(budget={**BUDGETS_OFF, "login_source": quota(4, SECOND_MS)})
    front_ends = itertools.cycle((PORTAL, BANK))
    await holds_its_promise(
        world,
        lambda: start(world, "192.0.2.7", next(front_ends)),
        burst=4,
        interval_ms=SECOND_MS,
    )
    await start(world, "192.0.2.8")


async def test_a_front_end_spends_its_own_budget_whatever_source_it_names(
    open_world: OpensWorld,
) -> None:
    world = await open_world(budget={**BUDGETS_OFF, "login_front_end": quota(4, SECOND_MS)})
    sources = map(str, itertools.count())
    await holds_its_promise(
        world, lambda: start(world, next(sources)), burst=4, interval_ms=SECOND_MS
    )
    await start(world, "192.0.2.7", BANK)


async def test_all_front_ends_and_sources_together_spend_the_overall_budget(
    open_world: OpensWorld,
) -> None:
    world = await open_world(budget={**BUDGETS_OFF, "login_overall": quota(4, SECOND_MS)})
    sources, front_ends = map(str, itertools.count()), itertools.cycle((PORTAL, BANK))
    await holds_its_promise(
        world,
        lambda: start(world, next(sources), next(front_ends)),
        burst=4,
        interval_ms=SECOND_MS,
    )


async def test_all_tries_of_codes_together_spend_the_overall_budget(
    open_world: OpensWorld,
) -> None:
    world = await open_world(budget={**BUDGETS_OFF, "activation_overall": quota(4, SECOND_MS)})
    await holds_its_promise(world, lambda: try_a_code(world), burst=4, interval_ms=SECOND_MS)


async def test_a_refusal_draws_on_no_other_budget(open_world: OpensWorld) -> None:
    world = await open_world(
        budget={
            **BUDGETS_OFF,
            "login_source": quota(1, HOUR_MS),
            "login_front_end": quota(2, SECOND_MS),
        }
    )
    await start(world, "greedy")
    for _ in range(5):
        await refused("BUDGET_SPENT", start(world, "greedy"))
    await start(world, "modest")
    assert (await refused("BUDGET_SPENT", start(world, "late"))).retry_ms == SECOND_MS


async def test_the_longest_wait_is_the_one_that_is_promised(open_world: OpensWorld) -> None:
    world = await open_world(
        budget={
            **BUDGETS_OFF,
            "login_source": quota(1, HOUR_MS),
            "login_front_end": quota(1, SECOND_MS),
        }
    )
    await start(world, "greedy")
    assert (await refused("BUDGET_SPENT", start(world, "greedy"))).retry_ms == HOUR_MS
    world.clock.advance(HOUR_MS)
    await start(world, "greedy")


async def test_logins_and_codes_spend_different_budgets(open_world: OpensWorld) -> None:
    world = await open_world(
        budget={
            **BUDGETS_OFF,
            "login_source": quota(1, HOUR_MS),
            "activation_source": quota(1, HOUR_MS),
        }
    )
    await start(world, "127.0.0.1")
    await try_a_code(world)
    await refused("BUDGET_SPENT", start(world, "127.0.0.1"))
    await refused("BUDGET_SPENT", world.begin("nobody", WRONG_CODE, KEY))


async def test_a_right_code_draws_on_nothing(open_world: OpensWorld) -> None:
    world = await open_world(budget={**BUDGETS_OFF, "activation_source": quota(1, HOUR_MS)})
    code = (await world.issue(await world.register("anna"))).activation_code
    for _ in range(5):
        await world.begin("anna", code, DeviceKey.generate())
    await try_a_code(world)
    await refused("BUDGET_SPENT", try_a_code(world))


async def test_behind_a_proxy_that_says_so_each_phone_has_its_own_budget(
    open_world: OpensWorld,
) -> None:
    world = await open_world(
        server={"source_metadata": "x-forwarded-for"},
        budget={**BUDGETS_OFF, "activation_source": quota(1, HOUR_MS)},
    )
    request = begin_request("nobody", WRONG_CODE, KEY).SerializeToString()

    async def answer(forwarded_for: str) -> str:
        metadata = (("x-forwarded-for", forwarded_for),) if forwarded_for else ()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.raw("BeginActivationRequest", request, metadata=metadata)
        return refusal_of(raised.value).reason

    for address in ("192.0.2.1", "192.0.2.2", "2001:db8:1:1::1", "2001:db8:1:2::1", ""):
        assert await answer(address) == "ACTIVATION_CODE_WRONG"
    # What a phone itself wrote before the proxy did is not believed; nor is another address of
    # the same network another source.
    for address in ("203.0.113.1, 192.0.2.1", "192.0.2.2", "2001:db8:1:1::2", ""):
        assert await answer(address) == "BUDGET_SPENT"


async def test_without_a_proxy_nobody_says_who_they_are(open_world: OpensWorld) -> None:
    world = await open_world(budget={**BUDGETS_OFF, "activation_source": quota(1, HOUR_MS)})
    request = begin_request("nobody", WRONG_CODE, KEY).SerializeToString()
    for address, reason in (
        ("192.0.2.1", "ACTIVATION_CODE_WRONG"),
        ("192.0.2.2", "BUDGET_SPENT"),
    ):
        metadata = (("x-forwarded-for", address),)
        call = world.raw("BeginActivationRequest", request, metadata=metadata)
        await refused(reason, call)


async def test_what_strangers_spend_is_never_the_subscribers_own(world: World) -> None:
    phone = await world.activate("anna")
    code = (await world.issue(phone.identity_id)).activation_code
    _, opened = await world.opened(phone)
    world.clock.advance(HOUR_MS - 10 * MINUTE_MS)
    _, opened = await world.opened(phone)
    for _ in range(18):
        await refused("ACTIVATION_CODE_WRONG", world.begin("anna", "22222222", KEY))
    for _ in range(59):
        await start(world, "stranger")
    assert (await world.authenticator(phone)).strikes == 0
    assert await world.approve(phone, opened)
    world.clock.advance(HOUR_MS)
    key = DeviceKey.generate()
    assert await world.finish(key, await world.begin("anna", code, key))


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("ipv4:192.0.2.7:50000", "192.0.2.7"),
        ("ipv6:[2001:db8:1:2:3:4:5:6]:50000", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2::9%5D:50000", "2001:db8:1:2::/64"),
        ("ipv6:[fe80::1%25eth0]:50000", "fe80::/64"),
        ("ipv6:[::ffff:192.0.2.7]:50000", "192.0.2.7"),
        ("unix:/run/godkend.sock", "unix"),
    ],
)
def test_who_has_an_ipv6_network_has_one_budget_with_all_its_addresses(
    peer: str, source: str
) -> None:
    assert source_of(peer) == source
