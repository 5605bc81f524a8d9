"""Charge points' own certificates: signed when they ask, sent, remembered, and renewed before they end.

Implements :class:`chargemon_edge.control.ports.CertificateSigner`. A charge point marked quiet is never asked to renew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from chargemon_edge.control.certification import Authority, CertifyRefused, Due
from chargemon_edge.control.ports import Answered, ChargePoints, Clock, Journal, in_words, moment
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.access_facts import (
    CertificateIssued,
    CertificateRevoked,
    CertificateTaken,
    InstalledCertificatesRead,
)
from chargemon_edge.site.facts import Fact, SecurityEvent

log = logging.getLogger(__name__)

DEADLINE_S = 30.0
# from ExtendedTriggerMessage to the accepted certificate: a small charger takes its time to make a key
SIGNING_S = 180.0
LOOK_S = 3_600.0
DAY_MS = 86_400_000
ASK_AGAIN_S = 24 * 3_600.0
_KINDS = (CertificateIssued, CertificateTaken, CertificateRevoked, InstalledCertificatesRead)
_WAITING_MAX = 200


class Certificates:
    """Lives on the event loop; look after it with :meth:`run`."""

    def __init__(
        self,
        *,
        present: Present,
        journal: Journal,
        charge_points: ChargePoints,
        clock: Clock,
        authority: Authority | None,
        knows: Callable[[str], bool],
        renew_days: int,
        restored: Iterable[Fact] = (),
    ) -> None:
        """*knows*: whether a charge point is configured or recorded; *authority* None: nothing is signed."""
        self._present = present
        self._journal = journal
        self._charge_points = charge_points
        self._clock = clock
        self._authority = authority
        self.knows = knows
        self._renew_ms = renew_days * DAY_MS
        # they are asked for a new one by then: a third of that time left means that it did not work
        self.warn_days = max(1, renew_days // 3)
        # by charge point: what was signed last, and the last one that it took
        self._issued: dict[str, CertificateIssued] = {}
        self._taken: dict[str, CertificateIssued] = {}
        # by charge point: every serial number that was ever signed for it
        self._serials: dict[str, set[str]] = {}
        self._installed: dict[tuple[str, str], InstalledCertificatesRead] = {}
        # certificates to be sent, oldest first
        self._to_send: asyncio.Queue[tuple[CertificateIssued, str]] = asyncio.Queue(_WAITING_MAX)
        self._awaited: dict[str, asyncio.Future[bool]] = {}
        self._asked_s: dict[str, float] = {}
        for fact in restored:
            self._folded(fact)
        present.follow(self._folded, _KINDS)

    # ------------------------------------------------------------ what is known

    def taken(self) -> dict[str, CertificateIssued]:
        """The newest certificate that each charge point has accepted, unless it was revoked."""
        return dict(self._taken)

    def serials(self, charge_point: str) -> list[str]:
        """Of all certificates that were signed for it here, taken or not."""
        return sorted(self._serials.get(charge_point, ()))

    def installed(self, charge_point: str) -> list[InstalledCertificatesRead]:
        """The roots it has, by use, as it last told."""
        return [fact for (identity, _), fact in sorted(self._installed.items()) if identity == charge_point]

    def answered(self, charge_point: str, request: m.Request, response: m.Response) -> None:
        """Somebody's operation was answered (:meth:`chargemon_edge.control.commands.Commands.follow`)."""
        if isinstance(request, m.GetInstalledCertificateIdsRequest) and isinstance(
            response, m.GetInstalledCertificateIdsResponse
        ):
            read = InstalledCertificatesRead(
                at=moment(self._clock),
                charge_point=charge_point,
                use=request.certificate_type,
                hash_data=tuple(
                    (one.hash_algorithm, one.issuer_name_hash, one.issuer_key_hash, one.serial_number)
                    for one in response.certificate_hash_data or ()
                ),
            )
            self._note(read)
        elif isinstance(request, _CERTIFICATE_ACTIONS):
            status = str(getattr(response, "status", "answered"))
            self._tell(f"{request.action}: {status}", charge_point, "an operator")

    # ------------------------------------------------------------ signing

    def sign(self, charge_point: str, csr: str) -> bool:
        """Whether the request is signed; the certificate then goes out by itself."""
        if self._authority is None or not self.knows(charge_point) or self._to_send.full():
            return False
        entry = self._present.picture.charge_points.get(charge_point)
        serial_number = None if entry is None or entry.boot is None else entry.boot.serial_number
        made = self._authority.certify(charge_point, serial_number, csr)
        if isinstance(made, CertifyRefused):
            log.warning("signing request refused cp=%s: %s", charge_point, made.why)
            self._tell(f"signing request refused: {made.why}", charge_point, f"charge point {charge_point}")
            return False
        issued = CertificateIssued(
            at=moment(self._clock),
            charge_point=charge_point,
            serial=made.serial,
            ends_utc_ms=made.ends_utc_ms,
            sha256=made.sha256,
        )
        self._note(issued)
        self._to_send.put_nowait((issued, made.chain_pem))
        return True

    async def run(self) -> None:
        """Send what was signed and renew what is due, until cancelled."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._renew())
            while True:
                issued, chain_pem = await self._to_send.get()
                work.create_task(self._send(issued, chain_pem))

    async def _send(self, issued: CertificateIssued, chain_pem: str) -> None:
        request = m.CertificateSignedRequest(certificate_chain=chain_pem)
        outcome = await self._charge_points.call(issued.charge_point, request, DEADLINE_S)
        accepted = isinstance(outcome, Answered) and getattr(outcome.response, "status", None) == "Accepted"
        log.info("certificate sent cp=%s serial=%s answer=%s", issued.charge_point, issued.serial, in_words(outcome))
        if accepted:
            self._note(CertificateTaken(at=moment(self._clock), charge_point=issued.charge_point, serial=issued.serial))
        self._tell(f"certificate {issued.serial}: {in_words(outcome)}", issued.charge_point, "this system")
        waiter = self._awaited.get(issued.charge_point)
        if waiter is not None and not waiter.done():
            waiter.set_result(accepted)

    async def renew(self, charge_point: str) -> bool:
        """Have it ask for a new certificate; whether it has taken one. Security white paper, A02."""
        if self._authority is None or charge_point in self._awaited:
            return False
        waiter = self._awaited[charge_point] = asyncio.get_running_loop().create_future()
        try:
            # no connectorId: it concerns the charge point (test case 074)
            request = m.ExtendedTriggerMessageRequest(requested_message="SignChargePointCertificate")
            outcome = await self._charge_points.call(charge_point, request, DEADLINE_S)
            if not isinstance(outcome, Answered) or getattr(outcome.response, "status", None) != "Accepted":
                log.warning("no new certificate cp=%s answer=%s", charge_point, in_words(outcome))
                return False
            async with asyncio.timeout(SIGNING_S):
                taken: bool = await waiter
                return taken
        except TimeoutError:
            log.warning("no new certificate cp=%s: it was not taken within %.0f s", charge_point, SIGNING_S)
            return False
        finally:
            del self._awaited[charge_point]

    # ------------------------------------------------------------ renewal

    def due(self) -> list[str]:
        """Charge points to be asked now: connected, not quiet, near their certificate's end, and not asked of late."""
        now = moment(self._clock)
        sites = self._present.site.charge_point_by_identity
        return [
            identity
            for identity, certificate in self._taken.items()
            if now.utc_ms >= certificate.ends_utc_ms - self._renew_ms
            and self._charge_points.linked(identity)
            and not (identity in sites and sites[identity].quiet)
            and now.mono_s >= self._asked_s.get(identity, float("-inf")) + ASK_AGAIN_S
        ]

    async def _renew(self) -> None:
        while True:
            for identity in self.due():
                self._asked_s[identity] = self._clock.monotonic_s()
                await self.renew(identity)
            await asyncio.sleep(LOOK_S)

    # ------------------------------------------------------------

    def _note(self, fact: Fact) -> None:
        self._journal.record((fact,))
        self._present.apply((fact,))

    def _tell(self, detail: str, charge_point: str, source: str) -> None:
        self._note(
            SecurityEvent(
                at=moment(self._clock), event="certificate", source=source, detail=detail, charge_point=charge_point
            )
        )

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, CertificateIssued):
            self._issued[fact.charge_point] = fact
            self._serials.setdefault(fact.charge_point, set()).add(fact.serial)
        elif isinstance(fact, CertificateRevoked):
            taken = self._taken.get(fact.charge_point)
            if taken is not None and taken.serial == fact.serial:
                # neither its end nor its renewal is anybody's concern any more
                del self._taken[fact.charge_point]
        elif isinstance(fact, InstalledCertificatesRead):
            self._installed[fact.charge_point, fact.use] = fact
        elif isinstance(fact, CertificateTaken):
            issued = self._issued.get(fact.charge_point)
            if issued is not None and issued.serial == fact.serial:
                self._taken[fact.charge_point] = issued


_CERTIFICATE_ACTIONS = (m.InstallCertificateRequest, m.DeleteCertificateRequest, m.CertificateSignedRequest)


def ending(authority: Authority | None, certificates: Certificates, now_utc_ms: int) -> list[Due]:
    """Everything that ends within its warning time or has ended, soonest first.

    Certificates of charge points that nobody knows any more are nobody's concern.
    """
    own = [
        Due(use=one.use, of_charge_point=False, ends_utc_ms=one.ends_utc_ms)
        for one in (() if authority is None else authority.standing())
        if now_utc_ms >= one.ends_utc_ms - one.warn_days * DAY_MS
    ]
    theirs = [
        Due(use=identity, of_charge_point=True, ends_utc_ms=certificate.ends_utc_ms)
        for identity, certificate in certificates.taken().items()
        if certificates.knows(identity) and now_utc_ms >= certificate.ends_utc_ms - certificates.warn_days * DAY_MS
    ]
    return sorted((*own, *theirs), key=lambda one: (one.ends_utc_ms, one.use))
