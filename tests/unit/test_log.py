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
