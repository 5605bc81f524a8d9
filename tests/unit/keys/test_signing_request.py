"""Signing requests that must be refused, and rubbish that must not do harm."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chargemon_edge.keys.signing_request import RequestRefused, judged
from tests.unit.keys.certificates import Key, signing_request


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        (ec.generate_private_key(ec.SECP224R1()), True),
        (ec.generate_private_key(ec.SECP384R1()), True),
        (rsa.generate_private_key(65537, 2048), True),
        (ec.generate_private_key(ec.SECP192R1()), False),
        (rsa.generate_private_key(65537, 1024), False),
    ],
    ids=lambda one: f"{type(one).__name__}-{one.key_size}" if hasattr(one, "key_size") else str(one),
)
def test_keys_have_the_white_papers_size(key: Key, accepted: bool) -> None:
    text = signing_request("CP1", key)
    if accepted:
        assert judged(text, {"CP1"}, None)[0] == key.public_key()
    else:
        with pytest.raises(RequestRefused, match="at least"):
            judged(text, {"CP1"}, None)


def test_another_digest_and_a_foreign_organisation_are_refused() -> None:
    with pytest.raises(RequestRefused, match="SHA-2"):
        judged(signing_request("CP1", digest=hashes.SHA3_256()), {"CP1"}, None)
    with pytest.raises(RequestRefused, match="'Other'"):
        judged(signing_request("CP1", organisation="Other"), {"CP1"}, "Operator")
    with pytest.raises(RequestRefused, match="organisation is ''"):
        judged(signing_request("CP1"), {"CP1"}, "Operator")
    with pytest.raises(RequestRefused, match="never told"):
        judged(signing_request("CP1"), set(), None)


def test_a_request_that_another_key_has_signed_is_refused() -> None:
    """One byte of the signature, or of what it signs, is enough."""
    import base64

    text = signing_request("CP1")
    raw = bytearray(base64.b64decode("".join(text.splitlines()[1:-1])))
    raw[-1] ^= 1
    body = base64.encodebytes(bytes(raw)).decode()
    with pytest.raises(RequestRefused):
        judged(f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n", {"CP1"}, None)


def test_rubbish_is_refused_in_words() -> None:
    noise = random.Random(7)
    whole = signing_request("CP1").encode()
    for _ in range(2_000):
        data = bytearray(whole)
        for _ in range(noise.randrange(1, 8)):
            data[noise.randrange(len(data))] = noise.randrange(256)
        text = data.decode("latin-1")
        if text != whole.decode():
            # what still reads was changed where it does not matter: line ends and padding
            try:
                judged(text, {"CP1"}, None)
            except RequestRefused as refused:
                assert str(refused)
    for text in ("", "x", "-----BEGIN CERTIFICATE REQUEST-----\n", "\0" * 5_000, "A" * 6_000, "ü"):
        with pytest.raises(RequestRefused):
            judged(text, {"CP1"}, None)
