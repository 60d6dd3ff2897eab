"""E-mail through a real SMTP server, SMS through a real webhook."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import ssl
import threading
import warnings
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from godkend.config import Config, EmailConfig, SmsConfig
from godkend.notifications.carrier import NotCarried
from godkend.notifications.carriers import CarrierError, carriers_of
from godkend.notifications.smtp import Smtp
from godkend.notifications.table import Channel
from godkend.notifications.texts import GERMAN
from godkend.notifications.webhook import Webhook, verify
from godkend.notifications.writing import Written
from tests.service.test_notifications import ADDRESS, NUMBER, reached
from tests.service.world import PATIENCE_S, a_world

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = b"k" * 32
NOW_S = 1_800_000_000
SENDER = "noreply@login.example"
PASSWORD = "a password of the server"
MESSAGE = Written(
    message_id="3f" * 16,
    channel=Channel.EMAIL,
    address=ADDRESS,
    language=GERMAN,
    kind="identity.blocked",
    at_ms=NOW_S * 1_000,
    subject="Ihre Identität ist gesperrt",
    words="Ihre Identität wurde gesperrt.",
)


class Mailbox:
    """What an SMTP server took over, and what it answers."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answer = "250 taken"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("2"):
            self.mails.append((session.authenticated, envelope))
        return self.answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    return path


@contextlib.contextmanager
def smtp_server(
    mailbox: Mailbox, tls: ssl.SSLContext | None = None, **options: Any
) -> Iterator[int]:
    """A real SMTP server on a free port."""

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        return AuthResult(success=right)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def protocol() -> SMTP:
        return SMTP(mailbox, authenticator=check, hostname="localhost", loop=loop, **options)

    async def listening() -> asyncio.Server:
        return await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)

    async def ended(server: asyncio.Server) -> None:
        server.close()
        under_way = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(listening(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(ended(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def smtp(port: int, certificate: Path, **fields: Any) -> Smtp:
    chosen = {"host": "localhost", "port": port, "sender": SENDER, "ca_file": certificate, **fields}
    return Smtp(EmailConfig.model_validate(chosen), PASSWORD)


def tls_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_a_mail_is_taken_over_after_starttls_and_login(certificate: Path, tmp_path: Path) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox, tls_context=tls_of(certificate), require_starttls=True) as port:
        carrier = smtp(port, certificate, username="godkend", password_file=tmp_path)
        carrier.carry(MESSAGE)
    ((authenticated, envelope),) = mailbox.mails
    assert authenticated
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, [ADDRESS])
    text = envelope.content.decode()
    for line in (
        f"Message-ID: <{'3f' * 16}@login.example>",
        "Auto-Submitted: auto-generated",
        "Content-Language: de",
        f"To: {ADDRESS}",
    ):
        assert f"{line}\r\n" in text


def test_a_mail_is_taken_over_by_a_server_that_speaks_tls_from_the_first_byte(
    certificate: Path,
) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox, tls=tls_of(certificate)) as port:
        smtp(port, certificate, security="tls").carry(MESSAGE)
    assert len(mailbox.mails) == 1


def test_without_starttls_a_server_gets_neither_password_nor_mail(
    certificate: Path, tmp_path: Path
) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox, auth_require_tls=False) as port:
        carrier = smtp(port, certificate, username="godkend", password_file=tmp_path)
        with pytest.raises(NotCarried) as refused:
            carrier.carry(MESSAGE)
    assert not refused.value.for_good
    assert mailbox.mails == []


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(certificate: Path) -> None:
    mailbox = Mailbox()
    with smtp_server(mailbox, tls=tls_of(certificate)) as port:
        carrier = smtp(port, certificate, security="tls", ca_file=None)
        with pytest.raises(NotCarried, match="TLS: CERTIFICATE_VERIFY_FAILED") as refused:
            carrier.carry(MESSAGE)
    assert not refused.value.for_good
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("answer", "failure", "for_good"),
    [("451 later", "SMTP 451", False), ("550 never", "SMTP 550", True)],
)
def test_what_the_server_refuses_for_now_is_tried_again_and_for_good_is_not(
    certificate: Path, answer: str, failure: str, for_good: bool
) -> None:
    mailbox = Mailbox()
    mailbox.answer = answer
    with smtp_server(mailbox) as port, pytest.raises(NotCarried) as refused:
        smtp(port, certificate, security="none").carry(MESSAGE)
    assert (refused.value.failure, refused.value.for_good) == (failure, for_good)


def test_where_nobody_listens_it_is_tried_again(certificate: Path) -> None:
    with smtp_server(Mailbox()) as port:
        pass
    with pytest.raises(NotCarried) as refused:
        smtp(port, certificate, security="none").carry(MESSAGE)
    assert not refused.value.for_good
    assert ADDRESS not in refused.value.failure


class Gateway:
    """A real SMS gateway on a free port: it verifies, and answers as it is told."""

    def __init__(self) -> None:
        self.status, self.taken, self.forged = 200, list[dict[str, str]](), 0
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers)
                if not verify(KEY, headers, body, NOW_S):
                    gateway.forged += 1
                elif gateway.status < 300:
                    gateway.taken.append({**json.loads(body), "path": self.path})
                self.send_response(gateway.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/sms?from=godkend"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def webhook(self, tmp_path: Path, key: bytes = KEY) -> Webhook:
        config = SmsConfig(url=self.url, key_file=tmp_path)
        return Webhook(config, key, now_s=lambda: NOW_S)


SMS = replace(MESSAGE, channel=Channel.SMS, address=NUMBER)


def test_a_gateway_takes_over_what_is_signed_with_its_key(tmp_path: Path) -> None:
    with Gateway() as gateway:
        gateway.webhook(tmp_path).carry(SMS)
        gateway.webhook(tmp_path, b"another key" * 3).carry(SMS)
    assert gateway.taken == [
        {
            "message_id": "3f" * 16,
            "to": NUMBER,
            "text": MESSAGE.words,
            "path": "/sms?from=godkend",
        }
    ]
    assert gateway.forged == 1


@pytest.mark.parametrize(
    ("status", "for_good"),
    [(302, True), (400, True), (404, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_a_status_says_whether_to_try_again_and_a_redirect_is_not_followed(
    tmp_path: Path, status: int, for_good: bool
) -> None:
    with Gateway() as gateway:
        gateway.status = status
        with pytest.raises(NotCarried) as refused:
            gateway.webhook(tmp_path).carry(SMS)
    assert (refused.value.failure, refused.value.for_good) == (f"HTTP {status}", for_good)
    assert gateway.taken == []


def test_a_signature_is_of_the_body_and_of_just_now() -> None:
    from godkend.notifications.webhook import SIGNATURE, TIMESTAMP, sign

    body = b'{"text":"x"}'
    headers = {TIMESTAMP: str(NOW_S), SIGNATURE: sign(KEY, str(NOW_S), body)}
    # As `openssl dgst -sha256 -hmac` makes it over "1800000000." and the body.
    assert (
        headers[SIGNATURE] == "v1=c08c0b9b0f196311757308bce1d640cf7d8a75f0daa9fa3628478342acb3b4f7"
    )
    assert verify(KEY, headers, body, NOW_S)
    for now_s in (NOW_S - 300, NOW_S + 300):
        assert verify(KEY, headers, body, now_s)
    for now_s in (NOW_S - 301, NOW_S + 301):
        assert not verify(KEY, headers, body, now_s)
    assert not verify(KEY, headers, body + b" ", NOW_S)
    assert not verify(KEY, {**headers, TIMESTAMP: str(NOW_S + 1)}, body, NOW_S)
    assert not verify(b"K" * 32, headers, body, NOW_S)
    assert not verify(KEY, {TIMESTAMP: str(NOW_S)}, body, NOW_S)
    assert not verify(KEY, {}, body, NOW_S)


async def test_a_server_hands_its_messages_to_those_who_are_configured(
    tmp_path: Path, certificate: Path
) -> None:
    key_file = tmp_path / "sms.key"
    key_file.write_bytes(KEY + b"\n")
    mailbox = Mailbox()
    with Gateway() as gateway, smtp_server(mailbox) as port:
        notifications = {
            "email": {"host": "localhost", "port": port, "sender": SENDER, "security": "none"},
            "sms": {"url": gateway.url, "key_file": str(key_file)},
        }
        async with a_world(tmp_path, notifications=notifications) as world:
            await world.block(await reached(world))
            async with asyncio.timeout(PATIENCE_S):
                # Real gateways look at the real time, so that here each is refused as forged.
                while len(mailbox.mails) < 2 or gateway.forged < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert not world.config.messages.exists()


def config(**notifications: Any) -> Config:
    return Config.model_validate({"notifications": notifications})


@pytest.mark.parametrize(
    "section",
    [
        {"email": {"host": "mail.example", "sender": SENDER, "security": "none"}},
        {"email": {"host": "mail.example", "sender": SENDER, "username": "x"}},
        {"email": {"host": "mail.example", "sender": "nobody"}},
        {"email": {"host": "mail.example", "sender": "a@b.example\r\nBcc: c@d.example"}},
        {"sms": {"url": "http://gateway.example/", "key_file": "key"}},
        {"sms": {"url": "ftp://gateway.example/", "key_file": "key"}},
        {"sms": {"url": "https://user:pass@gateway.example/", "key_file": "key"}},
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../etc/passwd"},
    ],
)
def test_what_would_be_sent_unprotected_or_to_nobody_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="notifications"):
        config(**section)


def test_a_key_that_is_missing_or_short_is_refused_at_the_start(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    sms = {"url": "https://gateway.example/", "key_file": key_file}
    with pytest.raises(CarrierError, match="No such file"):
        carriers_of(config(sms=sms))
    for key, taken in ((b"k" * 31, False), (b"k" * 32, True), (b"k" * 1_024, True)):
        key_file.write_bytes(key)
        if taken:
            assert isinstance(carriers_of(config(sms=sms))[Channel.SMS], Webhook)
        else:
            with pytest.raises(CarrierError, match="must hold 32 to 1024 bytes"):
                carriers_of(config(sms=sms))


def test_no_secret_is_in_what_the_configuration_shows(tmp_path: Path) -> None:
    from godkend.config_sources import load_config

    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "godkend.toml").write_text(
        f"""
        [notifications.email]
        host = "mail.example"
        sender = "{SENDER}"
        username = "godkend"
        password_file = "{tmp_path / "password"}"
        """
    )
    shown = load_config(tmp_path / "godkend.toml", environ={}).show()
    assert str(tmp_path / "password") in shown
    assert PASSWORD not in shown
