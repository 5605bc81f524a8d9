"""How the site gets to a broker: TLS with its own authority and a certificate of ours, passwords, a name that leads
nowhere, a broker that stops answering."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.upstream.broker import Broker, free_port, listening
from tests.integration.upstream.running import Running, running, settings
from tests.waiting import until


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """An authority, a certificate of it for the broker on this machine, and one for us; and a stranger's."""
    folder = tmp_path / "papers"
    folder.mkdir()
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "stranger"):
        subject = ("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2")
        openssl(folder, "req", "-x509", *new_key, *subject)
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    for name, ca in (("broker", "ca"), ("site", "ca"), ("other", "stranger")):
        openssl(folder, "req", *new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-extfile", "ext")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem", "-days", "2")
    return folder


def secured(broker: Broker, papers: Path, *lines: str) -> int:
    """Let *broker* listen with TLS as well; returns where."""
    port = free_port()
    files = (f"cafile {papers}/ca.pem", f"certfile {papers}/broker.pem", f"keyfile {papers}/broker.key")
    broker.stop()
    broker.configure(("per_listener_settings false", f"listener {port} 127.0.0.1", *files, *lines))
    broker.start()
    return port


async def error(site: Running) -> str:
    await until(lambda: site.uplink.standings()[0].error is not None)
    return site.uplink.standings()[0].error or ""


async def test_mutual_tls_with_an_authority_of_the_brokers_own(tmp_path: Path, broker: Broker, papers: Path) -> None:
    port = secured(broker, papers, "require_certificate true", "use_identity_as_username true")
    own = {"certificate_file": f"{papers}/site.pem", "key_file": f"{papers}/site.key"}
    upstream = settings(port, tls=True, ca_file=f"{papers}/ca.pem", **own)
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await until(lambda: bool(operator.on("/ev")))
            for number in range(1, 200):
                await site.commit(site.started(number))
            await until(lambda: len(operator.on("/ev")) == 200)


@pytest.mark.demand("S21")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ca_file": "stranger.pem"}, "the broker's certificate is not trusted"),
        ({"certificate_file": "other.pem", "key_file": "other.key"}, ""),
        ({"certificate_file": "nowhere.pem", "key_file": "other.key"}, "the certificate files cannot be used"),
        ({"tls": False}, ""),
        ({"host": "nobody.invalid"}, "cannot reach nobody.invalid"),
    ],
    ids=str,
)
async def test_what_does_not_fit_is_said_and_nothing_is_sent(
    tmp_path: Path, broker: Broker, papers: Path, changes: dict[str, object], expected: str
) -> None:
    port = secured(broker, papers, "require_certificate true")
    named = {"ca_file": "ca.pem", "certificate_file": "site.pem", "key_file": "site.key", **changes}
    files = {
        name: f"{papers}/{value}" if isinstance(value, str) and name.endswith("_file") else value
        for name, value in named.items()
    }
    if changes.get("tls") is False:
        files = {"tls": False}
    with listening(broker) as operator:
        async with running(tmp_path, settings(port, **{"tls": True, **files}), roll=0.5) as site:
            assert expected in await error(site)
            assert not site.uplink.standings()[0].connected
        assert operator.messages == []


@pytest.mark.demand("S21")
async def test_a_wrong_password_is_said_and_not_tried_often(tmp_path: Path, broker: Broker) -> None:
    accounts, password = tmp_path / "accounts", tmp_path / "password"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(accounts), "cm", "right"], check=True, capture_output=True)
    broker.stop()
    broker.configure((f"password_file {accounts}", "allow_anonymous false"))
    broker.start()
    password.write_text("wrong\n")
    upstream = settings(broker.port, username="cm", password_file=str(password), clear_password=True)
    async with running(tmp_path / "site", upstream) as site:
        assert "not authorised" in await error(site) or "wrong user name" in await error(site)
        assert site.uplink.standings()[0].connections == 0
    password.write_text("right\n")
    async with running(tmp_path / "site", upstream) as site:
        await until(lambda: site.uplink.standings()[0].connected)
    # it is not sent in the clear unless that is wanted
    async with running(tmp_path / "site", settings(broker.port, username="cm", password_file=str(password))) as site:
        assert await error(site)


async def test_a_broker_that_stops_answering_is_noticed_by_the_keepalive(tmp_path: Path, broker: Broker) -> None:
    async with running(tmp_path, settings(broker.port, keepalive_s=2)) as site:
        await until(lambda: site.uplink.standings()[0].connected and site.uplink.standings()[0].backlog == 0)
        broker.freeze()
        await until(lambda: not site.uplink.standings()[0].connected, 12)
        broker.thaw()
        await until(lambda: site.uplink.standings()[0].connected)
