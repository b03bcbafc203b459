"""Bodies of the control socket, of this version and of any other, as what is shown."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bmcha.view.answers import (
    event_shown,
    events_shown,
    fans_shown,
    module_shown,
    path_counts,
    sensors_shown,
)
from bmcha.view.model import PathShown, Tone

STATUS: dict[str, Any] = {
    "node": {"slot": 1, "version": "0.1.0", "uptime_s": 7, "health": 90},
    "role": {"state": "ACTIVE", "reason_text": "Because.", "epoch": 2, "since_s": 7},
    "peers": [{"slot": 2, "state": "PRESENT", "role": None, "presence": True, "hears_us": False}],
    "paths": {"udp": {"health": "ONE_WAY", "one_way": "tx", "rtt_us": 571, "rx": 90, "lost": 10}},
    "redundancy": {"state": "DEGRADED", "reasons": ["path udp is silent"]},
    "mirror": {"state": "SYNCED", "staleness_ms": 3},
    "waits": [{"what": "rank delay", "remaining_ms": 40}],
    "alarms": [{"id": "peer-lost", "severity": "MAJOR", "text": "not heard", "since_s": 3}],
}


def test_a_status_is_taken_over_whole() -> None:
    shown = module_shown("mm1", STATUS, {"udp": 10.0})
    assert (shown.slot, shown.health, shown.role, shown.epoch) == (1, 90, "ACTIVE", 2)
    assert shown.paths == (PathShown("udp", "ONE_WAY", "tx", 571, 10.0, 10),)
    assert (shown.peers[0].slot, shown.peers[0].hears_us, shown.peers[0].role) == (2, False, None)
    assert shown.redundancy_reasons == ("path udp is silent",)
    assert shown.waits == (("rank delay", 40),)
    assert shown.alarms[0].alarm_id == "peer-lost"
    assert path_counts(STATUS) == {"udp": (90, 10)}


def test_a_status_of_a_module_with_one_peer_only() -> None:
    shown = module_shown("mm1", {"peer": {"slot": 2, "state": "ABSENT"}}, {})
    assert [peer.slot for peer in shown.peers] == [2]
    assert module_shown("mm1", {"peer": None}, {}).peers == ()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*STATUS, "slot", "health", "udp"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(anything)
def test_no_answer_of_any_shape_stops_the_view(answer: Any) -> None:
    module_shown("mm1", answer, {})
    sensors_shown(answer)
    fans_shown(answer)
    list(events_shown(answer))
    event_shown(answer)
    path_counts(answer)


@given(st.dictionaries(st.sampled_from([*STATUS]), anything))
def test_no_status_of_any_shape_stops_the_view(status: Any) -> None:
    module_shown("mm1", status, {})
    path_counts(status)


def test_what_is_broken_on_a_path_is_told_only_where_something_is() -> None:
    def broken(fault: str) -> tuple[str, str]:
        path = {"diagnosis": {"fault": fault, "text": "Mend it.", "evidence": ["x"]}}
        (shown,) = module_shown("mm1", {"paths": {"udp": path}}, {}).paths
        return shown.broken, shown.broken_text

    assert broken("cable") == ("cable", "Mend it.")
    assert broken("none") == broken("waiting") == ("", "")


def test_an_event_is_named_and_toned() -> None:
    event = {"epoch": 2, "number": 4, "slot": 1, "wall_ms": 5, "severity": "MINOR", "kind": "role"}
    key, line = event_shown({**event, "text": "slot 1 is ACTIVE: Because."})
    assert key == (2, 4, 1)
    assert (line.who, line.text, line.tone) == ("slot 1", "ACTIVE: Because.", Tone.ROLE)
    raised = event_shown({**event, "kind": "alarm-raised", "severity": "MAJOR", "text": "x"})[1]
    assert (raised.text, raised.tone) == ("alarm: x", Tone.ALARM)
    assert event_shown({**event, "kind": "alarm-cleared", "text": "x"})[1].tone is Tone.GOOD


def test_readings_keep_what_they_have() -> None:
    (sensor,) = sensors_shown({"sensors": [{"name": "a", "value_milli": None, "quality": "BAD"}]})
    assert (sensor.name, sensor.value_milli, sensor.quality) == ("a", None, "BAD")
    (fan,) = fans_shown({"fans": [{"name": "fan1", "rpm": 10, "pwm": "?"}, 7]})
    assert (fan.rpm, fan.pwm) == (10, None)
