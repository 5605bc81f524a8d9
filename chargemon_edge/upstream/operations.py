"""A command carried out: one message to a charge point at a time, and whether it really had its effect.

``Accepted`` is a charge point's promise. A start is done when its transaction has begun, a stop when it has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chargemon_edge.control import wishes
from chargemon_edge.control.charging_profiles import ChargingProfiles
from chargemon_edge.control.commands import Commands, Refused
from chargemon_edge.control.connector_caps import ConnectorCaps
from chargemon_edge.control.ports import Answered, Busy, CallErrored, Outcome, TimedOut
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.picture import ConnectorPicture
from chargemon_edge.site.site_limit import ConnectorCap
from chargemon_edge.site.units import milliamperes_from_amperes
from chargemon_edge.upstream.command_rules import Asked
from chargemon_edge.upstream.requests import LimitArguments

# a car that is plugged in begins within seconds of a start; a driver who walks up with a plug has this long
EFFECT_S = 60.0

_GOOD = frozenset({"Accepted", "Scheduled", "Unlocked", "RebootRequired", "AcceptedCanceled"})


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    state: Literal["done", "failed", "rejected", "expired", "unknown"]
    code: str | None = None
    message: str | None = None
    data: bytes | None = None
    """JSON."""


class Operations:
    """Carries out what is asked of charge points."""

    def __init__(
        self,
        present: Present,
        commands: Commands,
        profiles: ChargingProfiles,
        caps: ConnectorCaps,
        *,
        effect_s: float = EFFECT_S,
    ) -> None:
        self._present = present
        self._caps = caps
        self._commands = commands
        self._profiles = profiles
        self._effect_s = effect_s
        # one call for each charge point at a time, in the order in which they came
        self._turns: dict[str, asyncio.Lock] = {}

    async def run(self, asked: Asked, by: str, begin: Callable[[], Any], expired: Callable[[], bool]) -> Verdict:
        """Carry *asked* out; *begin* is awaited right before anything is sent: from then on it may have happened."""
        if asked.command.op in ("limit", "limit_clear"):
            return await self._limit(asked, by, begin)
        request = self._request(asked)
        if isinstance(request, Verdict):
            return request
        charge_point = self._charge_point(asked)
        if charge_point is None:
            return Verdict(state="rejected", code="no_target", message="tgt names no charge point, or one that is not")
        async with self._turns.setdefault(charge_point, asyncio.Lock()):
            if expired():
                return Verdict(state="expired", code="expired", message="its turn came too late")
            if await begin() is False:
                return Verdict(state="failed", code="not_stored", message="the disk does not take it; nothing was sent")
            effect = _Effect(self._present, asked, charge_point, request)
            try:
                outcome = await self._commands.execute(charge_point, request, by=by)
                verdict = _verdict(outcome)
                return await effect.seen(verdict, self._effect_s) if verdict.state == "done" else verdict
            finally:
                effect.end()

    async def _limit(self, asked: Asked, by: str, begin: Callable[[], Any]) -> Verdict:
        """What a connector may draw at most: through the balancer, never around it."""
        charge_point, number = self._charge_point(asked), asked.command.tgt.c
        connector = 1 if isinstance(number, UnsetType) else number
        if charge_point is None or not self._caps.knows(charge_point, connector):
            return Verdict(state="rejected", code="no_target", message="tgt names no connector of the site")
        cap = None
        if asked.command.op == "limit":
            try:
                wish = msgspec.convert(asked.command.args, LimitArguments)
            except msgspec.ValidationError as error:
                return Verdict(state="rejected", code="bad_args", message=str(error))
            until_utc_ms = None if isinstance(wish.until, UnsetType) else timestamps.parse(wish.until)
            if until_utc_ms is None and not isinstance(wish.until, UnsetType):
                return Verdict(state="rejected", code="bad_args", message="until is no time")
            cap = ConnectorCap(limit_ma=milliamperes_from_amperes(wish.a), until_utc_ms=until_utc_ms, by=by)
        if await begin() is False or await self._caps.put(charge_point, connector, cap, by) is not None:
            return Verdict(state="failed", code="not_stored", message="the disk does not take it; nothing was changed")
        if cap is None:
            return Verdict(state="done")
        verified = await self._followed(charge_point, connector, cap.limit_ma)
        return _done(verified=verified)

    async def _followed(self, charge_point: str, connector: int, limit_ma: int) -> bool:
        """Whether the connector is seen to draw no more than that in time."""
        present = self._present
        try:
            async with asyncio.timeout(self._effect_s):
                while True:
                    version = present.version
                    entry = present.connector(charge_point, connector)
                    if entry.transaction is None or _obeys(entry, limit_ma):
                        return True
                    await present.changed(version)
        except TimeoutError:
            return False

    def proven(self, asked: Asked, taken_utc_ms: int) -> Verdict:
        """What the picture says of a command that was being carried out when we were stopped."""
        charge_point = self._charge_point(asked)
        entry = None if charge_point is None else self._present.charge_point(charge_point)
        request = self._request(asked)
        if entry is not None and isinstance(request, m.RemoteStartTransactionRequest):
            for connector in entry.connectors.values():
                running = connector.transaction
                if running is not None and running.id_tag == request.id_tag and running.received.utc_ms >= taken_utc_ms:
                    return _done(transaction_id=running.transaction_id)
        if entry is not None and isinstance(request, m.RemoteStopTransactionRequest):
            running_ids = {one.transaction.transaction_id for one in entry.connectors.values() if one.transaction}
            if request.transaction_id not in running_ids:
                return _done(transaction_id=request.transaction_id)
        return Verdict(state="unknown", code="interrupted", message="we were stopped while it was on its way")

    def _charge_point(self, asked: Asked) -> str | None:
        target = asked.command.tgt
        if target.cp is not UNSET:
            named = str(target.cp)
            return named if self._commands.knows(named) else None
        if target.tx is UNSET:
            return None
        return next(
            (
                identity
                for identity, entry in self._present.picture.charge_points.items()
                for connector in entry.connectors.values()
                if connector.transaction is not None and connector.transaction.transaction_id == target.tx
            ),
            None,
        )

    def _request(self, asked: Asked) -> m.Request | Verdict:
        """The message that goes out: the arguments in OCPP's words, the target where it has a place for it."""
        command, action = asked.command, asked.operation.action
        args: dict[str, Any] = dict(command.args)
        if action is None:
            action, payload = str(args.get("action")), args.get("payload", {})
            args = payload if isinstance(payload, dict) else {}
        known = m.TO_CHARGE_POINT.get(action)
        if known is None:
            return Verdict(state="rejected", code="unknown_action", message=f"OCPP has no {action!r} to a charge point")
        members = known.__struct_encode_fields__
        for member, value in (("connectorId", command.tgt.c), ("transactionId", command.tgt.tx)):
            if member in members and value is not UNSET:
                args.setdefault(member, value)
        if "tag" in args and "idTag" in members:
            args["idTag"] = args.pop("tag")
        try:
            body = msgspec.json.encode(args)
            return wishes.read(action, body, self._profiles.by_name, self._commands.take_number)
        except codec.PayloadError as error:
            return Verdict(state="rejected", code="bad_args", message=f"{error.code}: {error.description}")


def _done(**data: object) -> Verdict:
    return Verdict(state="done", data=msgspec.json.encode(data))


def _verdict(outcome: Outcome | Refused) -> Verdict:
    if isinstance(outcome, Answered):
        status = getattr(outcome.response, "status", None)
        data = codec.encode(outcome.response)
        if status is None or status in _GOOD:
            return Verdict(state="done", data=data)
        return Verdict(state="failed", code=str(status), message="the charge point declined", data=data)
    if isinstance(outcome, CallErrored):
        return Verdict(state="failed", code=outcome.code, message=outcome.description or None)
    if isinstance(outcome, Refused):
        return Verdict(state="rejected", code="refused", message=outcome.reason)
    if isinstance(outcome, TimedOut):
        return Verdict(state="unknown", code="no_answer", message="sent and not answered; it may have been done")
    if isinstance(outcome, Busy):
        return Verdict(state="failed", code="busy", message="too much waits for the charge point; nothing was sent")
    return Verdict(state="failed", code="not_connected", message="the charge point is not connected; nothing was sent")


def _obeys(entry: ConnectorPicture, limit_ma: int) -> bool:
    """Whether it holds the limit, and has drawn no more since, as far as it says."""
    if entry.held is None or entry.held.limit_ma > limit_ma:
        return False
    values = entry.values
    if values is None or values.current_ma is None:
        return True
    # a charger's own electronics draw a little while a car is paused
    return values.at.mono_s > entry.held.sent_mono_s and max(values.current_ma) <= limit_ma * 1.1 + 500


class _Effect:
    """Looks out for what a start or a stop is for, from before it is sent."""

    def __init__(self, present: Present, asked: Asked, charge_point: str, request: m.Request) -> None:
        self._charge_point = charge_point
        self._request = request
        self._seen: asyncio.Future[Fact] = asyncio.get_running_loop().create_future()
        kinds: tuple[type[Fact], ...] = ()
        if isinstance(request, m.RemoteStartTransactionRequest):
            kinds = (facts.TransactionStarted,)
        elif isinstance(request, m.RemoteStopTransactionRequest):
            kinds = (facts.TransactionStopped,)
        self._kinds = kinds
        self._words = f"accepted, and nothing followed ({asked.command.op})"
        self.end: Callable[[], None] = present.follow(self._followed, kinds) if kinds else lambda: None

    def _followed(self, fact: Fact) -> None:
        if not self._seen.done() and self._is_it(fact):
            self._seen.set_result(fact)

    def _is_it(self, fact: Fact) -> bool:
        request = self._request
        if isinstance(fact, facts.TransactionStarted) and isinstance(request, m.RemoteStartTransactionRequest):
            there = request.connector_id in (None, fact.connector)
            return fact.charge_point == self._charge_point and there and fact.id_tag == request.id_tag
        return (
            isinstance(fact, facts.TransactionStopped)
            and isinstance(request, m.RemoteStopTransactionRequest)
            and fact.transaction_id == request.transaction_id
        )

    async def seen(self, verdict: Verdict, within_s: float) -> Verdict:
        """The verdict once the effect was seen, or has not been in time."""
        if not self._kinds:
            return verdict
        try:
            async with asyncio.timeout(within_s):
                fact = await self._seen
        except TimeoutError:
            return Verdict(state="failed", code="timeout", message=f"{self._words} within {within_s:.0f} s")
        assert isinstance(fact, facts.TransactionStarted | facts.TransactionStopped)
        return _done(transaction_id=fact.transaction_id, connector=fact.connector)
