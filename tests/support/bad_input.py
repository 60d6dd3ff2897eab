"""Malformed fields, one at a time: each is refused by its name, and nothing is stored.

A test module of a service has a table `BAD` with a row for every field of every request; a contract
test joins the tables of all modules and sees that none is missing. A field for which every value is
well-formed says so with `ANYTHING`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import Message

from tests.service.world import METHODS, World, refused

if TYPE_CHECKING:
    from collections.abc import Callable

Rows = dict[str, tuple[Any, ...]]

ANYTHING: Final[tuple[Any, ...]] = ()
IDS_OF_16 = (b"", bytes(15), bytes(17))
CONTROL = ("a\0b", "a\tb", "a\x1bb", "a\x7fb", "a\x85b")
INVISIBLE = ("a\u200bb", "a\u202eb", "a\u2066b", "a\xadb", "a\ufeffb")
NO_PINS = ("", "12345", "1234567", "12345a", " 49381", "49381\n", "\u0664\u0669\u0663\u0668\u0661")
PINS_WRONG = (*NO_PINS, "\uff14\uff19\uff13\uff18\uff11\uff17")
STATEMENTS_512 = (b"", bytes(513), b"\xff" * 64, b"\x0a\x7f")
STATEMENTS_8192 = (b"", bytes(8_193), b"\xff" * 64, b"\x0a\x7f")
UNDEFINED = (4, 99, -1, 2**31 - 1, -(2**31))


def lines(most: int) -> tuple[str, ...]:
    """What is no text of 1 to `most` characters that a person could read as it is."""
    long = ("x" * (most + 1), "\u00e6" * (most + 1), "\U0001f600" * (most + 1))
    return ("", *long, *CONTROL, *INVISIBLE)


def line(most: int) -> tuple[str, ...]:
    """What is no single line of 1 to `most` characters."""
    return (*lines(most), "two\nlines", "\n")


@dataclass(frozen=True)
class Otherwise:
    """A value that is refused for another reason than FIELD_INVALID, or under another name."""

    value: Any
    reason: str = "FIELD_INVALID"
    named: str = ""
    also: dict[str, Any] = field(default_factory=dict)


def unsigned(most: int) -> tuple[Otherwise, ...]:
    """Signatures of no key; those have a reason of their own."""
    wrong = (b"", b"\0", bytes(64), bytes(71), bytes(most + 1), b"\x30\x00", bytes(4_000))
    return tuple(Otherwise(signature, "SIGNATURE_INVALID") for signature in wrong)


def streams(name: str) -> bool:
    """Whether the answer is a stream, which may go on for ever."""
    return bool(METHODS[name].server_streaming)


async def answered(world: World, request: Message) -> None:
    """Makes a call, up to its first answer."""
    call = world.stream(request)
    await (call.read() if streams(type(request).__name__) else call)


def set_field(request: Message, name: str, value: Any) -> None:
    """Sets a field, which may be a message or repeated."""
    if isinstance(value, Message):
        getattr(request, name).CopyFrom(value)
    elif isinstance(value, list):
        request.ClearField(name)
        getattr(request, name).extend(value)
    else:
        setattr(request, name, value)


async def refuse_each(
    world: World, honest: Message, field_name: str, bad: tuple[Any, ...], stored: Callable[[], Any]
) -> None:
    """Makes the call with each bad value of one field, then as it should be."""
    before = stored()
    for each in bad:
        row = each if isinstance(each, Otherwise) else Otherwise(each)
        request = type(honest).FromString(honest.SerializeToString())
        for changed, value in {**row.also, field_name: row.value}.items():
            set_field(request, changed, value)
        refusal = await refused(row.reason, answered(world, request))
        if row.reason != "SIGNATURE_INVALID":
            assert refusal.field == (row.named or field_name), row
            shown = row.value if isinstance(row.value, str) else ""
            assert len(shown) < 5 or shown not in refusal.message
    assert stored() == before
    # What was wrong was the field, and nothing else of the request.
    await answered(world, honest)
