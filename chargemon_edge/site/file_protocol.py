"""By which protocol a charge point gets a file: what it can, what this box offers, and which is best. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

FileProtocol = Literal["HTTP", "HTTPS", "FTP", "FTPS"]
"""As SupportedFileTransferProtocols spells them (security white paper, configuration keys)."""

KEY: Final = "SupportedFileTransferProtocols"
# a charger that came in the clear need not trust our certificates, so what is encrypted comes later for it
_IN_THE_CLEAR: Final[tuple[FileProtocol, ...]] = ("HTTP", "HTTPS", "FTP", "FTPS")
_SECURE: Final[tuple[FileProtocol, ...]] = ("HTTPS", "HTTP", "FTPS", "FTP")


def choices(
    offered: Collection[FileProtocol], *, quirk: tuple[FileProtocol, ...] | None, key: str | None, secure: bool
) -> tuple[FileProtocol, ...]:
    """Those that both speak, the best first.

    *quirk*: what is known of its model, which goes before what it says; *key*: the value of
    SupportedFileTransferProtocols, as it was read; *secure*: whether its link has TLS.
    """
    if quirk is not None:
        return tuple(one for one in quirk if one in offered)
    order = _SECURE if secure else _IN_THE_CLEAR
    said = {word.strip().upper() for word in (key or "").split(",")} - {""}
    return tuple(one for one in order if one in offered and (not said or one in said))
