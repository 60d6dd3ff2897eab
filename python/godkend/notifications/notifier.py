"""Follows the history and has messages carried: planned durably, delivered at least once.

Every worker runs one, and the one that holds the lease delivers. It works beside the calls: reading
on the core's own threads, carrying on threads of its own, and with a pause between rounds, so that
a flood of logins is looked at by the thousand and not one by one.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import orjson

from godkend.engine import TIMEOUT_MS_NONE
from godkend.errors import Denied, GodkendError
from godkend.notifications.carrier import NotCarried
from godkend.notifications.table import NOTICES, SECRETS, Channel
from godkend.notifications.writing import Written, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from godkend import _core
    from godkend.engine import Engine
    from godkend.logs import Log
    from godkend.notifications.carrier import Carrier

HOLDER_BYTES: Final = 16
CARRIED_AT_ONCE: Final = 8
"""Messages on their way at once. A round ends within a carrier's timeout, well before the lease."""
PAUSE_S: Final = 0.05
"""Between two rounds: what happened meanwhile is looked at together."""
LEASE_PARTS: Final = 3
"""The lease is asked for anew when a third of it is over, by whoever has it and who waits."""
STOP_S: Final = 15.0
"""For what is being carried when the server stops; longer than carriers take by default."""
IDLE_S: Final = 1.0
"""How soon a message that is to be tried again is found due, whatever became of the clock."""
OUTCOMES: Final = {1: "failed", 2: "delivered", 3: "dead", 4: "overtaken"}
"""What a delivery came to, by what has become of its message: one that failed waits again."""
CARRIED_BY_US: Final = (Channel.SMS, Channel.EMAIL)


class DeliveryTally:
    """What deliveries came to, for the metrics."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {
            (channel.name.lower(), outcome): 0
            for channel in CARRIED_BY_US
            for outcome in OUTCOMES.values()
        }

    def ended(self, channel: Channel, outcome: str) -> None:
        """One delivery of a channel ended."""
        self.counts[channel.name.lower(), outcome] += 1


class Notifier:
    """Delivers messages while it runs and holds the lease."""

    def __init__(
        self,
        engine: Engine,
        carriers: Mapping[Channel, Carrier],
        zone: ZoneInfo,
        log: Log,
        lease_ms: int,
    ) -> None:
        self._engine = engine
        self._carriers = carriers
        self._zone = zone
        self._log = log
        self._lease_s = lease_ms / 1_000
        self._holder = secrets.token_bytes(HOLDER_BYTES)
        self._after_seq = -1
        """The last event that was looked at; -1: as the store has it."""
        self._kept_until = 0.0
        """Until when, by the loop, the lease need not be asked for again."""
        self._threads = ThreadPoolExecutor(CARRIED_AT_ONCE, thread_name_prefix="carrier")
        self._stopping = asyncio.Event()
        self.tally = DeliveryTally()

    async def run(self) -> None:
        """Goes on until it is stopped. A fault of the store is logged and tried again."""
        try:
            while not self._stopping.is_set():
                seen = self._engine.next_events()
                try:
                    is_idle = await self._round()
                except GodkendError as error:
                    self._log.not_delivering(reason=error.reason)
                    self._lose_lease()
                    is_idle = True
                if is_idle:
                    await self._wait(seen)
                await self._sleep(PAUSE_S)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def stop(self, running: asyncio.Task[None]) -> None:
        """Begins no more deliveries and writes down those that are under way, for `STOP_S` at most.

        What is cut off then is delivered once more after the next start.
        """
        self._stopping.set()
        await asyncio.wait({running}, timeout=STOP_S)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    async def _wait(self, seen: asyncio.Event) -> None:
        if not self._kept_until:  # Another worker delivers: what happens is for that one.
            await self._sleep(self._lease_s / LEASE_PARTS)
            return
        waits = {asyncio.ensure_future(it.wait()) for it in (seen, self._stopping)}
        await asyncio.wait(waits, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _round(self) -> bool:
        """Plans and delivers what there is; whether there was nothing to do."""
        if not await self._holds_lease():
            self._lose_lease()
            return True
        more = await self._plan()
        due: list[_core.DueMessage] = await self._call("due_messages", CARRIED_AT_ONCE)
        await asyncio.gather(*map(self._deliver, due))
        return not more and not due

    async def _holds_lease(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._kept_until:
            return True
        # Asked for only when it can be had: those who wait write nothing.
        may = await self._call("may_take_delivery", self._holder)
        if not (may and await self._call("take_delivery", self._holder)):
            return False
        self._kept_until = now + self._lease_s / LEASE_PARTS
        return True

    def _lose_lease(self) -> None:
        self._after_seq, self._kept_until = -1, 0.0

    async def _plan(self) -> bool:
        """Queues messages for the events since the last look; whether there may be more."""
        notices: _core.Notices = await self._call("read_notices", self._after_seq, list(NOTICES))
        planned = [
            (event.seq, int(channel))
            for event in notices.events
            for channel in CARRIED_BY_US
            if channel in NOTICES[event.kind]
        ]
        # Events that ask for nothing are read again after a crash; each would cost a write.
        if planned or notices.more:
            until_seq = notices.until_seq
            if not await self._call("plan_messages", self._holder, until_seq, planned):
                self._lose_lease()
                return True
        self._after_seq = notices.until_seq
        return notices.more

    async def _deliver(self, due: _core.DueMessage) -> None:
        channel = Channel(due.channel)
        outcome, failure = await self._carried(due, channel)
        state: int | None = await self._call(
            "settle_message", self._holder, due.message_id, outcome, failure
        )
        if state is None:
            self._lose_lease()
            return
        self.tally.ended(channel, OUTCOMES[state])
        if failure:
            self._log.not_carried(
                message=due.message_id.hex(),
                channel=channel.name.lower(),
                failure=failure,
                dead=OUTCOMES[state] == "dead",
            )

    async def _carried(self, due: _core.DueMessage, channel: Channel) -> tuple[str, str]:
        """What a delivery came to, and why if it failed."""
        if not due.address:
            return "overtaken", ""
        message = await self._written(due, channel)
        if message is None:
            return "overtaken", ""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._carriers[channel].carry, message)
        except NotCarried as error:
            return ("refused" if error.for_good else "failed"), error.failure
        except Exception as error:
            self._log.bug(method="notifier", error=error)
            return "failed", type(error).__name__
        return "taken", ""

    async def _written(self, due: _core.DueMessage, channel: Channel) -> Written | None:
        """The message, or None if its code is no longer good."""
        event = due.event
        if channel is not Channel.SMS or event.kind not in SECRETS:
            return write(due, self._zone)
        detail = orjson.loads(event.detail)
        if detail.get("channel", "sms") != "sms":
            return write(due, self._zone)  # On paper: told of, not sent.
        code = await self._revealed(event.kind, bytes.fromhex(detail[SECRETS[event.kind]]))
        return write(due, self._zone, code) if code is not None else None

    async def _revealed(self, kind: str, row_id: bytes) -> str | None:
        """A code that is still good, as the core tells the notifier alone."""
        if kind == "activation_code.issued":
            code: str | None = await self._call("reveal_activation_code", row_id)
            return code
        try:
            pin: _core.TemporaryPinText = await self._call("reveal_temporary_pin", row_id)
        except Denied:
            return None
        return pin.temporary_pin

    async def _call(self, name: str, *fields: object) -> Any:
        return await self._engine.call(getattr(self._engine.core, name), TIMEOUT_MS_NONE, *fields)
