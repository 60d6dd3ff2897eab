"""An answer leaves after its commit: where nothing can be written, nothing is granted or looked at.

A kill hardly ever falls between an answer and its commit. So the commit itself is made to fail, by
forbidding the running server to write to any file (RLIMIT_FSIZE), as a full disk would.
"""

from __future__ import annotations

import contextlib
import functools
import resource
from typing import TYPE_CHECKING

import pytest

from godkend.errors import Denied, Fault
from godkend.phone import Activation
from tests.crash.actors import SERVICE_PROVIDER, Link, linked
from tests.servers import CHEAP_PIN, PIN, PIN_WRONG, NewLogin, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux limits a process that runs"
)


@contextlib.contextmanager
def nothing_can_be_written(server: Server) -> Iterator[None]:
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (soft, hard))


def fails(call: Callable[[], object]) -> None:
    """The store's fault is said, truthfully: neither a value nor a denial."""
    with pytest.raises(Fault) as fault:
        call()
    assert fault.value.reason == "STORE_FAULT"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", CHEAP_PIN) as server:
        yield server


@pytest.fixture
def link(server: Server) -> Iterator[Link]:
    with linked(server) as link:
        yield link


def test_a_guess_that_cannot_be_charged_is_not_looked_at(server: Server, link: Link) -> None:
    erik = link.desk.subscriber()
    opened = link.opened(NewLogin(SERVICE_PROVIDER), erik.phone)
    with nothing_can_be_written(server):
        for pin in (PIN_WRONG, PIN, PIN_WRONG, PIN):
            fails(functools.partial(erik.phone.approve, opened, pin))
        fails(lambda: erik.phone.change_pin(PIN, "608315"))
        assert server.pin_checks() == 0
    assert erik.authenticator().strikes == 0
    with pytest.raises(Denied) as wrong:
        erik.phone.approve(opened, PIN_WRONG)
    assert (wrong.value.reason, wrong.value.attempts_left) == ("PIN_WRONG", 2)
    erik.phone.approve(opened, PIN)


def test_a_login_whose_redemption_cannot_be_kept_gives_no_assertion(
    server: Server, link: Link
) -> None:
    erik = link.desk.subscriber()
    new = NewLogin(SERVICE_PROVIDER)
    opened = link.opened(new, erik.phone)
    erik.phone.approve_with_biometrics(opened)
    with nothing_can_be_written(server):
        fails(lambda: link.redeem(new, opened.login_id))
    assert link.redeem(new, opened.login_id) == "OK"
    assert link.redeem(new, opened.login_id) == "LOGIN_REDEEMED"


def test_an_approval_a_block_or_a_phone_that_cannot_be_kept_is_none(
    server: Server, link: Link
) -> None:
    erik = link.desk.subscriber()
    new = NewLogin(SERVICE_PROVIDER)
    opened = link.opened(new, erik.phone)
    astrid = link.desk.create("astrid")
    begun = Activation.begin(link.channel, "astrid", link.desk.issue_code(astrid))
    with nothing_can_be_written(server):
        fails(lambda: erik.phone.approve_with_biometrics(opened))
        fails(lambda: link.desk.block(erik.identity_id, b"", blocked=True))
        fails(lambda: begun.finish(PIN))
    assert link.redeem(new, opened.login_id) == "LOGIN_NOT_APPROVED"
    assert not link.desk.find(erik.identity_id).blocked
    assert not link.desk.find(astrid).authenticators
    begun.finish(PIN)
    erik.phone.approve_with_biometrics(opened)
    assert link.redeem(new, opened.login_id) == "OK"
