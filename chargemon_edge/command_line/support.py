"""``support-bundle``: all that somebody far away needs to help, in one file without a secret or a whole id tag."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tomllib
import zipfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from chargemon_edge.command_line.data import add_directory, as_owner_of
from chargemon_edge.command_line.serve import DEFAULT_CONFIG
from chargemon_edge.command_line.verb import EXIT_FAILED, EXIT_OK, Verb, add_socket

_JOURNAL = ("journalctl", "--unit=chargemon-edge", "--lines=3000", "--no-pager", "--output=short-iso")
_JOURNAL_TIMEOUT_S = 30.0
_ENDPOINTS = {
    "site.json": "site",
    "health.json": "health",
    "clock.json": "clock",
    "backups.json": "backups",
    "charge-points.json": "charge-points",
    "certificates.json": "certificates",
    "kept-stops.json": "kept-stops?limit=50",
    "security-events.json": "security-events?limit=300",
}
_FRAMES_OF_MAX = 100


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="to make: a zip file")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")
    add_directory(parser)
    add_socket(parser)


def _bundle(chosen: Namespace) -> int:
    from chargemon_edge.command_line.scrub import Scrub, texts_in
    from chargemon_edge.store.offline import look_for_support

    folder = chosen.config.parent
    settings = {path: _read(path) for path in (chosen.config, *sorted((folder / "conf.d").glob("*.toml")))}
    named = [pair for text in settings.values() for pair in texts_in(_parsed(text))]
    tags, records = look_for_support(chosen.directory, as_owner_of(chosen.directory))
    scrub = Scrub(_password_files(folder, named), tags, named)
    parts: dict[str, Callable[[], str]] = {
        "about.txt": _about,
        "records.txt": lambda: records,
        "journal.txt": _journal,
        "doctor.json": partial(_doctor, chosen.config, chosen.socket),
        **{name: partial(_asked, chosen.socket, path) for name, path in _ENDPOINTS.items()},
    }
    try:
        descriptor = os.open(chosen.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path, text in settings.items():
                bundle.writestr(f"configuration/{path.name}", scrub.settings(text))
            for name, content in (*_made(parts), *_frames(chosen.socket)):
                bundle.writestr(name, scrub.text(content))
    except OSError as error:
        print(f"chargemon-edge: {chosen.file}: {error.strerror}", file=sys.stderr)
        return EXIT_FAILED
    print(f"{chosen.file}: without passwords, keys and whole id tags; look through it before you send it")
    return EXIT_OK


def _made(parts: dict[str, Callable[[], str]]) -> Iterator[tuple[str, str]]:
    """What cannot be had is said in its place: the bundle is wanted most when something is broken."""
    for name, make in parts.items():
        try:
            yield name, make()
        except Exception as error:  # noqa: BLE001 - an edge: costs one part, and the others may explain it
            yield name, f"could not be had: {type(error).__name__}: {error}\n"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"# could not be read: {error.strerror}\n"


def _parsed(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _password_files(folder: Path, named: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The contents of whatever the settings name as a secret's file, and of the credentials folder."""
    paths = {path for path in (folder / "credentials").glob("*") if path.is_file()}
    for name, value in named:
        if name.endswith("_file"):
            paths |= {folder / value, folder / "credentials" / value}
    for path in sorted(paths):
        if path.is_file():
            yield _read(path)


def _about() -> str:
    lines = [f"python {sys.version}", f"kernel {platform.platform()}", _read(Path("/etc/os-release"))]
    lines += sorted(f"{one.metadata['Name']} {one.version}" for one in importlib.metadata.distributions())
    return "\n".join(lines) + "\n"


def _journal() -> str:
    # the command's output, whatever it had to say
    done = subprocess.run(  # noqa: S603 - a constant of ours
        _JOURNAL, capture_output=True, text=True, errors="replace", timeout=_JOURNAL_TIMEOUT_S, check=False
    )
    return done.stdout + done.stderr


def _doctor(config: Path, socket: str) -> str:
    from chargemon_edge.doctor import report
    from chargemon_edge.doctor.examination import examine
    from chargemon_edge.doctor.subject import take

    return report.as_json(examine(take(config, socket)))


def _asked(socket: str, path: str) -> str:
    from chargemon_edge.web.client import ask

    return json.dumps(json.loads(ask(socket, "GET", f"/api/v1/{path}")), indent=1)


def _frames(socket: str) -> Iterator[tuple[str, str]]:
    """The last frames of each charge point, as the recorder keeps them: without secrets already."""
    from chargemon_edge.web.client import ClientError, ask

    try:
        site = json.loads(ask(socket, "GET", "/api/v1/site"))
        for number, charge_point in enumerate(site["charge_points"][:_FRAMES_OF_MAX], 1):
            identity = charge_point["identity"]
            frames = ask(socket, "GET", f"/api/v1/charge-points/{quote(identity, safe='')}/frames.jsonl")
            yield f"frames/{number}.jsonl", json.dumps({"charge_point": identity}) + "\n" + frames.decode()
    except ClientError as error:
        yield "frames/none.txt", f"{error}\n"


VERBS = (Verb("support-bundle", "all that somebody needs to help, without secrets, in one file", _arguments, _bundle),)
