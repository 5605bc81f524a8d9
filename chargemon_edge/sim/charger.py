"""A virtual charge point: OCPP 1.6J over a real socket, with a personality. Shares no code with the daemon."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from chargemon_edge.sim.answers import ANSWERS, CallRefused
from chargemon_edge.sim.calls import CallQueue, Outgoing, Payload
from chargemon_edge.sim.certificates import Certificates
from chargemon_edge.sim.charging_profiles import ProfileStore
from chargemon_edge.sim.configuration import Configuration
from chargemon_edge.sim.dialling import Account, Dialler
from chargemon_edge.sim.drivers import Drivers
from chargemon_edge.sim.local_list import LocalList
from chargemon_edge.sim.outlet import Outlet, Session
from chargemon_edge.sim.personality import Personality
from chargemon_edge.sim.reserving import Reservations
from chargemon_edge.sim.samples import samples
from chargemon_edge.sim.timers import Timers
from chargemon_edge.sim.upkeep import Upkeep
from chargemon_edge.sim.vehicle import Vehicle

_UNLIMITED_MA = 1_000_000


class Charger:
    """One charge point. The world steps it every second; all else happens on the loop."""

    def __init__(
        self,
        account: Account,
        outlets: Mapping[int, int],
        personality: Personality,
        *,
        utc_s: Callable[[], float],
        seed: int,
    ) -> None:
        """*outlets* gives each connector's hardware maximum in mA; *utc_s* is the right time."""
        self.account = account
        self.identity = account.identity
        self.personality = personality
        self.chance = random.Random(f"charger {account.identity} {seed}")
        self.timers = Timers()
        self.link = Dialler(
            account,
            personality,
            self.timers,
            self.chance,
            opened=self._opened,
            received=self._received,
            lost=self._lost,
        )
        self.calls = CallQueue(self.timers, self.link.send, lambda: self.cut("central system silent"))
        self.profiles = ProfileStore()
        self.outlets = {
            number: Outlet(number, max_ma, personality.step_ma, self._status_changed)
            for number, max_ma in outlets.items()
        }
        self.configuration = Configuration(personality, len(outlets))
        self.local_list = LocalList()
        self.reservations: Reservations = Reservations(self)
        self.drivers: Drivers = Drivers(self)
        self.upkeep: Upkeep = Upkeep(self)
        self.certificates = Certificates()
        self.firmware_version = personality.firmware
        self.unanswered = personality.unanswered
        self.sessions: list[Session] = []
        """Every transaction it ever ran, for the checks."""
        self._utc_s = utc_s
        self._clock_offset_s = personality.clock_offset_s
        self._unsaid: set[int] = set()
        # when the last CALLs came
        self._calls_at_s: list[float] = []

    # --- life ---------------------------------------------------------------------------------------------------

    @property
    def powered(self) -> bool:
        """Whether the mains are there."""
        return self.link.powered

    def power_on(self, host: str, port: int) -> None:
        """Start up and dial the central system there."""
        self._unsaid = {0, *self.outlets}
        self.link.power_on(host, port)
        self._plan_mishaps()

    def power_off(self) -> None:
        """The mains are gone: no message, no close frame."""
        self.link.power_off()
        self.calls.power_off()
        self.upkeep.power_off()
        self.timers.cancel_all()

    def reboot(self, reason: str = "Reboot") -> None:
        """Restart: running transactions end, their stops wait for the next link; the boot comes first."""
        if not self.powered:
            return
        for outlet in self.outlets.values():
            self.end(outlet, reason)
        host, port = self.link.address
        self.power_off()
        self.profiles.held = [one for one in self.profiles.held if one.purpose != "TxProfile"]
        self.timers.after("power", self.chance.uniform(*self.personality.restart_s), lambda: self.power_on(host, port))

    def cut(self, why: str = "cut", away_s: float = 0.0) -> None:
        """The link breaks, without a word to either side, and cannot come back for *away_s*."""
        self.link.cut(why, away_s)

    def go_deaf(self, for_s: float) -> None:
        """The link looks open, but nothing passes in either direction; afterwards it breaks."""
        self.link.go_deaf(for_s)

    def go_mute(self, for_s: float) -> None:
        """For a while no CALL gets an answer."""
        self.unanswered = 1.0
        self.timers.after("mute", for_s, self._speak)

    def _speak(self) -> None:
        self.unanswered = self.personality.unanswered

    @property
    def linked(self) -> bool:
        """Whether a WebSocket stands."""
        return self.link.linked

    @property
    def reachable(self) -> bool:
        """Whether the central system can change its limits now and know it: linked, hearing and answering."""
        return not self.alone and self.unanswered == 0

    @property
    def alone(self) -> bool:
        """Whether nothing from the central system can reach it."""
        return self.link.alone

    def _plan_mishaps(self) -> None:
        mishaps = (
            ("reboot", self.personality.reboots_per_h, self.reboot),
            ("loss", self.personality.losses_per_h, self._loss),
        )
        for name, per_h, happens in mishaps:
            if per_h > 0:
                self.timers.after(name, self.chance.expovariate(per_h / 3_600.0), happens)

    def _loss(self) -> None:
        self.cut("bad radio", self.chance.expovariate(1.0 / self.personality.loss_s))
        self._plan_mishaps()

    # --- the link -----------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        self.calls.link_up()
        if not self.calls.booted:
            self._boot()
        else:
            self._say_statuses()

    def _lost(self) -> None:
        self.calls.link_down()

    def _received(self, text: bytes) -> None:
        kind, unique_id, *rest = msgspec.json.decode(text)
        if kind == 3:
            self.calls.confirmed(unique_id, rest[0])
        elif kind == 4:
            self.calls.errored(unique_id)
        else:
            self._answer(unique_id, rest[0], rest[1])

    def _answer(self, unique_id: str, action: str, payload: Payload) -> None:
        lost = self.unanswered > 0 and self.chance.random() < self.unanswered
        if lost and self.chance.random() < 0.5:
            # the call never reached what would obey it; in the other half it is obeyed and only the answer is lost
            return
        if self._breaks(action):
            self.cut(f"does not survive {action}")
            return
        answer = ANSWERS.get(action)
        frame: list[Any]
        try:
            frame = (
                [4, unique_id, "NotImplemented", "", {}] if answer is None else [3, unique_id, answer(self, payload)]
            )
        except CallRefused as refused:
            frame = [4, unique_id, str(refused), "", {}]
        except (KeyError, TypeError, ValueError):
            frame = [4, unique_id, "FormationViolation", "", {}]
        if not lost:
            self.link.later(f"answer {unique_id}", self.personality.answer_delay_s, msgspec.json.encode(frame))

    def _breaks(self, action: str) -> bool:
        """Whether this CALL is one too many for its firmware."""
        personality = self.personality
        if action in personality.breaks_on:
            return True
        if personality.calls_max == 0 or (personality.calls_counted and action not in personality.calls_counted):
            return False
        now_s = self.timers.now_s()
        self._calls_at_s = [one for one in self._calls_at_s if now_s - one < personality.calls_window_s] + [now_s]
        return len(self._calls_at_s) > personality.calls_max

    # --- what it says -------------------------------------------------------------------------------------------

    def _boot(self) -> None:
        self.calls.add(Outgoing(action="BootNotification", payload=self._nameplate(), boots=True, done=self._booted))

    def _nameplate(self) -> Payload:
        return {
            "chargePointVendor": self.personality.vendor,
            "chargePointModel": self.personality.model,
            "chargePointSerialNumber": self.personality.serial or f"SIM-{self.identity}"[:25],
            "firmwareVersion": self.firmware_version,
        }

    def say_boot(self) -> None:
        """BootNotification without a boot, because it was asked for."""
        self.calls.add(Outgoing(action="BootNotification", payload=self._nameplate()))

    def say_security_event(self, kind: str) -> None:
        """SecurityEventNotification (security white paper)."""
        self.calls.add(
            Outgoing(action="SecurityEventNotification", payload={"type": kind, "timestamp": self.text_now()})
        )

    def _booted(self, confirmation: Payload | None) -> None:
        if confirmation is None or confirmation["status"] != "Accepted":
            pause_s = float(confirmation["interval"] or 60) if confirmation else 30.0
            self.timers.after("boot", pause_s, self._boot)
            return
        self._set_clock(confirmation["currentTime"])
        if confirmation["interval"] > 0:
            self.configuration.put("HeartbeatInterval", str(confirmation["interval"]))
        self._say_statuses()
        self.calls.go_on()
        self._plan_heartbeat()
        self._plan_ping()
        for outlet in self.outlets.values():
            if outlet.vehicle is not None and outlet.session is None:
                self.drivers.present_card(outlet)

    def _set_clock(self, text: str) -> None:
        if self.personality.sets_clock:
            right_s = datetime.datetime.fromisoformat(text).timestamp()
            self._clock_offset_s = right_s - self._utc_s()

    def _plan_heartbeat(self) -> None:
        self.timers.after("heartbeat", self.configuration.number("HeartbeatInterval") or 300.0, self._heartbeat)

    def configured(self, key: str) -> None:
        """That key has a new value: what runs by it is planned anew."""
        if key == "HeartbeatInterval":
            self._plan_heartbeat()
        elif key == "WebSocketPingInterval":
            self._plan_ping()

    def _plan_ping(self) -> None:
        every_s = self.configuration.number("WebSocketPingInterval")
        if every_s > 0:
            self.timers.after("ping", every_s, self._ping)
        else:
            self.timers.cancel("ping")

    def _ping(self) -> None:
        self.link.ping()
        self._plan_ping()

    def _heartbeat(self) -> None:
        self.say_heartbeat()
        self._plan_heartbeat()

    def say_heartbeat(self) -> None:
        """Heartbeat, and set the clock by the answer."""
        self.calls.add(Outgoing(action="Heartbeat", payload={}, done=self._beaten))

    def _beaten(self, confirmation: Payload | None) -> None:
        if confirmation is not None:
            self._set_clock(confirmation["currentTime"])

    def _status_changed(self, outlet: Outlet) -> None:
        self._unsaid.add(outlet.number)
        if self.linked and self.calls.booted:
            self._say_statuses()

    def _say_statuses(self) -> None:
        for number in sorted(self._unsaid):
            self.say_status(number)
        self._unsaid.clear()

    def say_status(self, number: int) -> None:
        """StatusNotification of a connector, or of the charge point as a whole (0)."""
        status = "Available" if number == 0 else self.outlets[number].status
        payload = {
            "connectorId": number,
            "errorCode": self.personality.error_code,
            "status": status,
            "timestamp": self.text_now(),
        }
        self.calls.add(Outgoing(action="StatusNotification", payload=payload))

    def say_statuses_of(self, outlets: Iterable[Outlet]) -> None:
        """StatusNotification of each of these."""
        for outlet in outlets:
            self.say_status(outlet.number)

    def say_values_of(self, outlets: Iterable[Outlet]) -> None:
        """MeterValues of each of these, because they were asked for."""
        for outlet in outlets:
            self.say_values(outlet, "Trigger")

    def say_values(self, outlet: Outlet, context: str = "Sample.Periodic") -> None:
        """MeterValues of a connector, with its transaction if one runs."""
        measured = list(samples(outlet, self.personality, self.configuration.sampled(), context))
        if not measured:
            return
        values = [{"timestamp": self.text_now(), "sampledValue": measured}]
        payload: Payload = {"connectorId": outlet.number, "meterValue": values}
        session = outlet.session
        if session is None:
            self.calls.add(Outgoing(action="MeterValues", payload=payload))
            return
        # transactionId stands before meterValue in the specification's table
        payload = {"connectorId": outlet.number, "transactionId": session.transaction_id, "meterValue": values}
        self.calls.add(
            Outgoing(action="MeterValues", payload=payload, durable=True, finish=lambda late: _name(late, session))
        )

    def _plan_values(self, outlet: Outlet) -> None:
        name = f"values {outlet.number}"
        every_s = self.configuration.number("MeterValueSampleInterval")
        if every_s > 0:
            self.timers.after(name, every_s, lambda: self._values_due(outlet))

    def _values_due(self, outlet: Outlet) -> None:
        if outlet.session is not None:
            self.say_values(outlet)
            self._plan_values(outlet)

    # --- sessions -----------------------------------------------------------------------------------------------

    def plug(self, number: int, vehicle: Vehicle, id_tag: str) -> None:
        """A car arrives; its driver shows the card a moment later."""
        outlet = self.outlets[number]
        outlet.plug(vehicle, id_tag)
        awaited = self.drivers.cable_came(number)
        if awaited is not None:
            self.begin(outlet, awaited)
        elif self.powered:
            self.drivers.present_card(outlet)

    def unplug(self, number: int) -> None:
        """The car leaves."""
        outlet = self.outlets[number]
        self.end(outlet, "EVDisconnected")
        self.timers.cancel(f"card {number}")
        outlet.unplug()

    def begin(self, outlet: Outlet, id_tag: str | None = None, parent_id_tag: str | None = None) -> None:
        """Start a transaction, unless one runs or no car is there."""
        if outlet.session is not None or outlet.vehicle is None or not self.powered:
            return
        session = Session(
            id_tag=(id_tag or outlet.id_tag) + self.personality.tag_suffix,
            started_text=self.text_now(),
            started_utc_s=self.now_utc_s(),
            meter_start_wh=outlet.register_wh,
        )
        self.sessions.append(session)
        payload: Payload = {
            "connectorId": outlet.number,
            "idTag": session.id_tag,
            "meterStart": session.meter_start_wh,
            "timestamp": session.started_text,
        }
        reservation = self.reservations.number_for(outlet.number, id_tag or outlet.id_tag, parent_id_tag)
        if reservation is not None:
            payload["reservationId"] = reservation
        if self.personality.pads_numbers:
            payload["meterStart"] = f" {session.meter_start_wh} "
        asked_s = self.timers.now_s()
        self.calls.add(
            Outgoing(
                action="StartTransaction",
                payload=payload,
                durable=True,
                done=lambda confirmation: self._started(outlet, session, confirmation, asked_s),
            )
        )
        outlet.begin(session)
        outlet.limit_until_s = 0.0
        self._plan_values(outlet)

    def _started(self, outlet: Outlet, session: Session, confirmation: Payload | None, asked_s: float) -> None:
        if confirmation is None:
            return
        if self.timers.now_s() - asked_s < self.personality.breaks_on_start_within_s:
            # the session is lost with the link
            self.end(outlet, "Other")
            self.cut("does not survive so quick an answer")
            return
        session.transaction_id = confirmation["transactionId"]
        if confirmation["idTagInfo"]["status"] != "Accepted" and outlet.session is session:
            self.end(outlet, "DeAuthorized")

    def end(self, outlet: Outlet, reason: str) -> None:
        """Stop the running transaction, if any."""
        session = outlet.session
        if session is None:
            return
        session.ended = True
        payload: Payload = {
            "idTag": session.id_tag,
            "meterStop": outlet.register_wh,
            "timestamp": self.text_now(),
            "transactionId": session.transaction_id,
            "reason": reason,
        }
        self.calls.add(
            Outgoing(action="StopTransaction", payload=payload, durable=True, finish=lambda late: _name(late, session))
        )
        self.timers.cancel(f"values {outlet.number}")
        self.profiles.end_transaction(outlet.number)
        outlet.end()

    # --- currents and time --------------------------------------------------------------------------------------

    def now_utc_s(self) -> float:
        """The time by the charger's own clock."""
        return self._utc_s() + self._clock_offset_s

    def text_now(self) -> str:
        """The same, as it writes it."""
        moment = datetime.datetime.fromtimestamp(self.now_utc_s(), datetime.UTC)
        zone = "" if self.personality.zoneless else "Z"
        return moment.isoformat(timespec="milliseconds").replace("+00:00", zone)

    def outlets_of(self, connector: int | None) -> list[Outlet]:
        """The connector of that number; all of them for 0 or None."""
        if connector in (None, 0):
            return list(self.outlets.values())
        outlet = self.outlets.get(connector or 0)
        return [] if outlet is None else [outlet]

    def refresh_limits(self) -> None:
        """The profiles changed: look again at the next step."""
        for outlet in self.outlets.values():
            outlet.limit_until_s = 0.0

    def step(self, now_s: float, step_s: float) -> None:
        """Let *step_s* pass for every outlet with a car."""
        for outlet in self.outlets.values():
            if outlet.session is None:
                continue
            if self.now_utc_s() >= outlet.limit_until_s:
                self.update_limit(outlet)
            outlet.step(now_s, step_s, self.personality.reaction_s)

    def update_limit(self, outlet: Outlet) -> None:
        """Work out what the profiles in force allow on *outlet* now."""
        session = outlet.session
        started_s = None if session is None else session.started_utc_s
        limit_a, until_s = self.profiles.limit_a(outlet.number, self.now_utc_s(), started_s)
        ignored = self.personality.takes_profiles != "obeys"
        outlet.limit_ma = _UNLIMITED_MA if limit_a is None or ignored else int(limit_a * 1000 + 0.5)
        outlet.limit_until_s = until_s


def _name(payload: Payload, session: Session) -> None:
    # the queue is in order, so the start was confirmed before anything else of its transaction is sent
    payload["transactionId"] = session.transaction_id if session.transaction_id is not None else -1
