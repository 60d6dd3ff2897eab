"""Who calls, by the tokens they show; and the tokens of local clients."""

from __future__ import annotations

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from godkend.clients import (
    ROLES,
    Client,
    Clients,
    ClientsError,
    load_local_token,
    local_clients,
    token_digest,
)

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "token-0123456789-0123456789-0123456789"


def client(token: str = TOKEN, name: str = "portal", providers: tuple[str, ...] = ()) -> Client:
    return Client(name, "front-end", token_digest(token), frozenset(providers))


def test_a_client_is_found_by_its_token_and_by_nothing_else() -> None:
    portal = client()
    clients = Clients([portal, client("another", "bank")])
    assert clients.find(f"Bearer {TOKEN}") is portal
    digest = token_digest(TOKEN)
    for wrong in (
        "",
        TOKEN,
        f"bearer {TOKEN}",
        f"Bearer  {TOKEN}",
        f"Bearer {TOKEN} ",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        "Bearer ",
        f"Bearer {digest.hex()}",
        "Bearer \udcff",
    ):
        assert clients.find(wrong) is None


def test_two_clients_do_not_share_a_token() -> None:
    with pytest.raises(ClientsError, match="portal and bank have the same token"):
        Clients([client(), client(name="bank")])


def test_a_digest_is_sha256() -> None:
    assert token_digest("abc") == hashlib.sha256(b"abc").digest()


def test_a_front_end_serves_those_it_names_or_all_if_it_is_local() -> None:
    portal = client(providers=("tax", "health"))
    assert portal.serves("tax")
    assert not any(map(portal.serves, ("bank", "TAX", "tax ", "", "*")))
    assert client(providers=("*",)).serves("whoever")
    assert not client().serves("tax")


def test_the_first_start_makes_a_client_of_each_role_with_a_token_of_its_own(
    tmp_path: Path,
) -> None:
    made = local_clients(tmp_path)
    assert [each.role for each in made] == list(ROLES)
    assert [each.name for each in made] == [f"local-{role}" for role in ROLES]
    path = tmp_path / "clients.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["clients.json"]
    tokens = {load_local_token(tmp_path, role) for role in ROLES}
    assert len(tokens) == len(ROLES)
    assert all(len(token) == 43 for token in tokens)
    for each in made:
        assert token_digest(load_local_token(tmp_path, each.role)) == each.token_digest
        assert each.serves("anybody") == (each.role in {"front-end", "self-service"})


def test_a_later_start_reads_what_the_first_one_made(tmp_path: Path) -> None:
    first = local_clients(tmp_path)
    before = (tmp_path / "clients.json").read_bytes()
    again = local_clients(tmp_path)
    assert [c.token_digest for c in first] == [c.token_digest for c in again]
    assert (tmp_path / "clients.json").read_bytes() == before


def test_servers_that_start_at_once_agree_on_the_tokens(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: local_clients(tmp_path), range(32)))
    assert len({tuple(each.token_digest for each in clients) for clients in made}) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["clients.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_tokens_that_others_can_read_are_not_believed(tmp_path: Path, mode: int) -> None:
    local_clients(tmp_path)
    path = tmp_path / "clients.json"
    path.chmod(mode)
    with pytest.raises(ClientsError, match=rf"can be read by others .mode {mode:04o}") as raised:
        local_clients(tmp_path)
    assert "\n" not in str(raised.value)
    with pytest.raises(ClientsError):
        load_local_token(tmp_path, "auditor")


WHOLE: dict[str, Any] = {"role": "support", "token": "x" * 43, "service_providers": []}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"x": 1}',
        *(
            orjson.dumps({"local-support": {**WHOLE, **change}})
            for change in (
                {"role": "king"},
                {"token": "short"},
                {"token": 1},
                {"service_providers": "tax"},
                {"service_providers": [1]},
                {"more": 1},
            )
        ),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_without_its_tokens(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "clients.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ClientsError) as raised:
        local_clients(tmp_path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "x" * 43 not in str(raised.value)


def test_a_missing_file_or_role_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ClientsError, match=r"cannot read .*No such file"):
        load_local_token(tmp_path, "auditor")
    path = tmp_path / "clients.json"
    path.write_bytes(orjson.dumps({"local-support": WHOLE}))
    path.chmod(0o600)
    assert load_local_token(tmp_path, "support") == "x" * 43
    with pytest.raises(ClientsError, match="no client local-auditor"):
        load_local_token(tmp_path, "auditor")


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ClientsError, match="cannot make"):
        local_clients(tmp_path / "file" / "inside")
