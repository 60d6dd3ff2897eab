"""SMS by a webhook: each message is POSTed to the gateway, signed so that it can tell whose it is.

The request of one message:

    POST /as/configured
    Content-Type: application/json
    Godkend-Message-Id: 3f2a...        the same each time that this message is sent
    Godkend-Timestamp: 1800000000      Unix time in seconds
    Godkend-Signature: v1=9c56...      HMAC-SHA-256 over timestamp, full stop and body, in hex

    {"message_id": "3f2a...", "to": "+4512345678", "text": "..."}

Any status of 200 to 299 takes the message over. 408, 425, 429 and 500 to 599, and no answer at all,
have it sent again; any other status refuses it for good. A message may come more than once: a
gateway sends each id once. `verify` is the reference for gateways, which check the signature before
they read the body and refuse what is older than five minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson

from godkend.notifications.carrier import NotCarried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from godkend.config import SmsConfig
    from godkend.notifications.writing import Written

MESSAGE_ID: Final = "Godkend-Message-Id"
TIMESTAMP: Final = "Godkend-Timestamp"
SIGNATURE: Final = "Godkend-Signature"
VERSION: Final = "v1="
AGE_S_MAX: Final = 300
LATER: Final = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses after which the same message may be taken."""


class Webhook:
    """POSTs each message to the gateway over a connection of its own.

    Follows no redirect: what is in a message is for the one that was configured.
    """

    def __init__(
        self, config: SmsConfig, key: bytes, now_s: Callable[[], float] = time.time
    ) -> None:
        self._url = urlsplit(config.url)
        self._key = key
        self._timeout_s = config.timeout_ms / 1_000
        self._tls = ssl.create_default_context(cafile=config.ca_file)
        self._now_s = now_s

    def carry(self, message: Written) -> None:
        """Returns once the gateway has taken the message over."""
        body = orjson.dumps(
            {"message_id": message.message_id, "to": message.address, "text": message.words}
        )
        timestamp = str(int(self._now_s()))
        headers = {
            "Content-Type": "application/json",
            MESSAGE_ID: message.message_id,
            TIMESTAMP: timestamp,
            SIGNATURE: sign(self._key, timestamp, body),
        }
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        connection = self._connection()
        try:
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status
        except TimeoutError as error:
            raise NotCarried("timeout") from error
        except (OSError, http.client.HTTPException) as error:
            raise NotCarried(type(error).__name__) from error
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise NotCarried(f"HTTP {status}", for_good=status not in LATER)

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout_s, context=self._tls
            )
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)


def sign(key: bytes, timestamp: str, body: bytes) -> str:
    """The signature of a body at a time."""
    digest = hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256)
    return VERSION + digest.hexdigest()


def verify(key: bytes, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether a request was made by whoever has the key, just now.

    `headers` by the names above; `body` as received, byte for byte.
    """
    timestamp = headers.get(TIMESTAMP, "")
    expected = sign(key, timestamp, body)
    signed = hmac.compare_digest(expected.encode(), headers.get(SIGNATURE, "").encode())
    recent = (
        timestamp.isascii() and timestamp.isdigit() and abs(now_s - int(timestamp)) <= AGE_S_MAX
    )
    return signed and recent
