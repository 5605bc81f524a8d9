"""All of this box's keys and certificates: loaded or made, renewed in time, and put into the listeners' TLS.

A renewed certificate counts from the next handshake on; links that stand are not touched. Trouble with a file is said
once and costs what needs that file: nothing here ends the daemon.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chargemon_edge.control.certification import CertificateStanding, Certified, CertifyRefused
from chargemon_edge.control.ports import Clock
from chargemon_edge.keys import authority as authorities
from chargemon_edge.keys.authority import KINDS, Authority, Kind
from chargemon_edge.keys.contexts import server_context, trust
from chargemon_edge.keys.pem import KeysError, Pair, PrivateKey, pair_pem, read_certificates, read_pair, write_private
from chargemon_edge.keys.settings import KeysSettings
from chargemon_edge.keys.signing_request import RequestRefused, judged

log = logging.getLogger(__name__)

# a clock before this was never set: this software is younger
CLOCK_FLOOR = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LOOK_S = 3_600.0
LOOK_IN_TROUBLE_S = 60.0
# a root of our own takes years to bring to every charger: tell early
ROOT_WARNING_DAYS = 365


class _Server(msgspec.Struct, frozen=True):
    """A server certificate in use and the state of the file that it came from."""

    certificate: x509.Certificate
    file: tuple[int, int]
    own: bool


class Keyring:
    """Look after it with :meth:`refresh` once before the listeners open, then :meth:`run`."""

    def __init__(
        self, settings: KeysSettings, directory: Path, clock: Clock, addresses: Callable[[], Sequence[str]]
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._clock = clock
        # names and addresses of this box, as they are now
        self._addresses = addresses
        self._authorities: dict[Kind, Authority] = {}
        self._servers: dict[Kind, _Server] = {}
        self._foreign: list[x509.Certificate] | None = None
        # what does not work, by subject: each is logged when it begins and when it ends
        self._trouble: dict[str, str] = {}
        self.tls = server_context(mutual=False)
        self.mutual_tls = server_context(mutual=True)

    # ------------------------------------------------------------ care

    async def run(self) -> None:
        """Renew what is due, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_IN_TROUBLE_S if self._trouble else LOOK_S)
            self.refresh()

    def refresh(self) -> None:
        """Load what is there, make what is missing or due. Never raises for what a file or the clock is like."""
        for kind in KINDS:
            if kind not in self._authorities:
                self._try(f"{kind} root", partial(self._take_authority, kind))
            self._try(f"{kind} server certificate", partial(self._take_server, kind))
        if self._settings.charger_authorities is not None and self._foreign is None:
            self._try("charger_authorities", self._take_foreign)

    @property
    def trouble(self) -> tuple[str, ...]:
        """What does not work now, one sentence each."""
        return tuple(f"{subject}: {why}" for subject, why in sorted(self._trouble.items()))

    def _try(self, subject: str, work: Callable[[], None]) -> None:
        try:
            work()
        except (KeysError, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            if self._trouble.get(subject) != why:
                self._trouble[subject] = why
                log.error("certificate trouble subject=%r: %s", subject, why)
        else:
            if self._trouble.pop(subject, None) is not None:
                log.warning("certificate trouble is over subject=%r", subject)

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._clock.utc_ms() / 1000, datetime.UTC)

    def _trusted_now(self) -> datetime.datetime:
        """Now, to make certificates by; KeysError while the clock cannot be right."""
        now = self._now()
        if now < CLOCK_FLOOR:
            raise KeysError(
                f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, which is before this software was made: "
                "no certificate is made by it; set the clock (timedatectl, or a time server on the site)"
            )
        return now

    # ------------------------------------------------------------ roots

    def _take_authority(self, kind: Kind) -> None:
        path = self._directory / f"root-{kind}.pem"
        try:
            key, certificates = read_pair(path)
            found = Authority(key, certificates[0])
        except FileNotFoundError:
            found = authorities.new_authority(kind, self._settings.organisation, self._trusted_now())
            write_private(path, pair_pem(found.key, [found.certificate]))
            log.warning("made a root certificate kind=%s file=%s", kind, path)
        trust(self.mutual_tls, [found.certificate.public_bytes(serialization.Encoding.PEM)])
        self._authorities[kind] = found

    def _take_foreign(self) -> None:
        path = Path(self._settings.charger_authorities or "")
        found = read_certificates(path)
        trust(self.mutual_tls, [one.public_bytes(serialization.Encoding.PEM) for one in found])
        self._foreign = found

    # ------------------------------------------------------------ server certificates

    def _take_server(self, kind: Kind) -> None:
        own = self._settings.server_certificate if kind == "ecdsa" else self._settings.server_certificate_rsa
        path = self._directory / f"server-{kind}.pem" if own is None else Path(own)
        pair = self._kept_pair(path) if own is None else None
        if own is None and (pair is None or self._is_due(kind, *pair)):
            self._make_server(kind, path)
            pair = None
        try:
            stat = path.stat()
        except OSError as error:
            raise KeysError(f"{path} cannot be read ({error.strerror})") from None
        file = (stat.st_mtime_ns, stat.st_size)
        before = self._servers.get(kind)
        if before is not None and before.file == file:
            return
        # reading an RSA key proves it, which takes long on a small machine: it is done once
        key, certificates = pair or read_pair(path)
        if isinstance(key, rsa.RSAPrivateKey) is not (kind == "rsa"):
            raise KeysError(f"{path} holds a key of the other kind; {kind} is wanted here")
        for context in (self.tls, self.mutual_tls):
            context.load_cert_chain(path)
        self._servers[kind] = _Server(certificates[0], file, own is not None)
        log.info("server certificate kind=%s ends=%s", kind, f"{certificates[0].not_valid_after_utc:%Y-%m-%d}")

    def _kept_pair(self, path: Path) -> Pair | None:
        """What was made before, as far as it can be read."""
        try:
            return read_pair(path)
        except FileNotFoundError:
            return None
        except KeysError as error:
            log.warning("a server certificate is made anew: %s", error)
            return None

    def _is_due(self, kind: Kind, key: PrivateKey, certificates: list[x509.Certificate]) -> bool:
        """Whether it is not worth keeping."""
        certificate, root = certificates[0], self._authorities.get(kind)
        if root is None:
            return False
        if certificate.issuer != root.certificate.subject or isinstance(key, rsa.RSAPrivateKey) is not (kind == "rsa"):
            return True
        if not set(self._names()) <= authorities.names_in(certificate):
            return True
        renew = certificate.not_valid_after_utc - datetime.timedelta(days=self._settings.renew_days)
        # one that ends with its root cannot be prolonged
        return self._now() >= max(CLOCK_FLOOR, renew) and certificate.not_valid_after_utc < root.ends

    def _make_server(self, kind: Kind, path: Path) -> None:
        root = self._authorities.get(kind)
        if root is None:
            raise KeysError("cannot be made without its root")
        ends = self._trusted_now() + datetime.timedelta(days=self._settings.server_days)
        key: PrivateKey = authorities.new_key(kind)
        made = authorities.server_certificate(root, key, self._names(), self._settings.organisation, ends)
        write_private(path, pair_pem(key, [made]))

    def _names(self) -> list[str]:
        return list(dict.fromkeys((*self._settings.names, *self._addresses())))

    # ------------------------------------------------------------ what control asks (certification.Authority)

    def certify(self, identity: str, serial_number: str | None, csr: str) -> Certified | CertifyRefused:
        """A certificate for the charge point, or why not."""
        rule = self._settings.common_name
        names = {identity} if rule != "serial" else set()
        if rule != "identity" and serial_number:
            names.add(serial_number)
        try:
            key, subject = judged(csr, names, self._settings.require_organisation)
            now = self._trusted_now()
        except (RequestRefused, KeysError) as refused:
            return CertifyRefused(why=str(refused))
        root = self._authorities.get("rsa" if isinstance(key, rsa.RSAPublicKey) else "ecdsa")
        if root is None:
            return CertifyRefused(why="the built-in authority has no root of this kind")
        ends = now + datetime.timedelta(days=self._settings.charger_days)
        made = authorities.charger_certificate(root, key, subject, identity, ends)
        return Certified(
            chain_pem=made.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            serial=f"{made.serial_number:x}",
            ends_utc_ms=_utc_ms(made.not_valid_after_utc),
            sha256=made.fingerprint(hashes.SHA256()).hex(),
        )

    def server_root_pem(self, kind: str) -> str | None:
        """The root that a charger needs to trust this box's certificate of *kind*; None if it is not known here."""
        if self._settings.server_root is not None:
            try:
                roots = read_certificates(Path(self._settings.server_root))
            except KeysError as error:
                log.error("server_root cannot be used: %s", error)
                return None
            return roots[0].public_bytes(serialization.Encoding.PEM).decode("ascii")
        own = self._settings.server_certificate if kind == "ecdsa" else self._settings.server_certificate_rsa
        if own is not None:
            return None
        root = next((one for known, one in self._authorities.items() if known == kind), None)
        return None if root is None else root.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def standing(self) -> tuple[CertificateStanding, ...]:
        """Every certificate of this box, roots first."""
        return tuple(self._standing())

    def _standing(self) -> Iterator[CertificateStanding]:
        for kind, root in self._authorities.items():
            yield _stands(f"root {kind}", root.certificate, warn_days=ROOT_WARNING_DAYS)
        for kind, server in self._servers.items():
            # ours are renewed by then: a third of that time left means that it did not work
            days = self._settings.renew_days if server.own else max(1, self._settings.renew_days // 3)
            yield _stands(f"server {kind}", server.certificate, warn_days=days)
        for place, one in enumerate(self._foreign or (), 1):
            yield _stands(f"charger authority {place}", one, warn_days=ROOT_WARNING_DAYS)


def _stands(use: str, certificate: x509.Certificate, *, warn_days: int) -> CertificateStanding:
    return CertificateStanding(
        use=use,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        ends_utc_ms=_utc_ms(certificate.not_valid_after_utc),
        warn_days=warn_days,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
    )


def _utc_ms(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1000)
