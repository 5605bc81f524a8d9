"""How charge points get in, as it is changed while the daemon runs: records, and what a login proves.

A charge point that logs in with a key on its way has got it: only then the older ones are forgotten. One that comes
with the profile it is being raised to has arrived: only then its old way is closed. A profile is never lowered here,
and a certificate that was revoked stays so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from chargemon_edge.control.password_hash import key_id
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.control.raise_steps import Step
from chargemon_edge.site.access_facts import AccessRecord, AccessRecorded, AccessRemoved, CertificateRevoked
from chargemon_edge.site.facts import Fact, LinkOpened

log = logging.getLogger(__name__)

THIS_SYSTEM = "this system"


class AccessBook:
    """Implements :class:`chargemon_edge.control.ports.AccessRecords`. Lives on the event loop."""

    def __init__(
        self,
        present: Present,
        journal: Journal,
        clock: Clock,
        restored: Iterable[AccessRecord],
        revoked: Iterable[CertificateRevoked] = (),
    ) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        self._records = {record.charge_point: record for record in restored}
        # as they will be once what is on its way to the disk is there: the next change builds on these
        self._newest = dict(self._records)
        self._revoked = {(fact.charge_point, fact.serial): fact for fact in revoked}
        present.follow(self._folded, (AccessRecorded, AccessRemoved, CertificateRevoked, LinkOpened))

    def find(self, charge_point: str) -> AccessRecord | None:
        """Its record, as far as it is durable."""
        return self._records.get(charge_point)

    def known(self) -> list[AccessRecord]:
        """All, by charge point."""
        return [self._records[identity] for identity in sorted(self._records)]

    def revoked(self, charge_point: str, serial: str) -> bool:
        """Whether that certificate of it opens nothing any more, as far as it is durable."""
        return (charge_point, serial) in self._revoked

    def revocations(self) -> list[CertificateRevoked]:
        """All, by charge point and serial number."""
        return [self._revoked[key] for key in sorted(self._revoked)]

    async def revoke(self, charge_point: str, serials: Sequence[str], by: str) -> Exception | None:
        """Those certificates open its link no more; returns why that could not be made durable."""
        facts = tuple(
            CertificateRevoked(at=moment(self._clock), charge_point=charge_point, serial=serial, by=by)
            for serial in serials
            if not self.revoked(charge_point, serial)
        )
        return await self._durable(facts) if facts else None

    def changed(
        self, charge_point: str, change: Callable[[AccessRecord], AccessRecord], *, by: str, why: str
    ) -> AccessRecorded:
        """The fact of *change*, for a commit that the caller makes at once."""
        before = self._newest.get(charge_point) or AccessRecord(charge_point=charge_point)
        record = self._newest[charge_point] = change(before)
        assert record.charge_point == charge_point
        assert (record.security_profile or 0) >= (before.security_profile or 0), "a security profile is never lowered"
        return AccessRecorded(at=moment(self._clock), record=record, by=by, why=why)

    async def change(
        self, charge_point: str, change: Callable[[AccessRecord], AccessRecord], *, by: str, why: str
    ) -> Exception | None:
        """Make *change* durable and fold it in; returns why it could not be."""
        return await self._durable((self.changed(charge_point, change, by=by, why=why),), charge_point)

    async def remove(self, charge_point: str, by: str) -> Exception | None:
        """Forget the record; returns why it could not be."""
        if self._newest.get(charge_point) != self._records.get(charge_point):
            return RuntimeError("a change of it is on its way; ask again")
        self._newest.pop(charge_point, None)
        fact = AccessRemoved(at=moment(self._clock), charge_point=charge_point, by=by)
        return await self._durable((fact,), charge_point)

    async def _durable(self, facts: Sequence[Fact], changed: str | None = None) -> Exception | None:
        """Commit them and fold them in; *changed*: whose record they are about."""
        ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        def done(error: Exception | None) -> None:
            if not ended.done():
                ended.set_result(error)

        self._commit(facts, changed, done)
        return await ended

    def _commit(self, facts: Sequence[Fact], changed: str | None, done: Callable[[Exception | None], None]) -> None:
        def ended(error: Exception | None) -> None:
            if error is None:
                self._present.apply(facts)
            elif changed in self._records:
                self._newest[changed] = self._records[changed]
            elif changed is not None:
                self._newest.pop(changed, None)
            done(error)

        self._journal.commit(facts, ended)

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, AccessRecorded):
            identity = fact.record.charge_point
            self._records[identity] = fact.record
            self._newest.setdefault(identity, fact.record)
            log.warning("access changed cp=%s by=%r: %s", identity, fact.by, fact.why)
        elif isinstance(fact, AccessRemoved):
            self._records.pop(fact.charge_point, None)
            log.warning("access record removed cp=%s by=%r", fact.charge_point, fact.by)
        elif isinstance(fact, CertificateRevoked):
            self._revoked[fact.charge_point, fact.serial] = fact
            log.warning("certificate revoked cp=%s serial=%s by=%r", fact.charge_point, fact.serial, fact.by)
        elif isinstance(fact, LinkOpened) and fact.known:
            self._logged_in(fact)

    def _logged_in(self, login: LinkOpened) -> None:
        """What a login proves about keys and profiles on their way."""
        record = self._newest.get(login.charge_point)
        if record is None:
            return
        told = []
        used = next((kept for kept in record.pending if key_id(kept) == login.key), None)
        if used is not None:
            told.append("the charge point uses its new key; older ones are refused from now on")
        arrived = record.raising_to is not None and record.raising_to == login.security_profile
        if arrived:
            told.append(f"arrived at security profile {login.security_profile}; lower ones are refused from now on")
        if told:
            fact = self.changed(
                login.charge_point,
                lambda before: after_login(before, used, login.security_profile if arrived else None),
                by=THIS_SYSTEM,
                why="; ".join(told),
            )
            self._commit((fact,), login.charge_point, lambda error: _not_kept(login.charge_point, error))


def after_login(record: AccessRecord, used: str | None, arrived_at: int | None) -> AccessRecord:
    """The record after a login with the pending key *used* (None: another), and at the profile it was raised to."""
    if used is not None and used in record.pending:
        # a key that was sent later may be in force after the next boot only: it stays on its way
        later = record.pending[record.pending.index(used) + 1 :]
        record = replace(record, password_hash=used, pending=later)
    if arrived_at is not None and record.raising_to == arrived_at:
        profile = max(arrived_at, record.security_profile or 0)
        record = replace(record, security_profile=profile, raising_to=None, raise_step=Step.DONE.value)
    return record


def _not_kept(charge_point: str, error: Exception | None) -> None:
    if error is not None:
        log.error("login's proof not kept cp=%s: %s; old and new stay open until the next login", charge_point, error)
