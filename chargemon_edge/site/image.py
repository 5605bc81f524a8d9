"""A firmware image as the library knows it, and which chargers it fits. Must never read a file."""

from __future__ import annotations

from typing import Final

import msgspec

from chargemon_edge.site.charger_model import Nameplate, has_number, one_of, within

IMAGE_ID_DIGITS: Final = 16
"""An image is called by so many of its digest's first hexadecimal digits."""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the library. What it is called on disk follows from its digest and from nothing that anybody says."""

    sha256: str
    """Hexadecimal, lower case."""
    size_bytes: int
    file_name: str
    """The last part of its addresses: some chargers look at the ending."""
    vendor: str
    """Pattern of chargePointVendor, with ``*``."""
    models: tuple[str, ...]
    """Patterns of chargePointModel."""
    version: str
    """What a charger says as firmwareVersion once it runs this."""
    from_versions: str = ""
    """Bounds of the versions it may follow upon, such as ``>= 4, < 5.2``; empty: any."""
    signature: str | None = None
    """Of the file, base64 (security white paper, SignedUpdateFirmware); None: it is not signed."""
    signing_certificate: str | None = None
    """PEM; it has verified the signature."""
    added_utc_ms: int
    added_by: str

    @property
    def image_id(self) -> str:
        """What people and records call it."""
        return self.sha256[:IMAGE_ID_DIGITS]

    def misfit(self, nameplate: Nameplate | None) -> str | None:
        """Why it is not for a charger with this nameplate (None: it never booted here); None: it is."""
        if nameplate is None:
            return "it has not said yet what model it is"
        if not one_of((self.vendor,), nameplate.vendor) or not one_of(self.models, nameplate.model):
            return f"made for {self.vendor} {' or '.join(self.models)}, it is a {nameplate.vendor} {nameplate.model}"
        if not self.from_versions:
            return None
        # other than with quirks, who states no version is not taken along: a wrong image can be its last
        if not has_number(nameplate.firmware) or not within(nameplate.firmware, self.from_versions):
            return f"follows upon versions {self.from_versions}, it has {nameplate.firmware or 'told none'}"
        return None
