"""A few lines of DER (X.690), so that tests share no code with what they test."""

from __future__ import annotations


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element."""
    value = b"".join(parts)
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray()
    for arc in (40 * first + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        out += bytes(reversed(septets))
    return tlv(0x06, bytes(out))


def children(element: bytes) -> list[bytes]:
    """The elements inside of one."""

    def header(at: int) -> tuple[int, int]:
        length, start = element[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(element[at + 2 : start], "big")
        return start, start + length

    at, end = header(0)
    found = []
    while at < end:
        _, after = header(at)
        found.append(element[at:after])
        at = after
    return found
