"""How long an event loop has had no rest: what shows that calls wait where nobody sees them."""

from __future__ import annotations

import asyncio
import io
import time

import pytest

from godkend.logs import Log
from godkend.service import admission
from godkend.service.admission import Admission, Rest
from godkend.service.status import Manual

LOOKS = 10


def missed_s(rest: Rest) -> float:
    """The most that a thread missed which works without a pause, looking as often as it should."""
    missed = 0.0
    for _ in range(LOOKS):
        ends_s = time.monotonic() + admission.INTERVAL_S
        while time.monotonic() < ends_s:
            pass
        missed = max(missed, rest.missed_s())
    return missed


def test_a_thread_that_always_works_has_no_rest_until_it_sleeps() -> None:
    rest = Rest()
    # A neighbour of the machine may look like rest, now and then.
    assert missed_s(rest) >= LOOKS / 2 * admission.INTERVAL_S
    time.sleep(0.2)
    assert rest.missed_s() == 0.0
    rest.close()


def test_where_the_kernel_does_not_count_nobody_is_called_restless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "SCHEDSTAT", "/nowhere")
    rest = Rest()
    assert missed_s(rest) == 0.0
    rest.close()


async def test_a_loop_that_keeps_its_promises_but_never_rests_is_late() -> None:
    seen: list[int] = []
    asked = Admission(seen.append, Manual(), Log("error", io.BytesIO()))
    following = asyncio.create_task(asked.follow())
    ends_s = time.monotonic() + 0.4
    while time.monotonic() < ends_s:
        await asyncio.sleep(0)
        asked.refusal()
    assert max(seen) >= 150
    seen.clear()
    await asyncio.sleep(0.2)
    asked.refusal()
    following.cancel()
    assert seen[0] < 150
