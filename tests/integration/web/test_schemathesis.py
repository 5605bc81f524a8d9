"""Every endpoint against its own description: no failure of ours and no undocumented answer, whoever asks.

CHARGEMON_EXAMPLES asks for so many questions of each kind; the daemon is a process of its own, reached over TCP, with
a charge point of another make connected.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks

from chargemon_edge.web import openapi
from chargemon_edge.web.endpoints import Media
from tests.system.daemon import Daemon
from tests.system.daemon import charge_point as configured
from tests.system.far_ends import charge_point as connected
from tests.unit.web.route_table import endpoints

EXAMPLES = int(os.environ.get("CHARGEMON_EXAMPLES", "4"))
ROLES = (None, "viewer", "operator", "installer")
CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = 63\n'

# a stream has no end; tests/integration/web/test_stream.py looks at it
ANSWERING = [
    one
    for one in endpoints()
    if not any(isinstance(shape, Media) and shape.content_type == "text/event-stream" for shape in one.answers.values())
]
# where a question of the right shape may still be a wrong one
RULES = {f"{one.method} {one.path}": one.rules for one in ANSWERING}
schema = schemathesis.openapi.from_dict(openapi.document(ANSWERING, "0"))


@schema.hook
def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Half of the questions about a charge point are about one that is there."""
    identity = str((path_parameters or {}).get("identity", ""))
    if path_parameters and len(identity) <= 48 and len(identity) % 2:
        path_parameters["identity"] = "CP1"
    return path_parameters


class Site:
    """Where the daemon is, and a token of each role."""

    def __init__(self, daemon: Daemon) -> None:
        self.url = daemon.page_url
        self.tokens: dict[str | None, str] = {}
        for role in ROLES[1:]:
            made = daemon.command(
                "token", "create", role, "--role", role, "--socket", str(daemon.folder / "control.sock")
            )
            assert made.returncode == 0, made.stderr
            self.tokens[role] = made.stdout.strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with Daemon(folder, CIRCUIT + configured("CP1")) as daemon:
        ended = threading.Event()
        there = threading.Event()

        async def stay() -> None:
            async with connected(daemon.chargers_url, "CP1") as one:
                await one.boot()
                await one.status(1, "Available")
                transaction_id = await one.begin(1)
                await one.values(1, transaction_id, 6.0)
                await one.end(transaction_id)
                there.set()
                await asyncio.to_thread(ended.wait)

        charging = threading.Thread(target=asyncio.run, args=(stay(),))
        charging.start()
        try:
            assert there.wait(20)
            yield Site(daemon)
        finally:
            ended.set()
            charging.join()
        assert not [line for line in daemon.lines if "Traceback" in line or "request failed" in line]
        assert daemon.stop() == 0


# the charge point's thread draws random numbers for its pings meanwhile, which hypothesis takes for the test's own
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize("role", ROLES)
@schema.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(site: Site, role: str | None, case: schemathesis.Case[Any]) -> None:
    headers = {} if role is None else {"Authorization": f"Bearer {site.tokens[role]}"}
    # it shows wrong tokens and takes the throttle's 429 for a fault; test_access.py asks every endpoint without a token
    excluded = [checks.ignored_auth]
    if RULES[case.operation.label]:
        excluded.append(checks.positive_data_acceptance)
    case.call_and_validate(base_url=site.url, headers=headers, excluded_checks=excluded)
