"""Whatever a charge point holds and takes, and whenever it is interrupted: it ends with the list it shall have."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chargemon_edge.ocpp.local_list import VERSION_MAX, Limits, next_update, wanted
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site.cards import HeldList, IdTag

NOW_MS = 1_800_000_000_000

TAGS = st.lists(
    st.builds(
        IdTag,
        id_tag=st.text("0123456789ABCDEF", min_size=1, max_size=3),
        status=st.sampled_from(["Accepted", "Blocked", "Expired", "Invalid"]),
        expiry_utc_ms=st.none() | st.integers(NOW_MS - 10, NOW_MS + 10),
        parent_id_tag=st.none() | st.sampled_from(["P1", "P2"]),
    ),
    max_size=40,
    unique_by=lambda tag: tag.id_tag,
)
LIMITS = st.builds(Limits, entries_max=st.none() | st.integers(1, 50), send_max=st.integers(1, 30))


class FarEnd:
    """A charge point that keeps its list as §5.15 says, and complains when it is asked for more than it takes."""

    def __init__(self, version: int, entries: dict[str, m.IdTagInfo], limits: Limits) -> None:
        self.version = version
        self.entries = entries
        self.limits = limits

    def take(self, request: m.SendLocalListRequest) -> None:
        part: Sequence[m.AuthorizationData] = request.local_authorization_list or ()
        assert len(part) <= self.limits.send_max
        assert 1 <= request.list_version <= VERSION_MAX
        assert request.list_version > self.version or request.update_type == "Full"
        if request.update_type == "Full":
            self.entries = {}
        for one in part:
            # every entry says what it means; a tag goes by being left out
            assert one.id_tag_info is not None
            self.entries[one.id_tag] = one.id_tag_info
        assert self.limits.entries_max is None or len(self.entries) <= self.limits.entries_max
        self.version = request.list_version


def bring_up(
    far_end: FarEnd, tags: Sequence[IdTag], held: HeldList | None, limits: Limits, messages_max: int = 200
) -> tuple[HeldList | None, int]:
    """Send until nothing is left to send, or *messages_max* are sent; what is then known, and how many it took."""
    for sent in range(messages_max):
        following = next_update(wanted(tags, NOW_MS, limits), held, far_end.version, limits)
        if following is None:
            return held, sent
        request, after = following
        far_end.take(request)
        held = after
    return held, messages_max


def as_shown(tags: Sequence[IdTag], limits: Limits) -> dict[str, m.IdTagInfo | None]:
    return {entry.id_tag: entry.id_tag_info for entry in wanted(tags, NOW_MS, limits).entries}


@given(TAGS, TAGS, LIMITS, st.integers(0, 5), st.integers(0, 5))
def test_it_ends_as_wanted_from_nothing_through_changes_and_interruptions(
    before: list[IdTag], after: list[IdTag], limits: Limits, first_cut: int, second_cut: int
) -> None:
    far_end = FarEnd(0, {}, limits)
    held, _ = bring_up(far_end, before, None, limits, first_cut)
    held, _ = bring_up(far_end, after, held, limits, second_cut)

    held, messages = bring_up(far_end, after, held, limits)

    assert far_end.entries == as_shown(after, limits)
    # a full list in parts, and no more than that
    assert messages <= len(after) // limits.send_max + 1
    assert bring_up(far_end, after, held, limits)[1] == 0


@given(TAGS, LIMITS, st.integers(0, VERSION_MAX))
def test_a_list_of_somebody_else_is_replaced_whole(tags: list[IdTag], limits: Limits, version: int) -> None:
    foreign = {"FOREIGN": m.IdTagInfo(status="Accepted")} if version else {}
    far_end = FarEnd(version, dict(foreign), limits)

    bring_up(far_end, tags, HeldList(version=version - 1, entries={"a": "b"}), limits)

    assert far_end.entries == as_shown(tags, limits)


@given(TAGS, TAGS, LIMITS)
def test_what_was_accepted_but_never_heard_of_is_found_by_its_version(
    before: list[IdTag], after: list[IdTag], limits: Limits
) -> None:
    far_end = FarEnd(0, {}, limits)
    held, _ = bring_up(far_end, before, None, limits)
    lost = next_update(wanted(after, NOW_MS, limits), held, far_end.version, limits)
    if lost is not None:
        far_end.take(lost[0])

    bring_up(far_end, after, held, limits)

    assert far_end.entries == as_shown(after, limits)


@given(TAGS, st.integers(1, 50))
def test_who_may_charge_is_listed_before_who_may_not(tags: list[IdTag], room: int) -> None:
    made = wanted(tags, NOW_MS, Limits(entries_max=room))

    accepted = [entry.id_tag_info is not None and entry.id_tag_info.status == "Accepted" for entry in made.entries]
    assert accepted == sorted(accepted, reverse=True)
    assert len(made.entries) + made.left_out == len(tags)
    assert len(made.entries) == min(room, len(tags))
