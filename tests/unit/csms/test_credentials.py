"""Which passwords open, from which files, and that nothing of them can be read back."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from chargemon_edge.csms.credentials import Credentials, CredentialsError, basic_password, read_credentials
from chargemon_edge.csms.settings import ChargePointAccess


def basic(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


@pytest.mark.parametrize(
    ("configured", "given", "opens"),
    [
        ("correct horse", b"correct horse", True),
        ("correct horse", b"correct hors", False),
        ("correct horse", b"", False),
        # an AuthorizationKey: the hex text in either case, or the octets it spells
        ("00FF41", b"00FF41", True),
        ("00FF41", b"00ff41", True),
        ("00FF41", b"\x00\xffA", True),
        ("00FF41", b"\x00\xffB", False),
        ("00FF4", b"\x00\xff4", False),
        ("käse", "käse".encode(), True),
    ],
)
def test_password_forms(configured: str, given: bytes, opens: bool) -> None:
    assert Credentials({"CP1": configured}).match("CP1", given) is opens


def test_one_charge_points_password_opens_no_other() -> None:
    credentials = Credentials({"CP1": "one", "CP2": "two"})

    assert not credentials.match("CP2", b"one")
    assert not credentials.match("CP3", b"one")
    assert not credentials.protects("CP3")


@pytest.mark.demand("S12")
def test_passwords_are_kept_as_digests_only() -> None:
    credentials = Credentials({"CP1": "canary"})

    assert b"canary" not in repr(credentials._accepted).encode()


def test_the_line_end_of_a_file_is_no_part_of_the_password(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b" spaces count \r\n")
    credentials = read_credentials([ChargePointAccess(identity="CP1", password_file=path)])

    assert credentials.match("CP1", b" spaces count ")


def test_every_bad_file_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "octets").write_bytes(b"\xff\xfe")
    (tmp_path / "huge").write_bytes(b"x" * 5_000)
    names = ("missing", "empty", "octets", "huge")
    charge_points = [ChargePointAccess(identity=name, password_file=tmp_path / name) for name in names]

    with pytest.raises(CredentialsError) as error:
        read_credentials(charge_points)
    assert [mistake.split("'")[1] for mistake in error.value.mistakes] == list(names)


@pytest.mark.parametrize(
    ("header", "identity", "password"),
    [
        (basic(b"CP1:secret"), "CP1", b"secret"),
        ("basic   " + basic(b"CP1:secret")[6:], "CP1", b"secret"),
        (basic(b"CP1:a:b"), "CP1", b"a:b"),
        (basic(b"CP:1:secret"), "CP:1", b"secret"),
        (basic("Säule:x".encode()), "Säule", b"x"),
        (basic(b"CP1:\x00\xff\n"), "CP1", b"\x00\xff\n"),
    ],
)
def test_the_password_in_a_header(header: str, identity: str, password: bytes) -> None:
    assert basic_password(header, identity) == password


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Bearer abc",
        "Basic !!!!",
        "Basic Q1A",
        "Basic " + "A" * 100_000,
        "Basic ünicode",
        basic(b"CP1"),
        basic(b"cp1:secret"),
        basic(b"CP2:secret"),
        basic(b" CP1:secret"),
        basic(b""),
    ],
)
def test_a_header_that_is_no_login_of_this_identity(header: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-zA-Z0-9 ]+$"):
        basic_password(header, "CP1")
