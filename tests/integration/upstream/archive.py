"""The reference consumer of ``examples/`` as a process of its own, and a look into what it has stored."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

CONSUMER = Path(__file__).parents[3] / "examples" / "consumer.py"


class Stored(NamedTuple):
    """A row."""

    ep: int
    s: int
    kind: str
    d: dict[str, Any]


class Archive:
    """Started on demand, killed at any time; its file stays."""

    def __init__(self, folder: Path, port: int, user: str | None = None) -> None:
        self.file = folder / "archive.db"
        (folder / "empty").touch()
        self._login = [] if user is None else ["--username", user, "--password-file", str(folder / "empty")]
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(CONSUMER), "127.0.0.1", str(self.file), "--port", str(self._port)]
        self._process = subprocess.Popen([*command, "--patience-s", "1", *self._login])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Archive:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        if not self.file.exists():
            return []
        with contextlib.closing(sqlite3.connect(self.file, timeout=10)) as database:
            try:
                return database.execute(sql).fetchall()
            except sqlite3.OperationalError:
                # it has not made its tables yet
                return []

    def events(self) -> list[Stored]:
        """In the order of their keys, without the gaps."""
        rows = self._ask("SELECT ep, s, kind, body FROM event WHERE kind <> 'gap' ORDER BY ep, s")
        return [Stored(ep, s, kind, json.loads(body)) for ep, s, kind, body in rows]

    def gaps(self) -> list[tuple[int, int, int, str]]:
        """Epoch, first, last, why."""
        return self._ask("SELECT ep, since, s, body FROM event WHERE kind = 'gap' ORDER BY ep, s")

    def epochs(self) -> list[tuple[int, int, int]]:
        """Epoch, up to where none is missing, the highest number there is."""
        return self._ask("SELECT ep, done, last FROM epoch ORDER BY ep")

    def count(self) -> int:
        """Of events."""
        return int((self._ask("SELECT count(*) FROM event WHERE kind <> 'gap'") or [(0,)])[0][0])

    def is_complete(self) -> bool:
        """Nothing is known to be missing."""
        return bool(self._ask("SELECT 1 FROM epoch")) and not self._ask("SELECT 1 FROM epoch WHERE done < last")
