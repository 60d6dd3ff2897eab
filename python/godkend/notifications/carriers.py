"""Who carries what, as configured: what nobody else carries goes into the folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godkend.notifications.folder import Folder
from godkend.notifications.table import Channel

if TYPE_CHECKING:
    from godkend.config import Config
    from godkend.notifications.carrier import Carrier


class CarrierError(Exception):
    """A carrier cannot be had as configured; the message is one line for the operator."""


def carriers_of(config: Config) -> dict[Channel, Carrier]:
    """A carrier for each channel. Raises `CarrierError`."""
    folder = Folder(config.messages)
    return {Channel.SMS: folder, Channel.EMAIL: folder}
