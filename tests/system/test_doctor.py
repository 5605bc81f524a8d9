"""`chargemon-edge doctor` as a process, on installations that are sound, stopped, and spoiled in one way each."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import websockets

from chargemon_edge.keys import authority as authorities
from chargemon_edge.keys.pem import pair_pem
from tests.system.daemon import HEAD, METER, SECRET, Daemon, charge_point
from tests.system.far_ends import charge_point as connected
from tests.system.far_ends import grid_meter
from tests.waiting import until

CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = 63\nbackground_a = 20\n'
Told = list[dict[str, str]]


def doctor(config: Path, *more: str) -> tuple[int, Told]:
    """Its exit code and findings."""
    done = subprocess.run(
        [sys.executable, "-m", "chargemon_edge", "doctor", "--config", str(config), "--json", *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert {"ok": 0, "attention": 1, "broken": 2}[told["worst"]] == done.returncode
    return done.returncode, told["findings"]


def of(told: Told, group: str, state: str = "") -> str:
    """Everything that was found in one group, as text."""
    return "\n".join(
        f"{one['state']}: {one['what']} -> {one['advice']}"
        for one in told
        if one["group"] == group and state in ("", one["state"])
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stopped(folder: Path, text: str) -> Path:
    """An installation whose daemon does not run."""
    (folder / "secret").write_text(SECRET)
    config = folder / "config.toml"
    config.write_text(HEAD.format(folder=folder) + text)
    return config


@contextmanager
def another_program(port: int) -> Iterator[int]:
    """A process that is none of ours listens there; its number."""
    program = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('up', flush=True); "
        "sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


async def test_a_daemon_that_runs_is_asked_for_what_only_it_knows(tmp_path: Path) -> None:
    with grid_meter(5) as meter:
        office = upstream("127.0.0.1", free_port(), more="tls = false")
        config = CIRCUIT + METER.format(port=meter.port) + charge_point("GATE") + charge_point("AWAY") + office
        # else a refusal is written with the next ten seconds' records
        (tmp_path / "conf.d").mkdir()
        (tmp_path / "conf.d" / "soon.toml").write_text("[store]\nrecord_flush_s = 0.1\n")
        with Daemon(tmp_path, config) as daemon:
            async with connected(daemon.chargers_url, "GATE") as gate:
                await gate.boot()
                with pytest.raises(websockets.InvalidStatus):
                    await refused(daemon.chargers_url)
                await until(lambda: "self-test ok" in "".join(daemon.lines), within_s=10, what="a reading")
                await asyncio.sleep(0.5)
                code, told = await asyncio.to_thread(doctor, daemon.config)
            assert daemon.stop() == 0

    assert code == 2
    assert "no connection" in of(told, "upstream")
    assert "broken: upstream office: the daemon is not logged in: " in of(told, "upstream")
    assert "ok: the daemon has been running" in of(told, "daemon")
    assert "1 of 2 charge points are connected" in of(told, "chargers", "ok")
    assert "AWAY was turned away: login refused" in of(told, "chargers", "attention")
    assert "password" in of(told, "chargers", "attention")
    assert "ok: meter grid: 5.0 / 5.0 / 5.0 A" in of(told, "meters")
    assert "site.db is sound" in of(told, "database", "ok")
    assert "samples.db is sound" in of(told, "database", "ok")
    assert of(told, "configuration", "broken") == ""


async def refused(url: str) -> None:
    import base64

    login = base64.b64encode(b"AWAY:not-the-password").decode()
    async with websockets.connect(
        f"{url}/AWAY",
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {login}"},
        proxy=None,
    ):
        pass


def test_a_port_that_another_program_has_is_found_with_its_name(tmp_path: Path) -> None:
    port = free_port()
    config = stopped(tmp_path, CIRCUIT + charge_point("GATE"))
    config.write_text(config.read_text().replace("port = 0", f"port = {port}", 1))
    _, before = doctor(config)
    with another_program(port) as pid:
        code, told = doctor(config)

    assert f"ok: port {port} (chargers) is free" in of(before, "ports")
    assert code == 2
    assert f"broken: port {port} (chargers) is taken by" in of(told, "ports")
    assert f"(process {pid})" in of(told, "ports")


def test_every_mistake_of_the_configuration_is_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    config = stopped(tmp_path, 'nonsense = 1\n[balancing]\nmode = "unheard of"\n')

    code, told = doctor(config)

    assert code == 2
    assert "nonsense" in of(told, "configuration", "broken")
    assert "balancing.mode" in of(told, "configuration", "broken")
    assert of(told, "clock") != ""


def test_what_is_wrong_with_the_records_is_told(tmp_path: Path) -> None:
    with Daemon(tmp_path, CIRCUIT + charge_point("GATE")) as daemon:
        assert daemon.stop() == 0
        sound = doctor(daemon.config)[1]
        left_behind = sorted(path.name for path in tmp_path.glob("s*.db*"))
        spoiled = bytearray((tmp_path / "site.db").read_bytes())
        spoiled[4096:12288] = os.urandom(8192)
        (tmp_path / "site.db").write_bytes(spoiled)
        (tmp_path / "samples.db.corrupt.20260101T000000Z").touch()
        code, told = doctor(daemon.config)

    assert "ok: site.db is sound: schema 2" in of(sound, "database")
    assert "attention: there is no backup yet" in of(sound, "database")
    assert left_behind == ["samples.db", "site.db"]
    assert code == 2
    assert "site.db: " in of(told, "database", "broken")
    assert "samples.db.corrupt.20260101T000000Z was found damaged" in of(told, "database", "attention")


def test_a_state_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    config = stopped(tmp_path, CIRCUIT)
    config.write_text(config.read_text().replace(f'directory = "{tmp_path}"', f'directory = "{state}"'))
    before = of(doctor(config)[1], "disk")
    state.chmod(0o500)
    after = of(doctor(config)[1], "disk")
    state.chmod(0o700)

    assert f"ok: {state} can be written" in before
    assert f"broken: {state}" in after


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_file_system_that_became_read_only_is_told(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    config = stopped(tmp_path, CIRCUIT)
    config.write_text(config.read_text().replace(f'directory = "{tmp_path}"', f'directory = "{state}"'))
    script = (
        f"mount -t tmpfs -o ro none {state} && exec {sys.executable} -m chargemon_edge doctor --config {config} --json"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert f"the file system of {state} is mounted read-only" in of(
        json.loads(done.stdout)["findings"], "disk", "broken"
    )


def certificates(folder: Path, *, ends_in_days: float) -> None:
    """What a daemon has made, so long before its end."""
    now = datetime.datetime.now(datetime.UTC)
    root = authorities.new_authority("ecdsa", "here", now)
    key = authorities.new_key("ecdsa")
    ends = now + datetime.timedelta(days=ends_in_days)
    made = authorities.server_certificate(root, key, [socket.gethostname(), "localhost"], "here", ends)
    keys = folder / "keys"
    keys.mkdir()
    (keys / "root-ecdsa.pem").write_bytes(pair_pem(root.key, [root.certificate]))
    (keys / "server-ecdsa.pem").write_bytes(pair_pem(key, [made]))


@pytest.mark.parametrize(
    ("days", "state", "words"), [(-1.0, "broken", "has ended on"), (5.0, "attention", "is not for 127.0.0.1")]
)
def test_certificates_are_judged_by_end_and_names(tmp_path: Path, days: float, state: str, words: str) -> None:
    config = stopped(tmp_path, CIRCUIT)
    config.write_text(config.read_text().replace("[chargers]\n", f"[chargers]\ntls_port = {free_port()}\n"))
    certificates(tmp_path, ends_in_days=days)

    _, told = doctor(config)

    assert "ok: root ecdsa" in of(told, "certificates")
    assert words in of(told, "certificates", state)


def test_a_certificate_of_another_root_is_told(tmp_path: Path) -> None:
    config = stopped(tmp_path, CIRCUIT)
    config.write_text(config.read_text().replace("[chargers]\n", f"[chargers]\ntls_port = {free_port()}\n"))
    certificates(tmp_path, ends_in_days=300)
    other = authorities.new_authority("ecdsa", "there", datetime.datetime.now(datetime.UTC))
    (tmp_path / "keys" / "root-ecdsa.pem").write_bytes(pair_pem(other.key, [other.certificate]))

    assert "its chain is broken" in of(doctor(config)[1], "certificates", "broken")


def test_a_clock_that_nobody_keeps_is_told_and_one_that_is_kept(tmp_path: Path) -> None:
    config = stopped(tmp_path, CIRCUIT + f'[clock]\nsynchronised_file = "{tmp_path}/synchronised"\n')
    unkept = of(doctor(config)[1], "clock")
    (tmp_path / "synchronised").touch()
    kept = of(doctor(config)[1], "clock")

    assert "no time service has set it" in unkept
    assert "kept by time service" in kept
    assert kept.startswith("ok: ")


def test_a_meter_is_read_once_while_nobody_else_does(tmp_path: Path) -> None:
    with grid_meter(7) as meter:
        config = stopped(tmp_path, CIRCUIT + METER.format(port=meter.port))
        good = of(doctor(config)[1], "meters")
        config.write_text(config.read_text().replace('model = "eastron-sdm630"', 'model = "eastron-sdm630"\nunit = 1'))
    silent = of(doctor(config)[1], "meters")

    assert "7.0 / 7.0 / 7.0 A" in good
    assert good.startswith("ok: ")
    assert silent.startswith("broken: ")
    assert "refused or unreachable" in silent


def upstream(host: str, port: int, *, more: str = "") -> str:
    return f'[[upstream]]\nname = "office"\nhost = "{host}"\nport = {port}\nsite = "here"\n{more}\n'


@contextmanager
def a_listener_that_speaks(answer: bytes) -> Iterator[int]:
    """Sends *answer* to whoever connects."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.recv(4096)
                peer.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@contextmanager
def a_broker_of_another_authority(folder: Path) -> Iterator[int]:
    """Whose root lies in ``root.pem``; it ends each handshake politely."""
    now = datetime.datetime.now(datetime.UTC)
    root, key = authorities.new_authority("ecdsa", "broker", now), authorities.new_key("ecdsa")
    made = authorities.server_certificate(root, key, ["localhost"], "broker", now + datetime.timedelta(days=9))
    (folder / "broker.pem").write_bytes(pair_pem(key, [made]))
    (folder / "root.pem").write_bytes(pair_pem(root.key, [root.certificate]).partition(b"-----BEGIN CERT")[2])
    (folder / "root.pem").write_bytes(b"-----BEGIN CERT" + (folder / "root.pem").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "broker.pem")
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError), context.wrap_socket(peer, server_side=True) as secured:
                secured.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def test_an_upstream_is_tried_step_by_step_each_with_its_own_words(tmp_path: Path) -> None:
    def told(text: str) -> str:
        return of(doctor(stopped(tmp_path, CIRCUIT + text))[1], "upstream")

    name = told(upstream("broker.invalid", 8883))
    connection = told(upstream("127.0.0.1", free_port()))
    with a_listener_that_speaks(b"220 no TLS here\r\n") as port:
        handshake = told(upstream("127.0.0.1", port))
        plain = told(upstream("127.0.0.1", port, more="tls = false"))

    with a_broker_of_another_authority(tmp_path) as port:
        certificate = told(upstream("localhost", port))
        trusted = told(upstream("localhost", port, more=f'ca_file = "{tmp_path}/root.pem"'))

    assert "the name is not found" in name
    assert "its certificate is refused: " in certificate
    assert "set ca_file" in certificate
    assert trusted.startswith("ok: ")
    assert "TLSv1" in trusted
    assert "no connection" in connection
    assert "the TLS handshake failed" in handshake
    assert plain.startswith("ok: ")
