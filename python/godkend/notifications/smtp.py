"""E-mail by SMTP (RFC 5321), to whatever server is configured."""

from __future__ import annotations

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from godkend.notifications.carrier import NotCarried
from godkend.notifications.texts import DANISH, ENGLISH, GERMAN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godkend.config import EmailConfig
    from godkend.notifications.writing import Written

LANGUAGE_TAGS: Final[Mapping[int, str]] = {DANISH: "da", ENGLISH: "en", GERMAN: "de"}


class Smtp:
    """Hands each message to the server over a connection of its own."""

    def __init__(self, config: EmailConfig, password: str) -> None:
        self._config = config
        self._password = password
        self._tls = ssl.create_default_context(cafile=config.ca_file)

    def carry(self, message: Written) -> None:
        """Returns once the server has taken the message over."""
        try:
            with self._connected() as server:
                server.send_message(self._mail(message))
        except smtplib.SMTPRecipientsRefused as error:
            ((code, _),) = error.recipients.values()
            raise _refused(code) from error
        except smtplib.SMTPResponseException as error:
            # A wrong password is the operator's to mend, and no reason to give a message up.
            for_good = not isinstance(error, smtplib.SMTPAuthenticationError)
            raise _refused(error.smtp_code, for_good=for_good) from error
        except ssl.SSLError as error:
            raise NotCarried(f"TLS: {error.reason}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise NotCarried(_why(error)) from error

    def _connected(self) -> smtplib.SMTP:
        config, timeout_s = self._config, self._config.timeout_ms / 1_000
        server: smtplib.SMTP
        if config.security == "tls":
            server = smtplib.SMTP_SSL(
                config.host, config.port, timeout=timeout_s, context=self._tls
            )
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=timeout_s)
        try:
            if config.security == "starttls":
                # Raises where the server does not offer it: never on without.
                server.starttls(context=self._tls)
            if config.username:
                server.login(config.username, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, message: Written) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._config.sender
        mail["To"] = message.address
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.at_ms / 1_000, UTC))
        # The same each time, by which a reader, or a server on the way, knows it again.
        mail["Message-ID"] = f"<{message.message_id}@{self._config.sender.partition('@')[2]}>"
        # RFC 3834: nobody's holiday notice answers.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.words)
        mail["Content-Language"] = LANGUAGE_TAGS[message.language]
        return mail


def _refused(code: int, *, for_good: bool = True) -> NotCarried:
    return NotCarried(f"SMTP {code}", for_good=for_good and 500 <= code < 600)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if (
        isinstance(error, OSError)
        and error.strerror
        and not isinstance(error, smtplib.SMTPException)
    ):
        return error.strerror
    return type(error).__name__
