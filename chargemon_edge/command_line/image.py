"""``firmware add``, ``list``, ``show``, ``remove``: the library of images. The running daemon is asked for all."""

from __future__ import annotations

import base64
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Verb, add_socket, ask, asking

_IMAGES = "/api/v1/firmware/images"
# a slow disk takes its time
_TIMEOUT_S = 300.0
_ask = partial(ask, timeout_s=_TIMEOUT_S)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the image, as its maker gives it out")
    parser.add_argument("--vendor", required=True, help="the chargePointVendor it is for; * stands for anything")
    parser.add_argument("--model", required=True, action="append", help="a chargePointModel it is for; may be repeated")
    parser.add_argument("--version", required=True, help="the firmwareVersion of a charger that runs it")
    parser.add_argument("--from", dest="from_versions", default="", help='what it may follow upon, like ">= 4, < 5.2"')
    parser.add_argument("--sha256", default=None, help="as its maker publishes it")
    parser.add_argument("--signature", type=Path, default=None, help="a file with its maker's signature")
    parser.add_argument("--certificate", type=Path, default=None, help="a PEM file with the signer's certificate")
    add_socket(parser)


def _one_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("image", help="its id, or the beginning of it")
    add_socket(parser)


def _list(chosen: Namespace) -> int:
    for image in _ask(chosen, "GET", _IMAGES):
        signed = "signed" if image["signed"] else "      "
        fits = f"{image['vendor']} {', '.join(image['models'])}"
        broken = "" if image["usable"] else "  ITS FILE IS MISSING OR CUT OFF"
        size = f"{image['size_bytes'] / 1e6:>9.3f} MB"
        print(f"{image['image_id']}  {image['version']:<16} {signed}  {size}  {fits}{broken}")
    return EXIT_OK


def _show(chosen: Namespace) -> int:
    image = _found(chosen)
    for name, value in (image or {}).items():
        print(f"{name:<20} {value}")
    return EXIT_FAILED if image is None else EXIT_OK


def _remove(chosen: Namespace) -> int:
    image = _found(chosen)
    if image is None:
        return EXIT_FAILED
    _ask(chosen, "DELETE", f"{_IMAGES}/{image['image_id']}")
    print(f"removed {image['image_id']}")
    return EXIT_OK


def _found(chosen: Namespace) -> dict[str, Any] | None:
    found = [one for one in _ask(chosen, "GET", _IMAGES) if one["image_id"].startswith(chosen.image.lower())]
    if len(found) == 1:
        only: dict[str, Any] = found[0]
        return only
    why = "no image" if not found else "more than one image"
    print(f"chargemon-edge: {why} begins with {chosen.image}", file=sys.stderr)
    return None


def _add(chosen: Namespace) -> int:
    from chargemon_edge.web import client

    if (chosen.signature is None) != (chosen.certificate is None):
        print("chargemon-edge: --signature and --certificate come together", file=sys.stderr)
        return EXIT_USAGE
    try:
        with chosen.file.open("rb") as file:
            wish = {
                "file_name": chosen.file.name,
                "vendor": chosen.vendor,
                "models": chosen.model,
                "version": chosen.version,
                "from_versions": chosen.from_versions,
                "size_bytes": file.seek(0, 2),
                "sha256": chosen.sha256,
                "signature": None if chosen.signature is None else _signature(chosen.signature),
                "signing_certificate": None if chosen.certificate is None else chosen.certificate.read_text(),
            }
            announced = _ask(chosen, "POST", _IMAGES, wish)
            answer = client.ask(chosen.socket, "PUT", announced["content"], file, timeout_s=_TIMEOUT_S)
    except OSError as error:
        print(f"chargemon-edge: {error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    image = msgspec.json.decode(answer)
    print(f"added {image['image_id']}  SHA-256 {image['sha256']}")
    return EXIT_OK


def _signature(path: Path) -> str:
    """Base64, whether the file holds that or the octets themselves."""
    octets = path.read_bytes()
    try:
        text = "".join(octets.decode("ascii").split())
        base64.b64decode(text, validate=True)
    except ValueError:
        return base64.b64encode(octets).decode()
    return text


TOPICS = (
    Verb("add", "take an image into the library", _add_arguments, asking(_add)),
    Verb("list", "the images", add_socket, asking(_list)),
    Verb("show", "an image", _one_arguments, asking(_show)),
    Verb("remove", "remove an image that nobody needs", _one_arguments, asking(_remove)),
)
