"""When a broker is tried again, and with which version of MQTT."""

from __future__ import annotations

import pytest

from chargemon_edge.upstream.link_life import Abilities, Ending, LinkLife, in_words, window

GONE = Ending(words="the connection was lost", answered=True)
UNREACHABLE = Ending(words="cannot reach it")


def test_retries_spread_further_and_further_up_to_five_minutes() -> None:
    life = LinkLife()
    most = [life.delay_s(UNREACHABLE, 0.0, 0.0, 1.0) for _ in range(12)]

    assert most == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert life.delay_s(UNREACHABLE, 0.0, 0.0, 0.0) == 0.0
    assert life.first_delay_s(0.5) == 2.5


def test_a_connection_that_stood_begins_the_count_anew() -> None:
    life = LinkLife()
    for _ in range(6):
        life.delay_s(UNREACHABLE, 0.0, 0.0, 1.0)

    assert life.delay_s(GONE, 59.0, 0.0, 1.0) == 128
    assert life.delay_s(GONE, 60.0, 0.0, 1.0) == 2


@pytest.mark.parametrize("code", [0x85, 0x86, 0x87, 0x8A, 0x8C])
def test_wrong_credentials_are_not_tried_often(code: int) -> None:
    life = LinkLife()
    delays = [life.delay_s(Ending(words="", code=code), 0.0, 0.0, 1.0) for _ in range(6)]

    assert delays == [60, 120, 240, 480, 900, 900]
    assert LinkLife().delay_s(Ending(words="", code=code), 0.0, 0.0, 0.0) == 30


def test_a_broker_that_we_do_not_trust_is_not_tried_often_either() -> None:
    assert LinkLife().delay_s(Ending(words="", unknown_broker=True), 0.0, 0.0, 1.0) == 60


@pytest.mark.parametrize("code", [0x88, 0x89, 0x93, 0x96, 0x97, 0x9F])
def test_a_busy_broker_is_left_alone_for_a_while(code: int) -> None:
    assert LinkLife().delay_s(Ending(words="", code=code), 0.0, 0.0, 0.0) == 30


def test_the_older_version_is_spoken_for_a_day_where_the_newer_is_refused() -> None:
    life = LinkLife()
    assert life.version(0.0) == 5
    assert life.delay_s(Ending(words="", code=0x84, refused_version=True), 0.0, 100.0, 1.0) == 1
    assert life.version(100.0) == 4
    assert life.version(100.0 + 24 * 3600) == 5


def test_a_broker_that_hangs_up_without_a_word_twice_is_tried_with_the_older_version() -> None:
    life = LinkLife()
    silent = Ending(words="", refused_version=True)
    life.delay_s(silent, 0.0, 0.0, 1.0)
    assert life.version(0.0) == 5
    life.delay_s(silent, 0.0, 0.0, 1.0)
    assert life.version(0.0) == 4

    other = LinkLife()
    other.delay_s(silent, 0.0, 0.0, 1.0)
    other.delay_s(GONE, 5.0, 0.0, 1.0)
    other.delay_s(silent, 0.0, 0.0, 1.0)
    assert other.version(0.0) == 5


def test_two_boxes_with_one_client_id_are_noticed_and_stay_apart() -> None:
    life = LinkLife()
    taken_over = Ending(words="", code=0x8E, answered=True)
    assert (life.delay_s(taken_over, 5.0, 0.0, 1.0), life.rival) == (2, False)
    assert (life.delay_s(taken_over, 5.0, 10.0, 0.0), life.rival) == (150, True)
    assert (life.delay_s(GONE, 60.0, 500.0, 0.0), life.rival) == (0, False)


def test_the_window_keeps_within_what_the_broker_takes() -> None:
    assert [window(Abilities(version=5, receive_max=most)) for most in (1, 10, 20, 65_535)] == [1, 10, 20, 20]


def test_reasons_are_said_in_words() -> None:
    assert in_words(0x87) == "not authorised (0x87)"
    assert in_words(0xA5) == "refused (0xA5)"
