"""Single updates of a local list, as a laboratory looks at them."""

from __future__ import annotations

import msgspec

from chargemon_edge.ocpp.local_list import (
    VERSION_MAX,
    Limits,
    WantedList,
    next_change_utc_ms,
    next_update,
    wanted,
)
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.cards import HeldList, IdTag

NOW_MS = 1_800_000_000_000
ALL = Limits()


def made(*tags: IdTag, limits: Limits = ALL) -> WantedList:
    return wanted(tags, NOW_MS, limits)


def held(version: int, *tags: IdTag) -> HeldList:
    return HeldList(version=version, entries=made(*tags).digests)


def sent(
    list_wanted: WantedList, known: HeldList | None, reported: int, limits: Limits = ALL
) -> m.SendLocalListRequest | None:
    following = next_update(list_wanted, known, reported, limits)
    return None if following is None else following[0]


A, B = IdTag(id_tag="AA", parent_id_tag="P"), IdTag(id_tag="BB", expiry_utc_ms=NOW_MS + 1000)


def test_a_first_list_is_full_and_every_entry_says_what_it_means() -> None:
    request = sent(made(A, B), None, 0)

    assert request is not None
    assert msgspec.json.encode(request) == (
        b'{"listVersion":1,"localAuthorizationList":['
        b'{"idTag":"AA","idTagInfo":{"parentIdTag":"P","status":"Accepted"}},'
        b'{"idTag":"BB","idTagInfo":{"expiryDate":"2027-01-15T08:00:01.000Z","status":"Accepted"}}],'
        b'"updateType":"Full"}'
    )


def test_a_new_card_goes_out_alone_under_a_higher_version() -> None:
    request = sent(made(A, B), held(7, A), 7)

    assert request is not None
    assert (request.list_version, request.update_type) == (8, "Differential")
    assert [one.id_tag for one in request.local_authorization_list or ()] == ["BB"]


def test_a_blocked_card_is_a_difference_too() -> None:
    request = sent(made(A, IdTag(id_tag="BB", status="Blocked")), held(7, A, B), 7)

    assert request is not None
    assert request.update_type == "Differential"
    assert [one.id_tag_info for one in request.local_authorization_list or ()] == [m.IdTagInfo(status="Blocked")]


def test_a_removed_card_goes_by_a_full_list_that_leaves_it_out() -> None:
    request = sent(made(A), held(7, A, B), 7)

    assert request is not None
    assert (request.list_version, request.update_type) == (8, "Full")
    assert [one.id_tag for one in request.local_authorization_list or ()] == ["AA"]


def test_an_empty_list_is_sent_only_to_take_one_away() -> None:
    assert sent(made(), None, 0) is None
    assert sent(made(), held(3), 3) is None
    assert sent(made(), None, 3) == m.SendLocalListRequest(list_version=4, update_type="Full")
    assert sent(made(), held(3, A), 3) == m.SendLocalListRequest(list_version=4, update_type="Full")


def test_what_it_holds_is_not_sent_again() -> None:
    assert sent(made(B, A), held(7, A, B), 7) is None


def test_a_version_that_is_not_ours_means_a_list_that_is_not_ours() -> None:
    for reported in (0, 6, 8):
        request = sent(made(A), held(7, A), reported)
        assert request is not None
        assert (request.list_version, request.update_type) == (reported + 1, "Full")


def test_versions_begin_anew_when_there_is_no_higher_one() -> None:
    request = sent(made(A), held(VERSION_MAX), VERSION_MAX)

    assert request is not None
    assert (request.list_version, request.update_type) == (1, "Full")


def test_a_card_that_expires_while_nobody_looks_is_a_difference_afterwards() -> None:
    before = HeldList(version=1, entries=wanted([B], NOW_MS, ALL).digests)

    following = next_update(wanted([B], NOW_MS + 1000, ALL), before, 1, ALL)

    assert following is not None
    assert following[0].update_type == "Differential"


def test_the_next_change_is_the_next_expiry_that_is_still_to_come() -> None:
    past = IdTag(id_tag="CC", expiry_utc_ms=NOW_MS)

    assert next_change_utc_ms([A, B, past], NOW_MS) == NOW_MS + 1000
    assert next_change_utc_ms([A, past], NOW_MS) is None
