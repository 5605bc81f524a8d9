"""The link against a model of it: random sequences of what both sides may do."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chargemon_edge.ocpp import frames
from chargemon_edge.ocpp.frames import Call, CallError
from chargemon_edge.ocpp.link import RUNNING_MAX, Confirmed, Errored, Ignored, Link, LinkError, Malformed, Requested

IDS = st.sampled_from(["1", "2", "3", "p1", "p2", "é", '"'])


class LinkMachine(RuleBasedStateMachine):
    """Both halves of a link, driven at will; the model is two plain values."""

    def __init__(self) -> None:
        super().__init__()
        self.link = Link("p")
        self.now_s = 100.0
        self.sent = 0
        self.ours: tuple[str, object, float] | None = None
        self.theirs: set[str] = set()

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @precondition(lambda self: self.ours is None)
    @rule(deadline_s=st.floats(1, 30))
    def we_call(self, deadline_s: float) -> None:
        token = object()
        frame = frames.decode(self.link.call(token, "Reset", b'{"type":"Soft"}', self.now_s, deadline_s))
        assert isinstance(frame, Call)
        self.sent += 1
        assert frame.unique_id == f"p{self.sent}"
        self.ours = (frame.unique_id, token, self.now_s + deadline_s)

    @precondition(lambda self: self.ours is not None)
    @rule()
    def we_may_not_call_twice(self) -> None:
        with pytest.raises(LinkError):
            self.link.call(object(), "Reset", b"{}", self.now_s, 10.0)

    @rule(unique_id=IDS, good=st.booleans())
    def they_answer(self, unique_id: str, good: bool) -> None:
        data = frames.encode_result(unique_id, b"{}") if good else frames.encode_error(unique_id, "GenericError", "")
        event = self.link.received(data, self.now_s)
        if self.ours is None or unique_id != self.ours[0]:
            assert isinstance(event, Ignored)
            return
        assert isinstance(event, Confirmed if good else Errored)
        assert event.token is self.ours[1]
        self.ours = None

    @rule()
    def the_deadline_is_looked_at(self) -> None:
        token = self.link.expired(self.now_s)
        if self.ours is not None and self.now_s >= self.ours[2]:
            assert token is self.ours[1]
            self.ours = None
        else:
            assert token is None

    @rule(unique_id=IDS)
    def they_call(self, unique_id: str) -> None:
        event = self.link.received(frames.encode_call(unique_id, "Heartbeat", b"{}"), self.now_s)
        if unique_id in self.theirs:
            assert isinstance(event, Ignored)
        else:
            assert event == Requested(unique_id, "Heartbeat", b"{}")
            self.theirs.add(unique_id)

    @rule(unique_id=IDS, good=st.booleans())
    def we_answer(self, unique_id: str, good: bool) -> None:
        def answer() -> bytes:
            if good:
                return self.link.confirm(unique_id, b"{}")
            return self.link.refuse(unique_id, "InternalError", "why")

        if unique_id not in self.theirs:
            with pytest.raises(LinkError):
                answer()
            return
        self.theirs.remove(unique_id)
        assert frames.decode(answer()).unique_id == unique_id

    @rule(unique_id=IDS)
    def they_send_a_broken_call(self, unique_id: str) -> None:
        whole = frames.encode_call(unique_id, "Heartbeat", b"{}")
        event = self.link.received(whole[:-2], self.now_s)
        assert isinstance(event, Malformed)
        if unique_id in self.theirs:
            assert event.reply is None
        else:
            assert event.reply is not None
            assert isinstance(frames.decode(event.reply), CallError)

    @rule()
    def the_socket_goes(self) -> None:
        token = self.link.abandon()
        assert token is (None if self.ours is None else self.ours[1])
        self.ours = None
        self.theirs.clear()

    @invariant()
    def link_and_model_agree(self) -> None:
        assert self.link.idle == (self.ours is None)
        assert self.link.expires_s == (None if self.ours is None else self.ours[2])
        assert self.link.running == len(self.theirs) <= RUNNING_MAX


TestLink = LinkMachine.TestCase
TestLink.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
