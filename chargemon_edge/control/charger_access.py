"""What an installer decides about how a charge point gets in: its record, its password, its way up. Never its way down.

Lowering a security profile is left to somebody on this machine, who forgets the record; over the network nobody can.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from chargemon_edge.control.access_book import AccessBook
from chargemon_edge.control.certificates import Certificates
from chargemon_edge.control.key_rotation import KEY_BYTES, KeyRotation
from chargemon_edge.control.password_hash import SALT_BYTES, hashed
from chargemon_edge.control.ports import Links
from chargemon_edge.control.raising import Raising
from chargemon_edge.site.access_facts import AccessRecord

RECORDS_MAX = 1_000
REVOKED_MAX = 10_000


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a charge point gets in, and nothing that would help to."""

    charge_point: str
    configured: bool
    recorded: bool
    """Whether it has a record here, besides or instead of the configuration."""
    security_profile: int
    raising_to: int | None
    """This profile is open to it as well."""
    raise_step: str | None
    """Where its last raise stands or ended; null: it never had one."""
    kept_password: bool
    """Whether its password was set here or by a change of its key: then no password file counts."""
    keys_on_their_way: int
    """Keys it was sent and has not used yet; each opens its link."""


class ChargerAccess:
    """For the API and the command line."""

    def __init__(
        self, book: AccessBook, rotation: KeyRotation, raising: Raising, links: Links, certificates: Certificates
    ) -> None:
        self.book = book
        self.rotation = rotation
        self.raising = raising
        self._links = links
        self._certificates = certificates

    def standing(self, charge_point: str) -> Standing | None:
        """How it gets in; None: not at all."""
        profile, record = self.raising.profile(charge_point), self.book.find(charge_point)
        if profile is None:
            return None
        of = record or AccessRecord(charge_point=charge_point)
        return Standing(
            charge_point=charge_point,
            configured=self.raising.configured(charge_point) is not None,
            recorded=record is not None,
            security_profile=profile,
            raising_to=of.raising_to,
            raise_step=of.raise_step,
            kept_password=of.password_hash is not None,
            keys_on_their_way=len(of.pending),
        )

    def without_login(self, configured: Iterable[str]) -> tuple[str, ...]:
        """Who gets in on security profile 0, with no login at all: of those *configured*, and of the records."""
        known = {*configured, *(record.charge_point for record in self.book.known())}
        return tuple(identity for identity in sorted(known) if self.raising.profile(identity) == 0)

    def refusal(self, charge_point: str, profile: int | None) -> str | None:
        """Why a record with that profile cannot be written; None: it can."""
        now = self.raising.profile(charge_point)
        if self.book.find(charge_point) is None and len(self.book.known()) >= RECORDS_MAX:
            return f"there are {RECORDS_MAX} records already"
        if profile is None:
            return None
        if now is not None and profile < now:
            return f"its security profile is {now}; it is never lowered over the API"
        if profile == 0 and self.raising.configured(charge_point) is not None:
            return "allow_without_password in the configuration decides about profile 0"
        return None if profile in self.raising.served else f"no listener serves security profile {profile}"

    async def write(self, charge_point: str, *, profile: int | None, password: str | None, by: str) -> Exception | None:
        """Write its record: what is None stays as it is. The charge point is told nothing."""
        kept = None
        if password is not None:
            kept = await asyncio.to_thread(hashed, password.encode(), secrets.token_bytes(SALT_BYTES))
        parts = [f"security profile {profile}"] if profile is not None else []
        parts += ["a new password"] if kept is not None else []

        def change(before: AccessRecord) -> AccessRecord:
            after = before
            if profile is not None:
                # somebody who knows may close the old way without the charge point's proof
                after = replace(after, security_profile=max(profile, before.security_profile or 0))
                if before.raising_to is not None and before.raising_to <= profile:
                    after = replace(after, raising_to=None)
            return after if kept is None else replace(after, password_hash=kept, pending=())

        why = f"written by hand: {', '.join(parts) or 'known from now on'}"
        return await self.book.change(charge_point, change, by=by, why=why)

    def to_revoke(self, charge_point: str, serial: str | None) -> list[str] | str:
        """The serial numbers that a revocation is about (None: all signed for it here), or why it cannot be."""
        serials = self._certificates.serials(charge_point) if serial is None else [serial.lower().lstrip("0")]
        if not serials:
            return "no certificate was signed for it here; name the serial number of what another authority made"
        if len(self.book.revocations()) + len(serials) > REVOKED_MAX:
            return f"there are {REVOKED_MAX} revoked certificates already"
        return serials

    async def revoke(self, charge_point: str, serials: list[str], by: str) -> Exception | None:
        """Those certificates let it in no more; a link that may stand on one of them is ended."""
        error = await self.book.revoke(charge_point, serials, by)
        if error is None and self.raising.profile(charge_point) == 3:
            self._links.disconnect(charge_point, "a certificate of it was revoked")
        return error

    def lowers(self, charge_point: str) -> bool:
        """Whether forgetting its record would let it in with less."""
        configured, now = self.raising.configured(charge_point), self.raising.profile(charge_point)
        return configured is not None and now is not None and configured < now

    async def forget(self, charge_point: str, by: str) -> Exception | None:
        """Only what is configured counts from now on; one that is not configured is no longer known."""
        error = await self.book.remove(charge_point, by)
        if error is None and self.raising.configured(charge_point) is None:
            self._links.disconnect(charge_point, "its record was removed")
        return error


def new_password() -> str:
    """A random one, as an AuthorizationKey is written: hexadecimal digits."""
    return secrets.token_hex(KEY_BYTES).upper()
