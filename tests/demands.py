"""What security demands, each with the tests that show it; ``make cases`` writes them into docs/security.md.

A test shows a demand by its mark: ``@pytest.mark.demand("S7")``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.written_table import WrittenTable

ROOT = Path(__file__).parent.parent

DEMANDS = {
    "S3": "An unknown identity is refused at the upgrade and leaves no row; the window that lets it in is off, "
    "shuts by itself, and is logged",
    "S4": "A user name other than the identity, and a login that is missing, malformed or huge: 401 or 400 at "
    "once, no traceback",
    "S5": "Five failures of a source for an identity in 60 s: 429 with a time to wait; the right charger gets "
    "in from its own address",
    "S6": "1,000 connections without the right login cost a live link no frame",
    "S7": "A second right login: 409 and a security event while the first answers a ping within 3 s; else it "
    "replaces it",
    "S8": "The end of an old socket never takes the new one out, calls go to the newest, those of the old fail "
    "at once: 500 interleavings",
    "S9": "Without a login only those that opted in, from private or listed networks; the page says so for as "
    "long as it is so",
    "S10": "A listener serves its own profiles; old TLS, other suites and compression are refused; so are "
    "certificates that are foreign, have ended, or name another",
    "S11": "No message and no request over the network lowers a security profile",
    "S12": "Keys are kept as salted scrypt and compared in constant time; no log, answer, record or tape shows one",
    "S13": "A new key and the old one both open until the new one was used, wherever the daemon is killed",
    "S14": "Messages of 64 KiB and 16 levels, 20 a second, 200 sockets, 10 s for a handshake; under a flood less"
    " than 192 MB, and the others answered within 0.5 s (p99)",
    "S15": "Nothing unreadable, doubled or replayed changes the record of a transaction that has ended",
    "S16": "Text from chargers is inert on the page, in the log, in the terminal, in spreadsheets and in MQTT topics",
    "S21": "A broker's certificate is verified, no password goes out in the clear unless that is wanted, and commands "
    "are taken from the site's own topic and an allow-list alone",
    "S23": "As installed only the chargers' port is open to the network",
    "S24": "The unit's exposure, as systemd counts it, is 1.3 at most; what the daemon does not need, fails when tried",
    "S25": "The documented steps install nothing but what the releaser signed; it needs no network; its files match",
    "S26": "The bill of materials lists exactly what is in the package; no library is below its floor",
    "S28": "Id tags are masked in what leaves the box unless asked for; a card that is forgotten leaves no byte in "
    "records, log and backups; a wiped box keeps one number",
    "S29": "Contact, 24 and 72 hours and the end of support are stated; page and status show version and support",
    "S30": "A support bundle holds no secret and no whole id tag, wherever they stood",
}


def _marked(function: ast.FunctionDef | ast.AsyncFunctionDef, mark: str) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{mark}":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def marked(mark: str, numbers: Iterable[str]) -> dict[str, list[str]]:
    """``file::test`` of each number that tests show by *mark*; those that are none of *numbers* are keys, too."""
    found: dict[str, list[str]] = {number: [] for number in numbers}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text()
        for node in ast.parse(text).body if f"mark.{mark}(" in text else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for number in _marked(node, mark):
                    found.setdefault(number, []).append(f"{path.relative_to(ROOT / 'tests')}::{node.name}")
    return found


def tests() -> dict[str, list[str]]:
    """The tests of each demand."""
    return marked("demand", DEMANDS)


def table() -> str:
    """The demands and the tests that show them, in Markdown."""
    found = tests()
    lines = ["| | Demand | Shown by (`tests/`) |", "| --- | --- | --- |"]
    for number, text in DEMANDS.items():
        lines.append(f"| {number} | {text} | {', '.join(f'`{name}`' for name in found[number])} |")
    return "\n".join(lines)


WRITTEN = WrittenTable(
    document=ROOT / "docs" / "security.md",
    begin="<!-- demands: written by `make cases` -->",
    end="<!-- end of demands -->",
    table=table,
)

if __name__ == "__main__":
    WRITTEN.write()
