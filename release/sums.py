"""What a site holds a package to: SHA256SUMS beside the packages, signed with the releaser's OpenPGP key."""

from __future__ import annotations

import subprocess
from pathlib import Path

from release.compare import digest

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.gpg"


class SigningError(Exception):
    """There is no signature; the text says why."""


def write(folder: Path) -> Path:
    """Sum up every package in *folder*; the signature of what was summed up before goes."""
    sums = folder / SUMS
    (folder / SIGNATURE).unlink(missing_ok=True)
    sums.write_text("".join(f"{digest(package)}  {package.name}\n" for package in sorted(folder.glob("*.deb"))))
    return sums


def sign(sums: Path, key: str) -> Path:
    """Sign with *key*: a fingerprint or user id that the caller's gpg has the secret key of."""
    signature = sums.with_name(SIGNATURE)
    command = ["gpg", "--batch", "--yes", "--local-user", key, "--output", str(signature), "--detach-sign", str(sums)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SigningError(f"gpg did not sign: {done.stderr.strip()}")
    return signature
