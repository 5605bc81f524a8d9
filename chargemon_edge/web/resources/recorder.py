"""The last frames of a charge point, to be read or taken home; and what its messages needed to have repaired."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.ports import Frames, RecordedFrame, Repairs
from chargemon_edge.control.present import Present
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Media, Nothing, Reply, not_found
from chargemon_edge.web.resources.charge_points import OneChargePoint
from chargemon_edge.web.resources.charger_models import is_known

_PATH = "/api/v1/charge-points/{identity}"
_LINES = "application/jsonl"


class RecorderResource:
    """The handlers."""

    def __init__(self, present: Present, frames: Frames) -> None:
        self._present = present
        self._frames = frames

    async def frames(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """As a list."""
        identity = call.parameters.identity
        if not is_known(self._present, identity):
            return not_found("such charge point")
        return Reply(self._frames.frames(identity))

    async def download(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """As a file, one frame on each line."""
        identity = call.parameters.identity
        if not is_known(self._present, identity):
            return not_found("such charge point")
        lines = b"".join(msgspec.json.encode(frame) + b"\n" for frame in self._frames.frames(identity))
        plain = "".join(one if (one.isascii() and one.isalnum()) or one in "-_." else "_" for one in identity)
        return Reply(lines, headers={"Content-Disposition": f'attachment; filename="frames-{plain[:64]}.jsonl"'})

    async def repairs(self, call: Call[OneChargePoint, Nothing]) -> Answer:
        """Counted by kind."""
        identity = call.parameters.identity
        if not is_known(self._present, identity):
            return not_found("such charge point")
        return Reply(self._frames.repairs(identity))


def endpoints(resource: RecorderResource) -> tuple[Endpoint[Any, Any], ...]:
    """For whoever looks for the cause of something."""
    return (
        Endpoint(
            method="GET",
            path=f"{_PATH}/frames",
            summary="Show a charge point's last frames, without secrets",
            role=Role.OPERATOR,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: list[RecordedFrame]},
            problems=(404,),
            handle=resource.frames,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/frames.jsonl",
            summary="Download a charge point's last frames, one JSON object on each line",
            role=Role.OPERATOR,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: Media(_LINES)},
            problems=(404,),
            handle=resource.download,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/repairs",
            summary="Count what a charge point's messages needed to have repaired",
            role=Role.VIEWER,
            parameters=OneChargePoint,
            body=Nothing,
            answers={200: list[Repairs]},
            problems=(404,),
            handle=resource.repairs,
        ),
    )
