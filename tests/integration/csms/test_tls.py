"""The listeners with TLS, asked by ``openssl s_client`` and by charge points with good and bad certificates."""

from __future__ import annotations

import asyncio
import datetime
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chargemon_edge.control.certification import Certified
from chargemon_edge.csms.settings import ChargePointAccess
from chargemon_edge.keys.keyring import Keyring
from tests.integration.csms.far_end import Site, Socket, login, site, upgrade
from tests.unit.keys.certificates import SetClock, keyring, signing_request

TODAY = datetime.datetime.now(datetime.UTC)
CHARGE_POINTS = (
    ChargePointAccess(identity="CP1"),
    ChargePointAccess(identity="CP2", security_profile=2),
    ChargePointAccess(identity="CP3", security_profile=3),
    ChargePointAccess(identity="CP4", security_profile=3),
)


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    return keyring(tmp_path / "keys", SetClock(TODAY))


@pytest_asyncio.fixture
async def running(keys: Keyring) -> AsyncIterator[Site]:
    async with site(
        keys=keys, tls_port=0, mutual_tls_port=0, charge_points=CHARGE_POINTS, handshake_timeout_s=2.0
    ) as one:
        yield one


def port(running: Site, name: str) -> int:
    return running.server.addresses[name][1]


class Charger:
    """A charge point's key, its certificate, and the TLS that it dials with."""

    def __init__(self, folder: Path, ring: Keyring, identity: str, *, name: str | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        made = ring.certify(identity, name, signing_request(name or identity, self.key))
        assert isinstance(made, Certified)
        self.file = folder / f"{made.serial}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.file.write_text(key.decode() + made.chain_pem)

    def dials(self, roots: str) -> ssl.SSLContext:
        context = trusting(roots)
        context.load_cert_chain(self.file)
        return context


def trusting(*roots: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata="".join(roots))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def root(ring: Keyring, kind: str = "ecdsa") -> str:
    return ring.server_root_pem(kind) or ""


async def s_client(to: int, *arguments: str) -> tuple[int, str]:
    """Exit code and everything that ``openssl s_client`` says; it asks for nothing and leaves."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{to}",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


async def dial(running: Site, listener: str, identity: str, tls: ssl.SSLContext, authorization: str | None) -> int:
    """The answer's status; 0: the TLS handshake failed, or the socket was closed without one."""
    try:
        socket = await Socket.connect(port(running, listener), tls=tls)
        status = await socket.request(upgrade(f"/{identity}", authorization))
    except (OSError, asyncio.IncompleteReadError):
        return 0
    if status == 101:
        await socket.heartbeat()
    await socket.close()
    return status


# ---------------------------------------------------------------- S10: versions, suites, certificates


@pytest.mark.demand("S10")
@pytest.mark.parametrize("listener", ["tls", "mutual-tls"])
@pytest.mark.parametrize(
    ("suite", "kind"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "ecdsa"),
        ("AES128-GCM-SHA256", "rsa"),
        ("AES256-GCM-SHA384", "rsa"),
    ],
)
async def test_each_demanded_suite_is_accepted_with_its_certificate(
    running: Site, keys: Keyring, tmp_path: Path, listener: str, suite: str, kind: str
) -> None:
    trusted = tmp_path / "root.pem"
    trusted.write_text(root(keys, kind))
    mine = Charger(tmp_path, keys, "CP3").file
    code, said = await s_client(
        port(running, listener),
        *("-tls1_2", "-cipher", suite, "-CAfile", str(trusted), "-verify_return_error"),
        *("-cert", str(mine), "-key", str(mine)),
    )

    assert code == 0, said
    assert f"Cipher is {suite}" in said
    assert "Verify return code: 0 (ok)" in said
    assert "Compression: NONE" in said


async def test_tls_1_3_is_spoken_too(running: Site) -> None:
    code, said = await s_client(port(running, "tls"), "-tls1_3")

    assert code == 0, said
    assert "TLSv1.3" in said


@pytest.mark.demand("S10")
@pytest.mark.parametrize(
    "arguments",
    [
        ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        # anonymous, without encryption, and what the white paper does not name
        ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "AES128-SHA"),
        ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ],
)
async def test_older_versions_and_other_suites_are_refused(running: Site, arguments: tuple[str, ...]) -> None:
    for listener in ("tls", "mutual-tls"):
        code, said = await s_client(port(running, listener), *arguments)

        assert code != 0, said
        assert "Cipher is (NONE)" in said or "no cipher match" in said, said
    assert running.notes.events == []


async def test_a_renewed_certificate_comes_without_dropping_links(running: Site, keys: Keyring, tmp_path: Path) -> None:
    standing = await Socket.connect(port(running, "tls"), tls=trusting(root(keys)))
    assert await standing.request(upgrade("/CP2", login("CP2"))) == 101
    before = standing.writer.get_extra_info("peercert")["serialNumber"]
    # what the daily look does when the time has come
    (tmp_path / "keys" / "server-ecdsa.pem").unlink()
    keys.refresh()
    again = await Socket.connect(port(running, "tls"), tls=trusting(root(keys)))

    assert again.writer.get_extra_info("peercert")["serialNumber"] != before
    await standing.heartbeat()
    await standing.close()


# ---------------------------------------------------------------- profile 2


async def test_profile_2_is_tls_and_the_password(running: Site, keys: Keyring) -> None:
    tls = trusting(root(keys))

    assert await dial(running, "tls", "CP2", tls, login("CP2")) == 101
    assert await dial(running, "tls", "CP2", trusting(root(keys, "rsa")), login("CP2")) in (0, 101)
    assert await dial(running, "tls", "CP2", tls, None) == 401
    assert await dial(running, "tls", "CP2", tls, login("CP2", "guess")) == 401
    assert running.notes.logins[0] == ("CP2", 2, None)


@pytest.mark.demand("S10")
async def test_a_listener_admits_its_own_profile_only(running: Site, keys: Keyring, tmp_path: Path) -> None:
    """S10; 083: what was raised is refused on its old way, with the right password too."""
    tls = trusting(root(keys))
    plain = await Socket.connect(running.port)
    mutual = Charger(tmp_path, keys, "CP2").dials(root(keys))

    assert await plain.request(upgrade("/CP2", login("CP2"))) == 403
    assert await dial(running, "tls", "CP1", tls, login("CP1")) == 403
    assert await dial(running, "tls", "CP3", tls, login("CP3")) == 403
    assert await dial(running, "mutual-tls", "CP2", mutual, login("CP2")) == 403
    assert {event for event, _, _ in running.notes.notices} == {"wrong security profile"}
    # not counted as failed logins: the right way stays open to it
    assert await dial(running, "tls", "CP2", tls, login("CP2")) == 101


async def test_frames_sent_ahead_of_the_answer_are_not_lost(running: Site, keys: Keyring) -> None:
    socket = await Socket.connect(port(running, "tls"), tls=trusting(root(keys)))
    socket.writer.write(upgrade("/CP2", login("CP2")))
    for number in range(50):
        socket.send([2, str(number), "Heartbeat", {}])
    assert await socket.read_head() == 101

    assert [(await socket.receive())[1] for _ in range(50)] == [str(number) for number in range(50)]


async def test_long_messages_and_a_polite_end_go_through_tls(running: Site, keys: Keyring) -> None:
    socket = await Socket.connect(port(running, "tls"), tls=trusting(root(keys)))
    await socket.request(upgrade("/CP2", login("CP2")))
    for number in range(5):
        socket.send([2, str(number), "DataTransfer", {"vendorId": "V", "data": "x" * 40_000}])
        assert (await socket.receive())[1] == str(number)
    stopping = asyncio.create_task(running.server.stop())

    assert await socket.read_close() == 1001
    await stopping
    assert running.notes.events[-1] == ("closed", "CP2", "central system stops")


async def test_a_flood_is_broken_off_through_tls_as_well(running: Site, keys: Keyring) -> None:
    socket = await Socket.connect(port(running, "tls"), tls=trusting(root(keys)))
    await socket.request(upgrade("/CP2", login("CP2")))
    socket.writer.write(b"\x01" * 100_000)

    assert await socket.read_close() == 1002


# ---------------------------------------------------------------- before the handshake is done


async def test_a_silent_socket_is_closed_in_time(running: Site) -> None:
    socket = await Socket.connect(port(running, "tls"))

    async with asyncio.timeout(5):
        assert await socket.ended()
    assert running.notes.notices == [("TLS handshake refused", "127.0.0.1", "no TLS handshake within 2 s")]


async def test_unfinished_handshakes_make_room_for_new_sockets(keys: Keyring) -> None:
    async with site(
        keys=keys, tls_port=0, charge_points=CHARGE_POINTS[:2], max_sockets=10, max_handshakes_per_source=8
    ) as running:
        silent = [await Socket.connect(port(running, "tls")) for _ in range(30)]
        good = await Socket.connect(port(running, "tls"), tls=trusting(root(keys)))

        assert await good.request(upgrade("/CP2", login("CP2"))) == 101
        await good.heartbeat()
        assert await silent[0].ended()
        assert len(running.server._arrivals) <= 8


@pytest.mark.parametrize("data", [b"GET /CP2 HTTP/1.1\r\n\r\n", b"\x00" * 500, b"\x16\x03\x01\x00\x05hello"])
async def test_what_is_no_tls_costs_its_socket_only(
    running: Site, keys: Keyring, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    socket = await Socket.connect(port(running, "tls"))
    socket.writer.write(data)

    assert b"HTTP" not in await _rest(socket)
    assert await dial(running, "tls", "CP2", trusting(root(keys)), login("CP2")) == 101
    assert [event for event, _, _ in running.notes.notices] == ["TLS handshake refused"]
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


async def _rest(socket: Socket) -> bytes:
    try:
        return await socket.reader.read()
    except ConnectionResetError:
        return b""


# ---------------------------------------------------------------- profile 3


async def test_profile_3_is_a_certificate_of_our_own_authority(running: Site, keys: Keyring, tmp_path: Path) -> None:
    by_identity = Charger(tmp_path, keys, "CP3").dials(root(keys))
    by_serial = Charger(tmp_path, keys, "CP3", name="SERIAL-77").dials(root(keys))

    assert await dial(running, "mutual-tls", "CP3", by_identity, None) == 101
    assert await dial(running, "mutual-tls", "CP3", by_serial, None) == 101
    assert running.notes.logins[-1] == ("CP3", 3, None)


@pytest.mark.demand("S10")
async def test_a_certificate_opens_no_other_charge_points_link(running: Site, keys: Keyring, tmp_path: Path) -> None:
    """Not even one whose common name is the other's identity, which a charger could have given as its serial number."""
    other = Charger(tmp_path, keys, "CP4").dials(root(keys))
    forged = Charger(tmp_path, keys, "CP4", name="CP3").dials(root(keys))

    assert await dial(running, "mutual-tls", "CP3", other, None) == 401
    assert await dial(running, "mutual-tls", "CP3", forged, login("CP3")) == 401
    assert {event for event, _, _ in running.notes.notices} == {"login refused"}
    assert await dial(running, "mutual-tls", "CP4", other, None) == 101


@pytest.mark.demand("S10")
async def test_expired_foreign_and_missing_certificates_are_refused_with_one_line(
    running: Site, keys: Keyring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    long_ago = SetClock(TODAY)
    # a root of today that signs as of three years ago
    early = keyring(tmp_path / "keys", long_ago)
    long_ago.now = TODAY - datetime.timedelta(days=3 * 365)
    elsewhere = keyring(tmp_path / "elsewhere", SetClock(TODAY), fresh=True)
    from chargemon_edge.keys import keyring as keyring_module

    floor, keyring_module.CLOCK_FLOOR = keyring_module.CLOCK_FLOOR, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    try:
        expired = Charger(tmp_path, early, "CP3").dials(root(keys))
    finally:
        keyring_module.CLOCK_FLOOR = floor
    foreign = Charger(tmp_path, elsewhere, "CP3").dials(root(keys))

    assert await dial(running, "mutual-tls", "CP3", expired, None) == 0
    assert await dial(running, "mutual-tls", "CP3", foreign, None) == 0
    assert await dial(running, "mutual-tls", "CP3", trusting(root(keys)), login("CP3")) == 0
    assert [(event, detail) for event, _, detail in running.notes.notices] == [
        ("certificate refused", "its certificate is not accepted: certificate has expired"),
        ("certificate refused", "its certificate is not accepted: unable to get local issuer certificate"),
        ("certificate refused", "TLS handshake: peer did not return a certificate"),
    ]
    assert sum("refused cp=" in record.message for record in caplog.records) == 3
    assert running.notes.events == []


@pytest.mark.demand("S10")
async def test_nothing_is_served_in_the_clear_when_that_is_switched_off(
    keys: Keyring, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as by_systemd:
        unserved = by_systemd.getsockname()
        running = Site(keys=keys, plain=False, tls_port=0, charge_points=CHARGE_POINTS[1:2])
        first = await running.server.start({"chargers": [by_systemd]})
    try:
        assert list(running.server.addresses) == ["tls"]
        assert first == running.server.addresses["tls"]
        assert await dial(running, "tls", "CP2", trusting(root(keys)), login("CP2")) == 101
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*unserved)
    finally:
        await running.server.stop()
    assert "systemctl disable --now chargemon-edge.socket" in caplog.text


class Revoked:
    """Records of access that know of one revoked certificate."""

    def __init__(self, charge_point: str, serial: str) -> None:
        self._place = (charge_point, serial)

    def find(self, charge_point: str) -> None:
        return None

    def revoked(self, charge_point: str, serial: str) -> bool:
        return (charge_point, serial) == self._place


@pytest.mark.demand("S10")
async def test_a_revoked_certificate_is_refused_and_the_next_one_is_not(keys: Keyring, tmp_path: Path) -> None:
    lost, new = Charger(tmp_path, keys, "CP3"), Charger(tmp_path, keys, "CP3")
    records = Revoked("CP3", lost.file.stem)
    async with site(keys=keys, mutual_tls_port=0, charge_points=CHARGE_POINTS[2:], records=records) as running:
        assert await dial(running, "mutual-tls", "CP3", lost.dials(root(keys)), None) == 401
        assert await dial(running, "mutual-tls", "CP3", new.dials(root(keys)), None) == 101
        assert running.notes.notices == [
            ("login refused", "127.0.0.1", f"CP3: its certificate was revoked (serial {lost.file.stem})")
        ]


async def test_an_authority_of_the_operator_names_chargers_by_identity(tmp_path: Path) -> None:
    theirs = keyring(tmp_path / "theirs", SetClock(TODAY), fresh=True)
    roots = tmp_path / "roots.pem"
    roots.write_text(root(theirs) + root(theirs, "rsa"))
    ours = keyring(tmp_path / "keys", SetClock(TODAY), charger_authorities=str(roots))
    async with site(keys=ours, mutual_tls_port=0, charge_points=CHARGE_POINTS[2:]) as running:
        mine = Charger(tmp_path, theirs, "CP3").dials(root(ours))

        assert await dial(running, "mutual-tls", "CP3", mine, None) == 101
        assert await dial(running, "mutual-tls", "CP4", mine, None) == 401


async def test_the_server_is_known_by_its_names_and_roots(running: Site, keys: Keyring, tmp_path: Path) -> None:
    elsewhere = keyring(tmp_path / "elsewhere", SetClock(TODAY), fresh=True)
    trusted = tmp_path / "root.pem"
    trusted.write_text(root(keys))
    with pytest.raises(ssl.SSLCertVerificationError):
        await Socket.connect(port(running, "tls"), tls=trusting(root(elsewhere)))
    for name, right in (("box.example", True), ("other.example", False)):
        code, said = await s_client(
            port(running, "tls"), "-CAfile", str(trusted), "-verify_return_error", "-verify_hostname", name
        )
        assert (code == 0) is right, said
