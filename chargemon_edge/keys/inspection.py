"""Looks at the files of keys and certificates as they lie there, whether a daemon runs or not. Changes none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from chargemon_edge.keys import authority as authorities
from chargemon_edge.keys.authority import KINDS
from chargemon_edge.keys.pem import KeysError, read_certificates, read_pair
from chargemon_edge.keys.settings import KeysSettings


class Inspected(NamedTuple):
    """One file."""

    use: str
    path: Path
    ours: bool
    """Made here, not given."""
    fault: str | None
    """Why it cannot be used; then the rest says nothing."""
    ends_utc_ms: int = 0
    missing: tuple[str, ...] = ()
    """Names of this box that it is not for."""


def inspect(settings: KeysSettings, directory: Path, names: Sequence[str]) -> Iterator[Inspected]:
    """Roots and server certificates of both kinds, and the roots of others; what was never made is left out."""
    roots: dict[str, x509.Certificate] = {}
    for kind in KINDS:
        path = directory / f"root-{kind}.pem"
        found = _read(f"root {kind}", path, ours=True)
        if found is not None:
            yield found[0]
            if found[1]:
                roots[kind] = found[1][0]
    given = {"ecdsa": settings.server_certificate, "rsa": settings.server_certificate_rsa}
    for kind in KINDS:
        own = given[kind]
        path = directory / f"server-{kind}.pem" if own is None else Path(own)
        found = _read(f"server certificate {kind}", path, ours=own is None, must_be=own is not None)
        if found is not None:
            yield _as_server(*found, roots.get(kind) if own is None else None, (*settings.names, *names))
    if settings.charger_authorities is not None:
        yield from _foreign(Path(settings.charger_authorities))


def _read(
    use: str, path: Path, *, ours: bool, must_be: bool = False
) -> tuple[Inspected, list[x509.Certificate]] | None:
    try:
        _, certificates = read_pair(path)
    except FileNotFoundError:
        return (Inspected(use, path, ours, "there is no such file"), []) if must_be else None
    except (KeysError, OSError) as error:
        return Inspected(use, path, ours, str(error)), []
    return Inspected(use, path, ours, None, _ends(certificates[0])), certificates


def _as_server(
    found: Inspected, chain: list[x509.Certificate], root: x509.Certificate | None, names: Sequence[str]
) -> Inspected:
    if not chain:
        return found
    issuers = [*chain[1:], *([] if root is None else [root])]
    for one, issuer in zip(chain, issuers, strict=False):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            return found._replace(fault="its chain is broken: a certificate was not signed by the next one")
    return found._replace(missing=tuple(sorted(set(names) - authorities.names_in(chain[0]))))


def _foreign(path: Path) -> Iterator[Inspected]:
    try:
        for place, one in enumerate(read_certificates(path), 1):
            yield Inspected(f"charger authority {place}", path, ours=False, fault=None, ends_utc_ms=_ends(one))
    except KeysError as error:
        yield Inspected("charger authorities", path, ours=False, fault=str(error))


def _ends(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp() * 1000)
