"""A charge point that is not ours goes from no password to mutual TLS against the daemon, without a visit."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.system.daemon import Daemon
from tests.system.secure_charger import SERIAL, SecureCharger
from tests.waiting import until

SITE = """
[[circuit]]
name = "main"
fuse_a = 63
[[charge_point]]
identity = "CP1"
allow_without_password = true
[[charge_point.connector]]
number = 1
circuit = "main"
fallback_a = 0
"""
LISTENERS = '[chargers]\ntls_port = 0\nmutual_tls_port = 0\n[keys]\nnames = ["box.example"]\n'


def _daemon(folder: Path) -> Daemon:
    (folder / "conf.d").mkdir(exist_ok=True)
    (folder / "conf.d" / "tls.toml").write_text(LISTENERS)
    return Daemon(folder, SITE)


def _urls(daemon: Daemon, since: int = 0) -> dict[int, str]:
    """Where each profile is served by the daemon's last start."""
    found: dict[str, str] = {}
    for line in daemon.lines[since:]:
        told = re.search(r"listening for charge points on (\S+) \((\S+)\)", line)
        if told is not None:
            found[told[2]] = told[1]
    plain = f"ws://{found['plain']}"
    return {0: plain, 1: plain, 2: f"wss://{found['tls']}", 3: f"wss://{found['mutual-tls']}"}


@contextlib.asynccontextmanager
async def _running(charger: SecureCharger) -> AsyncIterator[SecureCharger]:
    dialling = asyncio.create_task(charger.run())
    try:
        yield charger
    finally:
        dialling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dialling


async def _command(daemon: Daemon, *arguments: str) -> tuple[int, str]:
    socket = ("--socket", f"{daemon.folder}/control.sock")
    done = await asyncio.to_thread(daemon.command, *arguments, *socket)
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


async def _api(daemon: Daemon, *arguments: str) -> Any:
    code, said = await _command(daemon, "api", *arguments)
    assert code == 0, said
    return json.loads(said) if said.strip() else None


async def _access(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = await _api(daemon, "GET", "charge-points/CP1/access")
    return found


async def _status(charger: SecureCharger, profile: int) -> int:
    """What a connection the way of that profile is answered."""
    try:
        async with charger.dial(profile):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.demand("S12")
async def test_from_no_password_to_mutual_tls_without_a_visit(tmp_path: Path) -> None:
    with _daemon(tmp_path) as daemon:
        charger = SecureCharger("CP1", _urls(daemon))
        async with _running(charger):
            await until(lambda: charger.logins == [0], within_s=10, what="the first login")
            for to in (1, 2, 3):
                assert (await _command(daemon, "charger", "raise", "CP1", "--to", str(to)))[0] == 0
                await until(lambda to=to: to in charger.logins, within_s=30, what=f"profile {to}")  # type: ignore[misc]  # a bound default has no type
                await asyncio.to_thread(daemon.line, f"arrived at security profile {to}")
                access = await _access(daemon)
                assert (access["security_profile"], access["raise_step"], access["raising_to"]) == (to, "done", None)
                # 083: from now on every lower way is refused, whatever it has
                for lower in range(to):
                    # on the plain listener what tells 0 from 1 is the password
                    assert await _status(charger, lower) == (401 if to == 1 else 403)
        told = [action for action, _ in charger.told]
        assert told == [
            *("AuthorizationKey", "SecurityProfile", "Reset"),
            *("InstallCertificate", "SecurityProfile", "Reset"),
            *("ExtendedTriggerMessage", "SignCertificate", "CertificateSigned", "SecurityProfile", "Reset"),
        ]
        assert 16 <= len(bytes.fromhex(charger.told[0][1]["value"])) <= 20
        # 074
        assert charger.told[6][1] == {"message": "SignChargePointCertificate"}
        certificate = x509.load_pem_x509_certificate((charger.certificate_pem or "").encode())
        assert certificate.public_key() == charger.key.public_key()
        assert [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [SERIAL]
        certificates = await _api(daemon, "GET", "certificates")
        assert [one["serial"] for one in certificates["charge_points"]] == [f"{certificate.serial_number:x}"]
        await _nothing_secret_is_told(daemon, charger)
        await _revoked_it_stays_outside(daemon, charger)


async def _revoked_it_stays_outside(daemon: Daemon, charger: SecureCharger) -> None:
    """The charger was stolen, say: its certificate opens nothing more, also after a restart."""
    serial = f"{x509.load_pem_x509_certificate((charger.certificate_pem or '').encode()).serial_number:x}"
    assert await _status(charger, 3) == 101
    code, said = await _command(daemon, "charger", "revoke", "CP1")
    assert (code, said.strip()) == (0, f"revoked, for ever: {serial}")
    assert await _status(charger, 3) == 401
    assert [one["serial"] for one in (await _api(daemon, "GET", "certificates"))["revoked"]] == [serial]
    daemon.kill()
    before = len(daemon.lines)
    daemon.start()
    charger.urls = _urls(daemon, before)
    assert await _status(charger, 3) == 401
    events = (await _api(daemon, "GET", "security-events?limit=50"))["items"]
    assert {"certificate revoked", "login refused"} <= {event["event"] for event in events}


async def _nothing_secret_is_told(daemon: Daemon, charger: SecureCharger) -> None:
    """S12: the password is in no log, no answer and no file; the events tell what happened."""
    canary = charger.password or "?"
    forms = [canary.encode(), canary.lower().encode(), bytes.fromhex(canary)]
    forms.append(base64.b64encode(b"CP1:" + bytes.fromhex(canary)))
    events = (await _api(daemon, "GET", "security-events?limit=500"))["items"]
    seen = "".join(daemon.lines).encode() + json.dumps(events).encode()
    for path in daemon.folder.glob("*.db*"):
        seen += path.read_bytes()

    assert [form for form in forms if form in seen] == []
    kinds = {event["event"] for event in events}
    assert {"login", "access changed", "certificate signed", "certificate", "wrong security profile"} <= kinds
    assert b"BEGIN PRIVATE KEY" not in seen


async def test_a_raise_that_the_charger_refuses_leaves_the_old_way_open(tmp_path: Path) -> None:
    with _daemon(tmp_path) as daemon:
        charger = SecureCharger("CP1", _urls(daemon))
        charger.refuse = {"SecurityProfile"}
        async with _running(charger):
            await until(lambda: charger.logins == [0], within_s=10, what="the first login")
            await _command(daemon, "charger", "raise", "CP1", "--to", "1")
            await asyncio.to_thread(daemon.line, "now: failed")
            access = await _access(daemon)

            assert (access["security_profile"], access["raising_to"], access["raise_step"]) == (0, None, "failed")
            await charger.connection.close()
            await until(lambda: charger.logins == [0, 0], within_s=10, what="another login the old way")


@pytest.mark.demand("S13")
@pytest.mark.parametrize("taken", [True, False], ids=["the charger had taken it", "the charger had not"])
async def test_killed_between_asking_and_the_new_login_no_way_is_lost(tmp_path: Path, taken: bool) -> None:
    """S13, and the raise: kill -9 while the key and the profile are on their way."""
    with _daemon(tmp_path) as daemon:
        charger = SecureCharger("CP1", _urls(daemon))
        async with _running(charger):
            await until(lambda: charger.logins == [0], within_s=10, what="the first login")
            await _command(daemon, "charger", "raise", "CP1", "--to", "1")
            await until(lambda: ("Reset", {"type": "Hard"}) in charger.told, within_s=30, what="the reset")
            if not taken:
                # it forgets what it was told, as one that lost power does
                charger.profile = charger.next_profile = 0
                charger.password = None
            daemon.kill()
            before, logins = len(daemon.lines), len(charger.logins)
            daemon.start()
            charger.urls = _urls(daemon, before)
            await until(lambda: len(charger.logins) > logins, within_s=20, what="a login after the restart")
        access = await _access(daemon)

        assert charger.logins[-1] == int(taken)
        assert access["security_profile"] == int(taken)


@pytest.mark.demand("S13")
async def test_a_rotated_key_survives_a_kill_and_the_old_one_ends_when_the_new_was_used(tmp_path: Path) -> None:
    """073, S13."""
    with _daemon(tmp_path) as daemon:
        charger = SecureCharger("CP1", _urls(daemon))
        charger.profile = charger.next_profile = 1
        code, said = await _command(daemon, "charger", "password", "CP1", "--profile", "1")
        assert code == 0, said
        charger.password = first = said.splitlines()[-1]
        async with _running(charger):
            await until(lambda: charger.logins == [1], within_s=10, what="the first login")
            assert (await _command(daemon, "charger", "rotate-key", "CP1"))[0] == 0
            second = charger.password
            assert second not in (None, first)
            assert (await _access(daemon))["keys_on_their_way"] == 1
            daemon.kill()
            before = len(daemon.lines)
            charger.password = first
            daemon.start()
            charger.urls = _urls(daemon, before)
            await until(lambda: len(charger.logins) == 2, within_s=20, what="a login with the old key")
            charger.password = second
            await charger.connection.close()
            await until(lambda: len(charger.logins) == 3, within_s=20, what="a login with the new key")
            await asyncio.to_thread(daemon.line, "uses its new key", after=before)
            assert (await _access(daemon))["keys_on_their_way"] == 0
            charger.password = first
            assert await _status(charger, 1) == 401


@pytest.mark.demand("S13")
@pytest.mark.parametrize("point", ["AuthorizationKey came", "AuthorizationKey taken", "logged in"])
async def test_killed_at_any_point_of_a_rotation_the_charger_gets_in_with_the_key_it_has(
    tmp_path: Path, point: str
) -> None:
    """Durable and not yet taken; taken and not answered; used, and that it was used is not durable yet."""
    with _daemon(tmp_path) as daemon:
        charger = SecureCharger("CP1", _urls(daemon))
        charger.profile = charger.next_profile = 1
        _, said = await _command(daemon, "charger", "password", "CP1", "--profile", "1")
        charger.password = first = said.splitlines()[-1]
        struck = False

        def strike(at: str) -> None:
            nonlocal struck
            # the first login is with the first key
            if not struck and at == point and (at != "logged in" or charger.password != first):
                struck = True
                daemon.kill()
                if at == "AuthorizationKey came":
                    # it lost power, too, before it could write the key down
                    charger.refuse.add("AuthorizationKey")

        async with _running(charger):
            await until(lambda: charger.logins == [1], within_s=10, what="the first login")
            charger.strike = strike
            await _command(daemon, "charger", "rotate-key", "CP1")
            if point == "logged in":
                await charger.connection.close()
            await until(lambda: struck, within_s=20, what="the kill")
            taken = charger.password
            assert (taken == first) is (point == "AuthorizationKey came")
            before, logins = len(daemon.lines), len(charger.logins)
            daemon.start()
            charger.urls = _urls(daemon, before)
            await until(lambda: len(charger.logins) > logins, within_s=20, what="a login after the restart")
            if taken != first:
                # that it was used may have been durable before the kill, too
                async with asyncio.timeout(10):
                    while (await _access(daemon))["keys_on_their_way"] > 0:
                        await asyncio.sleep(0.05)
                charger.password = first
                assert await _status(charger, 1) == 401
                charger.password = taken
            else:
                assert (await _access(daemon))["keys_on_their_way"] == 1


async def test_a_charge_point_that_only_a_record_knows_gets_in_and_charges_nobody(tmp_path: Path) -> None:
    with _daemon(tmp_path) as daemon:
        charger = SecureCharger("NEW", _urls(daemon))
        charger.profile = charger.next_profile = 1
        assert await _status(charger, 1) == 404
        code, said = await _command(daemon, "charger", "password", "NEW")
        assert code == 0, said
        charger.password = said.splitlines()[-1]
        shown = (await _command(daemon, "charger", "show", "NEW"))[1]
        assert "configured        no: it charges nobody until it is described" in shown
        async with _running(charger):
            await until(lambda: charger.logins == [1], within_s=10, what="a login")
            alarms = (await _api(daemon, "GET", "site"))["alarms"]
            assert "charges nobody" in next(one["what"] for one in alarms if one["code"] == "not_configured")
            booted = await asyncio.to_thread(daemon.line, "booted cp=NEW")
            answer = await _api(daemon, "POST", "charge-points/NEW/operations/Reset", '{"type": "Soft"}')
            assert answer == {"result": {"status": "Accepted"}}
            assert "answer=Pending" in booted
            assert (await _command(daemon, "charger", "forget", "NEW"))[0] == 0
        assert await _status(charger, 1) == 404


@pytest.mark.demand("S11")
async def test_no_profile_is_lowered_over_the_network(tmp_path: Path) -> None:
    """S11."""
    with _daemon(tmp_path) as daemon:
        await _api(daemon, "PUT", "charge-points/CP1", '{"security_profile": 2}')
        code, said = await _command(daemon, "token", "create", "all", "--role", "installer")
        assert code == 0
        token = said.splitlines()[-1]
        lower = await _command(daemon, "api", "PUT", "charge-points/CP1", '{"security_profile": 1}')
        assert lower[0] != 0
        assert "never lowered" in lower[1]
        import aiohttp

        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            address = f"{daemon.page_url}/api/v1/charge-points/CP1"
            async with session.delete(address) as answer:
                assert answer.status == 409
            async with session.put(address, json={"security_profile": 0}) as answer:
                assert answer.status == 409
        assert (await _access(daemon))["security_profile"] == 2


@pytest.mark.demand("S12")
def test_the_record_is_on_disk_as_scrypt(tmp_path: Path) -> None:
    """S12."""
    with _daemon(tmp_path) as daemon:
        made = daemon.command("charger", "password", "CP1", "--profile", "1", "--socket", f"{tmp_path}/control.sock")
        password = made.stdout.strip()
        assert len(bytes.fromhex(password)) >= 16
        with contextlib.closing(sqlite3.connect(tmp_path / "site.db")) as database:
            (kept,) = database.execute("SELECT password_hash FROM charge_point_access").fetchone()
        assert kept.startswith("scrypt:14:8:1:")
        assert password not in "".join(daemon.lines)
