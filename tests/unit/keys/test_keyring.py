"""The built-in authority: what it makes, when it renews, whom it signs, and what it does with a wrong clock or file."""

from __future__ import annotations

import datetime
import logging
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from chargemon_edge.control.certification import Certified, CertifyRefused, identity_bound
from chargemon_edge.keys.pem import read_pair
from tests.unit.keys.certificates import NAMES, NOW, SetClock, keyring, signing_request


def _server(folder: Path, kind: str) -> x509.Certificate:
    return read_pair(folder / f"server-{kind}.pem")[1][0]


def test_it_makes_a_root_and_a_server_certificate_of_each_kind(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    ring = keyring(folder, fresh=True)

    assert ring.trouble == ()
    assert sorted(path.name for path in folder.iterdir()) == [
        "root-ecdsa.pem",
        "root-rsa.pem",
        "server-ecdsa.pem",
        "server-rsa.pem",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for kind in ("ecdsa", "rsa"):
        root = read_pair(folder / f"root-{kind}.pem")[1][0]
        server = _server(folder, kind)
        server.verify_directly_issued_by(root)
        root.verify_directly_issued_by(root)
        (name,) = server.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == NAMES[0]
        # a charger without a clock must be able to connect
        assert server.not_valid_before_utc.year == 1970
        assert server.not_valid_after_utc == NOW + datetime.timedelta(days=825)
    assert isinstance(_server(folder, "rsa").public_key(), rsa.RSAPublicKey)
    assert isinstance(_server(folder, "ecdsa").public_key(), ec.EllipticCurvePublicKey)


def test_what_is_there_is_used_again(tmp_path: Path) -> None:
    keyring(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    keyring(tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_two_installations_have_nothing_in_common(tmp_path: Path) -> None:
    """S2."""
    keyring(tmp_path / "a", fresh=True)
    keyring(tmp_path / "b", fresh=True)

    for path in (tmp_path / "a").iterdir():
        ours, theirs = read_pair(path), read_pair(tmp_path / "b" / path.name)
        assert ours[0].public_key() != theirs[0].public_key()
        assert ours[1][0].issuer != theirs[1][0].issuer


def test_a_server_certificate_is_renewed_in_time_and_the_root_is_not(tmp_path: Path) -> None:
    clock = SetClock()
    ring = keyring(tmp_path, clock, fresh=True, server_days=100, charger_days=200, renew_days=30)
    first, root = _server(tmp_path, "ecdsa"), (tmp_path / "root-ecdsa.pem").read_bytes()
    clock.now = NOW + datetime.timedelta(days=69)
    ring.refresh()
    assert _server(tmp_path, "ecdsa") == first

    clock.now = NOW + datetime.timedelta(days=70)
    ring.refresh()

    second = _server(tmp_path, "ecdsa")
    assert second.not_valid_after_utc == clock.now + datetime.timedelta(days=100)
    assert (tmp_path / "root-ecdsa.pem").read_bytes() == root
    assert f"{second.serial_number:x}" in {one.serial for one in ring.standing()}


def test_a_new_address_of_this_box_gets_into_the_certificate(tmp_path: Path) -> None:
    keyring(tmp_path)
    first = _server(tmp_path, "rsa")
    keyring(tmp_path, names=("chargers.example", "192.0.2.7"))
    second = _server(tmp_path, "rsa")

    assert first != second
    alternative = second.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == ["chargers.example", "box.example", "localhost"]
    assert [str(one) for one in alternative.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "127.0.0.1"]


def test_no_certificate_is_made_by_a_clock_that_was_never_set(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = SetClock(datetime.datetime(1970, 1, 1, 0, 3, tzinfo=datetime.UTC))
    ring = keyring(tmp_path / "keys", clock, fresh=True)
    ring.refresh()

    assert not (tmp_path / "keys").exists()
    told = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 4
    assert "clock says 1970-01-01 00:03" in told[0]
    refused = ring.certify("CP1", None, signing_request("CP1"))
    assert isinstance(refused, CertifyRefused)
    assert "clock" in refused.why

    clock.now = NOW
    ring.refresh()
    assert ring.trouble == ()
    assert (tmp_path / "keys" / "server-ecdsa.pem").exists()
    # and when the clock is lost again, what was made stays in use
    clock.now = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    again = keyring(tmp_path / "keys", clock)
    assert again.trouble == ()
    assert len(again.standing()) == 4


def test_a_broken_root_is_told_and_never_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keyring(tmp_path)
    (tmp_path / "root-ecdsa.pem").write_text("rubbish")
    ring = keyring(tmp_path)

    assert (tmp_path / "root-ecdsa.pem").read_text() == "rubbish"
    assert [line.partition(":")[0] for line in ring.trouble] == ["ecdsa root"]
    # the server's own certificate still serves
    assert {one.use for one in ring.standing()} == {"root rsa", "server ecdsa", "server rsa"}
    assert isinstance(ring.certify("CP1", None, signing_request("CP1")), CertifyRefused)
    assert "rubbish" not in caplog.text


def test_a_broken_server_certificate_is_made_anew(tmp_path: Path) -> None:
    keyring(tmp_path)
    (tmp_path / "server-rsa.pem").write_text("rubbish")
    ring = keyring(tmp_path)

    assert ring.trouble == ()
    assert isinstance(_server(tmp_path, "rsa").public_key(), rsa.RSAPublicKey)


def test_the_operators_own_certificate_is_used_and_watched(tmp_path: Path) -> None:
    keyring(tmp_path / "elsewhere")
    own = tmp_path / "elsewhere" / "server-ecdsa.pem"
    clock = SetClock()
    ring = keyring(tmp_path / "keys", clock, fresh=True, server_certificate=str(own))

    assert not (tmp_path / "keys" / "server-ecdsa.pem").exists()
    (standing,) = (one for one in ring.standing() if one.use == "server ecdsa")
    assert standing.serial == f"{read_pair(own)[1][0].serial_number:x}"
    assert ring.server_root_pem("ecdsa") is None
    assert (ring.server_root_pem("rsa") or "").startswith("-----BEGIN CERTIFICATE-----")
    # put there by whoever renews it: taken up by itself
    keyring(tmp_path / "other", names=("other.example",))
    own.write_bytes((tmp_path / "other" / "server-ecdsa.pem").read_bytes())
    ring.refresh()
    (standing,) = (one for one in ring.standing() if one.use == "server ecdsa")
    assert standing.serial == f"{read_pair(own)[1][0].serial_number:x}"


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_an_unusable_file_of_the_operator_is_one_clear_line(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "own.pem"
    if content is not None:
        own.write_bytes(content)
    ring = keyring(tmp_path / "keys", server_certificate_rsa=str(own))
    ring.refresh()

    (line,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "own.pem" in line
    assert len(ring.trouble) == 1


@pytest.mark.parametrize(
    ("common_name", "rule", "signed"),
    [
        ("CP1", "either", True),
        ("SERIAL-9", "either", True),
        ("CP1", "identity", True),
        ("SERIAL-9", "identity", False),
        ("CP1", "serial", False),
        ("SERIAL-9", "serial", True),
        ("CP2", "either", False),
        ("cp1", "either", False),
    ],
)
def test_a_certificate_is_named_as_the_rule_says(tmp_path: Path, common_name: str, rule: str, signed: bool) -> None:
    ring = keyring(tmp_path, common_name=rule)
    made = ring.certify("CP1", "SERIAL-9", signing_request(common_name))

    assert isinstance(made, Certified) is signed


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_chargers_certificate_is_its_own_key_bound_to_its_identity(tmp_path: Path, kind: str) -> None:
    ring = keyring(tmp_path)
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)
    )
    made = ring.certify("CP/1 ü", "SERIAL-9", signing_request("SERIAL-9", key, organisation="Operator"))

    assert isinstance(made, Certified)
    certificate = x509.load_pem_x509_certificate(made.chain_pem.encode())
    certificate.verify_directly_issued_by(read_pair(tmp_path / f"root-{kind}.pem")[1][0])
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "O=Operator,CN=SERIAL-9"
    alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = alternative.get_values_for_type(x509.UniformResourceIdentifier)
    assert identity_bound(uris) == "CP/1 ü"
    assert made.serial == f"{certificate.serial_number:x}"
    assert certificate.not_valid_after_utc == NOW + datetime.timedelta(days=730)


def test_nothing_outlives_its_root(tmp_path: Path) -> None:
    clock = SetClock()
    ring = keyring(tmp_path, clock)
    (root,) = (one for one in ring.standing() if one.use == "root ecdsa")
    clock.now = NOW + datetime.timedelta(days=20 * 365 - 10)
    made = ring.certify("CP1", None, signing_request("CP1"))
    ring.refresh()
    ring.refresh()

    assert isinstance(made, Certified)
    assert made.ends_utc_ms == root.ends_utc_ms
    assert {one.ends_utc_ms for one in ring.standing()} == {root.ends_utc_ms}
