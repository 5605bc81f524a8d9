"""Facts as a small site makes them, a clock that stands, and disks that fail."""

from __future__ import annotations

import sqlite3
from typing import Any

from chargemon_edge.site import access_facts, clock_facts, device_facts, facts, operation_facts, token_facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.units import PerPhase
from tests.unit.store.card_samples import CARDS
from tests.unit.store.file_samples import FILES
from tests.unit.store.rollout_samples import ROLLOUT
from tests.unit.store.upstream_samples import UPSTREAM

UTC_MS = 1_800_000_000_000


class StandingClock:
    """Stands until it is moved."""

    def __init__(self, mono_s: float = 1000.0, utc_ms: int = UTC_MS) -> None:
        self.now = Moment(mono_s, utc_ms)

    def monotonic_s(self) -> float:
        return self.now.mono_s

    def utc_ms(self) -> int:
        return self.now.utc_ms

    def move(self, seconds: float) -> None:
        self.now = Moment(self.now.mono_s + seconds, self.now.utc_ms + round(seconds * 1000))


AT = Moment(1000.0, UTC_MS)


def started(transaction_id: int = 7, **changes: Any) -> facts.TransactionStarted:
    members: dict[str, Any] = {
        "at": AT,
        "charge_point": "CP1",
        "connector": 1,
        "transaction_id": transaction_id,
        "id_tag": "04A1B2C3",
        "id_tag_status": "Accepted",
        "meter_start_wh": 1200,
        "started_utc_ms": UTC_MS - 500,
        "started_text": "2027-01-15T07:59:59.5Z",
    }
    return facts.TransactionStarted(**{**members, **changes})


def stopped(transaction_id: int = 7, **changes: Any) -> facts.TransactionStopped:
    members: dict[str, Any] = {
        "at": AT,
        "charge_point": "CP1",
        "connector": 1,
        "transaction_id": transaction_id,
        "meter_stop_wh": 9000,
        "stopped_utc_ms": None,
        "reason": "EVDisconnected",
        "raw": b'{"transactionId":7}',
    }
    return facts.TransactionStopped(**{**members, **changes})


def stop_kept(**changes: Any) -> facts.StopKept:
    members: dict[str, Any] = {"at": AT, "charge_point": "CP1", "transaction_id": 99, "doubt": "unknown", "raw": b"{}"}
    return facts.StopKept(**{**members, **changes})


def status(connector: int = 1, **changes: Any) -> facts.StatusReported:
    members: dict[str, Any] = {
        "at": AT,
        "charge_point": "CP1",
        "connector": connector,
        "status": "Charging",
        "error_code": "NoError",
    }
    return facts.StatusReported(**{**members, **changes})


def values(**changes: Any) -> facts.ValuesReported:
    members: dict[str, Any] = {
        "at": AT,
        "charge_point": "CP1",
        "connector": 1,
        "transaction_id": 7,
        "current_ma": PerPhase(16_000, 15_900, 0),
        "power_w": 7300,
        "energy_wh": 1300,
        "offered_ma": 16_000,
        "measured_utc_ms": UTC_MS - 100,
        "derived": ("power_w",),
        "raw": b'{"connectorId":1}',
    }
    return facts.ValuesReported(**{**members, **changes})


def booted(**changes: Any) -> facts.ChargePointBooted:
    members: dict[str, Any] = {
        "at": AT,
        "charge_point": "CP1",
        "vendor": "Lade & Co",
        "model": "Säule 2",
        "serial_number": "S-1",
        "firmware_version": "1.2.3",
        "iccid": "8949",
        "imsi": "2620",
        "meter_type": "MID",
        "meter_serial_number": "M-1",
    }
    return facts.ChargePointBooted(**{**members, **changes})


def held(**changes: Any) -> facts.LimitHeld:
    members: dict[str, Any] = {
        "at": AT,
        "charge_point": "CP1",
        "connector": 1,
        "transaction_id": 7,
        "limit_ma": 13_000,
        "fallback_ma": 6_000,
        "lease_s": 120.0,
        "sent_mono_s": 990.0,
    }
    return facts.LimitHeld(**{**members, **changes})


def meter_read(utc_ms: int, *current_ma: int, power_w: PerPhase | None = None) -> facts.MeterRead:
    return facts.MeterRead(at=Moment(0.0, utc_ms), meter="grid", current_ma=PerPhase(*current_ma), power_w=power_w)


ONE_OF_EACH: tuple[facts.Fact, ...] = (
    meter_read(UTC_MS, 1, 2, 3),
    facts.MeterLost(at=AT, meter="grid", reason="no answer"),
    facts.LinkOpened(at=AT, charge_point="CP1", remote="192.0.2.1"),
    facts.LinkClosed(at=AT, charge_point="CP1", reason="went away"),
    booted(),
    status(),
    facts.IdTagPresented(at=AT, charge_point="CP1", id_tag="04A1B2C3", status="Accepted"),
    started(),
    stopped(),
    stop_kept(),
    facts.StopSettled(at=AT, number=1, by="command line"),
    clock_facts.ClockBegun(at=AT, boot="b1", offset_ms=UTC_MS - 1_000_000, source=None, doubted_since_utc_ms=UTC_MS),
    clock_facts.ClockApart(at=AT, machine_ahead_ms=-86_400_000),
    clock_facts.TimeTold(at=AT, charge_point="CP1"),
    clock_facts.ClockCorrected(
        at=AT,
        boot="b1",
        by_ms=5_000,
        offset_ms=UTC_MS - 995_000,
        source="chrony",
        doubted_since_utc_ms=None,
        before_utc_ms=UTC_MS,
    ),
    values(),
    facts.MessageKept(at=AT, charge_point="CP1", action="DataTransfer", raw=b"{}"),
    facts.FailSafeHeld(at=AT, charge_point="CP1", connector=1, fallback_ma=6_000),
    held(),
    facts.LimitRefused(at=AT, charge_point="CP1", connector=1, limit_ma=6_000, outcome="Rejected"),
    facts.ProfilesInDoubt(at=AT, charge_point="CP1", connector=3, reason="ClearChargingProfile"),
    facts.SecurityEvent(at=AT, event="login refused", source="192.0.2.9", detail="CP1"),
    operation_facts.DiagnosticsStatusReported(at=AT, charge_point="CP1", status="Uploaded"),
    operation_facts.FirmwareStatusReported(at=AT, charge_point="CP1", status="Installed", signed=True, request_id=4),
    operation_facts.LogStatusReported(at=AT, charge_point="CP1", status="Uploading", request_id=5),
    operation_facts.SecurityEventReported(at=AT, charge_point="CP1", event="TamperDetectionActivated", detail="lid"),
    operation_facts.OperationRequested(
        at=AT, number=3, charge_point="CP1", action="Reset", by="command line", payload='{"type":"Soft"}'
    ),
    operation_facts.OperationEnded(
        at=AT, number=3, charge_point="CP1", action="Reset", by="command line", result="Accepted"
    ),
    operation_facts.ChargingProfileStored(
        at=AT, name="night", profile_id=10_001, body='{"chargingProfileId":10001}', by="command line"
    ),
    operation_facts.ChargingProfileRemoved(at=AT, name="day", profile_id=10_002, by="command line"),
    operation_facts.CertificateRequested(at=AT, charge_point="CP1", status="Rejected"),
    token_facts.TokenIssued(at=AT, name="grafana", role=token_facts.Role.VIEWER, digest=bytes(32), by="command line"),
    token_facts.TokenRevoked(at=AT, name="former", by="command line"),
    *CARDS,
    access_facts.AccessRecorded(
        at=AT,
        record=access_facts.AccessRecord(
            charge_point="CP1",
            security_profile=1,
            password_hash="scrypt:14:8:1:00:ff",
            pending=("scrypt:14:8:1:01:fe",),
            raising_to=2,
            raise_step="profile",
        ),
        by="command line",
        why="raising to profile 2",
    ),
    *FILES,
    access_facts.AccessRemoved(at=AT, charge_point="CP9", by="command line"),
    *ROLLOUT,
    access_facts.CertificateIssued(
        at=AT, charge_point="CP1", serial="a1b2", ends_utc_ms=UTC_MS + 63_072_000_000, sha256="ab" * 32
    ),
    access_facts.CertificateTaken(at=AT, charge_point="CP1", serial="a1b2"),
    access_facts.CertificateRevoked(at=AT, charge_point="CP2", serial="c3d4", by="command line"),
    access_facts.InstalledCertificatesRead(
        at=AT,
        charge_point="CP1",
        use="CentralSystemRootCertificate",
        hash_data=(("SHA256", "aa", "bb", "0c"),),
    ),
    device_facts.ConfigurationRead(
        at=AT,
        charge_point="CP1",
        keys=(
            device_facts.KeyRead(key="HeartbeatInterval", value="300", readonly=False),
            device_facts.KeyRead(key="AuthorizationKey", value=None, readonly=False),
        ),
        whole=True,
    ),
    device_facts.KeyWritten(
        at=AT, charge_point="CP1", key="WebSocketPingInterval", value="120", outcome="Rejected", firmware="1.2.3"
    ),
    device_facts.ConfigurationPaused(at=AT, charge_point="CP1", reason="restarted", until_utc_ms=UTC_MS + 60_000),
    *UPSTREAM,
)


def disk_error(code: int) -> sqlite3.OperationalError:
    """What the sqlite3 module raises when SQLite answers with *code*."""
    error = sqlite3.OperationalError(f"made to fail with code {code}")
    error.sqlite_errorcode = code
    return error


class Faults:
    """Called by the writer before each flush; raises as long as it is told to."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.flushes = 0

    def __call__(self) -> None:
        if self.code is not None:
            raise disk_error(self.code)
        self.flushes += 1
