"""Log records become journal entries: what happened and its fields, by the format alone."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargemon_edge.journald import JournalHandler, message_id, shape_of


class Journal:
    """journald's end of the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(path))
        self._line.settimeout(5)

    def entry(self) -> dict[str, str]:
        """The next entry, by the rules of the native protocol."""
        rest, fields = self._line.recv(1_000_000), {}
        while rest:
            line, _, rest = rest.partition(b"\n")
            name, is_short, value = line.partition(b"=")
            if not is_short:
                size = int.from_bytes(rest[:8], "little")
                value, rest = rest[8 : 8 + size], rest[8 + size + 1 :]
            fields[name.decode()] = value.decode()
        return fields

    def close(self) -> None:
        self._line.close()


class Fallback(logging.Handler):
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record.getMessage())


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "socket")
    yield journal
    journal.close()


@pytest.fixture
def fallback() -> Fallback:
    return Fallback()


@pytest.fixture
def log(journal: Journal, fallback: Fallback) -> Iterator[logging.Logger]:
    handler = JournalHandler(fallback, journal.path)
    logger = logging.Logger("chargemon_edge.csms.server")  # noqa: LOG001 - one that no other test shares
    logger.addHandler(handler)
    yield logger
    handler.close()


@pytest.mark.parametrize(
    ("template", "event", "fields"),
    [
        ("link opened cp=%s remote=%s subprotocol=%s%s", "link-opened", ["CP", "REMOTE", "SUBPROTOCOL"]),
        ("meter=%s lost reason=\"%s\" advice='%s' %s", "meter-lost", ["METER", "REASON", "ADVICE"]),
        ("limit cp=%s connector=%d to=%.1fA", "limit", ["CP", "CONNECTOR", "TO"]),
        ("balancing is not armed: %s", "balancing-is-not-armed", []),
        ("commissioning window opened minutes=%d: unknown may connect", "commissioning-window-opened", ["MINUTES"]),
        ("%s sent %s", "sent", []),
        ("100%% of %s at %d", "of", []),
        ("", "", []),
    ],
)
def test_format_tells_event_and_fields(template: str, event: str, fields: list[str]) -> None:
    shape = shape_of(template)

    assert shape.event == event
    assert [name for _, _, name in shape.keys] == [f"CHARGEMON_{name}" for name in fields]


def test_entry_has_message_priority_event_and_fields(log: logging.Logger, journal: Journal) -> None:
    log.warning("refused cp=%s remote=%s status=%d", "CP1", "192.0.2.1", 401)

    assert journal.entry() == {
        "MESSAGE": "refused cp=CP1 remote=192.0.2.1 status=401",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "chargemon-edge",
        "CHARGEMON_ROOM": "csms.server",
        "CHARGEMON_EVENT": "refused",
        "MESSAGE_ID": message_id("refused"),
        "CHARGEMON_CP": "CP1",
        "CHARGEMON_REMOTE": "192.0.2.1",
        "CHARGEMON_STATUS": "401",
    }


@pytest.mark.parametrize("name", ["CP1", "CP\n1", "CP–\udc80"])
def test_fields_are_those_with_a_key_each_as_the_message_writes_it(
    log: logging.Logger, journal: Journal, name: str
) -> None:
    log.info("now cp=%s%s at 100%% load=%.1f kW why=%r", name, " again", 3.14159, "none")

    entry = journal.entry()
    assert entry["MESSAGE"].encode() == (f"now cp={name} again at 100% load=3.1 kW why='none'").encode(
        "utf-8", "backslashreplace"
    )
    assert entry["CHARGEMON_CP"].encode() == name.encode("utf-8", "backslashreplace")
    assert entry["CHARGEMON_LOAD"] == "3.1"
    assert entry["CHARGEMON_WHY"] == "none"
    assert entry["CHARGEMON_EVENT"] == "now"


@pytest.mark.parametrize("name", ["CP1", "CP\n1"])
def test_entries_of_one_format_share_nothing_but_the_format(log: logging.Logger, journal: Journal, name: str) -> None:
    for connector in (1, 2):
        log.info("status cp=%s connector=%d", name, connector)
        log.warning("status cp=%s connector=%d", name, connector)

    entries = [journal.entry() for _ in range(4)]
    assert [entry["CHARGEMON_CONNECTOR"] for entry in entries] == ["1", "1", "2", "2"]
    assert [entry["PRIORITY"] for entry in entries] == ["6", "4", "6", "4"]
    assert {entry["CHARGEMON_CP"] for entry in entries} == {name}


@pytest.mark.demand("S16")
def test_value_cannot_make_up_a_field(log: logging.Logger, journal: Journal) -> None:
    log.info("link closed cp=%s reason=%s", "CP1 reason=x\nCHARGEMON_CP=CP2", "y")

    entry = journal.entry()
    assert entry["CHARGEMON_CP"] == "CP1 reason=x\nCHARGEMON_CP=CP2"
    assert entry["CHARGEMON_REASON"] == "y"


def test_traceback_is_one_entry(log: logging.Logger, journal: Journal) -> None:
    try:
        raise ValueError("here")
    except ValueError:
        log.exception("request failed path=%s", "/x")

    entry = journal.entry()
    assert entry["MESSAGE"].splitlines()[0] == "request failed path=/x"
    assert entry["MESSAGE"].splitlines()[-1] == "ValueError: here"
    assert entry["PRIORITY"] == "3"


def test_too_long_a_message_is_cut(log: logging.Logger, journal: Journal) -> None:
    log.error("long=%d %s", 1, "x" * 5_000_000)

    assert 1_000 <= len(journal.entry()["MESSAGE"]) <= 65_536


def test_full_journal_costs_lines_but_no_time_and_says_so(
    log: logging.Logger, journal: Journal, fallback: Fallback
) -> None:
    for number in range(2_000):
        log.info("line=%d", number)

    got = [journal.entry()["CHARGEMON_LINE"]]
    log.info("after")
    while (entry := journal.entry()).get("CHARGEMON_EVENT") != "after":
        got.append(entry["CHARGEMON_LINE"])

    assert len(got) < 2_000
    assert f"({2_000 - len(got)} lines before this one were lost" in entry["MESSAGE"]
    assert fallback.kept == []


def test_without_a_journal_the_fallback_gets_it(log: logging.Logger, journal: Journal, fallback: Fallback) -> None:
    journal.close()
    log.info("nobody listens")

    assert fallback.kept == ["nobody listens"]


def test_no_journal_at_the_start_is_an_error(tmp_path: Path, fallback: Fallback) -> None:
    with pytest.raises(FileNotFoundError):
        JournalHandler(fallback, tmp_path / "none")


def test_message_ids_are_those_of_every_version() -> None:
    assert message_id("link-opened") == "a69dc5544e7d58d2842ab76791c75c9b"
