"""Table: a charger's request → facts and the reply.

One small function per action; each looks at the picture and the journal and returns what happened. What must not be
lost is answered only after its commit, and until then later requests of the same charge point wait in line, so that a
repeated StartTransaction finds the first one. Transaction messages always get their confirmation (OCPP 1.6 §4.8,
§4.10): doubts about their content become facts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from chargemon_edge.control import progress
from chargemon_edge.control.authorisation import Authorisation, Verdict
from chargemon_edge.control.charger_time import ChargerTime
from chargemon_edge.control.commissioning import Commissioning
from chargemon_edge.control.handled import Handled
from chargemon_edge.control.ports import CertificateSigner, Clock, Journal, Refusal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.log import masked
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.ocpp.v16 import metering
from chargemon_edge.ocpp.v16.repeated_values import MeasuredValues
from chargemon_edge.site import facts, operation_facts
from chargemon_edge.site.clock_facts import TimeTold
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.picture import Transaction

log = logging.getLogger(__name__)

# requests of one charge point that may wait for a commit; OCPP-J allows it one at a time (§4.1.1)
WAITING_MAX = 16
# some chargers report absurd connector numbers; what no charger has is not kept
CONNECTOR_MAX = 64
# an identical start that ended is still the same start for this long; later it is a clock that began anew
REPEAT_ENDED_S = 24 * 3_600.0

Reply = Callable[[m.Response | Refusal], None]

# answers that say nothing
_STATUS_TAKEN = m.StatusNotificationResponse()
_VALUES_TAKEN = m.MeterValuesResponse()
# for whom is not configured
_INVALID = Verdict(status="Invalid")


class Requests:
    """Implements :class:`chargemon_edge.control.ports.Reception`."""

    def __init__(
        self,
        *,
        present: Present,
        journal: Journal,
        authorisation: Authorisation,
        commissioning: Commissioning,
        clock: Clock,
        next_transaction_id: int,
        heartbeat_interval_s: int,
        signer: CertificateSigner | None = None,
    ) -> None:
        self._present = present
        self._journal = journal
        self._authorisation = authorisation
        self._commissioning = commissioning
        self._clock = clock
        self._next_transaction_id = next_transaction_id
        self._heartbeat_interval_s = heartbeat_interval_s
        # None: no certificate authority here
        self._signer = signer
        # charge points with a commit on its way, and what they asked meanwhile
        self._waiting: dict[str, list[tuple[m.Request, bytes, Reply]]] = {}
        self._times: dict[tuple[str, int], ChargerTime] = {}

    # --- ports.Reception

    def link_opened(
        self, charge_point: str, remote: str, *, known: bool, profile: int = 0, key: str | None = None
    ) -> None:
        """The charge point has a link; whatever was judged of its clock before no longer holds."""
        for place in [place for place in self._times if place[0] == charge_point]:
            del self._times[place]
        at = moment(self._clock)
        self._note(
            facts.LinkOpened(
                at=at, charge_point=charge_point, remote=remote, known=known, security_profile=profile, key=key
            )
        )

    def link_closed(self, charge_point: str, reason: str) -> None:
        """Its link is gone."""
        self._note(facts.LinkClosed(at=moment(self._clock), charge_point=charge_point, reason=reason))

    def noticed(self, event: str, source: str, detail: str) -> None:
        """A security event."""
        self._note(facts.SecurityEvent(at=moment(self._clock), event=event, source=source, detail=detail))

    def commissioning(self) -> bool:
        """Whether unknown charge points may connect now."""
        return self._commissioning.is_open()

    def requested(self, charge_point: str, request: m.Request, raw: bytes, reply: Reply) -> None:
        """Handle a request now, or in its turn when the charge point's earlier one still waits for its commit."""
        if charge_point in self._waiting:
            self._line_up(charge_point, request, raw, reply)
            return
        handler = _HANDLERS.get(type(request))
        if handler is None:
            reply(Refusal(code="NotImplemented", description=f"{request.action} is not handled here"))
            return
        handled = handler(self, charge_point, request, raw, moment(self._clock))
        new = handled.new
        if handled.durable:
            self._waiting[charge_point] = []
            self._journal.commit(new, partial(self._committed, charge_point, handled, reply))
            return
        if new:
            self._journal.record(new)
            self._present.apply(new)
        reply(handled.response)

    # --- the way of a request

    def _line_up(self, charge_point: str, request: m.Request, raw: bytes, reply: Reply) -> None:
        line = self._waiting[charge_point]
        if len(line) < WAITING_MAX:
            line.append((request, raw, reply))
        else:
            reply(Refusal(code="InternalError", description="too many requests at once; wait for the confirmations"))

    def _committed(self, charge_point: str, handled: Handled, reply: Reply, error: Exception | None) -> None:
        line = self._waiting.pop(charge_point)
        if error is None:
            self._present.apply(handled.new)
            for fact in handled.new:
                write_line = _LINES.get(type(fact))
                if write_line is not None:
                    write_line(fact)
            reply(handled.response)
        else:
            reply(Refusal(code="InternalError", description="could not be stored; send it again"))
        for request, raw, next_reply in line:
            # behind one that must be committed, too, the others wait again
            try:
                self.requested(charge_point, request, raw, next_reply)
            except Exception:  # our own bug costs this request, and none behind it
                log.exception("request failed cp=%s action=%s", charge_point, request.action)
                next_reply(Refusal(code="InternalError", description=""))

    def _note(self, fact: Fact) -> None:
        self._journal.record((fact,))
        self._present.apply((fact,))

    def _known(self, charge_point: str) -> bool:
        return charge_point in self._present.site.charge_point_by_identity

    # --- one function per action

    def _boot(self, charge_point: str, request: m.BootNotificationRequest, _raw: bytes, at: Moment) -> Handled:
        """Known: Accepted. Unknown (let in for commissioning): Pending, so that it may not charge (§4.2)."""
        status: m.RegistrationStatus = "Accepted" if self._known(charge_point) else "Pending"
        booted = facts.ChargePointBooted(
            at=at,
            charge_point=charge_point,
            vendor=request.charge_point_vendor,
            model=request.charge_point_model,
            serial_number=request.charge_point_serial_number or request.charge_box_serial_number,
            firmware_version=request.firmware_version,
            iccid=request.iccid,
            imsi=request.imsi,
            meter_type=request.meter_type,
            meter_serial_number=request.meter_serial_number,
        )
        log.info(
            "booted cp=%s vendor=%r model=%r firmware=%r answer=%s",
            charge_point,
            booted.vendor,
            booted.model,
            booted.firmware_version,
            status,
        )
        response = m.BootNotificationResponse(
            status=status,
            current_time=timestamps.format_utc(at.utc_ms),
            interval=self._heartbeat_interval_s,
        )
        return Handled(response, (booted, *self._doubts_after(booted), *self._time_told(charge_point, at)))

    def _doubts_after(self, booted: facts.ChargePointBooted) -> Iterator[Fact]:
        """Other firmware than at the last boot may have come up without the profiles that the charge point held."""
        entry = self._present.apart(booted.charge_point)
        charge_point = self._present.site.charge_point_by_identity.get(booted.charge_point)
        if charge_point is None or entry is None or entry.boot is None:
            return
        before, now = entry.boot.firmware_version, booted.firmware_version
        if before != now:
            for connector in charge_point.connectors:
                yield facts.ProfilesInDoubt(
                    at=booted.at,
                    charge_point=booted.charge_point,
                    connector=connector.number,
                    reason=f"booted with firmware {now!r} instead of {before!r}",
                )

    def _heartbeat(self, charge_point: str, _request: m.HeartbeatRequest, _raw: bytes, at: Moment) -> Handled:
        response = m.HeartbeatResponse(current_time=timestamps.format_utc(at.utc_ms))
        return Handled(response, self._time_told(charge_point, at))

    def _time_told(self, charge_point: str, at: Moment) -> tuple[Fact, ...]:
        entry = self._present.apart(charge_point)
        if entry is None or entry.behind_ms == 0:
            return ()
        return (TimeTold(at=at, charge_point=charge_point),)

    def _status(self, charge_point: str, request: m.StatusNotificationRequest, raw: bytes, at: Moment) -> Handled:
        response = _STATUS_TAKEN
        if not 0 <= request.connector_id <= CONNECTOR_MAX:
            return Handled(response, (_kept(charge_point, request, raw, at),))
        reported = None if request.timestamp is None else timestamps.parse(request.timestamp)
        before = self._present.connector(charge_point, request.connector_id)
        if _is_stale(reported, before.status_reported_utc_ms, at.utc_ms):
            return Handled(response, (_kept(charge_point, request, raw, at),))
        if before.status != request.status or before.error_code != request.error_code:
            _log_status(charge_point, request)
        reported_fact = facts.StatusReported(
            at=at,
            charge_point=charge_point,
            connector=request.connector_id,
            status=request.status,
            error_code=request.error_code,
            info=request.info,
            vendor_id=request.vendor_id,
            vendor_error_code=request.vendor_error_code,
            reported_utc_ms=reported,
        )
        return Handled(response, (reported_fact,))

    def _authorize(self, charge_point: str, request: m.AuthorizeRequest, _raw: bytes, at: Moment) -> Handled:
        known = self._known(charge_point)
        verdict = self._authorisation.authorize(charge_point, request.id_tag, at) if known else _INVALID
        if verdict.status != "Accepted":
            log.info("authorize cp=%s tag=%s answer=%s", charge_point, masked(request.id_tag), verdict.status)
        presented = facts.IdTagPresented(at=at, charge_point=charge_point, id_tag=request.id_tag, status=verdict.status)
        response = m.AuthorizeResponse(id_tag_info=_id_tag_info(verdict))
        return Handled(response, (*verdict.new, presented), durable=bool(verdict.new))

    def _start(self, charge_point: str, request: m.StartTransactionRequest, _raw: bytes, at: Moment) -> Handled:
        """§4.8: every start gets an id, a refused one too; an exact repeat gets its first answer."""
        first = self._journal.find_start(
            charge_point, request.connector_id, request.id_tag, request.timestamp, request.meter_start
        )
        if first is not None and self._is_repeat(first, at):
            info = msgspec.structs.replace(
                _id_tag_info(self._verdict(charge_point, first.id_tag, at)),
                status=msgspec.convert(first.id_tag_status, m.AuthorizationStatus),
            )
            return Handled(m.StartTransactionResponse(id_tag_info=info, transaction_id=first.transaction_id))
        verdict = self._authorisation.start(charge_point, request, at) if self._known(charge_point) else _INVALID
        started = facts.TransactionStarted(
            at=at,
            charge_point=charge_point,
            connector=request.connector_id,
            transaction_id=self._next_transaction_id,
            id_tag=request.id_tag,
            id_tag_status=verdict.status,
            meter_start_wh=request.meter_start,
            started_utc_ms=timestamps.parse(request.timestamp),
            started_text=request.timestamp,
            reservation_id=request.reservation_id,
        )
        self._next_transaction_id += 1
        stale = self._present.connector(charge_point, request.connector_id).transaction
        new: list[Fact] = [] if stale is None else [_closed_as_stale(charge_point, request.connector_id, stale, at)]
        new += (*verdict.new, started)
        new += self._authorisation.started(charge_point, request, verdict, started.transaction_id, at)
        response = m.StartTransactionResponse(id_tag_info=_id_tag_info(verdict), transaction_id=started.transaction_id)
        return Handled(response, new, durable=True)

    def _is_repeat(self, first: facts.TransactionStarted, at: Moment) -> bool:
        running = self._present.connector(first.charge_point, first.connector).transaction
        if running is not None and running.transaction_id == first.transaction_id:
            return True
        return at.mono_s - first.at.mono_s <= REPEAT_ENDED_S

    def _stop(self, charge_point: str, request: m.StopTransactionRequest, raw: bytes, at: Moment) -> Handled:
        """§4.10: always confirmed. What matches nothing that runs is kept whole for a person, never guessed at."""
        info = None if request.id_tag is None else _id_tag_info(self._verdict(charge_point, request.id_tag, at))
        response = m.StopTransactionResponse(id_tag_info=info)
        connector = self._present.running_on(charge_point, request.transaction_id)
        if connector is not None:
            stopped = facts.TransactionStopped(
                at=at,
                charge_point=charge_point,
                connector=connector,
                transaction_id=request.transaction_id,
                meter_stop_wh=request.meter_stop,
                stopped_utc_ms=timestamps.parse(request.timestamp),
                reason=request.reason or "Local",
                id_tag=request.id_tag,
                raw=raw,
            )
            return Handled(response, (stopped,), durable=True)
        doubt = self._doubt(charge_point, request.transaction_id, raw)
        if doubt is None:
            return Handled(response)
        kept = facts.StopKept(
            at=at, charge_point=charge_point, transaction_id=request.transaction_id, doubt=doubt, raw=raw
        )
        return Handled(response, (kept,), durable=True)

    def _doubt(self, charge_point: str, transaction_id: int, raw: bytes) -> str | None:
        found = self._journal.find_transaction(transaction_id)
        if found is None:
            return "unknown"
        started, stopped = found
        if started.charge_point != charge_point:
            return "other charge point"
        if stopped is not None and stopped.raw == raw:
            return None
        return "already ended"

    def _values(self, charge_point: str, request: m.MeterValuesRequest, raw: bytes, at: Moment) -> Handled:
        measured = MeasuredValues(
            connector_id=request.connector_id,
            transaction_id=request.transaction_id,
            measured=metering.normalise(request.meter_value),
            written=raw,
        )
        return self._measured(charge_point, measured, raw, at)

    def _measured(self, charge_point: str, request: MeasuredValues, _raw: bytes, at: Moment) -> Handled:
        response = _VALUES_TAKEN
        if not 0 <= request.connector_id <= CONNECTOR_MAX:
            return Handled(response, (_kept(charge_point, request, bytes(request.written), at),))
        measured = request.measured
        key = (charge_point, request.connector_id)
        judge = self._times.get(key)
        if judge is None:
            judge = self._times[key] = ChargerTime(self._linked_s(charge_point, at))
        values = facts.ValuesReported(
            at=at,
            charge_point=charge_point,
            connector=request.connector_id,
            transaction_id=request.transaction_id,
            current_ma=measured.current_ma,
            power_w=measured.power_w,
            energy_wh=measured.energy_wh,
            offered_ma=measured.offered_ma,
            measured_utc_ms=measured.measured_utc_ms,
            live=judge.is_live(measured.measured_utc_ms, at),
            derived=measured.derived,
            raw=request.written,
        )
        return Handled(response, (values,))

    def _linked_s(self, charge_point: str, at: Moment) -> float:
        entry = self._present.apart(charge_point)
        return at.mono_s if entry is None or entry.link_changed is None else entry.link_changed.mono_s

    def _data_transfer(self, charge_point: str, request: m.DataTransferRequest, raw: bytes, at: Moment) -> Handled:
        """No vendor's messages are known here; what came is kept (§4.3)."""
        return Handled(m.DataTransferResponse(status="UnknownVendorId"), (_kept(charge_point, request, raw, at),))

    def _sign(self, charge_point: str, request: m.SignCertificateRequest, _raw: bytes, at: Moment) -> Handled:
        """Security extension: whether it will be signed is said now, the certificate goes out by itself."""
        signed = self._signer is not None and self._signer.sign(charge_point, request.csr)
        response = m.SignCertificateResponse(status="Accepted" if signed else "Rejected")
        requested = operation_facts.CertificateRequested(at=at, charge_point=charge_point, status=response.status)
        return Handled(response, (requested,))

    def _verdict(self, charge_point: str, id_tag: str, at: Moment) -> Verdict:
        """Of a tag whose transaction ends, or is told again."""
        return self._authorisation.stop(charge_point, id_tag, at) if self._known(charge_point) else _INVALID


_Handler = Callable[[Requests, str, Any, bytes, Moment], Handled]


def _apart(handler: progress.Handler) -> _Handler:
    """A handler that needs nothing but the request, as one of the table."""
    return lambda _requests, charge_point, request, _raw, at: handler(charge_point, request, at)


_HANDLERS: dict[type[Any], _Handler] = {
    m.AuthorizeRequest: Requests._authorize,
    m.BootNotificationRequest: Requests._boot,
    m.DataTransferRequest: Requests._data_transfer,
    m.HeartbeatRequest: Requests._heartbeat,
    m.MeterValuesRequest: Requests._values,
    MeasuredValues: Requests._measured,
    m.SignCertificateRequest: Requests._sign,
    m.StartTransactionRequest: Requests._start,
    m.StatusNotificationRequest: Requests._status,
    m.StopTransactionRequest: Requests._stop,
    **{request: _apart(handler) for request, handler in progress.HANDLERS.items()},
}


def handled_actions() -> frozenset[str]:
    """The actions of charge points that are answered here."""
    return frozenset(request.action for request in _HANDLERS)


def _kept(charge_point: str, request: m.Request, raw: bytes, at: Moment) -> facts.MessageKept:
    return facts.MessageKept(at=at, charge_point=charge_point, action=request.action, raw=raw)


def _is_stale(reported_utc_ms: int | None, before_utc_ms: int | None, now_utc_ms: int) -> bool:
    """A status from before the one that stands: sent late, after a reconnect. Clocks set back by more do not count."""
    if reported_utc_ms is None or before_utc_ms is None or reported_utc_ms >= before_utc_ms:
        return False
    return before_utc_ms - reported_utc_ms < 24 * 3_600_000 and now_utc_ms - reported_utc_ms > 10_000


def _closed_as_stale(charge_point: str, connector: int, stale: Transaction, at: Moment) -> facts.TransactionStopped:
    """One connector charges one car: a new start proves that the old transaction ended unheard."""
    return facts.TransactionStopped(
        at=at,
        charge_point=charge_point,
        connector=connector,
        transaction_id=stale.transaction_id,
        meter_stop_wh=None,
        stopped_utc_ms=None,
        reason="closed by the central system: a new transaction started on the connector",
    )


def _id_tag_info(verdict: Verdict) -> m.IdTagInfo:
    expiry = None if verdict.expiry_utc_ms is None else timestamps.format_utc(verdict.expiry_utc_ms)
    return m.IdTagInfo(status=verdict.status, expiry_date=expiry, parent_id_tag=verdict.parent_id_tag)


def _log_status(charge_point: str, request: m.StatusNotificationRequest) -> None:
    """What works is on the page; what does not belongs into the log."""
    level = logging.DEBUG if request.error_code == "NoError" else logging.WARNING
    if log.isEnabledFor(level):
        log.log(
            level,
            "status cp=%s connector=%d status=%s error=%s info=%r",
            charge_point,
            request.connector_id,
            request.status,
            request.error_code,
            request.info,
        )


def _log_start(fact: facts.TransactionStarted) -> None:
    log.info(
        "transaction started cp=%s connector=%d tx=%d tag=%s answer=%s",
        fact.charge_point,
        fact.connector,
        fact.transaction_id,
        masked(fact.id_tag),
        fact.id_tag_status,
    )


def _log_stop(fact: facts.TransactionStopped) -> None:
    log.info(
        "transaction stopped cp=%s connector=%d tx=%d reason=%r",
        fact.charge_point,
        fact.connector,
        fact.transaction_id,
        fact.reason,
    )


def _log_doubt(fact: facts.StopKept) -> None:
    log.warning(
        "stop kept for a person cp=%s tx=%d doubt=%r: no running transaction has this id",
        fact.charge_point,
        fact.transaction_id,
        fact.doubt,
    )


_LINES: dict[type[Fact], Callable[[Any], None]] = {
    facts.TransactionStarted: _log_start,
    facts.TransactionStopped: _log_stop,
    facts.StopKept: _log_doubt,
}
