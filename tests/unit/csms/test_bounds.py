"""Bounds on what a charger or a stranger can make us do: messages read, lines logged, secrets shown."""

from __future__ import annotations

import pytest

from chargemon_edge.csms import refusals
from chargemon_edge.csms.refusals import RefusalTally
from chargemon_edge.csms.settings import ChargePointAccess, CsmsSettings, mistakes
from chargemon_edge.csms.trace import named, shown
from chargemon_edge.csms.traffic import Allowance


def test_a_burst_is_read_at_once_and_then_one_at_a_time() -> None:
    allowance = Allowance(20.0, 100)
    waits = [allowance.take(10.0) for _ in range(100)]

    assert waits[:99] == [0.0] * 99
    assert waits[99] == pytest.approx(0.05)
    assert allowance.take(10.05) == pytest.approx(0.05)


def test_a_pause_earns_the_burst_back_but_not_more() -> None:
    allowance = Allowance(20.0, 100)
    for _ in range(100):
        allowance.take(0.0)

    assert [allowance.take(1_000.0) > 0.0 for _ in range(100)] == [False] * 99 + [True]


def test_the_long_run_is_the_rate() -> None:
    allowance = Allowance(20.0, 100)
    now_s, taken = 0.0, 0
    while now_s < 100.0:
        now_s += allowance.take(now_s)
        taken += 1

    assert taken == pytest.approx(100 + 20 * 100, abs=3)


def test_one_source_cannot_fill_the_log() -> None:
    tally = RefusalTally()
    told = [tally.tell("a", 1.0, repeated=False) for _ in range(100)]

    assert told == [0] * refusals.MOST_LINES + [None] * (100 - refusals.MOST_LINES)
    assert tally.tell("b", 1.0, repeated=False) == 0
    assert tally.tell("a", 62.0, repeated=False) == 100 - refusals.MOST_LINES


def test_of_those_who_were_told_to_wait_only_the_first_is_news() -> None:
    tally = RefusalTally()

    assert [tally.tell("a", 1.0, repeated=True) for _ in range(3)] == [0, None, None]


def test_the_tally_is_bounded() -> None:
    tally = RefusalTally()
    for place in range(3_000):
        tally.tell(str(place), 1.0, repeated=False)

    assert len(tally._sources) == refusals._MAX_SOURCES


@pytest.mark.demand("S12", "S16")
@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (b'[2,"1","Authorize",{"idTag":"04A2B3C4D5"}]', '[2,"1","Authorize",{"idTag":"04…D5"}]'),
        (b'{"parentIdTag": "04A2B3C4D5"}', '{"parentIdTag": "04…D5"}'),
        (b'{"key":"AuthorizationKey","value":"canary"}', '{"key":"AuthorizationKey","value":"…"}'),
        (b'{"location":"ftp://user:canary@host/x"}', '{"location":"…"}'),
        (b'{"idTag":"a\\"b\\ncanary"}', '{"idTag":"a\\…ry"}'),
        (b'{"value":"canary', '{"value":"…"'),
        ("\n\x1b[31m\u202e".encode(), "��[31m�"),
        (b"\xff", "\ufffd"),
    ],
)
def test_a_frame_in_the_log_is_one_line_without_secrets(frame: bytes, line: str) -> None:
    assert shown(frame) == line.replace("�", "\ufffd")


def test_a_long_frame_is_cut_after_masking() -> None:
    frame = b'{"x":"' + b"x" * 280 + b'","idTag":"canary-canary"}'
    line = shown(frame + b"y" * 10_000)

    assert "canary" not in line
    assert len(line) < 330
    assert line.endswith(f"({len(frame) + 10_000} bytes)")


@pytest.mark.demand("S16")
@pytest.mark.parametrize(
    ("identity", "spelt"),
    [
        ("CP-1", "CP-1"),
        (None, "-"),
        ("CP 1", "'CP 1'"),
        ("a=b", "'a=b'"),
        ("Säule", "'S\\xe4ule'"),
        ("x\ny", "'x\\ny'"),
        ("x" * 200, "x" * 64),
    ],
)
def test_an_identity_in_the_log_is_one_word_or_quoted(identity: str | None, spelt: str) -> None:
    assert named(identity) == spelt


def test_every_mistake_in_access_is_told() -> None:
    settings = CsmsSettings(
        charge_points=(
            ChargePointAccess(identity="A", allow_without_password=True),
            ChargePointAccess(identity=" B", allow_without_password=True),
            ChargePointAccess(identity="C"),
            ChargePointAccess(identity="D", allow_without_password=True, sources=("10.0.0.0/8", "10.0.0.0/99")),
        )
    )

    assert [mistake.split(":")[0] for mistake in mistakes(settings)] == [
        "charge point ' B'",
        "charge point 'C' has no password",
        "charge point 'D'",
    ]


def test_without_the_plain_listener_everybody_needs_tls() -> None:
    secure = ChargePointAccess(identity="S", security_profile=2)
    clear = ChargePointAccess(identity="C", security_profile=1)

    assert mistakes(CsmsSettings(plain=False, tls_port=8888, charge_points=(secure,))) == []
    # its number is nobody's then
    assert mistakes(CsmsSettings(plain=False, port=8888, tls_port=8888)) == []
    (never,) = mistakes(CsmsSettings(plain=False, tls_port=8888, charge_points=(secure, clear)))
    assert never == "charge point 'C' has security profile 1, but chargers.plain is false: it could never connect"
    (nobody,) = mistakes(CsmsSettings(plain=False))
    assert nobody.endswith("nobody could ever connect")


def test_silence_is_at_least_ninety_seconds_unless_set() -> None:
    assert CsmsSettings(heartbeat_interval_s=10).dead_after_s == 90.0
    assert CsmsSettings(heartbeat_interval_s=300).dead_after_s == 900.0
    assert CsmsSettings(silence_s=5.0).dead_after_s == 5.0
