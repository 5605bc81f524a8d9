"""What the configuration may say about keys and certificates. Must never hold a key itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

CommonName = Literal["either", "identity", "serial"]


class KeysSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``[keys]``: whose certificates are made, whose are used, and for how long they hold."""

    names: tuple[str, ...] = ()
    """Names and addresses under which chargers dial this box; the first is the certificate's common name. Empty: this
    machine's own name. Its addresses are always added."""
    organisation: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "chargemon-edge"
    """The organisation (O) in the certificates that are made here."""
    common_name: CommonName = "either"
    """What a charger's certificate must be named after: its identity, the serial number that it gave at its boot (the
    security white paper's way), or either."""
    require_organisation: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """The organisation that a charger's signing request must name; None: any."""
    server_days: Annotated[int, msgspec.Meta(ge=30, le=3650)] = 825
    charger_days: Annotated[int, msgspec.Meta(ge=30, le=3650)] = 730
    renew_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 60
    """Certificates made here are renewed so long before they end; of others it is told."""
    server_certificate: str | None = None
    """The operator's own ECDSA certificate: a PEM file with the key and the chain. None: made here."""
    server_certificate_rsa: str | None = None
    """The operator's own RSA certificate, likewise."""
    charger_authorities: str | None = None
    """A PEM file of roots whose certificates chargers may show, besides those made here."""
    server_root: str | None = None
    """A PEM file with the root that chargers must install to trust the operator's own server certificate."""


def mistakes(settings: KeysSettings) -> Iterator[str]:
    """Everything that makes the settings unusable, one sentence each."""
    if settings.renew_days * 2 > min(settings.server_days, settings.charger_days):
        yield "renew_days must be at most half of server_days and of charger_days"
    for name in settings.names:
        if not name.isascii() or not name or any(not (one.isalnum() or one in ".-:") for one in name):
            yield f"names: {name!r} is neither a host name nor an address"
