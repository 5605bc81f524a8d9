"""What charge points are told of cards, when, and when not; in virtual time against a far end that keeps a list."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.id_tags import IdTags
from chargemon_edge.control.local_lists import LocalLists, Standing
from chargemon_edge.control.ports import Answered, CallErrored, Offline, Outcome, TimedOut, moment
from chargemon_edge.control.present import Present
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site import card_facts, facts
from chargemon_edge.site.cards import IdTag, LocalListState
from chargemon_edge.site.device_facts import ConfigurationRead, KeyRead
from chargemon_edge.site.picture import SitePicture
from tests.unit.control.fakes import UTC_MS, FakeJournal, two_chargers

GOOD = {
    "SupportedFeatureProfiles": "Core,LocalAuthListManagement",
    "LocalAuthListEnabled": "true",
    "SendLocalListMaxLength": "2",
    "AuthorizationCacheEnabled": "false",
}
TAGS = (IdTag(id_tag="AA"), IdTag(id_tag="BB"), IdTag(id_tag="CC"))


class LoopClock:
    """The virtual loop's time."""

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def utc_ms(self) -> int:
        return UTC_MS + round(self.monotonic_s() * 1000)


class FarEnd:
    """Charge points with a list; *refusals* answer first, by action, and are used up."""

    def __init__(self, keys: Mapping[str, str], refusals: Mapping[str, list[Outcome]] | None = None) -> None:
        self.keys = keys
        self.refusals = dict(refusals or {})
        self.version = 0
        self.entries: dict[str, m.IdTagInfo] = {}
        self.asked: list[tuple[float, str, m.Request]] = []
        self.links = {"CP1"}

    def linked(self, charge_point: str) -> bool:
        return charge_point in self.links

    def offer_limit(self, *_limit: object) -> None:
        raise AssertionError("no limit belongs here")

    async def call(self, charge_point: str, request: m.Request, deadline_s: float) -> Outcome:
        if charge_point not in self.links:
            return Offline()
        self.asked.append((asyncio.get_running_loop().time(), charge_point, request))
        await asyncio.sleep(0.1)
        refusals = self.refusals.get(request.action)
        if refusals:
            return refusals.pop(0)
        return Answered(response=self._answer(request), sent_mono_s=0.0)

    def _answer(self, request: m.Request) -> m.Response:
        if isinstance(request, m.GetConfigurationRequest):
            keys = tuple(
                m.KeyValue(key=key, readonly=True, value=self.keys[key])
                for key in request.key or ()
                if key in self.keys
            )
            return m.GetConfigurationResponse(configuration_key=keys)
        if isinstance(request, m.GetLocalListVersionRequest):
            return m.GetLocalListVersionResponse(list_version=self.version)
        if isinstance(request, m.ClearCacheRequest):
            return m.ClearCacheResponse(status="Accepted")
        assert isinstance(request, m.SendLocalListRequest)
        if request.update_type == "Full":
            self.entries = {}
        for one in request.local_authorization_list or ():
            assert one.id_tag_info is not None
            self.entries[one.id_tag] = one.id_tag_info
        self.version = request.list_version
        return m.SendLocalListResponse(status="Accepted")

    def actions(self) -> list[str]:
        """What was asked, in order."""
        return [request.action for _, _, request in self.asked]

    def updates(self) -> list[m.SendLocalListRequest]:
        """The lists that were sent."""
        return [request for _, _, request in self.asked if isinstance(request, m.SendLocalListRequest)]


class Scene:
    """The lists, running."""

    def __init__(self, far_end: FarEnd, tags: tuple[IdTag, ...], *, quiet: bool = False, **options: Any) -> None:
        site = two_chargers()
        if quiet:
            site = msgspec.structs.replace(
                site, charge_points=tuple(msgspec.structs.replace(one, quiet=True) for one in site.charge_points)
            )
        self.clock = LoopClock()
        self.journal = FakeJournal()
        self.present = Present(site, SitePicture(started=moment(self.clock)))
        self.id_tags = IdTags(tags)
        self.present.follow(self.id_tags.folded, (card_facts.IdTagPut, card_facts.IdTagRemoved))
        self.memory = ConfigurationMemory(self.present, ())
        self.lists = LocalLists(
            present=self.present,
            charge_points=far_end,
            journal=self.journal,
            clock=self.clock,
            id_tags=self.id_tags,
            keys=self.memory.read,
            **options,
        )

        # how the list stood when the play was over
        self.ended: Standing | None = None

    def open_link(self, identity: str = "CP1") -> None:
        at = moment(self.clock)
        self.present.apply((facts.LinkOpened(at=at, charge_point=identity, remote="127.0.0.1"),))

    def boot(self, firmware: str = "1.0") -> None:
        self.present.apply(
            (
                facts.ChargePointBooted(
                    at=moment(self.clock), charge_point="CP1", vendor="V", model="M", firmware_version=firmware
                ),
            )
        )

    def put(self, id_tag: str, **changes: Any) -> None:
        tag = IdTag(id_tag=id_tag, **changes)
        self.present.apply((card_facts.IdTagPut(at=moment(self.clock), tag=tag, by="operator"),))

    def remove(self, id_tag: str) -> None:
        self.present.apply((card_facts.IdTagRemoved(at=moment(self.clock), id_tag=id_tag, by="operator"),))

    def read(self, keys: Mapping[str, str], *, whole: bool = True) -> None:
        """Somebody else has read its configuration."""
        told = tuple(KeyRead(key=key, value=value, readonly=False) for key, value in keys.items())
        self.present.apply((ConfigurationRead(at=moment(self.clock), charge_point="CP1", keys=told, whole=whole),))

    def kinds(self) -> list[str]:
        return [type(fact).__name__ for fact in self.journal.recorded if not isinstance(fact, ConfigurationRead)]


def play(
    far_end: FarEnd,
    play_it: Callable[[Scene], Awaitable[None]],
    tags: tuple[IdTag, ...] = TAGS,
    **options: Any,
) -> Scene:
    """Run the lists while *play_it* makes things happen."""

    async def run() -> Scene:
        scene = Scene(far_end, tags, **options)
        running = asyncio.create_task(scene.lists.run())
        await asyncio.sleep(0)
        await play_it(scene)
        running.cancel()
        scene.ended = scene.lists.standing("CP1")
        return scene

    return run_virtually(run())


async def contact(scene: Scene, seconds: float = 45) -> None:
    scene.open_link()
    await asyncio.sleep(seconds)


def test_after_contact_it_is_asked_what_it_can_and_holds_and_then_brought_up_in_parts() -> None:
    far_end = FarEnd(GOOD)

    scene = play(far_end, contact)

    assert far_end.actions() == ["GetConfiguration", "GetLocalListVersion", "SendLocalList", "SendLocalList"]
    assert [(one.update_type, one.list_version) for one in far_end.updates()] == [("Full", 1), ("Differential", 2)]
    assert set(far_end.entries) == {"AA", "BB", "CC"}
    # the charge point has a while to boot and to take its limits first
    assert far_end.asked[0][0] >= 30
    standing = scene.ended
    assert standing is not None
    assert (standing.up_to_date, standing.supported, standing.entries_wanted) == (True, True, 3)
    # every part in memory, the whole on disk
    assert scene.kinds() == ["LocalListHeld"]


def test_with_the_same_list_from_before_a_contact_costs_two_questions_and_no_update() -> None:
    far_end = FarEnd(GOOD)
    before = play(far_end, contact).ended
    assert before is not None
    far_end.asked.clear()

    play(far_end, contact, restored={"CP1": before.state})

    assert far_end.actions() == ["GetConfiguration", "GetLocalListVersion"]


def test_a_card_that_comes_goes_out_alone_soon_after_and_several_together() -> None:
    far_end = FarEnd({**GOOD, "SendLocalListMaxLength": "9"})

    async def scene(it: Scene) -> None:
        await contact(it)
        it.put("DD")
        await asyncio.sleep(1)
        it.put("EE", parent_id_tag="P")
        await asyncio.sleep(10)

    play(far_end, scene)

    assert far_end.actions() == [
        "GetConfiguration",
        "GetLocalListVersion",
        "SendLocalList",
        "GetLocalListVersion",
        "SendLocalList",
    ]
    last = far_end.updates()[-1]
    assert last.update_type == "Differential"
    assert [one.id_tag for one in last.local_authorization_list or ()] == ["DD", "EE"]


def test_a_card_that_changes_while_it_is_told_is_told_too() -> None:
    far_end = FarEnd({**GOOD, "AuthorizationCacheEnabled": "true"})

    async def scene(it: Scene) -> None:
        it.open_link()
        await asyncio.sleep(30.25)
        it.put("AA", status="Blocked")
        await asyncio.sleep(30)

    play(far_end, scene)

    assert far_end.entries["AA"] == m.IdTagInfo(status="Blocked")
    assert "ClearCache" in far_end.actions()


def test_nothing_is_asked_where_there_is_nothing_to_tell() -> None:
    for options in ({"tags": ()}, {"quiet": True}, {"enabled": False}):
        far_end = FarEnd(GOOD)
        play(far_end, contact, **options)
        assert far_end.actions() == []


def test_a_person_may_push_to_a_quiet_charge_point() -> None:
    far_end = FarEnd(GOOD)

    async def scene(it: Scene) -> None:
        it.open_link()
        await it.lists.push("CP1")

    made = play(far_end, scene, quiet=True)

    assert set(far_end.entries) == {"AA", "BB", "CC"}
    assert made.ended is not None
    assert made.ended.by_itself is False


def test_one_without_lists_is_told_nothing_more_until_its_firmware_changes() -> None:
    minus_one = Answered(response=m.GetLocalListVersionResponse(list_version=-1), sent_mono_s=0.0)
    send_not = Answered(response=m.SendLocalListResponse(status="NotSupported"), sent_mono_s=0.0)
    unknown = CallErrored(code="NotImplemented", description="")
    cases: list[tuple[Mapping[str, str], dict[str, list[Outcome]]]] = [
        ({}, {"GetLocalListVersion": [minus_one]}),
        ({}, {"GetLocalListVersion": [unknown]}),
        ({}, {"SendLocalList": [send_not]}),
        ({}, {"SendLocalList": [unknown]}),
        ({"SupportedFeatureProfiles": "Core"}, {}),
    ]
    for keys, refusals in cases:
        far_end = FarEnd(keys, refusals)

        async def scene(it: Scene, far_end: FarEnd = far_end) -> None:
            it.boot("1.0")
            await contact(it)
            asked = len(far_end.asked)
            it.boot("1.0")
            it.put("DD")
            await contact(it, 8_000)
            assert len(far_end.asked) == asked
            assert it.lists.standing("CP1").supported is False
            far_end.keys = GOOD
            it.boot("2.0")
            it.read(GOOD)
            await asyncio.sleep(45)

        play(far_end, scene)
        assert set(far_end.entries) == {"AA", "BB", "CC", "DD"}


def test_one_that_has_lists_switched_off_is_left_alone() -> None:
    far_end = FarEnd({**GOOD, "LocalAuthListEnabled": "false"})

    scene = play(far_end, contact)

    assert far_end.actions() == ["GetConfiguration"]
    assert scene.kinds() == []


def test_a_failed_update_is_followed_by_a_full_one_later_and_later() -> None:
    failed: Outcome = Answered(response=m.SendLocalListResponse(status="Failed"), sent_mono_s=0.0)
    far_end = FarEnd(GOOD, {"SendLocalList": [failed, failed]})

    scene = play(far_end, lambda it: contact(it, 500))

    times = [at for at, _, request in far_end.asked if isinstance(request, m.SendLocalListRequest)]
    assert [round(times[1] - times[0]), round(times[2] - times[1])] == [60, 300]
    assert [one.update_type for one in far_end.updates()] == ["Full", "Full", "Full", "Differential"]
    assert scene.ended is not None
    assert scene.ended.up_to_date


def test_a_list_that_somebody_else_changed_is_replaced_whole_at_once() -> None:
    mismatch: Outcome = Answered(response=m.SendLocalListResponse(status="VersionMismatch"), sent_mono_s=0.0)
    far_end = FarEnd({**GOOD, "SendLocalListMaxLength": "9"})

    async def scene(it: Scene) -> None:
        await contact(it)
        far_end.refusals["SendLocalList"] = [mismatch]
        far_end.version = 40
        it.put("DD")
        await asyncio.sleep(10)

    play(far_end, scene)

    assert [(one.update_type, one.list_version) for one in far_end.updates()] == [
        ("Full", 1),
        ("Full", 41),
        ("Full", 41),
    ]
    assert set(far_end.entries) == {"AA", "BB", "CC", "DD"}


def test_one_that_never_answers_is_asked_five_times_and_then_not_before_the_next_contact() -> None:
    far_end = FarEnd(GOOD, {"GetConfiguration": [TimedOut()] * 20})

    play(far_end, lambda it: contact(it, 20_000))

    assert far_end.actions() == ["GetConfiguration"] * 5


def test_a_conversation_ends_with_the_link() -> None:
    far_end = FarEnd(GOOD)

    async def scene(it: Scene) -> None:
        it.open_link()
        await asyncio.sleep(5)
        far_end.links.clear()
        it.present.apply((facts.LinkClosed(at=moment(it.clock), charge_point="CP1", reason="gone"),))
        await asyncio.sleep(100)

    play(far_end, scene)

    assert far_end.actions() == []


def test_a_blocked_or_removed_card_clears_the_caches_also_where_lists_are_off() -> None:
    for change in (lambda it: it.put("AA", status="Blocked"), lambda it: it.remove("AA")):
        far_end = FarEnd({**GOOD, "AuthorizationCacheEnabled": "true"})

        async def scene(it: Scene, change: Callable[[Scene], None] = change) -> None:
            await contact(it)
            change(it)
            await asyncio.sleep(10)
            it.put("NEW")
            await asyncio.sleep(10)

        made = play(far_end, scene, enabled=False)

        assert far_end.actions() == ["GetConfiguration", "ClearCache"]
        assert made.kinds() == ["CacheCleared"]


def test_a_cache_that_was_away_when_a_card_was_blocked_is_cleared_at_the_next_contact() -> None:
    far_end = FarEnd({**GOOD, "AuthorizationCacheEnabled": "true"})
    old = LocalListState(cache_cleared_utc_ms=UTC_MS - 10_000)

    play(far_end, contact, tags=(), restored={"CP1": old}, revoked_utc_ms=UTC_MS - 5_000)
    play(far_end, contact, tags=(), restored={"CP2": old}, revoked_utc_ms=0)

    assert far_end.actions() == ["GetConfiguration", "ClearCache"]


def test_a_removed_card_leaves_the_list_by_a_full_update() -> None:
    far_end = FarEnd(GOOD)

    async def scene(it: Scene) -> None:
        it.put("DD")
        await contact(it)
        it.remove("DD")
        await asyncio.sleep(10)

    play(far_end, scene)

    assert set(far_end.entries) == {"AA", "BB", "CC"}
    assert [one.update_type for one in far_end.updates()][-2:] == ["Full", "Differential"]


def test_keys_that_were_read_already_are_not_asked_for() -> None:
    far_end = FarEnd({})

    async def scene(it: Scene) -> None:
        it.open_link()
        it.read(GOOD)
        await asyncio.sleep(45)

    play(far_end, scene)

    assert far_end.actions() == ["GetLocalListVersion", "SendLocalList", "SendLocalList"]


def test_a_list_that_is_switched_on_later_is_brought_up_then() -> None:
    far_end = FarEnd({**GOOD, "LocalAuthListEnabled": "false"})

    async def scene(it: Scene) -> None:
        await contact(it)
        assert far_end.entries == {}
        it.read({"LocalAuthListEnabled": "true"}, whole=False)
        await asyncio.sleep(10)

    play(far_end, scene)

    assert set(far_end.entries) == {"AA", "BB", "CC"}


def test_one_that_tells_no_keys_is_tried() -> None:
    far_end = FarEnd({}, {"GetConfiguration": [CallErrored(code="NotImplemented", description="")]})

    async def scene(it: Scene) -> None:
        await contact(it)
        it.put("DD")
        await asyncio.sleep(10)

    play(far_end, scene)

    assert far_end.actions() == ["GetConfiguration", *["GetLocalListVersion", "SendLocalList"] * 2]


def test_a_card_that_left_the_configuration_leaves_list_and_cache() -> None:
    far_end = FarEnd({**GOOD, "AuthorizationCacheEnabled": "true"})

    async def scene(it: Scene) -> None:
        await contact(it)
        before = list(it.id_tags.tags())
        it.id_tags.replace_configured(TAGS[:2])
        it.lists.replace(True, before)
        await asyncio.sleep(10)

    play(far_end, scene)

    assert set(far_end.entries) == {"AA", "BB"}
    assert far_end.actions().count("ClearCache") == 1


def test_lists_that_are_switched_on_begin_at_once() -> None:
    far_end = FarEnd(GOOD)

    async def scene(it: Scene) -> None:
        await contact(it)
        assert far_end.actions() == []
        it.lists.replace(True, list(it.id_tags.tags()))
        await asyncio.sleep(10)

    play(far_end, scene, enabled=False)

    assert set(far_end.entries) == {"AA", "BB", "CC"}


def test_a_card_that_expires_is_told_at_the_next_occasion() -> None:
    far_end = FarEnd(GOOD)

    async def scene(it: Scene) -> None:
        await contact(it)
        await asyncio.sleep(60)
        await contact(it)

    play(far_end, scene, tags=(IdTag(id_tag="AA", expiry_utc_ms=UTC_MS + 60_000),))

    assert [info.status for info in far_end.entries.values()] == ["Expired"]
