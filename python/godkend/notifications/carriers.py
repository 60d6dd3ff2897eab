"""Who carries what, as configured: what nobody else carries goes into the folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from godkend.notifications.folder import Folder
from godkend.notifications.smtp import Smtp
from godkend.notifications.table import Channel
from godkend.notifications.webhook import Webhook

if TYPE_CHECKING:
    from pathlib import Path

    from godkend.config import Config
    from godkend.notifications.carrier import Carrier

KEY_BYTES_MIN, KEY_BYTES_MAX = 32, 1_024


class CarrierError(Exception):
    """A carrier cannot be had as configured; the message is one line for the operator."""


def carriers_of(config: Config) -> dict[Channel, Carrier]:
    """A carrier for each channel. Raises `CarrierError`."""
    kept_ms = orjson.loads(config.policy_json())["notification"]["kept_ms"]
    folder = Folder(config.messages, kept_ms)
    carriers: dict[Channel, Carrier] = {Channel.SMS: folder, Channel.EMAIL: folder}
    email, sms = config.notifications.email, config.notifications.sms
    try:
        if email is not None:
            password = _secret(email.password_file) if email.password_file is not None else b""
            carriers[Channel.EMAIL] = Smtp(email, password.decode())
        if sms is not None:
            key = _secret(sms.key_file)
            if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
                raise CarrierError(
                    f"{sms.key_file}: must hold {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes"
                )
            carriers[Channel.SMS] = Webhook(sms, key)
    except OSError as error:
        # A certificate file that is none, too: ssl says so with an OSError.
        where = f"{error.filename}: " if error.filename else "notifications: "
        raise CarrierError(f"{where}{error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CarrierError("notifications.email.password_file: is not UTF-8") from error
    return carriers


def _secret(path: Path) -> bytes:
    return path.read_bytes().strip()
