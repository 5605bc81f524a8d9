"""Passwords as they are kept: scrypt with a salt of each one's own (RFC 7914). Slow on purpose: not for the loop.

A password of hexadecimal digits stands for the octets it spells, since chargers send an AuthorizationKey either way.
"""

from __future__ import annotations

import hashlib
import hmac

# 16 MB and some 50 ms on a small board: dear to guess, cheap once a day
_LOG_N, _R, _P = 14, 8, 1
_DIGEST_BYTES = 32
SALT_BYTES = 16


def canonical(password: bytes) -> bytes:
    """The octets that *password* stands for: what its hexadecimal digits spell, or itself."""
    try:
        return bytes.fromhex(password.decode("ascii")) or password
    except (UnicodeDecodeError, ValueError):
        return password


def hashed(password: bytes, salt: bytes) -> str:
    """What is kept of *password*: ``scrypt:log2(n):r:p:salt:digest``, the last two in hexadecimal digits."""
    assert len(salt) >= SALT_BYTES
    digest = _digest(canonical(password), salt, _LOG_N, _R, _P)
    return f"scrypt:{_LOG_N}:{_R}:{_P}:{salt.hex()}:{digest.hex()}"


def matches(kept: str, password: bytes) -> bool:
    """Whether *password* is the one that *kept* was made of; in constant time. ValueError: *kept* is rubbish."""
    scheme, log_n, r, p, salt, digest = kept.split(":")
    if scheme != "scrypt":
        raise ValueError(f"unknown scheme {scheme!r}")
    found = _digest(canonical(password), bytes.fromhex(salt), int(log_n), int(r), int(p))
    return hmac.compare_digest(found, bytes.fromhex(digest))


def key_id(kept: str) -> str:
    """A name for the password that *kept* was made of, which tells nothing about it: its salt."""
    return kept.split(":")[4]


def _digest(octets: bytes, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # OpenSSL's own limit lies just below what these parameters need
    return hashlib.scrypt(octets, salt=salt, n=1 << log_n, r=r, p=p, dklen=_DIGEST_BYTES, maxmem=256 * r << log_n)
