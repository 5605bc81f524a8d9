"""A campaign carried out: who is asked and when, what survives a restart, and what nobody is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from chargemon_edge.control.campaigns import Campaigns, CannotChangeError, NotStoredError
from chargemon_edge.control.commands import Commands
from chargemon_edge.control.configuration_plan import AsRead
from chargemon_edge.control.ports import (
    Answered,
    CallErrored,
    FileOffer,
    NotOffered,
    Offline,
    RestoredOperations,
    TimedOut,
    moment,
)
from chargemon_edge.control.present import Present
from chargemon_edge.control.reservations import Reservations
from chargemon_edge.control.rollout import Rollout, minute_of_day
from chargemon_edge.control.update_request import UpdateRequest
from chargemon_edge.control.update_steps import Step
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site import card_facts, facts
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.device_facts import KeyRead
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.file_facts import TicketEnded
from chargemon_edge.site.file_protocol import FileProtocol
from chargemon_edge.site.image import Image
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, Site
from chargemon_edge.site.operation_facts import FirmwareStatusReported
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.rollout import Campaign, CampaignState, Patience, RestoredCampaigns, Rules, Update
from chargemon_edge.site.rollout_facts import CampaignRecorded, UpdateRecorded
from chargemon_edge.site.units import same_on_all
from tests.unit.control.fakes import UTC_MS, FakeChargePoints, FakeJournal, FakeModels
from tests.unit.store.card_samples import reservation

IMAGE = Image(
    sha256="ab" * 32,
    size_bytes=100,
    file_name="new.bin",
    vendor="V",
    models=("M",),
    version="2.0",
    added_utc_ms=UTC_MS,
    added_by="test",
)
SIGNED = replace(IMAGE, signature="c2ln", signing_certificate="-----BEGIN CERTIFICATE-----\n")
TAKEN = Answered(response=m.UpdateFirmwareResponse(), sent_mono_s=0.0)
TRIGGERED = Answered(response=m.TriggerMessageResponse(status="Accepted"), sent_mono_s=0.0)
NAMES = ("CP1", "CP2", "CP3")
GOOD_ORDER = ("Downloading", "Downloaded", "Installing", "Installed")


class FakeFiles:
    """One image; an address for everybody but those in *nowhere*."""

    def __init__(self, image: Image) -> None:
        self.only = image
        self.nowhere: set[str] = set()
        self.not_now = False
        self.withdrawn: list[str] = []
        self.offered = 0

    def images(self) -> Sequence[Image]:
        return [self.only]

    def image(self, image_id: str) -> Image | None:
        return self.only if image_id == self.only.image_id else None

    def keep(self, user: Callable[[str], str | None]) -> None:
        raise AssertionError("the composition root does that")

    def protocols(self, charge_point: str) -> Sequence[FileProtocol]:
        return [] if charge_point in self.nowhere else ["HTTP"]

    async def offer_image(
        self, charge_point: str, image_id: str, *, good_for_s: float, by: str, protocol: FileProtocol | None = None
    ) -> FileOffer | NotOffered:
        assert good_for_s > 0
        if charge_point in self.nowhere:
            return NotOffered(reason="it speaks FTP only, which is off")
        if self.not_now:
            return NotOffered(reason="not stored: the disk is full")
        self.offered += 1
        return FileOffer(
            ticket_id=f"t{self.offered}", url=f"http://box/{self.offered}/new.bin", protocol="HTTP", expires_utc_ms=0
        )

    async def offer_upload(
        self, charge_point: str, purpose: str, *, good_for_s: float, by: str, protocol: FileProtocol | None = None
    ) -> FileOffer | NotOffered:
        raise AssertionError("no campaign takes uploads")

    def withdraw(self, ticket_id: str) -> None:
        self.withdrawn.append(ticket_id)


class Scene:
    """The roll-out with everything behind it, and three charge points at version 1.0."""

    def __init__(self, image: Image = IMAGE, restored: RestoredCampaigns | None = None) -> None:
        self.clock = LoopClock(UTC_MS / 1000)
        self.journal = FakeJournal()
        self.charge_points = FakeChargePoints({"UpdateFirmware": TAKEN, "TriggerMessage": TRIGGERED})
        self.charge_points.links = set(NAMES)
        site = Site(
            circuits=(Circuit(name="main", fuse_ma=same_on_all(99_000)),),
            charge_points=tuple(
                ChargePoint(identity=name, connectors=(Connector(number=1, circuit="main"),)) for name in NAMES
            ),
        )
        self.present = Present(site, SitePicture(started=moment(self.clock)))
        self.files = FakeFiles(image)
        self.keys: dict[str, AsRead] = {}
        self.models = FakeModels()
        commands = Commands(
            present=self.present,
            charge_points=self.charge_points,
            journal=self.journal,
            clock=self.clock,
            restored=RestoredOperations(next_number=7),
        )
        self.campaigns = Campaigns(
            present=self.present,
            journal=self.journal,
            clock=self.clock,
            take_number=commands.take_number,
            restored=restored or RestoredCampaigns(),
        )
        self.rollout = Rollout(
            present=self.present,
            campaigns=self.campaigns,
            request=UpdateRequest(commands, lambda name: self.keys.get(name, AsRead()), self.clock),
            charge_points=self.charge_points,
            files=self.files,
            reservations=Reservations(present=self.present, journal=self.journal, clock=self.clock),
            models=self.models,
            journal=self.journal,
            clock=self.clock,
            minute=lambda _utc_ms: 12 * 60,
        )
        for name in NAMES:
            self.link(name)
            self.boot(name, "1.0")

    def happen(self, *new: Fact) -> None:
        self.present.apply(new)

    def at(self) -> Moment:
        return moment(self.clock)

    def link(self, name: str) -> None:
        self.charge_points.links.add(name)
        self.happen(facts.LinkOpened(at=self.at(), charge_point=name, remote="192.0.2.1:1"))

    def unlink(self, name: str) -> None:
        self.charge_points.links.discard(name)
        self.happen(facts.LinkClosed(at=self.at(), charge_point=name, reason="gone"))

    def boot(self, name: str, version: str) -> None:
        self.happen(
            facts.ChargePointBooted(at=self.at(), charge_point=name, vendor="V", model="M", firmware_version=version)
        )

    def report(self, name: str, *statuses: str, request_id: int | None = None) -> None:
        for status in statuses:
            self.happen(FirmwareStatusReported(at=self.at(), charge_point=name, status=status, request_id=request_id))

    async def succeed(self, name: str) -> None:
        self.report(name, *GOOD_ORDER)
        self.unlink(name)
        await asyncio.sleep(5)
        self.link(name)
        self.boot(name, "2.0")
        await asyncio.sleep(1)

    async def start(self, names: Sequence[str] = NAMES, **rules: object) -> Campaign:
        chosen = replace(Rules(canaries=0), **rules)
        made = await self.campaigns.start(IMAGE.image_id, "2.0", names, chosen, "test")
        await asyncio.sleep(1)
        return made

    def asked(self, action: str = "UpdateFirmware") -> list[str]:
        return [name for name, request in self.charge_points.asked if request.action == action]

    def step(self, name: str) -> Step:
        found = self.campaigns.newest(name)
        assert found is not None
        return Step(found.step)

    def state(self, campaign: Campaign) -> CampaignState:
        found = self.campaigns.find(campaign.number)
        assert found is not None
        return found.state


def tell(story: Callable[[Scene], Awaitable[None]], image: Image = IMAGE) -> Scene:
    """Let it happen in virtual time."""

    async def main() -> Scene:
        scene = Scene(image)
        await during(scene, story)
        return scene

    return run_virtually(main())


async def during(scene: Scene, story: Callable[[Scene], Awaitable[None]]) -> None:
    running = asyncio.create_task(scene.rollout.run())
    await asyncio.sleep(0)
    try:
        await story(scene)
        assert not running.done() or running.exception() is None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_a_canary_then_the_others_each_done_with_its_boot() -> None:
    async def story(scene: Scene) -> None:
        campaign = await scene.start(canaries=1, at_once=1)
        assert scene.asked() == ["CP1"]
        scene.report("CP1", *GOOD_ORDER)
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.INSTALLED
        await scene.succeed("CP1")
        assert (scene.step("CP1"), scene.asked()) == (Step.SUCCEEDED, ["CP1", "CP2"])
        await scene.succeed("CP2")
        await scene.succeed("CP3")
        assert scene.state(campaign) is CampaignState.FINISHED

    scene = tell(story)

    assert scene.asked() == ["CP1", "CP2", "CP3"]
    request = scene.charge_points.asked[0][1]
    assert isinstance(request, m.UpdateFirmwareRequest)
    assert (request.location, request.retries) == ("http://box/1/new.bin", None)
    assert scene.files.withdrawn == ["t1", "t2", "t3"]
    assert scene.present.picture.charge_points["CP1"].updating is None


def test_meanwhile_everybody_can_see_that_it_is_updating() -> None:
    async def story(scene: Scene) -> None:
        campaign = await scene.start(["CP1"])
        entry = scene.present.picture.charge_points["CP1"]
        assert entry.updating == f"firmware update of campaign {campaign.number}"
        assert scene.campaigns.needs(IMAGE.image_id) is not None
        await scene.succeed("CP1")
        assert scene.campaigns.needs(IMAGE.image_id) is None

    tell(story)


def test_who_runs_it_already_is_asked_nothing() -> None:
    async def story(scene: Scene) -> None:
        scene.boot("CP1", " 2.0")
        campaign = await scene.start(["CP1"])
        assert scene.step("CP1") is Step.ALREADY
        await asyncio.sleep(1)
        assert scene.state(campaign) is CampaignState.FINISHED

    assert tell(story).asked() == []


def test_a_car_or_a_reservation_comes_first() -> None:
    async def story(scene: Scene) -> None:
        scene.happen(
            facts.StatusReported(
                at=scene.at(), charge_point="CP1", connector=1, status="Preparing", error_code="NoError"
            )
        )
        soon = scene.clock.utc_ms() + 600_000
        held = reservation(charge_point="CP2", state="Accepted", expiry_utc_ms=soon)
        scene.happen(card_facts.ReservationMade(at=scene.at(), reservation=held))
        await scene.start(["CP1", "CP2"])
        assert scene.asked() == []
        scene.happen(
            facts.StatusReported(
                at=scene.at(), charge_point="CP1", connector=1, status="Available", error_code="NoError"
            )
        )
        await asyncio.sleep(1)
        assert scene.asked() == ["CP1"]

    tell(story)


def test_a_transaction_that_begins_meanwhile_may_be_finished_first() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"])
        scene.report("CP1", "Downloading", "Downloaded")
        scene.happen(
            facts.TransactionStarted(
                at=scene.at(),
                charge_point="CP1",
                connector=1,
                transaction_id=9,
                id_tag="A",
                id_tag_status="Accepted",
                meter_start_wh=0,
                started_utc_ms=None,
                started_text="",
            )
        )
        await asyncio.sleep(20_000)
        assert scene.step("CP1") is Step.DOWNLOADED
        scene.happen(
            facts.TransactionStopped(
                at=scene.at(),
                charge_point="CP1",
                connector=1,
                transaction_id=9,
                meter_stop_wh=1,
                stopped_utc_ms=None,
                reason="Local",
            )
        )
        await asyncio.sleep(4_000)
        assert scene.step("CP1") is Step.NEVER_INSTALLED

    tell(story)


def test_a_failed_download_is_tried_again_after_its_pause_and_no_oftener_than_allowed() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"], attempts=2, retry_s=300)
        for asked in (1, 2):
            assert len(scene.asked()) == asked
            scene.report("CP1", "Downloading", "DownloadFailed")
            await asyncio.sleep(290)
            assert len(scene.asked()) == asked
            await asyncio.sleep(20)
        assert (scene.step("CP1"), len(scene.asked())) == (Step.DOWNLOAD_FAILED, 2)

    tell(story)


def test_an_installation_that_failed_is_not_tried_again() -> None:
    async def story(scene: Scene) -> None:
        campaign = await scene.start(["CP1", "CP2"], attempts=5, at_once=1, stop_after=1)
        scene.report("CP1", "Downloading", "Downloaded", "Installing", "InstallationFailed")
        await asyncio.sleep(3_600)
        assert (scene.step("CP1"), scene.asked()) == (Step.INSTALL_FAILED, ["CP1"])
        assert scene.state(campaign) is CampaignState.STOPPED
        await scene.campaigns.resume(campaign.number, "somebody")
        await asyncio.sleep(1)
        assert scene.asked() == ["CP1", "CP2"]

    tell(story)


def test_who_reports_nothing_at_all_is_followed_by_the_file_and_its_boot() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"])
        scene.happen(TicketEnded(at=scene.at(), ticket_id="t1", charge_point="CP1", end="fetched"))
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.DOWNLOADED
        scene.unlink("CP1")
        await asyncio.sleep(60)
        scene.link("CP1")
        scene.boot("CP1", "2.0")
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.SUCCEEDED

    tell(story)


def test_a_charge_point_that_comes_back_without_a_boot_is_asked_for_its_version() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"])
        scene.report("CP1", *GOOD_ORDER)
        scene.unlink("CP1")
        await asyncio.sleep(60)
        scene.link("CP1")
        await asyncio.sleep(30)
        triggered = [
            request for _, request in scene.charge_points.asked if isinstance(request, m.TriggerMessageRequest)
        ]
        assert [one.requested_message for one in triggered] == ["BootNotification"]
        scene.boot("CP1", "2.0")
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.SUCCEEDED

    tell(story)


def test_who_blocks_after_many_questions_is_asked_one() -> None:
    async def story(scene: Scene) -> None:
        for budget, asked in ((None, ["BootNotification", "FirmwareStatusNotification"]), (6, ["BootNotification"])):
            scene.models.of_all = Quirks(triggers_per_hour=budget)
            name = "CP1" if budget is None else "CP2"
            await scene.start([name])
            scene.report(name, "Downloading")
            scene.unlink(name)
            scene.link(name)
            await asyncio.sleep(30)
            triggered = [
                request.requested_message
                for one, request in scene.charge_points.asked
                if one == name and isinstance(request, m.TriggerMessageRequest)
            ]
            assert triggered == asked

    tell(story)


def test_an_answer_with_the_old_version_is_no_boot() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"])
        scene.report("CP1", *GOOD_ORDER)
        scene.unlink("CP1")
        scene.link("CP1")
        await asyncio.sleep(30)
        scene.boot("CP1", "1.0")
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.REBOOTING
        await asyncio.sleep(1_800)
        assert (scene.step("CP1"), scene.asked("TriggerMessage")) == (Step.CONFIRMING, ["CP1", "CP1"])
        scene.boot("CP1", "1.0")
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.OLD_VERSION

    tell(story)


def test_its_limits_are_in_doubt_when_it_goes_in_the_midst_and_only_then() -> None:
    async def story(scene: Scene) -> None:
        def doubts() -> int:
            return sum(isinstance(fact, facts.ProfilesInDoubt) for fact in scene.journal.recorded)

        await scene.start(["CP1", "CP2"], at_once=2)
        scene.report("CP1", "Downloading")
        scene.unlink("CP1")
        await asyncio.sleep(1)
        assert doubts() == 0
        scene.report("CP2", "Downloading", "Downloaded", "Installing")
        scene.unlink("CP2")
        await asyncio.sleep(1)
        assert doubts() == 1

    tell(story)


def test_a_verdict_is_overtaken_by_the_version_itself() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"])
        scene.report("CP1", "Installing")
        scene.unlink("CP1")
        await asyncio.sleep(4_000)
        assert scene.step("CP1") is Step.NEVER_CAME_BACK
        scene.link("CP1")
        scene.boot("CP1", "2.0")
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.SUCCEEDED

    tell(story)


def test_reports_of_another_request_are_not_its() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"])
        found = scene.campaigns.newest("CP1")
        assert found is not None
        assert found.request_id is not None
        scene.report("CP1", "InstallationFailed", request_id=found.request_id - 1)
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.ACCEPTED
        scene.report("CP1", "InvalidSignature", request_id=found.request_id)
        await asyncio.sleep(1)
        assert scene.step("CP1") is Step.BAD_IMAGE

    tell(story)


def test_what_could_not_be_sent_is_no_attempt() -> None:
    async def story(scene: Scene) -> None:
        scene.charge_points.answers["UpdateFirmware"] = Offline()
        await scene.start(["CP1"], attempts=1)
        assert scene.step("CP1") is Step.WAITING
        scene.charge_points.answers["UpdateFirmware"] = TAKEN
        await asyncio.sleep(61)
        assert scene.step("CP1") is Step.ACCEPTED

    tell(story)


def test_who_can_never_be_sent_it_is_not_reached_in_the_end() -> None:
    async def story(scene: Scene) -> None:
        scene.charge_points.answers["UpdateFirmware"] = Offline()
        await scene.start(["CP1"], patience=Patience(turn_s=600))
        await asyncio.sleep(590)
        assert scene.step("CP1") is Step.WAITING
        await asyncio.sleep(20)
        assert scene.step("CP1") is Step.NOT_REACHED

    tell(story)


def test_no_answer_may_mean_yes() -> None:
    async def story(scene: Scene) -> None:
        scene.charge_points.answers["UpdateFirmware"] = TimedOut()
        await scene.start(["CP1"], attempts=1)
        assert scene.step("CP1") is Step.ACCEPTED
        await scene.succeed("CP1")
        assert scene.step("CP1") is Step.SUCCEEDED

    tell(story)


def test_without_a_way_to_fetch_it_nothing_is_sent() -> None:
    async def story(scene: Scene) -> None:
        scene.files.nowhere = {"CP1"}
        await scene.start(["CP1"])
        found = scene.campaigns.newest("CP1")
        assert found is not None
        assert (found.step, found.detail) == ("not offered", "it speaks FTP only, which is off")

    assert tell(story).asked() == []


def test_nothing_is_sent_that_is_not_on_disk() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"], not_before_utc_ms=scene.clock.utc_ms() + 10_000)
        scene.journal.at_once = False
        await asyncio.sleep(20)
        assert scene.asked() == []
        scene.journal.flush(OSError("no space left on device"))
        await asyncio.sleep(1)
        assert (scene.asked(), scene.step("CP1")) == ([], Step.WAITING)
        scene.journal.at_once = True
        scene.journal.flush()
        await asyncio.sleep(61)
        assert scene.asked() == ["CP1"]

    tell(story)


def test_who_cancels_while_the_disk_is_waited_for_cancels_that_too() -> None:
    async def story(scene: Scene) -> None:
        campaign = await scene.start(["CP1"], not_before_utc_ms=scene.clock.utc_ms() + 10_000)
        scene.journal.at_once = False
        await asyncio.sleep(20)
        cancelling = asyncio.create_task(scene.campaigns.cancel(campaign.number, "somebody"))
        await asyncio.sleep(1)
        scene.journal.flush()
        scene.journal.at_once = True
        await cancelling
        await asyncio.sleep(1)
        assert (scene.step("CP1"), scene.asked(), scene.files.withdrawn) == (Step.CANCELLED, [], ["t1"])

    tell(story)


def test_an_address_that_cannot_be_given_now_is_asked_for_again() -> None:
    async def story(scene: Scene) -> None:
        scene.files.not_now = True
        await scene.start(["CP1"])
        assert scene.step("CP1") is Step.WAITING
        scene.files.not_now = False
        await asyncio.sleep(61)
        assert scene.step("CP1") is Step.ACCEPTED

    tell(story)


def test_a_signed_image_goes_out_signed_and_plain_where_that_is_unknown() -> None:
    async def story(scene: Scene) -> None:
        accepted = Answered(response=m.SignedUpdateFirmwareResponse(status="Accepted"), sent_mono_s=0.0)
        scene.charge_points.answers["SignedUpdateFirmware"] = accepted
        whole = AsRead(keys={"HeartbeatInterval": KeyRead(key="HeartbeatInterval", value="60", readonly=False)})
        scene.keys["CP2"] = replace(whole, whole_utc_ms=UTC_MS)
        await scene.start(["CP1", "CP2"])
        assert (scene.asked("SignedUpdateFirmware"), scene.asked()) == (["CP1"], ["CP2"])
        scene.charge_points.answers["SignedUpdateFirmware"] = CallErrored(code="NotImplemented", description="")
        await scene.start(["CP3"])
        assert (scene.asked("SignedUpdateFirmware"), scene.asked()) == (["CP1", "CP3"], ["CP2", "CP3"])

    scene = tell(story, SIGNED)

    request = next(request for _, request in scene.charge_points.asked if request.action == "SignedUpdateFirmware")
    assert isinstance(request, m.SignedUpdateFirmwareRequest)
    assert request.firmware.signature == SIGNED.signature
    assert request.firmware.signing_certificate == SIGNED.signing_certificate


def test_a_certificate_that_it_does_not_know_is_said_with_what_helps() -> None:
    async def story(scene: Scene) -> None:
        refused = Answered(response=m.SignedUpdateFirmwareResponse(status="InvalidCertificate"), sent_mono_s=0.0)
        scene.charge_points.answers["SignedUpdateFirmware"] = refused
        await scene.start(["CP1"])
        found = scene.campaigns.newest("CP1")
        assert found is not None
        assert found.step == "refused"
        assert "InstallCertificate ManufacturerRootCertificate" in found.detail

    tell(story, SIGNED)


def test_pause_and_cancel_leave_those_alone_that_were_asked() -> None:
    async def story(scene: Scene) -> None:
        campaign = await scene.start(at_once=1)
        await scene.campaigns.pause(campaign.number, "somebody")
        await scene.succeed("CP1")
        assert (scene.asked(), scene.step("CP1")) == (["CP1"], Step.SUCCEEDED)
        await scene.campaigns.resume(campaign.number, "somebody")
        await asyncio.sleep(1)
        assert scene.asked() == ["CP1", "CP2"]
        await scene.campaigns.cancel(campaign.number, "somebody")
        assert (scene.step("CP2"), scene.step("CP3")) == (Step.ACCEPTED, Step.CANCELLED)
        assert scene.campaigns.needs(IMAGE.image_id) is not None
        await scene.succeed("CP2")
        assert (scene.step("CP2"), scene.state(campaign)) == (Step.SUCCEEDED, CampaignState.CANCELLED)
        for change in (scene.campaigns.pause, scene.campaigns.resume, scene.campaigns.cancel):
            try:
                await change(campaign.number, "somebody")
            except CannotChangeError as error:
                assert str(error) == "it is cancelled"
            else:
                raise AssertionError("a cancelled campaign was changed")

    tell(story)


def test_when_the_time_becomes_known_what_was_dated_by_the_wrong_one_moves_with_it() -> None:
    async def story(scene: Scene) -> None:
        campaign = await scene.start(["CP1", "CP2"], at_once=1, retry_s=300)
        scene.report("CP1", "Downloading", "DownloadFailed")
        await asyncio.sleep(1)
        before = scene.campaigns.updates(campaign.number)
        year_ms = 365 * 86_400_000
        scene.happen(
            ClockCorrected(
                at=scene.at(),
                boot="b",
                by_ms=year_ms,
                offset_ms=year_ms,
                source="a time service",
                doubted_since_utc_ms=0,
                before_utc_ms=scene.clock.utc_ms(),
            )
        )
        after = scene.campaigns.updates(campaign.number)
        assert [now.since_utc_ms - then.since_utc_ms for then, now in zip(before, after, strict=True)] == [year_ms] * 2
        assert after[0].not_before_utc_ms - before[0].not_before_utc_ms == year_ms
        moved = scene.campaigns.find(campaign.number)
        assert moved is not None
        assert moved.made_utc_ms - campaign.made_utc_ms == year_ms

    tell(story)


def test_a_charge_point_is_in_one_campaign_at_a_time() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(["CP1"])
        try:
            await scene.start(["CP2", "CP1"])
        except CannotChangeError as error:
            assert str(error).startswith("CP1 is in campaign")
        else:
            raise AssertionError("it is in two")
        assert scene.campaigns.newest("CP2") is None

    tell(story)


def test_a_campaign_that_is_not_on_disk_is_none() -> None:
    async def story(scene: Scene) -> None:
        scene.journal.at_once = False
        starting = asyncio.create_task(scene.start(["CP1"]))
        await asyncio.sleep(1)
        scene.journal.flush(OSError("full"))
        (outcome,) = await asyncio.gather(starting, return_exceptions=True)
        assert isinstance(outcome, NotStoredError)
        assert scene.campaigns.all() == []

    tell(story)


def test_a_restart_asks_nobody_twice_and_gives_everybody_time_to_come() -> None:
    async def story(scene: Scene) -> None:
        await scene.start(canaries=1)
        scene.report("CP1", "Downloading")
        await asyncio.sleep(1)

    async def main() -> None:
        first = Scene()
        await during(first, story)
        records = [fact for fact in first.journal.committed if isinstance(fact, UpdateRecorded)]
        newest = {fact.update.charge_point: fact.update for fact in records}
        # killed while CP2 was being asked, and for longer than any step may last
        newest["CP2"] = replace(newest["CP2"], step="asked", since_utc_ms=UTC_MS, attempt=1)
        (campaign,) = [fact.campaign for fact in first.journal.committed if isinstance(fact, CampaignRecorded)]
        await asyncio.sleep(50_000)
        second = Scene(restored=RestoredCampaigns(campaigns=(campaign,), updates=tuple(newest.values())))
        second.clock = first.clock
        await during(second, lambda scene: restarted(scene))

    async def restarted(scene: Scene) -> None:
        await asyncio.sleep(290)
        assert (scene.step("CP1"), scene.step("CP2")) == (Step.DOWNLOADING, Step.ACCEPTED)
        assert scene.asked() == []
        await scene.succeed("CP1")
        assert scene.step("CP1") is Step.SUCCEEDED
        await scene.succeed("CP2")
        await asyncio.sleep(1)
        assert scene.asked() == ["CP3"]

    run_virtually(main())


def test_the_minute_of_the_day_is_the_machines() -> None:
    assert 0 <= minute_of_day(UTC_MS) < 24 * 60
    assert (minute_of_day(UTC_MS + 60_000) - minute_of_day(UTC_MS)) % (24 * 60) == 1


def test_an_update_starts_at_its_beginning() -> None:
    assert Step(Update(campaign=1, charge_point="CP1", place=0, wave=0).step) is Step.WAITING
