"""Log lines as they are read: room and words, with times on a terminal, and whatever is below an error."""

import io
import logging
import re
from collections.abc import Iterator

import pytest

from chargemon_edge import log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, factory = list(root.handlers), root.level, logging.getLogRecordFactory()
    srcfile = logging._srcfile  # what configure turns off
    yield
    logging.setLogRecordFactory(factory)
    logging._srcfile = srcfile
    root.handlers[:] = handlers
    root.setLevel(level)


def lines_to(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.setattr("sys.stderr", stream)
    log.configure("INFO")
    return logging.getLogger("chargemon_edge.control.requests")


def test_a_line_says_when_how_bad_where_and_what(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    logger = lines_to(stream, monkeypatch)
    logger.info("transaction started cp=%s tx=%d", "CP1", 7)
    logger.warning("100 % and no arguments")
    logger.info("%(what)s", {"what": "names"})
    logger.debug("not wanted")

    first, second, third = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    control\.requests: transaction started cp=CP1 tx=7", first)
    assert second.endswith("WARNING control.requests: 100 % and no arguments")
    assert third.endswith("control.requests: names")


def test_an_error_is_followed_by_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    logger = lines_to(stream, monkeypatch)
    try:
        raise ValueError("odd")
    except ValueError:
        logger.exception("failed")

    first, *below = stream.getvalue().splitlines()
    assert first.endswith("control.requests: failed")
    assert below[0].startswith("Traceback") and below[-1] == "ValueError: odd"


def test_a_wrong_call_loses_its_line_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    logger = lines_to(stream, monkeypatch)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.info("%d", "no number")
    logger.info("next")

    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("next\n")


class Listener(logging.Handler):
    """Keeps what it hears."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.levelname)


def some_lines(logger: logging.Logger) -> None:
    logger.info("link opened cp=%s tx=%d", "CP1…", 7)
    logger.info("100 % and no arguments")
    logger.info("%(what)s", {"what": "names"})
    logger.info("%d is no number", "one")
    logger.info(ValueError("no text"))
    logger.warning("refused cp=%s", "CP1")
    logger.debug("not wanted")
    try:
        raise ValueError("odd")
    except ValueError:
        logger.info("failed", exc_info=True)


def without_time(text: str) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in text.splitlines()]


def test_lines_are_the_same_whether_others_listen_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    alone, together = io.StringIO(), io.StringIO()
    some_lines(lines_to(alone, monkeypatch))
    logger = lines_to(together, monkeypatch)
    listener = Listener()
    logging.getLogger().addHandler(listener)
    some_lines(logger)

    assert without_time(alone.getvalue()) == without_time(together.getvalue()) != []
    assert listener.heard == ["INFO"] * 5 + ["WARNING", "INFO"]


def test_who_listens_for_warnings_below_root_hears_them(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, listener = io.StringIO(), Listener(logging.WARNING)
    logger = lines_to(stream, monkeypatch)
    package = logging.getLogger("chargemon_edge")
    package.addHandler(listener)
    try:
        logger.info("link opened")
        logger.warning("refused cp=%s", "CP1")
    finally:
        package.removeHandler(listener)

    assert listener.heard == ["WARNING"]
    assert len(stream.getvalue().splitlines()) == 2


def test_less_is_written_as_soon_as_less_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    logger = lines_to(stream, monkeypatch)
    logger.info("before")
    log.set_level("WARNING")
    logger.info("after")

    assert without_time(stream.getvalue()) == ["INFO    control.requests: before"]
