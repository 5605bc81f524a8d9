"""The machine's clock begins in 1970, is set by years, runs away: under libfaketime, with cars charging meanwhile.

libfaketime leaves the monotonic clock alone, as setting a clock does; a file says what time it shows, and can be
changed while the daemon runs. What a time service would say is a file, too (``synchronised_file``).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import re
import sqlite3
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.charge_point import ChargePoint
from tests.system.daemon import METER, Daemon, charge_point
from tests.system.far_ends import charge_point as connected
from tests.system.far_ends import grid_meter
from tests.waiting import until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
SITE = """
[clock]
synchronised_file = "{folder}/synchronised"
[[circuit]]
name = "main"
fuse_a = 63
background_a = 20
"""
DAY_S = 86_400
YEAR_S = 365 * DAY_S


class Machine:
    """A daemon that sees the time we say, and the chargers of its site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stamp = folder / "time"
        self._synchronised = folder / "synchronised"

    def environment(self, boot: str) -> dict[str, str]:
        assert LIBRARY is not None
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._stamp),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
            "CHARGEMON_BOOT_ID": boot,
        }

    def set(self, ahead_s: float, *, rate: float = 1.0) -> None:
        """The machine's clock is *ahead_s* off the real one from now on, running *rate* times as fast."""
        speed = "" if rate == 1.0 else f" x{rate}"
        fresh = self._stamp.with_suffix(".new")
        fresh.write_text(f"{ahead_s:+.0f}s{speed}\n")
        fresh.replace(self._stamp)

    def synchronise(self, ahead_s: float = 0.0) -> None:
        """A time service says now that the machine's clock, *ahead_s* off the real one, is right."""
        self._synchronised.touch()
        now_s = time.time() + ahead_s
        os.utime(self._synchronised, (now_s, now_s))

    def rows(self, query: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/site.db?mode=ro", uri=True)) as site:
            return site.execute(query).fetchall()


def in_1970() -> float:
    return 60 - time.time()


@contextlib.asynccontextmanager
async def charging(daemon: Daemon) -> AsyncIterator[tuple[ChargePoint, int]]:
    """A charger whose car charges by a limit of the balancing."""
    async with connected(daemon.chargers_url, "GATE") as gate:
        await gate.boot()
        await gate.status(1, "Preparing")
        transaction_id = await gate.begin(1)
        await gate.status(1, "Charging")
        await until(lambda: bool(gate.tx_limits()), within_s=15, what="a first limit")
        yield gate, transaction_id


def asked(daemon: Daemon, path: str) -> Any:
    done = daemon.command("api", "GET", path, "--socket", str(daemon.folder / "control.sock"))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def confirm(daemon: Daemon) -> subprocess.CompletedProcess[str]:
    return daemon.command("api", "POST", "clock/confirm", "--socket", str(daemon.folder / "control.sock"))


def dated_since(daemon: Daemon, transaction_id: int, began_s: float) -> Any:
    """The transaction's record, once its date has been put right (the disk's writer does it in its turn)."""
    ends = time.monotonic() + 5
    while True:
        listed = asked(daemon, f"transactions/{transaction_id}")
        if listed["start_received_utc_ms"] / 1000 > began_s or time.monotonic() > ends:
            return listed


def start_of_last_limit(gate: ChargePoint) -> str:
    return str(gate.limits[-1][2]["charging_schedule"]["start_schedule"])


@contextlib.contextmanager
def running(folder: Path, machine: Machine) -> Iterator[Daemon]:
    """A daemon on that machine, with a meter and a charger's place."""
    with grid_meter(5) as meter:
        config = SITE.format(folder=folder) + METER.format(port=meter.port) + charge_point("GATE")
        daemon = Daemon(folder, config)
        daemon.start(environment=machine.environment("boot1"))
        try:
            yield daemon
            assert daemon.stop() == 0
        except BaseException as error:
            daemon.__exit__(type(error), error, None)
            raise


pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")


@pytest.mark.promise("R10")
async def test_a_boot_in_1970_with_cars_charging_and_then_the_time_is_known(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.set(in_1970())
    with running(tmp_path, machine) as daemon:
        async with charging(daemon) as (gate, transaction_id):
            doubted = await asyncio.to_thread(asked, daemon, "clock")
            refused = await asyncio.to_thread(confirm, daemon)
            told = await gate.beat()
            began_s = time.time()
            machine.set(0)
            machine.synchronise()
            daemon.line("time known", within_s=5)
            known = await asyncio.to_thread(asked, daemon, "clock")
            limits = len(gate.tx_limits())
            await until(lambda: len(gate.tx_limits()) > limits, within_s=8, what="a limit after the correction")
            untold = start_of_last_limit(gate)
            now = await gate.beat()
            limits = len(gate.tx_limits())
            await until(lambda: len(gate.tx_limits()) > limits, within_s=8, what="a limit that is dated anew")
            profile = start_of_last_limit(gate)
            listed = await asyncio.to_thread(dated_since, daemon, transaction_id, began_s - 30)
            answer = await gate.end(transaction_id)

    assert not doubted["trusted"]
    # nobody's word makes 1970 right
    assert refused.returncode != 0
    assert "set it first" in refused.stdout + refused.stderr
    assert known["trusted"]
    assert told >= "2026-01-01"
    assert abs(known["utc_ms"] / 1000 - began_s) < 10
    assert now[:13] == time.strftime("%Y-%m-%dT%H", time.gmtime())
    # it answered no trigger and had not asked: by its clock a lease of our new time would be yet to begin
    assert untold[:10] <= told[:10]
    assert profile[:10] == time.strftime("%Y-%m-%d", time.gmtime(time.time() - 30))
    assert "Heartbeat" in gate.triggered
    assert listed["times_doubted"]
    assert abs(listed["start_received_utc_ms"] / 1000 - began_s) < 30
    assert answer is not None
    ((first_s, last_s),) = machine.rows("SELECT min(utc_ms) / 1000.0, max(utc_ms) / 1000.0 FROM event")
    assert began_s - 60 < first_s <= last_s < time.time() + 1
    assert machine.rows("SELECT count(*) FROM charging_transaction WHERE stop_received_utc_ms IS NOT NULL") == [(1,)]
    assert machine.rows("SELECT count(*) FROM event WHERE kind = 'LinkClosed'") <= [(1,)]


@pytest.mark.parametrize("step_s", [3 * YEAR_S, -2 * DAY_S], ids=["3 years forward", "2 days back"])
@pytest.mark.promise("R10")
async def test_a_step_disturbs_nobody_and_is_followed_once_a_time_service_says_so(tmp_path: Path, step_s: int) -> None:
    machine = Machine(tmp_path)
    machine.set(0)
    machine.synchronise()
    with running(tmp_path, machine) as daemon:
        token = daemon.command("token", "create", "anna", "--days", "30", "--socket", f"{tmp_path}/control.sock")
        async with charging(daemon) as (gate, transaction_id):
            machine.set(step_s)
            daemon.line("machine clock set", within_s=5)
            held = await asyncio.to_thread(asked, daemon, "clock")
            offered = len(gate.tx_limits())
            await asyncio.sleep(1.5)
            quiet = len(gate.tx_limits()) == offered
            tokens = await asyncio.to_thread(asked, daemon, "tokens")
            alarms = [one["code"] for one in (await asyncio.to_thread(asked, daemon, "site"))["alarms"]]
            machine.synchronise(step_s)
            daemon.line("time known", within_s=5)
            followed = await asyncio.to_thread(asked, daemon, "clock")
            await until(lambda: len(gate.tx_limits()) > offered, within_s=8, what="a limit that is dated anew")
            answer = await gate.end(transaction_id)

    assert token.returncode == 0
    assert held["trusted"]
    assert abs(held["machine_ahead_ms"] / 1000 - step_s) < 2
    assert abs(held["utc_ms"] / 1000 - time.time()) < 30
    assert quiet
    assert [one["expired"] for one in tokens] == [False]
    assert "clock_apart" in alarms
    assert abs(followed["utc_ms"] / 1000 - time.time() - step_s) < 30
    assert followed["machine_ahead_ms"] == 0
    assert answer is not None
    links = machine.rows("SELECT count(*) FROM event WHERE kind = 'LinkOpened'")
    assert links == [(1,)]
    kinds = [kind for (kind,) in machine.rows("SELECT kind FROM event ORDER BY number")]
    assert [kind for kind in kinds if kind.startswith("Clock")] == ["ClockBegun", "ClockApart", "ClockCorrected"]


async def test_another_run_since_the_same_boot_goes_on_and_both_are_put_right(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.set(in_1970())
    with running(tmp_path, machine) as daemon:
        async with charging(daemon) as (_, transaction_id):
            daemon.kill()
        began_s = time.time()
        daemon.start(environment=machine.environment("boot1"))
        async with connected(daemon.chargers_url, "GATE"):
            machine.set(0)
            machine.synchronise()
            daemon.line("time known", within_s=5)
            listed = await asyncio.to_thread(dated_since, daemon, transaction_id, began_s - 30)

    assert abs(listed["start_received_utc_ms"] / 1000 - began_s) < 30
    times = [at for (at,) in machine.rows("SELECT utc_ms FROM event ORDER BY number")]
    assert times == sorted(times)
    assert times[0] / 1000 > began_s - 60


@pytest.mark.promise("R10")
async def test_a_racing_clock_hurries_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.set(0)
    machine.synchronise()
    with running(tmp_path, machine) as daemon:
        async with charging(daemon) as (gate, transaction_id):
            machine.set(0, rate=200)
            offered, began = len(gate.tx_limits()), time.monotonic()
            daemon.line("machine clock set", within_s=5)
            await asyncio.sleep(2)
            now = await asyncio.to_thread(asked, daemon, "clock")
            early = len(gate.tx_limits()) - offered
            passed_s = time.monotonic() - began
            answer = await gate.end(transaction_id)

    # half a lease is a minute
    assert passed_s < 50
    assert early == 0
    assert abs(now["utc_ms"] / 1000 - time.time()) < 30
    assert answer is not None


async def test_a_charger_whose_certificate_seems_not_to_be_valid_yet_gets_in_once_the_time_is_right(
    tmp_path: Path,
) -> None:
    """OpenSSL goes by the machine's clock; certificates of others have a beginning."""
    machine = Machine(tmp_path)
    machine.set(in_1970())
    context = _shown_certificate(tmp_path)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "tls.toml").write_text(
        f'[chargers]\ntls_port = 0\nmutual_tls_port = 0\n[keys]\ncharger_authorities = "{tmp_path}/others.pem"\n'
        '[[charge_point]]\nidentity = "TLS"\nsecurity_profile = 3\n'
        '[[charge_point.connector]]\nnumber = 1\ncircuit = "main"\nfallback_a = 0\n'
    )
    with running(tmp_path, machine) as daemon:
        found = re.search(r"charge points on (\S+) \(mutual-tls\)", daemon.line("(mutual-tls)"))
        assert found is not None
        with pytest.raises((ssl.SSLError, OSError, websockets.WebSocketException)):
            await _greet(found[1], context)
        await asyncio.to_thread(daemon.line, "certificate is not yet valid")
        machine.set(0)
        machine.synchronise()
        await asyncio.to_thread(daemon.line, "time known")
        await _greet(found[1], context)


async def _greet(address: str, context: ssl.SSLContext) -> None:
    async with websockets.connect(
        f"wss://{address}/TLS", subprotocols=[websockets.Subprotocol("ocpp1.6")], ssl=context, proxy=None
    ) as link:
        await link.send('[2,"1","Heartbeat",{}]')
        assert "currentTime" in str(await link.recv())


def _shown_certificate(folder: Path) -> ssl.SSLContext:
    """What a charger of another authority shows; that authority lies in ``others.pem``."""
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("others", "TLS")]
    made = []
    for place, key in enumerate(keys):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[place])
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=place == 0, path_length=None), critical=True)
        )
        made.append(builder.sign(keys[0], hashes.SHA256()))
    pem = serialization.Encoding.PEM
    (folder / "others.pem").write_bytes(made[0].public_bytes(pem))
    secret = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "charger.pem").write_bytes(secret + made[1].public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(folder / "charger.pem")
    return context
