"""Commands over a real broker: the right verdict, and at most one effect."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chargemon_edge.control.ports import Answered, moment
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from tests.integration.upstream.broker import Broker, Operator, listening
from tests.integration.upstream.running import Running, running, settings
from tests.waiting import until

CMD = "cm/v1/hof-7/in/cmd"
RESET_DONE = Answered(response=m.ResetResponse(status="Accepted"), sent_mono_s=0.0)


def command(command_id: str, **changes: Any) -> dict[str, Any]:
    """A soft reset of one charge point, unless it is changed."""
    members: dict[str, Any] = {
        "id": command_id,
        "op": "reset",
        "tgt": {"cp": "YARD"},
        "args": {"type": "Soft"},
        "by": "desk 4",
    }
    return {**members, **changes}


def in_minutes(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


def results(operator: Operator, command_id: str) -> list[tuple[str, str | None]]:
    return [
        (message.body["state"], message.body.get("code"))
        for message in operator.on("/res")
        if message.body["id"] == command_id
    ]


async def verdict(operator: Operator, command_id: str, count: int = 1) -> tuple[str, str | None]:
    """The end of the command, once so many ends were heard."""

    def ends() -> list[tuple[str, str | None]]:
        return [one for one in results(operator, command_id) if one[0] not in ("accepted", "running")]

    await until(lambda: len(ends()) >= count)
    return ends()[-1]


async def connected(site: Running, operator: Operator) -> None:
    await until(lambda: site.uplink.standings()[0].connected and bool(operator.on("/ev")))
    site.charge_points.answers["Reset"] = RESET_DONE


async def test_a_command_is_done_once_and_told_to_whoever_asks_again(tmp_path: Path, broker: Broker) -> None:
    upstream = settings(broker.port, commands=("reset", "ping"))
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await connected(site, operator)
            operator.say(CMD, command("command-1"))
            assert await verdict(operator, "command-1") == ("done", None)
            operator.say(CMD, command("command-1"))
            assert await verdict(operator, "command-1", 2) == ("done", None)
            operator.say(CMD, command("command-1", args={"type": "Hard"}))
            assert await verdict(operator, "command-1", 3) == ("rejected", "id_conflict")
            operator.say(CMD, command("ping-0001", op="ping", tgt={}, args={}))
            assert await verdict(operator, "ping-0001") == ("done", None)
        # also by a later run of the daemon
        async with running(tmp_path, upstream) as site:
            await connected(site, operator)
            operator.say(CMD, command("command-1"))
            assert await verdict(operator, "command-1", 4) == ("done", None)
            assert site.charge_points.asked == []

    assert results(operator, "command-1")[:3] == [("accepted", None), ("running", None), ("done", None)]
    ends = [message.body for message in operator.on("/ev") if message.body["k"] == "cmd.done"]
    assert [(one["d"]["id"], one["d"]["state"], one["d"].get("by")) for one in ends if one["d"]["op"] == "reset"] == [
        ("command-1", "done", "desk 4")
    ]


async def test_results_go_where_they_are_asked_for_if_that_is_allowed(tmp_path: Path, broker: Broker) -> None:
    upstream = settings(broker.port, commands=("reset",), answers_below=("desk/answers",))
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await connected(site, operator)
            operator.say(CMD, command("command-1"), answer_to="desk/answers/4", correlation=b"\x00call 7")
            await until(lambda: len(operator.on("desk/answers/4")) == 3)
            for number, elsewhere in enumerate(("desk/4", "desk/answers", "cm/v1/hof-8/in/cmd")):
                operator.say(CMD, command(f"elsewhere-{number}"), answer_to=elsewhere)
                assert await verdict(operator, f"elsewhere-{number}") == ("done", None)
            operator.say(CMD, command("too-long-1"), answer_to="desk/answers/5", correlation=b"x" * 300)
            assert await verdict(operator, "too-long-1") == ("done", None)
            # also what is refused, and what was done before
            operator.say(CMD, command("strange-01", op="dance"), answer_to="desk/answers/6")
            operator.say(CMD, command("command-1"), answer_to="desk/answers/6", correlation=b"again")
            await until(lambda: len(operator.on("desk/answers/6")) == 2)

    answers = [(one.body["id"], one.body["state"], one.correlation) for one in operator.on("desk/answers/4")]
    assert answers == [("command-1", state, b"\x00call 7") for state in ("accepted", "running", "done")]
    refused, again = operator.on("desk/answers/6")
    assert (refused.body["code"], refused.correlation) == ("unknown_op", None)
    assert (again.body["state"], again.correlation) == ("done", b"again")
    topics = {message.topic for message in operator.messages if not message.topic.startswith("cm/v1/hof-7/")}
    assert topics == {"desk/answers/4", "desk/answers/6"}


@pytest.mark.demand("S21")
@pytest.mark.parametrize(
    ("asked", "retain", "expected"),
    [
        (command("old-00001", exp="2026-01-01T00:00:00Z"), False, ("expired", "expired")),
        (command("old-00002", ts="2026-01-01T00:00:00Z"), False, ("expired", "expired")),
        (command("retained-1"), True, ("rejected", "retained")),
        (command("strange-01", op="dance"), False, ("rejected", "unknown_op")),
        (command("unlock-001", op="unlock", args={}), False, ("rejected", "not_allowed")),
        (command("nobody-001", tgt={"cp": "NOBODY"}), False, ("rejected", "no_target")),
        (command("nobody-002", tgt={}), False, ("rejected", "no_target")),
        (command("bad-args-1", args={"type": "Gentle"}), False, ("rejected", "bad_args")),
        (command("bad-args-2", args={"kind": "Soft"}), False, ("rejected", "bad_args")),
        ({"id": "malformed1"}, False, ("rejected", "malformed")),
        (command("large-0001", args={"x": "y" * 40_000}), False, ("rejected", "too_large")),
        (command("no-time-01", exp="tomorrow"), False, ("rejected", "malformed")),
    ],
    ids=lambda value: value["id"] if isinstance(value, dict) else "",
)
async def test_what_may_not_be_done_is_refused(
    tmp_path: Path, broker: Broker, asked: dict[str, Any], retain: bool, expected: tuple[str, str]
) -> None:
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port, commands=("reset",))) as site:
            await connected(site, operator)
            operator.say(CMD, asked, retain=retain)
            # what is too large is not read at all
            about = "unknown" if expected[1] == "too_large" else asked["id"]
            assert await verdict(operator, about) == expected
            await until(lambda: any(message.body["k"] == "cmd.done" for message in operator.on("/ev")))
            assert site.charge_points.asked == []


async def test_a_start_is_done_when_its_transaction_has_begun(tmp_path: Path, broker: Broker) -> None:
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port, commands=("*",))) as site:
            await connected(site, operator)
            site.charge_points.answers["RemoteStartTransaction"] = Answered(
                response=m.RemoteStartTransactionResponse(status="Accepted"), sent_mono_s=0.0
            )
            wish = command("start-0001", op="start", tgt={"cp": "YARD", "c": 1}, args={"tag": "04A1B2C3"})
            operator.say(CMD, wish)
            await until(lambda: ("running", None) in results(operator, "start-0001"))
            await until(lambda: bool(site.charge_points.asked))
            site.happen(site.started(4711))
            assert await verdict(operator, "start-0001") == ("done", None)
            site.charge_points.answers["UnlockConnector"] = Answered(
                response=m.UnlockConnectorResponse(status="UnlockFailed"), sent_mono_s=0.0
            )
            operator.say(CMD, command("unlock-002", op="unlock", tgt={"cp": "YARD", "c": 1}, args={}))
            assert await verdict(operator, "unlock-002") == ("failed", "UnlockFailed")

    done = next(one.body for one in operator.on("/res") if one.body["state"] == "done")
    assert done["data"] == {"transaction_id": 4711, "connector": 1}
    ((_, request), *_) = site.charge_points.asked
    assert request == m.RemoteStartTransactionRequest(connector_id=1, id_tag="04A1B2C3")


async def test_a_command_waits_at_the_broker_while_the_site_is_away(tmp_path: Path, broker: Broker) -> None:
    upstream = settings(broker.port, commands=("reset",))
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await connected(site, operator)
        operator.say(CMD, command("waits-0001", exp=in_minutes(5)))
        operator.say(CMD, command("waits-0002", exp=in_minutes(-1)))
        async with running(tmp_path, upstream) as site:
            site.charge_points.answers["Reset"] = RESET_DONE
            assert await verdict(operator, "waits-0001") == ("done", None)
            assert await verdict(operator, "waits-0002") == ("expired", "expired")
            assert len(site.charge_points.asked) == 1


async def test_an_interrupted_command_is_looked_at_and_never_sent_twice(tmp_path: Path, broker: Broker) -> None:
    """As a restart finds them: taken, begun, and begun with its effect to be seen."""
    from chargemon_edge.site.upstream_facts import CommandBegun, CommandTaken
    from chargemon_edge.upstream.command_rules import digest_of

    async with running(tmp_path) as site:
        for command_id, op, args, begun in (
            ("taken-0001", "reset", {"type": "Soft"}, False),
            ("begun-0001", "reset", {"type": "Soft"}, True),
            ("begun-0002", "start", {"tag": "04A1B2C3"}, True),
            ("begun-0003", "start", {"tag": "OTHER"}, True),
        ):
            body = json.dumps(command(command_id, op=op, args=args))
            at = moment(site.clock)
            taken = CommandTaken(
                at=at, upstream="operator", id=command_id, op=op, digest=digest_of(body.encode()), body=body
            )
            await site.commit(taken, *((CommandBegun(at=at, upstream="operator", id=command_id),) if begun else ()))
        await site.commit(site.started(4712))
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port, commands=("*",))) as site:
            site.charge_points.answers["Reset"] = RESET_DONE
            assert await verdict(operator, "taken-0001") == ("done", None)
            assert await verdict(operator, "begun-0001") == ("unknown", "interrupted")
            assert await verdict(operator, "begun-0002") == ("done", None)
            assert await verdict(operator, "begun-0003") == ("unknown", "interrupted")
            assert len(site.charge_points.asked) == 1


async def test_a_birth_says_everything_again(tmp_path: Path, broker: Broker) -> None:
    with listening(broker) as operator:
        async with running(tmp_path, settings(broker.port, commands=("birth",))) as site:
            await connected(site, operator)
            await until(lambda: bool(operator.on("/cp/YARD")))
            operator.say(CMD, command("birth-0001", op="birth", tgt={}, args={}))
            await until(lambda: len(operator.on("/info")) == 2 and len(operator.on("/cp/YARD")) == 2)
            site.happen(facts.LinkClosed(at=moment(site.clock), charge_point="YARD", reason="test"))


async def test_a_connector_is_limited_through_the_balancer_and_again_after_a_restart(
    tmp_path: Path, broker: Broker
) -> None:
    upstream = settings(broker.port, commands=("limit", "limit_clear"))
    yard = {"cp": "YARD", "c": 1}
    with listening(broker) as operator:
        async with running(tmp_path, upstream) as site:
            await connected(site, operator)
            operator.say(CMD, command("limit-0001", op="limit", tgt=yard, args={"a": 10, "until": in_minutes(9)}))
            assert await verdict(operator, "limit-0001") == ("done", None)
            operator.say(CMD, command("limit-0002", op="limit", tgt={"cp": "YARD", "c": 7}, args={"a": 10}))
            assert await verdict(operator, "limit-0002") == ("rejected", "no_target")
            operator.say(CMD, command("limit-0003", op="limit", tgt=yard, args={"a": -1}))
            assert await verdict(operator, "limit-0003") == ("rejected", "bad_args")
        async with running(tmp_path, upstream) as site:
            cap = site.present.connector("YARD", 1).cap
            assert cap is not None
            assert (cap.limit_ma, cap.by) == (10_000, "upstream operator (desk 4)")
            operator.say(CMD, command("limit-0004", op="limit_clear", tgt=yard, args={}))
            assert await verdict(operator, "limit-0004") == ("done", None)
            assert site.present.connector("YARD", 1).cap is None

    kinds = [message.body["k"] for message in operator.on("/ev")]
    assert kinds.count("limit.connector") == 2
