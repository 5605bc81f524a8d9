"""A simulated charger's installed certificates (security white paper): kept by their digests, never checked."""

from __future__ import annotations

import hashlib
from typing import Any

Payload = dict[str, Any]

_BEGINS = "-----BEGIN CERTIFICATE-----"
_MOST = 4


class Certificates:
    """Roots by what they are for, and the charger's own."""

    def __init__(self) -> None:
        self.installed: list[tuple[str, str]] = []
        """(use, PEM)"""
        self.own: str | None = None

    def install(self, use: str, certificate: str) -> str:
        """InstallCertificate: Accepted, Rejected (no certificate) or Failed (no room)."""
        if not certificate.lstrip().startswith(_BEGINS):
            return "Rejected"
        if (use, certificate) not in self.installed:
            if len(self.installed) >= _MOST:
                return "Failed"
            self.installed.append((use, certificate))
        return "Accepted"

    def ids(self, use: str) -> list[Payload]:
        """GetInstalledCertificateIds."""
        return [hash_data(certificate) for one, certificate in self.installed if one == use]

    def delete(self, data: Payload) -> str:
        """DeleteCertificate: Accepted or NotFound."""
        kept = [(use, certificate) for use, certificate in self.installed if hash_data(certificate) != data]
        gone = len(kept) < len(self.installed)
        self.installed = kept
        return "Accepted" if gone else "NotFound"

    def signed(self, chain: str) -> str:
        """CertificateSigned: Accepted or Rejected."""
        if not chain.lstrip().startswith(_BEGINS):
            return "Rejected"
        self.own = chain
        return "Accepted"


def hash_data(certificate: str) -> Payload:
    """CertificateHashData: unlike a real charger's it hashes the text whole, but it names one certificate as well."""
    digest = hashlib.sha256(certificate.encode()).hexdigest()
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": digest,
        "issuerKeyHash": digest[::-1],
        "serialNumber": digest[:20],
    }
