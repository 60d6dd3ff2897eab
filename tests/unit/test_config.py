"""One configuration: where each value comes from, and what is refused by name."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from godkend.config import Config, is_loopback, split_listen
from godkend.config_sources import ENV_OF_THE_CLI, ConfigError, load_config

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "ab" * 32


def refusal(
    text: str = "",
    tmp_path: Path | None = None,
    *,
    flags: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
) -> list[str]:
    """The lines with which a configuration is refused."""
    path = None
    if tmp_path is not None:
        path = tmp_path / "godkend.toml"
        path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as raised:
        load_config(path, flags, environ or {})
    assert str(raised.value) == "\n".join(raised.value.lines)
    return raised.value.lines


def written(tmp_path: Path, text: str) -> Path:
    """A file with this text."""
    path = tmp_path / "godkend.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_any_source_everything_has_its_default() -> None:
    loaded = load_config(environ={})
    assert loaded.config == Config()
    assert loaded.origins == {}
    assert loaded.config.server.listen == "127.0.0.1:7443"
    assert loaded.config.store == "godkend-data/godkend.db"


def test_flags_come_before_environment_before_file_before_default(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'data_dir = "file"\n[server]\nlisten = "127.0.0.1:1"\ncalls_max = 1\nreuse_port = true\n',
    )
    loaded = load_config(
        path,
        {"server": {"listen": "127.0.0.1:3", "tls_key": None}, "data_dir": None},
        {"GODKEND_SERVER__LISTEN": "127.0.0.1:2", "GODKEND_SERVER__CALLS_MAX": "2"},
    )
    server = loaded.config.server
    assert server.listen == "127.0.0.1:3"
    assert server.calls_max == 2
    assert server.reuse_port is True
    assert str(loaded.config.data_dir) == "file"
    assert loaded.origins == {
        ("server", "listen"): "flag",
        ("server", "calls_max"): "environment",
        ("server", "reuse_port"): str(path),
        ("data_dir",): str(path),
    }


def test_what_is_shown_is_toml_says_where_it_comes_from_and_reads_back_the_same(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "[policy.login]\nlife_ms = 60000\n")
    loaded = load_config(path, {"log": {"level": "debug"}}, {"GODKEND_SERVER__CALLS_MAX": "7"})
    shown = loaded.show()
    assert 'level = "debug"  # flag' in shown
    assert "calls_max = 7  # environment" in shown
    assert f"life_ms = 60000  # {path}" in shown
    assert 'listen = "127.0.0.1:7443"  # default' in shown
    again = load_config(written(tmp_path, shown), environ={}).config
    assert again.policy_json() == loaded.config.policy_json()
    assert again.server == loaded.config.server
    assert tomllib.loads(shown)["policy"]["lockout"]["strikes_max"] == 9


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("typo = 1", "typo: unknown key"),
        ("[server]\ntypo = 1", "server.typo: unknown key"),
        ("[servers]\nlisten = 'x:1'", "servers: unknown key"),
        ("[policy]\ntypo = 1", "policy: "),
        ("[policy.login]\nlife_ms = 1", "policy.login.life_ms: must be 1000 to 3600000"),
        ("[policy.pin]\nmemory_kib = 7", "policy.pin.memory_kib: must be"),
        ("[server]\nlisten = 'localhost'", 'server.listen: must be "host:port"'),
        ("[server]\nlisten = '127.0.0.1:65536'", 'server.listen: must be "host:port"'),
        ("[server]\nlisten = '::1:1'", "server.listen: must have an IPv6 host in brackets"),
        ("[server]\nmessage_bytes_max = 16383", "server.message_bytes_max: must be greater"),
        ("[server]\nmessage_bytes_max = 4194305", "server.message_bytes_max: must be less"),
        ("[server]\ncalls_max = 0", "server.calls_max: must be greater"),
        ("[server]\ncalls_max = 'many'", "server.calls_max: must be a valid integer"),
        ("[log]\nlevel = 'loud'", "log.level: must be 'debug', 'info', 'warning' or 'error'"),
        ("server = 1", "server: must be"),
        ("[server]\ntls_certificate = 'x'", "server: tls_certificate and tls_key go together"),
        ("[server]\nlisten = '0.0.0.0:1'", "server: listen is 0.0.0.0:1, which is not loopback"),
        ("[clients.X]\nrole = 'support'", "clients.X"),
        ("[clients.device]\nrole = 'support'", "clients.device: device is what the history"),
        ("[server]\nsource_metadata = 'X-Forwarded-For'", "server.source_metadata: must match"),
        ("[clients.x]\nrole = 'king'", "clients.x.role: must be 'front-end', 'registrar'"),
    ],
)
def test_what_is_wrong_is_named_with_its_key_and_its_file(
    tmp_path: Path, text: str, line: str
) -> None:
    lines = refusal(text, tmp_path)
    assert any(each.startswith(line) for each in lines), lines
    assert all("\n" not in each for each in lines)
    assert any(str(tmp_path) in each for each in lines)


@pytest.mark.parametrize(
    ("role", "providers", "said"),
    [
        ("front-end", "[]", "service_providers are for front-ends and self-service, which need"),
        ("support", '["tax"]', "service_providers are for front-ends"),
        ("front-end", '["*"]', "service_providers must be named"),
        ("front-end", '["tax", "*"]', "service_providers must be named"),
        ("front-end", '[""]', "at least 1 character"),
    ],
)
def test_a_client_has_what_its_role_needs(
    tmp_path: Path, role: str, providers: str, said: str
) -> None:
    text = (
        f'[clients.c]\nrole = "{role}"\ntoken_sha256 = "{DIGEST}"\n'
        f"service_providers = {providers}\n"
    )
    assert any(said in line for line in refusal(text, tmp_path))


@pytest.mark.parametrize("digest", ["", "ab" * 31, "ab" * 33, "AB" * 32, "zz" * 32])
def test_a_token_is_configured_by_its_digest_in_lower_case_hex(tmp_path: Path, digest: str) -> None:
    text = f'[clients.c]\nrole = "support"\ntoken_sha256 = "{digest}"\n'
    assert any("clients.c.token_sha256" in line for line in refusal(text, tmp_path))


def test_business_services_are_some_of_a_front_ends(tmp_path: Path) -> None:
    text = (
        f'[clients.c]\nrole = "front-end"\ntoken_sha256 = "{DIGEST}"\n'
        'service_providers = ["tax", "trade"]\nbusiness_service_providers = ["trade"]\n'
    )
    (client,) = load_config(written(tmp_path, text), environ={}).config.named_clients()
    assert [client.offers_business(name) for name in ("tax", "trade", "x")] == [False, True, False]
    for wrong, told in (
        (text.replace('["trade"]', '["bank"]'), "must be among service_providers"),
        (text.replace("front-end", "self-service"), "are for front-ends"),
    ):
        assert any(told in line for line in refusal(wrong, tmp_path))


def test_a_day_of_the_policy_is_written_as_a_day_or_as_text(tmp_path: Path) -> None:
    text = '[policy.nemid]\nlimited_from = 2023-12-01\nclosed_from = "2024-02-29"\n'
    policy = orjson.loads(load_config(written(tmp_path, text), environ={}).config.policy_json())
    days = (policy["nemid"]["limited_from"], policy["nemid"]["closed_from"])
    assert days == ("2023-12-01", "2024-02-29")
    told = refusal(text.replace("02-29", "02-30"), tmp_path)
    assert any("must be a day of the calendar" in line for line in told)


def test_banks_and_the_profile_are_some_of_a_front_ends(tmp_path: Path) -> None:
    text = (
        f'[clients.c]\nrole = "front-end"\ntoken_sha256 = "{DIGEST}"\n'
        'service_providers = ["tax", "bank", "mine"]\n'
        'bank_service_providers = ["bank"]\nprofile_service_providers = ["mine"]\n'
    )
    (client,) = load_config(written(tmp_path, text), environ={}).config.named_clients()
    assert [client.service_kind(it) for it in ("tax", "bank", "mine", "x")] == [1, 2, 3, 1]
    for wrong, told in (
        (text.replace('providers = ["bank"]', 'providers = ["x"]'), "among service_providers"),
        (text.replace("front-end", "self-service"), "are for front-ends"),
        (text.replace('["bank"]\nprofile', '["mine"]\nprofile'), "and not both"),
    ):
        assert any(told in line for line in refusal(wrong, tmp_path))


def test_clients_of_the_file_are_the_callers(tmp_path: Path) -> None:
    text = (
        f'[clients.portal]\nrole = "front-end"\ntoken_sha256 = "{DIGEST}"\n'
        'service_providers = ["tax", "health"]\n'
    )
    (client,) = load_config(written(tmp_path, text), environ={}).config.named_clients()
    assert (client.name, client.role) == ("portal", "front-end")
    assert client.token_digest.hex() == DIGEST
    assert client.serves("tax")
    assert not client.serves("bank")


def test_an_address_other_than_loopback_needs_tls_or_a_word_that_it_does_not() -> None:
    for listen in ("0.0.0.0:1", "192.0.2.1:1", "example.org:1", "[::]:1"):
        with pytest.raises(ValueError, match="not loopback"):
            Config.model_validate({"server": {"listen": listen}})
        assert (
            Config.model_validate(
                {"server": {"listen": listen, "insecure_plaintext": True}}
            ).server.tls
            is False
        )
        secured = {"listen": listen, "tls_certificate": "chain.pem", "tls_key": "key.pem"}
        assert Config.model_validate({"server": secured}).server.tls is True
    for listen in ("127.0.0.1:1", "localhost:0", "[::1]:1", "127.9.9.9:1"):
        assert Config.model_validate({"server": {"listen": listen}}).server.listen == listen


@pytest.mark.parametrize(
    ("listen", "split"),
    [
        ("127.0.0.1:7443", ("127.0.0.1", 7443)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_host_and_port_come_apart(listen: str, split: tuple[str, int]) -> None:
    assert split_listen(listen) == split


@pytest.mark.parametrize(
    "listen", ["", ":", "x", ":1", "x:", "x:-1", "x:65536", "x:\u0661", "::1:1", "[::1]"]
)
def test_what_is_no_host_and_port_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="must"):
        split_listen(listen)


def test_only_this_machine_is_loopback() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.1.2.3", "::1"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.0.2.1", "localhost.example", ""]))


def test_reflection_is_answered_on_loopback_alone_unless_said_otherwise() -> None:
    def reflects(**server: Any) -> bool:
        return Config.model_validate({"server": server}).server.reflects

    abroad = {"listen": "0.0.0.0:1", "insecure_plaintext": True}
    assert reflects() is True
    assert reflects(reflection=False) is False
    assert reflects(**abroad) is False
    assert reflects(**abroad, reflection=True) is True


def test_a_variable_that_nobody_knows_is_refused_by_its_name() -> None:
    lines = refusal(environ={"GODKEND_LISTEN": "x:1", "GODKEND_SERVR__LISTEN": "x:1"})
    assert lines == [
        "GODKEND_LISTEN: unknown key (from environment)",
        "GODKEND_SERVR__LISTEN: unknown key (from environment)",
    ]
    (line,) = refusal(environ={"GODKEND_SERVER__TYPO": "1"})
    assert line == "server.typo: unknown key (from environment)"


def test_variables_of_the_cli_of_kubernetes_and_of_others_are_not_ours() -> None:
    environ = dict.fromkeys(ENV_OF_THE_CLI, "x") | {
        "GODKEND_SERVICE_HOST": "10.0.0.1",
        "GODKEND_SERVICE_PORT": "7443",
        "GODKEND_SERVICE_PORT_GRPC": "7443",
        "GODKEND_PORT": "tcp://10.0.0.1:7443",
        "GODKEND_PORT_7443_TCP": "tcp://10.0.0.1:7443",
        "PATH": "/bin",
    }
    assert load_config(environ=environ).config == Config()


def test_the_environment_gives_the_cores_numbers_as_numbers() -> None:
    config = load_config(environ={"GODKEND_POLICY__LOGIN__LIFE_MS": "60000"}).config
    assert orjson.loads(config.policy_json())["login"]["life_ms"] == 60_000
    (line,) = refusal(environ={"GODKEND_POLICY__LOGIN__LIFE_MS": "1"})
    assert line.startswith("policy.login.life_ms: must be 1000 to 3600000")
    assert line.endswith("(from environment)")


def test_a_file_that_cannot_be_read_or_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: cannot be read: No such file"):
        load_config(tmp_path / "nothing.toml", environ={})
    for text in ("[server", "a = ", "= 1"):
        (line,) = refusal(text, tmp_path)
        assert "is not TOML" in line
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(path, environ={})


def test_a_configuration_is_frozen() -> None:
    config = Config()
    for section, field in ((config, "data_dir"), (config.server, "listen"), (config.log, "level")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(section, field, "x")


def test_a_configuration_that_is_built_takes_nothing_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GODKEND_SERVER__CALLS_MAX", "7")
    assert Config().server.calls_max == 8_192
