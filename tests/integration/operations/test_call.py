"""`chargemon-edge call`: an operation from the command line, over the daemon's socket."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from chargemon_edge.__main__ import main
from tests.certification.laboratory import Laboratory, running
from tests.integration.operations.test_independent_client import connected


async def call(laboratory: Laboratory, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["call", *arguments, "--socket", str(laboratory.addresses.unix)])


async def test_what_the_charge_point_answers_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path, ["CP 1"]) as laboratory, connected(laboratory, "CP 1") as client:
        client.answer = {"status": "Rejected"}
        code = await call(laboratory, "CP 1", "Reset", '{"type": "Soft"}')

        assert client.received == [("Reset", {"type": "Soft"})]
    assert code == 0
    assert json.loads(capsys.readouterr().out) == {"status": "Rejected"}


async def test_an_error_and_a_refusal_end_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path, ["CP1"]) as laboratory:
        async with connected(laboratory) as client:
            client.answer = ValueError("boom")
            answered = await call(laboratory, "CP1", "ClearCache")
        wrong = await call(laboratory, "CP1", "Reset", '{"type": "Gentle"}')
        offline = await call(laboratory, "CP1", "ClearCache")

    assert (answered, wrong, offline) == (1, 1, 1)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("chargemon-edge: CP1 answered with an error: ")
    assert "Gentle" in said[1]
    assert said[2] == "chargemon-edge: not connected: CP1 is not connected; nothing was sent"


async def test_a_reader_that_has_seen_enough_gets_no_traceback(tmp_path: Path) -> None:
    keys = [{"key": f"Key{number}", "readonly": False, "value": "v" * 400} for number in range(140)]
    async with running(tmp_path, ["CP1"]) as laboratory, connected(laboratory) as client:
        client.answer = {"configurationKey": keys}
        command = [sys.executable, "-m", "chargemon_edge", "call", "CP1", "GetConfiguration"]
        process = subprocess.Popen(
            [*command, "--socket", str(laboratory.addresses.unix)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.close()
        code = await asyncio.to_thread(process.wait, 20)

    assert process.stderr is not None
    assert (code, process.stderr.read()) == (1, b"")
    process.stderr.close()
