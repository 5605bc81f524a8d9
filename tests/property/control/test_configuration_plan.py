"""Whatever a charger has, takes, forgets or claims: the plan ends, keeps its promises and never insists."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chargemon_edge.control import configuration_plan as plan
from chargemon_edge.control.configuration_plan import AsRead, Done, History, Read, Wait, Write, Written
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.device_facts import KeyRead

NOW_UTC_MS = 1_800_000_000_000
KEYS = ("MeterValueSampleInterval", "MeterValuesSampledData", "WebSocketPingInterval", "CpoName", "Odd")
VALUES = ("0", "10", "15", "60", "120", "Current.Import", "Energy.Active.Import.Register", "nonsense", "")
OUTCOMES = ("Accepted", "Rejected", "NotSupported", "RebootRequired", "InternalError", "no answer")

quirks = st.builds(
    Quirks,
    configuration=st.none() | st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3),
    never_written=st.none() | st.lists(st.sampled_from(KEYS), max_size=2).map(tuple),
    measurands=st.none() | st.lists(st.sampled_from(plan.MEASURANDS), min_size=1, max_size=5, unique=True).map(tuple),
    measurands_max=st.none() | st.integers(1, 5),
    value_max=st.none() | st.integers(1, 90),
    values_every_s=st.none() | st.integers(1, 120),
    writes_per_day=st.none() | st.integers(0, 8),
)
chargers = st.dictionaries(
    st.sampled_from(KEYS), st.tuples(st.sampled_from(VALUES), st.booleans()), min_size=0, max_size=5
)


class Charger:
    """Answers by a script, whatever it is asked; what it accepts it may forget."""

    def __init__(self, keys: dict[str, tuple[str, bool]], outcomes: list[str], *, forgets: bool) -> None:
        self.keys = dict(keys)
        self.outcomes = outcomes
        self.forgets = forgets
        self.read = AsRead()
        self.written: dict[tuple[str, str], Written] = {}
        self.writes: list[Write] = []

    def take(self, step: Read | Write, now_utc_ms: int) -> None:
        if isinstance(step, Read):
            asked = step.keys or tuple(self.keys)
            there = {
                key: KeyRead(key=key, value=self.keys[key][0], readonly=self.keys[key][1])
                for key in asked
                if key in self.keys
            }
            if step.keys:
                unknown = frozenset(step.keys) - there.keys()
                self.read = AsRead(
                    keys={**self.read.keys, **there},
                    unknown=self.read.unknown | unknown,
                    whole_utc_ms=self.read.whole_utc_ms,
                )
            else:
                self.read = AsRead(keys=there, unknown=self.read.unknown, whole_utc_ms=now_utc_ms)
            return
        self.writes.append(step)
        outcome = self.outcomes[len(self.writes) % len(self.outcomes)]
        if outcome == "Accepted":
            if not self.forgets:
                self.keys[step.key] = (step.value, False)
            now = self.keys[step.key][0]
            self.read = AsRead(
                keys={**self.read.keys, step.key: KeyRead(key=step.key, value=now, readonly=False)},
                unknown=self.read.unknown,
                whole_utc_ms=self.read.whole_utc_ms,
            )
            if plan.plain(now) != plan.plain(step.value):
                outcome = "not kept"
        self.written[step.key, step.value] = Written(outcome=outcome, utc_ms=now_utc_ms)


@given(quirks, chargers, st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5), st.booleans())
def test_it_ends_and_keeps_what_it_promises(
    of_model: Quirks, keys: dict[str, tuple[str, bool]], outcomes: list[str], forgets: bool
) -> None:
    charger = Charger(keys, outcomes, forgets=forgets)
    for _ in range(60):
        step = plan.next_step(of_model, charger.read, History(written=charger.written), NOW_UTC_MS)
        if isinstance(step, Done | Wait):
            break
        charger.take(step, NOW_UTC_MS)
    else:
        raise AssertionError(f"no end: {charger.writes}")

    wanted = plan.wishes(of_model)
    budget = plan.WRITES_PER_DAY if of_model.writes_per_day is None else of_model.writes_per_day
    assert len(charger.writes) <= budget
    assert len({(one.key, one.value) for one in charger.writes}) == len(charger.writes), "a value was written twice"
    for one in charger.writes:
        assert one.key in wanted and one.value in wanted[one.key].values
        assert one.key in keys and not keys[one.key][1], "a key that is not there, or cannot be written"
        assert one.key not in (of_model.never_written or ())
        assert of_model.value_max is None or len(one.value) <= of_model.value_max
        assert (of_model.configuration or {}).get(one.key, one.value) == one.value
    if isinstance(step, Done):
        for key, wish in wanted.items():
            entry = charger.read.keys.get(key)
            untried = [value for value in wish.values if (key, value) not in charger.written]
            if entry is not None and not entry.readonly and entry.value is not None and untried:
                outcome = {one.outcome for (name, _), one in charger.written.items() if name == key}
                assert (
                    plan.serves(key, entry.value, wish, of_model)
                    or outcome & {*plan.GOOD, plan.NO_ANSWER}
                    or plan.plain(entry.value) in {plan.plain(value) for value in wish.values}
                )


@given(quirks, chargers)
def test_a_good_charger_is_left_as_wanted_and_then_alone(of_model: Quirks, keys: dict[str, tuple[str, bool]]) -> None:
    charger = Charger(keys, ["Accepted"], forgets=False)
    history = History(written=charger.written)
    while isinstance(step := plan.next_step(of_model, charger.read, history, NOW_UTC_MS), Read | Write):
        charger.take(step, NOW_UTC_MS)

    if isinstance(step, Done):
        for key, wish in plan.wishes(of_model).items():
            entry = charger.read.keys.get(key)
            assert entry is None or entry.readonly or plan.serves(key, entry.value or "", wish, of_model)
    later = NOW_UTC_MS + plan.READ_AGAIN_MS
    assert isinstance(plan.next_step(of_model, charger.read, history, later), Read | Wait)


@given(quirks, chargers, st.integers(1, 10**9))
def test_nothing_is_asked_during_a_pause(of_model: Quirks, keys: dict[str, tuple[str, bool]], more_ms: int) -> None:
    until = NOW_UTC_MS + more_ms
    history = History(paused_until_utc_ms=until)
    read = AsRead(keys={key: KeyRead(key=key, value=value, readonly=ro) for key, (value, ro) in keys.items()})

    assert plan.next_step(of_model, read, history, NOW_UTC_MS) == Wait(until)
