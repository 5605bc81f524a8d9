"""The demo as a newcomer starts it: the page's address at once, progress, a clean end."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from chargemon_edge.sim import demo


def test_it_says_where_the_page_is_and_how_the_site_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run("evening", speed=20.0, minutes=0.6) == 0

    said = capsys.readouterr().out
    assert "An evening, 20 x real time." in said
    assert re.search(r"Page: http://127\.0\.0\.1:\d+/", said)
    assert re.search(r"main +[\d.]+ +[\d.]+ +[\d.]+ of 63 A", said)


@pytest.mark.parametrize(("name", "speed"), [("nonsense", 1.0), ("evening", 0.0)])
def test_what_cannot_be_played_is_said_in_one_line(name: str, speed: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run(name, speed=speed) == 2
    assert capsys.readouterr().out.count("\n") == 1


def test_at_real_speed_the_page_answers_and_an_interrupt_ends_it_cleanly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chargemon_edge", "demo", "--speed", "1"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    address = ""
    for line in process.stdout:
        if line.startswith("Page: "):
            address = line.split()[1]
            break
    with urllib.request.urlopen(address + "api/v1/site", timeout=5) as answer:
        text = answer.read().decode()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)

    assert "YARD-1" in text
    assert process.returncode == 0
    assert "Traceback" not in rest


def test_a_broker_that_is_no_address_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run("evening", broker="localhost") == 2
    assert "write it as HOST:PORT" in capsys.readouterr().out
