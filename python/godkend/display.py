"""A simulated code display: what its holder reads off it (RFC 4226, RFC 6238)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from godkend.v1 import display_service_pb2 as pb

CODE_DIGITS: Final = 6
PERIOD_S_DEFAULT: Final = 30
SHA1, SHA256 = 1, 2
HASHES: Final = {SHA1: "sha1", SHA256: "sha256"}
"""The hash functions of displays, by their number in the core."""


@dataclass(frozen=True, slots=True)
class Display:
    """What a vendor tells of one display. Its repr hides the seed."""

    serial_number: str
    seed: bytes = field(repr=False)
    kind: pb.DisplayKind.ValueType = pb.DISPLAY_KIND_CODE_DISPLAY
    algorithm: int = SHA1
    period_s: int = PERIOD_S_DEFAULT
    """0 for a display that counts its codes."""
    counter: int = 0
    """Of its next code, if it counts."""

    def code_at(self, now_ms: int) -> str:
        """The code that its clock shows; of a display that counts, its next."""
        if self.period_s:
            return self.code(now_ms // (self.period_s * 1_000))
        return self.code(self.counter)

    def code(self, factor: int) -> str:
        """The code of one counter or step."""
        mac = hmac.digest(self.seed, factor.to_bytes(8, "big"), HASHES[self.algorithm])
        offset = mac[-1] & 0xF
        value = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
        return f"{value % 10**CODE_DIGITS:0{CODE_DIGITS}}"
