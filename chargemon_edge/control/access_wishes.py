"""What people change by hand with ChangeConfiguration, where it decides how a charge point gets in: a key, a profile.

Kept as :class:`chargemon_edge.control.commands.Books`: the key opens the link, and the higher profile its listener,
before the charge point is told; what it does not take is closed again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from msgspec.structs import replace

from chargemon_edge.control.access_book import AccessBook
from chargemon_edge.control.key_rotation import Rotation, judged
from chargemon_edge.control.password_hash import SALT_BYTES, hashed, matches
from chargemon_edge.control.ports import Busy, Offline, Outcome
from chargemon_edge.control.raise_steps import Step
from chargemon_edge.control.raising import Raising
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.access_facts import AccessRecord
from chargemon_edge.site.facts import Fact, Moment


class AccessWishes:
    """Follows operations of people."""

    def __init__(self, book: AccessBook, raising: Raising) -> None:
        self._book = book
        self._raising = raising

    def asked(self, charge_point: str, request: m.Request, by: str, _at: Moment) -> Sequence[Fact]:
        """A key or a profile is about to be sent."""
        wanted = _wanted(request)
        if wanted is None:
            return ()
        key, value = wanted
        if key == "authorizationkey":
            # on the loop: somebody's hand is slower than this
            kept = hashed(value.encode(), secrets.token_bytes(SALT_BYTES))
            why = "a key that was set by hand is on its way; old and new open until it has used the new one"
            change = self._book.changed(
                charge_point, lambda before: replace(before, pending=(*before.pending, kept)), by=by, why=why
            )
            return (change,)
        if not value.isdigit() or not self._raising.next_is(charge_point, int(value)):
            return ()
        return (
            self._book.changed(
                charge_point,
                lambda before: replace(before, raising_to=int(value), raise_step=Step.PROFILE.value),
                by=by,
                why=f"told by hand to take security profile {value}; both ways open until it comes with it",
            ),
        )

    def ended(self, charge_point: str, request: m.Request, outcome: Outcome, _at: Moment) -> Sequence[Fact]:
        """What was not taken is closed again; what was not answered may have been taken."""
        wanted = _wanted(request)
        record = self._book.find(charge_point)
        unsent = isinstance(outcome, Offline | Busy)
        if wanted is None or record is None or not (unsent or judged(outcome) is Rotation.REFUSED):
            return ()
        key, value = wanted
        why = "the charge point did not take it"
        if key == "authorizationkey":
            refused = _newest_matching(record, value)
            if refused is None:
                return ()
            return (
                self._book.changed(
                    charge_point,
                    lambda before: replace(before, pending=tuple(one for one in before.pending if one != refused)),
                    by="this system",
                    why=why,
                ),
            )
        if record.raising_to is None or str(record.raising_to) != value:
            return ()
        return (
            self._book.changed(
                charge_point,
                lambda before: replace(before, raising_to=None, raise_step=Step.FAILED.value),
                by="this system",
                why=why,
            ),
        )


def _wanted(request: m.Request) -> tuple[str, str] | None:
    if not isinstance(request, m.ChangeConfigurationRequest):
        return None
    key = request.key.strip().casefold()
    return (key, request.value) if key in ("authorizationkey", "securityprofile") else None


def _newest_matching(record: AccessRecord, value: str) -> str | None:
    return next((kept for kept in reversed(record.pending) if matches(kept, value.encode())), None)
