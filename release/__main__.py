"""Makes packages: ``python -m release``. Prints each file that it made."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from release import sums
from release.build import COMPRESSIONS, BuildError, build
from release.debian_mirror import MirrorError
from release.stage import ROOT
from release.target import ARCHITECTURES, RELEASES, Target


def main() -> int:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(prog="release", description="Makes the Debian packages")
    parser.add_argument("--release", action="append", choices=RELEASES, help="default: bookworm")
    parser.add_argument("--architecture", action="append", choices=ARCHITECTURES, help="default: all")
    parser.add_argument("--compression", choices=COMPRESSIONS, default="xz", help="default: %(default)s")
    parser.add_argument("--sign", metavar="KEY", help="sign the checksums with this key of gpg")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="default: dist")
    chosen = parser.parse_args()
    for release in chosen.release or ["bookworm"]:
        for architecture in chosen.architecture or ARCHITECTURES:
            with tempfile.TemporaryDirectory() as work:
                try:
                    made = build(Target(release, architecture), Path(work), chosen.into, compression=chosen.compression)
                except (BuildError, MirrorError) as error:
                    print(f"release: {error}", file=sys.stderr)
                    return 1
            print(made)
    print(sums.write(chosen.into))
    if chosen.sign is not None:
        try:
            print(sums.sign(chosen.into / sums.SUMS, chosen.sign))
        except sums.SigningError as error:
            print(f"release: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
