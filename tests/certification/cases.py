"""The test cases whose device under test is the central system, as data; ``make cases`` writes them into docs/ocpp.md.

Revision 2024-04 of the public test case document has 75 of them, that of 2025 has two more (083, 088). A test belongs
to the case whose id its name begins with: ``test_004_1_session_id_first`` to 004_1.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from tests.written_table import WrittenTable

ROOT = Path(__file__).parent.parent.parent


class Case(NamedTuple):
    """One of them."""

    id: str
    title: str
    block: str


_BLOCKS = {
    "Core": {
        "001": "Cold boot",
        "003": "Charging session, plug in first",
        "004_1": "Charging session, identification first",
        "004_2": "Identification first, nobody plugs in before the connection times out",
        "005_1": "Disconnected on the car's side",
        "007": "Cached id",
        "061": "Clear the authorization cache",
        "010": "Remote start, cable plugged in first",
        "011_1": "Remote start first",
        "011_2": "Remote start, the connection times out",
        "012": "Remote stop",
        "013": "Hard reset",
        "014": "Soft reset",
        "017_1": "Unlock without a session: unlocked",
        "017_2": "Unlock without a session: not supported",
        "018_1": "Unlock during a session",
        "019_1": "Retrieve all configuration keys",
        "019_2": "Retrieve one configuration key",
        "021": "Change a configuration key",
        "023_1": "Authorize: invalid",
        "023_2": "Authorize: expired",
        "023_3": "Authorize: blocked",
        "024": "Lock failure",
        "026": "Remote start rejected",
        "028": "Remote stop rejected",
        "030": "Unlock fails, no session",
        "031": "Unlock an unknown connector",
        "032_1": "Power failure, transactions stopped afterwards",
        "037_1": "Started offline, valid id",
        "037_3": "Started offline, invalid id",
        "039": "A whole transaction offline",
        "040_1": "Change a configuration key: not supported",
        "040_2": "Change a configuration key: value rejected",
        "064": "Data transfer to the central system",
    },
    "Local authorization list": {
        "042_1": "List version, not supported",
        "042_2": "List version, empty",
        "043_1": "Send a list: not supported",
        "043_3": "Send a list: failed",
        "043_4": "Send a list: full",
        "043_5": "Send a list: differential",
    },
    "Firmware management": {
        "044_1": "Firmware update",
        "044_2": "Firmware update, download fails",
        "044_3": "Firmware update, installation fails",
        "045_1": "Diagnostics",
        "045_2": "Diagnostics, upload fails",
    },
    "Reservation": {
        "046": "Reserve a connector and charge",
        "047": "Reservation expires",
        "048_1": "Reserve: faulted",
        "048_2": "Reserve: occupied",
        "048_3": "Reserve: unavailable",
        "048_4": "Reserve: rejected",
        "049": "Reserve the whole charge point",
        "051": "Cancel a reservation",
        "052": "Cancel a reservation: rejected",
        "053": "Reserved connector used by another id of the same parent",
    },
    "Remote trigger": {
        "054": "Trigger a message",
        "055": "Trigger a message: rejected",
    },
    "Smart charging": {
        "056": "TxDefaultProfile",
        "057": "TxProfile",
        "059": "Remote start with a charging profile",
        "066": "Composite schedule",
        "067": "Clear charging profiles",
    },
    "Security": {
        "073": "New password (Basic authentication)",
        "074": "Renew the charge point's certificate",
        "075_1": "Install the manufacturer's root certificate",
        "075_2": "Install the central system's root certificate",
        "076": "Delete a certificate",
        "077": "Invalid charge point certificate: security event",
        "078": "Invalid central system certificate: security event",
        "079": "Security log",
        "080": "Signed firmware update",
        "081": "Signed firmware update, invalid signature",
        "083": "Raise the security profile",
        "085": "Basic authentication",
        "086": "TLS with a server certificate",
        "087": "TLS with a client certificate",
        "088": "WebSocket subprotocol",
    },
}
CASES = tuple(Case(number, title, block) for block, cases in _BLOCKS.items() for number, title in cases.items())


def tests() -> dict[str, list[str]]:
    """``file::test`` of each case by its id, and under ``""`` those of none."""
    found: dict[str, list[str]] = {number: [] for number in (*(case.id for case in CASES), "")}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                number = next((case.id for case in CASES if node.name.startswith(f"test_{case.id}_")), "")
                found[number].append(f"{path.stem}::{node.name}")
    return found


def table() -> str:
    """The cases and the tests that show them, in Markdown."""
    found = tests()
    lines = ["| Id | What happens | Block | Shown by (`tests/certification/`) |", "| --- | --- | --- | --- |"]
    for case in CASES:
        shown = ", ".join(f"`{name}`" for name in found[case.id])
        lines.append(f"| {case.id} | {case.title} | {case.block} | {shown} |")
    return "\n".join(lines)


WRITTEN = WrittenTable(
    document=ROOT / "docs" / "ocpp.md",
    begin="<!-- cases: written by `make cases` -->",
    end="<!-- end of cases -->",
    table=table,
)

if __name__ == "__main__":
    WRITTEN.write()
