"""The hash chain of events, recomputed with nothing but hashlib: what an auditor runs.

The bytes are those of `Event.hash` in `proto/godkend/v1/event_service.proto`. A whole chain proves
that no event was changed, added, left out or moved. That the newest events were not cut off shows
only against a number and hash noted earlier (`anchor`), somewhere the server cannot write.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from godkend.v1.event_service_pb2 import Event

HASH_BEFORE_FIRST: Final = bytes(32)


class ChainBroken(Exception):
    """The first event that does not follow from the one before it."""

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"event {seq}: {why}")
        self.seq = seq


class EventChain:
    """Follows a chain from its first event; `seq` and `hash` are those of the last one followed."""

    def __init__(self, anchor: tuple[int, bytes] | None = None) -> None:
        self.seq = 0
        self.hash = HASH_BEFORE_FIRST
        self._anchor = anchor

    def follow(self, event: Event) -> None:
        """Takes the next event. Raises `ChainBroken`."""
        if event.seq != self.seq + 1:
            raise ChainBroken(self.seq + 1, f"missing, {event.seq} came in its place")
        if event_hash(self.hash, event) != event.hash:
            raise ChainBroken(event.seq, "its contents do not fit its hash")
        self.seq, self.hash = event.seq, event.hash
        if self._anchor is not None and self._anchor[0] == event.seq:
            if self._anchor[1] != event.hash:
                raise ChainBroken(event.seq, "its hash is not the one noted earlier")
            self._anchor = None

    def finish(self) -> None:
        """Raises `ChainBroken` if the chain ended before its anchor."""
        if self._anchor is not None:
            raise ChainBroken(self._anchor[0], f"noted earlier, but the chain ends at {self.seq}")


def verify_events(events: Iterable[Event], anchor: tuple[int, bytes] | None = None) -> EventChain:
    """Follows all events from the first. Raises `ChainBroken`."""
    chain = EventChain(anchor)
    for event in events:
        chain.follow(event)
    chain.finish()
    return chain


def event_hash(previous: bytes, event: Event) -> bytes:
    """What the hash of an event must be, given that of the event before it."""
    digest = hashlib.sha256(previous)
    digest.update(event.seq.to_bytes(8, "big") + event.at_ms.to_bytes(8, "big", signed=True))
    for field in (
        event.kind.encode(),
        event.identity_id,
        event.authenticator_id,
        event.login_id,
        event.actor.encode(),
        event.detail.encode(),
    ):
        digest.update(len(field).to_bytes(4, "big") + field)
    return digest.digest()
