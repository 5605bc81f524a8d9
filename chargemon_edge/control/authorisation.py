"""Which id tags may charge. Deny by default.

Authorize and StartTransaction are judged by the card alone: its record, its date, and, where its record asks for it,
whether it really charges elsewhere. That a connector is reserved for somebody else refuses nobody here: the answer
carries the parent id tag, and the charge point compares (OCPP 1.6 §3.13).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from chargemon_edge.control.id_tags import KINDS, IdTags
from chargemon_edge.control.present import Present
from chargemon_edge.control.reservations import Reservations
from chargemon_edge.control.teach_in import TeachIn
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import card_facts
from chargemon_edge.site.cards import NO_RULES, IdTag, TagRules, key_of, normalised, status_of
from chargemon_edge.site.facts import Fact, Moment

# the connector says itself that nobody charges there: an open transaction is a lost stop (reference: no lock-out)
_IDLE = frozenset({"Available", "Reserved"})
# a start that is this much older or newer than now was not presented now: it teaches nothing
_JUST_NOW_MS = 60_000


class AuthorisationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may charge."""

    accept_unknown: bool = False
    """True: every tag that is not listed may charge (a private site without card control)."""
    local_lists: bool = True
    """Whether charge points are kept a list of the known tags, for when they cannot ask."""
    id_tags: tuple[IdTag, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer about one tag, in OCPP's words (IdTagInfo, OCPP 1.6 §7.27)."""

    status: m.AuthorizationStatus
    expiry_utc_ms: int | None = None
    parent_id_tag: str | None = None
    new: tuple[Fact, ...] = ()
    """What must be on disk before it is said: a card that was taught."""


class Authorisation:
    """Answers for every tag."""

    def __init__(
        self,
        settings: AuthorisationSettings,
        *,
        present: Present,
        teach_in: TeachIn,
        reservations: Reservations,
        records: Sequence[IdTag] = (),
        rules_of: Callable[[str], TagRules] = lambda _charge_point: NO_RULES,
    ) -> None:
        self.id_tags = IdTags(settings.id_tags, records)
        self._accept_unknown = settings.accept_unknown
        self._present = present
        self._teach_in = teach_in
        self._reservations = reservations
        self._rules_of = rules_of
        present.follow(self.id_tags.folded, KINDS)

    def replace(self, settings: AuthorisationSettings) -> None:
        """Answer by these settings from now on; records stay."""
        self._accept_unknown = settings.accept_unknown
        self.id_tags.replace_configured(settings.id_tags)

    def authorize(self, charge_point: str, id_tag: str, at: Moment) -> Verdict:
        """What to answer an Authorize.

        A charge point may ask for the card whose transaction it runs, to stop it: only others count as elsewhere.
        """
        return self._verdict(charge_point, id_tag, at, lambda other, _connector: other != charge_point, lambda: True)

    def start(self, charge_point: str, request: m.StartTransactionRequest, at: Moment) -> Verdict:
        """What to answer a StartTransaction. A new start ends whatever stood open on its own connector."""
        here = (charge_point, request.connector_id)
        return self._verdict(
            charge_point, request.id_tag, at, lambda *other: other != here, lambda: _is_just_now(request.timestamp, at)
        )

    def stop(self, charge_point: str, id_tag: str, at: Moment) -> Verdict:
        """What to answer a StopTransaction: that the card charges is no fault now."""
        return self._verdict(charge_point, id_tag, at, lambda *_other: False, lambda: False)

    def started(
        self, charge_point: str, request: m.StartTransactionRequest, verdict: Verdict, transaction_id: int, at: Moment
    ) -> tuple[Fact, ...]:
        """What a start means for reservations."""
        if verdict.status != "Accepted" or not self._reservations.some:
            return ()
        key = key_of(request.id_tag, self._rules_of(charge_point))
        group = None if verdict.parent_id_tag is None else key_of(verdict.parent_id_tag)
        own = self._reservations.started(request, charge_point, key, group)
        if own is not None:
            return (self._reservations.used(own, transaction_id, at),)
        other = self._reservations.kept_for_another(charge_point, request.connector_id, key, group)
        if other is None:
            return ()
        passed_over = card_facts.ReservationPassedOver(
            at=at,
            charge_point=charge_point,
            connector=request.connector_id,
            reservation_id=other.reservation_id,
            transaction_id=transaction_id,
        )
        return (passed_over,)

    def _verdict(
        self,
        charge_point: str,
        id_tag: str,
        at: Moment,
        elsewhere: Callable[[str, int], bool],
        teaches: Callable[[], bool],
    ) -> Verdict:
        """*elsewhere*: whether a connector is another than where the card is now. *teaches*: a teach-in may take it."""
        tag = self._find(charge_point, id_tag)
        if tag is None:
            return (self._taught(charge_point, id_tag, at) if teaches() else None) or self._unknown
        verdict = _of(tag, at)
        if verdict.status == "Accepted" and tag.single_transaction and self._charges(tag, elsewhere):
            return msgspec.structs.replace(verdict, status="ConcurrentTx")
        return verdict

    def _taught(self, charge_point: str, id_tag: str, at: Moment) -> Verdict | None:
        """A card that nobody knows yet, while a teach-in waits for one."""
        plain = normalised(id_tag, self._rules_of(charge_point))
        put = self._teach_in.take(charge_point, plain, at) if plain else None
        return None if put is None else _of(put.tag, at, new=(put,))

    def _find(self, charge_point: str, id_tag: str) -> IdTag | None:
        """As it was read, or as this model of charge point is known to spoil it."""
        tag = self.id_tags.tag(key_of(id_tag))
        return self.id_tags.tag(key_of(id_tag, self._rules_of(charge_point))) if tag is None else tag

    @property
    def _unknown(self) -> Verdict:
        return Verdict(status="Accepted" if self._accept_unknown else "Invalid")

    def _charges(self, tag: IdTag, elsewhere: Callable[[str, int], bool]) -> bool:
        """Whether an accepted transaction of this tag really runs on a connector that counts as elsewhere."""
        key = key_of(tag.id_tag)
        for charge_point, entry in self._present.picture.charge_points.items():
            for number, connector in entry.connectors.items():
                running = connector.transaction
                if running is None or running.id_tag_status != "Accepted" or not elsewhere(charge_point, number):
                    continue
                said = connector.status_at
                if connector.status in _IDLE and said is not None and said.mono_s > running.received.mono_s:
                    continue
                if key in (key_of(running.id_tag), key_of(running.id_tag, self._rules_of(charge_point))):
                    return True
        return False


def _is_just_now(timestamp: str, at: Moment) -> bool:
    utc_ms = timestamps.parse(timestamp)
    return utc_ms is not None and abs(at.utc_ms - utc_ms) <= _JUST_NOW_MS


def _of(tag: IdTag, at: Moment, *, new: tuple[Fact, ...] = ()) -> Verdict:
    return Verdict(
        status=status_of(tag, at.utc_ms), expiry_utc_ms=tag.expiry_utc_ms, parent_id_tag=tag.parent_id_tag, new=new
    )
