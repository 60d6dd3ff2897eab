"""The certificates of the states whose passports are believed, as an operator keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".pem"
MARK = "-----BEGIN CERTIFICATE-----"


class TrustAnchorsError(Exception):
    """They cannot be read; the message is one line for the operator."""


def read_trust_anchors(path: Path) -> str:
    """What a file holds, or the files of a folder that end in .pem, in the order of their names.

    A path that holds no certificate is a mistake: nobody configures that nobody is believed. Raises
    `TrustAnchorsError`.
    """
    try:
        files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        text = "\n".join(file.read_text("ascii", "replace") for file in files)
    except OSError as error:
        raise TrustAnchorsError(f"{path}: {error.strerror}") from error
    if MARK not in text:
        raise TrustAnchorsError(f"{path}: holds no certificate (PEM)")
    return text
